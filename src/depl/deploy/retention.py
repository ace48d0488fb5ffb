"""How long the way back is kept: journals that are no longer needed go, with all that only they speak of.

At each moment a journal is there whole, or not at all: it is listed as purged, renamed, and only then is removed what
it needed. Who is killed in between leaves a renamed journal, and the next purge removes what nobody speaks of.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from typing import Iterator, Sequence

from depl.change.folds import ChainState, chain_state
from depl.change.journal import read
from depl.change.masks import Masks
from depl.change.private import sync_directory
from depl.change.records import Record, Settled
from depl.change.trees import clear
from depl.deploy.chains import stands
from depl.deploy.overlap import overlap
from depl.deploy.purged import note_purged
from depl.deploy.target import Target
from depl.errors import DeplError
from depl.events import Emit, Event, What

PURGING = ".purging"  # behind the name of a journal that is no more
DAY = 24 * 60 * 60  # seconds
DIGEST = re.compile(rb"[0-9a-f]{64}")
IN_TRASH = re.compile(rb'/trash/([^/"\\]+)')
BLOB = re.compile(r"(?P<digest>[0-9a-f]{64}|link)(?:\.(?P<number>\d+))?")


@dataclass(frozen=True)
class Chain:
    """A journal that was read. at: when it was last written to, in seconds since the epoch."""

    path: str
    records: Sequence[Record]
    state: ChainState
    at: float

    @property
    def end(self) -> int:
        """The number of its last record."""
        return self.records[-1].n

    @property
    def start(self) -> int:
        """The number of the last record from which on it is known which reactions are owed."""
        return max((one.n for one in self.records if isinstance(one, Settled) and one.is_start), default=0)


def purge(target: Target, environment: str, keep_rollouts: int, keep_days: int, emit: Emit) -> None:
    """Remove what an environment's settings keep no longer; kept is what either of them keeps.

    To be called after a run that changed something and was settled, with the lock held. What cannot be removed is
    told, does not fail the run, and is left to the next purge.
    """
    before = time.time() - keep_days * DAY
    try:
        if _is_worth_it(target.journals.paths(), target.journals.directory, keep_rollouts, before):
            chains = sorted(_chains(target.journals.paths()), key=lambda chain: chain.end)
            gone = to_purge(chains, environment, keep_rollouts, before)
            _take_away(target.journals.directory, gone)
            names = {chain.path for chain in gone}
            _collect(target, [chain for chain in chains if chain.path not in names])
    except (DeplError, OSError) as error:
        text = f"what is kept of old rollouts in {target.records} could not be purged: {error}"
        emit(Event(What.WARNING, data={"text": text}))


def to_purge(chains: Sequence[Chain], environment: str, keep_rollouts: int, before: float) -> list[Chain]:
    """Those of some journals, oldest first, that nothing keeps. before: younger ones are kept.

    Of each environment the newest rollouts are kept that stand, and as many of those that were taken back. Kept are
    those from which the next run learns which reactions are owed, and what was done over something older that is kept.
    """
    newest = _newest(chains, keep_rollouts)
    start = max((chain.start for chain in chains), default=0)
    gone: list[Chain] = []
    stay: list[Chain] = []
    for chain in chains:
        is_over = chain.state.settled and environment in chain.state.environments
        is_old = chain.at < before and chain.end < start and chain.path not in newest
        if is_over and is_old and not any(overlap(one.state.standing, chain.state.standing) for one in stay):
            gone.append(chain)
        else:
            stay.append(chain)
    return gone


def _newest(chains: Sequence[Chain], keep_rollouts: int) -> set[str]:
    """The journals that the number of rollouts keeps."""
    newest: set[str] = set()
    counts: dict[tuple[str, str], int] = {}
    for chain in reversed(chains):
        for environment in chain.state.environments if chain.state.settled else ():
            key = environment, chain.state.outcome
            counts[key] = counts.get(key, 0) + 1
            if counts[key] <= keep_rollouts:
                newest.add(chain.path)
    return newest


def _is_worth_it(paths: Sequence[str], directory: str, keep_rollouts: int, before: float) -> bool:
    """Whether there may be anything to purge, told without reading a journal."""
    if any(name.endswith(PURGING) for name in os.listdir(directory)):
        return True
    return len(paths) > keep_rollouts and any(os.stat(path).st_mtime < before for path in paths)


def _chains(paths: Sequence[str]) -> Iterator[Chain]:
    for path in paths:
        records = read(path)
        if records:
            yield Chain(path, records, chain_state(records), os.stat(path).st_mtime)


def _take_away(directory: str, gone: Sequence[Chain]) -> None:
    """Let some journals be no more; that must be on disk before anything that they need goes."""
    if gone:
        note_purged(directory, [(chain.records, stands(chain.state)) for chain in gone])
        for chain in gone:
            os.rename(chain.path, chain.path + PURGING)
    sync_directory(directory)


def _collect(target: Target, chains: Sequence[Chain]) -> None:
    """Remove what no journal speaks of: images, commands, trees in the trash, masks; the renamed journals last."""
    numbers = {str(record.n) for chain in chains for record in chain.records}
    digests: set[str] = set()
    trees: set[str] = set()
    for chain in chains:
        with open(chain.path, "rb") as file:
            for line in file:
                digests.update(found.decode() for found in DIGEST.findall(line))
                trees.update(os.fsdecode(found) for found in IN_TRASH.findall(line))
    blobs, trash = (os.path.join(target.records, name) for name in ("blobs", "trash"))
    commands = digests | _of_receipts(target)
    for name in _names(blobs):
        if not _is_needed(name, commands, numbers):
            os.unlink(os.path.join(blobs, name))
    for name in _names(trash):
        if name not in numbers and name not in trees:
            _clear(os.path.join(trash, name))
    Masks(os.path.join(target.records, "masks.json")).forget(digests)
    read_ones = {os.path.basename(chain.path) for chain in chains}
    for name in _names(target.journals.directory):
        # One without a record is of somebody who was killed before the first.
        if name.endswith(PURGING) or (name.endswith(".jsonl") and name not in read_ones):
            os.unlink(os.path.join(target.journals.directory, name))


def _of_receipts(target: Target) -> set[str]:
    """What receipts speak of: the commands that would end what is no path."""
    try:
        with open(target.receipts().path, "rb") as file:
            return {found.decode() for found in DIGEST.findall(file.read())}
    except FileNotFoundError:
        return set()


def _is_needed(name: str, digests: set[str], numbers: set[str]) -> bool:
    """Whether somebody speaks of a blob: of its content, and a journal of the change that it was kept for."""
    blob = BLOB.fullmatch(name)
    if blob is None:
        return not name.endswith(".new")
    digest, number = blob["digest"], blob["number"]
    return (digest == "link" or digest in digests) and (number is None or number in numbers)


def _names(directory: str) -> list[str]:
    return sorted(os.listdir(directory)) if os.path.isdir(directory) else []


def _clear(path: str) -> None:
    """Remove a tree, even if there are directories in it that are closed to their owner."""
    try:
        clear(path)
    except PermissionError:
        os.chmod(path, 0o700)
        for directory, names, _ in os.walk(path):
            for name in names:
                if not os.path.islink(os.path.join(directory, name)):
                    os.chmod(os.path.join(directory, name), 0o700)
        clear(path)
