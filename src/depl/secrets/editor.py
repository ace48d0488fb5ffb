"""A text in the user's editor, so that nothing of it is left anywhere and nothing that was typed is lost."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from depl.errors import DeplError
from depl.secrets.scratch import Scratch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# No swap file, no viminfo; the options after the user's own settings were read, in words that vim and nvim know.
VIM = ("-n", "-i", "NONE", "-c", "silent! set nobackup nowritebackup noundofile viminfo= patchmode= nomodeline")
NANO = ("-R",)  # restricted: no history, no backup, no spell checker, no other file
EMACS = ("--eval", "(setq-default make-backup-files nil auto-save-default nil create-lockfiles nil)")

Content = TypeVar("Content", bound="str | bytes")


class Editing(Generic[Content]):
    """A text that goes to the editor as often as it takes: each round begins with what the one before left.

    content: as it was when the editor ended last. suffix: how the file's name ends, for the editor's colours.
    """

    def __init__(self, content: Content, suffix: str = "", environ: Mapping[str, str] = os.environ) -> None:
        self.content: Content = content
        self._is_text = isinstance(content, str)
        self._environ = environ
        self._scratch = Scratch(environ)
        self._name = "secrets" + os.path.basename(suffix)
        self._path = ""

    def __enter__(self) -> Editing[Content]:
        self._scratch.__enter__()
        try:
            self._put()
        except BaseException:
            self._scratch.__exit__()
            raise
        return self

    def __exit__(self, *about: object) -> None:
        self._scratch.__exit__()

    def run(self) -> Content:
        """One round: what the user made of it. Errors: DeplError; what was typed stays for the next round."""
        command = _command(self._environ)
        status = _status([*command, self._path], self._surroundings(command[0]))
        typed = self._typed()
        if status:
            ended = f"with status {status}" if status > 0 else f"by {_signal(-status)}"
            raise DeplError(f"The editor ended {ended}")
        self.content = cast("Content", _decoded(typed) if self._is_text else typed)
        return self.content

    def _put(self) -> None:
        content: str | bytes = self.content
        try:
            self._path = self._scratch.write(self._name, content.encode() if isinstance(content, str) else content)
        except OSError as error:
            message = f"There is no room for the text to edit: {error.strerror}"
            raise DeplError(message, file=self._scratch.directory) from error

    def _surroundings(self, program: str) -> dict[str, str]:
        """The environment of the editor: its own temporary files belong here as well."""
        if os.path.basename(program).startswith("emacsclient"):
            return dict(self._environ)  # it looks for its server there
        return {**self._environ, "TMPDIR": self._scratch.directory}

    def _typed(self) -> bytes:
        """What the file holds; a file that the editor removed is put back as it was."""
        try:
            with open(self._path, "rb") as stream:
                return stream.read()
        except OSError as error:
            self._put()
            message = f"The editor left no file that can be read: {error.strerror}"
            raise DeplError(message) from error


def _command(environ: Mapping[str, str]) -> list[str]:
    """The user's editor with its arguments, made to leave nothing elsewhere where it is known how."""
    variable = next((name for name in ("EDITOR", "VISUAL") if environ.get(name, "").strip()), None)
    if variable is None and not sys.stdout.isatty():  # it would draw what is secret into the log of a CI job
        raise _no_editor("There is no terminal here for an editor")
    try:
        program, *arguments = shlex.split(environ[variable]) if variable else ["vi"]
    except ValueError as error:
        raise _no_editor(f"{variable} cannot be understood ({error}): {environ[variable or '']}") from None
    found = shutil.which(program, path=environ.get("PATH"))
    if found is None:
        raise _no_editor(f"The editor {program} cannot be found")
    return [found, *_discreet(found), *arguments]


def _discreet(program: str) -> tuple[str, ...]:
    names = (os.path.basename(program), os.path.basename(os.path.realpath(program)))
    if any(name.startswith(("vim", "nvim", "gvim", "rvim")) for name in names):
        return VIM
    if names[0] == "vi" and _calls_itself_vim(program):
        return VIM
    if any(name.startswith(("nano", "rnano")) for name in names):
        return NANO
    return EMACS if names[0] == "emacs" else ()


def _calls_itself_vim(program: str) -> bool:
    with suppress(OSError, subprocess.SubprocessError):
        about = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False
        )
        return about.stdout.startswith((b"VIM", b"NVIM"))
    return False


def _status(command: list[str], environ: Mapping[str, str]) -> int:
    with _deaf():
        try:
            return subprocess.run(command, env=environ, check=False).returncode
        except OSError as error:
            raise _no_editor(f"The editor {command[0]} cannot be started: {error.strerror}") from None


@contextmanager
def _deaf() -> Iterator[None]:
    """What Ctrl-C and its like mean is up to the editor, though the terminal signals them to all its processes."""
    numbers = (signal.SIGINT, signal.SIGQUIT) if threading.current_thread() is threading.main_thread() else ()
    # No SIG_IGN: the editor would inherit it.
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _decoded(typed: bytes) -> str:
    try:
        return typed.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = typed.count(b"\n", 0, error.start) + 1
        message = f"What the editor saved is not UTF-8 text (line {line})"
        raise DeplError(message, hint="Save it as UTF-8.") from None


def _no_editor(message: str) -> DeplError:
    return DeplError(message, hint="Let the variable EDITOR name your editor, or use `depl secrets set`.")
