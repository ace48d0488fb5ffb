"""The rollouts whose way back was purged: a short list beside the journals, so that one can be told why."""

from __future__ import annotations

import os
from typing import Iterable, Iterator, Tuple

from depl.change.private import replace_file
from depl.change.records import Begin, Record, Settled

LISTED = 1000  # the last ones
STOOD, UNDONE, UNDO = "rollout", "undone", "undo"

Line = Tuple[str, str, str]  # the name of a rollout, what it was when it was purged, and its environment


def purged(directory: str, environment: str, *, all: bool = False) -> list[str]:
    """The rollouts of an environment that stood when they were purged, oldest first. directory: of the journals.

    all: those that were taken back, too, and the undos.
    """
    return [name for name, kind, of in _read(_path(directory)) if of == environment and (all or kind == STOOD)]


def purged_rows(directory: str) -> Iterator[tuple[str, str]]:
    """All of them with their environments, newest first."""
    for name, _, environment in reversed(list(_read(_path(directory)))):
        yield name, environment


def note_purged(directory: str, journals: Iterable[tuple[Iterable[Record], bool]]) -> None:
    """Write down, synced, the rollouts of journals that are about to go; of each its records, and whether it stood."""
    lines = dict.fromkeys(_read(_path(directory)))
    for records, stood in journals:
        for line in _lines(records, STOOD if stood else UNDONE):
            lines.pop(line, None)
            lines[line] = None
    replace_file(_path(directory), "".join(" ".join(line) + "\n" for line in list(lines)[-LISTED:]).encode())


def _lines(records: Iterable[Record], kind: str) -> Iterator[Line]:
    named: set[str] = set()
    environment = ""
    for record in records:
        if isinstance(record, Begin):
            environment = record.environment
            named.add(record.rollout)
            yield record.rollout, UNDO if record.undoes else kind, environment
        elif isinstance(record, Settled) and record.rollout not in named:  # it went on here, and had nothing to do
            yield record.rollout, kind, environment


def _read(path: str) -> Iterator[Line]:
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        name, kind, environment = (*line.split(" ", 2), "", "")[:3]
        yield name, kind, environment


def _path(directory: str) -> str:
    return os.path.join(directory, "purged")
