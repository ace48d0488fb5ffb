"""The values and comments of a file of secrets, encrypted one by one, between lines that stand in clear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from depl.errors import ConfigurationError, DeplError
from depl.secrets import plain
from depl.secrets.lines import COMMENT, ENTRY, SECTION, SETTINGS, Line, Place, mistakes_of_places
from depl.secrets.sealed import PREFIX, Ring, content_of

SEALED_COMMENT = f"# {PREFIX}"
BEGINNING = "YWdlLWVuY3J5cHRpb24"  # of every age file in base64
COMMENTS_HEADING = "#\n"  # no section is called like this
RESTORE = "Take the line from version control as it was, or set the value again."


class Body:
    """The lines behind the head. ring: what opens and seals them, once it is known."""

    def __init__(self, found: list[Line], file: str) -> None:
        self._file = file
        self.ring: Ring | None = None
        self._opened: dict[str, tuple[str, int]] = {}  # sealed -> text with its heading, how many keys ago
        self._saved = found  # what was changed and is changed back stands there as before
        self.lines = found

    @property
    def lines(self) -> list[Line]:
        return self._lines

    @lines.setter
    def lines(self, found: list[Line]) -> None:
        self._lines = found
        self.entries: dict[Place, Line] = {}
        for line in found:
            if line.kind == ENTRY:
                self.entries.setdefault(line.place, line)

    def mistakes(self) -> list[DeplError]:
        """What is wrong with what stands in clear."""
        unreadable = [error for line in self.lines if (error := self._unwritten(line))]
        return [*mistakes_of_places(self.lines, self._file), *unreadable]

    def damages(self) -> Iterator[DeplError]:
        """What is wrong with what is encrypted."""
        for line in self.lines:
            try:
                self.text(line)
            except DeplError as error:
                yield error

    def encrypted(self) -> list[Line]:
        """The lines that need a key."""
        return [line for line in self.lines if _sealed(line)]

    def text(self, line: Line) -> str:
        """A value, a command or a comment, in plain. Errors: ConfigurationError, with section and key."""
        error = self._unwritten(line)
        if error:
            raise error
        sealed = _sealed(line)
        if not sealed:
            return line.text
        opened = self._unsealed(line, sealed)[0]
        heading = _heading(line)
        if opened.startswith(heading):
            return opened[len(heading) :]
        message = f"{_name(line)} does not belong there: it was encrypted {_origin(opened)}"
        raise ConfigurationError(message, file=self._file, line=line.number, hint=RESTORE)

    def is_stale(self, line: Line) -> bool:
        """Whether it is encrypted for a former key."""
        sealed = _sealed(line)
        try:
            return bool(sealed) and self._unsealed(line, sealed)[1] > 0
        except DeplError:
            return False

    def plain_lines(self) -> list[Line]:
        """All lines with their texts in plain."""
        return [replace(line, text=self.text(line)) for line in self.lines]

    def take(self, wanted: Sequence[Line]) -> None:
        """Become these lines with plain texts; those that are equal to one that was there stay what they were."""
        kept: dict[tuple[str, str, str, str, bool], list[Line]] = {}
        saved = {id(line) for line in self._saved}
        since = [line for line in self.lines if id(line) not in saved]
        for line in [*self._saved, *since]:
            text = self._text_if_readable(line)
            if text is not None:
                kept.setdefault(_identity(replace(line, text=text)), []).append(line)
        self.lines = [
            kept[_identity(line)].pop(0) if kept.get(_identity(line)) else self._written(line) for line in wanted
        ]

    def set(self, place: Place, value: str, command: bool) -> None:
        """Give a place a value, in its line, at the end of its section or in a new section."""
        section, key = place
        line = self.entries.get(place)
        if line is not None and (line.command, self._text_if_readable(line)) == (command, value):
            return
        new = self._written(Line(ENTRY, "", section=section, key=key, text=value, command=command))
        if line is not None:
            self.lines = [new if other is line else other for other in self.lines]
            return
        in_section = [n for n, line in enumerate(self.lines) if line.section == section and line.kind != COMMENT]
        if in_section:
            end = in_section[-1] + 1
            self.lines = [*self.lines[:end], new, *self.lines[end:]]
            return
        gap = [Line(COMMENT, "\n")] if self.lines and self.lines[-1].raw.strip() else []
        self.lines = [*self.lines, *gap, self._written(Line(SECTION, "", section=section)), new]

    def remove(self, line: Line) -> None:
        """Take a value away; its section as well, if nothing else is in it."""
        rest = [other for other in self.lines if other is not line]
        if not any(other.section == line.section and other.kind != SECTION and other.text for other in rest):
            rest = [other for other in rest if other.section != line.section]
        self.lines = rest

    def seal_anew(self, ring: Ring) -> None:
        """Encrypt everything for a new key. Errors: ConfigurationError; then nothing has changed."""
        texts = [self.text(line) for line in self.lines]
        self.ring = ring
        self.lines = self._saved = [self._sealed_anew(*both) for both in zip(self.lines, texts, strict=True)]

    def _sealed_anew(self, line: Line, text: str) -> Line:
        sealed = _sealed(line)
        if not sealed:
            return line
        anew = self._seal(_heading(line), text)
        return replace(line, raw=line.raw.replace(sealed, anew), text=line.text.replace(sealed, anew))

    def _written(self, line: Line) -> Line:
        """A line with a plain text as it stands in the file."""
        if line.kind == SECTION:
            return replace(line, raw=f"[{line.section}]\n", text=line.section)
        if line.kind == COMMENT:
            text = f"# {self._seal(COMMENTS_HEADING, line.text)}" if line.text else ""
            return replace(line, raw=f"{text}\n", text=text)
        if line.command:
            return replace(line, raw=f"{line.key} = {plain.command_line(line.text)}\n")
        sealed = self._seal(_heading(line), line.text)
        return replace(line, raw=f"{line.key} = {sealed}\n", text=sealed)

    def _text_if_readable(self, line: Line) -> str | None:
        try:
            return self.text(line)
        except ConfigurationError:
            return None

    def needed_ring(self) -> Ring:
        """The ring. Errors: ConfigurationError, if nobody made one yet."""
        if self.ring is None:
            hint = "`depl secrets add RECIPIENT --environments ENV` says who may read it, and makes a key."
            message = "There is nobody yet for whom it could be encrypted"
            raise ConfigurationError(message, file=self._file, hint=hint)
        return self.ring

    def _seal(self, heading: str, text: str) -> str:
        sealed = self.needed_ring().seal(heading + text)
        self._opened[sealed] = heading + text, 0
        return sealed

    def _unsealed(self, line: Line, sealed: str) -> tuple[str, int]:
        if self.ring is None:
            raise ConfigurationError(f"{_name(line)} is encrypted, and not opened", file=self._file, line=line.number)
        if sealed not in self._opened:
            opened = self.ring.unseal(sealed)
            if opened is None:
                message = f"{_name(line)} was changed or cut off, or is encrypted for another key than that of the file"
                raise ConfigurationError(message, file=self._file, line=line.number, hint=RESTORE)
            self._opened[sealed] = opened
        return self._opened[sealed]

    def _unwritten(self, line: Line) -> ConfigurationError | None:
        """What is wrong with how a line is written; seen without a key."""
        sealed = _sealed(line)
        if sealed and content_of(sealed) is None:
            message, hint = f"{_name(line)} was changed or cut off: it is not base64", RESTORE
        elif line.kind == ENTRY and not sealed and not line.command:
            message = f"{_name(line)} is not encrypted"
            hint = "Remove the line and run `depl secrets edit`. If a secret stood there in clear, give it a new value."
        elif line.kind == COMMENT and not sealed and (PREFIX in line.text or BEGINNING in line.text):
            message = f"{_name(line)} holds something encrypted, but is not `# {PREFIX}...` alone"
            hint = RESTORE
        else:
            return None
        return ConfigurationError(message, file=self._file, line=line.number, hint=hint)


def _sealed(line: Line) -> str:
    """`age:BASE64` of a line; nothing, if it stands in clear."""
    if line.kind == COMMENT:
        return line.text[2:] if line.text.startswith(SEALED_COMMENT) else ""
    return line.text if line.kind == ENTRY and not line.command and line.text.startswith(PREFIX) else ""


def _heading(line: Line) -> str:
    return f"{line.section}\n{line.key}\n" if line.kind == ENTRY else COMMENTS_HEADING


def _name(line: Line) -> str:
    what = f"The value of {line.key!r}" if line.kind == ENTRY else "A comment"
    return f"{what} in [{line.section}]" if line.section not in ("", SETTINGS) else what


def _origin(opened: str) -> str:
    """For what a text was encrypted, as far as that is sure: a text of another form may begin with a secret."""
    section, _, rest = opened.partition("\n")
    key = rest.partition("\n")[0]
    if opened.startswith(COMMENTS_HEADING):
        return "as a comment"
    if section.startswith(("component:", "host:")) and len(section) + len(key) < 200:
        return f"as {key!r} of [{section}]"
    return "as something else"


def _identity(line: Line) -> tuple[str, str, str, str, bool]:
    text = "" if line.kind == SECTION else line.text
    return line.kind, line.section if line.kind != COMMENT else "", line.key, text, line.command
