"""Standard input and output become the line alone; what anybody prints travels as a message."""

from __future__ import annotations

import os
import sys
import threading
from typing import Callable, Tuple


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


def pass_on(say: Callable[[str, str], None]) -> None:
    """From now on what is printed, by whichever code, is said: (stream, text)."""
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        end, start = os.pipe()
        os.dup2(start, descriptor)
        os.close(start)
        threading.Thread(target=_pump, args=(end, name, say), name=f"printed-{name}", daemon=True).start()
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115


def _pump(end: int, name: str, say: Callable[[str, str], None]) -> None:
    while True:
        try:
            piece = os.read(end, 65536)
        except OSError:
            return
        if not piece:
            return
        say(name, piece.decode("utf-8", "replace"))
