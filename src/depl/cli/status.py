"""With which status a command ends."""

from __future__ import annotations

from depl.errors import ConfigurationError, DeplError, Interrupted, Locked, Mistakes, NothingRecorded, NothingToUndo

DONE, WRONG, FAILED, LEFT, LOCKED, PENDING, INTERRUPTED = 0, 1, 3, 4, 5, 6, 130


def status_of(error: DeplError) -> int:
    """The exit status of an error that ended a command before, or instead of, a run."""
    if isinstance(error, (ConfigurationError, Mistakes, NothingRecorded, NothingToUndo)):
        return WRONG
    if isinstance(error, Interrupted):
        return INTERRUPTED
    return LOCKED if isinstance(error, Locked) else FAILED
