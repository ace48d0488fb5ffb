"""The key that form tokens are made with: kept in a file, so that open pages outlive the process."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress

from depl.change.private import make_private
from depl.errors import ConfigurationError

LENGTH = 32  # bytes
USUAL = os.path.join(".depl", "web.key")


def secret_key(base: str, file: str | None) -> bytes:
    """The key of a project, made once if there is none. file: another one than usual. Errors: ConfigurationError."""
    path = os.path.join(base, os.path.expanduser(file or USUAL))
    try:
        if not os.path.lexists(path):
            _make(path)
        return _read(path)
    except OSError as error:
        raise ConfigurationError(
            f"The secret key {path} cannot be used: {error.strerror}",
            hint="Mend the rights of its directory, or name another `secret_key_file` in [web] of depl.cfg.",
        ) from error


def _make(path: str) -> None:
    """As a whole and for its owner only, from its first moment; whoever is quicker wins."""
    make_private(os.path.dirname(path))
    new = f"{path}.{os.getpid()}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(secrets.token_hex(LENGTH) + "\n")
        with suppress(FileExistsError):
            os.link(new, path)
    finally:
        os.unlink(new)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        mode, content = stat.S_IMODE(os.fstat(file.fileno()).st_mode), file.read(4096).strip()
    if mode & 0o077:
        hint = f"Whoever read it could forge forms: remove it, and the next start makes another; or chmod 600 {path}."
        raise ConfigurationError(f"The secret key {path} may be read by others (mode {mode:04o})", hint=hint)
    if len(content) < LENGTH:
        hint = "Remove it; the next start makes another."
        raise ConfigurationError(f"The secret key {path} has fewer than {LENGTH} bytes", hint=hint)
    return content
