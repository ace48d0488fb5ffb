"""What was done on a host as text: a line a rollout, and a line a change below it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from depl.report.lines import Line
from depl.rollout.wording import counted

SHORT = 10  # characters of a revision

Row = Mapping[str, Any]  # of depl.deploy.history


def row_lines(row: Row) -> list[Line]:
    """A row as a line; of a rollout that failed a second one says why."""
    if "change" in row:
        return [_change_line(row)]
    failures = dict.fromkeys(" ".join(str(one).split()) for one in row.get("failures", ()))
    return [_rollout_line(row), *(Line(f"    failed: {one}", _style(row)) for one in failures)]


def _rollout_line(row: Row) -> Line:
    if row["outcome"] == "purged":
        return Line(f"{row['rollout']}  {row['environment']}  purged, no longer reversible", "dim")
    where = f"{row['environment']}/{row['host']}"
    many = counted(int(row["count"]), "change")
    facts = [row["at"], row["rollout"], where, row["who"] or "-", short(row["revision"]) or "-", many]
    return Line("  ".join([*map(str, facts), *_what_became(row)]), _style(row))


def _change_line(row: Row) -> Line:
    marks = ["failed: it was not made"] if row["failed"] else []
    if row["undone_by"]:
        own = row["undone_by"] == row["rollout"]
        marks.append("put back in the same rollout" if own else f"undone by {row['undone_by']}")
    undo = "undo: " if row["takes_back"] else ""
    return Line("  ".join([f"    {row['component']}: {undo}{what(row['change'])}", *marks]), "dim" if marks else "")


def what(change: Row) -> str:
    """A change in one line, with what was there before and afterwards."""
    verb, path, before, after = (str(change.get(key) or "") for key in ("verb", "path", "before", "after"))
    if verb in ("move", "build"):
        return f"{verb:<7} {before} -> {after}"
    if not path:
        return f"{verb:<7} {' '.join(after.split())}"
    if verb == "keep":
        return f"keep    {path} as it is: {after}"
    became = f"{after}, with another content" if before == after else f"{before} -> {after}"
    return f"{verb:<7} {path}: {became}"


def short(revision: str) -> str:
    """A revision as people quote it; what is no digest stays as it is."""
    return revision[:SHORT] if re.fullmatch("[0-9a-f]{40,64}", revision) else revision


def _what_became(row: Row) -> list[str]:
    words = [f"takes back {row['undoes']}"] if row["undoes"] else []
    undone_by, settled_by = row["undone_by"], row["settled_by"]
    if row["outcome"] == "unsettled":
        words.append("UNSETTLED: it did not come to its end")
    elif row["outcome"] == "reversed" and not row["undoes"]:
        words += [] if undone_by not in ("", row["rollout"]) else [_put_back(settled_by)]
    elif settled_by:
        words.append(f"did not come to its end, {settled_by} went on")
    if undone_by not in ("", row["rollout"]):
        words.append(f"{'partly ' if row['undone'] == 'some' else ''}undone by {undone_by}")
    return words


def _put_back(settled_by: str) -> str:
    return f"undone by {settled_by}" if settled_by else "failed, and was put back"


def _style(row: Row) -> str:
    if row["outcome"] == "unsettled":
        return "yellow"
    return "dim" if row["undone"] == "all" else ""
