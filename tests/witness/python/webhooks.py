"""standardwebhooks reads a request that we signed, and the same request bent."""

import json

from standardwebhooks import Webhook, WebhookVerificationError

from witness import check, finish, raises, same, setting

with open(setting("REQUEST", "request.json"), encoding="utf-8") as file:
    REQUEST = json.load(file)


def verified(secret=REQUEST["secret"], body=REQUEST["body"], **headers):
    return Webhook(secret).verify(body, {**REQUEST["headers"], **headers})


def is_refused(**bent):
    raises(WebhookVerificationError, verified, **bent)


@check
def a_signed_request_is_believed():
    same(verified(), {"code": "135790", "site": "示例"})


@check
def another_body_is_not_believed():
    is_refused(body=REQUEST["body"].replace("135790", "135791"))


@check
def another_id_is_not_believed():
    is_refused(**{"webhook-id": "msg_another"})


@check
def another_time_is_not_believed():
    is_refused(**{"webhook-timestamp": str(int(REQUEST["headers"]["webhook-timestamp"]) + 1)})


@check
def another_secret_is_not_believed():
    is_refused(secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


finish()
