"""What the runner without machines is told: what happens on which host. For tests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from depl.errors import ChangeFailed, DeplError
from depl.events import What
from depl.protocol.failures import error_to_json
from depl.protocol.replies import Checked, Planned, Told


@dataclass
class Script:
    """What happens, by ids of tasks (`web@host1`).

    fails, unchanged (nothing to do there), lost (the line to the host is cut for good); on the way back: lost_back,
    conflicts (others wrote), stuck (fails), pivots (cannot be undone), owed (the reactions to be repeated). refuses: by
    host what is in the way when it is opened. undeclared: hosts with something to remove at the end, under the id
    `.gc@HOST`. red: not well any more when they are asked later. patient: whoever asks where nobody has anything to say
    waits. slow: hosts that answer when nobody else has anything to say. seed: of the order of answers.
    """

    fails: Collection[str] = ()
    unchanged: Collection[str] = ()
    lost: Collection[str] = ()
    lost_back: Collection[str] = ()
    conflicts: Collection[str] = ()
    stuck: Collection[str] = ()
    pivots: Collection[str] = ()
    owed: Collection[str] = ()
    refuses: Mapping[str, DeplError] = field(default_factory=dict)
    undeclared: Collection[str] = ()
    red: Collection[str] = ()
    patient: bool = False
    slow: Collection[str] = ()
    seed: int = 0

    def told(self, id: str) -> Told:
        """What a host tells of a task that it is at."""
        root = id.partition("@")[0]
        if id in self.pivots:
            return Told(0, What.CHANGED.value, root, root, {"changes": [{"way_back": "irreversible"}]})
        return Told(0, What.TASK_STARTED.value, root)

    def predicted(self, host: str, root: str) -> Planned:
        """What deploying a root component would do."""
        id = f"{root}@{host}"
        errors = [error_to_json(ChangeFailed(root, f"{id} would not work"))] if id in self.fails else []
        return Planned(0, root, 0 if id in self.unchanged else 1, errors, [f"{root}: a command"])

    def checked(self, host: str, roots: Sequence[str]) -> Checked:
        """Whether root components are well."""
        red = [root for root in roots if f"{root}@{host}" in self.red]
        errors = [error_to_json(ChangeFailed(root, f"{root}@{host} is not well", root)) for root in red]
        return Checked(0, roots, red, errors)

    def held(self, host: str, tasks: Iterable[Mapping[str, Any]]) -> set[str]:
        """The root components that stand because of a pivot on their host. tasks: as its journal has them."""
        last = max((task["order"] for task in tasks if f"{task['root']}@{host}" in self.pivots), default=-1)
        return {task["root"] for task in tasks if task["order"] <= last}


@dataclass
class Machine:
    """A host, which outlives its runner. journals: newest first, as depl.deploy.chains tells of them."""

    journals: list[dict[str, Any]] = field(default_factory=list)
