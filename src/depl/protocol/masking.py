"""What goes up to the coordinator, without secrets: texts for people are masked, what it works with stays."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Sequence, Type

from depl.protocol.replies import (
    Checked,
    Collected,
    Configured,
    Logged,
    Planned,
    Refused,
    Repeated,
    Settled,
    TaskOver,
    TasksReversed,
    Told,
    Undoing,
)
from depl.redact import Redactor

# Under these keys is what programs go by; a secret with the same text must not change it.
FIXED = frozenset(("class", "component", "line", "outcome", "root", "returncode", "verb", "way_back", "who"))
NOTHING = "nothing"  # at a path, before a change: read by those who count


def masked(reply: Any, redact: Redactor) -> Any:
    """A reply as it may be sent, and be kept. Said is as it was: output is a stream, and filtered as one."""
    if not redact:
        return reply
    fields = TEXTS.get(type(reply), {})
    return reply._replace(**{name: mask(getattr(reply, name), redact) for name, mask in fields.items()})


def _sentences(texts: Sequence[str], redact: Redactor) -> List[str]:
    return [redact(text) for text in texts]


def _facts(facts: Mapping[str, Any], redact: Redactor) -> Dict[str, Any]:
    return {key: _fact(key, value, redact) for key, value in facts.items()}


def _each(listed: Sequence[Mapping[str, Any]], redact: Redactor) -> List[Dict[str, Any]]:
    return [_facts(one, redact) for one in listed]


def _fact(key: str, value: Any, redact: Redactor) -> Any:
    if isinstance(value, Mapping):
        return _facts(value, redact)
    if key in FIXED or (key, value) == ("before", NOTHING):
        return value
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, (list, tuple)):
        return [_fact(key, one, redact) for one in value]
    return value


TEXTS: Mapping[Type[Any], Mapping[str, Callable[[Any, Redactor], Any]]] = {
    Configured: {"differences": _sentences, "warnings": _each},
    Told: {"data": _facts},
    TaskOver: {"errors": _each},
    TasksReversed: dict.fromkeys(("kept", "conflicts", "failed", "unknown", "pivots", "standing"), _sentences),
    Repeated: {"failed": _sentences},
    Collected: {"errors": _each},
    Checked: {"errors": _each},
    Settled: {"errors": _each},
    Planned: {"errors": _each, "unknown": _sentences, "irreversible": _sentences},
    Undoing: {"steps": _each, "unknown": _sentences},
    Logged: {"rows": _each, "unread": _each},
    Refused: {"errors": _each},
}
