"""What can be begun: forms of rollouts, and deployments of environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from depl.access.roles import Action
from depl.errors import NothingRecorded
from depl.store.inquiries import Inquiry
from depl.web.addresses import url
from depl.web.ask import Ask
from depl.web.errors import Invalid, NotFound
from depl.web.operations import rollouts as operations
from depl.web.routing import act, page
from depl.web.views.deploying import DEPLOY, chosen, deploy_fields
from depl.web.views.forms import fields, given

RECENT = 200  # rollouts among which the last time is looked for


def everything(ask: Ask) -> Response:
    """What can be begun at all."""
    store = ask.site.store
    forms = store.published.all("rollout") if ask.sees_anything else {}
    environments = {name: one for name, one in store.published.all("environment").items() if ask.sees([name])}
    return ask.page(
        "new.html",
        forms=forms,
        environments=environments,
        may_plan={name: ask.may(Action.PLAN, [name]) for name in environments},
        may_plan_any=may_plan_any(ask),
        workers=store.workers.present(),
    )


def rollout_form(ask: Ask) -> Response:
    """One of them. ?last=1: with the values of last time; ?rollout=ID: of that one; ?inquiry=ID: as it was asked."""
    name = ask.path("name")
    parameters = _form(ask, name).get("parameters") or []
    before = _asked_before(ask, name)
    if before is not None:
        mistakes = _mistakes_of(before.error, parameters)
        sent = {**_defaults(parameters), **(before.asked.get("parameters") or {})}
        return _rollout_page(ask, name, fields(parameters, sent=sent, mistakes=mistakes), failed=before)
    last = _last(ask, name)
    values = last[1] if last is not None and (ask.query("last") or ask.query("rollout")) else None
    return _rollout_page(ask, name, fields(parameters, last=values), used=values is not None)


def plan(ask: Ask) -> Response:
    """Have it planned."""
    name = ask.path("name")
    parameters = _form(ask, name).get("parameters") or []
    values = given(parameters, ask.form)
    try:
        return ask.go(url("inquiries", operations.plan(ask, name, values).id))
    except Invalid as error:
        asked = fields(parameters, sent=values, mistakes=error.mistakes)
        return _rollout_page(ask, name, asked, status=error.status)


def deploy_form(ask: Ask) -> Response:
    """How an environment is to be deployed. ?rollout=ID: as in that one; ?inquiry=ID: as it was asked before."""
    before = _asked_before(ask, ask.path("name"), "deploy", "environment")
    return _deploy_page(ask, before.asked if before is not None else _deployed_before(ask), failed=before)


def deploy(ask: Ask) -> Response:
    """Have it planned."""
    name = ask.path("name")
    part: dict[str, Any] = {key: ask.fields(key) for key in ("hosts", "components")}
    part["stages"] = [word.strip() for word in ask.field("stages").split(",") if word.strip()]
    part["overrides"] = [line.strip() for line in ask.field("overrides").splitlines() if line.strip()]
    part["on_failure"] = ask.field("on_failure")
    try:
        return ask.go(url("inquiries", operations.deploy(ask, name, **part).id))
    except Invalid as error:
        return _deploy_page(ask, part, mistakes=error.mistakes, status=error.status)


def may_plan_any(ask: Ask) -> bool:
    """Whether they may plan rollouts at all: everywhere, or in one environment at least."""
    return ask.may(Action.PLAN) or any(
        ask.may(Action.PLAN, [name]) for name in ask.site.store.published.all("environment")
    )


def _form(ask: Ask, name: str) -> Mapping[str, Any]:
    found = ask.site.store.published.get("rollout", name) if ask.sees_anything else None
    if found is None:
        raise NotFound(f"There is no rollout {name!r:.60}", hint="A worker tells of those in `rollouts/`.")
    data: Mapping[str, Any] = found.data
    return data


def _rollout_page(ask: Ask, name: str, asked: Sequence[Any], status: int = 200, **about: Any) -> Response:
    last = _last(ask, name)
    known = {"failed": None, "used": False, **about}
    return ask.page(
        "new_rollout.html",
        status,
        name=name,
        form_data=_form(ask, name),
        basic=[one for one in asked if not one.advanced],
        advanced=[one for one in asked if one.advanced],
        wrong=sum(1 for one in asked if one.error),
        last=last[0] if last is not None else None,
        may_plan=may_plan_any(ask),
        has_worker=bool(ask.site.store.workers.present()),
        **known,
    )


def _deploy_page(
    ask: Ask,
    asked: Mapping[str, Any],
    mistakes: Mapping[str, str] | None = None,
    status: int = 200,
    failed: Inquiry | None = None,
) -> Response:
    name = ask.path("name")
    found = ask.site.store.published.get("environment", name)
    if found is None or not ask.sees([name]):
        raise NotFound("There is no such environment")
    nodes: Sequence[Mapping[str, Any]] = found.data.get("nodes") or ()
    places: dict[str, list[str]] = {}
    for node in nodes:
        places.setdefault(str(node["root"]), []).append(str(node["host"]))
    settings = found.data.get("settings") or {}
    hosts: dict[str, Mapping[str, Any]] = {str(one["name"]): one for one in found.data.get("hosts") or ()}
    ticked = {
        "hosts": chosen(asked.get("hosts") or (), hosts),
        "components": chosen(asked.get("components") or (), places),
    }
    return ask.page(
        "deploy.html",
        status,
        name=name,
        hosts=[*hosts.values(), *({"name": one} for one in ticked["hosts"] if one not in hosts)],
        components=[*sorted(places.items()), *((one, []) for one in ticked["components"] if one not in places)],
        fields=deploy_fields(name, found.data, asked, mistakes or {}),
        settings=settings,
        model_mistakes=found.data.get("mistakes") or (),
        chosen=ticked,
        mistakes=mistakes or {},
        failed=failed,
        may_plan=ask.may(Action.PLAN, [name]),
        has_worker=ask.site.store.workers.serves(str(settings.get("queue") or "")),
    )


def _asked_before(ask: Ask, name: str, kind: str = "plan", key: str = "rollout") -> Inquiry | None:
    """What the query refers to, if it was about this, and theirs."""
    if not ask.query("inquiry"):
        return None
    try:
        found = ask.site.store.inquiries.get(ask.query("inquiry"))
    except NothingRecorded:
        return None
    is_this = found.kind == kind and found.asked.get(key) == name and found.who == ask.person.name
    return found if is_this else None


def _deployed_before(ask: Ask) -> Mapping[str, Any]:
    """How the rollout deployed it that the query names, if it did."""
    try:
        header = operations.seen(ask, ask.query("rollout"))
    except NotFound:
        return {}
    plan = ask.site.store.plan(header.id) if header.name == DEPLOY else None
    is_this = plan is not None and plan.parameters.get("environment") == ask.path("name")
    return plan.parameters if plan is not None and is_this else {}


def _last(ask: Ask, name: str) -> tuple[Any, Mapping[str, Any]] | None:
    """The rollout of last time, or the one that the query names, with its parameters."""
    store = ask.site.store
    headers = [one for one in store.rollouts(name=name, limit=RECENT, sees=ask.sees_only) if not one.undoes]
    wanted = ask.query("rollout")
    found = next((one for one in headers if one.parameters and (one.id == wanted if wanted else one.started)), None)
    if found is None:
        return None
    whole = store.plan(found.id)  # lists cut what is long
    return found, whole.parameters if whole is not None else found.parameters


def _defaults(parameters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {str(one["name"]): one["default"] for one in parameters if one["default"] is not None}


def _mistakes_of(error: Mapping[str, Any] | None, parameters: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What went wrong, by the parameter that it names."""
    messages = [str(one.get("message")) for one in mistakes_listed(error)]
    found = {}
    for one in parameters:
        name = str(one["name"])
        about = [text for text in messages if f"parameter {name!r}" in text]
        if about:
            found[name] = " ".join(about)
    return found


def mistakes_listed(error: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """All mistakes that an error tells of, each with message, hint, file and line."""
    if error is None:
        return []
    listed = error.get("mistakes")
    return list(listed) if isinstance(listed, (list, tuple)) and listed else [error]


routes = [
    page("/new", everything),
    page("/new/{name}", rollout_form),
    act("/new/{name}", plan),
    page("/deploy/{name}", deploy_form),
    act("/deploy/{name}", deploy),
]
