"""What a page of a rollout is made of, and what of it is sent when something happens."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from depl.rollout.folding import State
from depl.rollout.states import NOT_PUT_BACK, TASK_SIGNALS, RolloutState, TaskState
from depl.rollout.wording import utc_of
from depl.store.headers import Header
from depl.web.addresses import url
from depl.web.ask import Ask
from depl.web.operations.environments import holds_told
from depl.web.operations.known import (
    Settings,
    four_eyes,
    is_at_work,
    is_heard,
    is_interrupted,
    protected,
    published_of,
    settings_of,
)
from depl.web.pages.planned import UNDO, planned
from depl.web.pages.rollout_tree import TONES, shown
from depl.web.pages.ways_out import WayOut, way_out
from depl.web.views.deploying import DEPLOY
from depl.web.views.failure import failure
from depl.web.views.offers import Offer, offers, task_offers
from depl.web.views.progress import progress
from depl.web.views.states import look_of
from depl.web.views.timeline import timeline
from depl.web.views.tree import anchor, rows
from depl.web.views.waits import waits

TAIL = 8000  # characters in which the last lines of what failed are looked for
DECISIONS = 10  # tasks that are asked about in the page of the rollout; the others have their own
ABOUT_IT = ("start", "ask", "agree", "refuse", "replan", "undo")  # offers that are no signals
UNDECIDED = frozenset({TaskState.FAILED, TaskState.UNKNOWN, *NOT_PUT_BACK})


def values(ask: Ask, header: Header, state: State) -> dict[str, Any]:
    """All that a page shows."""
    settings = settings_of(ask, state.environments)
    is_plan = is_planned(state)
    told = {
        **head(ask, header, state, settings),
        "is_plan": is_plan,
        "live": url(
            "rollouts", header.id, "live", after=state.number, shown="plan" if is_plan else "", only=only_of(ask)
        ),
        "name": name_of(header, state),
        "title": header.title,
        "oob": False,
        "again": False,
    }
    if is_plan:
        return {**told, **planned(ask, header, state, settings)}
    return {**told, **_tree(ask, state), **picture(ask, state), "checklist": _checklist(ask, state)}


def head(ask: Ask, header: Header, state: State, settings: Settings) -> dict[str, Any]:
    """How it stands, how far it is, who is at it, what failed, what can be done."""
    now, store = time.time(), ask.site.store
    is_over = state.state.is_over
    past = store.seconds_of(header.name, header.environments) if header.name and not is_over else ()
    back = store.rollouts(undoes=header.id, limit=1) if is_over and state.state is not RolloutState.CANCELLED else []
    printed = store.output(header.id, state.failed, -TAIL, TAIL).pieces if state.error and state.failed else ()
    lines = "".join(piece.text for piece in printed).splitlines()
    return {
        "header": header,
        "state": state,
        "look": look_of(state, interrupted=is_interrupted(header)),
        "is_over": is_over,
        "is_at_work": is_at_work(header),
        "heard_at": _heard_at(ask, header, now),
        "lease": store.leases.lease,
        "progress": progress(state, past, now=now),
        "way_out": _way_out(ask, header, state),
        "failure": failure(state, lines),
        "taken_back": [one for one in back if ask.sees(one.environments)],
        "anchor_of": anchor,
        "again_at": again_at(header, state),
        **_actions(ask, header, state, settings),
    }


def _heard_at(ask: Ask, header: Header, now: float) -> str:
    """When whoever is at work on it was heard of, in our time; the store's clock may be another one."""
    version = ask.site.store.versions([header.id]).get(header.id) if header.owner else None
    return utc_of(now - version.silent) if version is not None else ""


def is_planned(state: State) -> bool:
    """Whether it is a plan that has not begun."""
    return state.plan is not None and state.state is RolloutState.PLANNED


def name_of(header: Header, state: State) -> str:
    """What it is called: those of depl itself by what they do."""
    name = state.name or header.name
    if name.startswith("depl:"):
        return header.title or name
    return name or f"{'Undo' if state.undoes else 'Deployment'} of {', '.join(header.environments) or header.id}"


def again_at(header: Header, state: State) -> str:
    """Where the same can be planned once more; empty: nowhere."""
    if state.undoes or header.name == UNDO:
        return ""
    if (state.plan is None or header.name == DEPLOY) and header.environments:
        return url("deploy", header.environments[0], rollout=header.id if state.plan is not None else "")
    return url("new", header.name, rollout=header.id) if state.plan is not None else ""


def places(state: State) -> frozenset[str]:
    """The tasks in which something may be done that has rows of its own."""
    leaves = state.plan.tree.leaves.values() if state.plan is not None else ()
    return frozenset(leaf.id for leaf in leaves if leaf.environments)


def only_of(ask: Ask) -> str:
    """Which rows are wanted; empty: all."""
    only = ask.query("only")
    return only if only in TONES else ""


def _tree(ask: Ask, state: State) -> dict[str, Any]:
    only, opened = only_of(ask), ask.query("open")
    found = shown(rows(state), opened=opened.split(",") if opened else (), only=only, start=ask.number("start", 0))
    return {"tree": found, "only": only, "places": places(state)}


def picture(ask: Ask, state: State) -> dict[str, Any]:
    """Its timeline."""
    edges = waits(state, published_of(ask, state.environments))
    return {"timeline": timeline(state, now=time.time(), edges=edges)}


def _checklist(ask: Ask, state: State) -> str:
    """The address of the checklist that the project keeps elsewhere."""
    address = ask.site.settings.checklist_url or ""
    if state.state.is_over or not address.startswith(("https://", "http://")):
        return ""
    return address.replace("{rollout}", quote(state.rollout, safe=""))


def _actions(ask: Ask, header: Header, state: State, settings: Settings) -> dict[str, Any]:
    """What they can do: about all of it, and about the tasks that wait for somebody."""
    eyes, heard = four_eyes(settings), is_heard(header)
    found = offers(state, ask.person, four_eyes=eyes, protected=protected(settings), heard=heard)
    decisions: list[tuple[str, str, Sequence[Offer]]] = []
    for id in _undecided(state)[:DECISIONS]:
        asked = task_offers(state, id, ask.person, four_eyes=eyes, heard=heard)
        decisions += [(id, _title(state, id), asked)] if asked else []
    is_asked = {offer.name for _, _, asked in decisions for offer in asked}
    if len(decisions) > 1:
        is_asked.discard("retry")  # all of them at once
    is_under_way = not state.state.is_over and state.state is not RolloutState.PLANNED
    return {
        "about_it": {offer.name: offer for offer in found if offer.name in ABOUT_IT},
        "signals": [
            one for one in found if one.name not in ABOUT_IT and not (one.name in TASK_SIGNALS and one.name in is_asked)
        ],
        "decisions": decisions,
        "unheard": ask.site.store.signals(header.id).new(state.last_signal) if is_under_way else (),
    }


def _undecided(state: State) -> list[str]:
    """The tasks of which somebody has to say how to go on, in their order."""
    leaves = state.plan.tree.leaves if state.plan is not None else {}
    unanswered = set(state.unanswered)
    is_blocked = state.state is RolloutState.BLOCKED
    return [id for id in leaves if id in unanswered or (is_blocked and state.tasks[id].state in UNDECIDED)]


def _title(state: State, id: str) -> str:
    return state.plan.tree.leaves[id].title or id if state.plan is not None else id


def _way_out(ask: Ask, header: Header, state: State) -> WayOut | None:
    at_work = is_at_work(header)
    if state.state.is_over or state.state is RolloutState.PLANNED or at_work:
        return None
    store = ask.site.store
    served = header.queue is not None and store.workers.serves(header.queue)
    others = _waits_for(ask, state) if state.state is RolloutState.QUEUED else []
    return way_out(header, state, at_work=at_work, interrupted=is_interrupted(header), served=served, others=others)


def _waits_for(ask: Ask, state: State) -> list[str]:
    """Who has its environments."""
    store, places = ask.site.store, state.environments
    locked = [
        f"{one.environment} is locked by rollout {one.rollout} of {one.who}."
        for one in store.locks.taken()
        if one.environment in places and one.rollout != state.rollout
    ]
    return [*holds_told(ask, places), *locked]
