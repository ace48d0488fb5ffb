"""Standard input and output become the line alone; what anybody prints travels as a message."""

from __future__ import annotations

import os
import sys
import threading
from codecs import getincrementaldecoder
from typing import Callable, Dict, Tuple

from depl.redact import Redactor, Stream


def take_line() -> Tuple[int, int]:
    """The descriptors of the line, under numbers that no child inherits; nothing else can read or write there."""
    incoming, outgoing = os.dup(0), os.dup(1)
    os.set_inheritable(incoming, False)
    os.set_inheritable(outgoing, False)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return incoming, outgoing


class Printed:
    """What is printed, by whichever code, from now on: it is said as (stream, text), without secrets."""

    def __init__(self, say: Callable[[str, str], None], redact: Redactor) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._redact = redact
        self._streams: Dict[str, Stream] = {}
        for descriptor, name in ((1, "stdout"), (2, "stderr")):
            end, start = os.pipe()
            os.dup2(start, descriptor)
            os.close(start)
            threading.Thread(target=self._pump, args=(end, name), name=f"printed-{name}", daemon=True).start()
        sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115

    def end(self) -> None:
        """Say what was held back, as a secret might have begun in it."""
        with self._lock:
            streams, self._streams = self._streams, {}
            for name, stream in streams.items():
                self._tell(name, stream.end())

    def _pump(self, end: int, name: str) -> None:
        decode = getincrementaldecoder("utf-8")("replace").decode
        while True:
            try:
                piece = os.read(end, 65536)
            except OSError:
                return
            if not piece:
                return
            with self._lock:
                stream = self._streams.setdefault(name, self._redact.stream())
                self._tell(name, stream.feed(decode(piece)))

    def _tell(self, name: str, text: str) -> None:
        if text:
            self._say(name, text)
