"""wechatpy as the server that an account's messages are pushed to: it believes, reads and answers the simulator."""

import http.server
import json
import threading
import urllib.parse

from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException
from wechatpy.parser import parse_message
from wechatpy.replies import ArticlesReply, EmptyReply, TextReply
from wechatpy.utils import check_signature

from witness import AES_KEY, APP_ID, SECRET, TOKEN, WECHAT
from witness import ask, check, finish, same, simulator

CRYPTO = WeChatCrypto(TOKEN, AES_KEY, APP_ID)
PERSON = "maria"


class Receiver(http.server.BaseHTTPRequestHandler):
    """As wechatpy's documents write one."""

    # What was received, and what is answered next: a function of the message.
    received, problems = [], []
    answer = None
    crypto = CRYPTO

    def do_GET(self):
        self.respond(lambda query, _: query["echostr"])

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.respond(self.message, body)

    def respond(self, function, body=None):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, strict_parsing=True))
        try:
            check_signature(TOKEN, query["signature"], query["timestamp"], query["nonce"])
            status, text = 200, function(query, body)
        except Exception as error:
            self.problems.append(type(error))
            status, text = 403, ""
        data = text.encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def message(self, query, body):
        encrypted = query.get("encrypt_type") == "aes"
        if encrypted:
            proof = query["msg_signature"], query["timestamp"], query["nonce"]
            outside = json.loads(body) if body.startswith(b"{") else body
            body = self.crypto.decrypt_message(outside, *proof)
        message = json.loads(body) if body[:1] in (b"{", "{") else parse_message(body)
        self.received.append((message, query))
        answer = Receiver.answer(message) if Receiver.answer else EmptyReply()
        if isinstance(answer, str):
            return answer
        text = answer.render()
        return self.crypto.encrypt_message(text, query["nonce"], query["timestamp"]) if encrypted and text else text

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()


def pushed_to(mode, path="/?own=1", **more):
    """Enters the address in the account's console, which asks it for the echostr."""
    key = None if mode == "plain" else AES_KEY
    address = f"http://127.0.0.1:{server.server_address[1]}{path}"
    push = {"url": address, "token": TOKEN, "encoding_aes_key": key, "mode": mode, **more}
    simulator("push", app_id=APP_ID, push=push)


def outcome(action, answer=None, **arguments):
    """What the account was pushed when the person did something, and what the simulator thought of the answer."""
    Receiver.answer = answer
    Receiver.received.clear()
    Receiver.problems.clear()
    simulator(action, **({} if action == "scan_scene" else {"app_id": APP_ID}), person=PERSON, **arguments)
    record = ask(f"{WECHAT}/_sim/pushes?app_id={APP_ID}").json()["pushes"][-1]
    return (Receiver.received[-1] if Receiver.received else (None, None)), record["outcome"]


def says(text):
    return lambda message: TextReply(content=text, message=message)


def scene_code(scene):
    query = {"grant_type": "client_credential", "appid": APP_ID, "secret": SECRET}
    token = ask(f"{WECHAT}/cgi-bin/token?{urllib.parse.urlencode(query)}").json()["access_token"]
    wanted = {"expire_seconds": 60, "action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": scene}}}
    return ask(f"{WECHAT}/cgi-bin/qrcode/create?access_token={token}", json.dumps(wanted)).json()["ticket"]


def everything_a_person_does():
    """Each event once, with what wechatpy makes of it."""
    simulator("unfollow", app_id=APP_ID, person=PERSON)
    text = "门神 🐉 <b>&amp;</b> ]]> \"'"
    # wechatpy's replies cannot hold the end of a CDATA.
    answer = text.replace("]]>", "")
    (event, query), result = outcome("follow", says("欢迎"))
    same((event.event, event.key, result), ("subscribe", "", {"replied": "欢迎"}))
    ticket = scene_code("qrscene_1")
    (event, _), result = outcome("scan_scene", says("再见"), ticket=ticket)
    same((event.event, event.scene_id, event.ticket, result), ("scan", "qrscene_1", ticket, {"replied": "再见"}))
    person, account = event.source, event.target
    (message, _), result = outcome("text", says(answer), text=text)
    same((message.type, message.content, result), ("text", text, {"replied": answer}))
    same((message.source, message.target, message.id > 10**15), (person, account, True))
    (event, _), result = outcome("menu", None, key="V1001")
    same((event.event, event.key, result), ("click", "V1001", "handled"))
    (event, _), result = outcome("unfollow", lambda _: "success")
    same((event.event, event.source, result), ("unsubscribe", person, "handled"))
    simulator("scan_scene", ticket=ticket, person=PERSON)
    (event, _), result = outcome("follow", says("欢迎"))
    same((event.event, event.scene_id, event.ticket), ("subscribe_scan", "qrscene_1", ticket))
    return query


@check
def the_simulators_address_check_is_signed():
    pushed_to("secure")
    same(Receiver.problems, [])


@check
def secure_messages_are_read_and_answered():
    pushed_to("secure")
    query = everything_a_person_does()
    same(sorted(query), ["encrypt_type", "msg_signature", "nonce", "openid", "own", "signature", "timestamp"])


@check
def compatible_messages_are_read_and_answered():
    pushed_to("compatible")
    everything_a_person_does()


@check
def plain_messages_are_read_and_answered():
    pushed_to("plain")
    query = everything_a_person_does()
    same(sorted(query), ["nonce", "own", "signature", "timestamp"])


@check
def messages_in_json_are_read():
    for mode in ["secure", "plain"]:
        pushed_to(mode, format="json")
        (message, _), result = outcome("text", lambda _: "success", text="门神")
        same((message["Content"], message["MsgType"], result), ("门神", "text", "handled"))


@check
def texts_and_answers_of_every_length_of_padding_are_read():
    pushed_to("secure")
    for length in range(1, 34):
        (message, _), result = outcome("text", lambda message: says(message.content)(message), text="a" * length)
        same((message.content, result), ("a" * length, {"replied": "a" * length}))


@check
def an_answer_of_another_kind_is_accepted():
    pushed_to("secure")

    def news(message):
        reply = ArticlesReply(message=message)
        reply.add_article({"title": "门神", "description": "d", "image": "http://a.test/1", "url": "http://a.test/2"})
        return reply

    same(outcome("text", news, text="x")[1], {"replied_other": "news"})


@check
def wrong_answers_are_not_accepted():
    pushed_to("secure")
    invalid = lambda answer: next(iter(outcome("text", answer, text="x")[1]))
    same(invalid(lambda message: says("x")(message).render()), "invalid")
    same(invalid(lambda message: TextReply(content="x", source=message.source, target=message.target)), "invalid")
    for crypto in [
        WeChatCrypto("AnotherToken", AES_KEY, APP_ID),
        WeChatCrypto(TOKEN, AES_KEY, "wx0de0000000000003"),
        WeChatCrypto(TOKEN, "A" * 43, APP_ID),
    ]:
        same(invalid(lambda message: crypto.encrypt_message(says("x")(message).render(), "n")), "invalid")


@check
def the_simulators_forgeries_are_noticed():
    pushed_to("secure")
    for trouble, problem in [
        ({"wrong_signature": True}, InvalidSignatureException),
        ({"wrong_app_id": True}, InvalidAppIdException),
    ]:
        simulator("switches", push=trouble)
        result = outcome("text", says("x"), text="x")[1]
        simulator("switches", push={})
        same((set(Receiver.problems), next(iter(result))), ({problem}, "failed"))


finish()
