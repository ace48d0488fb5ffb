"""Private keys of SSH: what they are, and how they are unlocked, in memory alone."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

MAGIC = b"openssh-key-v1\0"
UNUSABLE = {
    "ecdsa-": "is an ECDSA key, which age cannot use",
    "sk-": "is on a security token, which age cannot use",
    "ssh-dss": "is a DSA key, which age cannot use",
}


class WrongPassphrase(Exception):
    """A passphrase does not unlock the key."""


class CannotUnlock(Exception):
    """No passphrase will: says why."""


@dataclass(frozen=True)
class PrivateKey:
    """A private key of SSH as far as it can be known without its passphrase.

    kind: `ssh-ed25519`, `ssh-rsa`, ... or "" (unknown). public: `KIND AAAA` or "" (unknown).
    as_it_is: pyrage takes it without further ado. locked: it has a passphrase.
    """

    kind: str
    public: str
    as_it_is: bool
    locked: bool

    @property
    def problem(self) -> str:
        """Why age cannot use it, or nothing."""
        return unusable(self.kind)


def is_private_key(content: bytes) -> bool:
    """Whether it is a private key of SSH in one of the forms that ssh-keygen writes."""
    return re.match(rb"\s*-----BEGIN ([A-Z]+ )*PRIVATE KEY-----", content) is not None


def examined(content: bytes, beside: str = "") -> PrivateKey:
    """What a private key is; beside: the line of the .pub file at its side. ValueError: it is none, or damaged."""
    form = re.match(rb"\s*-----BEGIN (?:([A-Z]+) )?PRIVATE KEY-----", content)
    if form is None:
        raise ValueError("not a private key")
    told = _public_line(beside)
    word = (form[1] or b"").decode()
    if word == "OPENSSH":
        public, locked = _openssh(content)
        return PrivateKey(public.split()[0], public, not locked, locked)
    if word in {"EC", "DSA"}:
        return PrivateKey({"EC": "ecdsa-sha2", "DSA": "ssh-dss"}[word], "", False, False)
    locked = word == "ENCRYPTED" or b"Proc-Type: 4,ENCRYPTED" in content
    kind = "ssh-rsa" if word == "RSA" else told.split(" ")[0]
    return PrivateKey(kind, told, word == "RSA" and not locked, locked)


def unlocked(content: bytes, passphrase: str | None) -> bytes:
    """The key in the form that pyrage takes. WrongPassphrase, CannotUnlock."""
    from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as form

    load = form.load_ssh_private_key if b"BEGIN OPENSSH" in content else form.load_pem_private_key
    try:
        key = load(content, None if passphrase is None else passphrase.encode())
        return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    except UnsupportedAlgorithm:
        raise CannotUnlock("is encrypted in a way that is not supported here") from None
    except (InvalidTag, ValueError, TypeError):
        if passphrase is None:
            raise CannotUnlock("is damaged") from None
        raise WrongPassphrase from None


def unusable(kind: str) -> str:
    """Why age cannot use keys of a kind, or nothing."""
    return next((word for prefix, word in UNUSABLE.items() if kind.startswith(prefix)), "")


def canonical(kind: str, text: str) -> str:
    """The base64 of a public key in the one spelling that it has. ValueError: it is none, or not of this kind."""
    data = base64.b64decode(text, validate=True)
    parts, at = [], 0
    while at < len(data):
        part, at = _string(data, at)
        parts.append(part)
    if parts[:1] != [kind.encode()] or len(parts) != {"ssh-ed25519": 2, "ssh-rsa": 3}.get(kind):
        raise ValueError("a key of another kind")
    return base64.b64encode(data).decode()


def tag(public: str) -> str:
    """By what an age file names a public key: the beginning of its hash."""
    blob = base64.b64decode(public.split()[1])
    return base64.b64encode(hashlib.sha256(blob).digest()[:4]).decode().rstrip("=")


def _public_line(line: str) -> str:
    """`KIND AAAA` of what a .pub file holds, or nothing."""
    words = line.split()
    try:
        return f"{words[0]} {words[1]}" if len(words) > 1 and base64.b64decode(words[1], validate=True) else ""
    except binascii.Error:
        return ""


def _openssh(content: bytes) -> tuple[str, bool]:
    """The public part, which stands in clear, and whether the private part does not."""
    body = re.sub(rb"-----[A-Z ]+-----", b"", content)
    data = base64.b64decode(b"".join(body.split()), validate=True)
    if not data.startswith(MAGIC):
        raise ValueError("not a private key of OpenSSH")
    at = len(MAGIC)
    cipher, at = _string(data, at)
    _, at = _string(data, at)
    _, at = _string(data, at)
    public, _ = _string(data, at + 4)
    kind, _ = _string(public, 0)
    return f"{kind.decode('ascii')} {base64.b64encode(public).decode()}", cipher != b"none"


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    """A string of the SSH protocol: four bytes of length before it."""
    end = at + 4 + int.from_bytes(data[at : at + 4], "big")
    if end > len(data):
        raise ValueError("cut off")
    return data[at + 4 : end], end
