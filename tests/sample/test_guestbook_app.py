"""The sample's own application, without a server."""

from __future__ import annotations

import importlib.util
import io
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import pytest

COMPONENTS = Path(__file__).parents[2] / "components"


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, COMPONENTS / name / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(name="guestbook", scope="module")
def _guestbook():
    return loaded("guestbook")


@pytest.fixture(name="database")
def _database(tmp_path):
    """The URL of a database, which answers in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, COMPONENTS / "database" / "database.py", address, tmp_path / "entries.sqlite"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        for _ in range(100):
            try:
                socket.create_connection(tuple(address.split(":"))).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://{address}"
        process.terminate()


@pytest.fixture(name="app", params=["file", "service"])
def _app(request, guestbook, tmp_path):
    of_service = request.param == "service"
    database = request.getfixturevalue("database") if of_service else str(tmp_path / "guestbook.sqlite")
    return guestbook.GuestBook("Our <guests>", database, entries_shown=2)


def call(app, method, path, form=None):
    body = urlencode(form or {}).encode()
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    started = []
    content = b"".join(app(environ, lambda status, headers: started.append((status, dict(headers)))))
    ((status, headers),) = started
    assert headers["Content-Length"] == str(len(content))
    return status, headers, content.decode()


def test_an_empty_book_shows_its_title(app):
    status, headers, body = call(app, "GET", "/")
    assert status == "200 OK"
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<h1>Our &lt;guests&gt;</h1>" in body
    assert "<article>" not in body


def test_an_entry_is_shown_to_the_next_visitor(app):
    status, headers, _ = call(app, "POST", "/", {"name": "Ada", "text": "It was lovely."})
    assert (status, headers["Location"]) == ("303 See Other", "/")
    _, _, body = call(app, "GET", "/")
    assert "It was lovely." in body
    assert "Ada, " in body


def test_the_newest_entries_come_first_and_older_ones_are_left_out(app):
    for text in ("first", "second", "third"):
        call(app, "POST", "/", {"name": "Ada", "text": text})
    _, _, body = call(app, "GET", "/")
    assert body.index("third") < body.index("second")
    assert "first" not in body


def test_what_visitors_write_is_no_html(app):
    call(app, "POST", "/", {"name": "<b>Eve</b>", "text": "<script>alert(1)</script>"})
    _, _, body = call(app, "GET", "/")
    assert "<script>" not in body
    assert "&lt;script&gt;" in body


@pytest.mark.parametrize("form", [{}, {"name": "Ada"}, {"text": "Hello"}, {"name": " ", "text": "Hello"}])
def test_an_entry_needs_a_name_and_a_text(app, form):
    assert call(app, "POST", "/", form)[0] == "400 Bad Request"


def test_too_long_an_entry_is_refused(app):
    assert call(app, "POST", "/", {"name": "Ada", "text": "x" * 20_000})[0] == "413 Content Too Large"


def test_other_pages_do_not_exist(app):
    assert call(app, "GET", "/elsewhere")[0] == "404 Not Found"


def test_it_is_well_when_the_database_answers(app):
    assert call(app, "GET", "/health")[::2] == ("200 OK", "well, with 0 entries\n")


def test_it_is_not_well_when_the_database_does_not_answer(guestbook, tmp_path):
    app = guestbook.GuestBook("Guests", str(tmp_path / "missing" / "guestbook.sqlite"))
    status, _, body = call(app, "GET", "/health")
    assert status == "503 Service Unavailable"
    assert "missing" in body


def test_it_is_not_well_when_the_database_of_another_host_does_not_answer(guestbook):
    app = guestbook.GuestBook("Guests", "http://127.0.0.1:1")
    status, _, body = call(app, "GET", "/health")
    assert status == "503 Service Unavailable"
    assert "http://127.0.0.1:1" in body


def test_the_database_is_not_well_when_its_file_is_gone(database, tmp_path):
    (tmp_path / "entries.sqlite").unlink()
    assert refused(f"{database}/health") == 503


@pytest.mark.parametrize("entry", [b"", b"nonsense", b"[]", b"{}", b'{"name": "Ada"}'])
def test_the_database_takes_entries_only(database, entry):
    assert refused(f"{database}/entries", entry) == 400
    assert refused(f"{database}/elsewhere", entry) == 404
    assert json.load(urllib.request.urlopen(f"{database}/entries")) == []


def refused(url, data=None):
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(url, data)
    raised.value.close()
    return raised.value.code


def test_the_configuration_file_says_title_database_and_number_of_entries(guestbook, tmp_path):
    configuration = tmp_path / "guestbook.ini"
    configuration.write_text("[guestbook]\ntitle = 100% guests\ndatabase = /tmp/x.sqlite\nentries_shown = 7\n")
    app = guestbook.application(str(configuration))
    assert (app.title, app.database, app.entries_shown) == ("100% guests", "/tmp/x.sqlite", 7)
