"""A part of the API with what is said of it, so that no part is without its description."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from depl.web.ask import Ask
from depl.web.routing import call

PREFIX = "/api/v1"
Schema = Mapping[str, Any]  # of JSON Schema


@dataclass(frozen=True)
class Part:
    """path: after PREFIX, as the framework takes it. query, body: what may be sent, by name. answer: what comes back.

    summary: a sentence. needs: the action for which the right is needed, empty for none. status: where all is well.
    """

    method: str
    path: str
    handler: Callable[[Ask], Response]
    summary: str
    answer: Schema
    query: Mapping[str, Schema] = field(default_factory=dict)
    body: Mapping[str, Schema] = field(default_factory=dict)
    required: Sequence[str] = ()
    needs: str = "view"
    status: int = 200
    public: bool = False

    @property
    def route(self) -> Route:
        """How it is reached."""
        return call(PREFIX + self.path, self.handler, self.method, public=self.public)


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
REAL: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
FACTS: Schema = {"type": "object", "additionalProperties": True}
TIME: Schema = {"type": "string", "description": "UTC, such as 2026-01-02T03:04:05Z; empty: not yet"}


def listed(of: Schema) -> Schema:
    """A list of them."""
    return {"type": "array", "items": of}


def fields(**of: Schema) -> Schema:
    """An object with these fields."""
    return {"type": "object", "properties": of}


def named(name: str) -> Schema:
    """One that is described under its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def choice(*values: str) -> Schema:
    """One of some words."""
    return {"type": "string", "enum": list(values)}
