"""Values from outside stores: `!command pass show ...` runs here, once a run, and what it prints is the value."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from depl.errors import ConfigurationError

PATIENCE = 60  # seconds, where nobody is there who could be asked for anything
QUIET = 3  # seconds after which somebody who is there is told what is waited for


def outputs(commands: Iterable[str], directory: str) -> Callable[[str], str]:
    """Run commands, each once, in a directory; what gives the output of each, less the newline at its end.

    Errors (of what is returned): ConfigurationError for one that failed.
    """
    results = {command: _result(command, directory) for command in dict.fromkeys(commands)}

    def output(command: str) -> str:
        result = results[command]
        if isinstance(result, ConfigurationError):
            raise ConfigurationError(result.message, hint=result.hint)
        return result

    return output


def _result(command: str, directory: str) -> str | ConfigurationError:
    somebody = sys.stdin is not None and sys.stdin.isatty()
    process = subprocess.Popen(  # noqa: S602 it is written for a shell
        command,
        shell=True,
        cwd=directory,
        stdin=None if somebody else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=not somebody,  # it may ask at the terminal; else all that it started can be ended
    )
    with process, _announced(command if somebody else ""):
        try:
            stdout, stderr = process.communicate(timeout=None if somebody else PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return _failed(command, f"did not end within {PATIENCE} s, and nobody is here to answer its questions")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        said = " | ".join(stderr.decode("utf-8", "replace").strip().splitlines()[-5:])
        return _failed(command, f"ended with status {process.returncode}" + (f": {said}" if said else ""))
    try:
        value = stdout.decode()
    except UnicodeDecodeError:
        return _failed(command, "printed what is no UTF-8 text")
    value = value.removesuffix("\n").removesuffix("\r")
    return value or _failed(command, "printed nothing")


@contextmanager
def _announced(command: str) -> Iterator[None]:
    """Say what is waited for, if it takes its time: its own questions may not be seen."""
    timer = threading.Timer(QUIET, sys.stderr.write, [f"waiting for `{command}`, which gives a secret\n"])
    timer.daemon = True
    if command:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _failed(command: str, what: str) -> ConfigurationError:
    return ConfigurationError(f"The command `{command}` for a secret {what}", hint="Run it by hand in the project.")
