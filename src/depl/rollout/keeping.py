"""The coordinator's records of rollouts, kept by the same rules as the ways back on the hosts."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from depl.events import What
from depl.rollout.records import EVENTS, first_and_last, forget, is_driven

DAY = 24 * 60 * 60  # seconds


@dataclass(frozen=True)
class Record:
    """A record that was read.

    environment: or `rollouts/NAME` of one by hand. undoes: the rollout that it took back. at: when it was last written
    to.
    """

    path: str
    rollout: str
    environment: str
    undoes: str
    outcome: str
    at: float

    @property
    def kind(self) -> str:
        """Among which others it is counted."""
        return self.outcome if self.outcome in ("succeeded", "nothing") else "other"


def forget_old_records(path: str, keep_rollouts: int, keep_days: int) -> None:
    """Remove the records that an environment's settings keep no longer. path: of its newest one, which stays.

    Of an environment's records the newest ones that went through are kept, as many that changed nothing, and as many of
    the others, with those that took back what is kept; one that did not come to its end is kept for a day at least, as
    it may be under way. What cannot be removed stays: the hosts' journals are the record.
    """
    directory, now = os.path.dirname(path), time.time()
    with suppress(OSError):
        names = [name for name in os.listdir(directory) if name.endswith(EVENTS)]
        before = now - keep_days * DAY
        if len(names) <= keep_rollouts or all(_time(directory, name) >= before for name in names):
            return
        records = sorted(_records(directory, names), key=lambda record: (record.at, record.rollout), reverse=True)
        environment = next((record.environment for record in records if record.path == path), None)
        mine = [record for record in records if record.environment == environment]
        kept = {path}
        for kind in ("succeeded", "nothing", "other"):
            group = [record for record in mine if record.kind == kind]
            kept.update(record.path for record in group[:keep_rollouts])
        cut_off = min(before, now - DAY)
        kept.update(record.path for record in mine if record.at >= (before if record.outcome else cut_off))
        rollouts = {record.rollout for record in mine if record.path in kept}
        for record in mine:
            if record.path not in kept and record.undoes not in rollouts:
                forget(record.path)


def _records(directory: str, names: list[str]) -> Iterator[Record]:
    for name in names:
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):  # else it is not ours
            path = os.path.join(directory, name)
            ends = first_and_last(path)
            if ends is None or is_driven(path):
                continue
            first, last = ends[0]["data"], ends[1]
            by_hand = ends[0]["what"] == What.PLANNED.value
            if by_hand and last["what"] not in (What.OVER.value, What.PLANNED.value):
                continue  # it waits for somebody, however long that takes
            yield Record(
                path,
                name.removesuffix(EVENTS),
                f"rollouts/{first['name']}" if by_hand else str(first["environment"]),
                str(first.get("undoes") or ""),
                str(last["data"]["outcome"]) if last["what"] == What.OVER.value else "",
                _time(directory, name),
            )


def _time(directory: str, name: str) -> float:
    return os.stat(os.path.join(directory, name)).st_mtime
