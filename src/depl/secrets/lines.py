"""A file of secrets as its lines: what does not change is written again as it was read, byte by byte.

The grammar is that of depl.ini. No mistake quotes a line, as it may be a secret that stands where it does not belong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from depl import ini
from depl.errors import ConfigurationError, DeplError
from depl.overriding import is_qualified

SECTION, ENTRY, COMMENT = "section", "entry", "comment"  # an empty line is a comment without text
SETTINGS = "depl"  # the section that tells how the file is encrypted
COMMAND = re.compile(r"!command(?:\s+(?P<command>.*))?", re.DOTALL)

Place = tuple[str, str]  # ("component:guestbook", "password")


@dataclass
class Line:
    """A section, a key with its value (perhaps on several lines), a comment or an empty line.

    raw: what stands in the file. text: the value (command: without `!command`), or the comment with its sign.
    """

    kind: str
    raw: str = field(repr=False)
    number: int = 0
    section: str = ""  # "component:X", also where the file says [X]
    key: str = ""
    text: str = field(default="", repr=False)
    command: bool = False

    @property
    def place(self) -> Place:
        return self.section, self.key


def read(text: str, file: str) -> tuple[list[Line], list[DeplError]]:
    """The lines of a text, and what is wrong with it: as INI, and with commands."""
    parsed = ini.parse(text, file, quote=False)
    mistakes: list[DeplError] = [*parsed.mistakes]
    lines = list(_lines(text, parsed))
    for line in lines:
        if line.kind == SECTION and not line.raw.strip().endswith("]"):
            message = f"Something stands behind the name of the section [{line.text}]"
            mistakes.append(ConfigurationError(message, file=file, line=line.number, hint="Give it a line of its own."))
        if line.kind == ENTRY and line.section != SETTINGS:
            mistakes.extend(_mistakes_of_command(line, file))
    return lines, mistakes


def mistakes_of_places(lines: Iterable[Line], file: str) -> list[DeplError]:
    """What is wrong with sections and keys, where they are taken as places of secrets."""
    mistakes: list[DeplError] = []
    seen: dict[Place, int] = {}

    def wrong(line: Line, message: str, hint: str) -> None:
        mistakes.append(ConfigurationError(message, file=file, line=line.number, hint=hint))

    for line in lines:
        if line.kind == SECTION and not _is_known(line.section):
            wrong(line, f"The section [{line.text}] cannot hold secrets", "Known are [component:NAME] and [host:NAME].")
        elif line.kind == ENTRY and _is_known(line.section):
            why = _why_not(line.place)
            if why:
                wrong(line, f"A key in [{line.section}] is {why}", _keys_of(line.section))
            elif line.place in seen:
                message = f"The key {line.key!r} of [{line.section}] is there already, in line {seen[line.place]}"
                wrong(line, message, f"Remove one; [X] and [{line.section}] are the same.")
            seen.setdefault(line.place, line.number)
    return mistakes


def checked(place: Place) -> Place:
    """A place, if a file of secrets can hold it; the section may be written [X], too. Errors: ConfigurationError."""
    section, key = _section(place[0]), place[1]
    lines, mistakes = read(f"[{section}]\n{key} = 1\n", "")
    fits = [(line.kind, line.place) for line in lines] == [(SECTION, (section, "")), (ENTRY, (section, key))]
    if not fits or mistakes or not _is_known(section):
        message = f"[{section}] with the key {key!r} cannot stand in a file of secrets"
        raise ConfigurationError(message, hint="Say component:NAME or host:NAME, and a key.")
    why = _why_not((section, key))
    if why:
        raise ConfigurationError(f"The key {key!r} of [{section}] is {why}", hint=_keys_of(section))
    return section, key


def numbered(lines: Sequence[Line]) -> None:
    """Tell each line its number."""
    number = 1
    for line in lines:
        line.number = number
        number += len(physical(line.raw))


def physical(text: str) -> list[str]:
    """The lines of a text with their ends, as depl.ini counts them."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)


def _lines(text: str, parsed: ini.Ini) -> Iterator[Line]:
    pieces = physical(text)
    entries = {entry.line: entry for section in parsed.sections.values() for entry in section.entries.values()}
    section, number = "", 1
    while number <= len(pieces):
        raw = pieces[number - 1]
        entry, content, header = entries.get(number), raw.strip(), ini.HEADER.match(raw.strip())
        if entry:
            raw = "".join(pieces[number - 1 : entry.lines[-1]])
            match = COMMAND.fullmatch(entry.value)
            value = (match["command"] or "").strip() if match else entry.value
            yield Line(ENTRY, raw, number, section, entry.key, value, match is not None)
        elif not content or content.startswith(ini.COMMENTS):
            yield Line(COMMENT, raw, number, section, "", content)
        elif header:
            section = _section(header["name"])
            yield Line(SECTION, raw, number, section, "", header["name"])
        number += len(physical(raw))


def _mistakes_of_command(line: Line, file: str) -> Iterator[DeplError]:
    where = f"{line.key!r} in [{line.section}]"
    if line.command and not line.text:
        hint = "Write `!command` and a command that prints the value."
        yield ConfigurationError(f"{where} has no command", file=file, line=line.number, hint=hint)
    elif line.command and not line.text.isprintable():
        hint = "Write a script, and call it."
        message = f"The command of {where} is not a single line of printable text"
        yield ConfigurationError(message, file=file, line=line.number, hint=hint)


def _section(name: str) -> str:
    kind, colon, rest = name.partition(":")
    if not colon:
        return name if name in (SETTINGS, "batou") else f"component:{name.strip()}"
    return f"{kind.strip()}:{rest.strip()}"


def _is_known(section: str) -> bool:
    kind, _, name = section.partition(":")
    return kind in ("component", "host") and bool(name)


def _why_not(place: Place) -> str:
    section, key = place
    if section.startswith("component:"):
        return "" if key.isidentifier() else "not the name of an attribute"
    if (key.startswith("data-") and key != "data-") or is_qualified(key):
        return ""
    return "neither data-KEY nor COMPONENT.ATTRIBUTE"


def _keys_of(section: str) -> str:
    if section.startswith("component:"):
        return "Write ATTRIBUTE = VALUE; indent further lines of a value."
    return "Write data-KEY or COMPONENT.ATTRIBUTE; indent further lines of a value."
