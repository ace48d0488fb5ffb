"""What an age file tells without a key, and what it holds for those who have one."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Sequence

from depl.errors import DeplError

FIRST_LINE = b"age-encryption.org/v1"
BEGIN, END = b"-----BEGIN AGE ENCRYPTED FILE-----", b"-----END AGE ENCRYPTED FILE-----"
RESTORE = "Take the file from version control again, as it was."


def is_age_file(content: bytes) -> bool:
    """Whether it begins like one, binary or armoured."""
    return content.startswith(FIRST_LINE) or content.lstrip().startswith(BEGIN)


def addressees(content: bytes, what: str) -> list[tuple[str, str]]:
    """For whom a file is: (kind, tag) of each. The tag tells SSH keys (see `ssh_keys.tag`), and nothing else."""
    if not is_age_file(content):
        raise DeplError(f"{what} is not an age file", hint=RESTORE)
    lines = binary(content, what).split(b"\n---", 1)[0].split(b"\n")
    found = []
    for line in lines:
        words = line.decode("ascii", "replace").split(" ")
        if words[0] == "->" and len(words) > 1:
            found.append((words[1], words[2] if len(words) > 2 else ""))
    return found


def opened(content: bytes, identities: Sequence[Any], what: str) -> bytes | None:
    """The content, by whichever of the identities (pyrage's) fits; None: it is for none of them.

    DeplError: the file is damaged.
    """
    import pyrage

    if not identities:
        return None
    try:
        return bytes(pyrage.decrypt(binary(content, what), list(identities)))
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            return None
        raise damaged(what, str(error)) from None


def binary(content: bytes, what: str) -> bytes:
    """The file without its armour, if it has one."""
    if content.startswith(FIRST_LINE):
        return content
    armour = content.strip().removeprefix(BEGIN).removesuffix(END)
    try:
        return base64.b64decode(b"".join(armour.split()), validate=True)
    except binascii.Error:
        raise damaged(what, "its armour cannot be decoded") from None


def damaged(what: str, cause: str) -> DeplError:
    """The error for a file that is not what was written."""
    return DeplError(f"{what} is damaged ({cause.splitlines()[0].rstrip('.')})", hint=RESTORE)
