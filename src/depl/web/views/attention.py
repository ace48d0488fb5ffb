"""What waits for somebody: those of the rollouts about which this very person can do something now. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from depl.access.roles import Action, Person, refusal
from depl.rollout import summaries
from depl.rollout.states import Block, Hold, RolloutState
from depl.web.views.states import Look, look_of

if TYPE_CHECKING:
    from depl.store.headers import Header

_R = RolloutState
BLOCKED = {
    Block.FAILED: "A task failed: try it again, pass over it, or go back.",
    Block.INTERRUPTED: "It was interrupted: let it go on or back.",
    Block.PIVOT: "Something failed after the last point of return: it can go on, or be left as it is.",
    Block.CONFLICT: "What is to be put back was changed since: say what is to be done with it.",
    Block.REVERSAL_FAILED: "Something could not be put back: try it again, or leave it as it is.",
    Block.UNREACHABLE: "A host cannot be reached: try it again when it is back.",
}


@dataclass(frozen=True)
class Waits:
    """A rollout and what is to be done about it: a sentence, and what stands on the link to it.

    failed: what failed first inside of a deployment, as people know it; its task is `header.failed`.
    """

    header: Header
    look: Look
    sentence: str
    word: str
    rank: int
    failed: str = ""


def waiting(
    headers: Iterable[Header],
    person: Person,
    *,
    four_eyes: Collection[str] = (),
    interrupted: Collection[str] = (),
    failed: Collection[str] = (),
) -> list[Waits]:
    """What is the most urgent stands first.

    interrupted: ids of those that nobody is at work on; failed: of those that went wrong, with nothing after them.
    """
    found = [one for header in headers if (one := _waits(header, person, four_eyes, interrupted, failed)) is not None]
    return sorted(found, key=lambda one: one.rank)


def _waits(
    header: Header, person: Person, four_eyes: Collection[str], interrupted: Collection[str], failed: Collection[str]
) -> Waits | None:
    def may(action: Action, begun_by: str = "") -> bool:
        return not refusal(person, action, header.environments, begun_by=begun_by, four_eyes=four_eyes)

    is_left = header.id in interrupted
    look = look_of(header, interrupted=is_left)
    if header.state is _R.BLOCKED and may(Action.RETRY):
        sentence = BLOCKED.get(Block(header.block), "") if header.block else "It cannot go on by itself."
        return Waits(header, look, sentence, "Decide", 0, _failed(header))
    if is_left and may(Action.START):
        goes_on = "A worker takes it up again." if header.queue is not None else "A command began it, and has ended."
        return Waits(header, look, f"Nobody is at work on it any more. {goes_on}", "Look", 1)
    if Hold.APPROVAL.value in header.holds and header.state is _R.PLANNED:
        if may(Action.APPROVE, header.wanted_by):
            return Waits(header, look, f"{header.wanted_by} wants to start it.", "Look at the plan", 2)
    elif {Hold.APPROVAL.value, Hold.GATE.value}.intersection(header.holds):
        if may(Action.APPROVE, header.queued_by or header.who):
            what = (
                "Its checklist is to be ticked." if Hold.GATE.value in header.holds else "It goes on when you approve."
            )
            return Waits(header, look, what, "Answer", 2)
    elif {Hold.PAUSED.value, Hold.PAUSED_REVERSAL.value}.intersection(header.holds) and may(Action.RESUME):
        return Waits(header, look, "Somebody paused it.", "Look", 3)
    if header.id in failed and may(Action.START):
        return Waits(header, look, message_of(header) or "It did not succeed.", "Look", 4, _failed(header))
    return None


def _failed(header: Header) -> str:
    component, _, host = header.failed.rpartition("/")[2].rpartition("@")
    return f"{component} on {host}" if component else ""


def message_of(header: Header) -> str:
    """What went wrong first, in short."""
    return summaries.message_of(header.error) or header.reason
