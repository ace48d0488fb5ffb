"""Files that are named after an environment: whatever its name is, one plain file in the directory for them."""

from __future__ import annotations

import re

LONGEST = 100  # characters: with what goes around it, a name fits on every disk


def file_name(environment: str) -> str:
    """The name of an environment's file; plain names are their own. It never begins with a dot."""
    name = re.sub(r"[^A-Za-z0-9._@+-]|^\.", _escaped, environment)
    if 0 < len(name) <= LONGEST:
        return name
    from hashlib import sha256

    return f"{name[: LONGEST // 2]}%{sha256(name.encode()).hexdigest()[:32]}"


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))
