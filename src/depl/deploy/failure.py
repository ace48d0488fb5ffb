"""Mapping what an author's code raises to an error that names component, file and line."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Callable, Optional, Sequence

from depl.change.journal import Journal
from depl.change.records import Begin, End
from depl.component import Component
from depl.errors import CmdExecutionError, DeplError, DeploymentError, Interrupted, JournalError

LONGEST = 2000  # characters of an error in the journal
LINES_OF_OUTPUT = 50  # of a failed command are shown
_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


@contextmanager
def in_component(component: Component, id: Optional[str] = None) -> Iterator[None]:
    """Whatever fails inside is told as a failure of this component (or of the one whose id is given)."""
    try:
        with alone():
            yield
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        failure = as_failure(error, component, id)
        if failure is error:
            raise
        raise failure from error


@contextmanager
def alone() -> Iterator[None]:
    """A process that an author's code forks ends here: what follows is for the one that deploys."""
    process = os.getpid()
    try:
        yield
    finally:
        if os.getpid() != process:
            os._exit(0)


def as_failure(error: BaseException, component: Component, id: Optional[str] = None) -> DeplError:
    """An error that names component, file and line: the same one, where it is depl's own."""
    file, line = _place(error.__traceback__)
    if file is None and component.place is not None:  # a block of the library: the line that made it
        file, line = component.place
    if isinstance(error, KeyboardInterrupt):
        return Interrupted("the run was interrupted", id or component.id, file=file, line=line)
    if isinstance(error, DeplError):
        if error.component is None:
            error.component = id or component.id
        if error.file is None:
            error.file, error.line = file, line
        return error
    return DeploymentError(what_failed(error), id or component.id, file=file, line=line, hint=hint_for(error))


def facts_of_failure(error: DeplError, redact: Callable[[str], str] = str) -> dict[str, Any]:
    """What the event of a failure says. output: the last lines that a failed command printed.

    redact: hides secrets while they are whole, as some have several lines.
    """
    facts: dict[str, Any] = {"error": redact(error.message), "place": error.place, "hint": redact(error.hint)}
    if isinstance(error, CmdExecutionError):
        lines = [*redact(error.stdout).splitlines(), *redact(error.stderr).splitlines()]
        facts["output"] = lines[-LINES_OF_OUTPUT:]
    return facts


def note_failure(
    journal: Journal, rollout: str, task: str, errors: Sequence[DeplError], redact: Callable[[str], str]
) -> None:
    """Write down why a task failed, if the rollout did anything here: else there is nothing to tell of."""
    if not errors or not any(isinstance(one, Begin) and one.rollout == rollout for one in journal.records):
        return
    error, more = errors[0], f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    sentence = error.message if not error.component else f"{error.component}: {error.message}"
    waiting, journal.begin = journal.begin, None  # a task that did nothing has no Begin
    with suppress(JournalError):  # which may be what went wrong
        journal.append(End(0, task, redact(sentence)[:LONGEST] + more))
    journal.begin = waiting


def what_failed(error: BaseException) -> str:
    """What an error of an author's code says, with its class where that tells more."""
    if isinstance(error, SystemExit):
        return f"its code called sys.exit({error.code!r}), which would end depl in the middle of a run"
    text = text_of(error)
    if isinstance(error, (RuntimeError, OSError)):
        return text or type(error).__name__
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def text_of(error: BaseException) -> str:
    """What an error says, empty where its own class cannot tell."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 (it is the project's code)
        return ""


def hint_for(error: BaseException) -> str:
    """The next step, where there is a usual one; else nothing."""
    if isinstance(error, PermissionError):
        return "Mend the rights of the path, or deploy as a user who may do this."
    return ""


def _place(trace: Optional[TracebackType]) -> tuple[Optional[str], Optional[int]]:
    """Where in the author's own code it happened: the innermost frame that is neither depl's nor Python's."""
    for frame in reversed(traceback.extract_tb(trace)):
        if not frame.filename.startswith((_OWN, os.path.dirname(os.__file__), "<")):
            return frame.filename, frame.lineno
    return None, None
