"""Events, outcomes and errors as data that may be shown and recorded: what people read passes the filter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from depl.redact import Redactor
from depl.rollout.states import SIGNALS, Block, Hold, RolloutState, TaskState

_IDENTITIES = """schema n at event what environment environments host hosts rollout rollouts undoes redoes task tasks
outcome status exit_status settled_by stream undone_by class verb way_back cause tolerated"""
_OTHERS = """after before change changed changes cmd command component conflict conflicts count data diff error errors
failed file hint interrupted irreversible kept line log message mistakes output path pivots place planned reason
returncode revision seconds shown size put_back standing stands held goes_along stderr stdout takes_back text
things removing undone unknown warning who appeared number refused attempt total done epoch item"""
_OF_PLANS = """tree parameters made digests title valid monitors interval jobs info carried root leaves groups id
arguments reverses retries timeout repeatable members parallel limit max_failures saved"""
IDENTITIES = frozenset(_IDENTITIES.split())  # what stands under them is looked for again, by programs and the next run
CLOSED: Mapping[str, frozenset[str]] = {  # words of ours, which records are folded by
    "before": frozenset({"nothing"}),
    "hold": frozenset(Hold),
    "block": frozenset(Block),
    "state": frozenset({*RolloutState, *TaskState}),
    "kind": frozenset({"failed", "conflict"}),
    "direction": frozenset({"forward", "backward"}),
    "name": frozenset(SIGNALS),
    "on_failure": frozenset({"rollback", "stop", "ask"}),
    "on_interrupt": frozenset({"reverse", "ask", "resume"}),
    "gate": frozenset({"approval", "checklist"}),
}
NAMES = IDENTITIES | CLOSED.keys() | frozenset(_OTHERS.split()) | frozenset(_OF_PLANS.split())
OF_A_PLAN = ("name", "monitors", "digests")  # which it is found again by
OTHERS_WORDS = ("parameters", "arguments")  # whatever is called there by a name of ours, is not ours
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def masked(value: Any, redact: Redactor) -> Any:
    """Lists, mappings and plain values, with every text for people filtered.

    The names of hosts, rollouts, states and the like stay, even where a secret has the same text.
    """
    if isinstance(value, str):
        return _text(value, redact)
    if isinstance(value, Mapping):
        return {_key(key, redact): _under(str(key), one, value, redact) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(one, redact) for one in value]
    return value


def masked_lines(lines: list[str], redact: Redactor) -> list[str]:
    """Lines of one text: a value may stretch over several of them."""
    return _text("\n".join(lines), redact).split("\n") if lines else []


def visible(text: str) -> str:
    """Text without what would move the cursor, change colours or ring the bell: a command may print anything."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def _text(text: str, redact: Redactor) -> str:
    shown = redact(text)
    if redact and "\x1b" in shown:  # a value may be coloured in its middle
        bare = visible(shown)
        if redact(bare) != bare:
            return redact(bare)
    return shown


def _key(key: Any, redact: Redactor) -> str:
    return str(key) if key in NAMES else redact(str(key))


def _under(key: str, value: Any, around: Mapping[str, Any], redact: Redactor) -> Any:
    if key == "hosts" or (key in IDENTITIES and not isinstance(value, Mapping)):
        return value
    if (isinstance(value, str) and value in CLOSED.get(key, ())) or (key in OF_A_PLAN and "tree" in around):
        return value
    if key in OTHERS_WORDS and isinstance(value, Mapping):
        known = around.get("environments") or ()
        return {_key(name, redact): one if one in known else _whole(one, redact) for name, one in value.items()}
    if key == "component" and value == around.get("task"):
        return value
    if key == "things" and isinstance(value, (list, tuple)):  # what they are is no word of ours, but a path
        return [{name: masked(fact, redact) for name, fact in one.items()} for one in value]
    if key == "output" and isinstance(value, (list, tuple)) and all(isinstance(line, str) for line in value):
        return masked_lines(list(value), redact)
    return masked(value, redact)


def _whole(value: Any, redact: Redactor) -> Any:
    """All texts in a value filtered, whatever they are called."""
    if isinstance(value, Mapping):
        return {_key(key, redact): _whole(one, redact) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_whole(one, redact) for one in value]
    return masked(value, redact)
