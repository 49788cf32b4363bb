// Shows on the login page what the phone does with the code, and goes on once it has agreed.
//
// It hears of it from a stream of events and, where streams fail, by asking again and again. Both rest while nobody
// looks: browsers allow few connections to one host, and many tabs may wait at once.
(function () {
  "use strict";
  const STREAM_TRIES = 2;
  const STREAM_PATIENCE_MS = 10000;
  const ASK_AFTER_MS = 2000;
  const ASK_AT_LATEST_MS = 10000;
  // So many answers in a row show that the server is there again, and streams with it.
  const ANSWERS_BEFORE_STREAM = 5;
  const ANSWER_WITHIN_MS = 15000;
  // Leaves the server the first word about a code that runs out.
  const GRACE_MS = 2000;
  const LEAVE_WITHIN_MS = 10000;
  const BUSY_S = 10;
  const STATES = ["waiting", "scanned", "approved", "refused", "expired"];

  let panel = document.querySelector("[data-scan]");
  const status = document.querySelector("[data-scan-status]");
  const plain = document.querySelector("[data-scan-plain]");
  if (!panel || !status || !plain) return;

  let stop = function () {};
  let expiry = 0;
  // The server has said the last word about this code.
  let over = false;
  let renewing = false;
  // Streams that open but bring nothing are held back by something on the way, which will do so again.
  let streamsPass = typeof EventSource === "function";
  let streamFailed = false;
  let said = "";

  // The element stays the same for all that is said, so that screen readers notice each change, and only changes.
  function say(what, seconds) {
    said = what;
    const text = (status.dataset[what] || "").replace("{seconds}", seconds);
    if (status.textContent !== text) status.textContent = text;
  }

  // Status (0 for what leads elsewhere), body, and the pause asked for; null if none came in time. Nothing is followed:
  // whatever there is elsewhere is asked for once, by the browser itself.
  async function get(href, accept) {
    const limit = new AbortController();
    const timer = setTimeout(function () { limit.abort(); }, ANSWER_WITHIN_MS);
    try {
      const answer = await fetch(href, {
        headers: { Accept: accept }, cache: "no-store", redirect: "manual", signal: limit.signal,
      });
      const text = await answer.text();
      const pause = Number(answer.headers.get("Retry-After")) || BUSY_S;
      return { status: answer.status, text: text, pause: pause };
    } catch (error) {
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  function introduce(told) {
    panel.querySelector("[data-who]").textContent = told.name || "";
    const face = panel.querySelector("[data-face]");
    if (!/^https:\/\//.test(told.avatar || "") || face.querySelector("img")) return;
    const picture = new Image();
    picture.alt = "";
    picture.referrerPolicy = "no-referrer";
    // The tick stays where the picture cannot be had.
    picture.onload = function () {
      face.textContent = "";
      face.appendChild(picture);
    };
    picture.src = told.avatar;
  }

  function leave(finish) {
    const known = new URL(panel.dataset.finishHref, location.href);
    const told = new URL(finish || known.href, location.href);
    location.replace(told.origin === location.origin ? told.href : known.href);
    setTimeout(function () { plain.hidden = false; }, LEAVE_WITHIN_MS);
  }

  // Only where it is nowhere: whoever reads or types elsewhere is not dragged away.
  function offerFocus() {
    const at = document.activeElement;
    if (at && at !== document.body && !panel.contains(at)) return;
    panel.querySelector("[data-cover]:not([hidden]) [data-renew]").focus();
  }

  function show(told) {
    const before = panel.dataset.now;
    panel.dataset.now = told.state;
    panel.querySelectorAll("[data-cover]").forEach(function (cover) {
      cover.hidden = cover.dataset.cover !== told.state;
    });
    const news = before !== told.state;
    // The same state once more leaves standing what was said since, such as that a new code could not be had.
    if (news || said === "offline") say(told.state === "waiting" ? "" : told.state);
    if (told.state === "scanned") introduce(told);
    if (news && (told.state === "refused" || told.state === "expired")) offerFocus();
  }

  function startClock(seconds) {
    clearTimeout(expiry);
    expiry = setTimeout(function () {
      show({ state: "expired" });
      // Silence may be the fault of a dead connection; a fresh one tells how things stand.
      watch();
    }, seconds * 1000 + GRACE_MS);
  }

  // What the server says of this code. False for what is no state.
  function hear(text) {
    let told;
    try {
      told = JSON.parse(text);
    } catch (error) {
      return false;
    }
    if (!told || STATES.indexOf(told.state) < 0) return false;
    // What comes while a new code is on its way is about the old one.
    if (over || renewing) return true;
    over = told.state !== "waiting" && told.state !== "scanned";
    show(told);
    if (over) {
      clearTimeout(expiry);
      stop();
    } else if (typeof told.expires_in === "number") {
      startClock(told.expires_in);
    }
    if (told.state === "approved") leave(told.finish);
    return true;
  }

  function listen() {
    let failures = 0;
    const stream = new EventSource(panel.dataset.eventsHref);
    const patience = setTimeout(function () {
      streamsPass = false;
      watch();
    }, STREAM_PATIENCE_MS);
    stream.onopen = function () { failures = 0; };
    stream.onerror = function () {
      failures += 1;
      // The browser tries again by itself unless the answer was no stream at all.
      if (stream.readyState !== EventSource.CLOSED && failures < STREAM_TRIES) return;
      streamFailed = true;
      watch();
    };
    stream.addEventListener("state", function (event) {
      clearTimeout(patience);
      hear(event.data);
    });
    return function () {
      clearTimeout(patience);
      stream.close();
    };
  }

  function ask() {
    let ended = false;
    let timer = 0;
    let failures = 0;
    let answers = 0;
    async function once() {
      const answer = await get(panel.dataset.stateHref, "application/json");
      if (ended) return;
      if (understood(answer)) {
        failures = 0;
        answers += 1;
      } else {
        failures += 1;
        answers = 0;
      }
      if (streamFailed && streamsPass && answers === ANSWERS_BEFORE_STREAM) {
        streamFailed = false;
        watch();
        return;
      }
      if (!answer && failures > 1) say("offline");
      if (!over) timer = setTimeout(once, Math.min(ASK_AFTER_MS * Math.pow(2, failures), ASK_AT_LATEST_MS));
    }
    once();
    return function () {
      ended = true;
      clearTimeout(timer);
    };
  }

  function understood(answer) {
    if (!answer) return false;
    if (answer.status === 200) return hear(answer.text);
    // The login is not known here any more, which is what an expired one looks like; 408 and 429 only ask for time.
    const gone = answer.status >= 400 && answer.status < 500 && answer.status !== 408 && answer.status !== 429;
    return gone && hear("{\"state\":\"expired\"}");
  }

  function watch() {
    stop();
    stop = function () {};
    if (over || renewing || document.hidden) return;
    stop = streamsPass && !streamFailed ? listen() : ask();
  }

  function begin() {
    over = false;
    streamFailed = false;
    startClock(Number(panel.dataset.expiresIn));
    watch();
  }

  function swapIn(fresh) {
    const focused = panel.contains(document.activeElement);
    panel.replaceWith(fresh);
    panel = fresh;
    plain.hidden = true;
    say("renewed");
    // The button that had it is gone.
    if (focused) panel.querySelector("[data-code]").focus();
    begin();
  }

  function panelOf(page) {
    return new DOMParser().parseFromString(page, "text/html").querySelector("[data-scan]");
  }

  async function renew() {
    if (renewing) return;
    renewing = true;
    stop();
    say("loading");
    panel.setAttribute("aria-busy", "true");
    const answer = await get(panel.dataset.againHref, "text/html");
    renewing = false;
    panel.removeAttribute("aria-busy");
    if (answer && (answer.status === 200 || answer.status === 0)) {
      const fresh = panelOf(answer.text);
      // Another page than this one: the visitor is signed in meanwhile, or the method is gone. It speaks for itself.
      if (fresh) swapIn(fresh);
      else location.replace(panel.dataset.againHref);
      return;
    }
    if (answer && answer.status === 429) {
      say("busy", answer.pause);
    } else {
      say("failed");
      plain.hidden = false;
    }
    watch();
  }

  // Whoever comes back from the mini program finds this page gone, and its address would begin another login: what the
  // browser goes back to ends this one.
  function leaveTrace() {
    history.replaceState(null, "", panel.dataset.finishHref);
  }

  document.addEventListener("click", function (event) {
    if (!(event.target instanceof Element)) return;
    if (event.target.closest("[data-renew]")) renew();
    if (event.target.closest("[data-open]")) leaveTrace();
  });
  document.addEventListener("visibilitychange", watch);
  window.addEventListener("online", watch);
  window.addEventListener("offline", function () {
    stop();
    if (!over) say("offline");
  });
  window.addEventListener("pagehide", function () { stop(); });
  // Back from the page that an approved login led to: what was shown then is no longer true.
  window.addEventListener("pageshow", function (event) {
    if (!event.persisted) return;
    over = false;
    watch();
  });
  begin();
})();
