"""The live lines of a terminal: what each host at work is doing, for how long, and the last thing that it said."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from depl.rollout.wording import seconds

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

PATIENCE = 0.3  # seconds; a run that is over by then shows no live line and does not pay for rich
LIMIT = 10  # lines


class Row:
    """One live line: of a host that is at work, or of the whole run."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.at_work = False
        self._component, self._said, self._since = "", "", time.monotonic()

    def show(self, component: str) -> None:
        """Another component is at work."""
        if not self.at_work or component != self._component:
            self._component, self._said, self._since = component, "", time.monotonic()
        self.at_work = True

    def say(self, text: str) -> None:
        """The component's command said something."""
        if text.strip():
            self._said = text.strip()

    def rest(self) -> None:
        """Nothing is at work here now."""
        self.at_work = False

    def __rich__(self) -> Text:
        from rich.text import Text

        parts: list[Any] = [(self.label, "bold")]
        if self._component:
            parts += ["  ", self._component]
        parts += ["  ", (seconds(time.monotonic() - self._since), "cyan")]
        if self._said:
            parts += ["  ", (self._said, "dim")]
        return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


class LiveLines:
    """Lines at the bottom of a terminal that are drawn anew while a run lasts: first the hosts, then the whole.

    They appear after a moment only, from a thread of their own, and vanish with stop().
    """

    def __init__(self, stream: TextIO, label: str) -> None:
        self._stream = stream
        self.whole = Row(label)
        self.whole.at_work = True
        self._hosts: dict[str, Row] = {}
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._over = self._away = False
        self._timer = threading.Timer(PATIENCE, self._appear)
        self._timer.daemon = True

    def of(self, host: str) -> Row:
        """The line of a host, which is there while something is at work on it."""
        return self._hosts.setdefault(host, Row(host))

    def start(self) -> None:
        """Appear unless the run is over in a moment."""
        self._timer.start()

    def stop(self) -> None:
        """Vanish, for good."""
        self._timer.cancel()
        with self._lock:
            self._over = True
            self._vanish()

    def print(self, text: str, otherwise: Callable[[str], None]) -> None:
        """Print whole lines above; while the live ones are not there, let `otherwise` do it."""
        with self._lock:
            if self._live is None:
                otherwise(text)
                return
            from rich.text import Text

            try:
                self._live.console.print(Text.from_ansi(text.rstrip("\n")), soft_wrap=True)
            except OSError:  # the terminal is gone: the run goes on without it
                self._live = None

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While this lasts, the lines are away: somebody is asked something."""
        with self._lock:
            was_there, self._away = self._live is not None, True
            self._vanish()
        try:
            yield
        finally:
            self._away = False
            if was_there:
                self._appear()

    def _vanish(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _appear(self) -> None:
        from rich.console import Console
        from rich.live import Live

        with self._lock:
            if self._over or self._away:
                return
            console = Console(file=self._stream, highlight=False, markup=False, width=_width(self._stream))
            plain = self._stream is sys.stdout  # else what others print comes through the printer
            self._live = Live(
                self,
                console=console,
                transient=True,
                refresh_per_second=8,
                redirect_stdout=plain,
                redirect_stderr=False,
            )
            self._live.start()

    def __rich__(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        at_work = [row for row in list(self._hosts.values()) if row.at_work]
        rows: list[Any] = [*at_work[:LIMIT]]
        if len(at_work) > LIMIT:
            rows.append(Text(f"and {len(at_work) - LIMIT} more", "dim"))
        return Group(*rows, self.whole)


def _width(stream: TextIO) -> int | None:
    """How wide a terminal is that rich would not find, as none of the standard streams is it."""
    for number in range(3):
        if os.isatty(number):
            return None
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return None
