"""The frozen plan of a rollout: what it is to do, and all that was decided when it was made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from depl.rollout.tree import Tree

VALID = 300.0  # seconds for which a plan by hand may be started; after that the world may have moved on
MONITOR_INTERVAL = 10.0  # seconds


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
    def digest(self) -> str:
        """The same for the same plan: of what it does, not of when it was made."""
        told = {key: value for key, value in self.as_json().items() if key not in ("rollout", "made", "who")}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

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
