"""A mail server on a port of its own: prints the port, then one line of JSON for each message it takes.

Arguments: none, or a certificate and a key for STARTTLS with the user `banque` and the password `mot-de-passe`.
The recipient `plein@…` is told to come again, `inconnu@…` is refused for good.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys
import time

from aiosmtpd.smtp import SMTP, AuthResult


class Mailbox:
    def __init__(self):
        self.seen = {}

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("inconnu@"):
            return "550 5.1.1 no such person"
        if address.startswith("plein@"):
            self.seen[address] = self.seen.get(address, 0) + 1
            if self.seen[address] <= 2:
                return "452 4.2.2 mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        plain = message.get_body(("plain",))
        page = message.get_body(("html",))
        files = [
            {"name": part.get_filename(), "type": part.get_content_type(), "bytes": len(part.get_payload(decode=True))}
            for part in message.iter_attachments()
        ]
        line = {
            "at": time.time(), "from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": message["subject"],
            "id": message["message-id"], "key": message["x-digitalbank-key"], "text": plain.get_content(),
            "html": page.get_content() if page else None, "files": files, "defects": len(message.defects),
            "tls": session.ssl is not None, "user": bool(session.authenticated),
        }
        print(json.dumps(line), flush=True)
        return "250 2.0.0 taken"


def check(server, session, envelope, mechanism, data):
    # Not handled: the server itself says 235 or 535.
    return AuthResult(success=(data.login == b"banque" and data.password == b"mot-de-passe"), handled=False)


async def main():
    options = {"enable_SMTPUTF8": False}
    if len(sys.argv) > 2:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
        options |= {
            "tls_context": context, "require_starttls": True, "authenticator": check, "auth_required": True,
        }
    box = Mailbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(box, **options), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Ends with whoever started it.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
