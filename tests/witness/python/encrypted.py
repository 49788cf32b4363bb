"""Open data that an AES of others encrypts, for the gateway to open: its API is told phone numbers by the older button.

wechatpy exchanges a login code for the session key, as no mini program's server but the gateway would; pycryptodome
encrypts and pads. Both know nothing of us.
"""

import base64
import json
import secrets
import time

import tosimulator  # noqa: F401

from Crypto.Util.Padding import pad
from wechatpy.client import WeChatClient
from wechatpy.crypto import WeChatWxaCrypto
from wechatpy.crypto.base import WeChatCipher

from witness import GATEWAY, MINI, MINI_APP_ID, MINI_SECRET
from witness import ask, check, finish, same, simulator

PROGRAM = WeChatClient(MINI_APP_ID, MINI_SECRET)
NUMBER = "13912345678"


def session_of(person):
    """The session that the person's next login has, too."""
    return PROGRAM.wxa.code_to_session(simulator("login_code", person=person)["code"])


def number(pure=NUMBER, app_id=MINI_APP_ID, age=0, country="86", **more):
    stamp = {"timestamp": int(time.time()) - age, "appid": app_id}
    shown = pure if country == "86" else f"+{country}{pure}"
    return {"phoneNumber": shown, "purePhoneNumber": pure, "countryCode": country, "watermark": stamp, **more}


def sealed(session, data, ascii_only=False):
    """As WeChat encrypts: AES-128-CBC, PKCS#7 for blocks of 16."""
    plain = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=ascii_only).encode()
    iv = secrets.token_bytes(16)
    cipher = WeChatCipher(base64.b64decode(session["session_key"]), iv).encrypt(pad(plain, 16))
    return {"encrypted_data": base64.b64encode(cipher).decode(), "iv": base64.b64encode(iv).decode()}


def log_in(person, proof):
    body = {"code": simulator("login_code", person=person)["code"], **proof}
    url = f"{GATEWAY}/_menshen/api/login/{MINI}"
    return ask(url, json.dumps(body), {"Content-Type": "application/json"})


def told(answer):
    """The phone number of the account, as its owner sees it."""
    same((answer.status, answer.text()), (200, answer.text()))
    return answer.json()["account"].get("phone")


def is_not_believed(answer):
    same((answer.status, answer.json()["error"]), (400, "encrypted_data_rejected"))


@check
def a_number_that_others_encrypted_is_the_accounts():
    same(told(log_in("zhang", sealed(session_of("zhang"), number()))), "+8613*******78")


@check
def what_the_simulator_encrypts_is_what_others_would():
    session, theirs = session_of("lina"), simulator("encrypted_phone", person="lina")
    opened = WeChatWxaCrypto(session["session_key"], theirs["iv"], MINI_APP_ID).decrypt_message(theirs["encrypted_data"])
    same(told(log_in("lina", sealed(session, opened))), "+8613*******77")


@check
def numbers_with_every_length_of_padding_are_read():
    session = session_of("maria")
    for length in range(17):
        proof = sealed(session, number(f"139000000{length:02}", note="x" * length))
        same(told(log_in("maria", proof)), f"+8613*******{length:02}")


@check
def numbers_of_other_countries_and_other_ways_to_write_them_are_read():
    session = session_of("wang")
    same(told(log_in("wang", sealed(session, number("7911123456", country="44")))), "+4479******56")
    same(told(log_in("wang", sealed(session, number("13700000001", name="门神\n\"🐉\""), True))), "+8613*******01")
    spaced = json.dumps(number("13700000002"), indent=2).encode()
    same(told(log_in("wang", sealed(session, spaced))), "+8613*******02")
    as_number = {**number("13700000003"), "countryCode": 86}
    same(told(log_in("wang", sealed(session, as_number))), "+8613*******03")


@check
def a_profile_says_no_number():
    session = session_of("nemo")
    profile = {"openId": session["openid"], "nickName": "x", "watermark": number()["watermark"]}
    same(told(log_in("nemo", sealed(session, profile))), None)


@check
def what_another_key_encrypted_is_not_believed():
    another = {"session_key": base64.b64encode(secrets.token_bytes(16)).decode()}
    is_not_believed(log_in("qiang", sealed(another, number())))
    is_not_believed(log_in("qiang", sealed(session_of("lina"), number())))


@check
def what_is_anothers_or_of_another_time_is_not_believed():
    session = session_of("qiang")
    for data in [
        number(app_id="wx0de00000000000ff"),
        number(age=601 + 60),
        number(age=-601 - 60),
        {**number(), "phoneNumber": "13900000000"},
        {**number(), "watermark": {}},
        {"watermark": number()["watermark"]},
        [number()],
        b"",
        b"not JSON",
    ]:
        is_not_believed(log_in("qiang", sealed(session, data)))
    same("phone" in log_in("qiang", {}).json()["account"], False)


@check
def what_was_bent_on_the_way_is_not_believed():
    session = session_of("qiang")
    proof = sealed(session, number())
    data, iv = base64.b64decode(proof["encrypted_data"]), base64.b64decode(proof["iv"])
    text = lambda raw: base64.b64encode(raw).decode()
    # The first block holds the beginning of the number's name; the number itself is in the second.
    flipped = lambda raw, at: raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
    for bent in [
        {"encrypted_data": text(data[:-1]), "iv": text(iv)},
        {"encrypted_data": text(data[:-16]), "iv": text(iv)},
        {"encrypted_data": text(flipped(data, 2)), "iv": text(iv)},
        {"encrypted_data": text(flipped(data, len(data) - 17)), "iv": text(iv)},
        {"encrypted_data": text(data), "iv": text(flipped(iv, 2))},
        {"encrypted_data": text(data), "iv": text(iv[:-1])},
        {"encrypted_data": text(data).rstrip("=") + "!", "iv": text(iv)},
    ]:
        is_not_believed(log_in("qiang", bent))
    same("phone" in log_in("qiang", {}).json()["account"], False)


finish()
