"""wechatpy as a mini program's server, with the simulator in place of WeChat.

It knows logins, codes and the encryption of open data; of the newer calls (phone numbers, links) it carries the request,
renews the token and reads the errors.
"""

import tosimulator  # noqa: F401

from wechatpy.client import WeChatClient
from wechatpy.crypto import WeChatWxaCrypto
from wechatpy.exceptions import InvalidAppIdException, WeChatClientException
from wechatpy.oauth import WeChatOAuth

from witness import MINI_APP_ID, MINI_SECRET, WEBSITE_APP_ID, WEBSITE_SECRET
from witness import check, finish, raises, same, simulator

API = "https://api.weixin.qq.com"
CONFIRM = "pages/menshen/confirm/confirm"

PROGRAM = WeChatClient(MINI_APP_ID, MINI_SECRET)


def fails(number, call, *arguments, **keywords):
    same(raises(WeChatClientException, call, *arguments, **keywords).errcode, number)


def login_code(person="zhang"):
    return simulator("login_code", person=person)["code"]


def phone_number(code, **more):
    answer = PROGRAM.post(f"{API}/wxa/business/getuserphonenumber", data={"code": code, **more})
    return answer["phone_info"]


def opened(session, sealed, app_id=MINI_APP_ID):
    return WeChatWxaCrypto(session["session_key"], sealed["iv"], app_id).decrypt_message(sealed["encrypted_data"])


@check
def a_login_code_gives_an_openid_and_a_session_key():
    session = PROGRAM.wxa.code_to_session(login_code())
    same((len(session["openid"]), len(session["session_key"])), (28, 24))
    again = PROGRAM.wxa.code_to_session(login_code())
    same((again["openid"], again["unionid"]), (session["openid"], session["unionid"]))
    same("unionid" in PROGRAM.wxa.code_to_session(login_code("wang")), False)


@check
def people_are_the_same_to_a_website_and_a_program_by_their_unionid():
    code = simulator("code", app_id=WEBSITE_APP_ID, person="zhang", scope="snsapi_login")["code"]
    website = WeChatOAuth(WEBSITE_APP_ID, WEBSITE_SECRET, "http://127.0.0.1/").fetch_access_token(code)
    session = PROGRAM.wxa.code_to_session(login_code())
    same(website["unionid"], session["unionid"])
    same(website["openid"] == session["openid"], False)


@check
def the_errors_of_logins_arrive_as_numbers():
    code = login_code()
    PROGRAM.wxa.code_to_session(code)
    fails(40163, PROGRAM.wxa.code_to_session, code)
    fails(40029, PROGRAM.wxa.code_to_session, "0" * 32)
    fails(40029, PROGRAM.wxa.code_to_session, simulator("phone_code", person="zhang")["code"])
    late = login_code()
    simulator("advance", by="6m")
    fails(40029, PROGRAM.wxa.code_to_session, late)
    simulator("block", person="qiang")
    fails(40226, PROGRAM.wxa.code_to_session, login_code("qiang"))


@check
def an_encrypted_phone_number_opens_with_the_session_key():
    session = PROGRAM.wxa.code_to_session(login_code())
    number = opened(session, simulator("encrypted_phone", person="zhang"))
    same((number["phoneNumber"], number["purePhoneNumber"]), ("13580006666", "13580006666"))
    same((number["countryCode"], number["watermark"]["appid"]), ("86", MINI_APP_ID))
    same(type(number["watermark"]["timestamp"]), int)


@check
def encrypted_numbers_of_every_length_of_padding_open():
    for length in range(4, 20):
        number = "1" * length
        simulator("people", id="long", name="长", phone=number)
        session = PROGRAM.wxa.code_to_session(login_code("long"))
        same(opened(session, simulator("encrypted_phone", person="long"))["purePhoneNumber"], number)


@check
def an_encrypted_profile_names_nobody_but_the_openid():
    session = PROGRAM.wxa.code_to_session(login_code("lina"))
    profile = opened(session, simulator("encrypted_user", person="lina"))
    same((profile["openId"], profile["unionId"]), (session["openid"], session["unionid"]))
    same((profile["nickName"], profile["avatarUrl"]), ("微信用户", ""))


@check
def encrypted_data_is_for_this_program_alone():
    session = PROGRAM.wxa.code_to_session(login_code())
    sealed = simulator("encrypted_phone", person="zhang")
    raises(InvalidAppIdException, opened, session, sealed, "wx0de00000000000ff")


@check
def a_later_login_may_replace_the_session_key():
    session = PROGRAM.wxa.code_to_session(login_code())
    same(PROGRAM.wxa.code_to_session(login_code())["session_key"], session["session_key"])
    simulator("switches", rotate_session_keys=True)
    later = PROGRAM.wxa.code_to_session(login_code())
    simulator("switches", rotate_session_keys=False)
    same(later["session_key"] == session["session_key"], False)
    sealed = simulator("encrypted_phone", person="zhang")
    same(opened(later, sealed)["purePhoneNumber"], "13580006666")
    # What another key makes of it is no JSON, whatever its padding looks like.
    raises(ValueError, opened, session, sealed)


@check
def a_phone_numbers_code_gives_the_number_once():
    code = simulator("phone_code", person="lina")["code"]
    number = phone_number(code)
    same((number["phoneNumber"], number["purePhoneNumber"], number["countryCode"]), ("13580007777", "13580007777", "86"))
    same(number["watermark"]["appid"], MINI_APP_ID)
    fails(40029, phone_number, code)
    fails(40029, phone_number, login_code("lina"))
    mine = simulator("phone_code", person="lina")["code"]
    theirs = PROGRAM.wxa.code_to_session(login_code())["openid"]
    fails(40003, phone_number, mine, openid=theirs)


@check
def a_code_of_the_program_is_a_picture_of_its_scene():
    picture = PROGRAM.wxa.get_wxa_code_unlimited("abc123!#$&'()*+,/:;=?@-._~", page=CONFIRM, width=430)
    same((picture.status_code, picture.content[:3]), (200, b"\xff\xd8\xff"))
    seen = simulator("scan_mini_code", person="lina")
    same((seen["path"], seen["launch_scene"]), (CONFIRM, 1047))
    clear = PROGRAM.wxa.get_wxa_code_unlimited("abc", page=CONFIRM, is_hyaline=True)
    same(clear.headers["Content-Type"].startswith("image/"), True)


@check
def the_errors_of_codes_arrive_as_numbers():
    make = PROGRAM.wxa.get_wxa_code_unlimited
    fails(41030, make, "abc", page="pages/none/none")
    simulator("switches", scene_length="invalid_scene")
    fails(40129, make, "a" * 33, page=CONFIRM)
    simulator("switches", scene_length="invalid_length")
    fails(40169, make, "a" * 33, page=CONFIRM)
    simulator("fault", path="/wxa/getwxacodeunlimit", fault={"errcode": 45009})
    fails(45009, make, "abc", page=CONFIRM)


@check
def links_are_made_with_the_librarys_token_and_lead_to_the_page():
    target = {"path": f"/{CONFIRM}", "query": "a=b", "env_version": "release"}
    link = PROGRAM.post(f"{API}/wxa/generate_urllink", data={**target, "expire_type": 1, "expire_interval": 25})["url_link"]
    same(link.startswith("https://wxaurl.cn/"), True)
    same(simulator("open_link", url=link + "?cq=abc", person="lina")["path"], CONFIRM)
    jump = {"path": f"/{CONFIRM}", "query": "a=b", "env_version": "release"}
    wanted = {"jump_wxa": jump, "is_expire": True, "expire_type": 1, "expire_interval": 25}
    scheme = PROGRAM.post(f"{API}/wxa/generatescheme", data=wanted)["openlink"]
    same(scheme.startswith("weixin://dl/business/?"), True)
    same(simulator("open_link", url=scheme + "&cq=abc", person="lina")["path"], CONFIRM)


@check
def a_server_token_that_ran_out_is_renewed_for_the_newer_calls():
    PROGRAM.fetch_access_token()
    before = PROGRAM.access_token
    simulator("advance", by="3h")
    same(phone_number(simulator("phone_code", person="zhang")["code"])["purePhoneNumber"], "13580006666")
    same(PROGRAM.access_token == before, False)


finish()
