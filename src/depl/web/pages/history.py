"""All rollouts, the newest first: by environment, state, who, name, time and parameter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from starlette.responses import Response

from depl.rollout.states import ACTIVE, RolloutState
from depl.store.headers import Header
from depl.web.addresses import url
from depl.web.ask import Ask
from depl.web.live import live_route
from depl.web.operations.known import is_interrupted
from depl.web.rendering import fragment
from depl.web.routing import page
from depl.web.views.bars import history_bars
from depl.web.watching import Update, Watch

PAGE = 50  # rollouts
DAY = timedelta(days=1)
LAST_DAY = date.max - DAY
_R = RolloutState
GROUPS: Mapping[str, tuple[str, tuple[RolloutState, ...]]] = {
    "under-way": ("under way", (*sorted(ACTIVE), _R.QUEUED)),
    "not-good": ("did not succeed", (_R.REVERSED, _R.PARTLY_REVERSED, _R.KEPT, _R.BLOCKED)),
}
FILTERS = ("environment", "state", "who", "name", "since", "until", "parameter")


def history(ask: Ask) -> Response:
    """GET."""
    stamp = ask.site.reader.stamp()  # before what is shown, so that nothing is missed
    return ask.page("history.html", **found(ask), stamp=stamp)


def found(ask: Ask) -> dict[str, Any]:
    """What is looked for, and what there is of it."""
    wanted = {name: ask.query(name).strip() for name in FILTERS}
    mistakes: dict[str, str] = {}
    begin, end = _day(wanted, "since", mistakes), _day(wanted, "until", mistakes)
    before = ask.query("before")
    how: dict[str, Any] = {
        "environment": wanted["environment"] or None,
        "state": _states(wanted["state"]),
        "who": wanted["who"],
        "name": wanted["name"],
        "since": begin.isoformat() if begin else "",
        "until": (min(end, LAST_DAY) + DAY).isoformat() if end else "",
        "parameter": _parameter(wanted["parameter"]),
    }
    rollouts, more = _visible(ask, how, before)
    store = ask.site.store
    names = sorted(name for name in store.published.all("environment") if ask.sees([name]))
    asked = {name: value for name, value in wanted.items() if value}
    return {
        "rollouts": rollouts,
        "bars": history_bars(rollouts),
        "interrupted": [one.id for one in rollouts if is_interrupted(one)],
        "wanted": wanted,
        "mistakes": mistakes,
        "is_filtered": bool(asked),
        "before": before,
        "older": url("rollouts", **asked, before=rollouts[-1].id) if more else "",
        "newest": url("rollouts", **asked),
        "live_at": url("rollouts", "live", **asked),
        "environments": sorted({*names, *([wanted["environment"]] if wanted["environment"] else [])}),
        "states": [("", "any"), *((key, word) for key, (word, _) in GROUPS.items()), *((s.value, s.value) for s in _R)],
    }


def _visible(ask: Ask, how: Mapping[str, Any], before: str) -> tuple[list[Header], bool]:
    """A page of those that they may see, and whether there are more."""
    shown = ask.site.store.rollouts(**how, before=before or None, limit=PAGE + 1, sees=ask.sees_only)
    return shown[:PAGE], len(shown) > PAGE


def _states(text: str) -> list[RolloutState] | None:
    if text in GROUPS:
        return list(GROUPS[text][1])
    return [RolloutState(text)] if text in set(RolloutState) else None


def _day(wanted: Mapping[str, str], name: str, mistakes: dict[str, str]) -> date | None:
    try:
        return date.fromisoformat(wanted[name]) if wanted[name] else None
    except ValueError:
        mistakes[name] = "It should be a day, such as 2026-01-31"
        return None


def _parameter(text: str) -> tuple[str, str] | None:
    """`version=1.4`, or only a text that any of them may contain."""
    name, equals, value = text.partition("=")
    if not text:
        return None
    return (name.strip(), value.strip()) if equals else ("", text)


def _news(ask: Ask, update: Update) -> str:
    return fragment(ask.request, ask.visitor, "history_now.html", **found(ask))


routes = [
    live_route("/rollouts/live", lambda ask: Watch.of_lists(), _news),
    page("/rollouts", history),
]
