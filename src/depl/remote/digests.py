"""The digests of a project's files, kept between runs: what did not change is not read again."""

from __future__ import annotations

import json
import os
import tempfile
import time
import zlib
from hashlib import sha256
from typing import Any

from depl.agent.manifests import DIRECTORY, FILE, LARGEST, LINK, Entry, Manifest, is_secret, may_be_secret
from depl.agent.receiving import unpacked
from depl.compiled import cache_home
from depl.errors import ConfigurationError, ProtocolError
from depl.remote.listing import Listed, Listing

PIECE = 1 << 20
SETTLED = 2_000_000_000  # nanoseconds after which a change is sure to show in the time of a file
MANIFESTS = 6  # that are kept: hosts that have one of these are told only what changed since


class Digests:
    """A cache that belongs to one project. A cache that cannot be read or written is no error."""

    def __init__(self, base_dir: str, cache: str | None = None) -> None:
        name = sha256(os.fsencode(os.path.realpath(base_dir))).hexdigest()[:32]
        self._base_dir = base_dir
        self._directory = os.path.join(cache or os.path.join(cache_home(), "depl"), "snapshots", name)
        self._made: dict[str, Manifest] = {}

    def key_of(self, listing: Listing) -> str:
        """The key of what is listed; files are read where they may have changed. Errors: ConfigurationError."""
        began = time.time_ns()
        looks = repr(([file.path + repr(file.stamp) for file in listing.files], sorted(listing.directories.items())))
        fingerprint = sha256(looks.encode("utf-8", "surrogatepass")).hexdigest()
        last = self._read("last")
        if isinstance(last, list) and last[:1] == [fingerprint] and self.has(last[1]):
            return str(last[1])
        manifest = self._manifest_of(listing, began)
        self._made[manifest.key] = manifest
        self._write(manifest.key + ".manifest", zlib.compress(manifest.text, 1))
        if not any(_is_fresh(file, began) for file in listing.files):
            self._write("last", json.dumps([fingerprint, manifest.key]).encode())
        self._clear()
        return manifest.key

    def has(self, key: str) -> bool:
        """Whether the manifest of a key is here."""
        return key in self._made or (key.isalnum() and os.path.exists(self._place(key + ".manifest")))

    def manifest(self, key: str) -> Manifest:
        """The manifest of a key, which is here. Errors: ConfigurationError if it is not any more."""
        if key not in self._made:
            try:
                with open(self._place(key + ".manifest"), "rb") as file:
                    self._made[key] = Manifest.parse(unpacked(file.read(), LARGEST))
            except (OSError, ProtocolError) as error:
                raise ConfigurationError(f"{self._directory} is damaged: {error}", hint="Remove it.") from None
        return self._made[key]

    def _manifest_of(self, listing: Listing, began: int) -> Manifest:
        known = self._read("digests")
        known = known if isinstance(known, dict) else {}
        digests: dict[str, Any] = {}
        entries = [Entry(path, DIRECTORY, mode) for path, mode in listing.directories.items()]
        for file in listing.files:
            entry, stamp = None, list(file.stamp)
            kept = known.get(file.path)
            if kept and kept[0] == stamp and not file.is_link:
                entry = Entry(file.path, FILE, file.mode, file.size, kept[1]) if kept[1] else None
            else:
                entry = self._entry(file)
            digest = "" if entry is None else entry.digest
            if entry is not None:
                entries.append(entry)
            if not file.is_link and not _is_fresh(file, began):
                digests[file.path] = [stamp, digest]
        self._write("digests", json.dumps(digests).encode())
        return Manifest(entries)

    def _entry(self, file: Listed) -> Entry | None:
        """What is there now; None where it does not travel."""
        path = os.path.join(self._base_dir, file.path)
        try:
            if file.is_link:
                return Entry(file.path, LINK, target=os.readlink(path))
            summed, size, beginning = sha256(), 0, b""
            with open(path, "rb", buffering=0) as stream:
                while piece := stream.read(PIECE):
                    beginning = beginning or piece
                    summed.update(piece)
                    size += len(piece)
        except FileNotFoundError:
            return None
        except OSError as error:
            hint = "Make it readable, or list it in .deplignore."
            raise ConfigurationError(f"{file.path} cannot be read: {error.strerror}", hint=hint) from None
        if may_be_secret(file.path) and is_secret(file.path, beginning):
            return None
        return Entry(file.path, FILE, file.mode, size, summed.hexdigest())

    def _place(self, name: str) -> str:
        return os.path.join(self._directory, name)

    def _read(self, name: str) -> Any:
        try:
            with open(self._place(name), "rb") as file:
                return json.loads(file.read())
        except (OSError, ValueError):
            return None

    def _write(self, name: str, content: bytes) -> None:
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".new-", dir=self._directory)
            with open(handle, "wb") as file:
                file.write(content)
            os.replace(temporary, self._place(name))
        except OSError:
            pass

    def _clear(self) -> None:
        try:
            found = [entry for entry in os.scandir(self._directory) if entry.name.endswith(".manifest")]
            for entry in sorted(found, key=lambda entry: entry.stat().st_mtime_ns)[:-MANIFESTS]:
                os.unlink(entry.path)
        except OSError:
            pass


def _is_fresh(file: Listed, began: int) -> bool:
    """Whether a file may still change without another time showing it."""
    return file.mtime > began - SETTLED
