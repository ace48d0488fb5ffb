"""One task of a rollout: what it did, what it printed, what went wrong, and how to go on with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from depl.events import Event, What
from depl.rollout.folding import State
from depl.rollout.log import Recorded
from depl.rollout.summaries import message_of
from depl.rollout.task_status import moved_to
from depl.store.headers import Header
from depl.web.addresses import url
from depl.web.ask import Ask
from depl.web.errors import NotFound
from depl.web.live import live_route
from depl.web.operations.known import alike, four_eyes, is_heard, seen, settings_of
from depl.web.rendering import fragment
from depl.web.routing import page
from depl.web.views.changes import change_of, changes_of
from depl.web.views.log_text import parts
from depl.web.views.offers import task_offers
from depl.web.views.states import look_of_task
from depl.web.views.tree import anchor, touched_rows
from depl.web.watching import Update, Watch

TAIL = 16_384  # characters of its log that stand in the page; the rest has a page of its own
SAID = (What.LOG, What.WARNING, What.KEPT, What.REPEATED)


def task(ask: Ask) -> Response:
    """One of them, or what is done inside of one."""
    header = seen(ask, ask.path("id"))
    return ask.page("task.html", **_values(ask, header, ask.site.reader.state(header.id)))


def fragments(ask: Ask, update: Update) -> str:
    """What is new of it."""
    assert update.state is not None
    if not update.everything and ask.path("task") not in update.touched and not _is_near(ask, update):
        return ""
    try:
        told = _values(ask, seen(ask, ask.path("id")), update.state)
    except NotFound:
        return ""
    return fragment(ask.request, ask.visitor, "task_live.html", **{**told, "oob": True})


def _is_near(ask: Ask, update: Update) -> bool:
    """Whether something inside of it is new."""
    return any(id.startswith(f"{ask.path('task')}/") for id in update.touched)


def _values(ask: Ask, header: Header, state: State) -> dict[str, Any]:
    id = ask.path("task")
    status = state.tasks.get(id)
    if status is None:
        raise NotFound("There is no such task")
    store = ask.site.store
    recorded = store.of_task(header.id, id)
    leaf = state.plan.tree.leaves.get(id) if state.plan is not None else None
    row = next(row for row in touched_rows(state, [id]) if row.id == id)
    printed = store.output(header.id, id, -TAIL, TAIL)
    eyes = four_eyes(settings_of(ask, state.environments))
    facts = status.error if isinstance(status.error, Mapping) else {}
    return {
        "header": header,
        "state": state,
        "id": id,
        "row": row,
        "leaf": leaf,
        "task": status,
        "rollout_name": header.title or state.name or ", ".join(header.environments) or header.id,
        "error": message_of(status.error),
        "hint": str(facts.get("hint") or ""),
        "place": ":".join(str(facts[name]) for name in ("file", "line") if facts.get(name)),
        "changes": _changes(recorded),
        "put_back": [
            change_of(one.event.data.get("change") or {}) for one in recorded if one.event.what is What.REVERSED
        ],
        "steps": [_step(one) for one in recorded if moved_to(one.event) is not None],
        "said": [_said(one) for one in recorded if one.event.what in SAID],
        "inside": touched_rows(state, [one for one in state.tasks if one.startswith(f"{id}/")][:500]),
        "arguments": leaf.arguments if leaf is not None else {},
        "parts": parts(printed.pieces),
        "total": printed.total,
        "begin": max(0, printed.total - TAIL),
        "offers": task_offers(state, id, ask.person, four_eyes=eyes, heard=is_heard(header)),
        "live": url("rollouts", header.id, "tasks", id, "live", after=state.number),
        "log_live": url("rollouts", header.id, "tasks", id, "log", "live", after=printed.total),
        "is_over": state.state.is_over,
        "anchor_of": anchor,
        "oob": False,
    }


def _changes(recorded: Sequence[Recorded]) -> list[Any]:
    """What it changed, component by component."""
    return changes_of(
        {"host": one.event.host, "component": one.event.component or one.event.task, **one.event.data}
        for one in recorded
        if one.event.what is What.CHANGED
    )


def _step(recorded: Recorded) -> dict[str, Any]:
    """What became of it, and when."""
    event: Event = recorded.event
    data, after = event.data, moved_to(event)
    assert after is not None
    why = str(data.get("reason") or message_of(data.get("error")) or "")
    return {"at": recorded.at, "look": look_of_task(after), "why": why, "seconds": data.get("seconds")}


def _said(recorded: Recorded) -> dict[str, str]:
    data = recorded.event.data
    text = data.get("text") or " ".join(str(data[name]) for name in ("path", "command", "reason") if data.get(name))
    return {"at": recorded.at, "what": recorded.event.what.value, "text": str(text)}


def _watch(ask: Ask) -> Watch:
    header = seen(ask, ask.path("id"))
    return Watch.of_rollout(header.id, alike(ask, header))


_PATH = "/rollouts/{id}/tasks/{task:path}"
routes = [live_route(f"{_PATH}/live", _watch, fragments), page(_PATH, task)]
