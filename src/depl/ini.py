"""INI files whose every section and key knows its line.

The grammar is that of Python's RawConfigParser (strict, no interpolation, case-sensitive keys, blank and comment lines
within indented values, no inline comments, `=` and `:` delimit), but there is no DEFAULT section, and a file is read to
its end: all mistakes are collected, and the first of two equal sections or keys counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Iterator, Optional, Union

from depl.errors import ConfigurationError

HEADER = re.compile(r"\[(?P<name>.+)\]")
DELIMITER = re.compile(r"[=:]")
COMMENTS = ("#", ";")


@dataclass(frozen=True)
class Entry:
    """A key with its value. lines: the numbers of the lines that the value's lines stand on."""

    key: str
    value: str
    file: str
    lines: tuple[int, ...]

    @property
    def line(self) -> int:
        """The line of the key."""
        return self.lines[0]

    def items(self) -> Iterator[tuple[str, int]]:
        """The items of a list, each with its line; separated by commas, new lines or both.

        A comma at the end of a line separates once; an item between two commas is yielded as an empty text.
        """
        for text, line in zip(self.value.split("\n"), self.lines):
            for item in text[: -1 if text.endswith(",") else None].split(",") if text else ():
                yield item.strip(), line


@dataclass
class Section:
    """A section with its entries, in the order of the file."""

    name: str
    file: str
    line: int
    entries: dict[str, Entry] = field(default_factory=dict)

    def get(self, key: str) -> Optional[Entry]:
        """The entry of a key, None if there is none."""
        return self.entries.get(key)


@dataclass
class Ini:
    """A parsed file: its sections in order, and what is wrong with it."""

    file: str
    sections: dict[str, Section] = field(default_factory=dict)
    mistakes: list[ConfigurationError] = field(default_factory=list)

    def entries(self, section: str) -> dict[str, Entry]:
        """The entries of a section, none if there is no such section."""
        found = self.sections.get(section)
        return found.entries if found else {}


def read(path: str) -> Ini:
    """Parse a file. One that cannot be read or decoded is a mistake like any other."""
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError as error:
        unreadable = ConfigurationError(f"The file cannot be read: {error.strerror}", file=path)
        return Ini(path, mistakes=[unreadable])
    return parse(content, path)


def parse(content: Union[str, bytes], file: str, *, quote: bool = True) -> Ini:
    """Parse a text; `file` is the name that mistakes bear. quote: whether they may show lines."""
    ini = Ini(file)
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
    except UnicodeDecodeError as error:
        number = error.object.count(b"\n", 0, error.start) + 1
        message = "The file is not UTF-8 text"
        ini.mistakes.append(ConfigurationError(message, file=file, line=number, hint="Save it as UTF-8."))
        return ini
    reader = _Reader(ini, quote)
    for number, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        reader.feed(number, line)
    reader.end_value()
    return ini


class _Reader:
    """What is known between two lines: the section, the value that may go on, its indentation."""

    def __init__(self, ini: Ini, quote: bool) -> None:
        self._ini, self._quote = ini, quote
        self._section: Optional[Section] = None
        self._key: Optional[str] = None  # None: an indented line begins something new
        self._keep = True  # False: the value belongs to a key that is a mistake
        self._value: list[str] = []
        self._lines: list[int] = []
        self._indent = 0

    def feed(self, number: int, line: str) -> None:
        text = line.strip()
        if text.startswith(COMMENTS):
            return
        if not text:
            self._continue(number, "")
            return
        indent = len(line) - len(line.lstrip())
        if self._key is not None and indent > self._indent:
            self._continue(number, text)
            return
        self.end_value()
        self._indent = indent
        header = HEADER.match(text)
        if header:
            self._begin_section(number, header["name"])
        elif self._section is None:
            self._begin_value(number, "", "", keep=False)
            if not self._ini.mistakes:
                hint = "Move it into the section that it belongs to."
                self._mistake(number, f"{self._shown(text)} stands before the first section, such as [hosts]", hint)
        else:
            self._key_line(number, text, self._section)

    def end_value(self) -> None:
        """Keep the value that has been read so far."""
        if self._section is not None and self._key is not None and self._keep:
            value = "\n".join(self._value).rstrip()
            lines = tuple(self._lines[: value.count("\n") + 1])
            self._section.entries[self._key] = Entry(self._key, value, self._ini.file, lines)
        self._key = None

    def _key_line(self, number: int, text: str, section: Section) -> None:
        delimiter = DELIMITER.search(text)
        key = text[: delimiter.start()].rstrip() if delimiter else ""
        if not delimiter:
            hint = "Write `key = value`, or indent the line if it continues the value above."
            self._mistake(number, f"{self._shown(text)} in [{section.name}] is neither a section nor a key", hint)
        elif not key:
            hint = "Write `key = value`."
            self._mistake(number, f"{self._shown(text)} in [{section.name}] has no key before {delimiter[0]!r}", hint)
        elif key in section.entries:
            first = section.entries[key].line
            self._mistake(
                number, f"The key {key!r} in [{section.name}] is there already, in line {first}", "Remove one."
            )
        value = text[delimiter.end() :].strip() if delimiter else ""
        self._begin_value(number, key, value, keep=bool(key) and key not in section.entries)

    def _begin_section(self, number: int, name: str) -> None:
        known = self._ini.sections.get(name)
        if known:
            self._mistake(number, f"The section [{name}] is there already, in line {known.line}", "Join the two.")
        self._section = self._ini.sections.setdefault(name, Section(name, self._ini.file, number))

    def _begin_value(self, number: int, key: str, value: str, keep: bool) -> None:
        self._key, self._keep = key, keep
        self._value, self._lines = [value], [number]

    def _continue(self, number: int, text: str) -> None:
        self._value.append(text)
        self._lines.append(number)

    def _shown(self, text: str) -> str:
        return f"The line {text!r}" if self._quote else "The line"

    def _mistake(self, number: int, message: str, hint: Optional[str] = None) -> None:
        self._ini.mistakes.append(ConfigurationError(message, file=self._ini.file, line=number, hint=hint))
