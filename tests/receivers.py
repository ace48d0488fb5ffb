"""Servers that take notices: of webhooks, and of mails."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def web() -> Iterator[tuple[str, list[Any]]]:
    """A server for webhooks: its host and port, and what it was sent. `/500`, `/302` and `/slow` are answered so."""
    received: list[Any] = []
    end = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, dict(self.headers), body.decode()))
            if self.path == "/slow":
                end.wait(30)
            self.send_response(int(self.path[1:]) if self.path[1:].isdigit() else 204)
            if self.path == "/302":
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}", received
        end.set()
        server.shutdown()
        thread.join()


@contextmanager
def mailbox() -> Iterator[tuple[str, list[Any]]]:
    """A server for mails: its host and port, and what it was sent."""
    received: list[Any] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            to = ""
            while line := self.rfile.readline().decode().strip():
                if line.upper().startswith("RCPT"):
                    to = line
                if line.upper() == "DATA":
                    self.wfile.write(b"354 go on\r\n")
                    data = b""
                    while (one := self.rfile.readline()) != b".\r\n":
                        data += one
                    received.append((to, message_from_string(data.decode(), policy=default)))
                over, refused = line.upper() == "QUIT", "nobody@" in line
                self.wfile.write(b"221 bye\r\n" if over else b"550 no\r\n" if refused else b"250 fine\r\n")
                if over:
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}", received
        server.shutdown()
        thread.join()
