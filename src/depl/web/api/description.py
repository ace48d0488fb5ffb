"""The description of the API, in the form of OpenAPI; made from its parts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from depl import __version__
from depl.web.api.described import FACTS, PREFIX, TEXT, Part, fields, listed, named
from depl.web.api.shapes import SHAPES

ERROR = fields(
    error=fields(
        message={**TEXT, "description": "what is wrong, and where"},
        hint={**TEXT, "description": "the next step"},
        fields={**FACTS, "description": "mistakes by the name of a field"},
        mistakes=listed(FACTS),
    )
)
FAILURES = {
    "401": "Nobody knows who asks.",
    "403": "They may not do that.",
    "404": "There is no such thing, or it is not for them to know of.",
    "409": "It makes no sense now.",
    "422": "What was sent means nothing.",
    "503": "The store cannot be used now.",
}


def described(parts: Iterable[Part], name: str) -> dict[str, Any]:
    """All of it. name: of the project."""
    paths: dict[str, dict[str, Any]] = {}
    for part in parts:
        path = PREFIX + re.sub(r"\{(\w+):\w+\}", r"{\1}", part.path)
        paths.setdefault(path, {})[part.method.lower()] = _operation(part)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{name}: rollouts",
            "version": __version__,
            "description": "Create, run, watch and reverse rollouts. What the pages do, with the same rights.",
        },
        "paths": paths,
        "components": {
            "schemas": {**SHAPES, "Error": ERROR},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "of `depl token add`"},
                "session": {"type": "apiKey", "in": "cookie", "name": "depl_session"},
            },
        },
        "security": [{"token": []}, {"session": []}],
    }


def _operation(part: Part) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _id(part),
        "summary": part.summary,
        "responses": {
            str(part.status): {"description": "As asked.", "content": {"application/json": {"schema": part.answer}}},
            **{status: _failure(text) for status, text in FAILURES.items() if not part.public or status == "503"},
        },
    }
    if part.needs and not part.public:
        operation["description"] = f"Needs the right to `{part.needs}`."
    if part.public:
        operation["security"] = []
    given = [_given("path", name, TEXT, required=True) for name in re.findall(r"\{(\w+)", part.path)]
    given += [_given("query", name, schema) for name, schema in part.query.items()]
    if given:
        operation["parameters"] = given
    if part.method == "POST":
        schema = {"type": "object", "properties": dict(part.body), "required": list(part.required)}
        required = bool(part.required)
        operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
    return operation


def _id(part: Part) -> str:
    words = re.findall(r"\w+", re.sub(r":\w+", "", part.path))
    return "_".join([part.method.lower(), *words]).replace(".", "_")


def _given(where: str, name: str, schema: Any, *, required: bool = False) -> dict[str, Any]:
    described = {key: value for key, value in schema.items() if key != "description"}
    found = {"name": name, "in": where, "required": required, "schema": described}
    return {**found, "description": schema["description"]} if "description" in schema else found


def _failure(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": named("Error")}}}
