"""Taking a rollout of an environment back, as one task."""

from __future__ import annotations

from depl.events import Event, What
from depl.rollout.hands import Happening
from depl.rollout.recovery import DONE
from depl.tasks.arguments import mistaken
from depl.tasks.deploy import BAD, failure, take_back
from depl.tasks.task import Ending, Task

ON_CONFLICT = ("stop", "force", "keep")


class Undo(Task):
    """Take a rollout of an environment back, the newest unless one is named; on the way back it is done again.

    on_conflict: what becomes of that which others changed since: stop (left, and said), force or keep.
    """

    way_back = "exact"
    patience = None

    def __init__(self, environment: str, rollout: str | None = None, on_conflict: str = "stop") -> None:
        if on_conflict not in ON_CONFLICT:
            raise mistaken(f"Undo takes on_conflict as {', '.join(ON_CONFLICT)}, not {on_conflict!r}")
        self.environment, self.rollout, self.on_conflict = environment, rollout, on_conflict
        self.environments = (environment,)
        self.title = f"Undo {f'rollout {rollout}' if rollout else 'the newest rollout'} of {environment}"

    def run(self) -> Ending | None:
        deployer, working = self.working.deployer, self.working
        begun = self.state.get("undo")
        if begun and deployer.look(self.environment, begun) == DONE:
            return None
        which = self.rollout or self.state.get("undoes")
        outcome = deployer.undo(self.environment, which, working.stop, self._hear, self.on_conflict)
        if outcome.status == "nothing":
            return self.UNCHANGED
        if outcome.rollout:
            self.state["undo"] = outcome.rollout
        if outcome.status in BAD or outcome.interrupted:
            raise failure(outcome, f"the undo of {self.environment}")
        return None

    def reverse(self) -> None:
        if undo := self.state.get("undo"):
            take_back(self, self.environment, undo, self.state.get("on_conflict", "stop"))

    def _hear(self, what: Happening) -> None:
        """Its name is kept before it changes anything: it is what is looked for after a crash."""
        if isinstance(what, Event) and what.what is What.STARTED and what.data.get("rollout"):
            told = {"undo": what.data["rollout"], "undoes": what.data.get("undoes") or what.data.get("redoes")}
            self.state.update({key: value for key, value in told.items() if value})
            self.save()
        self.working.inside(what)
