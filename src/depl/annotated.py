"""The types that annotations name, for which there is a conversion from texts.

The resolver is our own: it reads strings under Python 3.9 (`int | None`, `list[int]`) and leaves alone what it does not
know.
"""

from __future__ import annotations

import ast
import builtins
import os
import sys
from enum import Enum
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

from depl.facts import FRAMEWORK, own_annotations
from depl.texts import boolean, dictionary, integer, words


class Type(NamedTuple):
    """A type that texts can be converted to. name: in words, for messages."""

    name: str
    convert: Callable[[str], Any]


def annotated_type(cls: type, name: str) -> Optional[Type]:
    """The type that the annotation of a class attribute names, None if there is none or it is not known."""
    for base in cls.__mro__:
        if base.__module__ in FRAMEWORK:
            continue
        annotations = own_annotations(base)
        if name in annotations:
            module = sys.modules.get(base.__module__)
            scope = {**getattr(module, "__dict__", {}), **base.__dict__}
            return _of_text(annotations[name], scope) if isinstance(annotations[name], str) else _of(annotations[name])
    return None


def _of_text(text: str, scope: Mapping[str, Any]) -> Optional[Type]:
    try:
        return _of_node(ast.parse(text.strip(), mode="eval").body, scope)
    except SyntaxError:
        return None


def _of_node(node: ast.AST, scope: Mapping[str, Any]) -> Optional[Type]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return _of_text(node.value, scope)
        return PLAIN[type(None)] if node.value is None else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([_of_node(node.left, scope), _of_node(node.right, scope)])
    if isinstance(node, ast.Subscript):
        return _of_subscript(_value(node.value, scope), node.slice, scope)
    return _of(_value(node, scope))


def _of_subscript(origin: Any, inside: ast.AST, scope: Mapping[str, Any]) -> Optional[Type]:
    inside = getattr(inside, "value", inside) if type(inside).__name__ == "Index" else inside
    parts: Sequence[ast.AST] = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    if origin in (Union, Optional):
        none = [PLAIN[type(None)]] if origin is Optional else []
        return _union([*(_of_node(part, scope) for part in parts), *none])
    if origin in (list, List, Sequence) and len(parts) == 1:
        return _list_of(_of_node(parts[0], scope))
    if origin in (dict, Dict, Mapping):
        return PLAIN[dict]
    return None


def _value(node: ast.AST, scope: Mapping[str, Any]) -> Any:
    """What a dotted name means; None if it means nothing here."""
    if isinstance(node, ast.Name):
        return scope.get(node.id, getattr(builtins, node.id, None))
    if isinstance(node, ast.Attribute):
        return getattr(_value(node.value, scope), node.attr, None)
    return None


def _of(annotation: Any) -> Optional[Type]:
    """The type for an annotation that is an object."""
    try:
        plain = PLAIN.get(annotation)
    except TypeError:  # not hashable
        return None
    if plain is not None:
        return plain
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _enum(annotation)
    if isinstance(annotation, type) and issubclass(annotation, os.PathLike):
        return Type("a path", annotation)
    return _of_generic(annotation)


def _of_generic(annotation: Any) -> Optional[Type]:
    origin = getattr(annotation, "__origin__", None)
    parts: Sequence[Any] = getattr(annotation, "__args__", ())
    if origin is Union or type(annotation).__name__ == "UnionType":
        return _union([_of(part) for part in parts])
    if origin is list and len(parts) == 1:
        return PLAIN[list] if type(parts[0]).__name__ == "TypeVar" else _list_of(_of(parts[0]))
    if origin is dict:
        return PLAIN[dict]
    return None


def _union(members: Sequence[Optional[Type]]) -> Optional[Type]:
    """The first member that takes the text; text itself comes last."""
    if any(member is None for member in members):
        return None
    text = PLAIN[str]
    known = [member for member in members if member is not None and member != text]
    if text in members:
        known = [member for member in known if member != PLAIN[type(None)]] + [text]

    def convert(value: str) -> Any:
        for member in known:
            try:
                return member.convert(value)
            except (ValueError, SyntaxError, TypeError):
                continue
        raise ValueError(value)

    return Type(" or ".join(member.name for member in known), convert)


def _list_of(item: Optional[Type]) -> Optional[Type]:
    if item is None:
        return None

    def convert(value: str) -> Any:
        return [item.convert(one) if isinstance(one, str) else one for one in words(value)]

    return Type(f"a list, each of its items {item.name}", convert)


def _enum(enum: Any) -> Type:
    def convert(value: str) -> Any:
        text = value.strip()
        for member in enum:
            if text in (member.name, str(member.value)):
                return member
        raise ValueError(value)

    return Type("one of " + ", ".join(str(member.value) for member in enum), convert)


def _nothing(value: str) -> None:
    if value.strip().lower() not in ("", "none"):
        raise ValueError(value)


PLAIN: Mapping[Any, Type] = {
    str: Type("a text", str),
    int: Type("a whole number", integer),
    float: Type("a number", float),
    bool: Type("true or false", boolean),
    list: Type("a list", words),
    List: Type("a list", words),
    dict: Type("a dictionary", dictionary),
    Dict: Type("a dictionary", dictionary),
    type(None): Type("none", _nothing),
}
