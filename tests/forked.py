"""`depl` in a process of its own that does not have to start: it is forked from a Python that has imported everything.

    done = depl("remote", "live", cwd=project, env=environ)        subprocess.run(["depl", ...]) with captured text
    process = Started("worker", cwd=project, env=environ, said=file)        Popen(["depl", ...]) in a session of its own

Arguments, directory, environment, streams and exit status are those of a command that was started; only the time is
saved that Python takes to start and to import. Tests that are about that, about signals or about terminals start
`python -m depl` themselves.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

SOURCE = Path(__file__).resolve().parents[1] / "src"
AT_START = ("PYTHON", "LANG", "LC_")  # variables that Python heeds when it starts
ROOMS = (
    "access",
    "agent",
    "change",
    "cli",
    "deploy",
    "lib",
    "protocol",
    "remote",
    "report",
    "rollout",
    "store",
    "tasks",
    "web",
)
PIECE = 60_000  # of its input, which waits in a pipe


class Started:
    """One that runs beside the test, as a Popen. said: a descriptor for all that it prints."""

    def __init__(self, *arguments: str, cwd: str | os.PathLike[str], env: Mapping[str, str], said: int) -> None:
        self.returncode: int | None = None
        nothing = os.open(os.devnull, os.O_RDONLY)
        self._line = _call(arguments, cwd, env, (nothing, said, said))
        os.close(nothing)
        self._answer = self._line.makefile()
        self.pid = int(self._answer.readline())

    def poll(self) -> int | None:
        """Its status, if it has ended."""
        if self.returncode is None and select.select([self._line], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its status, once it has ended. Errors: TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._line], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("depl", timeout or 0)
            self.returncode = int(self._answer.readline())
            self._answer.close()
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def depl(
    *arguments: str, cwd: str | os.PathLike[str], env: Mapping[str, str], input: bytes = b""
) -> subprocess.CompletedProcess[str]:
    """Call `depl`; what it printed, and its status. It is forked anew, whatever calls before did."""
    assert len(input) <= PIECE
    (its_in, into), (out, its_out), (err, its_err) = os.pipe(), os.pipe(), os.pipe()
    os.write(into, input)
    os.close(into)
    with _call(arguments, cwd, env, (its_in, its_out, its_err)) as line, line.makefile() as answer:
        for end in (its_in, its_out, its_err):
            os.close(end)
        said: dict[int, str] = {}
        reading = threading.Thread(target=lambda: said.update({err: _all_of(err)}))
        reading.start()
        said[out] = _all_of(out)
        reading.join()
        status = int(answer.read().split()[-1])
    return subprocess.CompletedProcess(["depl", *arguments], status, said[out], said[err])


def _call(
    arguments: Sequence[str], cwd: str | os.PathLike[str], env: Mapping[str, str], streams: Sequence[int]
) -> socket.socket:
    """The line on which its process comes, and then its status."""
    line = socket.socket(socket.AF_UNIX)
    line.connect(_parent(tuple(sorted(one for one in env.items() if one[0].startswith(AT_START)))))
    message = json.dumps([arguments, os.fspath(cwd), dict(env)]).encode()
    socket.send_fds(line, [struct.pack("!I", len(message))], streams)
    line.sendall(message)
    return line


def _all_of(end: int) -> str:
    with open(end, encoding="utf-8") as file:
        return file.read()


_parents: list[subprocess.Popen[bytes]] = []


@functools.cache
def _parent(variables: tuple[tuple[str, str], ...]) -> str:
    """Where a Python listens that was started with these variables. It ends with this process."""
    address = f"\0depl-t-forked-{os.getpid()}-{len(_parents)}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(AT_START)}
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(100)
        process = subprocess.Popen(
            [sys.executable, __file__, str(listening.fileno())],
            env=kept | dict(variables),
            pass_fds=[listening.fileno()],
            stdin=subprocess.PIPE,  # ends with this process
            stdout=subprocess.PIPE,  # as calls have it: Python asks once what kind of stream it has
            stderr=subprocess.PIPE,
        )
    _parents.append(process)
    return address


@atexit.register
def _end() -> None:
    for process in _parents:
        process.kill()
        process.communicate()


def serve(number: int) -> None:
    """Fork a process for each call; returns in those only, and each goes on as `depl`."""
    with socket.socket(fileno=number) as listening:
        line = _called(listening)
    received, ends, _, _ = socket.recv_fds(line, 4, 3)
    with line.makefile("rb") as file:
        arguments, directory, surroundings = json.loads(file.read(struct.unpack("!I", received)[0]))
    for stream, end in enumerate(ends):
        os.dup2(end, stream)
        os.close(end)
    if child := os.fork():
        line.sendall(f"{child}\n".encode())
        _wait(child, line)
    os.setsid()
    line.close()
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(surroundings)
    time.tzset()
    tempfile.tempdir = None
    sys.argv[:] = [str(SOURCE / "depl" / "__main__.py"), *arguments]
    sys.path[0] = os.getcwd()  # as of `python -m depl`


def _called(listening: socket.socket) -> socket.socket:
    """The line to who calls, in a new process."""
    while True:
        ready, _, _ = select.select([listening, 0], [], [])
        if 0 in ready:
            os._exit(0)  # who started this is gone
        line, _ = listening.accept()
        if os.fork() == 0:
            return line
        line.close()
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass


def _wait(child: int, line: socket.socket) -> NoReturn:
    """Tell the exit status, as subprocess has it, and end."""
    for stream in range(3):
        os.close(stream)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(OSError):  # nobody wants to know
        line.sendall(f"{status}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    import gc
    import importlib
    import pkgutil

    import depl as package
    from depl.cli.main import main
    from depl.remote.handshake import load_paramiko

    load_paramiko()
    for module in pkgutil.walk_packages(package.__path__, "depl."):
        if module.name.split(".")[1] in ROOMS:
            importlib.import_module(module.name)
    gc.freeze()  # what all of them share is not copied for looking at it
    serve(int(sys.argv[1]))
    main(prog_name="depl")
