"""What waits for people."""

from __future__ import annotations

from collections.abc import Sequence

from depl.tasks.arguments import mistaken
from depl.tasks.task import Task


class Approval(Task):
    """Wait until somebody approves; it fails where somebody rejects. timeout: seconds after which it fails."""

    changes_nothing = True
    repeatable = True
    gate = "approval"

    def __init__(self, question: str, timeout: float | None = None) -> None:
        self.title, self.timeout = question, timeout


class Checklist(Task):
    """Wait until people have ticked all items. timeout: seconds after which it fails."""

    changes_nothing = True
    repeatable = True
    gate = "checklist"

    def __init__(self, items: Sequence[str], timeout: float | None = None) -> None:
        if isinstance(items, str) or not items or not all(str(one).strip() for one in items):
            raise mistaken("Checklist takes a list of texts, at least one")
        if len(set(items)) < len(items):
            raise mistaken("Checklist has the same item twice")
        self.title, self.timeout = f"Checklist: {', '.join(items)}", timeout
