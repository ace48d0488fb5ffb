"""Values from outside stores: `!command pass show ...` runs here, once a run, and what it prints is the value."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable

from depl.errors import ConfigurationError

PATIENCE = 60  # seconds, where nobody is there who could be asked for anything


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
    try:
        done = subprocess.run(  # noqa: S602 it is written for a shell
            command,
            shell=True,
            cwd=directory,
            stdin=None if somebody else subprocess.DEVNULL,
            capture_output=True,
            timeout=None if somebody else PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _failed(command, f"did not end within {PATIENCE} s, and nobody is here to answer its questions")
    if done.returncode:
        said = " | ".join(done.stderr.decode("utf-8", "replace").strip().splitlines()[-5:])
        return _failed(command, f"ended with status {done.returncode}" + (f": {said}" if said else ""))
    try:
        value = done.stdout.decode()
    except UnicodeDecodeError:
        return _failed(command, "printed what is no UTF-8 text")
    value = value.removesuffix("\n").removesuffix("\r")
    return value or _failed(command, "printed nothing")


def _failed(command: str, what: str) -> ConfigurationError:
    return ConfigurationError(f"The command `{command}` for a secret {what}", hint="Run it by hand in the project.")
