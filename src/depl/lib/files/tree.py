"""Bringing what is in one directory into another: by content, with modes, without touching what is right already."""

from __future__ import annotations

import fnmatch
import os
from typing import Any, Iterator

from depl.change import nodes
from depl.change.system import System
from depl.errors import DeploymentError
from depl.lib.files.places import make_room, refuse_unless

LARGE = 1 << 20  # files above this size, in bytes, are streamed


class Sync:
    """A source directory and where it is to be brought, on behalf of a Directory.

    The mode of the target directory itself is left alone; those of everything in it are as in the source.
    """

    def __init__(self, component: Any, source: str, target: str, *, purge: bool, replace: bool) -> None:
        self._component = component
        self._system: System = component.system
        self._source = source
        self._target = target
        self._exclude: tuple[str, ...] = tuple(component.exclude)
        self._purge = purge
        self._replace = replace

    def differences(self) -> Iterator[str]:
        """What is not as in the source, in words, the first ones first."""
        wanted = {}
        for relative, node in self._wanted():
            wanted[relative] = node
            if not self._is_there(relative, node):
                yield f"{relative} differs"
        if self._purge:
            for relative in self._extras(wanted):
                yield f"{relative} is not in the source"

    def bring(self) -> None:
        """Make the target as the source is. Errors: ChangeFailed."""
        wanted = {}
        for relative, node in self._wanted():
            wanted[relative] = node
            if not self._is_there(relative, node):
                self._put(relative, node)
        if self._purge:
            for relative in list(self._extras(wanted)):
                self._system.remove(os.path.join(self._target, relative))

    def _wanted(self, below: str = "") -> Iterator[tuple[str, nodes.Node]]:
        """Everything in the source by relative path, directories before what is in them."""
        directory = _within(self._source, below)
        if not below and not isinstance(self._system.look(directory), nodes.Directory):
            raise DeploymentError(
                f"the source {directory} of {self._target} is not a directory",
                self._component,
                hint="Add the component that makes it before this one, or give one beside the component file.",
            )
        for name in self._system.names(directory):
            relative = os.path.join(below, name)
            node = self._system.look(os.path.join(directory, name))
            if isinstance(node, nodes.Other) or self._is_excluded(relative, node):
                continue
            yield relative, node
            if isinstance(node, nodes.Directory):
                yield from self._wanted(relative)

    def _extras(self, wanted: dict[str, nodes.Node], below: str = "") -> Iterator[str]:
        """What the target has and the source has not, by relative path; whole directories as one."""
        for name in self._system.names(_within(self._target, below)):
            relative = os.path.join(below, name)
            node = self._system.look(os.path.join(self._target, relative))
            if self._is_excluded(relative, node):
                continue
            if isinstance(node, nodes.Directory) and (relative in wanted or self._shelters(relative)):
                yield from self._extras(wanted, relative)
            elif relative not in wanted:
                yield relative

    def _is_excluded(self, relative: str, node: nodes.Node) -> bool:
        return excluded(relative, isinstance(node, nodes.Directory), self._exclude)

    def _shelters(self, directory: str) -> bool:
        """Whether something below a directory of the target is excluded, so that it has to stay."""
        for name in self._system.names(os.path.join(self._target, directory)) if self._exclude else ():
            relative = os.path.join(directory, name)
            node = self._system.look(os.path.join(self._target, relative))
            if self._is_excluded(relative, node) or (isinstance(node, nodes.Directory) and self._shelters(relative)):
                return True
        return False

    def _is_there(self, relative: str, wanted: nodes.Node) -> bool:
        path = os.path.join(self._target, relative)
        there = self._system.look(path)
        if isinstance(wanted, nodes.Directory):
            return isinstance(there, nodes.Directory) and there.mode == wanted.mode
        if not isinstance(wanted, nodes.File):
            return there == wanted
        if not isinstance(there, nodes.File) or there.mode != wanted.mode:
            return False
        return self._digest(path) == self._digest(os.path.join(self._source, relative))

    def _digest(self, path: str) -> object:
        node = self._system.look(path, content=True)
        return node.digest if isinstance(node, nodes.File) else None

    def _put(self, relative: str, wanted: nodes.Node) -> None:
        source, path = os.path.join(self._source, relative), os.path.join(self._target, relative)
        if isinstance(wanted, nodes.Directory):
            there = self._system.look(path)
            if not isinstance(there, nodes.Directory):
                if isinstance(there, nodes.Other):
                    refuse_unless(self._component, path, "a directory", there, self._replace)
                self._system.remove(path)
            self._system.make_dir(path, wanted.mode)
            return
        make_room(self._component, path, "a file or link", replace=self._replace, leading=False)
        if isinstance(wanted, nodes.Link):
            self._system.link(path, wanted.to)
        elif isinstance(wanted, nodes.File) and os.path.getsize(source) <= LARGE:
            self._system.write(path, self._system.read(source), wanted.mode)
        elif isinstance(wanted, nodes.File):
            self._system.copy(source, path, wanted.mode)


def _within(directory: str, below: str) -> str:
    return os.path.join(directory, below) if below else directory


def excluded(relative: str, is_directory: bool, patterns: tuple[str, ...]) -> bool:
    """Whether a pattern matches the name, or the path where it has a slash; with one at its end only directories."""
    for pattern in patterns:
        if pattern.endswith("/") and not is_directory:
            continue
        wanted = pattern.rstrip("/")
        subject = relative if "/" in wanted else os.path.basename(relative)
        if fnmatch.fnmatchcase(subject, wanted.lstrip("/")):
            return True
    return False


def claimed(source: str, target: str, patterns: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """What a directory brought into place determines: path, aspect, value."""
    for directory, names, files in os.walk(source):
        below = os.path.relpath(directory, source)
        inside = "" if below == "." else below
        links = [name for name in names if os.path.islink(os.path.join(directory, name))]
        names[:] = sorted(
            name for name in names if name not in links and not excluded(os.path.join(inside, name), True, patterns)
        )
        for name in names:
            yield os.path.join(target, inside, name), "kind", "directory"
        for name in sorted(files + links):
            path, relative = os.path.join(directory, name), os.path.join(inside, name)
            if excluded(relative, False, patterns):
                continue
            if os.path.islink(path):
                yield os.path.join(target, relative), "kind", "link"
                yield os.path.join(target, relative), "link", os.readlink(path)
            elif os.path.isfile(path):
                yield os.path.join(target, relative), "kind", "file"
                yield os.path.join(target, relative), "content", path
