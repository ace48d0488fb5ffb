"""The port to whoever deploys and undoes environments for the tasks of a rollout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from depl.deploy.stop import Stop
from depl.events import Emit
from depl.rollout.options import Outcome
from depl.rollout.signals import Signals


@dataclass(frozen=True)
class Part:
    """A part of an environment.

    hosts, components: names or globs, () for all; overrides: {"component.attribute": text}; stages: instead of those of
    the environment, where there are any.
    """

    environment: str
    hosts: Sequence[str] = ()
    components: Sequence[str] = ()
    overrides: Mapping[str, str] = field(default_factory=dict)
    stages: Sequence[str] = ()


@dataclass(frozen=True)
class Foreseen:
    """What a deployment would be.

    digest: of the model as it would be deployed; tasks: "web@host1", in order; unknown, irreversible: sentences on what
    cannot be taken back, or of which that is not known.
    """

    digest: str
    tasks: Sequence[str]
    unknown: Sequence[str] = ()
    irreversible: Sequence[str] = ()


@dataclass(frozen=True)
class Gate:
    """What opens the gates between the stages of a deployment: answers to a task of a rollout, both by their ids."""

    answers: Signals
    rollout: str
    task: str


class Deployer(Protocol):
    """Deploys here or over SSH, as the environment says."""

    def foresee(self, part: Part) -> Foreseen:
        """Make and check the model; contacts no host. Errors: ConfigurationError, Mistakes."""

    def changes(self, part: Part, emit: Emit) -> int:
        """What it would change, as events and counted, like --plan; contacts hosts."""

    def deploy(
        self,
        part: Part,
        rollout: str,
        stop: Stop,
        emit: Emit,
        on_failure: Callable[[], str],
        gate: Gate | None = None,
    ) -> Outcome:
        """Deploy. rollout: the id for it. on_failure: asked when it is needed, as the wish may change."""

    def undo(self, environment: str, rollout: str | None, stop: Stop, emit: Emit, on_conflict: str = "stop") -> Outcome:
        """Take a rollout back, or the newest. Errors: NothingToUndo where the hosts know nothing of it."""

    def look(self, environment: str, rollout: str) -> str:
        """What became of a rollout or undo, from the hosts' journals: NOT_STARTED, DONE, HALF_DONE or REVERSED."""


class Notifier(Protocol):
    """Tells people who are not looking."""

    def tell(self, kind: str, facts: Mapping[str, object]) -> None:
        """Send it on its way. Errors: DeplError where it is known that it did not arrive."""
