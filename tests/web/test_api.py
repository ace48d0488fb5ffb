"""The API: what it is described to be, and that it answers as the pages do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from starlette.routing import Route

from depl.deploy.begin import new_id, utc
from depl.events import Event, Output, What
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import RolloutState
from depl.rollout.tree import Leaf, Tree
from depl.web.api.described import PREFIX
from depl.web.api.routes import parts
from depl.web.app import routes

KINDS = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list}


@pytest.fixture
def planned(site) -> Callable[..., str]:
    """Plans a rollout of one task, under a name and with parameters; its id."""

    def plan(name: str, environment: str = "", **parameters: str) -> str:
        where = (environment,) if environment else ()
        how = {"way_back": "none", "environments": where}
        leaf = Leaf("0", "depl.tasks.delay:Delay", {"seconds": 5}, "Delay for 5 seconds", **how)
        id = new_id()
        told = {"who": "somebody", "made": utc(), "parameters": parameters}
        site.store.create(RolloutPlan(id, name, Tree({"0": leaf}, {}, "0"), **told))
        return id

    return plan


@pytest.fixture(scope="module")
def described(running) -> Mapping[str, Any]:
    answer = running.client().get(f"{PREFIX}/openapi.json")
    assert answer.status == 200, answer.text
    return answer.json


def test_anybody_may_read_the_description_and_nothing_else(site, client):
    for part in parts:
        path = PREFIX + re.sub(r"\{[^}]*\}", "x", part.path)
        answer = client().call(part.method, path, None if part.method == "GET" else {})
        assert answer.status == (200 if part.public else 401), (part, answer.text)
        assert part.public or answer.json["error"]["message"]


def test_every_route_of_the_api_is_described(described):
    found = {
        (method, re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path))
        for route in routes()
        if isinstance(route, Route) and route.path.startswith("/api/")
        for method in (route.methods or set()) - {"HEAD"}
    }
    told = {(method.upper(), path) for path, of in described["paths"].items() for method in of}
    assert found == told
    assert len({one["operationId"] for of in described["paths"].values() for one in of.values()}) == len(told)


def test_what_pages_do_with_rollouts_and_environments_programs_can_do(described):
    paths = [route.path for route in routes() if isinstance(route, Route) and "POST" in (route.methods or ())]
    done = [path for path in paths if path.startswith(("/rollouts/", "/environments/"))]
    assert done
    assert [path for path in done if "post" not in described["paths"].get(PREFIX + path, {})] == []


def test_all_that_is_referred_to_is_described(described):
    for reference in _references(described):
        of: Any = described
        for step in reference.removeprefix("#/").split("/"):
            of = of[step]


def test_a_rollout_is_told_as_described(site, planned, sign_in, described):
    id = planned("api-told")
    ann = sign_in("told", "*=operator")
    for path in ("", "/plan", "/tasks", "/events", "/output?task=0", "/signals"):
        answer = ann.get(f"{PREFIX}/rollouts/{id}{path}")
        assert answer.status == 200, answer.text
        _assert_fits(answer.json, _schema_of(described, f"/rollouts/{{id}}{path.partition('?')[0]}"), described)
    listed = ann.get(f"{PREFIX}/rollouts?name=api-told&state=planned&limit=5").json
    assert [one["id"] for one in listed["rollouts"]] == [id]
    _assert_fits(listed, _schema_of(described, "/rollouts"), described)
    for path in ("/environments", "/forms", "/workers", "/me", "/tokens", "/inquiries", "/waits"):
        answer = ann.get(PREFIX + path)
        _assert_fits(answer.json, _schema_of(described, path), described)


def test_programs_find_what_the_history_finds(site, planned, sign_in):
    id = planned("api-found", version="1.4")
    other = planned("api-found", version="2.0")
    ann = sign_in("finder", "*=operator")

    def found(query: str) -> list[str]:
        return [one["id"] for one in ann.get(f"{PREFIX}/rollouts?name=api-found&{query}").json["rollouts"]]

    assert found("parameter=version&value=1.4") == [id]
    assert found("value=2.0") == [other]
    assert found("state=planned&state=queued") == [other, id]
    assert found("state=queued") == []
    assert found("until=2020-01-01") == []
    assert found(f"undoes={id}") == []
    assert ann.get(f"{PREFIX}/rollouts?since=yesterday").status == 422


def test_programs_are_told_what_waits_and_what_is_being_asked(site, planned, sign_in):
    id = planned("api-waits")
    ben, ann = sign_in("asker", "*=operator"), sign_in("answerer", "*=approver")
    asked = ben.call("POST", f"{PREFIX}/rollouts/{id}/replan").json["id"]
    assert asked in [one["id"] for one in ben.get(f"{PREFIX}/inquiries").json["inquiries"]]
    assert ben.call("POST", f"{PREFIX}/rollouts/{id}/ask").status == 200
    (waits,) = [one for one in ann.get(f"{PREFIX}/waits").json["waits"] if one["rollout"]["id"] == id]
    assert waits["what"] == "asker wants to start it."
    assert id not in [one["rollout"]["id"] for one in ben.get(f"{PREFIX}/waits").json["waits"]]


def test_an_environment_that_no_worker_told_of_is_there_as_on_the_first_page(site, planned, sign_in):
    id = _over(site, planned("api-lonely", "lonely"))
    ann = sign_in("lonely-ann", "lonely=viewer")
    (one,) = ann.get(f"{PREFIX}/environments").json["environments"]
    assert (one["name"], one["runs"]["id"], one["rollout"]["id"]) == ("lonely", id, id)
    assert ann.get(f"{PREFIX}/environments/lonely").json["found"] is None
    assert ann.get(f"{PREFIX}/environments/other").status == 404


def test_what_a_task_printed_is_searched(site, planned, sign_in):
    id, ann = _over(site, planned("api-search"), Output("0", "stdout", "one\nTwo\n")), sign_in("searcher", "*=viewer")
    assert ann.get(f"{PREFIX}/rollouts/{id}/search?task=0&text=two").json == {"offsets": [4], "after": None}
    assert ann.get(f"{PREFIX}/rollouts/{id}/search?task=0").status == 422


def test_the_audit_is_filtered_as_on_its_page(site, sign_in):
    site.store.audit.add("x", "hold", subject="dev", environment="api-audit", outcome="denied")
    root = sign_in("auditor", "*=admin")
    for query, count in (("environment=api-audit", 1), ("environment=api-audit&outcome=done", 0), ("subject=dev", 1)):
        assert len(root.get(f"{PREFIX}/audit?{query}").json["entries"]) == count, query


def test_a_rollout_is_planned_and_started_by_a_program(site, sign_in, planned):
    id = planned("api-start")
    ann = sign_in("starter", "*=operator")
    asked = ann.call("POST", f"{PREFIX}/rollouts/{id}/replan")
    assert asked.status == 202
    assert asked.json["state"] == "asked"
    assert ann.get(f"{PREFIX}/inquiries/{asked.json['id']}").json["kind"] == "replan"
    started = ann.call("POST", f"{PREFIX}/rollouts/{id}/start", {})
    assert started.status == 200, started.text
    assert started.json["state"] == "queued"
    assert started.json["queued_by"] == "starter"
    assert site.store.header(id).state is RolloutState.QUEUED


def test_what_makes_no_sense_is_refused_in_a_sentence(site, sign_in, planned):
    id, ann = planned("api-nonsense"), sign_in("nonsense", "*=operator")
    for wish, status in (
        ({"name": "pause"}, 409),
        ({"name": "dance"}, 422),
        ({}, 422),
        ({"name": 5}, 422),
    ):
        answer = ann.call("POST", f"{PREFIX}/rollouts/{id}/signal", wish)
        assert answer.status == status, (wish, answer.text)
        assert answer.json["error"]["message"]
    assert ann.send("POST", f"{PREFIX}/rollouts", b"{", {"Content-Type": "application/json"}).status == 403
    for body in ({}, {"rollout": "a", "environment": "b"}, {"rollout": "a", "parameters": []}):
        assert ann.call("POST", f"{PREFIX}/rollouts", body).status == 422
    assert ann.get(f"{PREFIX}/rollouts?state=odd").status == 422
    assert ann.get(f"{PREFIX}/rollouts/nothing").status == 404


def test_a_token_may_do_no_more_than_its_scope(site, client, sign_in, planned):
    id, ann = planned("api-scope"), sign_in("scoped", "*=operator")
    made = ann.call("POST", f"{PREFIX}/tokens", {"label": "watch", "scope": {"*": ["viewer"]}, "days": 1})
    assert made.status == 201, made.text
    program = client(token=made.json["token"])
    assert program.get(f"{PREFIX}/me").json["name"] == "scoped"
    assert program.get(f"{PREFIX}/rollouts/{id}").status == 200
    assert program.get(f"{PREFIX}/rollouts/{id}").json["offers"] == []
    refused = program.call("POST", f"{PREFIX}/rollouts/{id}/start", {})
    assert refused.status == 403
    assert "needs the role" in refused.json["error"]["message"]
    assert ann.call("DELETE", f"{PREFIX}/tokens/{made.json['id']}").status == 200
    assert program.get(f"{PREFIX}/me").status == 401


def _over(site, id: str, *printed: Output) -> str:
    """Lets it go through."""
    site.store.start(id, "ann")
    log = site.store.log(id)
    log.append([Event(What.STARTED), Event(What.TASK_STARTED, "0")])
    log.output(printed)
    log.append([Event(What.TASK_DONE, "0"), Event(What.OVER, data={"outcome": "succeeded", "seconds": 1.0})])
    return id


def _references(of: Any) -> Iterator[str]:
    if isinstance(of, dict):
        if "$ref" in of:
            yield of["$ref"]
        of = list(of.values())
    if isinstance(of, list):
        for one in of:
            yield from _references(one)


def _schema_of(described: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    return described["paths"][PREFIX + path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]


def _assert_fits(value: Any, schema: Mapping[str, Any], described: Mapping[str, Any], where: str = "") -> None:
    """As much of JSON Schema as we use."""
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        schema = next(one for one in schema["anyOf"] if (one.get("type") == "null") == (value is None))
        return _assert_fits(value, schema, described, where)
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds:
        assert any(value is None if kind == "null" else isinstance(value, KINDS[kind]) for kind in kinds), (
            where,
            value,
        )
    if isinstance(value, dict) and "properties" in schema and not schema.get("additionalProperties"):
        assert set(value) <= set(schema["properties"]), where
        for name, inside in value.items():
            _assert_fits(inside, schema["properties"][name], described, f"{where}.{name}")
    if isinstance(value, list) and "items" in schema:
        for one in value:
            _assert_fits(one, schema["items"], described, f"{where}[]")
    return None
