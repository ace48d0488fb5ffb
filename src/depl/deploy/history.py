"""What was done on a host, as its journals tell it: who changed what, when, in which rollout, from which revision."""

from __future__ import annotations

import heapq
import os
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional, Sequence

from depl.change.changes import Change, Move, Put, Run
from depl.change.folds import is_captured, is_note, with_ends
from depl.change.journal import read, read_last
from depl.change.nodes import File, Path
from depl.change.records import Begin, Did, End, Failed, Record, Settled
from depl.change.shown import show_change
from depl.deploy.books import OWN
from depl.deploy.purged import purged_rows
from depl.deploy.target import Target
from depl.errors import JournalError

Row = Mapping[str, Any]
PURGED = "purged"
NOT_NOTED = "something that was not noted"  # raw code began to write it, and nobody saw the end


@dataclass
class Rollout:
    """What a rollout did on a host.

    head: its first Begin. done: its changes, each with the Begin of its task. outcome: of the last word on it, nothing
    while that is missing. settled_by: the rollout that spoke it, if that was another one. failures: why tasks failed.
    """

    head: Begin
    done: list[tuple[Begin, Did]] = field(default_factory=list)
    outcome: str = ""
    settled_by: str = ""
    failures: list[str] = field(default_factory=list)


@dataclass
class Story:
    """What a journal comes to. undone_by: a change -> the rollout that took it back. not_made: changes only planned."""

    rollouts: list[Rollout] = field(default_factory=list)
    undone_by: dict[int, str] = field(default_factory=dict)
    not_made: frozenset[int] = frozenset()


def history(
    target: Target, path: Optional[str], changes: bool, unread: Callable[[JournalError], None]
) -> Iterator[Row]:
    """The rollouts on a host as rows, newest first, each followed by its changes, last one first.

    path: only changes of it, of what is below it, and of trees above it that were moved; relative to the target
    directory. changes: theirs are wanted, too. unread: told of each journal that cannot be read. Without a path those
    that were purged come last, as far as there is a list of them.
    """
    named: set[str] = set()
    salt = os.urandom(16)  # of the names of contents
    wanted = None if path is None else spellings(os.path.join(target.directory, os.path.expanduser(path)))
    for story, rollout in _newest_first(target, unread):
        entries = [one for one in rollout.done if wanted is None or _is_about(one[1].change, wanted)]
        if wanted is None or entries:
            named.add(rollout.head.rollout)
            yield _head(story, rollout, [did for _, did in entries])
        if changes:
            for begin, did in reversed(entries):
                yield _entry(story, rollout.head.rollout, begin, did, salt)

    for name, environment in purged_rows(target.journals.directory) if wanted is None else ():
        if name not in named:
            yield _purged(name, environment)


def story_of(records: Iterable[Record]) -> Story:
    """The fold of one journal; depl's own books are left out, and what raw code might have changed and left alone."""
    listed = list(records)
    story = Story(not_made=frozenset(n for record in listed if isinstance(record, Failed) for n in record.changes))
    left_alone = {did.n for did in listed if isinstance(did, Did) and is_captured(did)} & story.not_made
    chains = _Chains(story.undone_by)
    begin: Optional[Begin] = None
    unsettled: list[Rollout] = []
    for record in with_ends(listed):
        if isinstance(record, Begin):
            begin = record
            if not unsettled or unsettled[-1].head.rollout != record.rollout:
                unsettled.append(Rollout(record))
                story.rollouts.append(unsettled[-1])
        elif (
            isinstance(record, Did) and begin is not None and record.component not in OWN and record.n not in left_alone
        ):
            story.rollouts[-1].done.append((begin, record))
            if record.n not in story.not_made:
                chains.add(record, begin.rollout)
        elif isinstance(record, End) and record.error and unsettled:
            unsettled[-1].failures.append(record.error)
        elif isinstance(record, Settled):
            _settle(unsettled, record)
            unsettled = []
    return story


def spellings(path: str) -> set[Path]:
    """An absolute path as journals may have it: as it is, and with its directories' links followed."""
    path = os.path.normpath(path)
    parent, name = os.path.split(path)
    return {path, os.path.join(os.path.realpath(parent), name)}


class _Chains:
    """Follows changes, what took them back, and what took that back."""

    def __init__(self, undone_by: dict[int, str]) -> None:
        self._undone_by = undone_by
        self._first: dict[int, int] = {}  # a change -> the one at the end of its chain
        self._stands: dict[int, bool] = {}  # a change -> whether the first one stands when it is made

    def add(self, did: Did, rollout: str) -> None:
        back = did.undoes
        if back is None or back not in self._first:
            self._first[did.n], self._stands[did.n] = did.n, True
            return
        first = self._first[did.n] = self._first[back]
        self._stands[did.n] = not self._stands[back]
        if is_note(did):  # what was there is left as it is
            return
        self._undone_by[back] = self._undone_by[first] = rollout
        if self._stands[did.n]:
            del self._undone_by[first]


def _settle(rollouts: Sequence[Rollout], settled: Settled) -> None:
    for one in rollouts:
        one.outcome = settled.outcome
        one.settled_by = "" if settled.rollout == one.head.rollout else settled.rollout


# -- all journals of a host ----------------------------------------------------------------------------------------


def _newest_first(target: Target, unread: Callable[[JournalError], None]) -> Iterator[tuple[Story, Rollout]]:
    """All rollouts. One journal is in memory at a time, and those rollouts that older ones were undone after."""
    ends = sorted(_ends(target, unread), reverse=True)
    waiting: list[tuple[int, int, Story, Rollout]] = []
    for number, (_, path) in enumerate(ends):
        try:
            story = story_of(read(path))
        except JournalError as error:
            unread(error)
            continue
        for rollout in story.rollouts:
            heapq.heappush(waiting, (-rollout.head.n, number, story, rollout))
        before = ends[number + 1][0] if number + 1 < len(ends) else 0
        while waiting and -waiting[0][0] > before:
            yield heapq.heappop(waiting)[2:]
    while waiting:
        yield heapq.heappop(waiting)[2:]


def _ends(target: Target, unread: Callable[[JournalError], None]) -> Iterator[tuple[int, str]]:
    """The number of the last record of each journal."""
    directory = target.journals.directory
    try:
        paths = target.journals.paths()
    except JournalError as error:
        hint = "Look as the user who deployed here, or as root."
        raise JournalError(error.message, file=directory, hint=hint) from error
    for path in paths:
        try:
            end = read_last(path)
        except JournalError as error:
            unread(error)
        else:
            if end is not None:
                yield end.n, path


# -- rows ------------------------------------------------------------------------------------------------------------


def _head(story: Story, rollout: Rollout, entries: Sequence[Did]) -> Row:
    """A rollout as a row. entries: the changes that are asked for; undone: all, some or none of what it changed."""
    head = rollout.head
    made = [did for did in entries if did.n not in story.not_made and (did.undoes is None or head.undoes)]
    whole = [did for did in entries if did.n not in story.not_made and did.undoes is None and _can_be_undone(did)]
    by = [story.undone_by[did.n] for did in (whole or made) if did.n in story.undone_by]
    return {
        "rollout": head.rollout,
        "at": head.at,
        "who": head.who,
        "revision": head.revision,
        "environment": head.environment,
        "host": head.host,
        "undoes": head.undoes,
        "outcome": rollout.outcome or "unsettled",
        "settled_by": rollout.settled_by,
        "undone": "" if not by else "all" if len(by) >= len(whole) else "some",
        "undone_by": by[-1] if by else "",
        "count": len(made),
        "failures": list(rollout.failures),
    }


def _purged(rollout: str, environment: str) -> Row:
    """A rollout of which only the name is left."""
    texts = dict.fromkeys(("at", "who", "revision", "host", "settled_by", "undone", "undone_by"), "")
    head = {"rollout": rollout, "environment": environment, "undoes": None, "outcome": PURGED}
    return {**texts, **head, "count": 0, "failures": []}


def _entry(story: Story, rollout: str, begin: Begin, did: Did, salt: bytes) -> Row:
    """A change as a row. takes_back: it undid an earlier one. failed: it was written down, but not made.

    Of files also content_before and content_after: alike in one history where the contents are, good for nothing else.
    """
    return {
        "rollout": rollout,
        "at": begin.at,
        "component": did.component,
        "change": {**_shown(did.change), **_contents(did.change, salt), **({"verb": "keep"} if is_note(did) else {})},
        "takes_back": did.undoes is not None,
        "undone_by": story.undone_by.get(did.n, ""),
        "failed": did.n in story.not_made,
    }


def _shown(change: Change) -> Row:
    shown = show_change(change).as_json()
    if isinstance(change, Put) and change.after is None:
        shown.update(verb="write", after=NOT_NOTED)
    elif isinstance(change, Move):
        shown["before"] = change.path
    return {key: shown[key] for key in ("verb", "path", "before", "after", "way_back", "reason")}


def _contents(change: Change, salt: bytes) -> Row:
    """Names for contents that tell nothing: from a digest one could guess a short secret."""
    nodes = (("before", change.before), ("after", change.after)) if isinstance(change, Put) else ()
    files = [(when, node.digest) for when, node in nodes if isinstance(node, File) and node.digest]
    return {f"content_{when}": blake2b(digest.encode(), key=salt, digest_size=6).hexdigest() for when, digest in files}


def _can_be_undone(did: Did) -> bool:
    return not isinstance(did.change, Run) or did.change.undo is not None


def _is_about(change: Change, wanted: Iterable[Path]) -> bool:
    """Whether a change is one of a path, or of something below it; of a tree that was moved, also above it."""
    if isinstance(change, Put):
        return any(_is_within(change.path, path) for path in wanted)
    if isinstance(change, Move):
        ends = (change.path, change.to)
        return any(_is_within(end, path) or _is_within(path, end) for end in ends for path in wanted)
    return False


def _is_within(path: Path, tree: Path) -> bool:
    return path == tree or path.startswith(tree.rstrip("/") + "/")
