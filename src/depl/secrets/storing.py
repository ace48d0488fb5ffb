"""Files of secrets on the disk: read, locked, and replaced as a whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator, Mapping

from depl import ini
from depl.errors import ConfigurationError, DeplError, Locked
from depl.secrets import places
from depl.secrets.age_file import is_age_file

OF_BATOU = re.compile(rb"^\[batou\]", re.MULTILINE)
CONFLICT = re.compile(r"^(<{7}|={7}|>{7}|\|{7})(?=[ \r\n]|$)", re.MULTILINE)
PATIENCE = 1.0  # seconds; an edit takes longer


def content_of(path: str) -> bytes | None:
    """What is in a file; None: there is none. Errors: ConfigurationError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        if os.path.islink(path):  # a run without them would deploy something else
            raise ConfigurationError(f"The link leads to nothing: {os.readlink(path)}", file=path) from None
        return None
    except OSError as error:
        raise ConfigurationError(f"The file cannot be read: {error.strerror}", file=path) from None


def secret_files(directory: str) -> dict[str, bytes]:
    """What is in the secret files, as far as they can be read."""
    found = {}
    for name in places.secret_file_names(directory):
        with contextlib.suppress(ConfigurationError):
            found[name] = content_of(places.secret_file(directory, name)) or b""
    return found


def text_of(content: bytes | None, path: str, environment: str) -> tuple[str, list[DeplError]]:
    """The text of a file of values. If it is not one that could be read line by line, only why not."""
    if is_of_batou(content, path):
        names = [path] if content else places.of_batou(os.path.dirname(path))
        hint = f"`depl secrets import {environment}` takes it over."
        return "", [ConfigurationError(f"{os.path.basename(n)} is a file of batou's", file=n, hint=hint) for n in names]
    try:
        text = (content or b"").decode()
    except UnicodeDecodeError:
        return "", [*ini.parse(content or b"", path, quote=False).mistakes]
    conflict = CONFLICT.search(text)
    if conflict:
        message = f"The file has marks of a merge that is not done: {conflict[0]}"
        hint = "Keep one line of each name, and of [depl] `public` and `key` of one side; then `depl secrets check`."
        number = len(re.findall(r"\r\n|\r|\n", text[: conflict.start()])) + 1
        return "", [ConfigurationError(message, file=path, line=number, hint=hint)]
    return text, []


def is_of_batou(content: bytes | None, path: str) -> bool:
    """Whether batou wrote a file, or, where there is none, another one in its place."""
    if content is None:
        return bool(places.of_batou(os.path.dirname(path)))
    return is_age_file(content) or OF_BATOU.search(content) is not None


@contextlib.contextmanager
def locked(directory: str, environment: str) -> Iterator[None]:
    """Nobody else changes the secrets meanwhile: a kernel lock, so that the dead hold none. Errors: Locked."""
    made = not os.path.isdir(directory)
    try:
        os.makedirs(directory, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise DeplError(f"the secrets of {environment} cannot be locked: {error.strerror}", file=directory) from None
    try:
        if not _lock(descriptor):
            message = f"somebody else is editing the secrets of {environment}"
            raise Locked(message, file=directory, hint="Wait until it is done.")
        try:
            yield
        finally:
            if made:  # for the lock alone, if nothing is in it
                with contextlib.suppress(OSError):
                    os.rmdir(directory)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Take a kernel lock; a child that somebody who was killed had just forked keeps it for a moment."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.02)


def replace_all(contents: Mapping[str, bytes]) -> None:
    """Replace files by these, in this order: each is the old one or the new one at any moment. Errors: DeplError."""
    temporaries: dict[str, str] = {}
    try:
        for path, content in contents.items():
            target = os.path.realpath(path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            _remove_leftovers(os.path.dirname(target))
            temporaries[target] = _temporary(target)
            _write(temporaries[target], content, _mode(target))
        for target, temporary in temporaries.items():
            os.replace(temporary, target)
            _sync(os.path.dirname(target))
    except OSError as error:
        hint = "Each file is the old one or the new one, and all can be read. Mend that, and do it once more."
        raise DeplError(
            f"the secrets cannot be written: {error.strerror}", file=next(iter(contents)), hint=hint
        ) from None
    finally:
        for temporary in temporaries.values():
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _temporary(target: str) -> str:
    directory, name = os.path.split(target)
    return os.path.join(directory, f".{name}.{os.getpid()}.new")


def _remove_leftovers(directory: str) -> None:
    """Remove what writers left that were killed."""
    for name in os.listdir(directory):
        match = re.fullmatch(r"\.secret.*\.(\d+)\.new", name)
        if match and not _lives(int(match[1])):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(directory, name))


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _mode(target: str) -> int:
    try:
        return os.stat(target).st_mode & 0o777
    except FileNotFoundError:
        return 0o644


def _write(path: str, content: bytes, mode: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
