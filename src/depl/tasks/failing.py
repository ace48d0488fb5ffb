"""What went wrong in a task, as facts: depl's own errors as they are, others with their place in the project."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from depl.deploy.failure import hint_for, what_failed
from depl.errors import DeplError, DeploymentError, Interrupted
from depl.places import failing_place
from depl.protocol.failures import error_to_json
from depl.rollout.masking import masked
from depl.tasks.working import Working


def as_error(error: BaseException, base: str) -> DeplError:
    """An error that names file and line, as far as they are known."""
    file, line = failing_place(error.__traceback__, base) or (None, None)
    if isinstance(error, KeyboardInterrupt):
        return Interrupted("it was interrupted", file=file, line=line)
    if isinstance(error, DeplError):
        if error.file is None:
            error.file, error.line = file, line
        return error
    return DeploymentError(what_failed(error), file=file, line=line, hint=hint_for(error))


def facts_of(error: DeplError, working: Working, output: Iterable[str] = ()) -> dict[str, Any]:
    """An error and the last lines of output as facts that may be shown."""
    facts = error_to_json(error, working.redact)
    if working.output_instead and "stdout" in facts:
        facts |= {"stdout": "", "stderr": working.output_instead}
    if lines := list(output):
        facts["output"] = lines
    shown: dict[str, Any] = masked(facts, working.redact)
    return shown
