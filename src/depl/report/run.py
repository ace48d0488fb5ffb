"""A run as it happens, for people: quiet where nothing changes, clear where something fails."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from depl.errors import DeplError
from depl.events import Event, Output, What
from depl.report.changes import change_lines, counted_changes, unsafe_paragraph
from depl.report.errors import TAIL, place_in
from depl.report.lines import Line, Printer
from depl.report.outputs import Outputs
from depl.report.pivots import pivot_lines, standing_lines, ways_on
from depl.report.undeclared import undeclared_lines
from depl.rollout.change_words import Shown, sentence
from depl.rollout.wording import counted, seconds

if TYPE_CHECKING:
    from depl.report.live import Row

SLOW = 1.0  # seconds from which on a component's time is worth a word
BY_TASK = (What.TASK_REVERSING, What.TASK_REVERSED, What.TASK_NOT_REVERSED, What.TASK_KEPT)
WAY_BACK = (What.REVERSING, What.REVERSED, What.REPEATED, What.CONFLICT, *BY_TASK)


UNKNOWN = "of unknown effect, so look at these:"


class Outcome(Protocol):
    """How a run ended; depl.rollout makes them. status: nothing, succeeded, reversed, redone, stopped, blocked."""

    status: str
    changed: int
    errors: list[DeplError]
    interrupted: bool
    kept: list[str]
    conflicts: list[str]
    unknown: list[str]
    pivots: list[str]
    standing: list[str]
    put_back: int
    failed: list[str]


class RunReport:
    """Takes the events of one host's run and prints what people should see.

    base: the project; files in it are named relative to it. planning: the changes are predicted, so their contents
    and ways back are shown in full. host: its name, where it has to be said. told: the failures that were shown.
    """

    def __init__(
        self,
        printer: Printer,
        base: str = "",
        *,
        quiet: bool = False,
        verbose: bool = False,
        planning: bool = False,
        host: str = "",
        live: Row | None = None,
    ) -> None:
        self.printer, self.base, self.host = printer, base, host
        self.quiet, self.verbose, self.planning, self.live = quiet, verbose, planning, live
        self.told: set[str] = set()
        self._before_pivot = planning
        self._printed = Outputs()

    def __call__(self, event: Event | Output) -> None:
        """Print what an event comes to."""
        if isinstance(event, Output):
            self._output(event)
            return
        self._flush_output()
        if self.live is not None:
            self.live.show("putting back" if event.what in WAY_BACK else event.task or "")
        if event.what is What.CHANGED:
            if not self.quiet:
                self._show(changed_lines(event, verbose=self.verbose, planning=self.planning))
                self._tell_pivot(event)
        elif event.what is What.TASK_FAILED:
            self._failed(event)
        elif event.what is What.WARNING:
            self._complain([Line(f"warning: {_said(event)}", "yellow")])
        elif event.what is What.UNDECLARED:
            if not self.quiet:
                self._show(undeclared_lines(event, planning=self.planning))
        elif not self.quiet:
            self._show(event_lines(event, self.verbose))

    def _tell_pivot(self, event: Event) -> None:
        if self._before_pivot and (lines := pivot_lines(event)):
            self._before_pivot = False
            self._show(lines)

    def _show(self, lines: Sequence[Line]) -> None:
        self.printer.show(on_host(self.host, lines))

    def _complain(self, lines: Sequence[Line]) -> None:
        self.printer.complain(on_host(self.host, lines))

    def _failed(self, event: Event) -> None:
        if self.planning:
            return  # told at the end, in full
        self.told.add(str(event.data.get("error")))
        shown = set() if self.quiet else self._printed.shown()
        self._complain(failure_lines(event, self.base, shown))

    def _output(self, output: Output) -> None:
        component = output.component or ""
        if self.live is not None:
            self.live.show(component)
        for line in self._printed.add(output):
            self._say(component, line)
        if self.live is not None and (partial := self._printed.partial(output)):
            self.live.say(self.printer.clean(partial))

    def _flush_output(self) -> None:
        for component, line in self._printed.end():
            self._say(component, line)

    def _say(self, component: str, line: str) -> None:
        if self.live is not None:
            self.live.say(self.printer.clean(line))
        if not self.quiet:
            who = ": ".join(name for name in (self.host, component) if name)
            self.printer.show([Line(f"{who} | {line}" if who else line, "dim")])

    def end(self) -> None:
        """Print what is left to say."""
        self._flush_output()


def on_host(host: str, lines: Sequence[Line]) -> Sequence[Line]:
    """The same lines with the host's name at the beginning; without a name as they are.

    Errors and warnings of a line that broke off name their host themselves.
    """
    if not host or not lines:
        return lines
    first = lines[0].text.strip()
    word = next((word for word in ("error: ", "warning: ") if first.startswith(word)), "")
    if word and first[len(word) :].startswith((f"{host}: ", f"{host} ")):
        return lines
    return [Line(f"{word}{host}: {first[len(word) :]}", lines[0].style), *lines[1:]]


def event_lines(event: Event, verbose: bool = False) -> list[Line]:
    """What one event comes to, where that needs nothing but the event itself."""
    name = event.component or event.task or ""
    if event.what is What.TASK_SKIPPED:
        return [Line(f"{name}: skipped, {event.data.get('reason') or 'as the environment says'}", "dim")]
    if event.what in (What.TASK_UNCHANGED, What.TASK_STARTED):
        said = "..." if event.what is What.TASK_STARTED else "nothing to do"
        return [Line(f"{name}: {said}", "dim")] if verbose else []
    if event.what is What.LOG:
        return [Line(f"{name}: {_said(event)}" if name else _said(event))]
    if event.what is What.SIGNALLED and not event.data.get("refused"):
        return [Line(f"{event.data.get('name')}, as {event.data.get('who')} wants it{_because(event)}", "bold")]
    if event.what is What.REVERSING:
        return [Line("putting back what was changed:", "bold")]
    if event.what is What.REVERSED:
        word = "redo" if event.data.get("again") else "undo"
        return [Line(f"  {word}: {sentence(event.data.get('change') or {})}", "green")]
    if event.what is What.REPEATED:
        return [Line(f"  run again: {event.data.get('command')}", "green")]
    if event.what is What.KEPT:
        return [Line(f"  keep: {event.data.get('path')}{_because(event)}", "yellow")]
    if event.what is What.CONFLICT:
        return [Line(f"  not put back: {event.data.get('reason') or sentence(event.data.get('change') or {})}", "red")]
    return []


def changed_lines(event: Event, *, verbose: bool = False, planning: bool = False) -> list[Line]:
    """A component that changed: why, and each of its changes."""
    took = event.data.get("seconds") or 0
    slow = f" ({seconds(took)})" if took >= SLOW else ""
    name = event.component or event.task or ""
    lines = [Line(f"{name}{_because(event)}{slow}", "bold")]
    for change in event.data.get("changes", ()):
        lines.extend(change_lines(change, contents=verbose or planning, ways=planning or verbose))
    lines.extend(Line(f"  appeared {path}  [no undo removes it]", "yellow") for path in event.data.get("appeared", ()))
    return lines


def failure_lines(event: Event, base: str = "", shown: Collection[str] = ()) -> list[Line]:
    """A component that failed. shown: lines of output that stand on the screen already."""
    output = [line for line in event.data.get("output") or () if line not in shown]
    place = place_in(base, str(event.data.get("place") or ""))
    hint = event.data.get("hint")
    return [
        Line(f"error: {event.data.get('error')}", "red"),
        *(Line(f"  {line}", "dim") for line in output[-TAIL:]),
        *([Line(f"  at {place}")] if place else []),
        Line(f"  in {event.component or event.task}"),
        *([Line(f"  hint: {hint}", "cyan")] if hint else []),
    ]


def end_lines(
    outcome: Outcome, label: str, changes: Sequence[Shown] = (), *, components: int = 0, took: float = 0, undo: str = ""
) -> list[Line]:
    """The last words on a run. components: how many were looked at. undo: the command that takes it back."""
    if outcome.status == "nothing":
        return [Line(f"{label}: nothing to do ({counted(components, 'component')}, {seconds(took)})")]
    if outcome.status == "succeeded":
        return _success(outcome, label, changes, took, undo)
    return [*_failure(outcome, label, took, undo), *left_lines(outcome), *ways_on(outcome, undo)]


def _success(outcome: Outcome, label: str, changes: Sequence[Shown], took: float, undo: str) -> list[Line]:
    what = f", {counted_changes(changes)}" if changes else ""
    lines = [Line(f"{label}: {counted(outcome.changed, 'component')} changed{what} in {seconds(took)}", "bold")]
    lines += unsafe_paragraph(changes)
    return [*lines, Line(f"  take it back with: {undo}")] if undo else lines


def _failure(outcome: Outcome, label: str, took: float, undo: str) -> Iterator[Line]:
    yield failed_word(outcome, label, took)
    if undo and outcome.status != "reversed" and not outcome.pivots:
        yield Line(f"  put it back with: {undo}")


def failed_word(outcome: Outcome, label: str, took: float) -> Line:
    """That a run failed, and how things are now."""
    word = f"{label}: {'interrupted' if outcome.interrupted else 'failed'} after {seconds(took)}"
    if outcome.status == "reversed":
        known = "what depl knows of" if outcome.unknown else "everything"
        return Line(f"{word}; {known} is as it was before", "red")
    if outcome.status == "stopped":
        return Line(f"{word}; {counted(outcome.changed, 'component')} changed, left as it is", "red")
    if outcome.pivots and not outcome.conflicts:
        many = f"{counted(outcome.put_back, 'change')} put back"
        return Line(f"{word}; {many}, but nothing across a step that cannot be undone", "red")
    return Line(f"{word}; not everything could be put back", "red")


def left_lines(outcome: Outcome) -> Iterator[Line]:
    """What is not as it was before."""
    yield from standing_lines(outcome)
    for title, things in (
        ("not put back:", outcome.conflicts if outcome.status != "stopped" else []),
        ("kept as it is:", outcome.kept),
        (UNKNOWN, outcome.unknown),
    ):
        if things:
            yield Line(title, "yellow")
            yield from (Line(f"  {thing}") for thing in things)


def _because(event: Event) -> str:
    reason = event.data.get("reason")
    return f": {reason}" if reason else ""


def _said(event: Event) -> str:
    return str(event.data.get("text", ""))
