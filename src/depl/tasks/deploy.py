"""A whole deployment of an environment, or of a part of it, as one task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from depl import setting_types
from depl.deploy.begin import new_id
from depl.errors import DeplError, DeploymentError, Interrupted, NothingToUndo, Unreachable
from depl.rollout.options import Outcome
from depl.rollout.recovery import DONE, NOT_STARTED, REVERSED
from depl.tasks.arguments import mistaken
from depl.tasks.deployer import Gate, Part
from depl.tasks.task import Conflict, Ending, Task

BAD = ("stopped", "blocked")


class Deploy(Task):
    """Deploy an environment under a rollout of its own, which is taken back on the way back.

    hosts, components: names or globs, () for all. overrides: {"component.attribute": text}. stages: as those of
    [environment], which they stand for: "one, half, all" or a list.
    """

    way_back = "exact"
    patience = None  # it goes back by itself, which takes its time

    def __init__(
        self,
        environment: str,
        hosts: Sequence[str] = (),
        components: Sequence[str] = (),
        overrides: Mapping[str, str] | None = None,
        stages: str | Sequence[str | int] = (),
    ) -> None:
        if overrides is not None and not isinstance(overrides, Mapping):
            raise mistaken("Deploy takes overrides as {'component.attribute': value}")
        texts = {name: str(value) for name, value in (overrides or {}).items()}
        self.part = Part(environment, _listed(hosts), _listed(components), texts, _stages(stages))
        self.environments = (environment,)
        self.title = _title(self.part)

    def run(self) -> Ending | None:
        deployer, working = self.working.deployer, self.working
        rollouts = self.state.setdefault("rollouts", [])
        stands = deployer.look(self.part.environment, rollouts[-1]) if rollouts else ""
        if stands == DONE:  # whoever drove it did not hear of it
            return None
        if stands != NOT_STARTED:
            rollouts.append(new_id())
            self.save()
        gate = Gate(working.answers, working.rollout, working.id)
        outcome = deployer.deploy(self.part, rollouts[-1], working.stop, working.inside, working.on_failure, gate)
        if outcome.status == "nothing" and len(rollouts) == 1:  # earlier tries may have changed something
            return self.UNCHANGED
        if outcome.status not in ("nothing", "succeeded"):
            raise failure(outcome, f"the deployment of {self.part.environment}")
        return None

    def reverse(self) -> None:
        for rollout in reversed(self.state.get("rollouts", [])):
            take_back(self, self.part.environment, rollout, self.state.get("on_conflict", "stop"))


def take_back(task: Task, environment: str, rollout: str, on_conflict: str = "stop") -> None:
    """Undo a rollout, if it did anything. on_conflict: unless it is forced. Errors: Conflict, and others."""
    working = task.working
    on_conflict = "force" if working.forced else on_conflict
    try:
        outcome = working.deployer.undo(environment, rollout, working.stop, working.inside, on_conflict)
    except NothingToUndo as error:
        if working.deployer.look(environment, rollout) in (NOT_STARTED, REVERSED):
            return
        raise Conflict(error.message, hint=error.hint) from error  # such as one that others have built on
    if outcome.status in BAD or outcome.interrupted:
        raise failure(outcome, f"the undo of {rollout} of {environment}")


def failure(outcome: Outcome, what: str) -> DeplError:
    """Why it did not end well: its own error, or what was not put back."""
    errors = [one for one in (outcome.error, *outcome.errors) if one is not None]
    gone = next((one for one in errors if isinstance(one, Unreachable)), None)
    if outcome.interrupted:
        return next((one for one in errors if isinstance(one, Interrupted)), Interrupted(f"{what} was ended early"))
    if gone is None and outcome.status == "blocked" and not errors:
        left = "; ".join(outcome.conflicts or outcome.pivots or ["something is not put back"])
        return Conflict(f"{what} is blocked: {left}", hint="Look at what is there, then retry, skip or force.")
    return gone or (errors[0] if errors else DeploymentError(f"{what} ended as {outcome.status}"))


def _listed(given: Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _stages(given: str | Sequence[str | int]) -> tuple[str, ...]:
    text = given if isinstance(given, str) else ", ".join(map(str, given))
    try:
        return setting_types.stages(text) if text.strip() else ()
    except ValueError as wanted:
        raise mistaken(f"Deploy takes stages as {wanted}, not {text!r:.60}") from None


def _title(part: Part) -> str:
    what = f"{', '.join(part.components)} of {part.environment}" if part.components else part.environment
    where = f" on {', '.join(part.hosts)}" if part.hosts else ""
    how = ", ".join(f"{name} = {value}" for name, value in part.overrides.items())
    return f"Deploy {what}{where}{f' with {how}' if how else ''}"
