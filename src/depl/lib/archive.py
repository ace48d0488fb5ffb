"""Archives that are unpacked."""

from __future__ import annotations

import os
from typing import Any, Iterator, Optional

from depl.change import nodes
from depl.component import Component
from depl.errors import ConfigurationError, DeploymentError, UpdateNeeded
from depl.lib.archives.entries import Entry
from depl.lib.archives.exchange import exchange, is_another
from depl.lib.archives.opening import Opened
from depl.lib.archives.reading import TarReader, ZipReader
from depl.lib.files.places import make_parent

SHOWN = 1 << 20  # bytes; planned contents above this size are not read to show their difference
TAR_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar")
ZIP_SUFFIXES = (".zip", ".whl", ".jar")


class Unpacked(Component):
    """What Untar and Unzip share: what is in an archive lies in a directory.

    archive: a path on the host. target: the directory, which gets the archive's name without its suffix unless given.
    create_target_dir: make it, and missing directories above, where it is missing. strip: so many leading parts of the
    names in the archive are dropped.

    It is current when all members are there with their kind, size, mode and time of modification (a file of up to 1 MiB
    may have another time, if its content is the same); what differs is repaired, what is there besides is left alone.
    Where half of the files or more differ, as with another version, the archive is unpacked beside, and the new tree
    changes places with the old one. Modes are kept without set-user-id, set-group-id and write permission for others,
    owners are not. Members that would lie or point outside of the target, devices and pipes are refused before anything
    is unpacked. Undone exactly.
    """

    namevar = "archive"
    archive: Any = None
    target: Any = None
    create_target_dir = True
    strip: int = 0

    verify_after_update = True
    predictable = True

    reader: Any = None
    suffixes: Any = ()

    def configure(self) -> None:
        self.archive = self.map(self.archive)
        if self.target is None:
            name = os.path.basename(self.archive)
            self.target = _without_suffix(name, self.suffixes)
            if self.target == name:
                raise ConfigurationError(
                    f"the name of {self.archive} does not say what to call its directory",
                    self,
                    hint="Say with target= where it shall be unpacked.",
                )
        self.target = self.map(self.target)

    def verify(self) -> None:
        entries = self._entries()
        if not isinstance(self.system.look(self.target), nodes.Directory):
            raise UpdateNeeded(f"{self.target} is missing")
        differing = self._differing(entries)
        if differing:
            more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
            raise UpdateNeeded(f"{differing[0].path} is not as in the archive{more}")

    def update(self) -> None:
        there = isinstance(self.system.look(self.target), nodes.Directory)
        if not there and not self.create_target_dir:
            raise DeploymentError(
                f"{self.target} does not exist", self, hint="Make it before, or say create_target_dir=True."
            )
        if there:
            entries = self._entries()
            differing = self._differing(entries)
            if not self.system.predicting and is_another(self, entries, differing):
                exchange(self, entries, self._unpack)
            else:
                self._repair(differing)
        else:
            make_parent(self, self.target, leading=True)
            self.system.build(self.target)
            if not self.system.predicting:
                self._unpack(self.target)

    def _entries(self) -> list[Entry]:
        """The members, directories first. Errors: DeploymentError."""
        with self._opened() as reader:
            return reader.entries(self.strip)  # type: ignore[no-any-return]

    def _opened(self) -> Opened:
        return Opened(self, self.archive, self.reader)

    # -- where nothing was ---------------------------------------------------------------------------

    def _unpack(self, top: str) -> None:
        with self._opened() as reader:
            entries = reader.entries(self.strip)
            os.makedirs(top)
            for entry in entries:
                path = os.path.join(top, entry.path)
                if entry.kind == "directory":
                    os.mkdir(path)
                    if entry.mode is not None:
                        os.chmod(path, entry.mode)
                elif entry.kind == "link":
                    os.symlink(entry.link, path)
            for entry in reader.in_order(entries):
                reader.write(entry, os.path.join(top, entry.path))

    # -- where something was -------------------------------------------------------------------------

    def _repair(self, differing: list[Entry]) -> None:
        for entry in differing:
            path = os.path.join(self.target, entry.path)
            if entry.kind == "directory":
                self.system.make_dir(path, mode=entry.mode)
            elif entry.kind == "link":
                self.system.link(path, entry.link)
        if self.system.predicting:
            self._plan([entry for entry in differing if entry.kind == "file"])
            return
        import shutil
        import tempfile

        scratch = tempfile.mkdtemp(prefix="depl-")
        try:
            with self._opened() as reader:
                files = list(reader.in_order(differing))
                for number, entry in enumerate(files):
                    source = os.path.join(scratch, str(number))
                    reader.write(entry, source)
                    self.system.copy(source, os.path.join(self.target, entry.path), mode=entry.mode)
            self.system.commit()  # copies what is in the scratch directory
        finally:
            shutil.rmtree(scratch)
        for entry in files:
            # The time is how verify() knows the file again; undoing does not ask for it.
            os.utime(os.path.join(self.target, entry.path), (entry.mtime, entry.mtime))

    def _plan(self, files: list[Entry]) -> None:
        """What would be repaired; the contents of small ones, so that the plan can show what changes."""
        with self._opened() as reader:
            for entry in files:
                path = os.path.join(self.target, entry.path)
                if entry.size <= SHOWN:
                    self.system.write(path, reader.read(entry), mode=entry.mode)
                else:
                    self.system.remove(path)
                    self.system.build(path)

    def _differing(self, entries: list[Entry]) -> list[Entry]:
        """What is not as in the archive. A file with another time may be: undo and redo give it a new one."""
        differing = [entry for entry in entries if self._differs(entry)]
        retimed = [entry for entry in differing if entry.kind == "file" and not self._differs(entry, time=False)]
        if not retimed:
            return differing
        with self._opened() as reader:
            same = {entry.path for entry in reader.in_order(retimed) if self._holds(entry, reader)}
        return [entry for entry in differing if entry.path not in same]

    def _holds(self, entry: Entry, reader: Any) -> bool:
        path = os.path.join(self.target, entry.path)
        return entry.size <= SHOWN and bool(self.system.holds(path, reader.read(entry)))

    def _differs(self, entry: Entry, time: bool = True) -> bool:
        path = os.path.join(self.target, entry.path)
        node = self.system.look(path)
        if entry.kind == "directory":
            return not isinstance(node, nodes.Directory) or entry.mode not in (None, node.mode)
        if entry.kind == "link":
            return bool(node != nodes.Link(entry.link))
        if not isinstance(node, nodes.File) or node.mode != entry.mode:
            return True
        try:
            status = os.lstat(path)
        except OSError:
            return False  # it is planned only, and looks right
        return status.st_size != entry.size or (time and int(status.st_mtime) != entry.mtime)


class Untar(Unpacked):
    """What is in a tar archive (plain, gzip, bzip2 or xz) lies in a directory. Attributes, rules, undo: as Unpacked.

    self += Untar("app-1.2.tar.gz", target="app", strip=1)
    """

    reader = TarReader
    suffixes = TAR_SUFFIXES


class Unzip(Unpacked):
    """What is in a ZIP archive lies in a directory. Attributes, rules, undo: as Unpacked.

    self += Unzip("fonts.zip", target="static/fonts")
    """

    reader = ZipReader
    suffixes = ZIP_SUFFIXES


class Extract(Component):
    """An archive of any kind, known by its suffix, is unpacked by Untar or Unzip; the attributes are theirs.

    self += Download(uri, checksum=...)
    self += Extract(self._.target, target="app", strip=1)
    """

    namevar = "archive"
    archive: Any = None
    target: Any = None
    create_target_dir = True
    strip: int = 0

    def configure(self) -> None:
        archive = os.fspath(self.archive)
        kind = _kind_of(archive)
        if kind is None:
            raise ConfigurationError(
                f"{archive} has no suffix of an archive that can be unpacked",
                self,
                hint=f"There are: {', '.join(sorted(TAR_SUFFIXES + ZIP_SUFFIXES))}. Untar and Unzip take any name.",
            )
        self += kind(archive, target=self.target, create_target_dir=self.create_target_dir, strip=self.strip)
        self.archive, self.target = self._.archive, self._.target


def _kind_of(name: str) -> Optional[type[Unpacked]]:
    lower = name.lower()
    return next((kind for kind in (Untar, Unzip) if lower.endswith(kind.suffixes)), None)


def _without_suffix(name: str, suffixes: Iterator[str]) -> str:
    for suffix in suffixes:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name
