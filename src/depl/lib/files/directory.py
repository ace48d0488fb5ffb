"""Directories, empty or with what a source directory holds."""

from __future__ import annotations

import os
from typing import Any, Iterator, Optional

from depl.change import nodes
from depl.component import Component
from depl.errors import UpdateNeeded
from depl.lib.files import tree
from depl.lib.files.places import follow, lies_in_project, make_parent, mistake, refuse_unless


class Directory(Component):
    """A directory; with a source, what is in that (files, links, modes) is brought into place too. Undone exactly.

    source: a directory beside the component file (a missing one is an error of the model), or an absolute one, which is
    looked at on the host. exclude: patterns as for glob of what is left alone on both sides; without a slash they match
    names at any depth, with one paths from the source. purge: remove what the source does not have.
    leading: make missing directories above. replace: may directories that are in the way of files be moved away?
    Files are compared by content; modes are repaired. A link to a directory is taken for the directory.

        self += Directory("static", source="static", exclude=("*.pyc",), purge=True)
    """

    namevar = "path"
    path: str
    source: Any = None
    exclude: Any = ()
    leading = False
    purge = False
    replace = False
    verify_opts: Any = None  # batou's options for rsync, which is not used;
    sync_opts: Any = None  # of them, --delete is understood as purge

    _late = False  # the source is for the host to have

    staged = True
    predictable = True
    verify_after_update = True

    def configure(self) -> None:
        self.path = self.map(self.path)
        if isinstance(self.exclude, str):
            self.exclude = (self.exclude,)
        if self.sync_opts and "--delete" in self.sync_opts:
            self.purge = True
        if self.source:
            self.source = self._existing_source(os.fspath(self.source))
        elif self.purge or self.exclude:
            raise mistake(
                self,
                f"purge and exclude mean nothing for {self.path} without a source",
                hint="Give a source, or use Purge to remove files by a pattern.",
            )

    def verify(self) -> None:
        needs_directory(self, self.path)
        if self.source:
            for reason in self._sync().differences():
                raise UpdateNeeded(reason)

    def update(self) -> None:
        make_directory(self, self.path, replace=self.replace, leading=self.leading)
        if self.source:
            self._sync().bring()

    def last_updated(self, **how: Any) -> Optional[float]:
        """When the youngest file in it was written; 0 if there is none."""
        times = [0.0]
        for directory, _, names in os.walk(self.path):
            for name in names:
                try:
                    times.append(os.stat(os.path.join(directory, name)).st_mtime)
                except OSError:
                    continue
        return max(times)

    def claims(self) -> Iterator[tuple[str, str, Any]]:
        yield self.path, "kind", "directory"
        if self.source and not self._late:
            yield from tree.claimed(self.source, self.path, tuple(self.exclude))

    def _existing_source(self, source: str) -> str:
        path = os.path.normpath(os.path.join(self.defdir, source))
        if not os.path.isabs(source) and not os.path.isdir(path):
            raise mistake(
                self,
                f"the source {path} of {self.path} is not a directory"
                if os.path.exists(path)
                else f"the source {path} of {self.path} does not exist",
                hint="Sources are directories beside the component file.",
            )
        if os.path.isabs(source) and not lies_in_project(self, path):
            self._late = True
            self.staged = False  # an earlier component may be what makes it
        return path

    def _sync(self) -> tree.Sync:
        target = follow(self.system, self.path)
        return tree.Sync(self, self.source, target, purge=self.purge, replace=self.replace or self.purge)


class SyncDirectory(Directory):
    """What is in a source directory is brought into place. As Directory, but the source has to be given.

    self += SyncDirectory("htdocs", source="htdocs")
    """

    def configure(self) -> None:
        if not self.source:
            raise mistake(self, f"no source is given for {self.path}", hint="Give a source, or use Directory.")
        super().configure()


def needs_directory(component: Component, path: str) -> nodes.Directory:
    """Raise UpdateNeeded unless a directory, or a link to one, is at a path."""
    node = component.system.look(follow(component.system, path))
    if not isinstance(node, nodes.Directory):
        raise UpdateNeeded(f"there is {nodes.describe(component.system.look(path))}, not a directory")
    return node


def make_directory(
    component: Component,
    path: str,
    *,
    replace: bool = False,
    leading: bool = False,
    mode: Optional[int] = None,
    uid: Optional[int] = None,
    gid: Optional[int] = None,
) -> None:
    """Make a directory; files and links that lead to no directory are replaced. Errors: ChangeFailed."""
    system = component.system
    make_parent(component, path, leading)
    real = follow(system, path)
    if isinstance(system.look(real), nodes.Directory):
        path = real
    else:
        node = system.look(path)
        if isinstance(node, nodes.Other):
            refuse_unless(component, path, "a directory", node, replace)
        system.remove(path)
    system.make_dir(path, mode, uid, gid)
