"""Coming and going."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from depl.access.passwords import hashed_password
from depl.access.roles import Role
from depl.project import WebSettings
from depl.web.limits import OF_NAME, OF_NAME_THERE, WHAT
from depl.web.visitors import COOKIE, SECURE_COOKIE

PASSWORD = "correct horse battery"
WRONG = {"password": "not the right one"}
PROXY = WebSettings(proxies=("127.0.0.1",))


@pytest.fixture(scope="module")
def kept() -> str:
    """As it is kept; made once, as it costs time."""
    return hashed_password(PASSWORD)


@pytest.fixture
def user(site: Any, kept: str) -> Callable[..., dict[str, str]]:
    """Makes a user; what they type to sign in."""

    def make(name: str, *roles: tuple[str, Role]) -> dict[str, str]:
        site.store.people.add(name, kept, roles)
        return {"name": name, "password": PASSWORD}

    return make


def test_without_users_only_the_link_of_the_process_lets_somebody_in_and_only_once(serving):
    running, said = serving(), []
    running.site.links.say = said.append
    running.site.links.new()
    nobody, owner = running.client(), running.client()

    first = nobody.get("/")
    assert first.status == 401 and "no users" in first.text and "<nav" not in first.text
    shown = owner.get(f"/sign-in/link?key={said[0]}")
    assert shown.status == 200 and owner.get("/people").status == 401  # looking uses nothing up
    assert owner.post("/sign-in/link", shown.form_of("/sign-in/link")).status == 303
    assert owner.get("/people").status == 200
    assert nobody.post("/sign-in/link", {"key": said[0]}).status == 409
    bad = [nobody.post("/sign-in/link", {"key": "other"}).status for _ in range(OF_NAME_THERE)]
    assert bad == [409] * (OF_NAME_THERE - 1) + [429]


def test_the_link_and_who_came_by_it_are_worth_nothing_once_there_are_users(serving):
    running, said = serving(), []
    running.site.links.say = said.append
    running.site.links.new()
    owner = running.client()
    owner.post("/sign-in/link", {"key": said[0]})
    running.site.links.new()

    made = owner.post("/people", {"name": "ann", "password": PASSWORD, "role": "admin", "environment": "*"})

    assert made.status == 303
    assert owner.get("/people").status == 401
    assert running.client().post("/sign-in/link", {"key": said[1]}).status == 409
    assert owner.post("/sign-in", {"name": "ann", "password": PASSWORD}).status == 303
    assert owner.get("/people").status == 200


def test_the_first_user_has_to_be_admin(serving):
    running = serving()
    owner = running.client(cookie=running.store.people.sign_in("", who="root"))
    answer = owner.post("/people", {"name": "ann", "password": PASSWORD, "role": "viewer", "environment": "*"})
    assert answer.status == 409 and "first user has to be admin" in answer.text
    assert not running.store.people.any()


def test_a_new_link_is_printed_where_the_process_runs_and_shown_to_nobody(serving):
    running, said = serving(), []
    running.site.links.say = said.append
    answers = [running.client().post("/sign-in/new-link") for _ in range(3)]
    assert len(said) == 1  # one is enough as long as it is good
    assert all(said[0] not in answer.text + str(answer.headers) for answer in answers)


def test_a_password_signs_in_with_a_new_session_each_time(client, user):
    anybody, typed = client(), user("bea")
    first = anybody.post("/sign-in", {**typed, "next": "/account"})
    assert (first.status, first.headers["location"]) == (303, "/account")
    one = anybody.cookies[COOKIE]
    anybody.post("/sign-in", typed)
    assert anybody.cookies[COOKIE] != one
    assert client(cookie=one).get("/account").status == 401  # the one before has ended
    assert anybody.get("/account").status == 200


def test_the_cookie_is_not_for_scripts_nor_for_other_sites(client, user, serving, kept):
    typed = user("cleo")
    (cookie,) = client().post("/sign-in", typed).cookies
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; ")) and "Domain" not in cookie

    behind = serving(PROXY)
    behind.store.people.add("cleo", kept)
    tls = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "depl.example"}
    visitor = behind.client()
    (secure,) = visitor.post("/sign-in", typed, {**tls, "Origin": "https://depl.example"}).cookies
    assert secure.startswith(f"{SECURE_COOKIE}=") and {"Secure", "HttpOnly", "Path=/"} <= set(secure.split("; "))
    assert visitor.get("/account", tls).status == 200
    assert visitor.get("/account").status == 401  # not over a line that anybody hears


def test_nobody_learns_which_names_exist(client, user):
    user("dora")
    wrong = client().post("/sign-in", {"name": "dora", **WRONG})
    unknown = client().post("/sign-in", {"name": "dore", **WRONG})
    assert wrong.status == unknown.status == 401
    assert re.sub("depl-now.*", "", wrong.text.replace("dora", "dore")) == re.sub("depl-now.*", "", unknown.text)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "rollouts",
    ],
)
def test_signing_in_leads_to_no_other_site(client, sign_in, elsewhere):
    assert sign_in("ed").get("/sign-in?next=" + elsewhere.replace("\t", "%09")).headers["location"] == "/"


def test_signing_out_ends_the_session_and_not_only_the_cookie(client, sign_in):
    fay = sign_in("fay")
    before = fay.cookies[COOKIE]
    assert fay.post("/sign-out").status == 303 and COOKIE not in fay.cookies
    assert client(cookie=before).get("/account").status == 401


def test_all_other_sessions_end_at_once_and_those_of_others_cannot_be_ended(site, client, sign_in):
    one, two, other = sign_in("gil"), sign_in("gil"), sign_in("hal")
    of_other = site.store.people.sessions("hal")[0].id
    assert one.post(f"/account/sessions/{of_other}/end").status == 404
    assert one.post("/account/sessions/end-others").status == 303
    assert [each.get("/account").status for each in (one, two, other)] == [200, 401, 200]


def test_a_changed_password_ends_all_other_sessions_and_the_old_one_is_needed(site, client, sign_in, kept):
    one, two = sign_in("ida"), sign_in("ida")
    site.store.people.set_password("ida", kept)
    new = {"new": "another long password", "again": "another long password"}
    assert one.post("/account/password", {"old": "wrong wrong wrong", **new}).status == 403
    assert one.post("/account/password", {"old": PASSWORD, "new": "short", "again": "short"}).status == 422
    assert one.post("/account/password", {"old": PASSWORD, **new}).status == 303
    assert (one.get("/account").status, two.get("/account").status) == (200, 401)
    assert client().post("/sign-in", {"name": "ida", "password": new["new"]}).status == 303


def test_somebody_disabled_is_out_at_once(site, client, sign_in, user):
    typed, jo = user("jo"), sign_in("jo")
    _, token = site.store.people.add_token("jo", "build", None, 60)
    site.store.people.disable("jo")
    assert jo.get("/account").status == client(token=token).get("/account").status == 401
    assert client().post("/sign-in", typed).status == 401


# -- limits --------------------------------------------------------------------------------------------------


def fail(site: Any, who: str, address: str, times: int) -> None:
    """As failed attempts are written down."""
    for _ in range(times):
        site.store.audit.add(who, WHAT, outcome="failed", address=address)


def test_after_some_failures_not_even_the_right_password_helps(site, client, user):
    typed = user("kim")
    fail(site, "kim", "127.0.0.1", OF_NAME_THERE - 1)
    assert client().post("/sign-in", {**typed, **WRONG}).status == 401
    locked = client().post("/sign-in", typed)
    assert locked.status == 429 and int(locked.headers["retry-after"]) > 0
    outcomes = [one.outcome for one in site.store.audit.entries(who="kim")]
    for _ in range(3):
        client().post("/sign-in", typed)
    assert [one.outcome for one in site.store.audit.entries(who="kim")] == outcomes  # it fills no store
    assert outcomes.count("failed") == OF_NAME_THERE and outcomes[0] == "denied"


def test_an_attacker_elsewhere_locks_nobody_out_where_they_sign_in(site, client, user):
    lea, max_ = user("lea"), user("max")
    client().post("/sign-in", lea)  # from here
    for name in ("lea", "max"):
        fail(site, name, "203.0.113.9", OF_NAME)
    assert client().post("/sign-in", lea).status == 303
    assert client().post("/sign-in", max_).status == 429  # never seen here


def test_an_address_that_tries_many_names_has_to_wait(serving, kept):
    running = serving(PROXY)
    running.store.people.add("ned", kept)
    typed, there = {"name": "ned", "password": PASSWORD}, {"X-Forwarded-For": "2001:db8::1"}
    fail(running.site, "?", "2001:db8::/64", 30)
    assert running.client().post("/sign-in", typed, there).status == 429
    assert running.client().post("/sign-in", typed, {"X-Forwarded-For": "198.51.100.1"}).status == 303


def test_what_was_typed_is_not_written_down_unless_it_is_a_name(site, client):
    client().post("/sign-in", {"name": "my secret password", "password": "my other password"})
    entries = site.store.audit.entries(what=WHAT)
    assert entries[0].reason == "no such user"
    assert not any("secret" in f"{one}" or "other password" in f"{one}" for one in entries)


def test_an_admin_is_made_only_by_those_who_say_their_password_again(site, sign_in, kept):
    admin = sign_in("olga", "*=admin")
    site.store.people.set_password("olga", kept)
    sign_in("pat")
    wanted = {"environment": "dev", "role": "admin"}
    assert admin.post("/people/pat/roles", wanted).status == 403
    assert admin.post("/people/pat/roles", {**wanted, "confirm": PASSWORD}).status == 303
    assert admin.post("/people/pat/roles", {"environment": "dev", "role": "viewer"}).status == 303
    assert site.store.people.user("pat").roles == {"dev": {Role.ADMIN, Role.VIEWER}}


def test_the_last_admin_stays(serving):
    running = serving()
    admin = running.sign_in("quin", "*=admin")
    running.sign_in("rob", "dev=admin")
    ways = ["/people/quin/remove", "/people/quin/disable", "/people/quin/roles/revoke"]
    answers = [admin.post(way, {"environment": "*", "role": "admin"}) for way in ways]
    assert [answer.status for answer in answers] == [409] * 3 and "only user who is admin" in answers[0].text
    running.sign_in("sue", "*=admin")
    assert admin.post(ways[0]).status == 303
    assert admin.get("/account").status == 401


def test_a_token_is_shown_once_and_kept_as_a_hash(site, client, sign_in):
    tim = sign_in("tim", "dev=operator")
    made = tim.post("/account/tokens", {"label": "build", "role": "viewer", "environment": "dev", "days": "30"})
    text = re.findall(r"depl_[\w-]{40,}", made.text)[0]
    assert made.status == 200
    assert text not in tim.get("/account").text
    program = client(token=text)
    assert program.get("/account").status == 200
    more = program.post("/account/tokens", {"label": "more", "days": "30"})
    assert more.status == 403  # it would widen its own scope
    assert tim.post(f"/account/tokens/{site.store.people.tokens('tim')[0].id}/revoke").status == 303
    assert program.get("/account").status == 401


def test_the_audit_tells_who_came_and_can_be_downloaded(site, client, sign_in, user):
    client().post("/sign-in", user("uma"))
    admin = sign_in("vic", "*=admin")
    page = admin.get("/audit?who=uma&what=sign+in")
    assert page.status == 200 and "127.0.0.1" in page.text
    lines = admin.get("/audit/download?who=uma")
    assert lines.headers["content-disposition"].startswith("attachment")
    assert '"what": "sign in"' in lines.text and lines.text.count("\n") == 1
    assert sign_in("uma").get("/audit").status == 403
