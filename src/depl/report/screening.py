"""What happens on all hosts, made fit to be shown before anybody shortens, joins or counts it."""

from __future__ import annotations

from dataclasses import replace

from depl.events import Emit, Event, Output, What
from depl.redact import Redactor, Stream
from depl.rollout.masking import masked

BESIDE = (What.STARTED, What.WARNING, What.LOG)  # told while a command may be in the middle of a value


class Screened:
    """Takes events and passes them on filtered, output as soon as it cannot be the beginning of a hidden value.

    output: what stands instead of all that commands print; empty: they are heard.
    """

    def __init__(self, redact: Redactor, emit: Emit, output: str = "") -> None:
        self._redact, self._emit, self._instead = redact, emit, output
        self._streams: dict[Output, Stream] = {}  # by output without text

    def __call__(self, event: Event | Output) -> None:
        """Take what happens."""
        if isinstance(event, Output):
            self._hear(event)
            return
        if event.what not in BESIDE:
            self.end(event.host)
        if self._redact or self._instead:
            event = replace(event, data=self._of(event))
        self._emit(event)

    def end(self, *hosts: str | None) -> None:
        """Nothing more comes of some hosts, or of any: what is held back is no hidden value."""
        for where in [one for one in self._streams if not hosts or one.host in hosts]:
            self._say(where, self._streams.pop(where).end())

    def _hear(self, output: Output) -> None:
        if self._instead:
            return
        if not self._redact:
            self._emit(output)
            return
        where = replace(output, text="")
        if where not in self._streams:
            self._streams[where] = self._redact.stream()
        self._say(where, self._streams[where].feed(output.text))

    def _say(self, where: Output, text: str) -> None:
        if text:
            self._emit(replace(where, text=text))

    def _of(self, event: Event) -> dict[str, object]:
        data: dict[str, object] = masked(event.data, self._redact)
        if self._instead and data.get("output"):
            data["output"] = [self._instead]
        return data
