"""Signals: what people wish of a rollout. Posted by anyone, read by whoever drives it, within a second."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from depl.change.private import make_private
from depl.redact import Redactor


@dataclass(frozen=True)
class Signal:
    """A wish. number: counted by whoever keeps them, from 1. task: an id, empty for the rollout. at: UTC.

    data: what else belongs to it, such as {"item": ...} of a checklist.
    """

    name: str
    who: str
    at: str = ""
    reason: str = ""
    task: str = ""
    number: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)


class Signals(Protocol):
    """The signals of one rollout."""

    def new(self, after: int) -> Sequence[Signal]:
        """Those with a higher number than that, in their order."""

    def post(self, signal: Signal) -> Signal:
        """Add one; with the number that it was given."""


class SignalFile:
    """Those of a rollout that a command drives by itself: lines beside its record. path: `ID.signals`.

    redact: of whoever drives it, who may know secrets that nobody knew who gave a reason: they go from the file, too.
    """

    def __init__(self, path: str, redact: Redactor | None = None) -> None:
        self.path, self._redact = path, Redactor() if redact is None else redact
        self._read = 0  # bytes
        self._known: list[Signal] = []

    def new(self, after: int) -> Sequence[Signal]:
        """Read what was added; half a line is left for the next time."""
        try:
            if os.stat(self.path).st_size <= self._read:
                return [signal for signal in self._known[after:] if signal.name != "?"]
            with open(self.path, "rb") as file:
                file.seek(self._read)
                added = file.read()
        except FileNotFoundError:
            return ()
        for line in added[: added.rfind(b"\n") + 1].splitlines(keepends=True):
            try:
                self._known.append(self._hidden(_signal(line, len(self._known) + 1), len(line)))
            except (ValueError, TypeError, AttributeError):
                self._known.append(Signal("?", "", number=len(self._known) + 1))  # not ours: keeps its number
            self._read += len(line)
        return [signal for signal in self._known[after:] if signal.name != "?"]

    def post(self, signal: Signal) -> Signal:
        """Add a line; a line is written at once, so that two people do not mix theirs."""
        make_private(os.path.dirname(self.path))
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, _line(signal) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return signal

    def _hidden(self, signal: Signal, size: int) -> Signal:
        """Without secrets, and the line that was read, too: over it, as somebody may be adding another one.

        Where there is no room for what stands for a secret, some reason is still given.
        """
        reason = self._redact(signal.reason)
        if reason == signal.reason:
            return signal
        hidden = replace(signal, reason=reason)
        lines = map(_line, (hidden, replace(hidden, reason="...")))
        fitting = next((line for line in lines if len(line) < size), b"")
        with suppress(OSError), open(self.path, "r+b") as file:
            file.seek(self._read)
            file.write(fitting.ljust(size - 1))
        return hidden


def _signal(line: bytes, number: int) -> Signal:
    """Errors: ValueError, TypeError, AttributeError where it is none."""
    data = {**json.loads(line), "number": number}
    signal = Signal(**{key: data[key] for key in Signal.__dataclass_fields__ if key in data})
    texts = (signal.name, signal.who, signal.at, signal.reason, signal.task, *signal.data.keys(), *signal.data.values())
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a signal is made of texts")
    return signal


def _line(signal: Signal) -> bytes:
    facts = {key: value for key, value in asdict(signal).items() if key != "number"}
    return json.dumps(facts).encode()
