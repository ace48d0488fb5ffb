"""What a worker finds in the project for those who have no copy of it: forms, pictures of environments, drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from depl import __version__
from depl.cli.check import assert_deployable
from depl.cli.deployer import ProjectDeployer
from depl.cli.hosts import declared
from depl.cli.project_stamp import stamp_of
from depl.cli.session import Session
from depl.cli.task_session import TaskSession
from depl.cli.worker_facts import Seen, error_facts, shown_facts
from depl.deploy.begin import revision_of
from depl.errors import DeplError, Mistakes, ReportBug
from depl.layout import environment_names
from depl.project import ProjectSettings
from depl.report.errors import place_in
from depl.rollout.byhand import Found, known
from depl.settings import EnvironmentSettings
from depl.tasks.deployer import Part

if TYPE_CHECKING:
    from depl.configure import Model
    from depl.environment import Environment
    from depl.root import RootComponent
    from depl.store.inquiries import Inquiry
    from depl.store.store import Store


def publish(session: Session, store: Store) -> None:
    """Forms of all rollouts, pictures of all environments, and what the project is. Errors: LogFailed.

    What is wrong with one of them is published in its place.
    """
    stamp, names = stamp_of(session.base), environment_names(session.base)
    for name in names:
        with suppress(DeplError):  # then there is no model, which says why
            session.secrets(name)
    _put(session, store, "rollout", {one.name: _form(session, one) for one in known(session.base)})
    for name in names:  # each as soon as it is known: a model may take its time
        picture = _picture(session, name)
        if not picture["settings"]:  # who broke it does not take its protection away
            before = store.published.get("environment", name)
            picture["settings"] = before.data.get("settings") or {} if before is not None else {}
        store.published.put("environment", name, shown_facts(session, picture))
    for kind in ("environment", "drift"):
        store.published.keep(kind, names)
    project = ProjectSettings.load(session.base)
    facts = {"name": project.name, "revision": revision_of(session.base), "depl": __version__, "stamp": stamp}
    _put(session, store, "project", {"": facts})


def look(session: Session, store: Store, inquiry: Inquiry) -> tuple[dict[str, Any], None]:
    """How many changes each component would have now on each host of an environment: what differs from the model."""
    name, seen = str(inquiry.asked["environment"]), Seen()
    hosts: dict[str, dict[str, int]] = {}
    error = None
    try:
        ProjectDeployer(session).changes(Part(name), seen)
        hosts = {host.name: {} for host in declared(name, session.base).hosts.values() if not host.ignore}
    except DeplError as why:
        error = error_facts(session, why)
    for one in seen.changed_components:
        components = hosts.setdefault(one["host"], {})
        components[one["component"]] = components.get(one["component"], 0) + len(one.get("changes", ()))
    drift = shown_facts(session, {"hosts": hosts, "error": error})
    if name in environment_names(session.base):
        store.published.put("drift", name, drift)
    return drift, None


def _put(session: Session, store: Store, kind: str, facts: Mapping[str, Mapping[str, Any]]) -> None:
    """Those of a kind, and no others."""
    for name, one in facts.items():
        store.published.put(kind, name, shown_facts(session, one))
    store.published.keep(kind, list(facts))


def _form(session: Session, found: Found) -> dict[str, Any]:
    info: Any = found.cls.info if found.cls is not None else ()  # or a property, which only an instance can tell
    return {
        "title": found.title,
        "parameters": list(found.parameters),
        "file": place_in(session.base, found.file),
        "mistake": None if found.mistake is None else error_facts(session, found.mistake),
        "info": list(info) if isinstance(info, (list, tuple)) else [],
    }


# -- pictures of environments ------------------------------------------------------------------------------------


def _picture(session: Session, name: str) -> dict[str, Any]:
    """An environment with its model, or with what is wrong with that."""
    try:
        model = TaskSession(session, lambda _: None).model(name, on_hosts=None)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever its components raise
        return {**_outline(session, name), "nodes": [], "edges": [], "mistakes": _mistakes(session, error)}
    return {**_facts_of(model.environment), **_graph(model), "mistakes": _undeployable(session, model)}


def _outline(session: Session, name: str) -> dict[str, Any]:
    """What is known of an environment without a model."""
    try:
        return _facts_of(declared(name, session.base))
    except (Exception, SystemExit):  # noqa: BLE001 - that was said
        return {"hosts": [], "settings": {}}


def _facts_of(environment: Environment) -> dict[str, Any]:
    hosts = [{"name": host.name, "ignore": host.ignore} for host in environment.hosts.values()]
    return {"hosts": hosts, "settings": _settings(environment.settings)}


def _settings(settings: EnvironmentSettings) -> dict[str, Any]:
    names = ("four_eyes", "queue", "reversibility", "stages", "gate", "connect_method", "on_failure")
    return {"protected": settings.confirm, **{name: getattr(settings, name) for name in names}}


def _graph(model: Model) -> dict[str, Any]:
    """Root components in their order, and who comes after whom, because of what."""
    edges = [
        [earlier, root.id, str(key)]
        for root in model.roots
        for earlier, keys in model.providers[root.id].items()
        for key in keys
    ]
    return {"nodes": [_node(model, root) for root in model.roots], "edges": edges}


def _node(model: Model, root: RootComponent) -> dict[str, Any]:
    resources = model.environment.resources
    return {
        "id": root.id,
        "root": root.name,
        "host": root.host.name,
        "ignore": root.ignore or root.host.ignore,
        "provides": sorted({str(key) for key in resources.provided_by(root)}),
        "requires": sorted({str(one.key) for one in resources.subscriptions_of(root)}),
    }


def _undeployable(session: Session, model: Model) -> list[dict[str, Any]]:
    try:
        assert_deployable(model)
    except DeplError as error:
        return _mistakes(session, error)
    return []


def _mistakes(session: Session, error: BaseException) -> list[dict[str, Any]]:
    return [error_facts(session, one) for one in _each(error)]


def _each(error: BaseException) -> Iterator[DeplError]:
    if isinstance(error, Mistakes):
        yield from error.mistakes
    elif isinstance(error, DeplError):
        yield error
    else:
        yield ReportBug(f"unexpected {type(error).__name__}: {error}".rstrip(": "))
