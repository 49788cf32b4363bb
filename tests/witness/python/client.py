"""wechatpy as an app's server and as an account's server, with the simulator in place of WeChat."""

import re
import urllib.parse

import requests

import tosimulator  # noqa: F401

from witness import APP_ID, SECRET, WEBSITE_APP_ID, WEBSITE_SECRET, WECHAT
from witness import ask, check, finish, raises, same, simulator

from wechatpy.client import WeChatClient
from wechatpy.exceptions import WeChatClientException, WeChatOAuthException
from wechatpy.oauth import WeChatOAuth
from wechatpy.client.api import WeChatQRCode

IN_WECHAT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.50"
CALLBACK = "http://127.0.0.1/callback?from=wechat&name=%E9%97%A8%E7%A5%9E"


def client(secret=SECRET, **how):
    return WeChatClient(APP_ID, secret, **how)


def fails(number, call, *arguments, kind=WeChatClientException, **keywords):
    same(raises(kind, call, *arguments, **keywords).errcode, number)


def website(**how):
    return WeChatOAuth(WEBSITE_APP_ID, WEBSITE_SECRET, CALLBACK, **how)


def account(scope="snsapi_userinfo", **how):
    return WeChatOAuth(APP_ID, SECRET, CALLBACK, scope=scope, **how)


def code_for(app_id, scope, person="zhang"):
    return simulator("code", app_id=app_id, person=person, scope=scope)["code"]


def came_back(address):
    """What a browser brings to the callback, which must be where it was asked for."""
    parts = urllib.parse.urlsplit(address)
    query = dict(urllib.parse.parse_qsl(parts.query))
    same((parts.netloc, parts.path, query.pop("from"), query.pop("name")), ("127.0.0.1", "/callback", "wechat", "门神"))
    return query


# Web authorization, inside WeChat and by a website's code.


@check
def a_silent_login_inside_wechat_gives_the_openid_alone():
    oauth = account("snsapi_base", state="abc123")
    answer = requests.get(oauth.authorize_url, headers={"User-Agent": IN_WECHAT}, allow_redirects=False)
    query = came_back(answer.headers["Location"])
    same(query.pop("state"), "abc123")
    token = oauth.fetch_access_token(query.pop("code"))
    same((query, token["scope"], "unionid" in token), ({}, "snsapi_base", False))
    same(oauth.open_id, token["openid"])
    fails(48001, oauth.get_user_info, kind=WeChatOAuthException)


@check
def a_login_with_consent_gives_a_profile():
    simulator("switches", consent="silent")
    simulator("current", person="lina")
    oauth = account(state="S1")
    answer = requests.get(oauth.authorize_url, headers={"User-Agent": IN_WECHAT}, allow_redirects=False)
    token = oauth.fetch_access_token(came_back(answer.headers["Location"])["code"])
    profile = oauth.get_user_info()
    same((profile["nickname"], profile["openid"]), ("李娜🌸", token["openid"]))
    same((profile["unionid"], type(profile["sex"]), profile["privilege"]), (token["unionid"], int, []))
    same(oauth.check_access_token(), True)


@check
def a_websites_code_is_scanned_and_exchanged():
    oauth = website(state="S2")
    page = requests.get(oauth.qrconnect_url)
    same((page.status_code, page.headers["Content-Type"].split(";")[0]), (200, "text/html"))
    uuid = ask(f"{WECHAT}/_sim/next?limit=5s").json()["uuid"]
    same(uuid in page.text, True)
    simulator("login", uuid=uuid, person="zhang")
    poll = ask(f"{WECHAT}/connect/l/qrconnect?uuid={uuid}").text()
    same(re.search(r"wx_errcode=(\d+)", poll).group(1), "405")
    token = oauth.fetch_access_token(re.search(r"wx_code='([^']+)'", poll).group(1))
    same((token["scope"], oauth.get_user_info()["nickname"]), ("snsapi_login", "张伟"))


@check
def people_are_the_same_to_a_website_and_an_account_by_their_unionid():
    website_token = website().fetch_access_token(code_for(WEBSITE_APP_ID, "snsapi_login"))
    account_token = account().fetch_access_token(code_for(APP_ID, "snsapi_userinfo"))
    same(website_token["unionid"], account_token["unionid"])
    same(website_token["openid"] == account_token["openid"], False)


@check
def a_refreshed_token_goes_on():
    oauth = website()
    first = oauth.fetch_access_token(code_for(WEBSITE_APP_ID, "snsapi_login"))
    again = oauth.refresh_access_token(first["refresh_token"])
    same((again["openid"], "unionid" in again), (first["openid"], False))
    same(oauth.check_access_token(), True)
    same(oauth.get_user_info()["openid"], first["openid"])


@check
def the_errors_of_web_authorization_arrive_as_numbers():
    wrong = lambda number, call, *arguments: fails(number, call, *arguments, kind=WeChatOAuthException)
    oauth = website()
    wrong(40029, oauth.fetch_access_token, "0" * 32)
    wrong(40029, oauth.fetch_access_token, code_for(APP_ID, "snsapi_userinfo"))
    code = code_for(WEBSITE_APP_ID, "snsapi_login")
    token = oauth.fetch_access_token(code)
    wrong(40163, oauth.fetch_access_token, code)
    another = account().fetch_access_token(code_for(APP_ID, "snsapi_userinfo"))
    wrong(40003, oauth.get_user_info, another["openid"], token["access_token"])
    wrong(40003, oauth.check_access_token, another["openid"], token["access_token"])
    wrong(40014, oauth.check_access_token, token["openid"], "short")
    wrong(40001, oauth.get_user_info, token["openid"], token["access_token"][:-8] + "00000000")
    wrong(40030, oauth.refresh_access_token, "no such token")
    wrong(40013, WeChatOAuth("wx0de00000000000ff", SECRET, CALLBACK).fetch_access_token, code)
    wrong(40125, WeChatOAuth(WEBSITE_APP_ID, SECRET, CALLBACK).fetch_access_token, code)


@check
def a_code_and_a_token_expire():
    oauth = website()
    late = code_for(WEBSITE_APP_ID, "snsapi_login")
    oauth.fetch_access_token(code_for(WEBSITE_APP_ID, "snsapi_login"))
    simulator("advance", by="2h")
    fails(42001, oauth.get_user_info, kind=WeChatOAuthException)
    fails(40029, oauth.fetch_access_token, late, kind=WeChatOAuthException)
    oauth.refresh_access_token(oauth.refresh_token)
    same(oauth.get_user_info()["openid"], oauth.open_id)


# An account's own calls.


@check
def a_server_token_of_the_older_call():
    ours = client()
    answer = ours.fetch_access_token()
    same((answer["expires_in"], ours.access_token), (7200, answer["access_token"]))
    same(ours.misc.get_wechat_ips(), ["127.0.0.1"])


@check
def a_server_token_of_the_stable_call_works_in_the_library():
    # wechatpy 1.8 does not know this call, so that only its answer goes through the library.
    body = {"grant_type": "client_credential", "appid": APP_ID, "secret": SECRET}
    answer = requests.post("https://api.weixin.qq.com/cgi-bin/stable_token", json=body).json()
    ours = client(access_token=answer["access_token"], auto_retry=False)
    same(ours.misc.get_wechat_ips(), ["127.0.0.1"])


@check
def a_parametric_code_is_made_and_shown():
    scene = {"action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": "login_abc123"}}}
    made = client().qrcode.create({"expire_seconds": 180, **scene})
    same((made["expire_seconds"], bool(made["url"])), (180, True))
    shown = WeChatQRCode.show(client().qrcode, made)
    same((shown.status_code, shown.headers["Content-Type"]), (200, "image/jpg"))
    same(shown.content[:3], b"\xff\xd8\xff")
    same(requests.get(WeChatQRCode.get_url(made)).content, shown.content)
    same(client().qrcode.show("no such ticket").status_code, 404)
    scene = {"action_name": "QR_LIMIT_SCENE", "action_info": {"scene": {"scene_id": 123}}}
    same("expire_seconds" in client().qrcode.create(scene), False)
    fails(40053, client().qrcode.create, {"action_name": "QR_STR_SCENE", "action_info": {"scene": {"scene_str": ""}}})


@check
def a_follower_and_a_stranger_are_told_apart():
    simulator("follow", app_id=APP_ID, person="zhang")
    token = account().fetch_access_token(code_for(APP_ID, "snsapi_userinfo"))
    known = client().user.get(token["openid"])
    same((known["subscribe"], known["openid"], known["unionid"]), (1, token["openid"], token["unionid"]))
    same((known["nickname"], known["headimgurl"], type(known["subscribe_time"])), ("", "", int))
    unknown = account("snsapi_base").fetch_access_token(code_for(APP_ID, "snsapi_base", "qiang"))["openid"]
    same(client().user.get(unknown), {"subscribe": 0, "openid": unknown, "tagid_list": []})
    elsewhere = website().fetch_access_token(code_for(WEBSITE_APP_ID, "snsapi_login"))["openid"]
    fails(40003, client().user.get, elsewhere)


@check
def a_dead_server_token_is_renewed_by_the_library():
    ours = client()
    ours.fetch_access_token()
    before = ours.access_token
    simulator("replace_tokens", app_id=APP_ID)
    same(ours.misc.get_wechat_ips(), ["127.0.0.1"])
    same(ours.access_token == before, False)
    # The same for a token that ran out, which has another number.
    simulator("advance", by="3h")
    same(ours.misc.get_wechat_ips(), ["127.0.0.1"])


@check
def the_errors_of_an_accounts_calls_arrive_as_numbers():
    fails(40125, client("0" * 32).fetch_access_token)
    fails(40013, WeChatClient("wx0de00000000000ff", SECRET).fetch_access_token)
    ours = client(auto_retry=False)
    ours.fetch_access_token()
    simulator("replace_tokens", app_id=APP_ID)
    fails(40001, ours.misc.get_wechat_ips)
    ours.fetch_access_token()
    simulator("advance", by="2h")
    fails(42001, ours.misc.get_wechat_ips)
    fails(40014, client(access_token="short", auto_retry=False).misc.get_wechat_ips)
    simulator("fault", path="/cgi-bin/user/info", fault={"errcode": 45009})
    fails(45009, client().user.get, "o")
    simulator("fault", path="/cgi-bin/token", fault={"errcode": -1})
    fails(-1, client().fetch_access_token)
    simulator("whitelist", app_id=APP_ID, ips=["192.0.2.0/24"])
    fails(40164, client().fetch_access_token)
    simulator("whitelist", app_id=APP_ID, ips=None)


finish()
