"""What somebody can do about a rollout now: only what is legal, and only what they may. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from depl.access.roles import Action, Person
from depl.access.roles import refusal as forbidden
from depl.rollout.asking import NEED_ONE, refusal, tasks_of
from depl.rollout.folding import State
from depl.rollout.outline import title_of
from depl.rollout.possible import DOES, NOT_BEGUN, can_go_back, useful_signals
from depl.rollout.states import ACTIVE, NEED_REASON, TASK_SIGNALS, RolloutState

MOST = 20  # tasks for each of which there is a button at the top; all of them have theirs in the tree
DANGEROUS = ("terminate", "force")
_R = RolloutState


@dataclass(frozen=True)
class Offer:
    """A button. name: of a signal, or start, ask, refuse, replan or undo. consequence: one sentence.

    confirm: what is to be typed first, or empty. task, item: what it is about.
    """

    name: str
    label: str
    consequence: str
    needs_reason: bool = False
    is_dangerous: bool = False
    task: str = ""
    item: str = ""
    confirm: str = ""


def offers(
    state: State,
    person: Person,
    *,
    four_eyes: Collection[str] = (),
    protected: Collection[str] = (),
    heard: bool = True,
) -> list[Offer]:
    """About all of it. heard: somebody is, or comes, who hears signals.

    four_eyes, protected: the environments where that is wanted.
    """
    asks = _Asks(state, person, four_eyes)
    left_half_done = state.plan is None and not heard and state.state in ACTIVE  # nobody goes on with it
    found = [*_of_a_plan(asks, protected), *([] if left_half_done else _of_signals(asks, heard=heard))]
    if (can_go_back(state) or left_half_done) and asks.may(Action.PLAN):
        found.append(Offer("undo", "Undo", "Shows first what would be put back; nothing is touched yet."))
    return found


def task_offers(
    state: State, task: str, person: Person, *, four_eyes: Collection[str] = (), heard: bool = True
) -> list[Offer]:
    """About one task: retry, skip, force, approve, reject, and each open item of a checklist."""
    asks = _Asks(state, person, four_eyes)
    names = [name for name in useful_signals(state, heard=heard) if name in TASK_SIGNALS]
    return [offer for name in names for offer in _of_a_task(asks, name, task)]


class _Asks:
    """Somebody who looks at a rollout."""

    def __init__(self, state: State, person: Person, four_eyes: Collection[str]) -> None:
        self.state, self._person, self.four_eyes = state, person, four_eyes

    def may(self, action: Action) -> bool:
        """Whether they may; answers are asked of others than the one who began it."""
        state = self.state
        begun_by = state.wanted_by or state.queued_by or state.who
        return not forbidden(self._person, action, state.environments, begun_by=begun_by, four_eyes=self.four_eyes)

    @property
    def has_asked(self) -> bool:
        """Whether it is they who want it to start."""
        return self.state.wanted_by == self._person.name

    def title(self, task: str) -> str:
        """A task in words."""
        plan = self.state.plan
        return title_of(plan.tree, task) if plan is not None and task in plan.tree.leaves else task


def _of_a_plan(asks: _Asks, protected: Collection[str]) -> Iterator[Offer]:
    state = asks.state
    if state.state is not _R.PLANNED or state.plan is None:
        return
    confirm = ", ".join(name for name in state.environments if name in protected)
    eyes = [name for name in state.environments if name in asks.four_eyes]
    begins = "It begins as soon as a worker is free."
    if state.wanted_by and asks.may(Action.APPROVE):
        yield Offer("start", "Approve and start", f"{begins} {state.wanted_by} asked for it.", confirm=confirm)
    elif not eyes and not state.wanted_by and asks.may(Action.START):
        yield Offer("start", "Start", begins, confirm=confirm)
    elif not state.wanted_by and asks.may(Action.START):
        told = f"Somebody else starts it, as {', '.join(eyes)} wants four eyes."
        yield Offer("ask", "Ask for approval", told)
    if state.wanted_by and asks.has_asked:
        yield Offer("refuse", "No longer ask", "Nobody is asked to start it any more.")
    elif state.wanted_by and asks.may(Action.REJECT):
        yield Offer("refuse", "Refuse", f"It does not start, and {state.wanted_by} reads why.", needs_reason=True)
    if asks.may(Action.PLAN) or (state.wanted_by and asks.may(Action.APPROVE)):
        yield Offer("replan", "Plan anew", "The hosts are asked once more what would change; nothing is touched.")


def _of_signals(asks: _Asks, *, heard: bool) -> Iterator[Offer]:
    state = asks.state
    for name in useful_signals(state, heard=heard):
        if name in NEED_ONE and state.plan is not None:
            for task in tasks_of(state, name)[:MOST]:
                yield from _of_a_task(asks, name, task, is_named=True)
        elif asks.may(Action(name)) and not refusal(state, name, reason="why"):
            yield _signal(state, name)


def _signal(state: State, name: str) -> Offer:
    if name == "abort" and state.state in NOT_BEGUN:
        return Offer(name, "Cancel", "It never begins.")
    return Offer(name, _label(name), _sentence(DOES[name]), name in NEED_REASON, name in DANGEROUS)


def _of_a_task(asks: _Asks, name: str, task: str, *, is_named: bool = False) -> Iterator[Offer]:
    """is_named: the button stands where nothing else says which task it is about."""
    state = asks.state
    if state.plan is None or not asks.may(Action(name)) or refusal(state, name, task, reason="why"):
        return
    about = f": {asks.title(task)}" if is_named else ""
    told = Offer(name, _label(name) + about, _sentence(_OF_ONE[name]), name in NEED_REASON, name in DANGEROUS, task)
    items = _open_items(state, task) if name == "approve" else []
    for item in items:
        yield replace(told, label=item, consequence="This item of the checklist is ticked.", item=item)
    if items:
        told = replace(told, label=f"Tick all{about}", consequence="The whole checklist is ticked, and it goes on.")
    yield told


def _open_items(state: State, task: str) -> Sequence[str]:
    leaf = state.plan.tree.leaves.get(task) if state.plan is not None else None
    items = [str(item) for item in leaf.arguments.get("items") or ()] if leaf is not None and leaf.gate else []
    return [item for item in items if item not in state.tasks[task].ticked]


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


_OF_ONE = {
    "approve": "it goes on from here",
    "reject": "this task fails, and the rollout with it",
    "retry": "try it again",
    "skip": "pass over it, as if it had ended well",
    "force": DOES["force"],
}
