"""The entries of guest books, kept in a file and served to those who show them, as JSON over HTTP.

python3 database.py LISTEN FILE         LISTEN as host:port; FILE is made when it is missing

GET /entries?limit=50   the newest first, each {"name", "text", "written"}
POST /entries           takes one like that
GET /health             how many there are
"""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

FIELDS = ("name", "text", "written")
LONGEST_ENTRY = 100_000  # bytes
MOST_ENTRIES = 1000  # in one answer


def main(listen: str, file: str) -> None:
    host, port = listen.rsplit(":", 1)
    with closing(sqlite3.connect(file)) as database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, name TEXT, text TEXT, written TEXT)"
        )
    server = ThreadingHTTPServer((host, int(port)), Entries)
    server.file = file
    server.serve_forever()


class Entries(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/health":
            self.ask("SELECT count(*) AS entries FROM entry")
        elif url.path == "/entries":
            limit = parse_qs(url.query).get("limit", ["50"])[0]
            most = min(int(limit), MOST_ENTRIES) if limit.isdecimal() else 0
            self.ask("SELECT name, text, written FROM entry ORDER BY id DESC LIMIT ?", most)
        else:
            self.answer(404, {"error": "there is nothing of that name"})

    def do_POST(self) -> None:
        if self.path != "/entries":
            self.answer(404, {"error": "there is nothing of that name"})
            return
        try:
            entry = json.loads(self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LONGEST_ENTRY)))
            values = [str(entry[field]) for field in FIELDS]
        except (ValueError, KeyError, TypeError):
            self.answer(400, {"error": f"an entry has {', '.join(FIELDS)}"})
            return
        self.ask("INSERT INTO entry (name, text, written) VALUES (?, ?, ?)", *values, status=201)

    def ask(self, statement: str, *values: object, status: int = 200) -> None:
        try:
            with closing(sqlite3.connect(self.server.file, timeout=10)) as database, database:
                database.row_factory = sqlite3.Row
                rows = [dict(row) for row in database.execute(statement, values)]
        except sqlite3.Error as error:
            self.answer(503, {"error": str(error)})
        else:
            self.answer(status, rows)

    def answer(self, status: int, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
