"""What was done on a host of an environment, asked of its agent part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Optional, Protocol

from depl.errors import DeplError
from depl.events import Emit
from depl.protocol.failures import error_from_json
from depl.protocol.replies import Logged
from depl.rollout.ending import refuse
from depl.rollout.hearing import Hosts
from depl.rollout.runner import Runner


class RunnerWithLog(Runner, Protocol):
    """Hosts that tell what was done on them."""

    def log(self, host: str, path: Optional[str], changes: bool, more: bool = False) -> None:
        """Ask what was done; answered by Logged. more: go on where the last answer ended."""


def remote_history(
    runner: RunnerWithLog, path: Optional[str], changes: bool, unread: Callable[[DeplError], None], emit: Emit
) -> Iterator[Mapping[str, Any]]:
    """The rows of depl.deploy.history.history(), from the one host of a runner. Errors: Unreachable."""
    hosts = Hosts(runner, emit)
    (host,) = runner.hosts
    try:
        _refuse(runner.open(), emit)
        part = _ask(hosts, host, lambda name: runner.log(name, path, changes))
        while True:
            yield from part.rows
            for facts in part.unread:
                unread(error_from_json(facts))
            if part.last:
                return
            part = _ask(hosts, host, lambda name: runner.log(name, path, changes, more=True))
    finally:
        runner.close()


def _ask(hosts: Hosts, host: str, ask: Callable[[str], None]) -> Logged:
    answers: dict[str, Logged] = hosts.gather([host], ask, Logged)
    _refuse(list(hosts.lost.values()), hosts.emit)
    return answers[host]


def _refuse(errors: Sequence[DeplError], emit: Emit) -> None:
    if errors:
        refuse(errors, emit)
