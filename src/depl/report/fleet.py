"""A run on many hosts, for people: who is at work, what changes where, and what it came to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from depl.errors import Lost, TakenOver
from depl.events import Event, Output, What
from depl.report.changes import counted_changes, unsafe_paragraph
from depl.report.lines import Line, Printer
from depl.report.pivots import Pivot, held_lines, ways_on
from depl.report.run import WAY_BACK, Outcome, RunReport, failed_word, left_lines, on_host
from depl.report.tally import ENDS, Tally, Timed, critical_path
from depl.rollout.wording import counted, seconds

if TYPE_CHECKING:
    from depl.report.live import LiveLines

LONG = 10.0  # seconds from which on people want to know what took so long
FOLDED = 10  # hosts; more of them that needed nothing are told in one line


class FleetReport:
    """Takes the events of all hosts and prints what people should see; each host has a report of its own.

    tasks: how many there are. told: the failures that were shown.
    """

    def __init__(
        self,
        printer: Printer,
        base: str = "",
        *,
        quiet: bool = False,
        verbose: bool = False,
        planning: bool = False,
        tasks: int = 0,
        live: LiveLines | None = None,
    ) -> None:
        self.printer, self.base, self.live, self.tasks = printer, base, live, tasks
        self.quiet, self.verbose, self.planning = quiet, verbose, planning
        self.told: set[str] = set()
        self._through: set[tuple[str | None, str | None]] = set()
        self._hosts: dict[str, RunReport] = {}

    def __call__(self, event: Event | Output) -> None:
        """Print what an event comes to."""
        host = event.host or ""
        self._of(host)(event)
        if self.live is None or isinstance(event, Output):
            return
        if event.what in ENDS:
            self._through.add((host, event.task))
            if self.tasks:
                self.live.whole.say(f"{len(self._through)} of {counted(self.tasks, 'component')}")
        if host and event.what in (*ENDS, What.OVER):
            self.live.of(host).rest()
        if event.what in WAY_BACK:
            self.live.whole.show("putting back")

    def _of(self, host: str) -> RunReport:
        if host not in self._hosts:
            live = self.live.of(host) if self.live is not None and host else None
            self._hosts[host] = RunReport(
                self.printer,
                self.base,
                quiet=self.quiet,
                verbose=self.verbose,
                planning=self.planning,
                host=host,
                live=live,
            )
            self._hosts[host].told = self.told
        return self._hosts[host]

    def end(self) -> None:
        """Print what is left to say."""
        for report in self._hosts.values():
            report.end()


def fleet_end_lines(
    outcome: Outcome,
    name: str,
    tally: Tally,
    *,
    hosts: int,
    components: int,
    took: float,
    undo: str = "",
    times: Sequence[Line] = (),
) -> list[Line]:
    """The last words on a run.

    hosts, components: how many were looked at. undo: the command that takes it back. times: what took how long.
    """
    looked = f"{counted(hosts, 'host')}, {counted(components, 'component')}"
    if outcome.status == "nothing":
        return [*unchanged_lines(tally), Line(f"{name}: nothing to do ({looked}, {seconds(took)})"), *times]
    if outcome.status != "succeeded":
        lines = [*_failure(outcome, name, tally, took, undo), *left_lines(outcome)]
        return [*lines, *ways_on(outcome, undo), *times]
    changes, changed = tally.all_changes, sum(tally.components.values())
    where = f"on {len(tally.components)} of {counted(hosts, 'host')}"
    ways = f", {counted_changes(changes)}" if changes else ""
    lines = [*changed_lines(tally), *unchanged_lines(tally)]
    lines.append(Line(f"{name}: {counted(changed, 'component')} changed {where}{ways} in {seconds(took)}", "bold"))
    lines += [*unsafe_lines(tally), *times]
    return [*lines, Line(f"  take it back with: {undo}")] if undo else lines


def changed_lines(tally: Tally, word: str = "changed") -> list[Line]:
    """How much changed, host by host."""
    lines = []
    for host, count in sorted(tally.components.items()):
        ways = f", {counted_changes(changes)}" if (changes := tally.changes[host]) else ""
        lines.append(Line(f"{host}: {counted(count, 'component')} {word}{ways}"))
    return lines


def unchanged_lines(tally: Tally) -> list[Line]:
    """The hosts that needed nothing: a line each, or one for many."""
    if len(tally.unchanged) > FOLDED:
        return [Line(f"{len(tally.unchanged)} hosts: nothing to do", "dim")]
    return [Line(f"{host}: nothing to do", "dim") for host in tally.unchanged]


def unsafe_lines(tally: Tally) -> list[Line]:
    """What cannot be promised to be undone, host by host."""
    found = sorted(tally.changes.items())
    return [line for host, changes in found for line in on_host(host, unsafe_paragraph(changes))]


def path_lines(times: Mapping[str, float], after: Mapping[str, Iterable[str]], *, all: bool = False) -> list[Line]:
    """The chain of components that a run had to wait for, if that was long; all: in any case, and each one's time."""
    path = critical_path(times, after)
    total = sum(one.seconds for one in path)
    if not path or not (all or total > LONG):
        return []
    lines = []
    if all:
        slowest = sorted((Timed(*one) for one in times.items()), key=lambda one: -one.seconds)
        lines += [Line("time by component:", "bold"), *(Line(f"  {_timed(one)}") for one in slowest)]
    shown = [one for one in path if one.seconds >= total / 100] or path
    return [*lines, Line(f"longest chain ({seconds(total)}): {' -> '.join(map(_timed, shown))}")]


def fleet_plan_lines(
    changes: int,
    errors: int,
    name: str,
    tally: Tally,
    *,
    hosts: int,
    components: int,
    took: float,
    pivots: Sequence[Pivot] = (),
) -> list[Line]:
    """How much would change where, and what of it cannot be promised to be undone; pivots: the first of those."""
    if errors and not tally.at_work:
        ready = f"{errors} of {counted(hosts, 'host')} {'is' if errors == 1 else 'are'} not ready"
        return [
            Line(f"{name}: nothing could be looked at, because {ready} ({seconds(took)}; nothing was touched)", "red")
        ]
    looked = f"({counted(hosts, 'host')}, {counted(components, 'component')} looked at in {seconds(took)};"
    looked += " nothing was touched)"
    lines = [*changed_lines(tally, "would change"), *unchanged_lines(tally)]
    if not changes and not errors:
        return [*lines, Line(f"{name}: nothing to do {looked}")]
    ways = f", {counted_changes(tally.all_changes)}" if tally.all_changes else ""
    lines.append(Line(f"{name}: {counted(changes, 'component')} would change{ways} {looked}", "bold"))
    lines += [*unsafe_lines(tally), *held_lines(pivots)]
    if errors:
        lines.append(Line(f"{name}: {counted(errors, 'component')} would fail", "red"))
    return lines


def _failure(outcome: Outcome, name: str, tally: Tally, took: float, undo: str) -> list[Line]:
    lines = [failed_word(outcome, name, took)]
    if outcome.status == "partly reversed":
        where = f"{name}: failed on {', '.join(outcome.failed)}, where everything is as it was before"
        changed = counted(outcome.changed, "component")
        lines = [Line(f"{where}; {changed} changed elsewhere, after {seconds(took)}", "red")]
    if outcome.status in ("stopped", "partly reversed"):
        lines = [*changed_lines(tally), *lines]
    others = [one.who for one in outcome.errors if isinstance(one, TakenOver)]
    if others:  # an undo would take back what they do
        lines.append(Line(f"  before you go on, look at what {' and '.join(dict.fromkeys(others))} is doing there"))
    elif undo and outcome.status != "reversed" and not outcome.pivots:
        back = " once all hosts answer again" if any(isinstance(one, Lost) for one in outcome.errors) else ""
        lines.append(Line(f"  put it back{back} with: {undo}"))
    return lines


def _timed(one: Timed) -> str:
    return f"{one.task} {seconds(one.seconds)}"
