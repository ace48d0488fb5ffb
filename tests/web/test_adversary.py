"""What somebody tries who wishes no good: odd texts and numbers, narrow tokens, roles that are gone, floods."""

from __future__ import annotations

import re
import socket
from typing import Any

import pytest

from depl.access.roles import Role
from depl.deploy.begin import new_id, utc
from depl.events import Event, What
from depl.rollout.plan import RolloutPlan
from depl.rollout.tree import Group, Leaf, Tree
from depl.setting_types import networks
from depl.web.guard import HEADER
from depl.web.limits import OF_ADDRESS
from depl.web.operations.asking import MOST

JSON = {"Content-Type": "application/json"}


def publish(site: Any, name: str, settings: dict[str, Any] | None = None) -> None:
    wanted = {"protected": False, "four_eyes": False} if settings is None else settings
    told = {"hosts": [], "nodes": [], "edges": [], "mistakes": [], "settings": wanted}
    site.store.published.put("environment", name, told)


def planned(site: Any, *environments: str, made: str = "") -> str:
    id = new_id()
    leaf = Leaf("1", "depl.tasks:Delay", environments=environments)
    tree = Tree({"1": leaf}, {"0": Group("0", ("1",))}, "0")
    site.store.create(RolloutPlan(id, "release", tree, who="ann", made=made or utc()))
    return id


def sent(who: Any, path: str, body: bytes) -> Any:
    return who.send("POST", path, body, {HEADER: who.form_token, **JSON})


# -- odd texts and numbers -----------------------------------------------------------------------------------

HUGE = "9" * 40


def test_no_number_is_too_large(site: Any, sign_in: Any) -> None:
    ann, id = sign_in("ann", "*=admin"), planned(site, "dev")
    for path in (
        *("/audit?before={}", "/api/v1/audit?before={}", "/rollouts/{id}/tasks/1/log?q=x&after={}"),
        *("/rollouts/{id}/tasks/1/log?offset={}&limit={}&hit={}", "/api/v1/rollouts/{id}/events?after={}"),
        *("/api/v1/rollouts/{id}/output?task=1&offset={}", "/api/v1/rollouts/{id}/output?task=1&offset=-{}"),
        *("/rollouts/{id}?start={}", "/rollouts/{id}/rows?start={}", "/rollouts?since=0001-01-01&until=9999-12-31"),
    ):
        assert ann.get(path.format(*[HUGE] * 3, id=id)).status == 200, path


@pytest.mark.parametrize(
    "value", [r'"\ud800"', r'"a\u0000"', "NaN", "1e999", HUGE, "[" * 100_000], ids=lambda value: value[:9]
)
def test_what_no_text_or_number_can_be_is_refused_before_anybody_has_to_show_it(
    value: str, site: Any, sign_in: Any
) -> None:
    publish(site, "dev")
    bob, ann = sign_in("bob", "dev=operator"), sign_in("ann", "*=admin")
    for path, field in (
        ("/api/v1/environments/dev/hold", "reason"), ("/api/v1/rollouts", "environment"), ("/api/v1/tokens", "days"),
    ):  # fmt: skip
        body = f'{{"reason": "x", "label": "x", "{field}": {value}}}'
        assert sent(bob, path, body.encode()).status == 422, path
    assert ann.get("/").status == ann.get("/environments/dev").status == ann.get("/people").status == 200


def test_a_text_with_the_spelling_of_such_a_character_is_fine(site: Any, sign_in: Any) -> None:
    publish(site, "spelled")
    assert (
        sent(sign_in("ann", "*=admin"), "/api/v1/environments/spelled/hold", rb'{"reason": "C:\\u0000"}').status == 200
    )


def test_no_form_query_or_path_has_a_character_that_databases_do_not_take(site: Any, sign_in: Any) -> None:
    ann = sign_in("ann", "*=admin")
    for path in ("/rollouts/%00", "/rollouts?who=%00", "/sign-in?next=/%00"):
        assert ann.get(path).status == 422, path
    assert ann.post("/account/tokens", {"label": "x\0", "days": "1"}).status == 422


def test_names_of_files_that_are_no_text_are_shown_all_the_same(site: Any, sign_in: Any) -> None:
    id, ann = planned(site, "dev"), sign_in("ann", "*=admin")
    site.store.start(id, "ann")
    name = b"caf\xe9".decode(errors="surrogateescape")
    change = {"changes": [{"what": "file", "path": name}]}
    begun = (Event(What.STARTED, data={"who": "worker1"}), Event(What.TASK_STARTED, "1", data={"attempt": 1}))
    failed = Event(What.TASK_FAILED, "1", data={"error": {"message": f"no {name}"}})
    site.store.log(id).append([*begun, Event(What.CHANGED, "1", data=change), failed])
    for path in ("/", f"/rollouts/{id}", f"/rollouts/{id}/live?poll=1", f"/rollouts/{id}/tasks/1"):
        assert ann.get(path).status == 200, path
    assert ann.call("GET", f"/api/v1/rollouts/{id}/events").json["events"]


def test_a_token_does_not_last_longer_than_its_end_can_be_told(site: Any, sign_in: Any) -> None:
    bob, ann = sign_in("bob", "dev=viewer"), sign_in("ann", "*=admin")
    for days in ("1000000000000", "9" * 400, "-1"):
        assert bob.post("/account/tokens", {"label": "x", "days": days}).status == 422
        assert sent(bob, "/api/v1/tokens", f'{{"label": "x", "days": {days}}}'.encode()).status == 422
    assert ann.get("/people").status == 200


@pytest.mark.parametrize("origin", ["http://[", "null", "//", "ftp://127.0.0.1:{port}", "http://127.0.0.1:{port}0"])
def test_an_origin_that_is_not_ours_is_refused(origin: str, sign_in: Any) -> None:
    ann = sign_in("ann", "*=admin")
    about = {"Origin": origin.format(port=ann.port)}
    assert ann.post("/account/sessions/end-others", headers=about).status == 403


# -- narrow tokens, roles that are gone ----------------------------------------------------------------------


def test_a_scope_without_roles_is_not_taken_for_none(sign_in: Any) -> None:
    bob = sign_in("bob", "dev=operator")
    for scope in ({}, {"dev": []}):
        assert bob.call("POST", "/api/v1/tokens", {"label": "x", "scope": scope}).status == 422
    assert bob.post("/account/tokens", {"label": "x", "days": "1", "environment": "dev", "role": ""}).status == 422


def test_a_narrow_token_leaves_the_account_of_its_user_alone(site: Any, sign_in: Any, client: Any) -> None:
    cyd, people = sign_in("cyd", "*=admin"), site.store.people
    other, _ = people.add_token("cyd", "other", None, 600)
    narrow = client(token=people.add_token("cyd", "narrow", {"dev": frozenset({Role.VIEWER})}, 600)[1])
    session = people.sessions("cyd")[0].id
    for path in (
        "/account/sessions/end-others", f"/account/sessions/{session}/end", f"/account/tokens/{other.id}/revoke",
        "/account/password", "/account/tokens",
    ):  # fmt: skip
        assert (
            narrow.post(path, {"label": "x", "new": "a long new password", "again": "a long new password"}).status
            == 403
        )
    assert narrow.call("DELETE", f"/api/v1/tokens/{other.id}").status == 403
    assert cyd.get("/account").status == 200
    assert other.id in {one.id for one in people.tokens("cyd")}


def test_what_somebody_asked_is_not_shown_to_them_once_their_role_is_gone(site: Any, sign_in: Any) -> None:
    dan = sign_in("dan", "gone=operator")
    asked = site.store.inquiries.ask("look", {"environment": "gone"}, who="dan", environments=["gone"], queue="q")
    assert dan.get(f"/inquiries/{asked.id}").status == 200
    site.store.people.revoke("dan", "gone", Role.OPERATOR)
    for path in (f"/inquiries/{asked.id}", f"/inquiries/{asked.id}/live?poll=1", f"/api/v1/inquiries/{asked.id}"):
        assert dan.get(path).status == 404, path


def test_a_plan_made_anew_stays_where_whoever_asked_for_it_may_plan(site: Any, sign_in: Any) -> None:
    publish(site, "dev")
    id, eli = planned(site, "dev"), sign_in("eli", "dev=operator")
    inquiry = site.store.inquiries.get(eli.call("POST", f"/api/v1/rollouts/{id}/replan").json["id"])
    assert inquiry.asked == {"rollout": id, "within": ["dev"]}


def test_nothing_starts_where_the_settings_of_an_environment_cannot_be_read(site: Any, sign_in: Any) -> None:
    publish(site, "broken", {})
    id = planned(site, "broken")
    answer = sign_in("ann", "*=admin").post(f"/rollouts/{id}/start")
    assert (answer.status, "Nothing is known of broken" in answer.text) == (409, True)


@pytest.mark.parametrize("lost", ["role", "account"])
def test_a_start_is_not_approved_for_somebody_who_may_start_nothing_any_more(
    lost: str, site: Any, sign_in: Any
) -> None:
    publish(site, "watched", {"protected": False, "four_eyes": True})
    name = f"gil-{lost}"
    id, gil, hal = planned(site, "watched"), sign_in(name, "watched=operator"), sign_in("hal", "watched=approver")
    assert gil.post(f"/rollouts/{id}/ask").status == 303
    if lost == "role":
        site.store.people.revoke(name, "watched", Role.OPERATOR)
    else:
        site.store.people.disable(name)
    assert hal.post(f"/rollouts/{id}/start").status == 409
    assert site.store.header(id).state.value == "planned"


# -- what is written down, and floods ------------------------------------------------------------------------


def test_also_who_may_not_even_look_is_written_down_who_wants_to_change_it(site: Any, sign_in: Any) -> None:
    publish(site, "hidden")
    id, eve = planned(site, "hidden"), sign_in("eve", "other=operator")
    for path in (
        f"/rollouts/{id}/start",
        f"/rollouts/{id}/signal",
        "/environments/hidden/hold",
        "/environments/hidden/look",
    ):
        assert eve.post(path, {"name": "abort", "reason": "x"}).status == 404
    assert eve.call("POST", "/api/v1/rollouts", {"environment": "hidden"}).status == 404
    denied = site.store.audit.entries(who="eve", outcome="denied")
    assert [one.environment for one in denied] == ["hidden"] * 5
    for known, unknown in ((f"/rollouts/{id}", "/rollouts/none"), ("/environments/hidden", "/environments/none")):
        texts = [eve.get(path).text.replace(path, "") for path in (known, unknown)]
        assert len({re.sub(r"\d\d:\d\d:\d\d", "", text) for text in texts}) == 1, texts  # but for the time of day


def test_nobody_keeps_the_workers_busy_alone(site: Any, sign_in: Any) -> None:
    fay = sign_in("fay", "flood=operator")
    told = {
        "hosts": [{"name": f"h{n}", "ignore": False} for n in range(MOST + 1)],
        "nodes": [],
        "settings": {"queue": "x"},
    }
    site.store.published.put("environment", "flood", told)
    asked = [
        fay.call("POST", "/api/v1/rollouts", {"environment": "flood", "hosts": [f"h{n}"]}) for n in range(MOST + 1)
    ]
    assert [one.status for one in asked] == [*[202] * MOST, 429]
    again = fay.call("POST", "/api/v1/rollouts", {"environment": "flood", "hosts": ["h0"]})
    assert again.json["id"] == asked[0].json["id"]


def test_trying_many_names_does_not_fill_the_audit(serving: Any) -> None:
    served = serving()
    served.store.people.add("ann", "", [("*", Role.ADMIN)])
    for number in range(OF_ADDRESS):
        served.store.audit.add(f"?{number}", "sign in", outcome="failed", address="127.0.0.1")
    for number in range(20):
        assert served.client().post("/sign-in", {"name": f"name{number}", "password": "x"}).status == 429
    assert len(served.store.audit.entries(outcome="denied")) < 10


def test_who_connects_and_says_nothing_keeps_no_place(serving: Any) -> None:
    served = serving(heading=0.2)
    for begin in (b"", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET /static/depl.css HTTP/1.1\r\nHost: x\r\n\r\nGET"):
        with socket.create_connection(("127.0.0.1", served.server.port), timeout=30) as line:
            line.sendall(begin)
            while line.recv(65536):
                pass
    assert served.client().get("/sign-in").status == 200


def test_who_goes_before_all_was_sent_leaves_no_trace(serving: Any, capfd: Any) -> None:
    served = serving()
    with socket.create_connection(("127.0.0.1", served.server.port), timeout=30) as line:
        line.sendall(b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")
    assert served.client().get("/sign-in").status == 200
    served.end()
    assert "Traceback" not in capfd.readouterr().err


def test_nobody_is_a_proxy_because_all_are() -> None:
    for network in ("0.0.0.0/0", "10.0.0.0/8, ::/0"):
        with pytest.raises(ValueError, match="networks"):
            networks(network)
