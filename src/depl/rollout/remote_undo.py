"""Undo on request, on many hosts: from their journals alone, where that does not need a component's own code."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Optional

from depl.deploy.stop import Stop
from depl.errors import DeplError, Interrupted, Locked, NothingToUndo, Unreachable
from depl.events import Emit, Event, What
from depl.protocol.replies import Found, Undoing
from depl.redact import Redactor
from depl.rollout.back import back
from depl.rollout.choosing import Chosen, choose
from depl.rollout.ending import finish, refuse
from depl.rollout.graph import plan_from_chains
from depl.rollout.hearing import Hosts
from depl.rollout.holding import with_held
from depl.rollout.options import Outcome, over
from depl.rollout.record import Recorder
from depl.rollout.runner import JOBS, Runner
from depl.rollout.signals import Signals
from depl.rollout.wishes import heard


def undo_all(
    environment: str,
    runner: Runner,
    rollout: Optional[str] = None,
    on_conflict: str = "stop",
    emit: Emit = lambda event: None,
    stop: Optional[Stop] = None,
    *,
    record_directory: Optional[str],
    id: str,
    redact: Optional[Redactor] = None,
    jobs: int = JOBS,
    signals: Optional[Signals] = None,
    keep: Optional[tuple[int, int]] = None,
    with_code: Callable[[Chosen], Optional[Runner]] = lambda chosen: None,
    without_code: Optional[Callable[[], Runner]] = None,
) -> Outcome:
    """Take back a rollout of an environment on all hosts; without a name one that was cut off, else the newest.

    An undo that is named is taken back, too.

    id: the name of this undo. keep: see Options. with_code: asked for a runner whose hosts have the model, where only
    their components' own code can take something back; None: it is done without. without_code: the same for a runner
    to go on with where a host refuses the model, and what needs it is kept. Errors: NothingToUndo, Locked, Unreachable.
    """
    begun = time.monotonic()
    recorder = Recorder(record_directory, id, emit, Redactor() if redact is None else redact, keep)
    listening = heard(stop or Stop(), recorder.path, recorder, signals=signals, redact=redact)
    hosts = Hosts(runner, recorder, undoing=True)
    try:
        chosen = _open_chosen(environment, hosts, rollout)
        other = with_code(chosen) if chosen.needs_code else None
        if other is not None:
            runner.close()
            runner, hosts = other, Hosts(other, recorder, undoing=True)
            try:
                chosen = _open_chosen(environment, hosts, chosen.rollout)
            except (NothingToUndo, Locked, Unreachable, Interrupted):
                raise
            except DeplError as error:
                if on_conflict != "keep" or without_code is None:
                    raise
                recorder(Event(What.WARNING, data={"text": f"without the components' own code, as {error.message}"}))
                runner.close()
                runner = without_code()
                hosts = Hosts(runner, recorder, undoing=True)
                chosen = _open_chosen(environment, hosts, chosen.rollout)
        journals = _open_journals(hosts, chosen, on_conflict, planning=False)
        plan = plan_from_chains({host: opened.tasks for host, opened in journals.items()})
        data = {"rollout": id, "environment": environment, "host": None, "hosts": list(journals), "tasks": len(plan)}
        again = any(opened.again for opened in journals.values())
        hosts.pivots |= _pivots(journals)
        recorder(Event(What.STARTED, data={**data, "redoes" if again else "undoes": chosen.rollout}))
        terminated, aborted = (lambda: listening.terminated), (lambda: listening.aborted)
        way = back(plan, hosts, jobs, on_conflict, terminated, aborted, again, lambda: listening.paused)
        outcome = Outcome("redone" if again else "reversed", id, way.reversed, again=again)
        finish(way, plan, hosts, journals, outcome)
        outcome.interrupted = listening.aborted and outcome.status == "blocked"
        outcome.seconds = time.monotonic() - begun
        recorder(over(outcome))
        return outcome
    finally:
        runner.close()
        recorder.close()


def undo_plan_all(
    environment: str,
    runner: Runner,
    rollout: Optional[str] = None,
    on_conflict: str = "stop",
    emit: Emit = lambda _: None,
) -> tuple[Chosen, Mapping[str, Undoing]]:
    """What undo_all would take back, and by host its steps. Errors: NothingToUndo, Unreachable."""
    hosts = Hosts(runner, emit)
    try:
        chosen = _open_chosen(environment, hosts, rollout)
        return chosen, with_held(_open_journals(hosts, chosen, on_conflict, planning=True))
    finally:
        runner.close()


def found_on_all(runner: Runner, rollout: str, emit: Emit) -> Mapping[str, Found]:
    """What the journals of all hosts know of a rollout. Errors: Unreachable."""
    try:
        return _found(Hosts(runner, emit), rollout)
    finally:
        runner.close()


def _open_chosen(environment: str, hosts: Hosts, rollout: Optional[str]) -> Chosen:
    """Connect, and find the rollout to take back; the hosts that have nothing of it are let go."""
    found = _found(hosts, rollout)
    chosen = choose(
        environment,
        {host: answer.chains for host, answer in found.items()},
        rollout,
        {host: answer.purged for host, answer in found.items()},
        {host: answer.forgotten for host, answer in found.items()},
    )
    for host, other in chosen.others.items():
        text = f"{host}: there the same was taken back by {other}: name that one, too, to redo it on all hosts"
        hosts.emit(Event(What.WARNING, data={"text": text}))
    hosts.runner.close([host for host in hosts.runner.hosts if host not in set(chosen.hosts)])
    return chosen


def _found(hosts: Hosts, rollout: Optional[str]) -> Mapping[str, Found]:
    """Connect, and ask all hosts what their journals know."""
    _all_well(hosts.runner.open(), hosts.emit)
    found = hosts.gather(hosts.runner.hosts, lambda host: hosts.runner.chains(host, rollout), Found)
    _all_well(list(hosts.lost.values()), hosts.emit)
    return found


def _open_journals(hosts: Hosts, chosen: Chosen, on_conflict: str, *, planning: bool) -> dict[str, Undoing]:
    """The journals of the rollout; if one host refuses, nothing is taken back anywhere."""

    def ask(host: str) -> None:
        hosts.runner.undo(host, chosen.rollout, planning, on_conflict)

    journals = hosts.gather(chosen.hosts, ask, Undoing)
    _all_well(list(hosts.lost.values()), hosts.emit)
    return {host: journals[host] for host in chosen.hosts}


def _pivots(journals: Mapping[str, Undoing]) -> set[str]:
    """The tasks that did something which cannot be undone: what they came after stands, even if their host is lost."""
    return {f"{task['root']}@{host}" for host, one in journals.items() for task in one.tasks if task.get("pivot")}


def _all_well(errors: Sequence[DeplError], emit: Emit) -> None:
    if errors:
        refuse(errors, emit)
