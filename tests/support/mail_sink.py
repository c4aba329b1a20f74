"""A mail server that keeps what it is sent: as much SMTP (RFC 5321) as a client that logs in and delivers needs."""

from __future__ import annotations

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from tests.support.web_sink import serving


class MailSink(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []
        self.said: list[str] = []
        """Commands of the clients, what they log in with included."""
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        sink = cast(MailSink, self.server)
        self._say("220 sink")
        while line := self.rfile.readline().decode().strip():
            sink.said.append(line)
            match line.split(" ")[0].upper():
                case "EHLO":
                    self._say("250-sink\r\n250 AUTH PLAIN")
                case "AUTH":
                    self._say("235 welcome")
                case "DATA":
                    self._say("354 go on")
                    sink.got.append(self._mail())
                    self._say("250 kept")
                case "QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 ok")

    def _mail(self) -> EmailMessage:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        return cast(EmailMessage, message_from_bytes(b"".join(lines), policy=policy.default))

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail_sink() -> Iterator[MailSink]:
    server = MailSink()
    with serving(server):
        yield server
