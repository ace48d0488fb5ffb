"""The secrets of an environment as they lie in the project; readable once they are opened.

What stands in clear is read without any cryptography. Changes are kept until save(). Lines that do not change keep
their bytes, so that the difference between two versions shows what changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from depl.errors import ConfigurationError, DeplError, Locked, Mistakes
from depl.secrets import lines, places, plain, storing
from depl.secrets.body import Body
from depl.secrets.document import Document
from depl.secrets.head import checked_recipients
from depl.secrets.identities import Identities
from depl.secrets.lines import Line, Place
from depl.secrets.recipients import encrypted
from depl.secrets.sealed import Ring, digest
from depl.settings import did_you_mean

__all__ = ["Place", "Vault"]


class Vault:
    """The secrets of an environment. replaces_batou: where there are files of batou's, it is as if there were none.

    mistakes: what is wrong with what stands in clear, with its lines; open() adds what can only be seen then.
    """

    def __init__(self, base_dir: str, environment: str, *, replaces_batou: bool = False) -> None:
        self.environment, self._base_dir = environment, os.path.abspath(base_dir)
        self.directory = places.directory(base_dir, environment)
        self.path = os.path.join(self.directory, places.FILE)
        self._replaces_batou = replaces_batou
        self._identities: Identities | None = None
        self._new_files: dict[str, tuple[bytes, bytes]] = {}  # name -> encrypted, plain
        self._content: bytes | None
        self._document: Document
        self._others: ConfigurationError | None = None  # the recipients are not those of the key
        self._read()

    @property
    def exists(self) -> bool:
        """Whether there is a file of values; there may be secret files without."""
        return self._content is not None

    @property
    def recipients(self) -> list[str]:
        """Who may read, as written: a key, perhaps with a name, or an https address."""
        return list(self._document.head.recipients)

    @property
    def resolved(self) -> dict[str, list[str]]:
        """The keys behind each address, as they were when they were fetched."""
        return {url: list(keys) for url, keys in self._document.head.resolved.items()}

    @property
    def keys(self) -> list[str]:
        """The keys of all who may read."""
        return list(self._document.head.keys)

    @property
    def places(self) -> Mapping[Place, int]:
        """Where there are values and commands: (section, key) -> line, in order."""
        return {place: line.number for place, line in self._body.entries.items()}

    @property
    def files(self) -> list[str]:
        """The NAMEs of the secret files."""
        return sorted({*places.secret_file_names(self.directory), *self._new_files})

    @property
    def stale(self) -> list[Place]:
        """Values that are encrypted for a former key of the file (a merge of branches): `reencrypt` is due."""
        return [place for place, line in self._body.entries.items() if self._body.is_stale(line)]

    @property
    def stale_files(self) -> list[str]:
        """The same, of secret files."""
        ring = self._body.ring
        return [name for name in self.files if ring and (ring.decrypted(self._lying(name) or b"") or (b"", 0))[1] > 0]

    @property
    def mask_key(self) -> bytes:
        """The key of the hashes in masks; empty where nothing is encrypted."""
        return self._body.ring.mask if self._body.ring else b""

    def command(self, place: Place) -> str | None:
        """The command that prints the value; None: it is encrypted here."""
        line = self._body.entries.get(place)
        return line.text if line and line.command else None

    def open(self, identities: Identities | None) -> None:
        """Make everything readable; None: just set() and remove() work then. Errors: DeplError, if no identity fits."""
        self._identities = identities
        self._body.ring = self._document.ring(identities, os.path.relpath(self.path, self._base_dir))
        if self._body.ring and self._body.ring.recipients != digest(self.keys) and self._others is None:
            self._others = self._document.other_recipients()
            self.mistakes.append(self._others)

    def value(self, place: Place) -> str:
        """A value; not for commands. Errors: ConfigurationError, with file, line, section and key."""
        return self._body.text(self._line(place))

    def file(self, name: str) -> bytes:
        """The content of a secret file. Errors: DeplError."""
        if name in self._new_files:
            return self._new_files[name][1]
        path, content = places.secret_file(self.directory, name), self._lying(name)
        if content is None:
            raise ConfigurationError(f"There is no secret file {name!r} in {self.environment}", file=path)
        opened = self._body.ring.decrypted(content) if self._body.ring else None
        if opened:
            return opened[0]
        if self._identities is None:
            raise ConfigurationError(f"The secret file {name!r} was not opened", file=path)
        try:
            return self._identities.decrypted(content, (), f"the secret file {name}", self.environment)
        except DeplError as error:
            error.file = error.file or path
            raise

    def damages(self) -> list[DeplError]:
        """What is wrong with values, comments and files; once they are opened."""
        found = list(self._body.damages())
        for name in self.files:
            try:
                self.file(name)
            except DeplError as error:
                found.append(error)
        return found

    def text(self) -> str:
        """All values, commands and comments in the form to edit. Errors: ConfigurationError."""
        self._check_ready()
        return plain.written(self._body.plain_lines())

    def take(self, text: str, file: str = "") -> None:
        """Become what an edited text says; equal values keep their encrypted lines.

        file: how mistakes call the text. Errors: Mistakes; then nothing has changed.
        """
        found, mistakes = plain.read(text, file or f"secrets of {self.environment}")
        if mistakes:
            raise Mistakes(mistakes)
        self._check_ready()
        self._body.take(found)
        self._settle()

    def set(self, place: Place, value: str, command: bool = False) -> None:
        """Set a value, or the command that prints it."""
        self._check_ready()
        self._body.set(lines.checked(place), value, command)
        self._settle()

    def remove(self, place: Place) -> None:
        """Remove a value or a command."""
        self._check_ready()
        self._body.remove(self._line(place))
        self._settle()

    def set_file(self, name: str, content: bytes) -> None:
        """Set the content of a secret file."""
        if not name or not name.isprintable() or "/" in name:
            raise ConfigurationError(f"{name!r} cannot be the name of a secret file")
        self._check_ready()
        with suppress(DeplError):
            if self.file(name) == content:
                return
        self._new_files[name] = self._body.needed_ring().encrypted(content), content

    def set_recipients(self, lines: Sequence[str], resolved: Mapping[str, Sequence[str]], rotate: bool) -> None:
        """Say who may read; makes a file where there is none.

        lines: keys, perhaps with names, and https addresses. resolved: the keys behind each address. rotate: all is
        encrypted anew for a new key, so that who is no recipient any more cannot read what is written from now on.
        """
        self._check_ready()
        recipients, keys = checked_recipients(lines, resolved)
        former = self._body.ring
        if self._others is not None and not rotate:
            raise self._others
        lying = [self._lying(name) or b"" for name in self.files]
        ring = Ring.new(keys, former, lying) if rotate or former is None else replace(former, recipients=digest(keys))
        sealed_key = encrypted(ring.to_json(), keys)
        if former and rotate:
            files = {name: self.file(name) for name in self.files}
            self._body.seal_anew(ring)
            self._new_files = {name: (ring.encrypted(content), content) for name, content in files.items()}
        self._body.ring = ring
        self._document.make_head()
        self._document.head.tell(recipients, resolved, ring.public, sealed_key)
        self._others = None
        self._settle()

    def save(self) -> bool:
        """Write what changed: each file is the old one or the new one at any moment, and all can be read together.

        False: nothing changed, nothing was written. Errors: DeplError; Locked, if a file changed meanwhile.
        """
        content = self._document.rendered()
        contents = {self.path: content} if content != (self._content or b"") else {}  # first: it has the former keys
        for name, (sealed, _) in self._new_files.items():
            contents[places.secret_file(self.directory, name)] = sealed
        if not contents:
            return False
        self._check_unchanged()
        storing.replace_all(contents)
        self._content = storing.content_of(self.path)
        self._lay, self._new_files = storing.secret_files(self.directory), {}
        return True

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes these secrets meanwhile; what changed before is read again. Errors: Locked, at once."""
        with storing.locked(self.directory, self.environment):
            if self._identities is not None or self._new_files or self._document.rendered() != (self._content or b""):
                self._check_unchanged()
            else:
                self._read()
            yield

    def _read(self) -> None:
        self._lay = storing.secret_files(self.directory)  # first, as they are written last: the key of each is known
        self._content = storing.content_of(self.path)
        self._document = Document(self._content, self.path, self.environment, replaces_batou=self._replaces_batou)
        self.mistakes = self._document.mistakes()

    @property
    def _body(self) -> Body:
        return self._document.body

    def _settle(self) -> None:
        self._document.settle()
        self.mistakes = [*self._document.mistakes(), *filter(None, [self._others])]

    def _check_ready(self) -> None:
        self._document.check_understood()
        if self._body.ring is None and (self._document.head.key is not None or self._body.encrypted()):
            raise ConfigurationError(f"The secrets of {self.environment} were not opened", file=self.path)

    def _check_unchanged(self) -> None:
        if storing.content_of(self.path) != self._content:
            message = f"the secrets of {self.environment} were changed by somebody else meanwhile"
            raise Locked(message, file=self.path, hint="Do it once more.")

    def _line(self, place: Place) -> Line:
        if place not in self._body.entries:
            message = f"There is no secret {place[1]!r} in [{place[0]}]"
            known = [key for section, key in self._body.entries if section == place[0]]
            raise ConfigurationError(message, file=self.path, hint=did_you_mean(place[1], known))
        return self._body.entries[place]

    def _lying(self, name: str) -> bytes | None:
        return self._lay.get(name) or storing.content_of(places.secret_file(self.directory, name))
