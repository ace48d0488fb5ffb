"""The form in which secrets are edited: INI with plain values.

A value that INI would not carry unchanged is written `!text "JSON string"`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from depl import ini
from depl.errors import ConfigurationError, DeplError
from depl.secrets import lines
from depl.secrets.lines import COMMENT, ENTRY, SECTION, Line

PASTED = re.compile(r"(?=.*[A-Z0-9])[A-Za-z0-9+/]{24,}")  # the end of something in base64, before its equals signs
SPECIAL = re.compile(r"!(command|text)(\s|$)")


def read(text: str, file: str) -> tuple[list[Line], list[DeplError]]:
    """The lines of an edited text, with plain values; and all that is wrong with it."""
    found, mistakes = lines.read(text.removeprefix("\ufeff"), file)
    mistakes += lines.mistakes_of_places(found, file)
    result = []
    for line in found:
        result.append(line)
        if line.kind == ENTRY:
            result.extend(_comments_within(line))
            if line.text in ("", "=") and PASTED.fullmatch(line.key):
                message = (
                    f"A line in [{line.section}] looks like the end of a value, not like a key"  # it may be secret
                )
                hint = "Indent it, if it continues the value above."
                mistakes.append(ConfigurationError(message, file=file, line=line.number, hint=hint))
            if not line.command and re.match(r"!text(\s|$)", line.text):
                value = _unquoted(line.text)
                if value is None:
                    where = f"{line.key!r} in [{line.section}]"
                    message = f'The value of {where} begins with !text, but no "JSON string" follows'
                    hint = 'Write it like !text "two\\nlines", or leave !text out.'
                    mistakes.append(ConfigurationError(message, file=file, line=line.number, hint=hint))
                line.text = value or ""
    return result, mistakes


def written(found: Iterable[Line]) -> str:
    """The text of lines with plain values."""
    return "".join(_written(line) for line in found)


def command_line(command: str) -> str:
    """How a command stands as a value. ConfigurationError: it cannot."""
    value = f"!command {command}"
    if not command.strip() or not command.isprintable() or not _carries(value):
        hint = "Write a script, and call it."
        raise ConfigurationError("A command must be a single line of printable text", hint=hint)
    return value


def _comments_within(line: Line) -> Iterator[Line]:
    """Comments between the lines of a value; they follow it from now on."""
    for raw in lines.physical(line.raw)[1:]:
        if raw.strip().startswith(ini.COMMENTS):
            yield replace(line, kind=COMMENT, raw=raw, key="", text=raw.strip(), command=False)


def _unquoted(text: str) -> str | None:
    try:
        value = json.loads(text.removeprefix("!text"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def _written(line: Line) -> str:
    if line.kind == SECTION:
        return f"[{line.text}]\n"
    if line.kind == COMMENT:
        return f"{line.text}\n"
    return _entry(line.key, f"!command {line.text}" if line.command else _quoted_if_needed(line.text))


def _quoted_if_needed(value: str) -> str:
    if not SPECIAL.match(value) and value.replace("\n", "").isprintable() and _carries(value):
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return f"!text {quoted if quoted.isprintable() else json.dumps(value)}"


def _carries(value: str) -> bool:
    """Whether INI gives a value back as it was."""
    parsed = ini.parse(f"[a]\n{_entry('a', value)}b =\n", "", quote=False)
    entry = parsed.sections["a"].get("a")
    return not parsed.mistakes and entry is not None and entry.value == value


def _entry(key: str, value: str) -> str:
    first, *others = value.split("\n")
    return "".join([f"{key} = {first}".rstrip(" ") + "\n", *(f"    {line}\n" if line else "\n" for line in others)])
