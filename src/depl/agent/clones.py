"""Repositories on a host: a clone that is brought to a revision by bundles, and exported from."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from hashlib import sha256
from typing import IO, Any, Callable, Dict, Iterator, List, Optional, Type, Union

from depl.agent.building import PIECE, Building, remove
from depl.agent.manifests import is_safe, is_secret, kept_out, may_be_secret
from depl.agent.versions import VersionControlFailed, neutral, opened, run
from depl.errors import DeploymentError, ProtocolError
from depl.protocol.replies import Wants
from depl.protocol.requests import Given

Ask = Callable[[Wants], Iterator[Given]]

LATEST = 5  # revisions that the clone keeps a name for
OPTIONS = ("-c", "tar.umask=0022", "-c", "core.autocrlf=false", "-c", "gc.auto=0")


class GitClone:
    """A bare repository; the revisions that were brought here have names in it, so that nothing is cleared away."""

    def __init__(self, path: str) -> None:
        self.path = path

    def make(self, revision: str) -> None:
        kind = "sha256" if len(revision) == 64 else "sha1"
        run(["git", "init", "-q", "--bare", f"--object-format={kind}", self.path], env=neutral())
        # Everything is exported as it was committed, whatever is meant for archives of a release.
        os.makedirs(os.path.join(self.path, "info"), exist_ok=True)
        with open(os.path.join(self.path, "info", "attributes"), "w") as file:
            file.write("* -export-ignore -export-subst\n")

    def heads(self) -> List[str]:
        return self._git("for-each-ref", "--format=%(objectname)", "refs/depl").split()

    def take(self, bundle: str, revision: str) -> None:
        """Take in what a bundle has; without one the revision is here already."""
        name = f"refs/depl/{revision}"
        if bundle:
            self._git("fetch", "-q", "--no-tags", "--force", bundle, f"refs/heads/depl:{name}")
        else:
            self._git("update-ref", name, revision)
        if self._git("rev-parse", "--verify", f"{name}^{{commit}}").strip() != revision:
            raise VersionControlFailed("the bundle has another revision")
        names = self._git("for-each-ref", "--sort=-committerdate", "--format=%(refname)", "refs/depl").split()
        for old in [one for one in names if one != name][LATEST:]:
            self._git("update-ref", "-d", old)

    @contextmanager
    def archive(self, revision: str, subdirectory: str) -> Iterator[IO[bytes]]:
        tree = f"{revision}:{subdirectory}" if subdirectory else revision
        command = ["git", *OPTIONS, f"--git-dir={self.path}", "archive", "--format=tar", tree]
        with opened(command, env=neutral()) as stream:
            yield stream

    def _git(self, *arguments: str) -> str:
        return run(["git", *OPTIONS, f"--git-dir={self.path}", *arguments], env=neutral())


class HgClone:
    """A repository of Mercurial without a working copy."""

    def __init__(self, path: str) -> None:
        self.path = path

    def make(self, revision: str) -> None:
        run(["hg", "init", self.path], env=neutral())

    def heads(self) -> List[str]:
        return self._hg("log", "-r", "head()", "-T", "{node}\n").split()

    def take(self, bundle: str, revision: str) -> None:
        if bundle:
            self._hg("unbundle", "-q", bundle)
        if self._hg("log", "-r", revision, "-T", "{node}") != revision:
            raise VersionControlFailed("the bundle has another revision")

    @contextmanager
    def archive(self, revision: str, subdirectory: str) -> Iterator[IO[bytes]]:
        # The tree itself, whatever Mercurial would like to tell about its origin.
        command = ["hg", "-R", self.path, "--config", "ui.archivemeta=False", "archive", "-r", revision]
        command += ["-t", "tar", "-p", ".", *(["-I", f"path:{subdirectory}"] if subdirectory else []), "-"]
        with opened(command, env=neutral()) as stream:
            yield stream

    def _hg(self, *arguments: str) -> str:
        return run(["hg", "-R", self.path, *arguments], env=neutral())


Clone = Union[GitClone, HgClone]


def export(path: str, method: str, revision: str, building: Building, ask: Ask) -> None:
    """Bring the clone at a path to a revision and lay that one's project out.

    Errors: ProtocolError for what is not as announced, DeploymentError where a program is missing or fails.
    """
    kinds: Dict[str, Type[Clone]] = {"git-bundle": GitClone, "hg-bundle": HgClone}
    if method not in kinds or len(revision) not in (40, 64) or not revision.isalnum():
        raise ProtocolError(f"a project cannot be brought here by {method!r} at {revision!r}")
    clone: Clone = kinds[method](path)
    try:
        subdirectory = _update(clone, revision, ask)
        try:
            with clone.archive(revision, subdirectory) as stream:
                _lay_out(stream, clone, subdirectory, building)
        except VersionControlFailed:
            remove(path)  # whatever is wrong with it, the next run begins anew
            raise
    except VersionControlFailed as failed:
        raise DeploymentError(f"the project cannot be taken from its repository: {failed}", hint=failed.hint) from None


def _update(clone: Clone, revision: str, ask: Ask) -> str:
    """Get what is missing, and everything anew where the clone is damaged or none; the project's directory in it."""
    try:
        heads = clone.heads() if os.path.isdir(clone.path) else None
    except VersionControlFailed as failed:
        if failed.is_missing:
            raise
        heads = None
    if heads:
        try:
            return _take(clone, revision, ask, heads)
        except VersionControlFailed:
            pass
    remove(clone.path)
    os.makedirs(os.path.dirname(clone.path), mode=0o700, exist_ok=True)
    clone.make(revision)
    return _take(clone, revision, ask, [])


def _take(clone: Clone, revision: str, ask: Ask, heads: List[str]) -> str:
    with tempfile.NamedTemporaryFile(prefix=".new-", dir=os.path.dirname(clone.path)) as file:
        head = _received(ask(Wants("bundle", heads)), file)
        clone.take(file.name if file.tell() else "", revision)
    return str(head)


def _received(parts: Iterator[Given], file: Any) -> str:
    """Write a bundle as it comes; the directory of the project in its repository. Errors: ProtocolError."""
    summed, given = sha256(), None
    for given in parts:
        file.write(given.data)
        summed.update(given.data)
    file.flush()
    head = given.head if given is not None else {}
    subdirectory = head.get("subdirectory")
    if head.get("sha256") != summed.hexdigest():
        raise ProtocolError("the bundle did not arrive as it was sent")
    if not isinstance(subdirectory, str) or (subdirectory and not is_safe(subdirectory)):
        raise ProtocolError("the bundle does not tell where the project is")
    return subdirectory


def _lay_out(stream: IO[bytes], clone: Clone, subdirectory: str, building: Building) -> None:
    """Lay out what a tar stream has, less what never travels."""
    import tarfile

    within = subdirectory + "/" if subdirectory and isinstance(clone, HgClone) else ""
    try:
        with tarfile.open(fileobj=stream, mode="r|", errors="surrogateescape") as archive:
            for member in archive:
                path = os.path.normpath(member.name)
                if path.startswith(within) and path != ".":
                    _lay_out_one(archive, member, path[len(within) :], building)
        while stream.read(PIECE):
            pass  # what fills the last block
    except tarfile.TarError as error:
        raise VersionControlFailed(f"what it exports cannot be read: {error}") from None


def _lay_out_one(archive: Any, member: Any, path: str, building: Building) -> None:
    if not is_safe(path):
        raise ProtocolError(f"{path!r} must not be in a project")
    if kept_out(path) or member.isdir():
        return  # directories come with what is in them
    if member.issym():
        building.make_link(path, member.linkname)
        return
    content: Optional[IO[bytes]] = archive.extractfile(member)
    if content is None:
        return
    piece = content.read(PIECE)
    if may_be_secret(path) and is_secret(path, piece):
        return
    arriving = building.open(path, member.mode & 0o777)
    while piece:
        arriving.write(piece)
        piece = content.read(PIECE)
    arriving.close()
