"""Plans, deployments and undos in a directory, as tests of components look at them (see depl.testing)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depl.errors import DeplError, Mistakes
from depl.events import Event, Output, What

if TYPE_CHECKING:
    from depl.configure import Model
    from depl.rollout import options

STATUS = {"nothing": 0, "succeeded": 0, "reversed": 3}  # the exit status of how a run ended; 4 for what is not here


@dataclass
class Outcome:
    """What a plan, a deployment or an undo came to.

    status: the exit status that the command line would give. output: of commands. left: what was not put back.
    """

    status: int = 0
    events: list[Event] = field(default_factory=list)
    output: list[Output] = field(default_factory=list)
    errors: list[DeplError] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def changed(self) -> list[str]:
        """The ids of the components that were (or would be) updated, in order."""
        return [event.component or "" for event in self.events if event.what is What.CHANGED]

    @property
    def changes(self) -> list[Mapping[str, Any]]:
        """What was (or would be) changed, as it is shown to people."""
        return [change for event in self.events if event.what is What.CHANGED for change in event.data["changes"]]

    @property
    def diff(self) -> str:
        """All diffs as one text."""
        return "\n".join(str(change.get("diff") or "") for change in self.changes)

    @property
    def error(self) -> str:
        """All errors as one text, with their hints; empty where nothing went wrong."""
        return "\n".join(f"{error} ({error.hint})" for error in self.errors)

    def take(self, event: Event | Output) -> None:
        """Note what happened."""
        if isinstance(event, Output):
            self.output.append(event)
        else:
            self.events.append(event)

    def ended(self, outcome: options.Outcome, status: int) -> None:
        """Note how a run ended."""
        self.status, self.left = status, [*outcome.conflicts, *outcome.kept]
        self.errors += outcome.errors

    def refused(self, error: DeplError) -> None:
        """Note why nothing was begun."""
        self.status = 1
        self.errors += error.mistakes if isinstance(error, Mistakes) else [error]


class Bench:
    """Runs models in a directory as the command line does, the first host unless one is named.

    directory: where `.depl` lies, and `work` if the models say so. outcome: makes the outcomes.
    """

    def __init__(self, directory: Path, outcome: Callable[[], Outcome] = Outcome) -> None:
        from depl.rollout.options import Options

        self._options = Options(str(directory), durability="journal", who="tester")
        self._outcome = outcome
        self._environment = "test"  # that was deployed last
        self._model: Callable[[], Model] | None = None

    def plan(self, model: Callable[[], Model], host: str = "") -> Outcome:
        """What would change; everything stays as it is."""
        from depl.rollout.local import plan

        def act(outcome: Outcome) -> None:
            made = model()
            planned = plan(made, host or next(iter(made.environment.hosts)), self._how(made), outcome.take)
            outcome.errors += planned.errors
            outcome.status = 3 if planned.errors else 0

        return self._run(act)

    def deploy(self, model: Callable[[], Model], host: str = "") -> Outcome:
        """Make it so; what fails is put back."""
        from depl.rollout.local import realise

        def act(outcome: Outcome) -> None:
            made = model()
            self._environment, self._model = made.environment.name, model
            ended = realise(made, host or next(iter(made.environment.hosts)), self._how(made), outcome.take)
            outcome.ended(ended, STATUS.get(ended.status, 4))

        return self._run(act)

    def _how(self, model: Model) -> options.Options:
        return replace(self._options, redact=model.environment.redact)

    def undo(self) -> Outcome:
        """Take back what the newest deployment changed that was not taken back yet."""
        from depl.rollout.local import undo

        def act(outcome: Outcome) -> None:
            ended = undo(self._environment, self._options, outcome.take, model=self._model)
            outcome.ended(ended, 0 if ended.status == "reversed" else 4)

        return self._run(act)

    def _run(self, act: Callable[[Outcome], None]) -> Outcome:
        outcome = self._outcome()
        try:
            act(outcome)
        except DeplError as error:
            outcome.refused(error)
        return outcome
