"""How to run, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Optional, Union

from depl.change.limit import CHANGE_LIMIT
from depl.change.records import Begin
from depl.component import RootComponent
from depl.configure import Model
from depl.deploy.begin import begin, revision_of, who
from depl.deploy.undone import Undone
from depl.errors import DeplError
from depl.events import Event, What
from depl.redact import Redactor


@dataclass(frozen=True)
class Options:
    """How to run. components: names of root components, none for all.

    on_failure: rollback or stop, or what says which when it is asked. reversible_only: steps without a sure way back
    are refused. keep: how many rollouts and days old ways back are kept (see depl.deploy.retention); None: for ever.
    gc: what is no longer declared is removed. recorded: depl's own record is written here; else whoever calls keeps it.
    """

    target_directory: str
    components: Sequence[str] = ()
    on_failure: Union[str, Callable[[], str]] = "rollback"
    wait: bool = False
    durability: str = "full"
    change_limit: int = CHANGE_LIMIT
    command_timeout: Optional[float] = None
    reversible_only: bool = False
    keep: Optional[tuple[int, int]] = None
    gc: bool = False
    recorded: bool = True
    who: str = ""
    redact: Redactor = field(default_factory=Redactor)

    @property
    def keeps_on_failure(self) -> bool:
        """Whether it is left as it is where something fails, as is wished by now."""
        return (self.on_failure() if callable(self.on_failure) else self.on_failure) == "stop"

    @property
    def of_work(self) -> dict[str, Any]:
        """What the work on a host takes of them."""
        return {
            "durability": self.durability,
            "change_limit": self.change_limit,
            "command_timeout": self.command_timeout,
            "redact": self.redact,
            "reversible_only": self.reversible_only,
        }


@dataclass
class Outcome:
    """How it ended: nothing, succeeded, (partly) reversed, redone, stopped or blocked; and what was not put back.

    pivots: the steps across which nothing was undone; standing: what was done before them. put_back: how many changes.
    again: it was to take back an undo. failed: the hosts that were put back, where the others stay (partly reversed).
    """

    status: str
    rollout: Optional[str] = None
    changed: int = 0
    seconds: float = 0.0
    error: Optional[DeplError] = None
    errors: list[DeplError] = field(default_factory=list)
    interrupted: bool = False
    kept: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    pivots: list[str] = field(default_factory=list)
    standing: list[str] = field(default_factory=list)
    put_back: int = 0
    again: bool = False
    failed: list[str] = field(default_factory=list)


def selected(model: Model, host: str, options: Options) -> list[RootComponent]:
    """The root components to deal with, in their order."""
    return [root for root in model.roots_of(host) if not options.components or root.name in options.components]


def elsewhere(model: Model, host: str) -> list[str]:
    """The root components of other hosts, which may be deployed to the same directory."""
    return [root.name for root in model.roots if root.host.name != host]


def outcome_of(status: str, rollout: str, undone: Undone) -> Outcome:
    """The outcome of a run that went back, or was left as it is."""
    return Outcome(
        status,
        rollout,
        kept=undone.kept,
        conflicts=[*undone.conflicts, *undone.failed],
        unknown=undone.unknown,
        pivots=undone.pivots,
        standing=undone.standing,
        put_back=undone.reversed,
    )


def over(outcome: Outcome) -> Event:
    """The last event of a rollout."""
    data = {
        "outcome": outcome.status,
        "changed": outcome.changed,
        "seconds": round(outcome.seconds, 3),
        "kept": outcome.kept,
        "conflicts": outcome.conflicts,
        "unknown": outcome.unknown,
        "pivots": outcome.pivots,
        "standing": outcome.standing,
        "interrupted": outcome.interrupted,
        **({"failed": outcome.failed} if outcome.failed else {}),
    }
    return Event(What.OVER, data=data)


def head_of(rollout: str, environment: str, host: str, options: Options, undoes: Optional[str] = None) -> Begin:
    """The head of all records of a rollout on this machine; what it says of it and of us is looked up once."""
    revision = revision_of(options.target_directory)
    return begin(rollout, environment, host, options.who or who(), revision, undoes)
