"""A small web server: files from `static`, everything else from the application behind it.

python3 front.py LISTEN APPLICATION     both as host:port
"""

from __future__ import annotations

import http.client
import mimetypes
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STATIC = Path(__file__).with_name("static")
PASSED_ON = ("Content-Type", "Content-Length", "Location")


def main(listen: str, application: str) -> None:
    host, port = listen.rsplit(":", 1)
    server = ThreadingHTTPServer((host, int(port)), Front)
    server.application = application
    server.serve_forever()


class Front(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        file = STATIC / self.path.lstrip("/")
        if file.parent == STATIC and file.is_file():
            content_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            self.answer(200, {"Content-Type": content_type}, file.read_bytes())
        else:
            self.pass_on(b"")

    def do_POST(self) -> None:
        self.pass_on(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def pass_on(self, body: bytes) -> None:
        headers = {name: value for name, value in self.headers.items() if name in PASSED_ON}
        connection = http.client.HTTPConnection(self.server.application, timeout=30)
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except OSError as error:
            self.answer(502, {"Content-Type": "text/plain"}, f"The application does not answer: {error}\n".encode())
            return
        finally:
            connection.close()
        self.answer(answer.status, {name: value for name, value in answer.getheaders() if name in PASSED_ON}, content)

    def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
