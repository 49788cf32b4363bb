"""The API document, and the API held against it by schemathesis: real logins, and calls that nobody would make.

The library knows OpenAPI and HTTP, and nothing of us.
"""

import base64
import hashlib
import os
import secrets
import subprocess
import sys
import tempfile

import schemathesis

import apiguest
from apiguest import API, told_whole
from witness import LAUNCH, MINI, MOBILE, WECHAT, ask, check, finish, same, simulator

HERE = os.path.dirname(os.path.abspath(__file__))
# Longer than the calls take on a busy machine, shorter than this script may take.
LIMIT = 120
# The library's own answer to "how many"; below it, calls were left out.
FEWEST = 300

# Through no proxy, whatever the environment says.
os.environ["NO_PROXY"] = "*"
DOCUMENT = schemathesis.openapi.from_url(f"{API}/openapi.json")
# One calls again without the token, one takes every 5xx for a fault, one every refusal of what is well written.
NOT_HERE = [
    schemathesis.checks.CHECKS.get_one(name)
    for name in ("ignored_auth", "not_a_server_error", "positive_data_acceptance")
]


def call(path, body=None, method=None, flow=None, token=None):
    """One call, whose answer has to be one of those in the document, with no field that is not there."""
    given = {name: value for name, value in (("method", method), ("flow", flow)) if value is not None}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    sent = {"body": body, "media_type": "application/json"} if body is not None else {}
    case = DOCUMENT[path]["POST"].Case(path_parameters=given, headers=headers, **sent)
    answer = case.call(timeout=20)
    try:
        case.validate_response(answer, excluded_checks=NOT_HERE)
    except BaseExceptionGroup as found:
        raise AssertionError("\n".join(str(each) for each in (found, *found.exceptions))) from None
    told_whole(case, answer)
    return answer


def done(*arguments, **keywords):
    answer = call(*arguments, **keywords)
    same((answer.status_code, answer.content), (200, answer.content))
    return answer.json()


def log_in(person="zhang", **more):
    return done("/login/{method}", {"code": apiguest.login_code(person), **more}, method=MINI)


def log_in_by_app(person="zhang"):
    begun = done("/begin/{method}", {}, method=MOBILE)
    proof = {"code": simulator("mobile_code", person=person)["code"], "nonce": begun["nonce"]}
    return done("/login/{method}", proof, method=MOBILE)


@check
def the_document_is_an_openapi_document():
    DOCUMENT.validate()
    same(DOCUMENT.raw_schema["openapi"].startswith("3.1."), True)


@check
def logins_answer_as_the_document_says():
    account = log_in(phone_code=simulator("phone_code", person="zhang")["code"])["account"]
    same(account["phone"], "+8613*******66")
    same(log_in_by_app()["account"]["id"], account["id"])
    token = log_in()["token"]
    same(call("/logout", token=token).status_code, 204)
    same(call("/logout", token=token).json()["error"], "login_required")
    same(call("/logout").json()["error"], "login_required")


@check
def an_identity_is_added_as_the_document_says():
    simulator("people", id="wu", name="吴", unionid="absent")
    simulator("people", id="wu2", name="吴", unionid="absent")
    ours, theirs = log_in("wu"), log_in("wu2")
    added = lambda token, person: call(
        "/attach/{method}", {"code": apiguest.login_code(person)}, method=MINI, token=token
    )
    same(added(ours["token"], "wu").json()["account"]["id"], ours["account"]["id"])
    same(added(ours["token"], "wu2").json()["error"], "identity_taken")
    same(added("x" * 43, "wu").status_code, 401)


@check
def a_question_and_its_answer_are_as_the_document_says():
    torn = {"id": "torn", "name": "李"}
    simulator("people", **torn, unionid="absent")
    first = log_in("torn")["account"]["id"]
    simulator("people", **torn, unionid={"fixed": "u-torn"})
    second = log_in_by_app("torn")["account"]["id"]
    question = call("/login/{method}", {"code": apiguest.login_code("torn")}, method=MINI)
    same((question.status_code, question.json()["pending"]), (409, "choose"))
    offered = question.json()
    same(sorted(account["id"] for account in offered["accounts"]), sorted([first, second]))
    answer = lambda **other: call(
        "/flow/{flow}/choose", {"key": offered["key"], "account": first, **other}, flow=offered["flow"]
    )
    same(answer(account="nobody").json()["error"], "account_not_offered")
    same(answer(key="x" * 42 + "A").json()["error"], "foreign_browser")
    same(answer().json()["account"]["id"], first)
    same(answer().json()["error"], "flow_finished")


@check
def a_launch_and_its_return_are_as_the_document_says():
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    launched = done("/launch", {"method": LAUNCH, "challenge": challenge})
    opened = simulator("launch", original_id=launched["mini_program"], path=launched["path"], person="lina")
    same(opened["launch_scene"], 1069)
    ticket = launched["ticket"]
    phone = lambda **more: {"scene": ticket, "code": apiguest.login_code("lina"), **more}
    redeem = lambda code: call("/redeem", {"ticket": ticket, "verifier": verifier, "return_code": code})
    shown = done("/scan", phone())
    same((shown["kind"], shown["ask_phone"]), ("app", False))
    same(redeem("x" * 43).json()["error"], "flow_not_approved")
    confirmed = done("/confirm", phone(phone_code=simulator("phone_code", person="lina")["code"]))
    same(redeem("x" * 42 + "A").json()["error"], "return_code_wrong")
    same(redeem(confirmed["return_code"]).json()["account"]["phone"], "+8613*******77")
    same(redeem(confirmed["return_code"]).status_code, 409)


@check
def a_launch_that_is_rejected_is_as_the_document_says():
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    ticket = done("/launch", {"method": LAUNCH, "challenge": challenge})["ticket"]
    phone = lambda: {"scene": ticket, "code": apiguest.login_code("lina")}
    done("/scan", phone())
    same(done("/reject", phone()), {"approved": False})
    same(call("/confirm", phone()).json()["error"], "scan_code_used")
    brought = {"ticket": ticket, "verifier": verifier, "return_code": "x" * 42 + "A"}
    same(call("/redeem", brought).json()["error"], "denied")


@check
def trouble_at_wechat_is_as_the_document_says():
    asked = lambda: call("/login/{method}", {"code": apiguest.login_code("maria")}, method=MINI)
    for errcode, status, error in [
        (-1, 503, "wechat_unavailable"),
        (45011, 503, "wechat_busy"),
        (40226, 403, "wechat_refused"),
        (40163, 400, "code_used"),
        (40029, 400, "code_rejected"),
        (40125, 500, "misconfigured"),
    ]:
        simulator("fault", path="/sns/jscode2session", fault={"errcode": errcode}, times=9)
        answer = asked()
        ask(f"{WECHAT}/_sim/fault/clear", "")
        same((answer.status_code, answer.json()["error"]), (status, error))


@check
def no_call_is_answered_with_anything_but_what_the_document_says():
    command = ["-s", "-B", "-m", "schemathesis.cli", "--config-file", os.path.join(HERE, "schemathesis.toml")]
    command += ["run", f"{API}/openapi.json", "--no-color", "--warnings", "off", "--continue-on-failure"]
    more = {
        "PYTHONPATH": HERE,
        "SCHEMATHESIS_HOOKS": "apiguest",
        "WITNESS_BEARER": log_in("qiang")["token"],
        "COLUMNS": "200",
    }
    # It leaves notes for its next run, which is to make the same calls.
    with tempfile.TemporaryDirectory() as folder:
        how = {"cwd": folder, "capture_output": True, "text": True, "timeout": LIMIT}
        ran = subprocess.run([sys.executable, *command], env={**os.environ, **more}, **how)
    report = ran.stdout + ran.stderr
    if ran.returncode != 0:
        raise AssertionError(report)
    count = int(report.split("Test cases:")[1].split("generated")[0])
    if count < FEWEST:
        raise AssertionError(f"only {count} calls:\n{report}")
    return f"{count} calls"


finish()
