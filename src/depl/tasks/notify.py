"""Telling people who are not looking."""

from __future__ import annotations

from collections.abc import Sequence

from depl.tasks.task import Task


class Notify(Task):
    """Send a text to those whom the project's `[notify]` names; what does not arrive is a warning.

    targets: texts in the names of some of them, such as the host of a webhook, or an address; () for all.
    """

    changes_nothing = True

    def __init__(self, text: str, targets: Sequence[str] = ()) -> None:
        self.text, self.targets = text, [targets] if isinstance(targets, str) else list(targets)
        self.title = f"Notify{' ' if targets else ''}{', '.join(self.targets)}: {text}"

    def run(self) -> None:
        text, notifier = self.working.redact(self.text), self.working.given_notifier
        if notifier is None:
            self.warn("nobody is told: depl.cfg has no targets in [notify]")
            return
        notifier.tell("message", {"text": text, "message": text, "targets": self.targets})
