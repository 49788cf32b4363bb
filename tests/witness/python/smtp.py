"""A mail server for the tests: aiosmtpd, and Python's own reading of what arrived.

Prints a line with its port when it listens, then a line for every mail; ends with its standard input. Two receivers are
special: `refused@…` is told that nobody has this name, `hang@…` is never answered.
"""

import argparse
import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

arguments = argparse.ArgumentParser()
arguments.add_argument("--tls", choices=["implicit", "starttls", "none"], required=True)
arguments.add_argument("--cert")
arguments.add_argument("--key")
arguments.add_argument("--user", default="")
arguments.add_argument("--password", default="")
arguments = arguments.parse_args()


def say(what):
    print(json.dumps(what), flush=True)


def text_of(message):
    body = message.get_body(("plain",))
    return body.get_content() if body else ""


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused@"):
            return f"550 5.1.1 <{address}>: nobody here has this name"
        if address.startswith("hang@"):
            await asyncio.Event().wait()
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        say({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": message["Subject"],
            "text": text_of(message),
            # As others read them: decoded.
            "headers": [[name, str(value)] for name, value in message.items()],
            "raw": envelope.content.decode("utf-8"),
            "tls": server.transport.get_extra_info("ssl_object") is not None,
            "user": session.auth_data,
        })
        return "250 2.0.0 taken"


def authenticate(server, session, envelope, mechanism, data):
    login, password = data.login.decode("utf-8"), data.password.decode("utf-8")
    if (login, password) != (arguments.user, arguments.password):
        return AuthResult(success=False, handled=False)
    return AuthResult(success=True, auth_data=login)


async def main():
    loop = asyncio.get_running_loop()
    context = None
    if arguments.tls != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.cert, arguments.key)
    needs_user = bool(arguments.user)
    starttls = arguments.tls == "starttls"

    def connection():
        return SMTP(
            Handler(),
            loop=loop,
            hostname="localhost",
            tls_context=context if starttls else None,
            require_starttls=starttls,
            authenticator=authenticate if needs_user else None,
            auth_required=needs_user,
            # aiosmtpd knows of no TLS that began before it; without STARTTLS it would hide AUTH.
            auth_require_tls=starttls,
        )

    server = await loop.create_server(
        connection, "127.0.0.1", 0, ssl=context if arguments.tls == "implicit" else None
    )
    say({"port": server.sockets[0].getsockname()[1]})
    # The test's end closes it, whatever its end was.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
