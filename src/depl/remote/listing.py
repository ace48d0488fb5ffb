"""Which files belong to a project, with what tells whether they changed; nothing is read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from depl.agent.manifests import kept_out
from depl.agent.versions import VersionControlFailed, as_user, run
from depl.errors import ConfigurationError
from depl.remote import ignoring

GIT = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
HG = ["hg", "status", "--noninteractive", "-n", "-0", "-S", "-macu", "."]


class Listed(NamedTuple):
    """A file or link. stamp: mode, size, times and inode: what is different once it changed."""

    path: str
    is_link: bool
    mode: int
    size: int
    mtime: int
    stamp: tuple[int, ...]


class Listing:
    """The files, links and directories of a project. directories: with their modes. warnings: what stays here, and why.

    Errors: ConfigurationError for what cannot be looked at.
    """

    def __init__(self, base_dir: str) -> None:
        self._base_dir = base_dir
        self._ignoring = ignoring.Ignoring(_lines(os.path.join(base_dir, ignoring.FILE)))
        self.warnings: list[str] = []
        self.directories: dict[str, int] = {}
        self.files: list[Listed] = []
        try:
            self._look(self._names())
        except PermissionError as error:
            path = os.path.relpath(error.filename, base_dir) if error.filename else "The project"
            raise ConfigurationError(f"{path} cannot be looked at: {error.strerror}") from None
        self.files.sort()
        self._drop_hidden()

    def _names(self) -> Iterable[str]:
        program = _version_control(self._base_dir)
        if program is None:
            return self._all_below("")
        names = self._known_to(program, "")
        # A project in a repository that ignores it is not under version control at all.
        return names if any(names) or _is_root(self._base_dir) else self._all_below("")

    def _known_to(self, program: list[str], within: str) -> list[str]:
        """What version control knows or does not ignore; repositories inside come as directories."""
        try:
            listed = run(program, env=as_user(), cwd=os.path.join(self._base_dir, within))
        except VersionControlFailed as failed:
            raise ConfigurationError(f"The files of the project cannot be listed: {failed}", hint=failed.hint) from None
        return [within + name for name in dict.fromkeys(listed.split("\0")) if name]

    def _all_below(self, within: str) -> Iterator[str]:
        """All that is in a directory."""
        with os.scandir(os.path.join(self._base_dir, within)) as entries:
            for entry in entries:
                yield within + entry.name

    def _look(self, names: Iterable[str]) -> None:
        for name in names:
            path = name.rstrip("/")
            if kept_out(path) or (self._ignoring and self._ignoring.ignores(path)):
                continue
            try:
                status = os.lstat(f"{self._base_dir}/{path}")
            except (FileNotFoundError, NotADirectoryError):
                continue  # removed, and version control does not know yet
            kind = stat.S_IFMT(status.st_mode)
            if kind in (stat.S_IFREG, stat.S_IFLNK):
                self._add(path, status)
            elif kind == stat.S_IFDIR:
                self._look_below(path)
            else:
                self.warnings.append(f"{path} is not transferred: it is neither a file nor a link")

    def _look_below(self, path: str) -> None:
        if self._ignoring.ignores(path, is_directory=True):
            return
        if os.path.exists(os.path.join(self._base_dir, path, ".git")) and _version_control(self._base_dir):
            self._look(self._known_to(GIT, path + "/"))  # a submodule, or another repository
        else:
            self._look(self._all_below(path + "/"))

    def _add(self, path: str, status: os.stat_result) -> None:
        parent = path.rpartition("/")[0]
        while parent and parent not in self.directories:
            self.directories[parent] = stat.S_IMODE(os.lstat(f"{self._base_dir}/{parent}").st_mode) & 0o777 | 0o700
            parent = parent.rpartition("/")[0]
        mode = stat.S_IMODE(status.st_mode) & 0o777 | 0o400
        stamp = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        is_link = stat.S_ISLNK(status.st_mode)
        self.files.append(Listed(path, is_link, mode, status.st_size, status.st_mtime_ns, stamp))

    def _drop_hidden(self) -> None:
        """What is tracked below a directory that became a link is not in the project any more."""
        hidden = {file.path for file in self.files if file.is_link} & self.directories.keys()
        if hidden:
            below = tuple(path + "/" for path in hidden)
            self.files = [file for file in self.files if not file.path.startswith(below)]
            gone = [path for path in self.directories if path in hidden or path.startswith(below)]
            for path in gone:
                del self.directories[path]


def _version_control(base_dir: str) -> list[str] | None:
    """How to ask the repository that a directory lies in; None where there is none."""
    directory = base_dir
    while True:
        if os.path.exists(os.path.join(directory, ".git")):
            return GIT
        if os.path.isdir(os.path.join(directory, ".hg")):
            return HG
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def _is_root(directory: str) -> bool:
    return any(os.path.exists(os.path.join(directory, name)) for name in (".git", ".hg"))


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().split("\n")
    except FileNotFoundError:
        return []
