"""A mail server on loopback: accepts mails, or on request hangs or cuts the connection."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from email.message import Message


class MailServer(socketserver.ThreadingTCPServer):
    """Keeps what it took in `mails`. `hangs_at` and `cuts_at` name a command at which it stops: "" the greeting."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        self.mails: list[Message] = []
        self.hangs_at: str | None = None
        self.cuts_at: str | None = None
        self.refuses = ""  # recipients with this in their address
        self.released = threading.Event()
        super().__init__(("127.0.0.1", port), _Conversation)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        if not self._goes_on_at(""):
            return
        self._say("220 loopback")
        while line := self.rfile.readline().decode():
            command = line.split(None, 1)[0].upper() if line.strip() else ""
            if not self._goes_on_at(command):
                return
            if command == "DATA":
                self._take()
            elif command == "RCPT" and self.server.refuses and self.server.refuses in line:
                self._say("550 no such person")
            elif command == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _goes_on_at(self, command: str) -> bool:
        if self.server.hangs_at == command:
            self.server.released.wait(30)
            return False
        return command != self.server.cuts_at

    def _take(self) -> None:
        self._say("354 go on")
        lines: list[str] = []
        while (line := self.rfile.readline().decode()) != ".\r\n":
            if not line:
                return
            lines.append(line)
        self.server.mails.append(message_from_string("".join(lines)))
        if self._goes_on_at("taken"):
            self._say("250 taken")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def mail_server(port: int = 0) -> Iterator[MailServer]:
    """Run a mail server, on a free port unless one is given."""
    server = MailServer(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
