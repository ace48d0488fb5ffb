"""A rollout by hand as it happens, for people: a line where a task begins and where it ends, and why it waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from depl.events import Event, Output, What
from depl.report.errors import TAIL, place_in
from depl.report.lines import Line, Printer
from depl.report.outputs import Outputs
from depl.report.rollout import signal_text
from depl.report.run import changed_lines, event_lines, on_host
from depl.rollout.event_words import FAILURES, OF_TASKS, failed_words, task_words
from depl.rollout.plan import RolloutPlan
from depl.rollout.summaries import message_of
from depl.rollout.tree import Leaf

if TYPE_CHECKING:
    from depl.report.live import LiveLines, Row

INDENT = "    "


class TaskReport:
    """Takes the events of one rollout and prints what people should see.

    depl: how the command is called, for what people can do. quiet: only errors and what waits for people. verbose:
    also what tasks print, and what is in new files. live: where there is a line for each task at work.
    """

    def __init__(
        self,
        printer: Printer,
        plan: RolloutPlan,
        base: str = "",
        *,
        depl: str = "depl",
        quiet: bool = False,
        verbose: bool = False,
        live: LiveLines | None = None,
    ) -> None:
        self.printer, self.plan, self.base, self.depl = printer, plan, base, depl
        self.quiet, self.verbose, self.live = quiet, verbose, live
        self._printed = Outputs()

    def __call__(self, event: Event | Output) -> None:
        """Print what an event comes to."""
        if isinstance(event, Output):
            self._output(event)
            return
        self.end()
        leaf = self.plan.tree.leaves.get(event.task or "") if not event.host else None
        if leaf is not None and self.live is not None:
            _move(self.live.of(leaf.id), leaf, event)
        if event.what is What.WARNING:
            self.printer.complain([Line(f"warning: {event.data.get('text', '')}", "yellow")])
        elif event.what in FAILURES and leaf is not None:
            self.printer.complain(self._failed(leaf, event))
        elif event.what in (What.BLOCKED, What.STOPPING):
            self.printer.complain([Line(f"{event.what.value}: {event.data.get('reason', '')}", "red")])
        elif event.what is What.TASK_STARTED and leaf is not None and leaf.gate:
            self.printer.show(self._gate(leaf))
        elif leaf is None and event.task:
            self._inside(event)
        elif not self.quiet:
            self.printer.show(self._lines(leaf, event))

    def end(self) -> None:
        """Print what is left to say."""
        for task, line in self._printed.end():
            self._say(task, line)

    def _lines(self, leaf: Leaf | None, event: Event) -> list[Line]:
        if event.what is What.SIGNALLED:
            return [Line(signal_text({**event.data, "task": event.task}).strip(), "cyan")]
        if event.what is What.LOG:
            return [Line(f"{INDENT if leaf else ''}{event.data.get('text', '')}")]
        if event.what is What.REVERSING:
            return [Line("putting back what was done:", "bold")]
        if event.what is What.RESUMED:
            return [Line(f"going on {event.data.get('direction', '')}".rstrip(), "bold")]
        if event.what in (What.HELD, What.RELEASED):
            word = "waiting" if event.what is What.HELD else "no longer waiting"
            return [Line(f"{word}: {event.data.get('hold', '')}", "cyan")]
        if leaf is None or event.what not in OF_TASKS:
            return []
        return [Line(f"{leaf.id}  {leaf.title or leaf.task}: {task_words(event)}", _STYLES[event.what])]

    def _gate(self, leaf: Leaf) -> list[Line]:
        id, task = self.plan.rollout, f" --task {leaf.id}" if self._has_other_gates(leaf) else ""
        lines = [Line(f"{leaf.id}  {leaf.title or leaf.task}: waiting", "bold")]
        items = [str(item) for item in leaf.arguments.get("items") or ()]
        if items:
            lines += [Line(f"{INDENT}{item}") for item in items]
            lines.append(Line(f"{INDENT}tick an item with: {self.depl} rollout approve {id}{task} --item ITEM", "cyan"))
        lines.append(Line(f"{INDENT}approve it with: {self.depl} rollout approve {id}{task}", "cyan"))
        reject = f"{self.depl} rollout reject {id}{task} --reason ..."
        return [*lines, Line(f"{INDENT}reject it with: {reject}", "cyan")]

    def _has_other_gates(self, leaf: Leaf) -> bool:
        parallel = any(group.parallel for group in self.plan.tree.ways_up(leaf.id))
        return parallel and sum(bool(one.gate) for one in self.plan.tree.leaves.values()) > 1

    def _failed(self, leaf: Leaf, event: Event) -> list[Line]:
        error = event.data.get("error")
        lines = [Line(f"{leaf.id}  {leaf.title or leaf.task}: {failed_words(event)}", "red")]
        if not self.verbose:
            lines += [Line(f"{INDENT}{line}", "dim") for line in self._last_words(leaf.id, error)]
        facts: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
        where = f"{facts['file']}:{facts['line']}" if facts.get("line") else str(facts.get("file") or "")
        lines += [Line(f"{INDENT}at {place_in(self.base, where)}")] if where else []
        return [*lines, Line(f"{INDENT}hint: {facts['hint']}", "cyan")] if facts.get("hint") else lines

    def _last_words(self, task: str, error: object) -> Sequence[str]:
        """The last lines that a task printed, else what its failed command did."""
        printed = self._printed.last(task)
        if printed or not isinstance(error, Mapping):
            return printed
        return [line for name in ("stdout", "stderr") for line in str(error.get(name) or "").splitlines()][-TAIL:]

    def _inside(self, event: Event) -> None:
        """What a deployment does within a task is told as everywhere, further to the right."""
        task = (event.task or "").partition("/")[2] or event.task
        if event.what is What.CHANGED:
            lines = changed_lines(event, verbose=self.verbose)
        elif event.what is What.TASK_FAILED:
            lines = [Line(f"error: {event.component or task}: {message_of(event.data.get('error'))}", "red")]
            self.printer.complain(_indented(on_host(event.host or "", lines)))
            return
        else:
            lines = event_lines(event, self.verbose)
        if not self.quiet:
            self.printer.show(_indented(on_host(event.host or "", lines)))

    def _output(self, output: Output) -> None:
        for line in self._printed.add(output):
            self._say(output.component or "", line)

    def _say(self, task: str, line: str) -> None:
        if self.live is not None and task in self.plan.tree.leaves:
            self.live.of(task).say(self.printer.clean(line))
        if self.verbose:
            self.printer.show([Line(f"{INDENT}| {line}", "dim")])


def _move(row: Row, leaf: Leaf, event: Event) -> None:
    """The line of a task that is at work."""
    if event.what in (What.TASK_STARTED, What.TASK_REVERSING):
        row.show(f"{leaf.title or leaf.task}{' (goes back)' if event.what is What.TASK_REVERSING else ''}")
    elif event.what is What.PROGRESS:
        row.say(f"{event.data.get('done', 0):.0f} of {event.data.get('total', 0):.0f}")
    elif event.what in OF_TASKS or event.what in FAILURES:
        row.rest()


def _indented(lines: Sequence[Line]) -> list[Line]:
    return [Line(INDENT + line.text, line.style) for line in lines]


_STYLES = {
    **dict.fromkeys((What.TASK_STARTED, What.TASK_UNCHANGED, What.TASK_REVERSING), "dim"),
    **dict.fromkeys((What.TASK_DONE, What.TASK_REVERSED), "green"),
    **dict.fromkeys((What.TASK_SKIPPED, What.TASK_NOT_STARTED, What.REVERSAL_SKIPPED, What.TASK_KEPT), "yellow"),
}
