"""Permission bits, owners and groups: as people write them, and as components."""

from __future__ import annotations

import re
from typing import Any, Iterator, Optional, Union

from depl.change import nodes
from depl.change.system import System
from depl.component import Component
from depl.errors import ConversionError, DeploymentError, UpdateNeeded
from depl.lib.files.places import follow, mistake

BITS = (0o400, 0o200, 0o100, 0o040, 0o020, 0o010, 0o004, 0o002, 0o001)
SPECIAL = {2: 0o4000, 5: 0o2000, 8: 0o1000}  # where s, S, t or T stand for these bits as well


class Mode(Component):
    """Permission bits of an existing path. Undone exactly.

    mode: 0o644, "644", "0644", "0o644" or "rw-r--r--". A link is followed, as chmod does.

        self += Mode("secrets", mode=0o700)
    """

    namevar = "path"
    path: str
    mode: Any = None

    staged = True
    predictable = True
    verify_after_update = True

    def configure(self) -> None:
        self.path = self.map(self.path)
        self.mode = wanted_mode(self, self.mode, required=True)

    def verify(self) -> None:
        needs_rights(self, existing(self, self.path), mode=self.mode)

    def update(self) -> None:
        self.system.set_mode(follow(self.system, self.path), self.mode)

    def claims(self) -> Iterator[tuple[str, str, Any]]:
        yield self.path, "mode", self.mode


class Owner(Component):
    """The owner of an existing path. Undone exactly.

    owner: a name or a number; names are looked up on the host. A link is followed, as chown does.

        self += Owner("data", owner="www-data")
    """

    namevar = "path"
    path: str
    owner: Any = None

    staged = True
    predictable = True
    verify_after_update = True

    def configure(self) -> None:
        self.path = self.map(self.path)
        self.owner = wanted_id(self, "user", self.owner, required=True)

    def verify(self) -> None:
        needs_rights(self, existing(self, self.path), owner=self.owner)

    def update(self) -> None:
        self.system.set_owner(follow(self.system, self.path), uid=uid_of(self, self.owner))

    def claims(self) -> Iterator[tuple[str, str, Any]]:
        yield self.path, "owner", str(self.owner)


class Group(Component):
    """The group of an existing path. Undone exactly.

    group: a name or a number; names are looked up on the host. A link is followed, as chgrp does.

        self += Group("data", group="www-data")
    """

    namevar = "path"
    path: str
    group: Any = None

    staged = True
    predictable = True
    verify_after_update = True

    def configure(self) -> None:
        self.path = self.map(self.path)
        self.group = wanted_id(self, "group", self.group, required=True)

    def verify(self) -> None:
        needs_rights(self, existing(self, self.path), group=self.group)

    def update(self) -> None:
        self.system.set_owner(follow(self.system, self.path), gid=gid_of(self, self.group))

    def claims(self) -> Iterator[tuple[str, str, Any]]:
        yield self.path, "group", str(self.group)


def parse_mode(mode: Union[int, str]) -> int:
    """Permission bits from 0o644, "644", "0644", "0o644" or "rw-r--r--". Errors: ValueError."""
    if isinstance(mode, int) and not isinstance(mode, bool):
        bits = mode
    elif isinstance(mode, str) and re.match(r"(0[oO])?[0-7]{1,5}$", mode.strip()):
        bits = int(mode.strip().lower().replace("o", ""), 8)
    elif isinstance(mode, str) and re.match(r"([r-][w-][xsS-]){2}[r-][w-][xtT-]$", mode.strip()):
        bits = _symbolic(mode.strip())
    else:
        raise ValueError(mode)
    if not 0 <= bits <= 0o7777:
        raise ValueError(mode)
    return bits


def wanted_mode(component: Component, mode: Any, required: bool = False) -> Any:
    """The mode that was given to a component as a number, None where none was."""
    if mode is None and not required:
        return None
    try:
        return parse_mode(mode)
    except ValueError:
        raise mistake(
            component,
            f"{mode!r} is not a mode",
            hint='Write the mode as 0o644, "0644" or "rw-r--r--".',
            kind=ConversionError,
        ) from None


def wanted_id(component: Component, kind: str, value: Any, required: bool = False) -> Any:
    """A "user" or "group" as it was given, digits as the number that they are, None where none was."""
    if value is None and not required:
        return None
    if isinstance(value, str) and value.strip().isdigit():
        return int(value)
    named = isinstance(value, str) and value != ""
    numbered = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not (named or numbered):
        raise mistake(
            component, f"{value!r} is not a {kind}", hint=f"Give the {kind}'s name or number.", kind=ConversionError
        )
    return value


def needs_rights(
    component: Component,
    node: Union[nodes.File, nodes.Directory],
    mode: Optional[int] = None,
    owner: Union[int, str, None] = None,
    group: Union[int, str, None] = None,
) -> None:
    """Raise UpdateNeeded if a node has another mode, owner or group than is wanted. None: any will do."""
    if mode is not None and node.mode != mode:
        raise UpdateNeeded(f"its mode is {node.mode:04o}, not {mode:04o}")
    if owner is not None and node.uid != uid_of(component, owner):
        raise UpdateNeeded(f"its owner is {node.uid}, not {owner}")
    if group is not None and node.gid != gid_of(component, group):
        raise UpdateNeeded(f"its group is {node.gid}, not {group}")


def uid_of(component: Component, owner: Union[int, str, None]) -> Optional[int]:
    """The number of a user on the host, None for none. Errors: DeploymentError."""
    return _number(component, "user", owner) if isinstance(owner, str) else owner


def gid_of(component: Component, group: Union[int, str, None]) -> Optional[int]:
    """The number of a group on the host, None for none. Errors: DeploymentError."""
    return _number(component, "group", group) if isinstance(group, str) else group


def existing(component: Component, path: str) -> Union[nodes.File, nodes.Directory]:
    """The file or directory at a path, links followed. Errors: DeploymentError."""
    node = component.system.look(follow(component.system, path))
    if not isinstance(node, (nodes.File, nodes.Directory)):
        raise DeploymentError(
            f"{path} has neither mode nor owner: {nodes.describe(node)} is there",
            component,
            hint="Add the component that makes it before this one.",
        )
    return node


def _symbolic(mode: str) -> int:
    bits = 0
    for place, (letter, bit) in enumerate(zip(mode, BITS)):
        if letter not in "-ST":
            bits |= bit
        if letter in "sStT":
            bits |= SPECIAL[place]
    return bits


def _number(component: Component, kind: str, name: str) -> int:
    system: System = component.system
    number: Optional[int] = system.remember((kind, name), lambda: _look_up(kind, name))
    if number is None:
        raise DeploymentError(
            f"there is no {kind} {name!r} on this host",
            component,
            hint=f"Make the {kind} before it, for instance by a Command that is added earlier.",
        )
    return number


def _look_up(kind: str, name: str) -> Any:
    try:
        if kind == "user":
            import pwd

            return pwd.getpwnam(name).pw_uid
        import grp

        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None
