"""Where there may be something to undo: in the project's own directory, or on the hosts of an environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from depl.cli.fleet import UNSUPPORTED, records
from depl.cli.hosts import declared
from depl.cli.session import Session
from depl.cli.undoing import Here, OnHosts, Place
from depl.errors import NothingToUndo
from depl.rollout.records import first_and_last, path_of, recorded_rollouts

if TYPE_CHECKING:
    from depl.environment import Environment

T = TypeVar("T")


def places_to_look(
    session: Session, name: str, rollout: str | None, wait: bool, recorded: bool = True
) -> Sequence[Place]:
    """Where to look for what is to be undone, in this order; at least one. Errors: NothingToUndo."""
    from depl.deploy.chains import open_chain
    from depl.deploy.target import Target
    from depl.environment import environment_names

    here = Here(session, name, wait, recorded)
    target = Target(session.base)
    try:
        _, state = open_chain(target, name, rollout)
    except NothingToUndo:
        if _is_recorded(target, name, rollout) or name not in environment_names(session.base):
            raise
        environment = declared(name, session.base)
        if not may_have_something(environment):
            raise
        return [OnHosts(session, environment, wait, recorded)]
    newest = max(_standing_on_hosts(records(session), name), default="")
    if (
        rollout is not None
        or state.unsettled
        or newest < state.rollouts[-1]
        or name not in environment_names(session.base)
    ):
        return [here]
    return [OnHosts(session, declared(name, session.base), wait, recorded), here]


def first_that_has(places: Sequence[Place], act: Callable[[Place], T]) -> T:
    """Do it at the first place that has something to undo. Errors: NothingToUndo where none has."""
    for place in places[:-1]:
        try:
            return act(place)
        except NothingToUndo:
            continue  # somebody was there before
    return act(places[-1])


def may_have_something(environment: Environment) -> bool:
    """Whether it is worth asking the hosts of an environment; of this machine it is known."""
    if environment.settings.connect_method in UNSUPPORTED:
        return False
    if environment.settings.connect_method != "local":
        return True
    return any(
        host.service_user or os.path.isdir(os.path.join(os.path.expanduser(host.target_directory), ".depl"))
        for host in environment.hosts.values()
    )


def _is_recorded(target: Any, name: str, rollout: str | None) -> bool:
    """Whether the project's own directory knows a rollout, even if it cannot be taken back."""
    from depl.deploy.purged import purged

    return rollout is not None and (
        rollout in purged(target.journals.directory, name, all=True)
        or any(rollout in (*state.rollouts, *state.undos) for _, state in target.journals.states())
    )


def _standing_on_hosts(directory: str, name: str) -> set[str]:
    """The rollouts on hosts that this checkout knows of, without those that it knows to be taken back."""
    standing, gone = set(), set()
    for first, last in _recorded(directory):
        if first.get("environment") != name or "hosts" not in first:
            continue
        undoes, outcome = first.get("undoes"), last.get("outcome")
        if undoes is None and outcome not in ("reversed", "nothing"):
            standing.add(str(first.get("rollout")))
        elif undoes is not None and outcome == "reversed":
            gone.add(str(undoes))
    return standing - gone


def _recorded(records: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The data of the first and the last event of each rollout that was written down."""
    for rollout in recorded_rollouts(records):
        ends = first_and_last(path_of(records, rollout))
        if ends is not None:  # else it is not ours, or cut off: the hosts' journals are the record
            yield ends[0]["data"], ends[1]["data"]
