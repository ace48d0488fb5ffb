"""Who may read: age keys, SSH keys, and lists of such keys behind https."""

from __future__ import annotations

import os
import re
import stat
from typing import Any, Sequence

from depl.errors import ConfigurationError, DeplError
from depl.secrets import ssh_keys

ASK_FOR = "Ask for an ed25519 or RSA key of SSH, or an age key (`age-keygen`)."
SSH_TYPES = ("ssh-ed25519", "ssh-rsa")
SMALL = 64 * 1024


def usable(line: str) -> str:
    """The key of a line `KEY [NAME]`, as age takes it: `age1...`, `ssh-ed25519 AAAA` or `ssh-rsa AAAA`.

    ConfigurationError: age cannot encrypt for it; says why, never showing what may be a private key.
    """
    words = line.split()
    first = words[0] if words else ""
    refused = _refused(line, first)
    if refused:
        raise refused
    if first in SSH_TYPES:
        try:
            key = f"{first} {ssh_keys.canonical(first, words[1] if len(words) > 1 else '')}"
        except ValueError:
            raise _mistyped(" ".join(words[:2])) from None
    elif first.lower().startswith("age1"):
        key = first.lower()
    else:
        raise ConfigurationError(_unknown(line.strip(), first), hint=ASK_FOR)
    _recipient(key)
    return key


def is_url(line: str) -> bool:
    """Whether a line stands for a list of keys: `https://...` (also what is like it, to be refused by `fetched`)."""
    return re.match(r"\s*[a-z][a-z0-9+.-]*://", line, re.IGNORECASE) is not None


def name_of(line: str) -> str:
    """How to call who a line stands for: its name, its address, or the key in short."""
    words = line.split()
    if not words or is_url(line):
        return line.strip()
    name = words[2:] if words[0].startswith(("ssh-", "ecdsa-", "sk-")) else words[1:]
    if name:
        return " ".join(name)
    return f"{words[0]} ...{words[1][-8:]}" if len(words) > 1 else _shortened(words[0], 12)


def of_argument(text: str) -> str:
    """What the command line names: the key in a file such as ~/.ssh/id_ed25519.pub, else the text itself."""
    text = text.strip()
    path = os.path.expanduser(text)
    if is_url(text) or len(text.split()) != 1 or not os.path.exists(path):
        if text.endswith(".pub") or text.startswith(("/", "./", "../", "~")):
            raise ConfigurationError(f"there is no file {text}", hint="Give the path of a public key, or the key.")
        return text
    content = _read(path, text)
    if "PRIVATE KEY-----" in content or "AGE-SECRET-KEY-" in content.upper():
        public = f"{text}.pub" if os.path.exists(path + ".pub") else "the .pub file, or what `age-keygen -y FILE` says"
        message = f"{text} holds a private key, which nobody else may have"
        raise ConfigurationError(message, hint=f"Give the public one: {public}.")
    lines = [line.strip() for line in content.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if len(lines) != 1:
        raise ConfigurationError(f"{text} holds {len(lines)} keys, not one", hint="Give them one by one.")
    return lines[0]


def encrypted(content: bytes, recipients: Sequence[str]) -> bytes:
    """The content as an age file (binary) that each of the recipients can read."""
    import pyrage

    if not recipients:
        raise ConfigurationError("without a recipient nobody could read what is encrypted", hint=ASK_FOR)
    unique = dict.fromkeys(usable(line) for line in recipients)
    return bytes(pyrage.encrypt(content, [_recipient(key) for key in unique]))


def fetched(url: str) -> tuple[list[str], list[str]]:
    """The usable keys behind an https address, one a line, and warnings on those that age cannot use.

    DeplError: it cannot be had, or there is none among them.
    """
    from depl.secrets import key_lists

    keys: list[str] = []
    warnings = []
    for line in key_lists.downloaded(url).splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            keys.append(usable(line))
        except ConfigurationError as error:
            warnings.append(f"{url}: {error}")
    if not keys:
        said = f": {warnings[0].removeprefix(url + ': ')}" if warnings else ""
        raise DeplError(f"{url} has no key that age could encrypt for{said}", hint=ASK_FOR)
    return list(dict.fromkeys(keys)), list(dict.fromkeys(warnings))


def _refused(line: str, first: str) -> ConfigurationError | None:
    """Why a line cannot do, where that is plain to see."""
    lower = first.lower()
    if "age-secret-key-" in line.lower() or "PRIVATE KEY" in line:
        message = "this is a private key, not a recipient; it is not shown here and belongs into no file of the project"
        return ConfigurationError(message, hint="Take its public half (`age-keygen -y FILE`, or the .pub file).")
    if not " ".join(line.split()).isprintable():
        return ConfigurationError(
            "the line of this key has characters that cannot be shown", hint="Give the key alone."
        )
    if is_url(line):
        message = f"{first} is a list of keys, not a key" if lower.startswith("https:") else f"{first} is not https"
        return ConfigurationError(message, hint="Lists of keys are fetched from https:// addresses.")
    kind = _unusable_kind(lower)
    if kind:
        hint = "Use an ed25519 or RSA key, or an age key (`age-keygen`)."
        return ConfigurationError(f"age cannot encrypt for {kind}", hint=hint)
    return None


def _unknown(line: str, first: str) -> str:
    if re.fullmatch(r"(.*<)?[^\s@<>]+@[^\s@<>]+>?", line):
        return f"{line} is a mail address, not a key"
    if re.fullmatch(r"(0x)?([0-9a-f]{16}|[0-9a-f]{40})", first.lower()):
        return f"{first} is the id of a GPG key, which age cannot use"
    return f"{_shortened(first)!r} is not a key that age could encrypt for"


def _unusable_kind(first: str) -> str:
    if first.startswith(("sk-", "age1yubikey1")):
        return "keys on a security token"
    if first.startswith("ecdsa-"):
        return "ECDSA keys"
    if first.startswith("ssh-dss"):
        return "DSA keys"
    plugin = re.match(r"age1([^1]+)1", first)
    return f"keys of the kind age1{plugin[1]} here" if plugin and plugin[1] else ""


def _recipient(key: str) -> Any:
    """What pyrage calls a recipient."""
    import pyrage

    try:
        return pyrage.ssh.Recipient.from_str(key) if key.startswith("ssh-") else pyrage.x25519.Recipient.from_str(key)
    except pyrage.RecipientError as error:
        said = str(error)
    if "TooSmall" in said:
        raise ConfigurationError("age cannot encrypt for RSA keys shorter than 2048 bits", hint=ASK_FOR)
    if "TooLarge" in said:
        raise ConfigurationError("age cannot encrypt for RSA keys longer than 4096 bits", hint=ASK_FOR)
    raise _mistyped(key)


def _mistyped(key: str) -> ConfigurationError:
    words = " ".join(_shortened(word) for word in key.split())
    return ConfigurationError(f"the key {words} is incomplete or mistyped", hint="Copy it again, the whole line.")


def _read(path: str, shown: str) -> str:
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise ConfigurationError(f"{shown} is a directory, not a public key", hint="Give the path of a .pub file.")
        if status.st_size > SMALL:
            raise ConfigurationError(f"{shown} is too large for a public key")
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"{shown} cannot be read: {said}", hint="Give the path of a .pub file.") from None


def _shortened(word: str, room: int = 16) -> str:
    """The beginning of a long word: whatever it is, it is not shown as a whole."""
    return word if len(word) <= room + 8 else f"{word[:room]}..."
