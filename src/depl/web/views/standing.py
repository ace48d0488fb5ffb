"""How an environment stands, from what is known of its last rollouts. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from depl.rollout.states import RolloutState
from depl.web.views.bars import HistoryBar, history_bars
from depl.web.views.states import Look, look_of

if TYPE_CHECKING:
    from depl.rollout.holds import Freeze
    from depl.store.headers import Header
    from depl.store.locks import Lock
    from depl.store.published import Published

_R = RolloutState
NEVER = Look("nothing yet", "off", "pending")
WENT_WRONG = (_R.REVERSED, _R.PARTLY_REVERSED, _R.KEPT)


@dataclass(frozen=True)
class Drift:
    """What differs from the model. changes: how many; hosts: of how many hosts; error: why nobody knows."""

    changes: int
    hosts: int
    at: str
    error: str = ""
    by_host: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """last: the newest rollout; runs: the last one that succeeded and was not taken back since."""

    name: str
    look: Look
    last: Header | None
    runs: Header | None
    lock: Lock | None
    hold: Freeze | None
    drift: Drift | None
    bars: Sequence[HistoryBar]
    settings: Mapping[str, Any]
    hosts: int
    mistakes: int


def standing(
    name: str,
    recent: Sequence[Header],
    *,
    published: Published | None = None,
    drift: Published | None = None,
    lock: Lock | None = None,
    hold: Freeze | None = None,
    interrupted: Collection[str] = (),
) -> Standing:
    """recent: its rollouts, the newest first. interrupted: ids of those that nobody is at work on any more."""
    begun = [one for one in recent if one.state is not _R.PLANNED] or list(recent)
    last = begun[0] if begun else None
    data = published.data if published is not None else {}
    return Standing(
        name,
        look_of(last, interrupted=last.id in interrupted) if last is not None else NEVER,
        last,
        runs_of(recent),
        lock,
        hold,
        drift_of(drift, since=max((one.ended for one in recent if one.changed), default="")),
        history_bars(recent),
        data.get("settings") or {},
        len(data.get("hosts") or ()),
        len(data.get("mistakes") or ()),
    )


def runs_of(recent: Sequence[Header]) -> Header | None:
    """What runs there."""
    undone = {one.undoes for one in recent if one.undoes and one.state in (_R.REVERSED, _R.SUCCEEDED)}
    good = (one for one in recent if one.state is _R.SUCCEEDED and not one.undoes and one.id not in undone)
    return next(good, None)


def went_wrong(last: Header | None) -> bool:
    """Whether the newest rollout of an environment did not do what it was to do; an undo is to go back."""
    return last is not None and last.state in WENT_WRONG and (not last.undoes or last.state is not _R.REVERSED)


def drift_of(found: Published | None, since: str = "") -> Drift | None:
    """From what a worker published. since: UTC, when something was changed last: what was found before is over."""
    if found is None or found.at < since:
        return None
    by_host = {str(host): {str(name): int(n) for name, n in of.items() if n} for host, of in _hosts(found.data).items()}
    error = found.data.get("error")
    message = str(error.get("message") if isinstance(error, Mapping) else error) if error else ""
    changes = sum(sum(of.values()) for of in by_host.values())
    return Drift(changes, sum(1 for of in by_host.values() if of), found.at, message, by_host)


def _hosts(data: Mapping[str, Any]) -> Mapping[str, Mapping[str, int]]:
    return {host: of for host, of in (data.get("hosts") or {}).items() if isinstance(of, Mapping)}
