"""What is sent to an open page of a rollout when something happens."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Any

from depl.rollout.folding import State
from depl.rollout.log import Recorded
from depl.web.ask import Ask
from depl.web.errors import NotFound
from depl.web.operations.known import alike, seen, settings_of
from depl.web.operations.starting import foreseen
from depl.web.pages.planned import startable
from depl.web.pages.rollout_parts import head, is_planned, only_of, picture, places, values
from depl.web.pages.rollout_tree import MANY, Branch, shown
from depl.web.pages.story import happened
from depl.web.rendering import fragment
from depl.web.views.tree import Row, rows, touched_rows
from depl.web.watching import Update, Watch


def watch(ask: Ask) -> Watch:
    """What keeps a page of a rollout up to date: the same for all who may do the same. Errors: NotFound."""
    header = seen(ask, ask.path("id"))
    return Watch.of_rollout(header.id, alike(ask, header))


def fragments(ask: Ask, update: Update) -> str:
    """What is new: rows that were touched, and what stands around them, each by its id."""
    state = update.state
    assert state is not None
    try:
        header = seen(ask, ask.path("id"))
    except NotFound:  # forgotten meanwhile
        return ""
    is_other = is_planned(state) != (ask.query("shown") == "plan")
    if is_other or (update.everything and update.since):  # such as a plan that was made anew
        return fragment(ask.request, ask.visitor, "rollout_page.html", **{**values(ask, header, state), "again": True})
    settings = settings_of(ask, state.environments)
    told = {**head(ask, header, state, settings), "is_plan": is_planned(state), "oob": True}
    if is_planned(state):
        found = foreseen(ask.site.store.inquiries.of_rollout(header.id))
        told |= startable(ask, state, settings, found)
        return fragment(ask.request, ask.visitor, "rollout_plan_live.html", **told)
    touched = list(state.tasks) if update.everything else list(update.touched)
    told |= {"only": only_of(ask), "places": places(state), "tree": None, "inside": {}, "rows": [], "timeline": None}
    told["come"] = {}
    told["news"] = [] if update.everything else happened(state, _new(ask, update))[::-1]
    if touched:
        told |= (
            _rows(state, touched) if state.plan is not None else _of_command(state, touched, told["only"], update.new)
        )
    if touched and _is_worth_a_picture(state, update):
        told |= picture(ask, state)
    return fragment(ask.request, ask.visitor, "rollout_live.html", **told)


def _new(ask: Ask, update: Update) -> Iterable[Recorded]:
    """The events that a page has not seen, not too many of them."""
    first = max(int(update.since), int(update.id) - MANY)
    return islice(ask.site.store.log(ask.path("id")).read(first), int(update.id) - first)


def _is_worth_a_picture(state: State, update: Update) -> bool:
    """Whether the timeline is drawn once more; of a large rollout now and then, as that takes a while."""
    if len(state.tasks) <= MANY or update.everything or state.state.is_over:
        return True
    return int(update.since or 0) < update.mark


def _of_command(state: State, touched: Sequence[str], only: str, new: Collection[str]) -> dict[str, Any]:
    """Of a deployment by itself all rows, as long as they are few. Of many those that are touched, and by the id of
    the list that they come into those that are new: a host with its first tasks, or tasks of a known one.
    """
    all_of_them = rows(state)
    if len(all_of_them) <= MANY:
        return {"tree": shown(all_of_them, only=only)}
    found = touched_rows(state, touched)
    known = {row.above for row in all_of_them if row.kind == "task" and row.id not in new}
    hosts = [row for row in all_of_them if not row.above]
    come: dict[str, list[Branch]] = {}
    for row in [] if only else found:
        if row.kind == "group" and row.anchor not in known and len(hosts) <= MANY:
            its = [Branch(one) for one in found if one.above == row.anchor]
            come.setdefault("rows", []).append(Branch(row, its, len(its)))
        elif row.kind == "task" and row.id in new and (row.above in known or not row.above):
            come.setdefault(f"in-{row.above}" if row.above else "rows", []).append(Branch(row))
    return {"rows": [row for row in found if row.id not in new], "come": come}


def _rows(state: State, touched: Sequence[str]) -> dict[str, Any]:
    """The rows that are new; of what lies in a task all, as long as they are few: others come to them."""
    found = touched_rows(state, touched)
    inner: dict[str, list[Row]] = {}
    if any(row.kind == "inside" for row in found):
        changed = {row.above for row in found if row.kind == "inside"}
        for row in rows(state):
            if row.above in changed and row.kind == "inside":
                inner.setdefault(row.above, []).append(row)
    small = {above: lying for above, lying in inner.items() if len(lying) <= MANY}
    return {"inside": small, "rows": [row for row in found if row.kind != "inside" or row.above not in small]}
