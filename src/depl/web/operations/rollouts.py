"""What can be asked of a rollout: that it starts, heeds a signal, is taken back. Checked, done, put into the audit."""

from __future__ import annotations

from typing import Any

from depl.access.roles import Action
from depl.deploy.begin import utc
from depl.rollout.asking import refusal
from depl.rollout.cancelling import cancelled
from depl.rollout.folding import State
from depl.rollout.possible import NOT_BEGUN, can_go_back
from depl.rollout.signals import Signal
from depl.rollout.states import NEED_REASON, SIGNALS, RolloutState
from depl.store.headers import Header
from depl.store.inquiries import Inquiry
from depl.store.lookup import StoreRecords
from depl.store.starting import assert_seen
from depl.web.ask import Ask
from depl.web.errors import Invalid, Refused
from depl.web.operations.asking import deploy, inquire, plan
from depl.web.operations.known import (
    audited,
    four_eyes,
    is_at_work,
    is_heard,
    is_interrupted,
    needed,
    protected,
    seen,
    settings_of,
    state_of,
)
from depl.web.operations.starting import (
    assert_confirmed,
    assert_in_time,
    assert_known,
    assert_planned,
    assert_reversible,
    foreseen,
    queue_of,
    starter,
)
from depl.web.views.offers import Offer
from depl.web.views.offers import offers as offered

__all__ = ["ask_for_start", "deploy", "offers", "plan", "refuse_start", "replan", "seen", "signal", "start", "undo"]

CONFLICTS = ("stop", "force", "keep")


def start(ask: Ask, id: str, confirm: str = "", *, accept_unsafe: bool = False, number: int | None = None) -> Header:
    """Let a worker take up what is planned. confirm: the names of protected environments, typed.

    Where somebody has asked for it, whoever may approve starts it for them. accept_unsafe: although not all of it can
    be promised to be undone. number: of the last event of what they saw: what was planned anew since is not what they
    mean. Errors: NotFound, Forbidden, Refused, Invalid, PlanOutdated, IllegalSignal.
    """
    state = state_of(ask, id)
    settings = settings_of(ask, state.environments)
    with audited(ask, "start", id, state.environments, f"for {state.wanted_by}" if state.wanted_by else ""):
        who, approved_by = starter(ask, state, settings)
        found = assert_planned(state)
        assert_seen(id, state.number, number)
        assert_known(state, settings)
        assert_in_time(found)
        assert_reversible(
            found, settings, foreseen(ask.site.store.inquiries.of_rollout(id)), accept_unsafe=accept_unsafe
        )
        assert_confirmed(settings, confirm)
        return ask.site.store.start(id, who, approved_by, queue_of(found, settings), number)


def ask_for_start(ask: Ask, id: str) -> None:
    """Ask those who may approve to start what is planned. Errors: NotFound, Forbidden, Refused."""
    state = state_of(ask, id)
    with audited(ask, "ask for start", id, state.environments):
        ask.assert_may(Action.START, state.environments, subject=id)
        assert_planned(state)
        if state.wanted_by:
            raise Refused(f"{state.wanted_by} has asked for it already")
        ask.site.store.want_start(id, ask.person.name)


def refuse_start(ask: Ask, id: str, reason: str = "") -> None:
    """Say no to a start that somebody asked for; they themselves take their wish back so.

    Errors: NotFound, Forbidden, Refused, Invalid.
    """
    state = state_of(ask, id)
    with audited(ask, "refuse start", id, state.environments, reason):
        if ask.person.name != state.wanted_by:
            ask.assert_may(Action.REJECT, state.environments, subject=id)
        assert_planned(state)
        if not state.wanted_by:
            raise Refused("Nobody has asked for its start")
        if ask.person.name != state.wanted_by:
            reason = needed(reason, "Refusing a start")
        ask.site.store.refuse_start(id, ask.person.name, ask.site.redact(reason))


def signal(ask: Ask, id: str, name: str, task: str = "", reason: str = "", item: str = "") -> None:
    """Say what they wish of a rollout, or of a task. item: of a checklist, to be ticked.

    Errors: NotFound, Forbidden, Refused, Invalid.
    """
    name = name.replace("-", "_")
    header = seen(ask, id)
    state = state_of(ask, id)
    if name not in SIGNALS:
        raise Invalid(refusal(state, name))
    subject = f"{id} {task}".strip()
    with audited(ask, name, subject, state.environments, reason):
        about = {"begun_by": state.queued_by or state.who, "four_eyes": four_eyes(settings_of(ask, state.environments))}
        ask.assert_may(Action(name), state.environments, subject=subject, **about)
        reason = needed(reason, f"To {name.replace('_', ' ')} something") if name in NEED_REASON else reason.strip()
        _assert_legal(state, name, task, reason, item)
        data = {"item": item} if item else {}
        wish = Signal(name, ask.person.name, utc(), ask.site.redact(reason), task, data=data)
        if state.state in NOT_BEGUN and not is_at_work(header):
            cancelled(id, StoreRecords(ask.site.store, ask.site.redact).log(id), wish)
        else:
            ask.site.store.signals(id, ask.site.redact).post(wish)


def replan(ask: Ask, id: str) -> Inquiry:
    """Have a plan made anew, with what its hosts say now. Errors: NotFound, Forbidden, Refused."""
    state = state_of(ask, id)
    with audited(ask, "replan", id, state.environments):
        is_approver = bool(state.wanted_by) and ask.may(Action.APPROVE, state.environments)
        if not is_approver:  # who is to agree to it wants to see what it does now
            ask.assert_may(Action.PLAN, state.environments, subject=id)
        found = assert_planned(state)
        asked: dict[str, Any] = {"rollout": id}
        if not ask.may(Action.PLAN):  # it may be about other environments by now
            asked["within"] = list(state.environments)
        return inquire(ask, "replan", asked, state.environments, rollout=id, name=found.name)


def undo(ask: Ask, id: str, on_conflict: str = "stop") -> Inquiry:
    """Have planned how a rollout is taken back. on_conflict: what others changed since stops it, or is overwritten
    (force), or is left as it is (keep). Errors: NotFound, Forbidden, Refused, Invalid.
    """
    if on_conflict not in CONFLICTS:
        raise Invalid(f"on_conflict is {on_conflict!r:.40}, not one of {', '.join(CONFLICTS)}")
    state = state_of(ask, id)
    with audited(ask, "undo", id, state.environments):
        ask.assert_may(Action.PLAN, state.environments, subject=id)
        if not can_be_undone(state, seen(ask, id)):
            raise Refused(f"Of rollout {id} nothing can be taken back: it is {state.state.value}")
        asked = {"rollout": id, "on_conflict": on_conflict}
        return inquire(ask, "undo", asked, state.environments, name=state.name or id)


def can_be_undone(state: State, header: Header) -> bool:
    """Whether something of it can be taken back now; what a command left half done, too."""
    is_left = is_interrupted(header) or (state.state is RolloutState.BLOCKED and not is_at_work(header))
    return can_go_back(state) or (state.plan is None and is_left)


def offers(ask: Ask, id: str) -> list[Offer]:
    """What they can do about a rollout now."""
    header, state = seen(ask, id), state_of(ask, id)
    settings = settings_of(ask, state.environments)
    found = offered(
        state, ask.person, four_eyes=four_eyes(settings), protected=protected(settings), heard=is_heard(header)
    )
    return list(found)


def _assert_legal(state: State, name: str, task: str, reason: str, item: str) -> None:
    refused = refusal(state, name, task, reason)
    if refused:
        raise Refused(refused)
    if item and name == "approve" and state.plan is not None:
        leaves, gates = state.plan.tree.leaves, [task] if task else state.open_gates
        known = [str(one) for gate in gates for one in leaves[gate].arguments.get("items") or ()]
        if item not in known:
            raise Invalid(f"There is no item {item!r:.60} in its checklist")
