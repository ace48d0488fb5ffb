"""Files: what is at a path, with its content, mode and owner, as one component and one change."""

from __future__ import annotations

from typing import Any, Iterator

from depl.change import nodes
from depl.component import Component
from depl.errors import UpdateNeeded
from depl.lib.files.content import Content
from depl.lib.files.directory import Directory, make_directory, needs_directory
from depl.lib.files.links import make_link, needs_link
from depl.lib.files.modes import gid_of, needs_rights, uid_of
from depl.lib.files.places import follow, make_room, mistake

KINDS = ("file", "directory", "symlink")


class File(Content):
    """A file, directory or symbolic link, complete. One change, undone exactly.

    ensure: "file", "directory" or "symlink". For a file content and source as in Content; for a directory source is a
    directory whose content is brought into place; for a link link_to says where it leads (relative to the workdir).
    owner, group, mode, sensitive_data, validate: as in Content.
    Links are replaced and never written through. A directory in the way of a file or link is an error unless
    replace=True. A link to a directory is taken for the directory.

        self += File("app.conf", source="app.conf.in", mode=0o640, validate="app --check-config {}")
    """

    ensure = "file"
    link_to: Any = ""

    staged = True
    predictable = True
    verify_after_update = True

    def configure(self) -> None:
        self._settle_path()
        if self.ensure == "file":
            self._refuse(("link_to",))
            self._settle()
        elif self.ensure == "directory":
            self._refuse(("link_to", "content", "validate"))
            if self.source:
                self += Directory(self.path, source=self.source, leading=self.leading, replace=self.replace)
        elif self.ensure == "symlink":
            self._refuse(("content", "source", "validate", "mode", "owner", "group"))
            if not self.link_to:
                raise mistake(self, f"the link {self.path} leads nowhere", hint="Say where with link_to=.")
            self.link_to = self.map(self.link_to)
        else:
            from difflib import get_close_matches

            close = get_close_matches(str(self.ensure), KINDS, cutoff=0.4)
            raise mistake(
                self,
                f"ensure={self.ensure!r} is not known" + (f" (did you mean {close[0]!r}?)" if close else ""),
                hint=f"It is one of {', '.join(map(repr, KINDS))}.",
            )

    def verify(self) -> None:
        if self.ensure == "file":
            super().verify()
        elif self.ensure == "symlink":
            needs_link(self, self.path, self.link_to)
        else:
            needs_rights(self, needs_directory(self, self.path), self.mode, self.owner, self.group)

    def update(self) -> None:
        if self.ensure == "file":
            super().update()
        elif self.ensure == "symlink":
            make_link(self, self.path, self.link_to, replace=self.replace, leading=self.leading)
        else:
            make_directory(
                self,
                self.path,
                replace=self.replace,
                leading=self.leading,
                mode=self.mode,
                uid=uid_of(self, self.owner),
                gid=gid_of(self, self.group),
            )

    def claims(self) -> Iterator[tuple[str, str, Any]]:
        if self.ensure == "symlink":
            yield self.path, "kind", "link"
            yield self.path, "link", self.link_to
            return
        for claim in super().claims():
            if self.ensure == "file" or claim[1] not in ("kind", "content"):
                yield claim
        if self.ensure == "directory":
            yield self.path, "kind", "directory"

    def _refuse(self, names: tuple[str, ...]) -> None:
        for name in names:
            if getattr(self, name) not in (None, ""):
                raise mistake(
                    self,
                    f"{name} is given for {self.path}, but means nothing with ensure={self.ensure!r}",
                    hint=f"Leave {name} out, or correct ensure.",
                )


class BinaryFile(File):
    """A file whose bytes are taken as they are: no template, no encoding. Otherwise as File.

    self += BinaryFile("logo.png")
    """

    is_template = False
    encoding = None


class Presence(Component):
    """Some regular file is at a path; an empty one is made where there is none. One change, undone exactly.

    leading: make missing directories above. replace: may a directory at `path` be moved away? A link to a file is
    taken for the file.

        self += Presence("app.log")
    """

    namevar = "path"
    path: str
    leading = False
    replace = False

    staged = True
    predictable = True
    verify_after_update = True

    def configure(self) -> None:
        self.path = self.map(self.path)

    def verify(self) -> None:
        node = self.system.look(follow(self.system, self.path))
        if not isinstance(node, nodes.File):
            raise UpdateNeeded(f"there is {nodes.describe(node)}, not a file")

    def update(self) -> None:
        make_room(self, self.path, "a file", replace=self.replace, leading=self.leading)
        self.system.write(self.path, b"")

    def claims(self) -> Iterator[tuple[str, str, Any]]:
        yield self.path, "kind", "file"
