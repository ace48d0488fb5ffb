"""Every route that there is, asked in every way that must not work."""

from __future__ import annotations

import re
from collections import defaultdict
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import select
from starlette.routing import Route

from depl.access.roles import Role
from depl.project import WebSettings
from depl.rollout.plan import RolloutPlan
from depl.rollout.tree import Group, Leaf, Tree
from depl.store.schema import metadata
from depl.web.app import routes
from depl.web.guard import FIELD, HEADER

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PUBLIC = {"/static/{name}", "/sign-in", "/sign-in/link", "/sign-in/new-link", "/api/v1/openapi.json"}
OWN = {  # what everybody may do who has signed in
    "/sign-out", "/account/password", "/account/sessions/end-others", "/account/sessions/{id}/end", "/account/tokens",
    "/account/tokens/{id}/revoke", "/api/v1/tokens", "/api/v1/tokens/{id}",
}  # fmt: skip
ROLLOUT = "20260102-030405-ab12"
LOOKS = {"GET", "HEAD"}
ALL = [route for route in routes() if isinstance(route, Route)]
EACH = [(method, route.path) for route in ALL for method in sorted((route.methods or set()) - {"HEAD"})]
MUTATING = [(method, path) for method, path in EACH if method not in LOOKS]
LOOKING = [path for method, path in EACH if method in LOOKS]
MEANT = {"name": "pause", "reason": "x", "role": "viewer", "password": "a new long password"}
BARE = re.compile(r":\w+(?=})")


def filled(path: str) -> str:
    """A path with what is there: an environment, a rollout, a user."""
    path = BARE.sub("", path)
    names = {"/people": "bob", "/api/v1/users": "bob", "/new": "release", "/static": "depl.css"}
    name = next((value for start, value in names.items() if path.startswith(start)), "dev")
    known = {"name": name, "id": ROLLOUT, "task": "1"}
    return re.sub(r"{(\w+)}", lambda found: known.get(found[1], "1"), path)


@pytest.fixture(scope="module")
def swept(running: Any) -> Any:
    """A site with a rollout in dev, and people with and without rights there."""
    store = running.store
    leaves = {one: Leaf(one, "depl.tasks:Delay", environments=("dev",)) for one in ("1", "2")}
    store.create(RolloutPlan(ROLLOUT, "release", Tree(leaves, {"0": Group("0", ("1", "2"))}, "0"), who="ann@here"))
    people = SimpleNamespace(
        client=running.client,
        admin=running.sign_in("ann", "*=admin"),
        viewer=running.sign_in("bob", "dev=viewer"),
        stranger=running.sign_in("eve", "other=operator"),
        store=store,
    )
    scope = {"dev": frozenset({Role.VIEWER})}
    people.token = running.client(token=store.people.add_token("ann", "narrow", scope, 600)[1])
    return people


def post(who: Any, path: str, form: dict[str, str]) -> Any:
    """A form, from a page or from a program."""
    return (
        who.post(filled(path), form)
        if not who.token
        else who.send("POST", filled(path), urlencode(form).encode(), FORM)
    )


def rows(store: Any) -> dict[str, list[Any]]:
    """All that the store holds, but for who was here when."""
    with store.database.reading() as connection:
        tables = {table.name: table for table in metadata.tables.values() if table.name not in ("sessions", "tokens")}
        return {name: sorted(map(str, connection.execute(select(table)))) for name, table in tables.items()}


def assert_strict(answer: Any, path: str) -> None:
    """What every answer carries."""
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy, path
    assert answer.headers["x-content-type-options"] == "nosniff", path
    assert answer.headers["referrer-policy"] == "same-origin", path
    assert "server" not in answer.headers, path
    assert path.startswith("/static") or answer.headers["cache-control"] == "no-store", path


def test_all_routes_are_found() -> None:
    assert len(ALL) > 30
    assert len(ALL) == len(routes())
    assert not {path for _, path in EACH if path not in PUBLIC} & PUBLIC


def test_only_looking_is_done_by_get() -> None:
    assert not [route.path for route in ALL if LOOKS & (route.methods or set()) and (route.methods or set()) - LOOKS]


def test_who_has_not_signed_in_gets_nothing_but_401(swept: Any) -> None:
    before = rows(swept.store)
    for who in (swept.client(), swept.client(cookie="made-up", token="depl_made-up")):
        for method, path in EACH:
            if path not in PUBLIC:
                answer = who.send(method, filled(path), b"", FORM)
                assert (path, answer.status) == (path, 401)
                assert_strict(answer, path)
                assert "location" not in answer.headers and not answer.cookies, path
    assert rows(swept.store) == before


def test_a_wrong_method_is_refused_with_the_right_ones_named(swept: Any) -> None:
    methods: dict[str, set[str]] = defaultdict(set)
    for route in ALL:
        methods[filled(route.path)] |= route.methods or set()
    for path, known in methods.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - known:
            answer = swept.admin.send(method, path, b"", FORM)
            assert (path, method, answer.status) == (path, method, 405)
            assert set(answer.headers["allow"].split(", ")) == known, path
            assert_strict(answer, path)


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param({}, id="no form token"),
        pytest.param({"token": "0" * 64}, id="a made-up form token"),
        pytest.param({"token": "foreign"}, id="the form token of somebody else"),
        pytest.param({"Origin": "https://evil.example"}, id="another origin"),
        pytest.param({"Origin": "null"}, id="no origin to speak of"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="another site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, id="another machine of the site"),
    ],
)
def test_what_another_page_sends_changes_nothing(swept: Any, spoilt: dict[str, str]) -> None:
    before = rows(swept.store)
    is_foreign = not spoilt or "token" in spoilt
    token = spoilt.get("token", "") if is_foreign else swept.admin.form_token
    token = swept.viewer.form_token if token == "foreign" else token
    about = {name: value for name, value in spoilt.items() if name != "token"}
    for method, path in MUTATING:
        if is_foreign and path in PUBLIC:  # nobody is known yet, so that there is no token
            continue
        if path.startswith("/api/"):
            answer = swept.admin.send(method, filled(path), b"{}", {HEADER: token, **about})
        else:
            answer = swept.admin.send(method, filled(path), f"{FIELD}={token}".encode(), {**FORM, **about})
        assert (path, answer.status) == (path, 403)
        assert_strict(answer, path)
    assert rows(swept.store) == before


def test_a_viewer_a_stranger_and_a_narrow_token_change_nothing(swept: Any) -> None:
    def standing() -> dict[str, list[Any]]:
        return {name: found for name, found in rows(swept.store).items() if name != "audit"}

    before = standing()
    for who in (swept.viewer, swept.stranger, swept.token):
        for method, path in MUTATING:
            if path in PUBLIC | OWN:
                continue
            bodies = ({}, MEANT | {"rollout": "release"}, MEANT | {"environment": "dev"})
            answers = [
                who.call(method, filled(path), sent) if path.startswith("/api/") else post(who, path, sent)
                for sent in bodies
            ]
            statuses = {answer.status for answer in answers}
            assert statuses <= {403, 404, 422} and statuses != {422}, (path, statuses)  # 422: it means nothing
    assert standing() == before
    assert swept.store.audit.entries(outcome="denied")


def test_a_stranger_does_not_even_see_what_there_is(swept: Any) -> None:
    for path in LOOKING:
        if "{id}" in path or path in ("/environments/{name}", "/deploy/{name}", "/people/{name}"):
            answer = swept.stranger.get(filled(path))
            assert answer.status in (403, 404), (path, answer.status)
            assert "release" not in answer.text, path


def test_looking_changes_nothing_and_never_fails(swept: Any) -> None:
    before = rows(swept.store)
    odd = "?before=x&after=-1&offset=y&limit=-1&q=%00%ff%27%22%3Cscript%3E&name=%3Cscript%3E&state=%3Cscript%3E"
    for who, more in ((swept.admin, ""), (swept.admin, odd), (swept.viewer, ""), (swept.token, "")):
        for path in LOOKING:
            answer = who.get(filled(path) + more)
            assert answer.status < 500, (path, answer.status, answer.text)
            assert "html" not in answer.headers.get("content-type", "") or "<script>" not in answer.text, path
            assert_strict(answer, path)
    assert rows(swept.store) == before


def test_what_is_sent_is_bounded(swept: Any) -> None:
    assert swept.admin.post("/sign-out", {"x": "y" * 1_100_000}).status == 422


# -- proxies -------------------------------------------------------------------------------------------------


def test_a_proxy_says_who_asks_only_where_it_is_named(serving: Any) -> None:
    foreign = serving(WebSettings(proxies=("192.0.2.0/24",), user_header="X-User"), "foreign")
    named = serving(WebSettings(proxies=("127.0.0.0/8",), user_header="X-User"), "named")
    for running in (foreign, named):
        running.sign_in("ann", "*=admin")
    told = {"X-User": "ann"}
    assert foreign.client().get("/account", told).status == 401
    assert named.client().get("/account", told).status == 200
    assert named.client().get("/account", {"X-User": "nobody"}).status == 401
    assert named.client().get("/account").status == 401
    twice = [("X-User", "ann"), ("X-User", "eve")]  # one of them was smuggled
    assert named.client().send_lines("/account", twice).status == 401
    ann = named.client()
    assert ann.post("/account/sessions/end-others", headers=told).status == 403  # also they need a form token
    token = ann.get("/account", told).form_of("/sign-out")
    assert ann.post("/account/sessions/end-others", token, told).status == 303


def test_where_somebody_asks_from_is_not_their_own_word(serving: Any) -> None:
    foreign = serving(WebSettings(), "foreign")
    named = serving(WebSettings(proxies=("127.0.0.1", "10.0.0.0/8")), "named")
    said = [("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-For", "198.51.100.7, 10.0.0.9")]
    for running, expected in ((foreign, "127.0.0.1"), (named, "198.51.100.7")):
        running.sign_in("ann")
        lines = [*said, *FORM.items()]
        running.client().send_lines("/sign-in", lines, "POST", b"name=ann&password=wrong")
        assert running.store.audit.entries(who="ann")[0].address == expected


def test_who_is_not_believed_cannot_say_that_nobody_listens(serving: Any) -> None:
    running = serving(WebSettings())
    cookie = running.store.people.sign_in("", who="root")
    asked = running.client().send(
        "GET", "/account", headers={"X-Forwarded-Proto": "https", "Cookie": f"__Host-depl_session={cookie}"}
    )
    assert asked.status == 401
