"""Monitors: what is watched while a rollout goes forward; one that trips ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue

from depl.deploy.failure import text_of


class Watch:
    """Runs each monitor again and again, in a thread of its own, until it is closed. interval: seconds in between."""

    def __init__(self, monitors: Mapping[str, Callable[[], None]], interval: float) -> None:
        self._tripped: SimpleQueue[tuple[str, BaseException]] = SimpleQueue()
        self._over = threading.Event()
        self._interval = interval
        for name, monitor in monitors.items():
            threading.Thread(target=self._watch, args=(name, monitor), name=f"monitor {name}", daemon=True).start()

    def tripped(self) -> str:
        """What tripped, as a sentence; empty: nothing has."""
        try:
            name, error = self._tripped.get_nowait()
        except Empty:
            return ""
        return f"monitor {name}: {text_of(error) or type(error).__name__}"

    def close(self) -> None:
        """Watch no more; what a monitor finds from now on is not heard."""
        self._over.set()

    def _watch(self, name: str, monitor: Callable[[], None]) -> None:
        while not self._over.is_set():
            try:
                monitor()
            except BaseException as error:  # noqa: BLE001 it trips by raising, whatever it is
                self._tripped.put((name, error))
                return
            self._over.wait(self._interval)
