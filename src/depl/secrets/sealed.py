"""How values stand in the file: each encrypted on its own, for the file's own key, and bound to its place.

The file's own key is encrypted for the members: one slow decryption opens all values.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from depl.errors import ConfigurationError
from depl.secrets.recipients import encrypted

PREFIX = "age:"
FORMER_KEYS = 3  # of the file, which still open what a merge of branches brought


@dataclass(frozen=True)
class Ring:
    """What the members share: the file's own keys, the newest first; for whom they were encrypted; the key of masks."""

    identities: tuple[str, ...] = field(repr=False)
    recipients: str
    mask: bytes = field(repr=False)

    @classmethod
    def new(cls, keys: Iterable[str], former: Ring | None = None, files: Iterable[bytes] = ()) -> Ring:
        """A ring with a new key. Former keys still open what was encrypted for them, as far back as these files need.

        files: as they lie there; those that are to replace them may never come.
        """
        from pyrage import x25519

        opened = filter(None, map(former.decrypted, files)) if former else ()
        needed = max((ago + 1 for _, ago in opened), default=0)
        older = former.identities[: max(FORMER_KEYS, needed)] if former else ()
        return cls((str(x25519.Identity.generate()), *older), digest(keys), os.urandom(32))

    @classmethod
    def from_json(cls, content: bytes) -> Ring | None:
        """None: this is not what depl writes."""
        from pyrage import IdentityError

        try:
            data = json.loads(content)
            ring = cls(tuple(data["identities"]), str(data["recipients"]), bytes.fromhex(data["mask"]))
            return ring if ring._keys and ring.mask else None
        except (ValueError, LookupError, TypeError, AttributeError, IdentityError):
            return None

    def to_json(self) -> bytes:
        """What is encrypted for the members."""
        data = {"identities": self.identities, "recipients": self.recipients, "mask": self.mask.hex()}
        return json.dumps(data).encode()

    @property
    def public(self) -> str:
        """For whom values are encrypted."""
        return str(self._keys[0].to_public())

    def encrypted(self, content: bytes) -> bytes:
        """An age file for this ring."""
        import pyrage

        return bytes(pyrage.encrypt(content, [self._keys[0].to_public()]))

    def decrypted(self, content: bytes) -> tuple[bytes, int] | None:
        """What was encrypted for this ring, and how many keys ago. None: not for this ring, or damaged."""
        import pyrage

        for ago, key in enumerate(self._keys):
            try:
                return bytes(pyrage.decrypt(content, [key])), ago
            except pyrage.DecryptError:
                pass
        return None

    def seal(self, text: str) -> str:
        """`age:BASE64`, for a line."""
        return written(self.encrypted(text.encode("utf-8", "surrogatepass")))

    def unseal(self, sealed: str) -> tuple[str, int] | None:
        """The text, and how many keys ago it was encrypted. None: not for this ring, or damaged."""
        opened = self.decrypted(content_of(sealed) or b"")
        try:
            return (opened[0].decode("utf-8", "surrogatepass"), opened[1]) if opened else None
        except UnicodeDecodeError:
            return None

    @cached_property
    def _keys(self) -> list[Any]:
        from pyrage import x25519

        return [x25519.Identity.from_str(identity) for identity in self.identities]


@dataclass(frozen=True)
class Slot(Ring):
    """What everybody has: something can be put in, nothing can be read."""

    slot: str = ""

    @classmethod
    def of(cls, public: str, keys: Iterable[str]) -> Slot:
        """The slot of a file with this public key."""
        return cls((), digest(keys), b"", public)

    @property
    def public(self) -> str:
        """For whom values are encrypted, as the file says."""
        return self.slot

    def encrypted(self, content: bytes) -> bytes:
        """An age file for the members. Errors: ConfigurationError, if the public key is none."""
        return encrypted(content, [self.slot])

    def decrypted(self, content: bytes) -> tuple[bytes, int] | None:
        """Nothing."""
        return None

    def to_json(self) -> bytes:
        """Errors: ConfigurationError; who cannot read can let nobody else read."""
        raise ConfigurationError("The secrets were not opened")


def digest(keys: Iterable[str]) -> str:
    """What tells whether recipients are those that the key was encrypted for."""
    return hashlib.sha256("\n".join(sorted(set(keys))).encode()).hexdigest()


def written(content: bytes) -> str:
    """Encrypted content as `age:BASE64`."""
    return PREFIX + base64.b64encode(content).decode()


def content_of(sealed: str) -> bytes | None:
    """The encrypted content of `age:BASE64`. None: it is not exactly what would be written for it."""
    try:
        content = base64.b64decode(sealed.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return content if content and written(content) == sealed else None
