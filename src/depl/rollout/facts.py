"""What hosts answer, looked at before anybody relies on it: the wire knows no more than the types of its fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Optional

from depl.errors import ProtocolError
from depl.events import What
from depl.protocol.replies import Collected, Found, Logged, Planned, TaskOver, TasksReversed, Told, Undoing

Checks = Mapping[str, Callable[[Any], bool]]  # by the name of a fact
LARGEST = 10**12  # of whatever is counted or measured


def assert_sound(reply: Any) -> None:
    """Errors: ProtocolError for a reply with facts that cannot be, which says what is wrong with it."""
    if isinstance(reply, Told):
        _assert_event(reply)
    elif isinstance(reply, (TaskOver, Planned, Collected)):
        _assert_facts({"changed": reply.changed}, {"changed": _is_count}, "a component")
    elif isinstance(reply, TasksReversed):
        _assert_facts({"reversed": reply.reversed}, {"reversed": _is_count}, "a way back")
    elif isinstance(reply, Found):
        for chain in reply.chains:
            _assert_facts(chain, _CHAIN, "a journal")
    elif isinstance(reply, Logged):
        _assert_rows(reply.rows)
    elif isinstance(reply, Undoing):
        for task in reply.tasks:
            _assert_facts(task, _TASK, "a journal", required=("root",))
        for step in reply.steps:
            _assert_facts(step, _STEP, "a way back", required=("component", "shown", "conflict"))


def _assert_event(told: Told) -> None:
    try:
        what = What(told.what)
    except ValueError:
        raise ProtocolError("it told of something that cannot happen") from None
    _assert_facts(told.data, _EVENTS.get(what, {}), f"{what.value!r}")


def _assert_rows(rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        _assert_facts(row, _ROW, "a rollout", required=_ENTRY if "change" in row else _HEAD)


def _assert_facts(facts: Mapping[str, Any], checks: Checks, about: str, required: Iterable[str] = ()) -> None:
    missing = next((name for name in required if name not in facts), None)
    if missing is not None:
        raise ProtocolError(f"it told of {about} without {missing!r}")
    wrong = _wrong(facts, checks)
    if wrong is not None:
        raise ProtocolError(f"it told of {about} with a wrong {wrong!r}")


def _wrong(facts: Mapping[str, Any], checks: Checks) -> Optional[str]:
    """The first fact that cannot be."""
    return next((name for name, holds in checks.items() if name in facts and not holds(facts[name])), None)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_plain(value: Any) -> bool:
    """Something that can be shown in a line."""
    return value is None or isinstance(value, (str, int, float))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_text_or_nothing(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(map(_is_text, value))


def _is_texts_or_nothing(value: Any) -> bool:
    return value is None or _is_texts(value)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_integer(value) and 0 <= value < LARGEST


def _is_amount(value: Any) -> bool:
    """A size or a duration, if it is known; neither of them is endless."""
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < LARGEST)


def _is_change(value: Any) -> bool:
    return isinstance(value, Mapping) and _wrong(value, _CHANGE) is None


def _is_change_or_nothing(value: Any) -> bool:
    return value is None or _is_change(value)


def _are_changes(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(map(_is_change, value))


def _are_things(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(one, Mapping) and _is_thing(one) for one in value)


def _is_thing(value: Mapping[str, Any]) -> bool:
    return _is_text(value.get("what")) and _is_plain(value.get("component"))


def _are_components(value: Any) -> bool:
    facts = value if isinstance(value, (list, tuple)) else [None]
    return all(isinstance(one, Mapping) and "component" in one and _is_texts(list(one.values())) for one in facts)


_CHANGE: Checks = {
    **dict.fromkeys(("verb", "path", "before", "after", "way_back", "reason"), _is_plain),
    "size": _is_amount,
    "diff": _is_text_or_nothing,
}
_EVENTS: Mapping[What, Checks] = {  # what reports and the tally rely on
    What.CHANGED: {"changes": _are_changes, "reason": _is_plain, "seconds": _is_amount},
    What.TASK_UNCHANGED: {"seconds": _is_amount},
    What.TASK_DONE: {"seconds": _is_amount},
    What.TASK_SKIPPED: {"seconds": _is_amount, "reason": _is_plain},
    What.TASK_FAILED: {
        **dict.fromkeys(("error", "place", "hint"), _is_plain),
        "output": _is_texts_or_nothing,
        "seconds": _is_amount,
    },
    What.LOG: {"text": _is_plain},
    What.WARNING: {"text": _is_plain},
    What.REVERSED: {"change": _is_change_or_nothing},
    What.REPEATED: {"command": _is_plain},
    What.KEPT: {"path": _is_plain, "reason": _is_plain},
    What.CONFLICT: {"change": _is_change_or_nothing, "reason": _is_plain},
    What.UNDECLARED: {"things": _are_things, "removing": _is_plain},
}
_CHAIN: Checks = {
    **dict.fromkeys(("rollouts", "undos", "undone", "environments"), _is_texts),
    "outcome": _is_plain,
    "needs_code": _are_components,
}
_HEAD: Checks = {
    **dict.fromkeys(("rollout", "at", "who", "revision", "environment", "host", "outcome"), _is_text),
    **dict.fromkeys(("settled_by", "undone", "undone_by"), _is_text),
    "undoes": _is_text_or_nothing,
    "count": _is_count,
}
_ENTRY: Checks = {
    **dict.fromkeys(("rollout", "at", "component", "undone_by"), _is_text),
    **dict.fromkeys(("takes_back", "failed"), _is_plain),
    "change": _is_change,
}
_ROW: Checks = {**_HEAD, **_ENTRY, "failures": _is_texts}
_TASK: Checks = {"root": _is_text, "order": _is_integer, "after": _is_texts_or_nothing, "pivot": _is_flag}
_STEP: Checks = {
    "component": _is_text,
    "shown": _is_change,
    "conflict": _is_plain,
    "stands": _is_texts_or_nothing,
    "held": _is_text_or_nothing,
    "goes_along": _is_texts,
}
