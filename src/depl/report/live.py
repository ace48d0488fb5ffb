"""The live line of a terminal: what a host is doing, for how long, and the last thing that a command said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from depl.report.lines import seconds

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

PATIENCE = 0.3  # seconds; a run that is over by then shows no live line and does not pay for rich


class LiveLine:
    """One line at the bottom of a terminal that is drawn anew while a run lasts.

    It appears after a moment only, from a thread of its own, and vanishes with stop().
    """

    def __init__(self, stream: TextIO, label: str) -> None:
        self._stream, self._label = stream, label
        self._component, self._said, self._since = "", "", time.monotonic()
        self._lock = threading.RLock()
        self._live: Live | None = None
        self._over = False
        self._timer = threading.Timer(PATIENCE, self._appear)
        self._timer.daemon = True

    def start(self) -> None:
        """Appear unless the run is over in a moment."""
        self._timer.start()

    def stop(self) -> None:
        """Vanish, for good."""
        self._timer.cancel()
        with self._lock:
            self._over = True
            if self._live is not None:
                self._live.stop()
                self._live = None

    def show(self, component: str) -> None:
        """Another component is at work."""
        if component != self._component:
            self._component, self._said, self._since = component, "", time.monotonic()

    def say(self, text: str) -> None:
        """The component's command said something."""
        if text.strip():
            self._said = text.strip()

    def print(self, text: str, otherwise: Callable[[str], None]) -> None:
        """Print whole lines above; while the line is not there, let `otherwise` do it."""
        with self._lock:
            if self._live is None:
                otherwise(text)
                return
            from rich.text import Text

            try:
                self._live.console.print(Text.from_ansi(text.rstrip("\n")), soft_wrap=True)
            except OSError:  # the terminal is gone: the run goes on without it
                self._live = None

    def _appear(self) -> None:
        from rich.console import Console
        from rich.live import Live

        with self._lock:
            if self._over:
                return
            console = Console(file=self._stream, highlight=False, markup=False)
            self._live = Live(self, console=console, transient=True, refresh_per_second=8, redirect_stderr=False)
            self._live.start()

    def __rich__(self) -> Text:
        from rich.text import Text

        parts: list[Any] = [(self._label, "bold")]
        if self._component:
            parts += ["  ", self._component]
        parts += ["  ", (seconds(time.monotonic() - self._since), "cyan")]
        if self._said:
            parts += ["  ", (self._said, "dim")]
        return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")
