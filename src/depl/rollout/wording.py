"""Numbers, durations and sizes in the words of people. Pure."""

from __future__ import annotations

import time
from datetime import datetime


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 change`, `2 changes`."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def seconds(value: float) -> str:
    """A duration: `0.08 s`, `3.2 s`, `47 s`, `2 min 5 s`."""
    if value < 1:
        return f"{value:.2f} s"
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


def size(value: int) -> str:
    """A number of bytes: `312 B`, `1.2 kB`, `104 MB`."""
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"


def moment(at: str) -> float | None:
    """A time in a record in seconds since 1970; None for what is none."""
    try:
        return datetime.fromisoformat(at).timestamp() if at.endswith("Z") else None
    except ValueError:
        return None


def utc_of(at: float) -> str:
    """Seconds since 1970 as a time in a record."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def age(at: str, now: float | None = None) -> float | None:
    """Seconds since a time in a record; for people, as clocks may jump. now: as a moment."""
    then = moment(at)
    return None if then is None else max(0.0, (time.time() if now is None else now) - then)


def took(began: str, ended: str, now: float | None = None) -> str:
    """How long it took from one time in a record to another, or to now: `4 s`; nothing for what is no second."""
    start = moment(began)
    if start is None:
        return ""
    end = moment(ended)
    last = end if end is not None else time.time() if now is None else now
    whole = round(max(0.0, last - start))  # records have no parts of seconds
    return seconds(whole) if whole >= 10 else f"{whole} s" if whole else ""
