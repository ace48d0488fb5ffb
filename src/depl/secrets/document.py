"""A file of values as a whole: its head, its body, what is wrong with it, and how it is written again."""

from __future__ import annotations

import re

from depl.errors import ConfigurationError, DeplError, Mistakes
from depl.secrets import lines, storing
from depl.secrets.body import Body
from depl.secrets.head import RESTORE, Head, new_head, split
from depl.secrets.identities import Identities
from depl.secrets.lines import COMMENT, Line
from depl.secrets.sealed import Ring, Slot

BYTE_ORDER_MARK = "\ufeff"


class Document:
    """What stands in a file of values.

    content: None, if there is no file. replaces_batou: a file of batou's counts as none.
    """

    def __init__(self, content: bytes | None, path: str, environment: str, *, replaces_batou: bool = False) -> None:
        self.path, self._environment = path, environment
        text, self.unreadable = storing.text_of(content, path, environment)
        if replaces_batou and storing.is_of_batou(content, path):
            self.unreadable = []
        self._is_new = not text
        self._mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""
        found, self._not_understood = lines.read(text.removeprefix(BYTE_ORDER_MARK), path)
        self._line_ends = "\r\n" if found and found[0].raw.endswith("\r\n") else "\n"
        head, body = split(found)
        self._had_body = bool(body)
        self.head, self.body = Head(head, path), Body(body, path)

    def mistakes(self) -> list[DeplError]:
        """All that is wrong with what stands in clear."""
        found: list[DeplError] = [*self.unreadable, *self._not_understood, *self.head.mistakes, *self.body.mistakes()]
        if self.body.encrypted() and self.head.key is None and not self.head.mistakes:
            found.append(self.without_key())
        return found

    def without_key(self) -> ConfigurationError:
        """The mistake that there is nothing to open the values with."""
        line = self.body.encrypted()[0].number
        message = "There are encrypted values, but no key in [depl]"
        return ConfigurationError(message, file=self.path, line=line, hint=RESTORE)

    def ring(self, identities: Identities | None, name: str) -> Ring | None:
        """What opens the values; None: nothing is encrypted. Errors: DeplError.

        identities: None, for what only encrypts. name: of the file, for messages.
        """
        if self.unreadable:
            raise Mistakes(self.unreadable)
        if self.head.key is None:
            if self.body.encrypted():
                raise self.head.mistakes[0] if self.head.mistakes else self.without_key()
            return None
        if identities is None:
            return Slot.of(self.head.public, self.head.keys)
        try:
            content = identities.decrypted(
                self.head.key, self.head.keys, f"'key' in [depl] of {name}", self._environment, name
            )
        except DeplError as error:
            error.file, error.line = error.file or self.path, error.line or self.head.line_of("key")
            raise
        ring = Ring.from_json(content)
        if ring is None:
            raise self._wrong("key", "'key' in [depl] holds something else than the key of the file", RESTORE)
        if ring.public != self.head.public:
            raise self._wrong("public", "'public' in [depl] does not belong to 'key'", RESTORE)
        return ring

    def other_recipients(self) -> ConfigurationError:
        """The mistake that recipients stand there for whom the file is not encrypted."""
        message = "The 'recipients' in [depl] are not those for whom the file is encrypted"
        hint = f"`depl secrets reencrypt --environments {self._environment}`, if you meant it."
        return self._wrong("recipients", message, hint)

    def check_understood(self) -> None:
        """Errors: Mistakes, where something would get lost if the file was written again."""
        if self.unreadable or self._not_understood:
            raise Mistakes([*self.unreadable, *self._not_understood])

    def make_head(self) -> None:
        """Begin with a head, if there is none yet."""
        if not self.head.lines:
            self.head = new_head(self._environment, self.path)

    def settle(self) -> None:
        """Bring changed lines into the form in which they are written."""
        if self._is_new and self.body.lines:
            self.make_head()
        head, body = self.head.lines, self.body.lines
        if head and body and not self._had_body and head[-1].raw.strip() and body[0].raw.strip():
            head.append(Line(COMMENT, "\n"))
        for line in [*head, *body][:-1]:
            line.raw += "" if line.raw.endswith(("\n", "\r")) else "\n"
        for line in [*head, *body]:
            line.raw = line.raw if self._line_ends == "\n" else re.sub("(?<!\r)\n", "\r\n", line.raw)
        lines.numbered([*head, *body])

    def rendered(self) -> bytes:
        """The file as it is to be."""
        return (self._mark + "".join(line.raw for line in [*self.head.lines, *self.body.lines])).encode()

    def _wrong(self, key: str, message: str, hint: str) -> ConfigurationError:
        return ConfigurationError(message, file=self.path, line=self.head.line_of(key), hint=hint)
