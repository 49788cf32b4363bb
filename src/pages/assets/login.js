// Improves the login page where scripts run; without it everything works, only with less comfort.
(function () {
  "use strict";
  var SLOW_AFTER_MS = 6000;
  document.documentElement.classList.add("js");

  // `load` does not bubble, and the frame may be ready before the page is, so listen on the way down and now.
  document.addEventListener("load", function (event) {
    var frame = event.target;
    if (frame instanceof Element && frame.hasAttribute("data-frame")) {
      frame.parentElement.classList.add("loaded");
      var slow = document.querySelector("[data-frame-slow]");
      if (slow) slow.hidden = true;
    }
  }, true);

  function watchFrame() {
    var slow = document.querySelector("[data-frame-slow]");
    if (!slow) return;
    setTimeout(function () {
      slow.hidden = document.querySelector(".frame.loaded") !== null;
    }, SLOW_AFTER_MS);
  }

  function copyOld(field) {
    field.focus();
    field.select();
    field.setSelectionRange(0, field.value.length);
    return document.execCommand("copy");
  }

  function offerCopy(button) {
    var field = document.getElementById(button.getAttribute("data-copy"));
    var status = document.querySelector("[data-copy-status]");
    function tell(done) {
      status.textContent = button.getAttribute(done ? "data-done" : "data-failed");
    }
    button.hidden = false;
    button.addEventListener("click", function () {
      if (navigator.clipboard && window.isSecureContext) {
        navigator.clipboard.writeText(field.value).then(
          function () { tell(true); },
          function () { tell(copyOld(field)); }
        );
      } else {
        tell(copyOld(field));
      }
    });
  }

  document.addEventListener("DOMContentLoaded", function () {
    watchFrame();
    document.querySelectorAll("[data-copy]").forEach(offerCopy);
  });
})();
