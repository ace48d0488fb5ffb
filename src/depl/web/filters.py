"""What templates can say of values: words, times, links."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from depl.access.roles import EVERYWHERE, Action, Person, Role, refusal
from depl.deploy.begin import utc as now
from depl.rollout.wording import counted
from depl.web.addresses import url
from depl.web.assets import asset
from depl.web.views.states import look_of, look_of_inquiry

if TYPE_CHECKING:
    from depl.store.headers import Header
    from depl.store.inquiries import Inquiry

PAGES = [("/", "Overview"), ("/new", "New"), ("/rollouts", "Rollouts")]
GOVERNING = [("/people", "People", Action.PEOPLE), ("/audit", "Audit", Action.AUDIT)]


def utc(time: str) -> str:
    """A time of the records as people read it: 2026-01-02 03:04:05 UTC."""
    return f"{time[:10]} {time[11:19]} UTC" if time else ""


def duration(seconds: float | None) -> str:
    """So many seconds as people say it: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min, 3 d 4 h."""
    if seconds is None:
        return ""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, word, rest, least in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            left = whole % size // rest
            return f"{whole // size} {word}" + (f" {left} {least}" if left else "")
    return f"{whole} s"


def listed(things: Sequence[object], word: str = "and") -> str:
    """Things in a sentence: a, b and c."""
    texts = [str(thing) for thing in things]
    return f" {word} ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def called(rollout: Header) -> str:
    """What a rollout is called, where it need not be told from others alike."""
    if rollout.undoes:
        return f"Undo of {rollout.undoes}"
    return rollout.title or rollout.name or f"Deployment of {listed(rollout.environments) or 'nothing'}"


def with_what(rollout: Header, most: int = 3) -> str:
    """The parameters of a rollout in short: version 1.4, hosts a, b; of those of depl without what their titles say."""
    said = rollout.title.replace(",", " ").split() if rollout.name.startswith("depl:") else []
    told = [(name, value) for name, value in rollout.parameters.items() if value not in (None, "", [], False)]
    told = [(name, value) for name, value in told if not {*_words(value)} <= {*said}]
    texts = [name if value is True else f"{name} {_text(value)}" for name, value in told[:most]]
    short = [text if len(text) < 60 else text[:57] + "…" for text in texts]
    return " · ".join([*short, "…"] if told[most:] else short)


def _text(value: Any) -> str:
    return listed(value) if isinstance(value, list) else str(value)


def _words(value: Any) -> list[str]:
    return " ".join(map(str, value) if isinstance(value, list) else [str(value)]).split()


def wanted(inquiry: Inquiry) -> str:
    """What somebody wants to know, in a few words."""
    asked = inquiry.asked
    about = {
        "plan": f"The plan of {asked.get('rollout')}",
        "deploy": f"The plan of a deployment of {asked.get('environment')}",
        "replan": f"A new plan of {asked.get('rollout')}",
        "undo": f"What is taken back with {asked.get('rollout')}",
        "look": f"What differs in {asked.get('environment')}",
    }
    return about.get(inquiry.kind, inquiry.kind)


def pages_for(person: Person) -> list[tuple[str, str]]:
    """What stands at the top of every page: addresses and words."""
    governing = [(path, word) for path, word, action in GOVERNING if not refusal(person, action)]
    return [*PAGES, *governing]


def granted(roles: Mapping[str, Collection[Role]] | None) -> str:
    """Roles by environment: everywhere: viewer; dev: operator, approver."""
    if roles is None:
        return "all that the user may"
    told = {place: ", ".join(sorted(role.value for role in held)) for place, held in sorted(roles.items())}
    return "; ".join(f"{'everywhere' if place == EVERYWHERE else place}: {held}" for place, held in told.items())


def moment(seconds: float | None) -> str:
    """Seconds of a clock as a time of the records; empty for never."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


FILTERS: dict[str, Callable[..., Any]] = {
    "utc": utc,
    "duration": duration,
    "counted": counted,
    "listed": listed,
    "called": called,
    "with_what": with_what,
    "wanted": wanted,
    "look": look_of,
    "inquiry_look": look_of_inquiry,
    "granted": granted,
    "moment": moment,
}
GLOBALS: dict[str, Callable[..., Any]] = {"asset": asset, "url": url, "pages_for": pages_for, "now": now}
