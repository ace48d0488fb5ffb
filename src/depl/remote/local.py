"""This machine as a host: a command is a subprocess, behind the same interface as over SSH (connect_method = local)."""

from __future__ import annotations

import getpass
import os
import select
import subprocess
import threading
import time
from typing import IO

from depl.errors import Unreachable
from depl.host import Host

CHUNK = 256 * 1024
ERRORS_KEPT = 64 * 1024
STEP = 1.0  # seconds; what is blocked looks up so often to see whether it was closed
LAST_WORDS = 1.0  # seconds to wait for the exit status after the end of the output


class LocalDialer:
    """Connects to this machine, whichever host is asked for."""

    def connect(self, host: Host) -> LocalConnection:
        """There is nothing to log in to."""
        return LocalConnection(host.name)

    def close(self) -> None:
        """Nothing is shared."""


class LocalConnection:
    """This user on this machine."""

    def __init__(self, host: str) -> None:
        self.host, self.user = host, getpass.getuser()
        self._processes: list[LocalProcess] = []

    def start(self, command: str) -> LocalProcess:
        """Start a command by /bin/sh, in the user's home. Errors: Unreachable."""
        self._processes.append(LocalProcess(self.host, command))
        return self._processes[-1]

    def close(self) -> None:
        """Commands that run find their input at its end."""
        for process in self._processes:
            process.close()


class LocalProcess:
    """A command on this machine, in a session of its own: Ctrl-C at the terminal is not for it.

    One thread may read while another one writes and a third one closes.
    """

    def __init__(self, host: str, command: str) -> None:
        self._host = host
        home = os.path.expanduser("~")
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=home if os.path.isdir(home) else "/",
                start_new_session=True,
            )
        except OSError as error:
            raise Unreachable(f"On {host} (this machine) nothing can be started: {error.strerror}") from None
        assert process.stdin
        assert process.stdout
        assert process.stderr
        os.set_blocking(process.stdin.fileno(), False)
        self._process = process
        self._input, self._output = _End(process.stdin, select.POLLOUT), _End(process.stdout, select.POLLIN)
        self._errors = bytearray()
        self._listener = threading.Thread(target=self._listen, args=(process.stderr,), daemon=True)
        self._reaper = threading.Thread(target=process.wait, daemon=True)
        self._listener.start()
        self._reaper.start()

    def write(self, data: bytes) -> None:
        """All of it; blocks while the other side does not read. Errors: Unreachable."""
        rest = memoryview(data)
        try:
            with self._input as number:
                while rest:
                    self._input.wait(None)
                    rest = rest[os.write(number, rest[:CHUNK]) :]
        except OSError:
            raise Unreachable(f"The command on {self._host} (this machine) does not read any more") from None

    def read(self, timeout: float | None = None) -> bytes:
        """What came; b"" at the end. Errors: TimeoutError."""
        try:
            with self._output as number:
                self._output.wait(timeout)
                data = os.read(number, CHUNK)
        except TimeoutError:
            raise
        except OSError:
            return b""  # closed on our side
        if not data:
            self._reaper.join(LAST_WORDS)
        return data

    def errors(self) -> str:
        """The last 64 KB that it wrote to standard error so far."""
        if self.status() is not None:
            self._listener.join(LAST_WORDS)
        return self._errors.decode(errors="replace")

    def status(self) -> int | None:
        """Its exit status; None while it runs, below 0: the signal that ended it."""
        return self._process.returncode

    def close(self) -> None:
        """Close its input and output; it is not waited for."""
        self._input.close()
        self._output.close()

    def _listen(self, stream: IO[bytes]) -> None:
        with stream:
            while data := os.read(stream.fileno(), CHUNK):
                self._errors += data
                del self._errors[:-ERRORS_KEPT]


class _End:
    """Our end of a pipe. It is never closed under the hands of a thread that uses it: its number would be reused."""

    def __init__(self, stream: IO[bytes], event: int) -> None:
        self._stream, self._event = stream, event
        self._closing = False
        self._used = threading.Lock()

    def __enter__(self) -> int:
        self._used.acquire()
        if self._closing:
            self._used.release()
            raise OSError("closed")
        return self._stream.fileno()

    def __exit__(self, *ignored: object) -> None:
        if self._closing:
            self._stream.close()
        self._used.release()

    def wait(self, timeout: float | None) -> None:
        """Until something can be done with it. Errors: TimeoutError; OSError where it was closed meanwhile."""
        end = None if timeout is None else time.monotonic() + timeout
        waiting = select.poll()
        waiting.register(self._stream.fileno(), self._event)
        while not self._closing:
            left = STEP if end is None else end - time.monotonic()
            if waiting.poll(max(0.0, min(STEP, left)) * 1000):
                return
            if left <= 0:
                raise TimeoutError("timed out")
        raise OSError("closed")

    def close(self) -> None:
        """At once, or when whoever uses it is done."""
        self._closing = True
        if self._used.acquire(blocking=False):
            self._stream.close()
            self._used.release()
