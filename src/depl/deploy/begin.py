"""What heads the records of a rollout on a host: its name, who wants it, which code, which boot."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Optional, Sequence

from depl.change.ends import damage
from depl.change.folds import chain_state
from depl.change.journal import Journal
from depl.change.records import Begin


def begin(
    rollout: str,
    environment: str,
    host: str,
    who: str,
    revision: str = "",
    undoes: Optional[str] = None,
    *,
    project: str = "",
) -> Begin:
    """The head of all records of a rollout on this host. project: the key under which the project lies here."""
    return Begin(0, rollout, environment, host, "", 0, who, revision, boot(), utc(), undoes, project=project)


def of_task(head: Begin, task: str, order: int, after: Sequence[str] = ()) -> Begin:
    """The record that heads the work on a task. after: the ids of the root components that it comes after."""
    return replace(head, task=task, order=order, at=utc(), after=tuple(after))


def warnings(journal: Journal, rollout: str = "") -> list[str]:
    """What people should know before a rollout goes on from the journals of others, as sentences.

    What has to react is known even where the last one is damaged: its last record tells, and is read before.
    """
    broken = damage(journal.behind) if journal.behind else ""
    lost = f"{broken}; what that journal records can no longer be taken back" if broken else ""
    return [text for text in (continued(journal, rollout), lost) if text]


def continued(journal: Journal, rollout: str) -> str:
    """What people are told where a rollout goes on with a journal that somebody else did not settle; else nothing."""
    others = [one for one in chain_state(journal.records).rollouts if one != rollout]
    if not others:
        return ""
    if len(others) == 1:
        return f"rollout {others[0]} did not come to its end; this run goes on from there, and an undo takes back both"
    listed = f"{', '.join(others[:-1])} and {others[-1]}"
    return (
        f"rollouts {listed} did not come to their end; this run goes on from there, and an undo takes back all of them"
    )


def new_id() -> str:
    """A name for a rollout that sorts by time, to a thousandth of a second, and is not given twice."""
    now, chance = time.time(), int.from_bytes(os.urandom(4), "big")
    return time.strftime("%Y%m%d-%H%M%S-", time.gmtime(now)) + _two_digits(int(now % 1 * 1296)) + _two_digits(chance)


def _two_digits(number: int) -> str:
    """The last two digits of a number to the base of 36."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return digits[number // 36 % 36] + digits[number % 36]


def who() -> str:
    """The user at this machine, for the records and for others who have to wait."""
    import getpass
    import socket

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


def utc() -> str:
    """The time as all records have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _text(path: str) -> str:
    with open(path) as file:
        return file.read().strip()


def boot() -> str:
    """Something that is different after each start of the machine; nothing where it does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""
