"""What commands brought about on a host that is no path, like a running service: named by `owns` of the command.

Kept in the receipts with the commands themselves, so that what no component is there for any more can be ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Collection, Iterable, Iterator, Mapping, Union

from depl.change.changes import Run, WayBack
from depl.change.folds import fates
from depl.change.records import Begin, Record
from depl.component import Component
from depl.deploy.books import OWN

if TYPE_CHECKING:
    from depl.change.acting import ActingSystem
    from depl.change.predicting import PredictingSystem

Thing = Mapping[str, Any]  # component; made: by which change; command, undo: where they lie; shown, undo_shown


def things_after(things: Mapping[str, Thing], records: Iterable[Record]) -> dict[str, Thing]:
    """What there is after the changes of a journal that stand, by name. things: what was there before.

    Whatever runs the recorded undo of something ends it, unless depl may have been killed before it ran.
    """
    found, listed = dict(things), list(records)
    unsure = {one.n for one, after in zip(listed, [*listed[1:], None]) if after is None or isinstance(after, Begin)}
    for fate in fates(listed).values():
        did, run = fate.forward, fate.forward.change
        if not (fate.stands and fate.applied and isinstance(run, Run)) or did.component in OWN:
            continue
        for name in [name for name, one in found.items() if one["undo"] == run.command and did.n not in unsure]:
            del found[name]
        if run.owns and run.undo is not None:
            found[run.owns] = {
                "component": did.component,
                "made": did.n,
                **{name: getattr(run, name) for name in ("command", "shown", "undo", "undo_shown")},
            }
    return found


class ThingsJudgement:
    """What a model says about them. is_gone: whether a component, by its id, is not declared any more.

    others: what other receipts name. left: what is no longer declared, once settle() was called.
    """

    def __init__(
        self, things: Mapping[str, Thing], others: Mapping[str, Thing], is_gone: Callable[[str], bool]
    ) -> None:
        self.left: dict[str, Thing] = {}
        self._others, self._is_gone = others, is_gone
        self.is_needed = bool(others) or any(is_gone(one["component"]) for one in things.values())

    def settle(self, things: Mapping[str, Thing], components: Iterable[Component]) -> dict[str, Thing]:
        """Judge what there is now; what there is then, and whose. components: all that are declared.

        What a component names in owned_things() is its own, whatever it was called when that was made.
        """
        settled = dict(things)
        self.left = {}
        if not self.is_needed:
            return settled
        wanted = dict(_wanted(components))
        for name in self._others.keys() & wanted.keys() - things.keys():
            settled[name] = {**self._others[name], "component": wanted[name]}
        for name, one in things.items():
            if not self._is_gone(one["component"]):
                continue
            if name in wanted:
                settled[name] = {**one, "component": wanted[name]}
            elif name in self._others and self._others[name]["undo"] == one["undo"]:
                del settled[name]
            else:
                self.left[name] = one
        return settled


def end(system: Union[ActingSystem, PredictingSystem], things: Mapping[str, Thing]) -> dict[str, list[dict[str, Any]]]:
    """End some things by their recorded undos, the last one first; what each component loses, as it is shown.

    Errors: CmdExecutionError, JournalError.
    """
    lost: dict[str, list[dict[str, Any]]] = {}
    for thing in sorted(things.values(), key=lambda one: -int(one["made"])):
        component = thing["component"]
        run = Run(thing["undo"], thing["undo_shown"], WayBack.COMPENSATING, thing["command"], thing["shown"])
        system.shown.clear()
        system.run_recorded(run, component, None)
        lost.setdefault(component, []).extend(shown.as_json() for shown in system.shown)
    system.shown.clear()
    return lost


def made_by(things: Mapping[str, Thing], numbers: Collection[int]) -> list[str]:
    """The names of those that some changes brought about."""
    return [name for name, one in things.items() if one["made"] in numbers]


def _wanted(components: Iterable[Component]) -> Iterator[tuple[str, str]]:
    for component in components:
        if callable(getattr(type(component), "owned_things", None)):
            yield from ((name, component.id) for name in component.owned_things())  # type: ignore[attr-defined]
