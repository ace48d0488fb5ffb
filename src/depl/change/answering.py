"""Who answers for the way back of a command, where nobody gives it an undo. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from depl.change.changes import Run, WayBack

NOT_REPEATED = "its component is new on the host, so it does not run again on the way back"


class Answering:
    """Whose commands run. reacting: those of a reaction, which are repeated on the way back; new: its component was
    not on the host before, so that they are not. owning: all that they do lies in a directory that is captured whole.
    answered: the way back that the author of the update declared for all that it does.
    """

    reacting = new = owning = False
    answered: Optional[WayBack] = None

    def of_update(
        self,
        *,
        reacting: bool = False,
        new: bool = False,
        owning: bool = False,
        answered: Optional[WayBack] = None,
    ) -> None:
        """An update begins, or ended."""
        self.reacting, self.new, self.owning, self.answered = reacting, new, owning, answered

    def usual_way_back(self, undo: bool) -> WayBack:
        """The way back of a command where nobody says anything about it. undo: it has one."""
        if undo:
            return WayBack.COMPENSATING
        if self.reacting and not (self.new and self.answered):
            return WayBack.REPEAT
        if self.owning:
            return WayBack.EXACT
        return self.answered or WayBack.UNKNOWN

    def as_told(self, run: Run) -> Run:
        """A command as people are told of it: none is repeated whose component is new."""
        if self.new and run.way_back is WayBack.REPEAT:
            return replace(run, way_back=WayBack.UNKNOWN, reason=run.reason or NOT_REPEATED)
        return run
