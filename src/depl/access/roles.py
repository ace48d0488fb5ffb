"""Roles, and the one function that decides what somebody may do; pages, API and command line all ask it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

EVERYWHERE = "*"  # as an environment: all of them, and what works on none


class Role(StrEnum):
    """What somebody is, in an environment or everywhere."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


class Action(StrEnum):
    """What somebody may want to do. Signals are among them by their names; `view` is needed for all others."""

    VIEW = "view"
    PLAN = "plan"  # a rollout or an undo, and look for drift
    START = "start"
    HOLD = "hold"  # and release
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    TERMINATE = "terminate"
    KEEP = "keep"
    UNKEEP = "unkeep"
    RETRY = "retry"
    SKIP = "skip"
    PAUSE_ROLLBACK = "pause_rollback"
    APPROVE = "approve"  # also of a start, where four eyes are wanted
    REJECT = "reject"
    FORCE = "force"
    AUDIT = "audit"
    PEOPLE = "people"  # users, roles, tokens of others


_OPERATES = frozenset(
    {
        Action.VIEW, Action.PLAN, Action.START, Action.HOLD, Action.PAUSE, Action.RESUME, Action.ABORT,
        Action.TERMINATE, Action.KEEP, Action.UNKEEP, Action.RETRY, Action.SKIP, Action.PAUSE_ROLLBACK,
    }
)  # fmt: skip
ALLOWED: Mapping[Role, frozenset[Action]] = {
    Role.VIEWER: frozenset({Action.VIEW}),
    Role.OPERATOR: _OPERATES,
    Role.APPROVER: frozenset({Action.VIEW, Action.APPROVE, Action.REJECT}),
    Role.ADMIN: frozenset(Action),
}
GLOBAL = frozenset({Action.AUDIT, Action.PEOPLE})  # not about an environment: needed everywhere
ANSWERS = frozenset({Action.APPROVE, Action.REJECT})


@dataclass(frozen=True)
class Person:
    """Somebody who asks for something. roles: by environment or EVERYWHERE.

    scope: what a token was narrowed to, likewise; None: nothing was.
    """

    name: str
    roles: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    scope: Mapping[str, frozenset[Role]] | None = None

    def may(self, action: Action, environment: str) -> bool:
        """Whether one of the roles there, or everywhere, allows it, and so does the scope."""
        return _allows(self.roles, action, environment) and (
            self.scope is None or _allows(self.scope, action, environment)
        )


def owner(name: str) -> Person:
    """Whoever may do everything: the one whose files they are, where there are no users."""
    return Person(name, {EVERYWHERE: frozenset({Role.ADMIN})})


def refusal(
    person: Person,
    action: Action,
    environments: Collection[str] = (),
    *,
    begun_by: str = "",
    four_eyes: Collection[str] = (),
) -> str:
    """Why somebody may not do something, as a sentence; empty: they may.

    environments: all that it is about; none: it needs the role everywhere. begun_by: who started a rollout, or wants it
    started, for answers to it; NAME@MACHINE where that was by command line. four_eyes: those of the environments where
    nobody answers their own.
    """
    wanted = sorted(environments) if environments and action not in GLOBAL else [EVERYWHERE]
    lacking = [name for name in wanted if not person.may(action, name)]
    if lacking:
        where = "here" if lacking == [EVERYWHERE] else f"in {', '.join(lacking)}"
        roles = " or ".join(f"`{role.value}`" for role in roles_for(action))
        return f"{person.name} may not {worded(action)} {where}: that needs the role {roles}"
    watched = sorted(set(environments) & set(four_eyes))
    if action in ANSWERS and watched and person.name in (begun_by, begun_by.rpartition("@")[0]):
        return f"{person.name} started it, and {', '.join(watched)} wants four eyes: somebody else has to answer"
    return ""


def roles_for(action: Action) -> list[Role]:
    """Those that allow it, the least first."""
    return [role for role in Role if action in ALLOWED[role]]


def visible(person: Person, environments: Collection[str]) -> bool:
    """Whether somebody may see what is about some environments: in each of them, or everywhere where there is none."""
    return not refusal(person, Action.VIEW, environments)


def has_a_role(person: Person) -> bool:
    """Whether somebody may see anything at all, in whichever environment."""
    return any(person.may(Action.VIEW, name) for name in {*person.roles, *(person.scope or ())})


def rights_of(person: Person) -> Hashable:
    """The same for all who may do the same, where it does not matter who they are."""
    scope = None if person.scope is None else frozenset(person.scope.items())
    return frozenset(person.roles.items()), scope


def worded(action: Action) -> str:
    """An action in a sentence."""
    return action.value.replace("_", " ")


def roles_from(pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[Role]]:
    """From (environment, role). Errors: ValueError for a role that is none."""
    found: dict[str, set[Role]] = {}
    for environment, role in pairs:
        found.setdefault(environment, set()).add(Role(role))
    return {environment: frozenset(roles) for environment, roles in found.items()}


def _allows(roles: Mapping[str, frozenset[Role]], action: Action, environment: str) -> bool:
    held: Sequence[Role] = [*roles.get(environment, ()), *roles.get(EVERYWHERE, ())]
    return any(action in ALLOWED[role] for role in held)
