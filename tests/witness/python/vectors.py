"""The test vectors that both of our own implementations are held against, through wechatpy.

Published ones are from WeChat's page of the message push; the others were computed and belong to no account.
"""

import base64
import json
import pathlib

import xmltodict
from wechatpy.crypto import PrpCrypto, WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException
from wechatpy.parser import parse_message
from wechatpy.utils import check_signature

from witness import check, finish, raises, same

VECTORS = json.loads((pathlib.Path(__file__).parents[1] / "vectors.json").read_text("utf-8"))
PUBLISHED, COMPUTED = VECTORS["published"], VECTORS["computed"]

def sealed(vector, account):
    """What wechatpy makes of the message with the vector's random bytes: Encrypt and MsgSignature."""
    usual = PrpCrypto.get_random_string
    PrpCrypto.get_random_string = lambda _: vector["random"]
    try:
        crypto = WeChatCrypto(account["token"], account["key"], account["app_id"])
        made = crypto.encrypt_message(vector["message"], vector["nonce"], vector["timestamp"])
    finally:
        PrpCrypto.get_random_string = usual
    made = xmltodict.parse(made)["xml"]
    return made["Encrypt"], made["MsgSignature"]


def opened(vector, account):
    crypto = WeChatCrypto(account["token"], account["key"], account["app_id"])
    arguments = {"Encrypt": vector["encrypt"]}, vector["msg_signature"], vector["timestamp"], vector["nonce"]
    return crypto.decrypt_message(*arguments)


@check
def the_published_address_check():
    check_signature(PUBLISHED["token"], **PUBLISHED["address"])
    raises(InvalidSignatureException, check_signature, "BBBBB", **PUBLISHED["address"])


@check
def the_published_push():
    vector = PUBLISHED["push"]
    check_signature(PUBLISHED["token"], vector["signature"], vector["timestamp"], vector["nonce"])
    same(opened(vector, PUBLISHED), vector["message"])


@check
def the_published_push_is_for_its_app_alone():
    another = {**PUBLISHED, "app_id": "wxba5fad812f8e6fb8"}
    raises(InvalidAppIdException, opened, PUBLISHED["push"], another)
    another = {**PUBLISHED, "token": "BBBBB"}
    raises(InvalidSignatureException, opened, PUBLISHED["push"], another)


@check
def the_published_reply():
    vector = PUBLISHED["reply"]
    same(sealed(vector, PUBLISHED), (vector["encrypt"], vector["msg_signature"]))
    same(opened(vector, PUBLISHED), vector["message"])


@check
def a_key_whose_last_character_holds_more_than_the_key():
    key = COMPUTED["key"]
    same(base64.b64encode(base64.b64decode(key + "="))[:-1] != key.encode(), True)
    same(WeChatCrypto("testtoken", key, "wx1").key.hex(), COMPUTED["key_hex"])
    check_signature(COMPUTED["token"], **COMPUTED["address"])


@check
def the_computed_short_message():
    vector = COMPUTED["short"]
    same(sealed(vector, COMPUTED), (vector["encrypt"], vector["msg_signature"]))
    same(opened(vector, COMPUTED), vector["message"])


@check
def the_computed_scan_with_a_full_block_of_padding():
    vector = COMPUTED["scan"]
    same(sealed(vector, COMPUTED), (vector["encrypt"], vector["msg_signature"]))
    event = parse_message(opened(vector, COMPUTED))
    same((event.event, event.scene_id, event.ticket), ("scan", "login_abc123", "TICKET"))


finish()
