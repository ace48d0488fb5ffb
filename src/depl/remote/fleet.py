"""All hosts of a run: connected at the same time, ready together or not at all, then asked one thing after another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Optional

from depl.configure import Model
from depl.errors import ConfigurationError, DeplError, Unreachable
from depl.host import Host
from depl.protocol import replies, requests
from depl.protocol.requests import Given, Hello
from depl.remote.bootstrap import SudoPasswordWanted, open_agent
from depl.remote.connection import Connection, Dialer, Process
from depl.remote.line import HostLine
from depl.remote.local import LocalDialer
from depl.remote.opening import FAREWELL, Opening
from depl.remote.requirements import Requirements
from depl.remote.transfer import Transfer
from depl.remote.wishes import Wishes
from depl.rollout.graph import Task

if TYPE_CHECKING:
    from depl.deploy.stop import Stop


class Fleet:
    """The hosts of a run behind one port (see depl.rollout.runner).

    local: they are all this machine, without SSH. model: None where only journals are looked at. ask: for passwords.
    warn: told of what should be known, with the host. stop: looked at while the fleet opens. redact: see depl.redact.
    """

    def __init__(
        self,
        hosts: Sequence[Host],
        wishes: Wishes,
        *,
        base_dir: str,
        local: bool,
        model: Optional[Model] = None,
        transfer: Optional[Transfer] = None,
        requirements: Optional[Requirements] = None,
        ask: Optional[Callable[[str], str]] = None,
        warn: Callable[[str, str], None] = lambda host, text: None,
        stop: Optional[Stop] = None,
        redact: Callable[[str], str] = str,
    ) -> None:
        self.hosts: Sequence[str] = [host.name for host in hosts]
        self.inbox: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self.patience = wishes.patience
        self.reconnects = False
        self._wishes, self.base_dir, self._model = wishes, base_dir, model
        self._transfer, self._requirements = transfer, requirements
        self._ask, self._warn, self._stop, self._redact = ask, warn, stop, redact
        self._password: Optional[str] = None
        self._asking = threading.Lock()
        self._news = threading.Condition()
        self._go = threading.Event()
        self._going = False
        self._permits = threading.Semaphore(wishes.jobs)
        self._dialer: Any = (
            LocalDialer()
            if local
            else Dialer(base_dir, wishes.environment, timeout=wishes.timeout, jobs=wishes.jobs, ask=ask)
        )
        self._lines = {host.name: HostLine(host, self._hello(host), self) for host in hosts}

    # -- the port: opening -------------------------------------------------------------------------------------------

    def open(self) -> list[DeplError]:
        """Connect to all hosts, take their locks and configure their slices; what is wrong, if anything is.

        Nothing is changed anywhere before all hosts are ready; if one cannot be, all are released.
        """
        errors = Opening(self._lines, self._wishes, self._model, self._warn, self._stop, self._news, self._again).run(
            lambda: self._release(True)
        )
        if errors:
            self._release(False)
            self.close()
        else:
            self.reconnects = self._wishes.mode in ("act", "undo")
            self._release(True)
        return errors

    # -- the port: asking --------------------------------------------------------------------------------------------

    def start(self, host: str, tasks: Sequence[Task], last: bool) -> None:
        """Deploy root components one after the other."""
        told = [{"root": task.root, "order": task.order, "after": list(task.after)} for task in tasks]
        self._lines[host].ask(requests.Start(told, last))

    def plan(self, host: str, roots: Sequence[str]) -> None:
        """Predict root components, all that are meant of the host."""
        self._lines[host].ask(requests.Start([{"root": root, "order": 0} for root in roots], True))

    def reverse(self, host: str, roots: Sequence[str], on_conflict: str = "stop") -> None:
        """Take back what was done for root components."""
        self._lines[host].ask(requests.Reverse(list(roots), on_conflict))

    def repeat(self, host: str, roots: Sequence[str]) -> None:
        """Run reactions again."""
        self._lines[host].ask(requests.Repeat(list(roots)))

    def collect(self, host: str) -> None:
        """Remove what is no longer declared."""
        self._lines[host].ask(requests.Collect())

    def check(self, host: str, roots: Sequence[str]) -> None:
        """Ask root components whether they are well."""
        self._lines[host].ask(requests.Check(list(roots)))

    def settle(self, host: str, outcome: str, whole: bool = False) -> None:
        """Say that the rollout is over."""
        self._lines[host].ask(requests.Settle(outcome, whole))

    def chains(self, host: str, rollout: Optional[str] = None) -> None:
        """Ask what could be undone."""
        self._lines[host].ask(requests.Chains(rollout))

    def undo(self, host: str, rollout: str, plan: bool = False, on_conflict: str = "stop") -> None:
        """Open the journal of a rollout."""
        line = self._lines[host]
        line.hello = line.hello._replace(undoes=rollout)
        line.ask(requests.Undo(rollout, plan, on_conflict))

    def log(self, host: str, path: Optional[str], changes: bool, more: bool = False) -> None:
        """Ask what was done."""
        self._lines[host].ask(requests.Log(path, changes, more))

    def stop(self, host: str, how: str) -> None:
        """End early."""
        self._lines[host].stop(how)

    def reply(self, timeout: Optional[float] = None) -> Optional[tuple[str, Any]]:
        """The next answer of any host, or an error where a host is lost for good; None after the timeout."""
        try:
            return self.inbox.get(timeout=timeout)
        except Empty:
            return None

    def differences(self, host: str) -> Sequence[str]:
        """What the configuration of a host came to there, and not here."""
        configured = self._lines[host].configured
        return configured.differences if configured is not None else ()

    def close(self, hosts: Optional[Iterable[str]] = None) -> None:
        """Say goodbye, release everything."""
        lines = [self._lines[name] for name in (self.hosts if hosts is None else hosts)]
        for line in lines:
            line.leave()
        until = time.monotonic() + FAREWELL
        for line in lines:
            line.join(max(0.1, until - time.monotonic()))
        if hosts is None:
            self._dialer.close()

    # -- for the lines -----------------------------------------------------------------------------------------------

    def open_agent(self, host: Host, first: bytes) -> tuple[Connection, Process]:
        """Connect to a host and start its agent."""
        with self._permits:
            connection = self._dialer.connect(host)
            try:
                try:
                    return connection, self._open(connection, host, first, self._password)
                except SudoPasswordWanted:
                    return connection, self._open(connection, host, first, self._asked(host))
            except BaseException:
                connection.close()
                raise

    def _open(self, connection: Connection, host: Host, first: bytes, password: Optional[str]) -> Process:
        return open_agent(connection, host, first, password=password, timeout=self._wishes.timeout, redact=self._redact)

    def _asked(self, host: Host) -> str:
        """The password for sudo, asked for once a run."""
        with self._asking:
            if self._password is None:
                if self._ask is None:
                    raise Unreachable(
                        f"sudo on {host.name} wants a password, and there is no terminal to ask for it",
                        hint="Allow it without a password (NOPASSWD) for this user, or run on a terminal.",
                    )
                self._password = self._ask(f"Password for sudo on {host.name} (and all other hosts)")
            return self._password

    def answer(self, wants: replies.Wants) -> Iterator[Given]:
        """What an agent is missing."""
        source: Any = self._requirements if wants.kind == "wheels" else self._transfer
        if source is None:
            raise ConfigurationError(f"an agent asks for {wants.kind}, which this run does not have")
        answered: Iterator[Given] = source.answer(wants)
        return answered

    def warn(self, host: str, text: str) -> None:
        """Tell of something that should be known."""
        self._warn(host, text)

    def noted(self) -> None:
        """A line has news."""
        with self._news:
            self._news.notify_all()

    def wait_for_go(self) -> bool:
        """Wait until it is decided whether anything may be changed; whether it may."""
        self._go.wait()
        return self._going

    def _release(self, going: bool) -> None:
        if not self._go.is_set():
            self._going = going
            self._go.set()

    def _again(self, line: HostLine, patience: Optional[float]) -> HostLine:
        """The line of a host anew; its lock is waited for in its turn."""
        new = HostLine(line.host, line.hello._replace(patience=patience), self)
        new.slice = line.slice
        self._lines[line.name] = new
        new.start()
        return new

    # -- what hosts are told -------------------------------------------------------------------------------------------

    def _hello(self, host: Host) -> Hello:
        wishes, transfer, requirements = self._wishes, self._transfer, self._requirements
        if not wishes.is_told_the_model(host.name):
            transfer = requirements = None
        return Hello(
            rollout=wishes.rollout,
            environment=wishes.environment,
            host=host.name,
            who=wishes.who,
            target_directory=host.target_directory,
            mode=wishes.mode,
            project=transfer.key if transfer is not None else "",
            method=transfer.method if transfer is not None else "snapshot",
            revision=transfer.revision if transfer is not None else wishes.revision,
            requirements=requirements.key if requirements is not None else "",
            undoes=wishes.undoes,
            patience=wishes.for_lock,
            take_over=wishes.take_over,
            durability=wishes.durability,
            change_limit=wishes.change_limit,
            command_timeout=wishes.command_timeout,
            reversible_only=wishes.reversible_only,
            keep_rollouts=wishes.keep[0],
            keep_days=wishes.keep[1],
            beat=wishes.beat,
            of=wishes.of,
            selected=wishes.selected,
            gc=wishes.gc,
        )


__all__ = ["Fleet", "Wishes"]
