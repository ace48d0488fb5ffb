"""Where the keys of whoever sits here lie, and what is in those files."""

from __future__ import annotations

import os
import re
import stat
from typing import Any, Iterator, Sequence

from depl.errors import ConfigurationError, DeplError
from depl.secrets import age_file, ssh_keys

VARIABLE = "DEPL_AGE_IDENTITY"
LARGEST = 256 * 1024


class Key:
    """What lies at one place: keys that are ready, one that is to be unlocked, or why there is none.

    name: the place, as it is shown. identities: pyrage's, ready. publics: their public halves, as far as known.
    line: what others should note of it. problem: a verb and why it cannot be used, or nothing. locked: by a passphrase.
    given_up: it would have fit, but nobody gave its passphrase.
    """

    def __init__(self, name: str, content: bytes, beside: str = "") -> None:
        self.name = name
        self.identities: list[Any] = []
        self.publics: list[str] = []
        self.line = " ".join(beside.split())
        self.problem = ""
        self.locked = self.given_up = False
        self._kind = ""
        self._content: bytes | None = None
        if ssh_keys.is_private_key(content):
            self._take_ssh(content, beside)
        elif age_file.is_age_file(content):
            self.locked, self._kind, self._content = True, "X25519", content
        else:
            self._take_age(content)

    def fits(self, addressees: Sequence[tuple[str, str]]) -> bool:
        """Whether it is worth the effort to unlock it for a file (see `age_file.addressees`)."""
        if self._content is None:
            return False
        if self._kind != "X25519" and self.publics:
            return (self._kind, ssh_keys.tag(self.publics[0])) in addressees
        kinds = {self._kind} if self._kind else {"ssh-ed25519", "ssh-rsa"}
        return any(kind in kinds for kind, _ in addressees)

    def unlock(self, passphrase: str | None) -> bool:
        """Make it ready; False: it is another passphrase. What cannot be unlocked at all has a problem thereafter."""
        assert self._content is not None
        try:
            if self._kind == "X25519":
                self._take_age(_unlocked(self._content, passphrase or ""))
            else:
                self._ready(ssh_keys.unlocked(self._content, passphrase))
        except ssh_keys.WrongPassphrase:
            return False
        except ssh_keys.CannotUnlock as error:
            self.problem = str(error)
        self._content, self.locked = None, False
        return True

    def give_up(self, problem: str) -> None:
        """Never to be asked for again."""
        self.problem, self._content, self.locked, self.given_up = problem, None, False, True

    def _take_ssh(self, content: bytes, beside: str) -> None:
        try:
            key = ssh_keys.examined(content, beside)
        except ValueError:
            self.problem = "is damaged"
            return
        self.problem, self._kind, self.locked = key.problem, key.kind, key.locked and not key.problem
        if self.problem:
            self.line = ""
            return
        self.publics = [key.public] if key.public else []
        if not self.line.startswith(key.public or "ssh-"):
            self.line = key.public  # the .pub file is that of another key
        if key.as_it_is:
            self._ready(content)
        else:
            self._content = content

    def _ready(self, content: bytes) -> None:
        import pyrage

        try:
            self.identities.append(pyrage.ssh.Identity.from_buffer(content))
        except pyrage.IdentityError as error:
            said = re.search(r'Type\("(.*)"\)', str(error))
            self.problem = ssh_keys.unusable(said[1] if said else "") or "is damaged, or of a form that age cannot use"

    def _take_age(self, content: bytes) -> None:
        import pyrage

        lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
        for line in lines:
            if not line or line.startswith("#"):
                continue
            try:
                identity = pyrage.x25519.Identity.from_str(line)
            except pyrage.IdentityError:
                self.problem = _no_age_key(line)
                continue
            self.identities.append(identity)
            self.publics.append(str(identity.to_public()))
        if not self.identities and not self.problem:
            self.problem = "holds no key"
        self.line = self.publics[0] if self.publics else self.line


def given(text: str, home: str) -> list[Key]:
    """The keys that DEPL_AGE_IDENTITY says: paths, or keys themselves. ConfigurationError: there is no such file."""
    if "-----BEGIN " in text:
        return [Key(VARIABLE, text.encode() + b"\n")]
    keys = []
    text = re.sub(r"(?m)^\s*#.*$", "", text)  # the comments of age-keygen
    for word in re.split(r"[,\s]+" if "AGE-SECRET-KEY-" in text.upper() else f"[,{os.pathsep}]", text):
        if word.upper().startswith("AGE-SECRET-KEY-"):
            keys.append(Key(VARIABLE, word.encode()))
        elif word.strip():
            keys.append(_named(word.strip(), home))
    return keys


def beneath(path: str, home: str) -> list[Key]:
    """The keys of a file, or of all files of a directory; none where there is nothing."""
    if not os.path.isdir(path):
        return [_read(path, home)] if os.path.exists(path) else []
    return [_read(path, home) for path in _files(path, "")]


def of_ssh(directory: str, home: str) -> list[Key]:
    """The keys id_* of a directory such as ~/.ssh."""
    return [_read(path, home) for path in _files(directory, "id_")]


def _unlocked(content: bytes, passphrase: str) -> bytes:
    """The plain form of an identity file that `age -p` encrypted."""
    import pyrage

    try:
        return bytes(pyrage.passphrase.decrypt(age_file.binary(content, "it"), passphrase))
    except UnicodeEncodeError:
        raise ssh_keys.WrongPassphrase from None
    except DeplError:
        raise ssh_keys.CannotUnlock("is damaged") from None
    except pyrage.DecryptError as error:
        if str(error) == "Decryption failed":
            raise ssh_keys.WrongPassphrase from None
        raise ssh_keys.CannotUnlock(f"cannot be unlocked ({str(error).splitlines()[0].rstrip('.')})") from None


def _no_age_key(line: str) -> str:
    """Why a line of an identity file cannot be used; the line itself is not shown."""
    if line.startswith("AGE-PLUGIN-"):
        return "holds a key of a plugin of age, which depl cannot use"
    if line.upper().startswith("AGE-SECRET-KEY-"):
        return "holds a key of age that is incomplete, mistyped or of another kind"
    if line.startswith(("age1", "ssh-")):
        return "holds a public key, not a private one"
    return "holds something that is not a key of age"


def _named(word: str, home: str) -> Key:
    path = os.path.join(home, word[2:]) if word.startswith("~/") else os.path.expanduser(word)
    if not os.path.exists(path):
        hint = "It takes paths (a comma between), or a key itself: AGE-SECRET-KEY-1..."
        raise ConfigurationError(f"{VARIABLE} names {_shown(path, home)}, but there is no such file", hint=hint)
    if os.path.isdir(path):
        raise ConfigurationError(f"{VARIABLE} names {_shown(path, home)}, which is a directory", hint="Name its files.")
    return _read(path, home)


def _files(directory: str, prefix: str) -> Iterator[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return
    for name in names:
        path = os.path.join(directory, name)
        if name.startswith(prefix) and not name.startswith(".") and not name.endswith(".pub") and os.path.isfile(path):
            yield path


def _read(path: str, home: str) -> Key:
    """As ssh does, a key of our own that others may read is left out."""
    name = _shown(path, home)
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid() and mode & 0o077:
                return _unread(name, f"may be read by others (mode {mode:04o}): chmod 600 {name}")
            content = file.read(LARGEST)
    except OSError as error:
        return _unread(name, f"cannot be read ({error.strerror})")
    return Key(name, content, _beside(path))


def _unread(name: str, problem: str) -> Key:
    key = Key(name, b"")
    key.problem = problem
    return key


def _beside(path: str) -> str:
    """The .pub file next to a private key of SSH."""
    try:
        with open(path + ".pub", encoding="utf-8", errors="replace") as file:
            return file.readline(LARGEST)
    except OSError:
        return ""


def _shown(path: str, home: str) -> str:
    return "~" + path[len(home) :] if path.startswith(home.rstrip("/") + "/") else path
