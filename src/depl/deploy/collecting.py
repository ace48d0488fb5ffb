"""Removing what is no longer declared: by verbs, so that it can be taken back like any other change."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping, Optional, Union

from depl.change.acting import ActingSystem
from depl.change.ledger import root_of
from depl.change.nodes import Absent, Directory, File, Link, Node, Path
from depl.change.records import Begin, Did, Record
from depl.change.system import System
from depl.component import RootComponent
from depl.deploy.books import COLLECTED
from depl.deploy.causes import preorder
from depl.deploy.failure import facts_of_failure
from depl.deploy.holdings import Holdings
from depl.deploy.insight import looks_by_itself
from depl.deploy.owning import TREE, Entry
from depl.deploy.things import Thing, end
from depl.deploy.undeclared import DOUBT
from depl.errors import DeplError
from depl.events import Emit, Event, What

if TYPE_CHECKING:
    from depl.change.predicting import PredictingSystem

Attempt = Callable[[RootComponent], tuple[int, list[DeplError]]]

REASON = "no longer declared"
CHECKOUTS = frozenset((".git", ".hg"))  # what shows that a tree is one
KINDS = {"file": File, "link": Link, "directory": Directory, TREE: Directory}


def collect(
    system: ActingSystem, holdings: Holdings, environment: str, attempt: Attempt, emit: Emit
) -> tuple[int, list[DeplError]]:
    """Remove what is no longer declared, and let the root components look that lost something, or may have.

    attempt: deploys a root component. Returns how many components lost something, and what failed.
    """
    try:
        _look_at_the_rest(holdings, environment, attempt)
        system.seen = None
        if not holdings.left and not holdings.things_left:
            return 0, []
        emit(undeclared(holdings.rows(), True))
        has_ended = bool(holdings.things_left)
        lost = remove(system, holdings.things_left, holdings.left, emit)
        for component, changes in lost.items():
            emit(removed(component, changes))
        losers = holdings.collected = set(map(root_of, lost))
        for root in holdings.declared if lost else ():
            # Who looks by itself may have wanted just that; and who works with what has ended, nobody can know.
            if has_ended or root.name in losers or any(map(looks_by_itself, preorder(root.component))):
                _raise(attempt(root)[1])
        system.mark()
        holdings.settle(environment, (), collected=True)
    except Failed as failed:  # told already
        return 0, failed.errors
    except DeplError as error:
        where = error.component or system.component
        emit(Event(What.TASK_FAILED, root_of(where), where, facts_of_failure(error, system.redact)))
        return 0, [error]
    return len(lost), []


def _look_at_the_rest(holdings: Holdings, environment: str, attempt: Attempt) -> None:
    """What somebody before us deployed has to be looked at, before it can be said what is no longer declared."""
    unwatched = holdings.unwatched
    for root in unwatched:
        _raise(attempt(root)[1])
    if unwatched:
        holdings.settle(environment, ())


class Failed(Exception):
    """A root component failed."""

    def __init__(self, errors: list[DeplError]) -> None:
        self.errors = errors


def _raise(errors: list[DeplError]) -> None:
    if errors:
        raise Failed(errors)


def remove(
    system: Union[ActingSystem, PredictingSystem], things: Mapping[str, Thing], paths: Mapping[Path, Entry], emit: Emit
) -> dict[str, list[dict[str, Any]]]:
    """End some things, then stage, or make, the removal of some paths; what each component loses, as it is shown.

    The deepest paths go first. What is not as depl made it is kept, and told. Errors: ChangeFailed, and as of end().
    """
    lost = end(system, things)
    kept: list[Path] = []
    for path in sorted(paths, key=lambda path: (-path.count("/"), path)):
        entry = paths[path]
        system.component = entry["component"]
        system.shown.clear()
        reason = _why_kept(system, path, entry, kept)
        if reason is None:
            system.remove(path)
            lost.setdefault(system.component, []).extend(shown.as_json() for shown in system.shown)
            continue
        kept.append(path)
        if reason:
            data = {"path": path, "reason": reason}
            emit(Event(What.KEPT, root_of(system.component), system.component, data))
    system.commit()
    system.shown.clear()
    return lost


def removed(component: str, changes: list[dict[str, Any]]) -> Event:
    """The event for what was made for a component and is removed."""
    data = {"changes": changes, "reason": REASON, "seconds": 0.0}
    return Event(What.CHANGED, root_of(component), component, data)


def undeclared(rows: Iterable[Mapping[str, str]], removing: bool) -> Event:
    """The event for what is no longer declared."""
    return Event(What.UNDECLARED, data={"things": [dict(row) for row in rows], "removing": removing})


def collected(records: Iterable[Record]) -> set[int]:
    """The numbers of the changes that removed what is no longer declared, with reactions to that, and their undos."""
    numbers: set[int] = set()
    task = ""
    for record in records:
        if isinstance(record, Begin):
            task = record.task
        elif isinstance(record, Did) and (task == COLLECTED or record.undoes in numbers):
            numbers.add(record.n)
    return numbers


def _why_kept(system: System, path: Path, entry: Entry, kept: list[Path]) -> Optional[str]:
    """Why something stays; empty where that is told already, as something in it stays; None if it does not stay."""
    if os.path.realpath(os.path.dirname(path)) != os.path.dirname(path):
        return "it lies behind a link now"
    try:
        node = system.look(path, content=True)
        within = system.names(path) if isinstance(node, Directory) else []
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"
    if not isinstance(node, KINDS.get(entry["kind"], Absent)):
        return "something else is there by now"
    if _is_changed(node, entry):
        return "it was changed since depl made it"
    if entry.get(DOUBT):
        return f"{entry[DOUBT]} looks by itself, so it may be what that works with; if not, remove it by hand"
    if any(one.startswith(path + "/") for one in kept):
        return ""
    if within and entry["kind"] != TREE:
        return "others have put something into it"
    if CHECKOUTS.intersection(within):
        return "it is a checkout, and may hold what is nowhere else; if not, remove it by hand"
    return None


def _is_changed(node: Node, entry: Entry) -> bool:
    if isinstance(node, File):
        return bool(node.digest != entry.get("digest"))
    return isinstance(node, Link) and node.to != entry.get("to")
