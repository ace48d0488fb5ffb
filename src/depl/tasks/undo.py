"""Taking a rollout of an environment back, as one task."""

from __future__ import annotations

from depl.events import Event, What
from depl.rollout.hands import Happening
from depl.rollout.recovery import DONE
from depl.tasks.deploy import BAD, failure, take_back
from depl.tasks.task import Ending, Task


class Undo(Task):
    """Take a rollout of an environment back, the newest unless one is named; on the way back it is done again."""

    way_back = "exact"
    patience = None

    def __init__(self, environment: str, rollout: str | None = None) -> None:
        self.environment, self.rollout = environment, rollout
        self.environments = (environment,)
        self.title = f"Undo {f'rollout {rollout}' if rollout else 'the newest rollout'} of {environment}"

    def run(self) -> Ending | None:
        deployer, working = self.working.deployer, self.working
        begun = self.state.get("undo")
        if begun and deployer.look(self.environment, begun) == DONE:
            return None
        which = self.rollout or self.state.get("undoes")
        outcome = deployer.undo(self.environment, which, working.stop, self._hear)
        if outcome.status == "nothing":
            return self.UNCHANGED
        if outcome.rollout:
            self.state["undo"] = outcome.rollout
        if outcome.status in BAD or outcome.interrupted:
            raise failure(outcome, f"the undo of {self.environment}")
        return None

    def reverse(self) -> None:
        if undo := self.state.get("undo"):
            take_back(self, self.environment, undo)

    def _hear(self, what: Happening) -> None:
        """Its name is kept before it changes anything: it is what is looked for after a crash."""
        if isinstance(what, Event) and what.what is What.STARTED and what.data.get("rollout"):
            told = {"undo": what.data["rollout"], "undoes": what.data.get("undoes") or what.data.get("redoes")}
            self.state.update({key: value for key, value in told.items() if value})
            self.save()
        self.working.inside(what)
