"""A guest book: whoever comes by reads what others wrote, and may write something, too.

A WSGI application with nothing but the standard library, run by gunicorn as `guestbook:application()`.
"""

from __future__ import annotations

import configparser
import html
import sqlite3
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
    """The pages of a guest book. Its entries lie in a database file, which is made when it is missing."""

    def __init__(self, title, database, entries_shown=50):
        self.title, self.database, self.entries_shown = title, database, entries_shown

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
            with closing(self.open()) as database:
                count = database.execute("SELECT count(*) FROM entry").fetchone()[0]
        except sqlite3.Error as error:
            return "503 Service Unavailable", {}, f"the database {self.database} does not work: {error}\n"
        return "200 OK", {}, f"well, with {count} entries\n"

    def page(self):
        """What was written, the newest first."""
        with closing(self.open()) as database:
            rows = database.execute(
                "SELECT name, text, written FROM entry ORDER BY id DESC LIMIT ?", (self.entries_shown,)
            ).fetchall()
        entries = "".join(
            ENTRY.format(name=html.escape(name), text=html.escape(text), written=html.escape(written))
            for name, text, written in rows
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
        with closing(self.open()) as database, database:
            database.execute("INSERT INTO entry (name, text, written) VALUES (?, ?, ?)", (name, text, written))
        return "303 See Other", {"Location": "/"}, ""

    def open(self):
        """A connection to the database."""
        database = sqlite3.connect(self.database, timeout=10)
        database.execute(
            "CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, name TEXT, text TEXT, written TEXT)"
        )
        return database
