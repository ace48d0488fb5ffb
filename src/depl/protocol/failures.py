"""Errors as data, for the wire."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping

from depl import errors
from depl.errors import CmdExecutionError, DeplError, Mistakes, TakenOver

TAIL = 8000  # characters of a failed command's output that travel


def error_to_json(error: DeplError, redact: Callable[[str], str] = str) -> Dict[str, Any]:
    """An error as facts. redact: hides secrets while they are whole, as only the end of an output travels."""
    facts = error.facts
    if isinstance(error, CmdExecutionError):
        facts.update(cmd=error.cmd, returncode=error.returncode)
        facts.update(stdout=redact(error.stdout)[-TAIL:], stderr=redact(error.stderr)[-TAIL:])
    if isinstance(error, TakenOver):
        facts["who"] = error.who
    if isinstance(error, Mistakes):
        facts["mistakes"] = [error_to_json(one, redact) for one in error.mistakes]
    return facts


def error_from_json(facts: Mapping[str, Any]) -> DeplError:
    """The error that some facts tell of; of a class that is known here, else a DeploymentError.

    Whatever the facts are, there is one: they come from a host.
    """
    listed = facts.get("mistakes")
    if facts.get("class") == Mistakes.__name__ and isinstance(listed, list):
        mistakes = [_one_error(one) for one in listed if isinstance(one, dict)]
        if mistakes:
            return Mistakes(mistakes)
    return _one_error(facts)


def _one_error(facts: Mapping[str, Any]) -> DeplError:
    kind = getattr(errors, _text(facts, "class"), None)
    message = _text(facts, "message") or "something failed there, and it is not told what"
    error: DeplError
    if kind is Mistakes:
        error = errors.ConfigurationError(message)
    elif kind is CmdExecutionError:
        returncode = facts.get("returncode")
        code = returncode if isinstance(returncode, int) else None
        error = CmdExecutionError(_text(facts, "cmd"), code, _text(facts, "stdout"), _text(facts, "stderr"))
        error.message = message
    elif kind is errors.ChangeFailed:
        error = errors.ChangeFailed("", message)
    elif kind is TakenOver:
        error = TakenOver(message, who=_text(facts, "who"))
    elif isinstance(kind, type) and issubclass(kind, DeplError):
        error = kind(message)
    else:
        error = errors.DeploymentError(message)
    line = facts.get("line")
    error.component = _text(facts, "component") or None
    error.file = _text(facts, "file") or None
    error.line = line if isinstance(line, int) else None
    error.hint = _text(facts, "hint") or error.hint
    return error


def _text(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    return value if isinstance(value, str) else ""
