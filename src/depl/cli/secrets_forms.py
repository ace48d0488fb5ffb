"""Secrets as lines to compare: by their masks, in plain for who asks for that, or with nothing but their names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from depl.cli.secrets_model import as_content
from depl.errors import DeplError
from depl.redact import mask
from depl.secrets import lines, places, plain, storing
from depl.secrets.lines import COMMENT, ENTRY, SECTION, Line
from depl.secrets.load import label_of, mark_of
from depl.secrets.vault import Place, Vault

UNREADABLE = "‹unreadable"  # in the brackets of masks


def unreadable(sealed: bytes) -> str:
    """What stands for something that cannot be decrypted: another one, if it was changed."""
    return f"{UNREADABLE} #{hashlib.sha256(sealed).hexdigest()[:4]}›"


@dataclass(frozen=True)
class Forms:
    """How secrets are shown. key: of the hashes in masks, the same for what is compared; reveal: in plain."""

    key: bytes
    reveal: bool = False

    def members(self, vault: Vault) -> list[str]:
        """Who may read, as it stands in the file."""
        pins = [f"    {url} {pin}" for url, keys in vault.resolved.items() for pin in keys]
        found = ["recipients =", *(f"    {line}" for line in vault.recipients)] if vault.recipients else []
        found += ["resolved =", *pins] if pins else []
        return ["[depl]", *found, ""] if found else []

    def values(self, vault: Vault) -> list[str]:
        """The values of a vault as they are edited; if some cannot be read, without comments, these by their names."""
        try:
            text = vault.text()
        except DeplError:
            return list(self._one_by_one(vault))
        return text.splitlines() if self.reveal else [self._masked(line) for line in plain.read(text, vault.path)[0]]

    def file(self, vault: Vault, name: str) -> list[str]:
        """The content of a secret file; if it cannot be read, that it is there."""
        try:
            content = vault.file(name)
        except DeplError:
            return [unreadable(storing.content_of(places.secret_file(vault.directory, name)) or b"")]
        if not self.reveal:
            return [mask(mark_of(f"file {name}", content, self.key))]
        text = as_content(content)
        return text.splitlines() if isinstance(text, str) else [f"{len(content)} bytes, not text"]

    def _masked(self, line: Line) -> str:
        if line.kind == SECTION:
            return f"[{line.text}]"
        if line.kind == COMMENT:
            return f"# {mask(mark_of('comment', line.text, self.key))}" if line.text else ""
        if line.command:
            return f"{line.key} = !command {line.text}"
        return f"{line.key} = {mask(mark_of(label_of(line.place), line.text, self.key))}"

    def _one_by_one(self, vault: Vault) -> Iterator[str]:
        section = ""
        written = lines.read((storing.content_of(vault.path) or b"").decode("utf-8", "replace"), vault.path)[0]
        sealed = {line.place: line.text.encode() for line in written if line.kind == ENTRY}
        for place in vault.places:
            if place[0] != section:
                section = place[0]
                yield f"[{section}]"
            yield self._entry(vault, place, sealed.get(place, b""))

    def _entry(self, vault: Vault, place: Place, sealed: bytes) -> str:
        command = vault.command(place)
        line = Line(ENTRY, "", 0, *place, command or "", command is not None)
        try:
            line.text = line.text or vault.value(place)
        except DeplError:
            return f"{line.key} = {unreadable(sealed)}"
        return "\n".join(plain.written([line]).splitlines()) if self.reveal else self._masked(line)
