"""From the texts of environment files to the values that components want; and the mistake where that fails."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from depl.annotated import PLAIN, annotated_type
from depl.errors import ConversionError


def overridden(component: Any, name: str, override: Any) -> Any:
    """The value of a root component's attribute for what the environment says on it."""
    from depl.attribute import Attribute

    declared = _declared(type(component), name)
    if isinstance(declared, Attribute):
        return declared.from_text(component, override.value, override)
    wanted_type = annotated_type(type(component), name)
    if wanted_type is None:
        return override.value
    try:
        return wanted_type.convert(override.value)
    except (ValueError, SyntaxError, TypeError) as reason:
        raise error(component, name, override.value, wanted_type.name, origin(override)) from reason


def origin(override: Any = None) -> Dict[str, Any]:
    """Where to mend a value: what errors take. Without an override it is the class that says so itself."""
    if override is None:
        return {}
    return {"file": override.file, "line": override.line, "hint": f"Change it in {override.origin}."}


def error(
    component: Any, name: str, value: str, wanted_name: str, where: Mapping[str, Any], reason: str = ""
) -> ConversionError:
    """The mistake of a value that is not of the wanted type."""
    because = f" ({reason})" if reason and not _is_odd(value) else ""
    message = f"attribute {name!r} of {component.id!r} is {shown(value)}, which is not {wanted_name}{because}"
    return ConversionError(message, component, **where)


def shown(value: str) -> str:
    """A value in quotes. Never a part or another spelling of it: the filter of secrets would not know that."""
    return f"a text of {len(value)} characters" if _is_odd(value) else f"{str(value)!r}"


def _is_odd(value: str) -> bool:
    return len(value) > 200 or str(value) not in repr(str(value))


def wanted(conversion: Any) -> str:
    """What a conversion makes, in words."""
    if conversion in ("literal", "list"):
        return {"literal": "a Python literal", "list": "a list"}[conversion]
    if conversion in PLAIN:
        return PLAIN[conversion].name
    return f"what {getattr(conversion, '__name__', conversion)} takes"


def _declared(cls: type, name: str) -> Any:
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None
