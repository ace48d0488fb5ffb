"""Steps across which nothing is undone: in a plan, and after a failure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from depl.events import Event
from depl.report.lines import Line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from depl.report.run import Outcome
    from depl.report.tally import Tally

IRREVERSIBLE = "irreversible"


@dataclass(frozen=True)
class Pivot:
    """The first step on a host that cannot be undone. before: what it comes after on other hosts, as `web@web1`."""

    host: str
    component: str
    reason: str
    before: Sequence[str] = ()


def pivot_lines(event: Event) -> list[Line]:
    """What a plan says after a component with such a step; nothing after others."""
    found = next((one for one in event.data.get("changes", ()) if one.get("way_back") == IRREVERSIBLE), None)
    if found is None:
        return []
    who = event.component or event.task
    return [Line(f"from here on a failure leaves what was done before: {who}: {found.get('reason')}", "yellow")]


def pivots_of(tally: Tally, after: Mapping[str, Iterable[str]] | None = None, host: str = "") -> list[Pivot]:
    """The first such step of each host that was seen. after: by task those that it has to wait for.

    host: the name of the only one.
    """
    found: dict[str, Pivot] = {}
    for step in tally.unsafe:
        if step.host not in found and step.change is not None and step.change.get("way_back") == IRREVERSIBLE:
            task = f"{step.component.partition('/')[0]}@{step.host}"
            before = [one for one in _all_before(task, after or {}) if one in tally.changed]
            elsewhere = [one for one in before if not one.endswith(f"@{step.host}")]
            found[step.host] = Pivot(step.host or host, step.component, str(step.change.get("reason")), elsewhere)
    return list(found.values())


def held_lines(pivots: Sequence[Pivot]) -> list[Line]:
    """What such steps hold on other hosts."""
    return [
        Line(f"{one.host}: after {one.component} a failure also leaves {', '.join(one.before)}", "yellow")
        for one in pivots
        if one.before
    ]


def standing_lines(outcome: Outcome) -> Iterator[Line]:
    """Across which steps nothing was undone, and what stands because of them."""
    for title, things in (
        ("nothing is undone across this:", outcome.pivots),
        ("so this stands as it is, because it was done before:", outcome.standing),
    ):
        if things:
            yield Line(title, "yellow")
            yield from (Line(f"  {thing}") for thing in things)


def ways_on(outcome: Outcome, undo: str) -> list[Line]:
    """What can be done then. undo: the command that takes the rollout back."""
    if not outcome.pivots:
        return []
    return [
        Line("  mend what failed and deploy again to go on from there,"),
        Line(f"  or put that back, too, all but the step itself, with: {undo} --keep"),
    ]


def _all_before(task: str, after: Mapping[str, Iterable[str]]) -> list[str]:
    found: dict[str, None] = {}
    reached = [task]
    while reached:
        for one in sorted(after.get(reached.pop(), ())):
            if one not in found:
                found[one] = None
                reached.append(one)
    return sorted(found)
