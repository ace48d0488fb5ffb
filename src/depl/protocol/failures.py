"""Errors as data, for the wire."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from depl import errors
from depl.errors import CmdExecutionError, DeplError, Mistakes

TAIL = 8000  # characters of a failed command's output that travel


def error_to_json(error: DeplError) -> Dict[str, Any]:
    """An error as facts."""
    facts: Dict[str, Any] = {
        "class": type(error).__name__,
        "message": error.message,
        "component": error.component,
        "file": error.file,
        "line": error.line,
        "hint": error.hint,
    }
    if isinstance(error, CmdExecutionError):
        facts.update(cmd=error.cmd, returncode=error.returncode)
        facts.update(stdout=error.stdout[-TAIL:], stderr=error.stderr[-TAIL:])
    if isinstance(error, Mistakes):
        facts["mistakes"] = [error_to_json(one) for one in error.mistakes]
    return facts


def error_from_json(facts: Mapping[str, Any]) -> DeplError:
    """The error that some facts tell of; of a class that is known here, else a DeploymentError."""
    kind = getattr(errors, str(facts.get("class")), None)
    message, component = str(facts.get("message")), facts.get("component")
    error: DeplError
    if kind is Mistakes:
        listed = facts.get("mistakes")
        return Mistakes([error_from_json(one) for one in listed or () if isinstance(one, dict)])
    if kind is CmdExecutionError:
        output = str(facts.get("stdout", "")), str(facts.get("stderr", ""))
        error = CmdExecutionError(str(facts.get("cmd")), facts.get("returncode"), *output)
        error.message = message
    elif kind is errors.ChangeFailed:
        error = errors.ChangeFailed("", message)
    elif isinstance(kind, type) and issubclass(kind, DeplError):
        error = kind(message)
    else:
        error = errors.DeploymentError(message)
    error.component = None if component is None else str(component)
    file, line = facts.get("file"), facts.get("line")
    error.file = None if file is None else str(file)
    error.line = line if isinstance(line, int) else None
    error.hint = str(facts.get("hint") or error.hint)
    return error
