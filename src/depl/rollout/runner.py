"""The port to the machines: who carries tasks out (through agents, or only for show)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Optional, Protocol

from depl.errors import DeplError
from depl.rollout.graph import Task

JOBS = 20  # hosts that are at work at the same time, where nobody says how many


class Runner(Protocol):
    """Asks hosts to do things, and hears their answers; asking does not wait.

    What is asked of a host is answered in that order, by replies of depl.protocol.replies: start by a TaskOver for each
    task (dropped: it does not begin any more, after a stop or a failure), reverse by TasksReversed, repeat by Repeated,
    collect by Collected, check by Checked, settle by Settled, plan by a Planned for each root, chains by Found, undo by
    Undoing; Told and Said come in between. stop is not answered.
    """

    hosts: Sequence[str]

    def open(self) -> Sequence[DeplError]:
        """Get all hosts ready and locked. Errors: what is in the way; then nothing was changed, and nothing is held."""

    def start(self, host: str, tasks: Sequence[Task], last: bool) -> None:
        """Deploy root components, one after the other, behind what was started before. last: the host has all now."""

    def reverse(self, host: str, roots: Sequence[str], on_conflict: str) -> None:
        """Take back what was done for some roots, in this order."""

    def repeat(self, host: str, roots: Sequence[str]) -> None:
        """Run again the reactions that some roots are owed."""

    def collect(self, host: str) -> None:
        """Remove what is no longer declared; in a plan: say what that would be."""

    def check(self, host: str, roots: Sequence[str]) -> None:
        """Ask some roots, which are deployed, whether they are well."""

    def settle(self, host: str, outcome: str, whole: bool) -> None:
        """Write the last word on the rollout."""

    def plan(self, host: str, roots: Sequence[str]) -> None:
        """Predict what deploying some roots would do, all that are meant of the host."""

    def chains(self, host: str, rollout: Optional[str]) -> None:
        """Ask what could be undone."""

    def undo(self, host: str, rollout: str, plan: bool, on_conflict: str) -> None:
        """Open the journal of a rollout to take it back; plan: only tell the steps."""

    def stop(self, host: str, how: str) -> None:
        """End early: hold (what waits does not begin), abort (at the next component) or terminate (now)."""

    def reply(self, timeout: Optional[float]) -> Optional[tuple[str, Any]]:
        """The next answer of any host; None when none came in time.

        A DeplError instead of a reply: this host is gone for good, the runner has tried to get it back.
        """

    def close(self, hosts: Optional[Iterable[str]] = None) -> None:
        """Let go of some hosts, or of all."""
