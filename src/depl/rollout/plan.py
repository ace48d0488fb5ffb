"""The frozen plan of a rollout: what it is to do, and all that was decided when it was made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from depl.errors import ConfigurationError, DeplError
from depl.rollout.tree import Tree

VALID = 300.0  # seconds for which a plan by hand may be started; after that the world may have moved on
MONITOR_INTERVAL = 10.0  # seconds


class PlanOutdated(DeplError):
    """What a plan was made for may have changed since: it must be made anew before it can start."""


@dataclass(frozen=True)
class RolloutPlan:
    """What is recorded as the first event of a rollout, and enough to go on with it anywhere.

    rollout: its id. name: `release`, or `release:Release` where the file has several. parameters: all values, by name.
    digests: by environment that of its model. revision: the commit of the project. made: UTC, as in records.
    on_failure: rollback, stop or ask; on_interrupt: reverse, ask or resume. jobs: how many tasks at the same time.
    info: sentences for whoever looks on. undoes: the rollout that it takes back, empty for others; carried: then by
    task {"state", "saved", "error"} of that one.
    """

    rollout: str
    name: str
    tree: Tree
    parameters: Mapping[str, Any] = field(default_factory=dict)
    who: str = ""
    made: str = ""
    revision: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    valid: float = VALID
    on_failure: str = "rollback"
    on_interrupt: str = "reverse"
    monitors: Sequence[str] = ()
    interval: float = MONITOR_INTERVAL
    jobs: int = 50
    info: Sequence[str] = ()
    undoes: str = ""
    carried: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def environments(self) -> list[str]:
        """What is locked while it is not over, in the order in which locks are taken."""
        return self.tree.environments

    @property
    def given(self) -> dict[str, Any]:
        """The parameters that have a value."""
        return {name: value for name, value in self.parameters.items() if value not in (None, "", [])}

    @property
    def digest(self) -> str:
        """The same for the same plan: of what it does, not of when it was made."""
        told = {key: value for key, value in self.as_json().items() if key not in ("rollout", "made", "who")}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def is_in_time(self, now: str) -> bool:
        """Whether it is not too old to be started. now: UTC, as in records."""
        age = (datetime.fromisoformat(now) - datetime.fromisoformat(self.made)).total_seconds()
        return abs(age) <= self.valid  # nor from a future that a clock was in

    def assert_in_time(self, now: str, hint: str = "") -> None:
        """Errors: PlanOutdated. hint: how it is made anew."""
        if not self.is_in_time(now):
            message = f"The plan of {self.made} may no longer be started: it was valid for {self.valid:g} s"
            raise PlanOutdated(message, hint=hint)

    def as_json(self) -> dict[str, Any]:
        """As it is recorded."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "tree"}
        plain["monitors"], plain["info"] = list(self.monitors), list(self.info)
        return {"schema": 1, **plain, "tree": self.tree.as_json()}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> RolloutPlan:
        """As it was recorded; fields that a later version added are passed over."""
        known = {name: value for name, value in data.items() if name in RolloutPlan.__dataclass_fields__}
        return RolloutPlan(**{**known, "tree": Tree.from_json(data["tree"])})


def common_queue(name: str, queues: Mapping[str, str]) -> str:
    """Where workers find a rollout. queues: by its environments. Errors: ConfigurationError where they differ."""
    if len(set(queues.values())) > 1:
        listed = ", ".join(f"{environment}: {queue or 'none'}" for environment, queue in queues.items())
        raise ConfigurationError(
            f"the environments of rollout {name} have different queues ({listed}), so no worker may take it",
            hint="Give them the same `queue` in [environment], or start it by a command, without --queue.",
        )
    return next(iter(queues.values()), "")
