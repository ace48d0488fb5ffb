"""Getting all hosts of a run ready together: connected, locked, configured; or none of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional

from depl.configure import Model
from depl.errors import DeplError, Interrupted, Locked, Unreachable
from depl.protocol import requests
from depl.remote.line import HostLine
from depl.remote.wishes import Wishes

if TYPE_CHECKING:
    from depl.deploy.stop import Stop

LATECOMER = 2.0  # seconds to wait for a lock whose owner may be about to give it back
FAREWELL = 10.0  # seconds for the last words
CLOCK = 60.0  # seconds by which clocks may differ before that is worth a word


class Opening:
    """One opening of a fleet. lines: by host. warn: told with the host. news: notified when a line changes.

    again: makes the line of a host anew, with a hello that waits for the lock.
    """

    def __init__(
        self,
        lines: Mapping[str, HostLine],
        wishes: Wishes,
        model: Optional[Model],
        warn: Callable[[str, str], None],
        stop: Optional[Stop],
        news: threading.Condition,
        again: Callable[[HostLine, Optional[float]], HostLine],
    ) -> None:
        self._lines, self._wishes, self._model = lines, wishes, model
        self._warn, self._stop, self._news, self._again = warn, stop, news, again
        self._known_owner: Optional[HostLine] = None  # a host that knows who is at work

    def run(self, go: Callable[[], None]) -> list[DeplError]:
        """Open; what is wrong. go: called once nothing more keeps hosts from being changed but their own model."""
        lines = list(self._lines.values())
        for line in lines:  # all of them before any host is contacted: this is where values turn out not to be data
            line.slice = self._slice_of(line) if self._gets_slice(line) else None
        for line in lines:
            line.start()
        errors = self._await(lines, lambda line: line.ready is not None)
        if errors:
            return errors
        self._look_at_clocks(lines)
        if self._model is not None:
            for line in lines:
                if line.slice is None and self._gets_slice(line):
                    line.give_slice(self._slice_with_homes(line))
        if self._wishes.mode in ("act", "undo"):
            errors = self._take_locks(sorted(lines, key=lambda line: line.name))
        if errors or self._model is None:
            return errors
        go()
        told = [line for line in self._lines.values() if self._gets_slice(line)]
        errors = self._await(told, lambda line: line.configured is not None)
        if self._wishes.mode == "plan":
            self._tell_warnings()
        return errors

    def _gets_slice(self, line: HostLine) -> bool:
        return self._model is not None and self._wishes.is_told_the_model(line.name)

    def _tell_warnings(self) -> None:
        """What hosts said while they configured their slices."""
        for line in self._lines.values():
            for warning in line.configured.warnings if line.configured is not None else ():
                self._warn(line.name, str(warning.get("text")))

    def _await(self, lines: Iterable[HostLine], holds: Callable[[HostLine], bool]) -> list[DeplError]:
        """Wait until something holds for all lines; the errors of those that failed instead."""
        with self._news:
            for line in lines:
                while not holds(line) and line.failure is None and not line.over:
                    if self._stop is not None and self._stop.aborted:
                        return [Interrupted("interrupted before anything was changed")]
                    self._news.wait(0.2 if self._stop is not None else None)
        failed = [line for line in lines if not holds(line)]
        return [line.failure or Unreachable(f"the line to {line.name} ended early") for line in failed]

    def _take_locks(self, lines: Sequence[HostLine]) -> list[DeplError]:
        """All locks or none. lines: by name, the order in which everybody takes them, so that one of several wins."""
        missing = [line for line in lines if line.ready is not None and not line.ready.lock and line.ready.owner]
        if not missing:
            return []
        self._known_owner = next((line for line in missing if line.ready and " since " in line.ready.owner), None)
        contested = lines[lines.index(missing[0]) :]
        for line in contested:
            if line.ready is not None and line.ready.lock:
                line.leave()  # whoever waits for this one may be further than we are
        for line in contested:
            errors = self._take_lock(line)
            if errors:
                return errors
        return []

    def _take_lock(self, line: HostLine) -> list[DeplError]:
        if line.over or (line.ready is not None and line.ready.lock):
            line.join(FAREWELL)
            line = self._again(line, None if self._wishes.wait else LATECOMER)
            errors = self._await([line], lambda one: one.ready is not None)
            if errors:
                return errors
        owner = line.ready.owner if line.ready is not None and not line.ready.lock else ""
        return self._wait_for_lock(line, owner) if owner else []

    def _wait_for_lock(self, line: HostLine, owner: str) -> list[DeplError]:
        if self._wishes.wait:
            self._warn(line.name, f"waiting: {owner}")
        # An undo that waited would take back what the other one has done meanwhile.
        grace = LATECOMER if self._wishes.mode == "act" else 0.0
        line.send(requests.Lock(None if self._wishes.wait else grace))
        errors = self._await([line], lambda one: one.lock is not None)
        if errors:
            return errors
        assert line.lock is not None
        if line.lock.held:
            return []
        return [Locked(self._whose(line, line.lock.owner), hint="Wait until it is done, or say --wait.")]

    def _whose(self, line: HostLine, owner: str) -> str:
        """Who is in the way: named, if any of the hosts knows."""
        known = self._known_owner
        if " since " not in owner and known is not None and known.ready is not None:
            return f"{known.name}: {known.ready.owner}"
        return f"{line.name}: {owner}"

    def _look_at_clocks(self, lines: Iterable[HostLine]) -> None:
        now = time.time()
        for line in lines:
            off = line.ready.time - now if line.ready is not None else 0.0
            if abs(off) > CLOCK:
                how = "ahead" if off > 0 else "behind"
                self._warn(line.name, f"its clock is {_duration(abs(off))} {how}: certificates and logs will be wrong")

    def _slice_of(self, line: HostLine) -> Optional[Mapping[str, Any]]:
        """The slice, unless it names places that only other hosts know."""
        from depl.slices import hosts_named_in, slice_of

        assert self._model is not None
        slice = slice_of(self._model, line.name)
        return None if set(hosts_named_in(slice)) - {line.name} else slice

    def _slice_with_homes(self, line: HostLine) -> Mapping[str, Any]:
        from depl.slices import hosts_named_in, slice_of, with_homes

        assert self._model is not None
        slice = slice_of(self._model, line.name)
        # A host that does not take part is believed to be like the one that asks.
        own = line.ready.home if line.ready is not None else ""
        homes = dict.fromkeys(hosts_named_in(slice), own)
        homes.update({one.name: one.ready.home for one in self._lines.values() if one.ready is not None})
        return with_homes(slice, homes)


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size or (unit == "minutes" and seconds >= size):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
