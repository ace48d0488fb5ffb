"""What the values of settings are made into. A conversion raises ValueError saying what it expected."""

from __future__ import annotations

import re
from typing import Any, Callable, Optional, Union

Convert = Callable[[str], Any]
QUALIFIED = re.compile(r"([^.\s]+)\.(\S+)")  # COMPONENT.ATTRIBUTE
Requirement = tuple[tuple[str, tuple[int, ...]], ...]  # operators with versions


def text(value: str) -> Optional[str]:
    """The text itself; an empty one is as if it were not given."""
    return value or None


def boolean(value: str) -> bool:
    """True, yes, on, 1; False, no, off, 0; in any case."""
    word = value.lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise ValueError("True or False")


def wanted(value: str) -> Union[bool, str]:
    """True, False or the word `optional`."""
    if value.lower() == "optional":
        return "optional"
    try:
        return boolean(value)
    except ValueError:
        raise ValueError("True, False or optional") from None


def seconds(value: str) -> Union[int, float]:
    """A time in seconds, or with a unit: `90`, `1.5`, `30 s`, `5 min`, `2 h`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|sec|seconds?|m|min|minutes?|h|hours?)?", value)
    if not match:
        raise ValueError("a number of seconds, such as 30, 5 min or 2 h")
    time = float(match[1]) * {"m": 60, "h": 3600}.get((match[2] or "s")[0], 1)
    return int(time) if time == int(time) else time


def size(value: str) -> int:
    """A number of bytes, or with a unit: `4096`, `64 KiB`, `256 MiB`, `1 GiB` (also K, KB, M, ...)."""
    match = re.fullmatch(r"(\d+)\s*([KMGT]?)(i?B)?", value, re.IGNORECASE)
    if not match:
        raise ValueError("a size, such as 4096, 64 KiB or 256 MiB")
    return int(match[1]) << 10 * " KMGT".index(match[2].upper() or " ")


def count(least: int, most: Optional[int] = None) -> Convert:
    """A whole number, neither below `least` nor above `most`."""

    def convert(value: str) -> int:
        bounds = f"from {least} to {most}" if most is not None else f"of {least} or more"
        if not re.fullmatch(r"[0-9]+", value) or int(value) < least or (most is not None and int(value) > most):
            raise ValueError(f"a whole number {bounds}")
        return int(value)

    return convert


def failures(value: str) -> Union[int, str]:
    """A number of hosts, or a percentage of them."""
    if re.fullmatch(r"[0-9]+", value):
        return int(value)
    if re.fullmatch(r"[0-9]{1,2}%|100%", value):
        return value
    raise ValueError("a number of hosts or a percentage, such as 2 or 10%")


def choice(*values: str, **aliases: str) -> Convert:
    """One of the values. aliases: further words, `_` for `-`, that stand for one of them."""

    def convert(value: str) -> str:
        value = {name.replace("_", "-"): meant for name, meant in aliases.items()}.get(value, value)
        if value not in values:
            raise ValueError(f"{', '.join(values[:-1])} or {values[-1]}" if len(values) > 1 else values[0])
        return value

    return convert


def words(value: str) -> tuple[str, ...]:
    """A list, separated by commas or new lines."""
    found = tuple(word.strip() for word in value.replace("\n", ",").split(",") if word.strip())
    if not found:
        raise ValueError("a list with at least one item")
    return found


def lines(value: str) -> tuple[str, ...]:
    """A list, one item a line."""
    return tuple(line.strip() for line in value.split("\n") if line.strip())


def networks(value: str) -> tuple[str, ...]:
    """Addresses and networks, one a line or separated by commas: `127.0.0.1`, `10.1.0.0/16`, `::1`."""
    from ipaddress import ip_network

    found = words(value)
    for one in found:
        try:
            if not ip_network(one, strict=False).prefixlen:
                raise ValueError  # then anybody would be believed
        except ValueError:
            raise ValueError("addresses or networks, such as 127.0.0.1 or 10.1.0.0/16") from None
    return found


def several(*values: str) -> Convert:
    """Some of the values."""

    def convert(value: str) -> tuple[str, ...]:
        found = words(value)
        if not set(found) <= set(values):
            raise ValueError(f"a list of {', '.join(values[:-1])} or {values[-1]}")
        return found

    return convert


def stages(value: str) -> tuple[str, ...]:
    """Sizes of stages: one, half, all, counts, percentages; or names and globs of hosts."""
    found = words(value)
    for stage in found:
        if re.fullmatch(r"0+%?|\d{3,}%", stage) and stage != "100%":
            raise ValueError("a list of one, half, all, counts, percentages or hosts")
    return found


def overrides(value: str) -> dict[str, str]:
    """Lines `COMPONENT.ATTRIBUTE = VALUE`, by what stands before the sign."""
    found: dict[str, str] = {}
    for line in lines(value):
        name, sign, text = (part.strip() for part in line.partition("="))
        if not sign or not QUALIFIED.fullmatch(name):
            raise ValueError(f"lines such as `web.port = 8080`, as {line!r:.80} is not")
        if found.setdefault(name, text) != text:
            raise ValueError(f"lines that agree, as those of {name} do not")
    return found


def without_password(value: str) -> str:
    """An address as people may see it."""
    value = re.sub(r"(://[^/?#:@]*):.*@", r"\1:***@", value)
    return re.sub(r"(?i)\b(password=)[^&#\s]*", r"\1***", value)


def store(value: str) -> str:
    """The address of a database."""
    if not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        raise ValueError("sqlite:///PATH or postgresql://...")
    return value


def requirement(value: str) -> Requirement:
    """Versions of depl: `>=1.2, <2` as pairs of an operator and a version."""
    found = []
    for part in words(value):
        match = re.fullmatch(r"(>=|<=|==|!=|>|<)\s*(\d+(?:\.\d+)*)", part)
        if not match:
            raise ValueError("versions, such as `>=1.2, <2`")
        found.append((match[1], parse_version(match[2])))
    return tuple(found)


def parse_version(text: str) -> tuple[int, ...]:
    """A version as numbers, without zeros at the end, so that 1.0 is 1."""
    numbers = [int(number) for number in text.split(".") if number]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
