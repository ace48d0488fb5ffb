"""Which texts the code of a component class mentions: a guess at what it would have provided or required.

Used only to hold back mistakes that may follow from others; never to decide anything.
"""

from __future__ import annotations

from types import CodeType
from typing import Any, Dict, Iterable, Iterator, List, Set

from depl.facts import FRAMEWORK


def mentioned(classes: Iterable[Any]) -> Set[str]:
    """The text constants in classes, their bases and all component classes and functions that their code names."""
    texts: Set[str] = set()
    seen: Set[int] = set()
    ahead: List[Any] = list(classes)
    while ahead:
        one = ahead.pop()
        if id(one) not in seen:
            seen.add(id(one))
            ahead.extend(_of_class(one, texts) if isinstance(one, type) else _of_function(one, texts))
    return texts


def _of_class(cls: type, texts: Set[str]) -> Iterator[Any]:
    for base in cls.__mro__:
        if base is object or base.__module__ in FRAMEWORK:
            continue
        for value in vars(base).values():
            if isinstance(value, str):
                texts.add(value)
            yield getattr(value, "__func__", value)


def _of_function(function: Any, texts: Set[str]) -> Iterator[Any]:
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return
    names: Dict[str, None] = {}
    _of_code(code, texts, names)
    known = function.__globals__
    for name in names:
        value = known.get(name)
        if hasattr(value, "__code__") or _is_component(value):
            yield value
        elif isinstance(value, str):
            texts.add(value)


def _of_code(code: CodeType, texts: Set[str], names: Dict[str, None]) -> None:
    names.update(dict.fromkeys(code.co_names))
    for constant in code.co_consts:
        if isinstance(constant, str):
            texts.add(constant)
        elif isinstance(constant, CodeType):
            _of_code(constant, texts, names)


def _is_component(value: Any) -> bool:
    return isinstance(value, type) and hasattr(value, "require_one")
