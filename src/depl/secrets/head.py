"""The section [depl] of a file of secrets: for whom it is encrypted, and its own key."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence

from depl.errors import ConfigurationError, DeplError
from depl.secrets import lines
from depl.secrets.lines import COMMENT, ENTRY, SECTION, SETTINGS, Line
from depl.secrets.recipients import is_url, usable
from depl.secrets.sealed import PREFIX, content_of

FORMAT = "1"
KEYS = ("format", "recipients", "resolved", "public", "key")
RESTORE = "Take the file from version control as it was, or resolve the merge again."


class NotFetched(ConfigurationError):
    """The keys behind an address are not noted yet; to encrypt anew notes them."""


class Head:
    """The lines of the section, with the comment above it.

    recipients: as written. resolved: the keys behind each address. keys: all of them. key: the file's own, encrypted;
    None: there is none.
    """

    def __init__(self, found: list[Line], file: str) -> None:
        self.lines, self._file = found, file
        self.mistakes: list[DeplError] = []
        self.recipients: list[str] = []
        self.resolved: dict[str, list[str]] = {}
        self.keys: list[str] = []
        self.public = ""
        self.key: bytes | None = None
        if found:
            self._read()

    def line_of(self, key: str) -> int | None:
        """Where a key stands; the section, if it is missing."""
        return next((line.number for line in [self._entry(key), *self._sections] if line), None)

    def tell(self, recipients: Sequence[str], resolved: Mapping[str, Sequence[str]], public: str, key: bytes) -> None:
        """Write down who may read, and the keys; lines that stay as they are keep their bytes."""
        pins = [f"{url} {pin}" for url in recipients if is_url(url) for pin in resolved[url]]
        self._put("recipients", recipients)
        self._put("resolved", pins)
        self._put("public", public)
        self._put("key", base64.b64encode(key).decode())
        self._read()

    def _read(self) -> None:
        self.mistakes = []
        for line in self.lines:
            if line.kind == ENTRY and line.key not in KEYS:
                self._wrong(line, f"[depl] knows no key {line.key!r}", f"Known are {', '.join(KEYS)}.")
        version = self._entry("format")
        if version is None or version.text != FORMAT:
            said = f"has the format {version.text!r}" if version else "does not tell its format"
            self._wrong(
                version or self._sections[0], f"The file {said}; known is {FORMAT}", "Update depl, if it is newer."
            )
        self.recipients = [text for text, _ in self._items("recipients")]
        pins = self._pins()
        self.resolved = {url: [key for key, _ in keys] for url, keys in pins.items()}
        self.keys = list(dict.fromkeys(self._usable(pins)))
        public, key = self._entry("public"), self._entry("key")
        self.public = public.text if public else ""
        self.key = content_of(PREFIX + key.text) if key else None
        if key and self.key is None:
            self._wrong(key, "The value of 'key' in [depl] was changed or cut off: it is not base64", RESTORE)
        if self.recipients and not (public and key):
            line = public or key or self._entry("recipients") or self._sections[0]
            self._wrong(line, "[depl] has recipients, but not both of 'public' and 'key'", RESTORE)
        if key and not self.recipients:
            self._wrong(key, "[depl] has a key, but no recipients", RESTORE)

    def _pins(self) -> dict[str, list[tuple[str, int]]]:
        pins: dict[str, list[tuple[str, int]]] = {}
        for text, number in self._items("resolved"):
            url, _, pin = text.partition(" ")
            if url not in self.recipients:
                self._wrong(number, f"{url} is in 'resolved' of [depl], but not among the recipients", RESTORE)
            pins.setdefault(url, []).append((pin, number))
        return pins

    def _usable(self, pins: Mapping[str, Sequence[tuple[str, int]]]) -> Iterable[str]:
        for text, number in self._items("recipients"):
            if is_url(text) and text not in pins:
                message = f"The keys behind {text} are not in 'resolved' of [depl]"
                hint = "`depl secrets reencrypt` fetches them."
                self.mistakes.append(NotFetched(message, file=self._file, line=number, hint=hint))
                continue
            where = "resolved" if is_url(text) else "recipients"
            for key, line in pins[text] if is_url(text) else [(text, number)]:
                try:
                    yield usable(key)
                except ConfigurationError as error:
                    self._wrong(line, f"In {where!r} of [depl]: {error.message}", error.hint)

    def _items(self, key: str) -> list[tuple[str, int]]:
        """The lines of a list with their numbers."""
        line = self._entry(key)
        if line is None:
            return []
        pieces = [raw.strip() for raw in lines.physical(line.raw)]
        pieces[0] = line.text.split("\n")[0].strip()
        return [(text, line.number + n) for n, text in enumerate(pieces) if text and not text.startswith(("#", ";"))]

    def _entry(self, key: str) -> Line | None:
        return next((line for line in self.lines if line.kind == ENTRY and line.key == key), None)

    @property
    def _sections(self) -> list[Line]:
        return [line for line in self.lines if line.kind == SECTION]

    def _put(self, key: str, value: str | Sequence[str]) -> None:
        line = self._entry(key)
        if not value:
            self.lines = [other for other in self.lines if other is not line]
            return
        raw = self._raw(line, key, value)
        new = lines.read(f"[{SETTINGS}]\n{raw}", self._file)[0][1]
        if line is not None:
            line.raw, line.text = raw, new.text
        else:
            last = max(n for n, line in enumerate(self.lines) if line.kind != COMMENT)
            self.lines.insert(last + 1, new)

    def _raw(self, line: Line | None, key: str, value: str | Sequence[str]) -> str:
        """What is to stand in the file; of a list, items that stay keep their lines."""
        if isinstance(value, str):
            return line.raw if line and line.text == value else f"{key} = {value}\n"
        pieces = lines.physical(line.raw) if line and line.text.startswith("\n") else [f"{key} =\n"]
        items = [" ".join(piece.split()) for piece in pieces[1:]]
        kept = [
            raw for raw, item in zip(pieces[1:], items, strict=True) if not item or item[0] in "#;" or item in value
        ]
        kept = [raw if raw.endswith(("\n", "\r")) else f"{raw}\n" for raw in kept]
        return "".join([pieces[0], *kept, *(f"    {item}\n" for item in value if item not in items)])

    def _wrong(self, line: Line | int, message: str, hint: str) -> None:
        number = line.number if isinstance(line, Line) else line
        self.mistakes.append(ConfigurationError(message, file=self._file, line=number, hint=hint))


def split(found: list[Line]) -> tuple[list[Line], list[Line]]:
    """The lines of the head, if the file begins with one, and those of the secrets."""
    first = next((n for n, line in enumerate(found) if line.kind == SECTION), None)
    if first is None or found[first].section != SETTINGS:
        return [], found
    end = max(n for n, line in enumerate(found) if line.section == SETTINGS and line.kind != COMMENT) + 1
    while end < len(found) and found[end].kind == COMMENT and not found[end].text:
        end += 1
    return found[:end], found[end:]


def new_head(environment: str, file: str) -> Head:
    """The head of a new file."""
    about = f"# Secrets of the environment {environment}: each value is encrypted."
    text = f"{about} Change them by `depl secrets edit {environment}`.\n[{SETTINGS}]\nformat = {FORMAT}\n"
    return Head(lines.read(text, file)[0], file)


def checked_recipients(recipients: Sequence[str], resolved: Mapping[str, Sequence[str]]) -> tuple[list[str], list[str]]:
    """The recipients as they are written down, and the keys of all of them. Errors: ConfigurationError."""
    names = list(dict.fromkeys(" ".join(recipient.split()) for recipient in recipients))
    keys: list[str] = []
    for name in names:
        if is_url(name) and not resolved.get(name):
            raise ConfigurationError(f"The keys behind {name} were not fetched")
        keys += [usable(key) for key in resolved[name]] if is_url(name) else [usable(name)]
    if not keys:
        raise ConfigurationError("Nobody could read the secrets any more", hint="Add somebody else before.")
    return names, keys
