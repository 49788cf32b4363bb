"""What the scripts share: where to look, a plain HTTP client, the list of what was checked.

The defaults are those of `make demo`. Talks to nothing but the two addresses it is given, through no proxy.
"""

import http.client
import json
import os
import sys
import traceback
import urllib.parse


def setting(name, default):
    return os.environ.get("WITNESS_" + name, default)


GATEWAY = setting("GATEWAY", "http://127.0.0.1:8080")
WECHAT = setting("WECHAT", "http://127.0.0.1:9880")
# The service account, and its name in the gateway's config.
APP = setting("APP", "service")
APP_ID = setting("APP_ID", "wx0de0000000000002")
SECRET = setting("SECRET", "5ec2e7000000000000000000000000b2")
TOKEN = setting("TOKEN", "MenshenDemoPush")
AES_KEY = setting("AES_KEY", "MenshenDemoInvented0Key0Opens0Nothing0RealH")
# A second account of the gateway, with the same Token and no key; the demo has none.
PLAIN_APP = setting("PLAIN_APP", "")
# What the gateway says to somebody who follows; the demo says nothing.
FOLLOW_TEXT = setting("FOLLOW_TEXT", "")
WEBSITE_APP_ID = setting("WEBSITE_APP_ID", "wx0de0000000000001")
WEBSITE_SECRET = setting("WEBSITE_SECRET", "5ec2e7000000000000000000000000a1")
MINI_APP_ID = setting("MINI_APP_ID", "wx0de0000000000005")
MINI_SECRET = setting("MINI_SECRET", "5ec2e7000000000000000000000000d5")
# Methods of the gateway: of the mini program, of the mobile app, of the app that launches the mini program.
MINI, MOBILE, LAUNCH = setting("MINI", "mini"), setting("MOBILE", "app"), setting("LAUNCH", "launch")

_checks = []


def check(function):
    """Runs the function at once; what it raises is what was found to be wrong."""
    try:
        detail, ok = str(function() or ""), True
    except Exception:
        detail, ok = traceback.format_exc(limit=-4), False
    _checks.append({"name": function.__name__, "ok": ok, "detail": detail})
    return function


def same(found, expected):
    if found != expected:
        raise AssertionError(f"{found!r} instead of {expected!r}")


def raises(exception, call, *arguments, **keywords):
    """What `call` raises, which must be of this kind."""
    try:
        answer = call(*arguments, **keywords)
    except exception as error:
        return error
    raise AssertionError(f"{answer!r} instead of {exception.__name__}")


def finish():
    json.dump(_checks, sys.stdout, indent=1)
    print()
    sys.exit(0 if all(check["ok"] for check in _checks) else 1)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def text(self):
        return self.body.decode("utf-8")

    def json(self):
        return json.loads(self.body)


def ask(url, body=None, headers=None):
    """One request: a POST if there is a body. Follows no redirect."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        data = body.encode("utf-8") if isinstance(body, str) else body
        connection.request("GET" if data is None else "POST", path, data, headers or {})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def simulator(action, **arguments):
    """Steers the simulator; `{WECHAT}/_sim/` says what there is."""
    answer = ask(f"{WECHAT}/_sim/{action}", json.dumps(arguments))
    if answer.status != 200:
        raise AssertionError(f"the simulator refuses {action}: {answer.text()}")
    return answer.json()
