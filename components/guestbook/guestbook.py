"""A guest book: whoever comes by reads what others wrote, and may write something, too.

A WSGI application with nothing but the standard library, run by gunicorn as `guestbook:application()`.
"""

from __future__ import annotations

import configparser
import html
import json
import sqlite3
import urllib.request
from contextlib import closing
from datetime import datetime, timezone
from urllib.parse import parse_qs

LONGEST_FORM = 10_000  # bytes

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/style.css">
<h1>{title}</h1>
<form method="post">
  <input name="name" placeholder="Your name" maxlength="80" required>
  <textarea name="text" placeholder="Your words" maxlength="2000" required></textarea>
  <button>Sign</button>
</form>
{entries}
</html>
"""

ENTRY = """\
<article>
  <p>{text}</p>
  <footer>{name}, {written}</footer>
</article>
"""


def application(configuration="guestbook.ini"):
    """The application, as the configuration file wants it."""
    settings = configparser.ConfigParser(interpolation=None)
    with open(configuration, encoding="utf-8") as file:
        settings.read_file(file)
    book = settings["guestbook"]
    return GuestBook(book["title"], book["database"], book.getint("entries_shown"))


class GuestBook:
    """The pages of a guest book.

    database: where its entries lie, a file (made when it is missing) or the URL of a service that keeps them.
    """

    def __init__(self, title, database, entries_shown=50):
        self.title, self.database, self.entries_shown = title, database, entries_shown
        self.entries = Service(database) if "://" in database else File(database)

    def __call__(self, environ, start_response):
        """Answer a request, as WSGI has it."""
        route = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if route == ("GET", "/health"):
            status, headers, body = self.health()
        elif route == ("GET", "/"):
            status, headers, body = self.page()
        elif route == ("POST", "/"):
            status, headers, body = self.sign(environ)
        else:
            status, headers, body = "404 Not Found", {}, "There is no such page.\n"
        content = body.encode()
        headers = {"Content-Type": "text/plain; charset=utf-8", **headers, "Content-Length": str(len(content))}
        start_response(status, list(headers.items()))
        return [content]

    def health(self):
        """Whether it can do its work: that is, whether the database answers."""
        try:
            count = self.entries.count()
        except (sqlite3.Error, OSError) as error:
            return "503 Service Unavailable", {}, f"the database {self.database} does not work: {error}\n"
        return "200 OK", {}, f"well, with {count} entries\n"

    def page(self):
        """What was written, the newest first."""
        entries = "".join(
            ENTRY.format(name=html.escape(name), text=html.escape(text), written=html.escape(written))
            for name, text, written in self.entries.newest(self.entries_shown)
        )
        body = PAGE.format(title=html.escape(self.title), entries=entries)
        return "200 OK", {"Content-Type": "text/html; charset=utf-8"}, body

    def sign(self, environ):
        """Take a new entry and show the book again."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > LONGEST_FORM:
            return "413 Content Too Large", {}, "That is too much.\n"
        form = parse_qs(environ["wsgi.input"].read(length).decode("utf-8", "replace"))
        name, text = (form.get(field, [""])[0].strip() for field in ("name", "text"))
        if not name or not text:
            return "400 Bad Request", {}, "Please give a name and some words.\n"
        written = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        self.entries.add(name, text, written)
        return "303 See Other", {"Location": "/"}, ""


class File:
    """Entries in a file, where nobody else needs them."""

    def __init__(self, path):
        self.path = path

    def count(self):
        with closing(self.open()) as database:
            return database.execute("SELECT count(*) FROM entry").fetchone()[0]

    def newest(self, limit):
        with closing(self.open()) as database:
            return database.execute(
                "SELECT name, text, written FROM entry ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()

    def add(self, name, text, written):
        with closing(self.open()) as database, database:
            database.execute("INSERT INTO entry (name, text, written) VALUES (?, ?, ?)", (name, text, written))

    def open(self):
        database = sqlite3.connect(self.path, timeout=10)
        database.execute(
            "CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, name TEXT, text TEXT, written TEXT)"
        )
        return database


class Service:
    """Entries in the database of another host, see components/database/database.py."""

    def __init__(self, url):
        self.url = url

    def count(self):
        return self.ask("/health")[0]["entries"]

    def newest(self, limit):
        return [(entry["name"], entry["text"], entry["written"]) for entry in self.ask(f"/entries?limit={limit}")]

    def add(self, name, text, written):
        self.ask("/entries", json.dumps({"name": name, "text": text, "written": written}).encode())

    def ask(self, path, data=None):
        with urllib.request.urlopen(self.url + path, data, timeout=10) as answer:
            return json.load(answer)
