"""Places in the project that a host names, as they are called here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from depl.errors import DeplError, Lost, TakenOver, Unreachable
from depl.protocol import replies
from depl.protocol.failures import error_from_json

IN_CACHE = re.compile(r"^/.*/projects/[0-9a-f]{40,64}[^/]*/")  # where a plan's project lies


def called_as_here(reply: Any, target_directory: str, base_dir: str) -> Any:
    """A reply with its places in the project as they are called here."""
    if isinstance(reply, replies.Told) and reply.data.get("place"):
        place = _place(reply.data["place"], target_directory, base_dir)
        return reply._replace(data={**reply.data, "place": place})
    if isinstance(reply, (replies.TaskOver, replies.Planned, replies.Collected)) and reply.errors:
        return reply._replace(errors=[with_place(facts, target_directory, base_dir) for facts in reply.errors])
    return reply


def with_place(facts: Mapping[str, Any], target_directory: str, base_dir: str) -> Mapping[str, Any]:
    """The facts of an error, likewise."""
    mapped = dict(facts)
    if facts.get("file"):
        mapped["file"] = _place(facts["file"], target_directory, base_dir)
    mistakes = facts.get("mistakes")
    if isinstance(mistakes, list):
        mapped["mistakes"] = [with_place(one, target_directory, base_dir) for one in mistakes if isinstance(one, dict)]
    return mapped


def refusal(refused: replies.Refused, host: str, target_directory: str, base_dir: str) -> DeplError:
    """Why an agent refused, as an error."""
    errors = [error_from_json(with_place(facts, target_directory, base_dir)) for facts in refused.errors]
    error = errors[0] if errors else Unreachable(f"{host} refused")
    if refused.status in ("lost", "failed") and not error.message.startswith((f"{host}: ", f"{host} ")):
        error.message = f"{host}: {error.message}"
    if refused.status == "lost" and not isinstance(error, TakenOver):
        return Lost(error.message, hint=error.hint)
    return error


def _place(place: Any, target_directory: str, base_dir: str) -> str:
    project = target_directory + "/project/"
    if target_directory and str(place).startswith(project):
        return f"{base_dir}/{str(place)[len(project) :]}"
    return IN_CACHE.sub(lambda found: base_dir + "/", str(place), count=1)
