"""What was made and is no longer declared, as text."""

from __future__ import annotations

from depl.events import Event
from depl.report.lines import Line


def undeclared_lines(event: Event, *, planning: bool) -> list[Line]:
    """Each thing where it is a plan, else how many there are; nothing where they are removed, as that is shown."""
    things = event.data.get("things") or ()
    if event.data.get("removing") or not things:
        return []
    if planning:
        title = Line("no longer declared, and removed only with --gc:", "yellow")
        return [title, *(Line(f"  {thing['what']}  [was {thing['component']}]", "yellow") for thing in things)]
    if len(things) == 1:
        return [Line("1 thing is no longer declared (`--plan` tells which, `--gc` removes it)", "yellow")]
    return [Line(f"{len(things)} things are no longer declared (`--plan` lists them, `--gc` removes them)", "yellow")]
