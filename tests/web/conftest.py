"""A running site for tests of pages, and a small client.

    def test_x(site, client, sign_in):
        site.store ...                          the store (SQLite); site.owner has everything where there are no users
        ann = sign_in("ann", "dev=operator")    a client with a session of its own, the user made if need be
        answer = ann.get("/rollouts")           .status .headers .text .json; no redirects are followed
        ann.post("/sign-out", {"reason": "x"})  a form with its form token; token="" sends another one
        ann.call("POST", "/api/v1/..", {...})   JSON with the form token as a header
        client()                                nobody; client(token="depl_...") a program

`site` lasts for a module: name things differently in each test. Passwords cost time: sign_in does without.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from depl.access.roles import Role
from depl.project import WebSettings
from depl.store.sessions import hashed
from depl.store.store import open_store
from depl.web.guard import FIELD, HEADER, form_token
from depl.web.serving import Server, site_of
from depl.web.site import Site
from depl.web.visitors import COOKIE

PATIENCE = 30  # seconds until an answer counts as never coming


@dataclass(frozen=True)
class Answer:
    """headers: in small letters, the last of several; cookies: as they were set."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: list[str]

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def form_of(self, action: str) -> dict[str, str]:
        """The hidden fields of the form with that action."""
        form = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>.*?</form>', self.text, re.DOTALL)
        assert form, f"no form for {action}"
        return dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form[0]))


class Client:
    """Somebody with a browser, or a program with a token."""

    def __init__(self, site: Site, port: int, *, cookie: str = "", token: str = "") -> None:
        self.site, self.port, self.token = site, port, token
        self.cookies = {COOKIE: cookie} if cookie else {}

    @cached_property
    def form_token(self) -> str:
        return form_token(self.site.key, hashed(self.cookies.get(COOKIE, "")))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.send("GET", path, headers=headers)

    def post(
        self,
        path: str,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:
        """token: another form token than ours."""
        fields = {FIELD: self.form_token if token is None else token, **(form or {})}
        body = urlencode(fields, doseq=True).encode()
        about = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self.send("POST", path, body, about)

    def call(self, method: str, path: str, data: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        about = {} if self.token else {HEADER: self.form_token}
        body = b"" if data is None else json.dumps(data).encode()
        return self.send(method, path, body, {**about, "Content-Type": "application/json", **(headers or {})})

    def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """One request, with nothing but what is given and who we are."""
        about = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if self.cookies:
            about["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.send_lines(path, list({**about, **(headers or {})}.items()), method, body)
        for one in answer.cookies:
            for name, morsel in SimpleCookie(one).items():
                self.cookies[name] = morsel.value
                if not morsel.value:
                    del self.cookies[name]
        vars(self).pop("form_token", None)
        return answer

    def send_lines(
        self, path: str, headers: Sequence[tuple[str, str]], method: str = "GET", body: bytes = b""
    ) -> Answer:
        """Exactly these headers, in this order, some of them more than once; what comes back is not remembered."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            line.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers:
                line.putheader(name, value)
            if body or method != "GET":
                line.putheader("Content-Length", str(len(body)))
            line.endheaders(body or None)
            got = line.getresponse()
            found = {name.lower(): value for name, value in got.getheaders()}
            return Answer(got.status, found, got.read(), got.headers.get_all("Set-Cookie") or [])
        finally:
            line.close()


class Running:
    """A server in a thread. settings: `[web]` of depl.cfg; how: see Server."""

    def __init__(self, directory: Path, settings: WebSettings | None = None, url: str = "", **how: Any) -> None:
        self.store = open_store(url or f"sqlite:///{directory}/depl.sqlite", str(directory))
        self.site = site_of(self.store, settings or WebSettings(), str(directory), "root", "shop")
        self.server = Server(self.site, "127.0.0.1", 0, **how)
        ready = threading.Event()
        self._thread = threading.Thread(target=self.server.run, args=(lambda port: ready.set(),))
        self._thread.start()
        assert ready.wait(PATIENCE)

    def client(self, *, cookie: str = "", token: str = "") -> Client:
        return Client(self.site, self.server.port, cookie=cookie, token=token)

    def sign_in(self, name: str, *roles: str) -> Client:
        """Somebody with roles such as `dev=operator` or `*=admin`, without the cost of a password."""
        if self.store.people.user(name) is None:
            self.store.people.add(name, "")
        for role in roles:
            environment, _, word = role.partition("=")
            self.store.people.grant(name, environment, Role(word))
        return self.client(cookie=self.store.people.sign_in(name, address="127.0.0.1"))

    def end(self) -> None:
        self.server.end()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self.store.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server for the tests of a module."""
    served = Running(tmp_path_factory.mktemp("web"))
    yield served
    served.end()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts servers with settings of their own: serving(WebSettings(...))."""
    started: list[Running] = []

    def serve(settings: WebSettings | None = None, name: str = "own", **how: Any) -> Running:
        directory = tmp_path / name
        directory.mkdir()
        started.append(Running(directory, settings, **how))
        return started[-1]

    yield serve
    for one in started:
        one.end()


@pytest.fixture
def site(running: Running) -> Site:
    return running.site


@pytest.fixture
def client(running: Running) -> Callable[..., Client]:
    return running.client


@pytest.fixture
def sign_in(running: Running) -> Callable[..., Client]:
    return running.sign_in
