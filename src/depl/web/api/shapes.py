"""The values of the store as JSON, and what is said of each in the description."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from depl.access.roles import Role
from depl.web.api.described import FACTS, FLAG, NUMBER, REAL, TEXT, TIME, Schema, choice, fields, listed
from depl.web.operations.known import is_at_work, is_interrupted

if TYPE_CHECKING:
    from depl.rollout.folding import State
    from depl.rollout.log import Recorded
    from depl.rollout.signals import Signal
    from depl.rollout.task_status import TaskStatus
    from depl.store.audit import Entry
    from depl.store.headers import Header
    from depl.store.inquiries import Inquiry
    from depl.web.views.offers import Offer
    from depl.web.views.progress import Progress

ROLES = choice(*(role.value for role in Role))

SHAPES: Mapping[str, Schema] = {
    "Rollout": fields(
        id=TEXT,
        name=TEXT,
        title=TEXT,
        environments=listed(TEXT),
        hosts=listed(TEXT),
        state=TEXT,
        holds=listed(TEXT),
        block=TEXT,
        interrupted={**FLAG, "description": "it is active, and nobody is at work on it"},
        driven={**FLAG, "description": "somebody is at work on it"},
        reason=TEXT,
        error={"type": ["object", "string", "null"]},
        owner={**TEXT, "description": "the worker that has it"},
        queue={"type": ["string", "null"], "description": "where workers find it; null: a command runs it"},
        who=TEXT,
        wanted_by=TEXT,
        queued_by=TEXT,
        approved_by=TEXT,
        undoes={**TEXT, "description": "the rollout that it takes back"},
        made=TIME,
        started=TIME,
        ended=TIME,
        seconds=REAL,
        changed=NUMBER,
        parameters=FACTS,
        number={**NUMBER, "description": "of its last event"},
    ),
    "Task": fields(
        id=TEXT,
        title=TEXT,
        state=TEXT,
        attempt=NUMBER,
        reversal=NUMBER,
        began=TIME,
        ended=TIME,
        done=REAL,
        total=REAL,
        reason=TEXT,
        error={"type": ["object", "string", "null"]},
        way_back=TEXT,
        waits=FLAG,
        ticked=listed(TEXT),
    ),
    "Event": fields(number=NUMBER, at=TIME, what=TEXT, task=TEXT, component=TEXT, host=TEXT, data=FACTS),
    "Signal": fields(number=NUMBER, name=TEXT, who=TEXT, at=TIME, reason=TEXT, task=TEXT, data=FACTS),
    "Inquiry": fields(
        id=TEXT,
        kind=TEXT,
        asked=FACTS,
        environments=listed(TEXT),
        who=TEXT,
        made=TIME,
        state=choice("asked", "at work", "answered", "failed"),
        ended=TIME,
        rollout={**TEXT, "description": "the rollout that was planned"},
        answer={"type": ["object", "null"]},
        error={"type": ["object", "null"]},
    ),
    "Entry": fields(
        number=NUMBER,
        at=TIME,
        who=TEXT,
        address=TEXT,
        what=TEXT,
        subject=TEXT,
        environment=TEXT,
        outcome=choice("done", "denied", "failed"),
        reason=TEXT,
    ),
    "Roles": {"type": "object", "additionalProperties": listed(ROLES), "description": "by environment; `*`: all"},
    "Output": fields(
        offset={**NUMBER, "description": "how many characters come before the text"},
        text=TEXT,
        total={**NUMBER, "description": "how many characters there are by now"},
    ),
    "Offer": fields(
        name=TEXT,
        label=TEXT,
        consequence=TEXT,
        needs_reason=FLAG,
        is_dangerous=FLAG,
        task=TEXT,
        item={**TEXT, "description": "of a checklist"},
        confirm={**TEXT, "description": "what is to be given with it"},
    ),
    "Progress": fields(
        phase=choice("before", "forward", "back", "blocked", "over"),
        share={**REAL, "description": "from 0 to 1"},
        done=NUMBER,
        total=NUMBER,
        end={**TIME, "description": "UTC, when it will be through, from how long it took before; empty: nobody knows"},
        text=TEXT,
    ),
}


def rollout(header: Header) -> dict[str, Any]:
    """A rollout in short."""
    plain = (
        "id name title environments hosts holds block reason error owner queue who wanted_by queued_by approved_by"
        " undoes made started ended seconds changed parameters number"
    )
    facts = {name: getattr(header, name) for name in plain.split()}
    return {
        **facts,
        "state": header.state.value,
        "interrupted": is_interrupted(header),
        "driven": is_at_work(header),
    }


def progress(far: Progress) -> dict[str, Any]:
    """How far a rollout is."""
    return {name: getattr(far, name) for name in SHAPES["Progress"]["properties"]}


def offer(one: Offer) -> dict[str, Any]:
    """Something that can be done."""
    return {name: getattr(one, name) for name in SHAPES["Offer"]["properties"]}


def tasks(state: State) -> list[dict[str, Any]]:
    """All tasks of a rollout, those of its plan in its order, and what is done inside of them."""
    leaves = state.plan.tree.leaves if state.plan is not None else {}
    return [task(state, id, state.tasks[id]) for id in [*leaves, *(id for id in state.tasks if id not in leaves)]]


def task(state: State, id: str, status: TaskStatus) -> dict[str, Any]:
    """One of them."""
    leaf = state.plan.tree.leaves.get(id) if state.plan is not None else None
    plain = ("attempt", "reversal", "began", "ended", "done", "total", "reason", "error", "ticked")
    return {
        "id": id,
        "title": leaf.title if leaf is not None else "",
        "state": status.state.value,
        "way_back": leaf.way_back if leaf is not None else "",
        "waits": id in state.unanswered,
        **{name: getattr(status, name) for name in plain},
    }


def event(recorded: Recorded) -> dict[str, Any]:
    """An event."""
    one = recorded.event
    told = {"task": one.task or "", "component": one.component or "", "host": one.host or "", "data": one.data}
    return {"number": recorded.number, "at": recorded.at, "what": one.what.value, **told}


def signal(one: Signal) -> dict[str, Any]:
    """A signal."""
    return {
        **{name: getattr(one, name) for name in ("number", "name", "who", "at", "reason", "task")},
        "data": one.data,
    }


def inquiry(one: Inquiry) -> dict[str, Any]:
    """An inquiry."""
    plain = "id kind asked environments who made state ended rollout answer error"
    return {name: getattr(one, name) for name in plain.split()}


def entry(one: Entry) -> dict[str, Any]:
    """A line of the audit."""
    return dict(vars(one))


def roles(of: Mapping[str, Iterable[Role]] | None) -> dict[str, list[str]] | None:
    """Roles by environment."""
    return None if of is None else {place: sorted(role.value for role in held) for place, held in of.items()}
