"""A real SMTP server (aiosmtpd) on a free loopback port.

usage: smtp_server.py FOLDER plain|starttls|tls [CERT KEY]
Prints the port. Keeps each message as FOLDER/<n>.eml. Refuses addresses that begin with
`rejected` (550) or `later` (451). With TLS it asks for user `soc`, password `құпия сөз`.
"""

import asyncio
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder, mode = pathlib.Path(sys.argv[1]), sys.argv[2]


class Keep:
    count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("rejected"):
            return "550 5.1.1 no such user"
        if address.startswith("later"):
            return "451 4.7.1 greylisted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        Keep.count += 1
        (folder / f"{Keep.count}.eml").write_bytes(envelope.content)
        return f"250 kept as {Keep.count}"


def login(server, session, envelope, mechanism, data):
    good = data.login == b"soc" and data.password == "құпия сөз".encode()
    return AuthResult(success=good, handled=False)  # the server answers


options, listen = {}, {}
if mode != "plain":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    options |= {"authenticator": login, "auth_required": True}
    if mode == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    else:
        options |= {"auth_require_tls": False}
        listen |= {"ssl": context}


async def serve():
    loop = asyncio.get_running_loop()
    handler = Keep()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="localhost", loop=loop, **options), "127.0.0.1", 0, **listen
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until the test goes away
    server.close()


asyncio.run(serve())
