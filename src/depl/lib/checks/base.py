"""What all checks share."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Iterator, Optional

from depl.component import Component
from depl.errors import DeploymentError

BODY = 200  # characters of an answer that are shown


class Check(Component):
    """What all checks share. Subclasses look once, in probe(), which returns what is wrong, or nothing.

    timeout, interval: seconds. attempt_timeout: seconds for one attempt. stable_for: it must be well that long, without
    interruption. log_files: one, or several, whose last lines are shown when the check fails. There is nothing to undo.
    """

    timeout: Any = 30.0
    interval: float = 1.0
    retries: int = 30
    attempt_timeout: float = 5.0
    stable_for: float = 0.0
    log_files: Any = ()
    log_lines: int = 10

    def configure(self) -> None:
        files = [self.log_files] if isinstance(self.log_files, (str, os.PathLike)) else self.log_files or ()
        self.log_files = [self.map(os.fspath(path)) for path in files]

    def check(self) -> None:
        """Look until it was well for as long as is wanted. Errors: DeploymentError, with what to look at next."""
        stable_at = time.monotonic() + self.stable_for
        while True:
            wrong = self.probe()
            if wrong:
                raise DeploymentError(wrong, self, hint="\n".join(self._look_at()))
            left = stable_at - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, self.interval))

    def probe(self) -> Optional[str]:
        """What is wrong, as a sentence; None if all is well."""
        raise NotImplementedError

    def clues(self) -> Iterator[str]:
        """What else a person would look at first."""
        return iter(())

    def _look_at(self) -> Iterator[str]:
        yield from self.clues()
        for path in self.log_files:
            try:
                lines = _tail(path, self.log_lines, self.environment.redact)
            except OSError as problem:
                yield f"{path} cannot be read: {problem.strerror}."
            else:
                yield f"The last lines of {path}:" if lines else f"{path} is empty."
                yield from (f"    {line}" for line in lines)


def excerpt(body: bytes, redact: Callable[[str], str]) -> str:
    """The beginning of an answer, for the end of a sentence; secrets are masked while they are whole."""
    text = redact(body.decode(errors="replace")).strip()
    return f": {text[:BODY]}{'...' if len(text) > BODY else ''}" if text else ""


def _tail(path: str, count: int, redact: Callable[[str], str]) -> list[str]:
    """The last lines of a file, of which only the end is read."""
    with open(path, "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 500 * count))
        return redact(stream.read().decode(errors="replace")).splitlines()[-count:]
