"""The rollouts that depl brings along: a deployment of an environment, and the undo of one, for those who only ask.

They are planned, run, shown and taken back like the project's own, and found by names that no file in `rollouts/` has.
"""

from __future__ import annotations

from typing import Any

from depl import ini, setting_types
from depl.environment_file import declared_settings
from depl.errors import ConfigurationError
from depl.layout import environment_file
from depl.rollout.byhand import Rollout, of_depl
from depl.rollout.parameters import Parameter
from depl.setting_types import Convert
from depl.tasks.deploy import Deploy
from depl.tasks.undo import Undo

DEPLOY, UNDO = "depl:deploy", "depl:undo"


class Whole(Rollout):
    """About one environment, whose file says what happens on a failure."""

    environment = Parameter(help="the environment")

    def settle(self, base: str) -> None:
        """Heed what the environment's file says. Errors: ConfigurationError where there is none."""
        settings = declared_settings(ini.read(environment_file(self.environment, base)), [])
        self.on_interrupt = settings.on_interrupt
        if vars(self).get("on_failure") is None:
            vars(self)["on_failure"] = settings.on_failure


@of_depl(DEPLOY)
class Deployment(Whole):
    """Deploy an environment, or a part of it."""

    hosts = Parameter(multiple=True, default=[], help="names or globs; all of them if empty")
    components = Parameter(multiple=True, default=[], help="names or globs; all of them if empty")
    stages = Parameter(multiple=True, default=[], help="such as one, half, all; else the environment's", advanced=True)
    on_failure = Parameter(
        choices=["rollback", "stop"], default=None, help="else as the environment says", advanced=True
    )
    overrides = Parameter(multiple=True, default=[], help="each COMPONENT.ATTRIBUTE = VALUE", advanced=True)

    @property
    def title(self) -> str:  # type: ignore[override]
        """Such as `Deploy web of dev`."""
        return self.plan().title

    def plan(self) -> Deploy:
        """One task."""
        stages = self._meant("stages", setting_types.stages, ", ") if self.stages else ()
        overrides = self._meant("overrides", setting_types.overrides, "\n")
        return Deploy(self.environment, self.hosts, self.components, overrides, stages)

    def _meant(self, name: str, convert: Convert, joint: str) -> Any:
        try:
            return convert(joint.join(getattr(self, name)))
        except ValueError as wanted:
            raise ConfigurationError(f"The parameter {name!r} must be {wanted}") from None


@of_depl(UNDO)
class Undoing(Whole):
    """Take back what `depl local`, `depl remote` or an undo did."""

    rollout = Parameter(help="its id")
    on_conflict = Parameter(choices=["stop", "force", "keep"], default="stop", help="what others changed since")

    @property
    def title(self) -> str:  # type: ignore[override]
        """Such as `Undo 20260102-030405-ab12 of dev`."""
        return f"Undo {self.rollout} of {self.environment}"

    def plan(self) -> Undo:
        """One task."""
        return Undo(self.environment, self.rollout, self.on_conflict)
