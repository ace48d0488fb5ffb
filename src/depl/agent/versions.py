"""Running git and Mercurial: in English, without questions, and apart from whatever their caller is at work on."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from typing import IO, Dict, Iterator, Optional, Sequence

# What would lead git to another repository than the one in its directory: set in its hooks.
STRAY = ("HG", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
STRAY_TOO = ("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_CEILING_DIRECTORIES")
PATHSPECS = ("GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS")


class VersionControlFailed(Exception):
    """git or hg could not do what they should. is_missing: there is no such program."""

    def __init__(self, message: str, hint: str = "", is_missing: bool = False) -> None:
        super().__init__(message)
        self.hint, self.is_missing = hint, is_missing


def as_user() -> Dict[str, str]:
    """The variables for looking at a working copy: the user's settings count, say what is ignored everywhere.

    Whoever deploys from a directory trusts it, so it does not matter to whom it belongs.
    """
    environ = {name: value for name, value in os.environ.items() if name not in {*STRAY, *STRAY_TOO, *PATHSPECS}}
    count = int(environ.get("GIT_CONFIG_COUNT", "") or 0)
    environ.update({f"GIT_CONFIG_KEY_{count}": "safe.directory", f"GIT_CONFIG_VALUE_{count}": "*"})
    environ.update(GIT_CONFIG_COUNT=str(count + 1), GIT_OPTIONAL_LOCKS="0", GIT_TERMINAL_PROMPT="0")
    environ.update(HGPLAIN="1", HGENCODING="utf-8", LC_ALL="C", LANGUAGE="C")
    return environ


def neutral() -> Dict[str, str]:
    """The variables for working on a clone of our own: nobody's settings count."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "HG"))}
    environ.update(
        GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1", GIT_ATTR_NOSYSTEM="1", GIT_TERMINAL_PROMPT="0"
    )
    environ.update(GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*")
    environ.update(HGRCPATH="", HGPLAIN="1", HGENCODING="utf-8", LC_ALL="C", LANGUAGE="C")
    return environ


def run(command: Sequence[str], env: Dict[str, str], cwd: Optional[str] = None, input: bytes = b"") -> str:
    """What a command prints; names that are not UTF-8 survive. Errors: VersionControlFailed."""
    with opened(command, env, cwd, input) as stream:
        return os.fsdecode(stream.read())


@contextmanager
def opened(
    command: Sequence[str], env: Dict[str, str], cwd: Optional[str] = None, input: bytes = b""
) -> Iterator[IO[bytes]]:
    """What a command prints, while it does. Errors: VersionControlFailed, at the end where it failed."""
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as given:
        given.write(input)
        given.seek(0)
        try:
            process = subprocess.Popen(
                list(command), cwd=cwd, env=env, stdin=given, stdout=subprocess.PIPE, stderr=errors
            )
        except FileNotFoundError:
            name = {"hg": "Mercurial (hg)"}.get(command[0], command[0])
            hint = f"Install {name} there, or use `update_method = snapshot`."
            raise VersionControlFailed(f"{name} is not installed", hint, is_missing=True) from None
        assert process.stdout is not None
        try:
            yield process.stdout
        except BaseException:
            process.kill()
            raise
        finally:
            process.stdout.close()
            process.wait()
        if process.returncode:
            errors.seek(0)
            told = errors.read(4000).decode("utf-8", "replace").strip() or f"status {process.returncode}"
            raise VersionControlFailed(f"`{command[0]} {_verb(command)}` failed: {told}")


def _verb(command: Sequence[str]) -> str:
    """The subcommand, for messages."""
    skipped = {"-c", "-C", "-R", "--config", "--cwd"}
    words = iter(command[1:])
    for word in words:
        if word in skipped:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""
