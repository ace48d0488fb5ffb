"""How a text may be written: the forms in which a secret is looked for in what is shown."""

from __future__ import annotations

import base64
import json
import re
from typing import Iterator

SHORTEST = 4  # shorter texts are everywhere: hiding them would hide nothing and spoil everything
LONGEST = 1 << 16  # longer texts are looked for in the forms that cost little; line by line in all of them
SHORTEST_CORE = 6  # six characters of base64 are not hit by chance, and five of a password are in them
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")  # nobody quotes it
_ARMOUR = re.compile(r"-----(BEGIN|END) [^\n]*-----")
# How much there may be is limited: a long value must not take long.
_IN_URL = re.compile(r"(?<=[A-Za-z0-9]://)[^\s:/?#@]{0,300}:([^\s/?#]{1,2000})@")
_ODD_IN_URL = re.compile(r"(?<=[A-Za-z0-9]://)[^\s:/?#@]{0,300}:(\S{1,2000})@")
_COMMON = """
0000 1111 1234 12345 123456 admin administrator changeme data database debug default demo development disabled
enabled example false file guest host hostname http https info localhost login main mysql name nobody none null
pass passwd password passwort postgres production public python redis root secret server service staging system
test token true user username value www-data yes
"""
KNOWN_COMMON = frozenset(_COMMON.split())
_ESCAPE = re.compile(
    rb"\\(?:0[0-7]{0,3}|[1-7][0-7]{0,2}|x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|U[0-9A-Fa-f]{1,8}|.)", re.DOTALL
)
_NAMED = {one: "\\" + name for one, name in zip("\n\t\r\x1b\a\b\f\v'\\", "ntrEabfv'\\")}

_PRINTED = {name: one.encode() for one, name in zip("\n\t\r\x1b\x1b\a\b\f\v\\", "ntreEabfv\\")}
_STOP = b"\xff\xfe"  # in no UTF-8


def weakness(value: str) -> str:
    """Why a value is hard to hide, as a part of a sentence; empty for one that is not."""
    if len(value.strip()) < SHORTEST:
        return f"it is shorter than {SHORTEST} characters and cannot be hidden in what is shown"
    if is_common(value):
        return "it is a common word: wherever it occurs it is hidden"
    return ""


def is_common(value: str) -> bool:
    """Whether a text is one of the words that stand in many texts without being meant."""
    return value.strip().lower() in KNOWN_COMMON


def spellings(value: str) -> set[str]:
    """The forms in which a value is looked for, whole or in part (see `cores`)."""
    return forms(value) | set(cores(value))


def forms(value: str) -> set[str]:
    """A value as shells, programs and formats write it: quoted, escaped, encoded, line by line.

    A value of several lines: also each of its lines. A value with a URL: also the password in it. Such a part is left
    out where it is a common word.
    """
    return set().union(*map(_written, _parts(value)))


def cores(value: str) -> dict[str, tuple[int, int]]:
    """What base64, at each of the three alignments, and hexadecimal make of a value somewhere inside a longer text.

    With the number of characters (0 or 1) before and after it that the value shares with its neighbours.
    """
    found: dict[str, tuple[int, int]] = {}
    for text in _parts(value):
        data = _bytes(text)
        found[data.hex()] = found[data.hex().upper()] = (0, 0)
        for offset in range(3):
            shared = int((offset + len(data)) % 3 > 0)
            encoded = base64.b64encode(bytes(offset) + data).decode().rstrip("=")
            core = encoded[offset + 1 if offset else 0 : len(encoded) - shared]
            if len(core) >= SHORTEST_CORE:
                found[core] = found[core.replace("+", "-").replace("/", "_")] = (int(offset > 0), shared)
    return found


def _parts(value: str) -> set[str]:
    """A value and the parts of it that are secret on their own."""
    lines = {line.strip() for line in value.splitlines() if not _ARMOUR.fullmatch(line.strip())}
    parts = {part for part in (*lines, *_passwords(value)) if any(map(str.isalnum, part)) and not is_common(part)}
    return {part for part in (value, value.strip(), *parts) if len(part.strip()) >= SHORTEST}


def _passwords(value: str) -> Iterator[str]:
    from urllib.parse import unquote

    for password in _IN_URL.findall(value) or _ODD_IN_URL.findall(value):
        yield from (password, unquote(password))


def _written(text: str) -> set[str]:
    """A text in all ways of writing; those that escape also once more, as JSON holds them."""
    found = {text, text.replace("\r\n", "\n").replace("\n", "\r\n"), *_encoded(_bytes(text))}
    if _PLAIN.fullmatch(text):
        return found
    ways = (_escaped, _doubled, _interpreted, _in_shells, _in_html, _in_urls)
    for way in ways if len(text) <= LONGEST else (_escaped, _interpreted):
        found.update(way(text))
    for form in [one for one in found if "\\" in one or '"' in one]:
        found.add(_inner(form))
    return {form for form in found if len(form.strip()) >= SHORTEST}


def _escaped(text: str) -> Iterator[str]:
    """In JSON, Python, and where a terminal or a decoder could not do better."""
    for form in (_inner(text), json.dumps(text, ensure_ascii=False)[1:-1]):
        yield form
        yield form.replace("/", "\\/")
        yield re.sub(r"(?<=\\u)[0-9a-f]{4}", lambda match: match[0].upper(), form)
    for form in (repr("'\"" + text)[4:-1], ascii("'\"" + text)[4:-1], repr(b"'\"" + _bytes(text))[5:-1]):
        yield form  # with single quotes escaped, as in a text that has both kinds of them
        yield form.replace("\\'", "'")
        yield form.replace("\\'", "'").replace('"', '\\"')
    if not text.isascii():
        yield _bytes(text).decode("ascii", "surrogateescape")
        yield _bytes(text).decode("ascii", "replace")
        yield _bytes(text).decode("latin-1")


def _doubled(text: str) -> Iterator[str]:
    """In YAML, SQL, CSV, INI, make, and where a backslash escapes."""
    for character in "'\"%$\\":
        yield text.replace(character, character * 2)


def _interpreted(text: str) -> Iterator[str]:
    """As `echo` or `printf %b` print it where they take backslashes for escapes; each shell knows others."""
    if "\\" not in text:
        return
    for known in ("abcfnrtv\\0", "abcefnrtv\\01234567", "abceEfnrtv\\0xuU", "abceEfnrtv\\01234567xuU"):
        printed = _ESCAPE.sub(lambda found, known=known: _meant(found[0], known), _bytes(text))  # type: ignore[misc]
        yield printed.partition(_STOP)[0].decode("utf-8", "replace")


def _meant(escape: bytes, known: str) -> bytes:
    name, digits = chr(escape[1]), escape[2:]
    if name not in known or (name in "xuU" and not digits):
        return escape
    if name == "c":
        return _STOP
    if name in "uU":
        return _bytes(chr(min(int(digits, 16), 0x10FFFF)))
    return (
        bytes([int(digits, 16) if name == "x" else int(escape[1:], 8) & 255]) if name in "01234567x" else _PRINTED[name]
    )


def _in_shells(text: str) -> Iterator[str]:
    yield text.replace("'", "'\\''")
    yield text.replace("'", "'\"'\"'")
    yield re.sub(r'([\\"$`])', r"\\\1", text)
    for plain in ("", ","):  # bash: `printf %q`
        yield re.sub(rf"(^[~#]|(?<=[:=])~|[^\w\x80-\U0010ffff%+./:=@~#{plain}-])", r"\\\1", text)
    quoted = re.sub(r"[\x00-\x1f\x7f\\']", lambda match: _NAMED.get(match[0], f"\\{ord(match[0]):03o}"), text)
    yield quoted  # bash: $'...'
    yield "".join(chr(byte) if byte < 128 else f"\\{byte:03o}" for byte in _bytes(quoted))


def _in_html(text: str) -> Iterator[str]:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for double in ('"', "&quot;", "&#34;"):
        for single in ("'", "&#39;", "&#x27;", "&apos;"):
            yield text.replace('"', double).replace("'", single)


def _in_urls(text: str) -> Iterator[str]:
    from urllib.parse import quote

    for safe in ("", "/", "!'()*", "!'()*/"):
        for space in ("%20", "+"):
            form = quote(_bytes(text), safe=safe).replace("%20", space)
            yield form
            yield re.sub(r"%..", lambda match: match[0].lower(), form)


def _encoded(data: bytes) -> Iterator[str]:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(data).decode()
        for form in (encoded, encoded.rstrip("=")):
            quoted = form.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
            yield from (form, quoted, form.replace("+", "%2b").replace("/", "%2f").replace("=", "%3d"))
        for width in (64, 76):
            lines = [encoded[at : at + width] for at in range(0, len(encoded), width)]
            if len(lines) > 1:
                yield from (line for line in lines if len(line) >= SHORTEST_CORE)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _inner(text: str) -> str:
    return json.dumps(text)[1:-1]
