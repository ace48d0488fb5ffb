"""A rollout that has not begun: what it would do, or put back, and whether it may start."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from depl.access.roles import Action
from depl.rollout.folding import State
from depl.store.headers import Header
from depl.web.ask import Ask
from depl.web.errors import NotFound
from depl.web.filters import called
from depl.web.operations.environments import holds_told
from depl.web.operations.known import Settings, protected, seen
from depl.web.operations.starting import Foreseen, foreseen, reversibility
from depl.web.pages.rollout_tree import MANY
from depl.web.views.plan import plan_view
from depl.web.views.undo import UndoView, at_conflicts, seconds_back, undo_by_hand, undo_preview

UNDO = "depl:undo"  # the name of the rollout that takes back what was not written by hand
FEW = 40  # changes that are shown unfolded


def planned(ask: Ask, header: Header, state: State, settings: Settings) -> dict[str, Any]:
    """What its page shows beside what all pages of rollouts do."""
    assert state.plan is not None
    inquiry = ask.site.store.inquiries.of_rollout(header.id)
    answer = inquiry.answer if inquiry is not None and inquiry.state == "answered" else None
    view = plan_view(state.plan, answer, now=time.time())
    start = ask.number("start", 0)
    original = state.plan.undoes or str(state.plan.parameters.get("rollout") or "")
    part = view.tasks[start : start + MANY]
    return {
        "inquiry": inquiry,
        "plan": view,
        "tasks": part,
        "rest": max(0, len(view.tasks) - start - len(part)),
        "next": start + len(part),
        "few": sum(one.count or 0 for one in view.tasks) <= FEW,
        "undo": _undo(ask, state, answer, original),
        "warnings": [str(one) for one in (answer or {}).get("warnings") or ()],
        "undeclared": (answer or {}).get("undeclared") or {},
        "look_error": (answer or {}).get("error"),
        "most": MANY,
        "original": original,
        "takes_back": _takes_back(ask, original),
        "on_conflict": _on_conflict(state),
        "may_look": ask.may(Action.PLAN, state.environments),
        **startable(ask, state, settings, foreseen(inquiry)),
    }


def startable(ask: Ask, state: State, settings: Settings, found: Foreseen) -> dict[str, Any]:
    """Whether it may start, and what is asked of whoever starts it."""
    assert state.plan is not None
    view = plan_view(state.plan, None, now=time.time())
    wanted = "allow" if state.plan.undoes else reversibility(settings, found)
    return {
        "foreseen": found,
        "is_valid": view.is_valid,
        "valid_until": view.until,
        "protected": protected(settings),
        "unsafe": found.unsafe,
        "unsafe_asked": wanted == "ask" and (bool(found.unsafe) or not found.known),
        "at_conflicts": at_conflicts(found.conflicts, _on_conflict(state)),
        "stops": bool(found.conflicts) and _on_conflict(state) == "stop",
        "held": [f"{one} It waits until that is released." for one in holds_told(ask, state.environments)],
        "mistake": None,
        "mistakes": {},
    }


def _undo(ask: Ask, state: State, answer: Mapping[str, Any] | None, original: str) -> UndoView | None:
    """What would be put back; None: it is no way back."""
    assert state.plan is not None
    steps = undo_preview(answer or {})
    if state.plan.undoes:
        by_hand = undo_by_hand(state.plan)
        told = f"{by_hand.summary}; in its deployments {steps.summary}" if steps.hosts else by_hand.summary
        steps = replace(steps, tasks=by_hand.tasks, summary=told)
    elif state.plan.name != UNDO:
        return None
    try:
        seen(ask, original)
    except NotFound:
        return steps
    return replace(steps, seconds=seconds_back(ask.site.reader.state(original), steps))


def _takes_back(ask: Ask, original: str) -> str:
    """What the rollout is called that is taken back."""
    try:
        return called(seen(ask, original)) if original else ""
    except NotFound:
        return "a rollout"


def _on_conflict(state: State) -> str:
    """What becomes of what others changed since, as it was chosen."""
    assert state.plan is not None
    said = [str((one.get("saved") or {}).get("on_conflict") or "") for one in state.plan.carried.values()]
    return next(filter(None, [*said, str(state.plan.parameters.get("on_conflict") or "")]), "stop")
