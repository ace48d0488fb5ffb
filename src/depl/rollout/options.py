"""How to run, and how it ended."""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Callable, Optional

from depl.change.folds import chain_state
from depl.change.journal import Journal
from depl.change.records import Begin
from depl.component import RootComponent
from depl.configure import Model
from depl.deploy.undone import Undone
from depl.errors import DeplError
from depl.events import Event, What
from depl.rollout.record import utc


@dataclass(frozen=True)
class Options:
    """How to run. components: names of root components, none for all. on_failure: rollback or stop."""

    target_directory: str
    components: Sequence[str] = ()
    on_failure: str = "rollback"
    wait: bool = False
    durability: str = "full"
    command_timeout: Optional[float] = None
    who: str = ""
    redact: Callable[[str], str] = str


@dataclass
class Outcome:
    """How it ended: nothing, succeeded, reversed, stopped or blocked; and what was not put back."""

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


def selected(model: Model, host: str, options: Options) -> list[RootComponent]:
    """The root components to deal with, in their order."""
    return [root for root in model.roots_of(host) if not options.components or root.name in options.components]


def outcome_of(status: str, rollout: str, undone: Undone, begun: float) -> Outcome:
    """The outcome of a run that went back, or was left as it is."""
    return Outcome(
        status,
        rollout,
        seconds=time.monotonic() - begun,
        kept=undone.kept,
        conflicts=[*undone.conflicts, *undone.failed],
        unknown=undone.unknown,
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
        "interrupted": outcome.interrupted,
    }
    return Event(What.OVER, data=data)


def begin(rollout: str, environment: str, host: str, options: Options, undoes: Optional[str] = None) -> Begin:
    """The head of all records of a rollout on a host; what it says of the machine and of us is looked up once."""
    revision = revision_of(options.target_directory)
    return Begin(0, rollout, environment, host, "", 0, options.who or who(), revision, _boot(), utc(), undoes)


def of_task(head: Begin, task: str, order: int) -> Begin:
    """The record that heads the work on a task."""
    return replace(head, task=task, order=order, at=utc())


def new_id() -> str:
    """A name for a rollout that sorts by time and is not given twice."""
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + "-" + os.urandom(2).hex()


def who() -> str:
    """The user at this machine, for the records and for others who have to wait."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def revision_of(directory: str) -> str:
    """The commit that a working copy stands on, read without starting a program; nothing where it cannot be told."""
    git = os.path.join(directory, ".git")
    try:
        head = _text(os.path.join(git, "HEAD"))
        return _text(os.path.join(git, *head[5:].split("/"))) if head.startswith("ref: ") else head
    except OSError:  # no working copy of git, or one with packed or shared references
        return ""


def _text(path: str) -> str:
    with open(path) as file:
        return file.read().strip()


def continued(journal: Journal) -> str:
    """What people are told where a run goes on with a journal that nobody settled."""
    rollouts = " and ".join(chain_state(journal.records).rollouts)
    return f"rollout {rollouts} did not come to its end; this run goes on from there, and an undo takes back both"


def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""
