"""Values that components provide, as JSON data and back: no code travels, and nothing is executed by reading.

JSON's own values stay as they are, but for dictionaries: these, and all that JSON does not have, are {"kind": content}.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import sys
from enum import Enum
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Set

from depl.address import Address, NetLoc
from depl.errors import ConfigurationError
from depl.host import Host
from depl.tree import InTree
from depl.utils import BagOfAttributes

if TYPE_CHECKING:
    from depl.environment import Environment

SAFE_INTEGERS = range(-(2**63), 2**63)
BUILT_IN = (str, bytes, int, float, complex, list, tuple, dict, set, frozenset, BaseException)
CONTAINERS = {list: "list", tuple: "tuple", set: "set", frozenset: "frozenset"}


class NotData(Exception):
    """A value is live: a component, a function, or something else that only exists where it was made."""


def encode(value: Any, environment: Optional[Environment] = None) -> Any:
    """A value as JSON data. environment: that of the hosts that may be in it. NotData if it is not data."""
    try:
        return _Encoder(environment).encode(value)
    except RecursionError:
        raise NotData("it is too deep") from None


def decode(data: Any, environment: Optional[Environment] = None) -> Any:
    """The value that was encoded. ConfigurationError where it cannot be made here."""
    if isinstance(data, list):
        return [decode(one, environment) for one in data]
    if not isinstance(data, dict):
        return data
    ((kind, content),) = data.items()
    return DECODERS[kind](content, environment)


def mapped_texts(data: Any, function: Callable[[str], str]) -> Any:
    """Data with a function applied to all texts in it."""
    if isinstance(data, str):
        return function(data)
    if isinstance(data, list):
        return [mapped_texts(one, function) for one in data]
    if isinstance(data, dict):
        return {key: mapped_texts(one, function) for key, one in data.items()}
    return data


class _Encoder:
    def __init__(self, environment: Optional[Environment]) -> None:
        self._environment = environment
        self._inside: Set[int] = set()  # what is being encoded: nothing may contain itself

    def encode(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind in (bool, str):
            return value
        if kind is int:
            return value if value in SAFE_INTEGERS else {"int": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is bytes:
            return _bytes(value)
        if id(value) in self._inside:
            raise NotData("it contains itself")
        self._inside.add(id(value))
        try:
            return self._compound(value, kind)
        finally:
            self._inside.discard(id(value))

    def _compound(self, value: Any, kind: type) -> Any:
        if kind in CONTAINERS:
            items = [self.encode(one) for one in value]
            if kind in (set, frozenset):
                items.sort(key=lambda item: json.dumps(item, sort_keys=True))
            return items if kind is list else {CONTAINERS[kind]: items}
        if kind in (dict, BagOfAttributes):
            pairs = [[self.encode(key), self.encode(one)] for key, one in value.items()]
            return {"dict" if kind is dict else "bag": pairs}
        if kind is Address:
            return {"address": [value.connect.host, value.connect.port, value.require_v4, value.require_v6]}
        if kind is NetLoc:
            return {"netloc": [value.host, value.port]}
        if isinstance(value, Host):
            return {"host": self._known(value).name}
        return self._of_class(value, kind)

    def _known(self, host: Host) -> Host:
        if self._environment is None or self._environment.hosts.get(host.name) is not host:
            raise NotData("it is a host of another environment")
        return host

    def _of_class(self, value: Any, kind: type) -> Any:
        """A value of a class of depl or of the project."""
        name = _name_of(kind)
        if isinstance(value, InTree):
            raise NotData("it is a component")
        if isinstance(value, Enum):
            member = getattr(value, "_name_", None)
            return {"enum": [*name, member, None if member in kind.__members__ else self.encode(value.value)]}  # type: ignore[attr-defined]
        if isinstance(value, str) and not getattr(value, "__dict__", None):
            return {"text": [*name, str.__str__(value)]}
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            return {"named": [*name, [self.encode(one) for one in value]]}
        if not dataclasses.is_dataclass(kind) or isinstance(value, BUILT_IN):
            raise NotData(f"it is a {kind.__name__}")
        names = [one.name for one in dataclasses.fields(kind)]
        state = {name: getattr(value, name) for name in names if hasattr(value, name)}
        state.update(getattr(value, "__dict__", {}))
        return {"object": [*name, {name: self.encode(one) for name, one in state.items()}]}


def _bytes(value: bytes) -> Any:
    """As text where it is one: a path in it may have to be another one on the host."""
    try:
        return {"bytes": value.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode("ascii")}


def _name_of(kind: type) -> List[str]:
    """Module and name of a class of depl or of the project, by which it is found again."""
    module, name = kind.__module__, kind.__qualname__
    if not _is_ours(module) or _find(sys.modules.get(module), name) is not kind:
        raise NotData(f"it is a {name} of {module}")
    return [module, name]


def _is_ours(module: str) -> bool:
    return module.startswith("depl.")


def _find(found: Any, name: str) -> Any:
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _class(module: str, name: str) -> Any:
    from importlib import import_module

    reason = ""
    try:
        found = _find(import_module(module), name) if _is_ours(module) else None
    except Exception as error:  # noqa: BLE001  (a module of the project)
        found, reason = None, f": {error}"
    if not isinstance(found, type):
        raise ConfigurationError(f"there is no class {name} in {module} here{reason}")
    return found


def _address(content: Any, environment: Any) -> Address:
    host, port, v4, v6 = content
    return Address(host, port, v4, v6, environment)


def _enum(content: Any, environment: Any) -> Any:
    kind = _class(*content[:2])
    return kind(decode(content[3], environment)) if content[3] is not None else kind[content[2]]


def _object(content: Any, environment: Any) -> Any:
    module, name, state = content
    made = object.__new__(_class(module, name))
    for attribute, one in state.items():
        object.__setattr__(made, attribute, decode(one, environment))
    return made


def _pairs(content: Any, environment: Any) -> Dict[Any, Any]:
    return {decode(key, environment): decode(one, environment) for key, one in content}


DECODERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "int": lambda content, _: int(content, 16),
    "float": lambda content, _: float(content),
    "bytes": lambda content, _: content.encode("utf-8"),
    "base64": lambda content, _: base64.b64decode(content),
    "tuple": lambda content, environment: tuple(decode(content, environment)),
    "set": lambda content, environment: set(decode(content, environment)),
    "frozenset": lambda content, environment: frozenset(decode(content, environment)),
    "dict": _pairs,
    "bag": lambda content, environment: BagOfAttributes(_pairs(content, environment)),
    "address": _address,
    "netloc": lambda content, _: NetLoc(*content),
    "host": lambda content, environment: environment.get_host(content),
    "enum": _enum,
    "text": lambda content, _: str.__new__(_class(*content[:2]), content[2]),
    "named": lambda content, environment: tuple.__new__(_class(*content[:2]), decode(content[2], environment)),
    "object": _object,
}
