"""Events in words, one sentence each; the same for reports of commands and for pages. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from depl.events import Event, What
from depl.rollout.change_words import sentence
from depl.rollout.summaries import message_of
from depl.rollout.wording import counted, seconds

OF_TASKS: Mapping[What, str] = {
    What.TASK_STARTED: "begins",
    What.TASK_DONE: "done",
    What.TASK_UNCHANGED: "nothing to do",
    What.TASK_SKIPPED: "skipped",
    What.TASK_NOT_STARTED: "had not begun",
    What.TASK_REVERSING: "goes back",
    What.TASK_REVERSED: "reversed",
    What.REVERSAL_SKIPPED: "left as it is",
    What.TASK_KEPT: "kept, it cannot be undone",
}
WAYS_BACK: Mapping[str, str] = {"failed": "not reversed", "conflict": "not reversed, as others changed it since"}
FAILURES = (What.TASK_FAILED, What.TASK_NOT_REVERSED, What.TASK_UNKNOWN)


def failed_words(event: Event) -> str:
    """How a task failed, or its way back, and why."""
    word = "failed" if event.what is What.TASK_FAILED else WAYS_BACK.get(str(event.data.get("kind")), "unknown")
    why = message_of(event.data.get("error")) or str(event.data.get("reason") or "")
    return f"{word}: {why}" if why else word


def task_words(event: Event) -> str:
    """How a task went on, how long that took, and why."""
    took = f", {seconds(event.data['seconds'])}" if event.data.get("seconds") else ""
    reason = f" ({event.data['reason']})" if event.data.get("reason") else ""
    return f"{OF_TASKS[event.what]}{took}{reason}"


def signal_words(signal: Mapping[str, object]) -> str:
    """Who wished what, about which task, and why."""
    about = f" {signal['task']}" if signal.get("task") else ""
    item = f" ({signal['item']})" if signal.get("item") else ""
    reason = f": {signal['reason']}" if signal.get("reason") else ""
    refused = f"  [not heeded: {signal['refused']}]" if signal.get("refused") else ""
    return f"{signal.get('who') or 'somebody'}  {signal.get('name')}{about}{item}{reason}{refused}"


def told(event: Event, name: str = "") -> str:
    """An event in one sentence. name: what it is about, as people know it."""
    if event.what in _OTHERS:
        return _OTHERS[event.what](event)
    if event.what in FAILURES:
        words = failed_words(event)
    elif event.what in OF_TASKS:
        words = task_words(event)
    else:
        words = _OF_PARTS[event.what](event) if event.what in _OF_PARTS else event.what.value
    return f"{name}: {words}" if name else words


def _text(event: Event, *names: str) -> str:
    return next((str(event.data[name]) for name in names if event.data.get(name)), "")


def _because(event: Event) -> str:
    return f": {event.data['reason']}" if event.data.get("reason") else ""


def _by(event: Event) -> str:
    return f" by {event.data['who']}" if event.data.get("who") else ""


def _queued(event: Event) -> str:
    agreed = f", approved by {event.data['approved_by']}" if event.data.get("approved_by") else ""
    return f"started{_by(event)}{agreed}, and waits for a worker"


def _held(event: Event) -> str:
    wanted = f", {event.data['who']} wants it" if event.data.get("who") else ""
    return f"waiting: {_text(event, 'hold')}{wanted}{_because(event)}"


def _over(event: Event) -> str:
    took = f" after {seconds(event.data['seconds'])}" if event.data.get("seconds") else ""
    changed = f", {counted(event.data['changed'], 'change')}" if event.data.get("changed") else ""
    return f"over: {_text(event, 'outcome')}{took}{changed}{_because(event)}"


def _changed(event: Event) -> str:
    changes = event.data.get("changes") or ()
    words = [" ".join(sentence(one).split()) for one in changes[:1]] or ["changed"]
    more = f", and {counted(len(changes) - 1, 'more change')}" if len(changes) > 1 else ""
    return words[0] + more + (f" ({event.data['reason']})" if event.data.get("reason") else "")


def _change(event: Event) -> str:
    return " ".join(sentence(event.data.get("change") or {}).split())


_OTHERS: Mapping[What, Callable[[Event], str]] = {
    What.PLANNED: lambda event: f"planned{_by(event)}",
    What.QUEUED: _queued,
    What.STARTED: lambda event: f"begun{_by(event)}",
    What.STOPPING: lambda event: f"stopping{_because(event)}",
    What.REVERSING: lambda event: f"putting back what was done{_because(event)}",
    What.BLOCKED: lambda event: f"blocked{_because(event)}",
    What.RESUMED: lambda event: f"going on {_text(event, 'direction')}".rstrip(),
    What.HELD: _held,
    What.RELEASED: lambda event: f"no longer waiting: {_text(event, 'hold')}{_by(event)}{_because(event)}",
    What.SIGNALLED: lambda event: signal_words({**event.data, "task": event.task}),
    What.TAKEN_UP: lambda event: f"taken up{_by(event)}, as nobody was at work any more",
    What.OVER: _over,
}
_OF_PARTS: Mapping[What, Callable[[Event], str]] = {
    What.CHANGED: _changed,
    What.LOG: lambda event: _text(event, "text"),
    What.WARNING: lambda event: f"warning: {_text(event, 'text')}",
    What.REVERSED: lambda event: f"{'redo' if event.data.get('again') else 'undo'}: {_change(event)}",
    What.REPEATED: lambda event: f"run again: {_text(event, 'command')}",
    What.KEPT: lambda event: f"keep: {_text(event, 'path')}{_because(event)}",
    What.CONFLICT: lambda event: f"not put back: {_text(event, 'reason') or _change(event)}",
    What.TASK_SAVED: lambda event: "noted what its way back needs",
    What.PROGRESS: lambda event: f"{event.data.get('done', 0):.0f} of {event.data.get('total', 0):.0f}",
}
