"""wechatpy as WeChat: it signs and encrypts what the gateway is pushed, and reads what the gateway answers.

The messages are those of wechatpy's own tests, with names filled in.
"""

import http.cookiejar
import json
import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request

import xmltodict
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException
from wechatpy.parser import parse_message
from wechatpy.utils import WeChatSigner

from witness import AES_KEY, APP, APP_ID, FOLLOW_TEXT, GATEWAY, PLAIN_APP, SECRET, TOKEN, WECHAT
from witness import ask, check, finish, raises, same, simulator

ACCOUNT = "gh_0123456789ab"
# Somebody whom only the gateway hears of.
STRANGER = "oWitness-0123456789_abcdefgh"
CRYPTO = WeChatCrypto(TOKEN, AES_KEY, APP_ID)


def xml(kind, source=STRANGER, at=None, **fields):
    """A message as wechatpy's tests have it: numbers bare, texts in CDATA."""
    head = {"ToUserName": ACCOUNT, "FromUserName": source, "CreateTime": at or int(time.time()), "MsgType": kind}
    element = lambda name, value: (
        f"<{name}>{value}</{name}>" if isinstance(value, int) else f"<{name}><![CDATA[{value}]]></{name}>"
    )
    return "<xml>\n" + "\n".join(element(*field) for field in {**head, **fields}.items()) + "\n</xml>"


def unknown_code():
    """A scan of a code that is not ours, another one each time: the same again would count as a repetition."""
    return xml("event", Event="SCAN", EventKey=f"menshen_{secrets.token_hex(13)}", Ticket="T")


def signed(token=TOKEN, age=0, **more):
    """The query of a push without encryption."""
    signer, nonce, timestamp = WeChatSigner(), str(secrets.randbelow(10**10)), str(int(time.time()) - age)
    signer.add_data(token, timestamp, nonce)
    return {"signature": signer.signature, "timestamp": timestamp, "nonce": nonce, **more}


def post(body, query, app=APP, kind="text/xml"):
    address = f"{GATEWAY}/_menshen/push/{app}?{urllib.parse.urlencode(query)}"
    return ask(address, body, {"Content-Type": kind, "User-Agent": "Mozilla/4.0", "Accept": "*/*"})


def encrypted(message, crypto=CRYPTO, age=0):
    """The query and the Encrypt of a push in the secure mode."""
    query = signed(crypto.token, age, openid=STRANGER, encrypt_type="aes")
    made = xmltodict.parse(crypto.encrypt_message(message, query["nonce"], query["timestamp"]))["xml"]
    return {**query, "msg_signature": made["MsgSignature"]}, made["Encrypt"]


def secure(encrypt):
    to = f"<ToUserName><![CDATA[{ACCOUNT}]]></ToUserName>"
    return f"<xml>\n    {to}\n    <Encrypt><![CDATA[{encrypt}]]></Encrypt>\n</xml>\n"


def push(message, **how):
    query, encrypt = encrypted(message, **how)
    return post(secure(encrypt), query)


def decrypted(answer):
    """The text of an encrypted answer, after wechatpy has verified and opened it."""
    same(answer.status, 200)
    outside = xmltodict.parse(answer.text())["xml"]
    same(sorted(outside), ["Encrypt", "MsgSignature", "Nonce", "TimeStamp"])
    proof = outside["MsgSignature"], outside["TimeStamp"], outside["Nonce"]
    inside = parse_message(CRYPTO.decrypt_message(answer.text(), *proof))
    same((inside.type, inside.source, inside.target), ("text", ACCOUNT, inside.target))
    return inside


def refused(answer, status, code):
    same((answer.status, answer.json()["error"]), (status, code))


def address(query, app=APP):
    return ask(f"{GATEWAY}/_menshen/push/{app}?{urllib.parse.urlencode(query)}")


class Redirected(urllib.request.HTTPRedirectHandler):
    """Follows none."""

    def redirect_request(self, *_):
        return None


class Browser:
    """A browser on a computer that is shown the account's code."""

    def __init__(self):
        self.cookies = http.cookiejar.CookieJar()
        keeps = urllib.request.HTTPCookieProcessor(self.cookies)
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), keeps, Redirected())
        agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
        self.opener.addheaders = [("User-Agent", agent), ("Accept", "text/html"), ("Accept-Language", "en")]
        known = {code["ticket"] for code in ask(f"{WECHAT}/_sim/scenes").json()}
        page = self.open("/_menshen/login?method=follow")
        self.events_href = re.search(r'data-events-href="([^"]+)"', page).group(1).replace("&amp;", "&")
        codes = [code for code in ask(f"{WECHAT}/_sim/scenes").json() if code["ticket"] not in known]
        same(len(codes), 1)
        self.scene, self.ticket = codes[0]["scene"], codes[0]["ticket"]

    def open(self, path):
        with self.opener.open(urllib.parse.urljoin(GATEWAY, path), timeout=20) as answer:
            return answer.read().decode("utf-8")

    def state(self):
        """How far the login is once it is more than waiting or being looked up, from the stream of its events."""
        with self.opener.open(urllib.parse.urljoin(GATEWAY, self.events_href), timeout=20) as stream:
            for line in stream:
                if line.startswith(b"data:"):
                    state = json.loads(line[len(b"data:") :])
                    if state["state"] not in ("waiting", "scanned"):
                        return state
        raise AssertionError("the stream of events ended")

    def signs_in(self):
        """The answer to WeChat goes first, then the gateway asks who that was."""
        state = self.state()
        same(state["state"], "approved")
        before = {cookie.name for cookie in self.cookies}
        answer = raises(urllib.error.HTTPError, self.open, state["finish"])
        answer.close()
        same((answer.code, "login" in answer.headers["Location"]), (303, False))
        same(len({cookie.name for cookie in self.cookies} - before), 1)


def follower(person):
    """The OpenID of somebody who follows, as the simulator tells it to whoever has a code of theirs."""
    simulator("follow", app_id=APP_ID, person=person)
    code = simulator("code", app_id=APP_ID, person=person, scope="snsapi_base")["code"]
    query = {"appid": APP_ID, "secret": SECRET, "code": code, "grant_type": "authorization_code"}
    return ask(f"{WECHAT}/sns/oauth2/access_token?{urllib.parse.urlencode(query)}").json()["openid"]


@check
def the_address_check_gets_its_echostr_and_nothing_else():
    for echostr in ["5837397520665436492", "a+b/c==", "汉字"]:
        answer = address(signed(echostr=echostr))
        same((answer.status, answer.text()), (200, echostr))


@check
def an_address_check_with_another_token_is_refused():
    refused(address(signed("AnotherToken", echostr="1")), 403, "push_signature")


@check
def a_follower_reads_an_encrypted_welcome():
    answer = push(xml("event", Event="subscribe", EventKey=""))
    if FOLLOW_TEXT:
        inside = decrypted(answer)
        same((inside.content, inside.target), (FOLLOW_TEXT, STRANGER))
    else:
        same((answer.status, answer.text()), (200, "success"))


@check
def a_follower_who_scans_signs_the_browser_in():
    browser, person = Browser(), follower("zhang")
    message = xml("event", person, Event="SCAN", EventKey=browser.scene, Ticket=browser.ticket)
    inside = decrypted(push(message))
    same(inside.target, person)
    browser.signs_in()
    # WeChat sends a message again if it missed the answer.
    again = push(message)
    same((again.status, again.text()), (200, "success"))
    return inside.content


@check
def a_new_follower_through_a_code_signs_the_browser_in():
    browser, person = Browser(), follower("lina")
    key = f"qrscene_{browser.scene}"
    message = xml("event", person, Event="subscribe", EventKey=key, Ticket=browser.ticket)
    same(decrypted(push(message)).target, person)
    browser.signs_in()


@check
def a_code_that_was_used_is_answered_and_signs_nobody_in():
    browser = Browser()
    scan = lambda at: xml("event", follower("zhang"), at, Event="SCAN", EventKey=browser.scene, Ticket="T")
    now = int(time.time())
    first, second = decrypted(push(scan(now))), decrypted(push(scan(now + 1)))
    same(first.content == second.content, False)
    return second.content


@check
def the_compatible_mode_is_read_by_its_encrypted_part():
    message = unknown_code()
    query, encrypt = encrypted(message)
    both = message.replace(STRANGER, "oSomebodyElse").replace("</xml>", f"<Encrypt>{encrypt}</Encrypt></xml>")
    same(decrypted(post(both, query)).target, STRANGER)


@check
def json_is_read_and_answered_in_json():
    event = {"ToUserName": ACCOUNT, "FromUserName": STRANGER, "CreateTime": int(time.time()), "MsgType": "event"}
    event.update({"Event": "SCAN", "EventKey": f"menshen_{secrets.token_hex(13)}", "Ticket": "门神"})
    query, encrypt = encrypted(json.dumps(event, ensure_ascii=False))
    body = json.dumps({"ToUserName": ACCOUNT, "Encrypt": encrypt})
    answer = post(body, query, kind="application/json").json()
    same(sorted(answer), ["Encrypt", "MsgSignature", "Nonce", "TimeStamp"])
    same(isinstance(answer["TimeStamp"], int), True)
    proof = answer["MsgSignature"], str(answer["TimeStamp"]), answer["Nonce"]
    inside = json.loads(CRYPTO.decrypt_message(answer, *proof))
    same((inside["MsgType"], inside["ToUserName"], inside["FromUserName"]), ("text", STRANGER, ACCOUNT))


@check
def texts_of_every_length_of_padding_are_read():
    for length in range(33):
        answer = push(xml("text", Content="a" * length + "门 & <神> ]]", MsgId=1234567890123456 + length))
        same((length, answer.status, answer.text()), (length, 200, "success"))


@check
def another_token_is_refused():
    refused(push(xml("text", Content="x", MsgId=1), crypto=WeChatCrypto("AnotherToken", AES_KEY, APP_ID)), 403, "push_signature")


@check
def another_app_is_refused():
    crypto = WeChatCrypto(TOKEN, AES_KEY, "wx0de0000000000003")
    refused(push(xml("text", Content="x", MsgId=1), crypto=crypto), 403, "push_foreign_app")


@check
def another_key_is_refused():
    # One in about 250 wrong keys gives something with a padding, and then its AppID is not ours.
    answer = push(xml("text", Content="x", MsgId=1), crypto=WeChatCrypto(TOKEN, "A" * 43, APP_ID))
    same((answer.status, answer.json()["error"]) in [(400, "push_unreadable"), (403, "push_foreign_app")], True)


@check
def a_message_of_long_ago_is_refused():
    refused(push(xml("text", Content="x", MsgId=1), age=600), 403, "push_stale")


@check
def the_plain_signature_proves_no_message_where_there_is_a_key():
    refused(post(xml("text", Content="x", MsgId=1), signed(openid=STRANGER)), 403, "push_not_encrypted")
    query, encrypt = encrypted(xml("text", Content="x", MsgId=1))
    refused(post(secure(encrypt), {**query, "msg_signature": query["signature"]}), 403, "push_signature")


@check
def what_was_changed_on_the_way_is_refused():
    query, encrypt = encrypted(xml("text", Content="x", MsgId=1))
    changed = encrypt[:-8] + ("B" if encrypt[-8] == "A" else "A") + encrypt[-7:]
    refused(post(secure(changed), query), 403, "push_signature")


@check
def our_answers_are_for_this_account_alone():
    answer = push(unknown_code()).text()
    outside = xmltodict.parse(answer)["xml"]
    proof = outside["MsgSignature"], outside["TimeStamp"], outside["Nonce"]
    another = WeChatCrypto(TOKEN, AES_KEY, "wx0de0000000000003")
    raises(InvalidAppIdException, another.decrypt_message, answer, *proof)
    another = WeChatCrypto("AnotherToken", AES_KEY, APP_ID)
    raises(InvalidSignatureException, another.decrypt_message, answer, *proof)


if PLAIN_APP:

    @check
    def an_account_without_a_key_is_answered_in_the_clear():
        same(address(signed(echostr="31"), PLAIN_APP).text(), "31")
        answer = post(unknown_code(), signed(), PLAIN_APP)
        same(answer.status, 200)
        inside = parse_message(answer.body)
        same((inside.type, inside.source, inside.target), ("text", ACCOUNT, STRANGER))

    @check
    def an_account_without_a_key_refuses_what_is_not_signed_with_its_token():
        refused(post(xml("text", Content="x", MsgId=1), signed("AnotherToken"), PLAIN_APP), 403, "push_signature")
        query, encrypt = encrypted(xml("text", Content="x", MsgId=1))
        refused(post(secure(encrypt), query, PLAIN_APP), 400, "push_unreadable")


finish()
