"""The repository that a project lies in, as it stands: revision, branch, and what is not committed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TypeVar

from depl.agent.versions import VersionControlFailed, as_user, opened, run
from depl.errors import ConfigurationError

Value = TypeVar("Value")

MADE_HERE = ("work", ".depl")  # at the project's top: never make a working copy dirty
SNAPSHOT = "Or use `update_method = snapshot`, which transfers the files as they are."


class Repository:
    """A working copy. root: its top. subdirectory: of the project in it. revision: that it stands on, in full.

    Errors: ConfigurationError, also from all methods.
    """

    name: str
    marker: str

    def __init__(self, base_dir: str, root: str | None = None) -> None:
        self.base_dir = os.path.realpath(base_dir)
        self.root = self._declared_root(root) if root else self._found_root()
        subdirectory = os.path.relpath(self.base_dir, self.root)
        self.subdirectory = "" if subdirectory == "." else subdirectory
        self.revision = self._guarded(self._revision)
        self._guarded(self._require_whole)

    def uncommitted(self) -> list[str]:
        """Files of the project that are not as in the revision, or not in it and not ignored."""
        return [path for path in self._guarded(self._changed) if path.split("/")[0] not in MADE_HERE]

    def require_branch(self, branch: str) -> None:
        """See to it that a branch is checked out."""
        branches = self._guarded(self._branches)
        if branch not in branches:
            there = " and ".join(map(repr, branches)) or "no branch"
            message = f"The environment is deployed from the branch {branch!r}, but {there} is checked out"
            raise ConfigurationError(message, hint=f"Check out {branch!r}, or change `branch` in [environment].")

    def known(self, revisions: Sequence[str]) -> list[str]:
        """Those of some revisions that are here, too; this one as well, if it is known to be among them."""
        return self._guarded(lambda: self._known(revisions)) if revisions else []

    @contextmanager
    def bundle(self, known: Sequence[str]) -> Iterator[IO[bytes]]:
        """All that leads to the revision, but what leads to those that are known there; as a stream."""
        raise NotImplementedError

    def _revision(self) -> str:
        raise NotImplementedError

    def _require_whole(self) -> None:
        raise NotImplementedError

    def _changed(self) -> list[str]:
        raise NotImplementedError

    def _branches(self) -> list[str]:
        raise NotImplementedError

    def _known(self, revisions: Sequence[str]) -> list[str]:
        raise NotImplementedError

    def _run(self, *arguments: str, input: bytes = b"") -> str:
        return run([self.marker[1:], *arguments], env=as_user(), cwd=self.base_dir, input=input)

    def _guarded(self, act: Callable[[], Value]) -> Value:
        try:
            return act()
        except VersionControlFailed as failed:
            raise ConfigurationError(f"The project's repository cannot be read: {failed}", hint=failed.hint) from None

    def _found_root(self) -> str:
        directory = self.base_dir
        while not os.path.exists(os.path.join(directory, self.marker)):
            if directory == os.path.dirname(directory):
                message = f"{self.base_dir} is not in a repository of {self.name}, as `update_method` says"
                raise ConfigurationError(message, hint=SNAPSHOT)
            directory = os.path.dirname(directory)
        return directory

    def _declared_root(self, root: str) -> str:
        directory = os.path.realpath(os.path.join(self.base_dir, root))
        if not os.path.exists(os.path.join(directory, self.marker)):
            message = (
                f"`repository_root = {root}` leads to {directory}, which is not the top of a repository of {self.name}"
            )
            raise ConfigurationError(message, hint="Leave it out: the repository of a project is found.")
        if os.path.commonpath([directory, self.base_dir]) != directory:
            message = f"`repository_root = {root}` leads to {directory}, which does not contain the project"
            raise ConfigurationError(message, hint="Leave it out: the repository of a project is found.")
        return directory


class GitRepository(Repository):
    """A working copy of git."""

    name, marker = "git", ".git"

    def _revision(self) -> str:
        try:
            return self._run("rev-parse", "-q", "--verify", "HEAD^{commit}").strip()
        except VersionControlFailed as failed:
            if failed.is_missing or "fatal" in str(failed):
                raise
            raise ConfigurationError("Nothing is committed in the project's repository", hint=SNAPSHOT) from None

    def _require_whole(self) -> None:
        if self._run("rev-parse", "--is-shallow-repository").strip() == "true":
            message = "The project's repository is a shallow clone: its history is not there to be bundled"
            raise ConfigurationError(message, hint=f"Complete it with `git fetch --unshallow`. {SNAPSHOT}")
        listed = self._run("ls-tree", "-r", "-z", self.revision).split("\0")
        inner = [line.partition("\t")[2] for line in listed if line.startswith("160000")]
        if inner:
            message = f"{inner[0]} is a submodule, which a bundle of the project's repository does not have"
            raise ConfigurationError(message, hint=SNAPSHOT)

    def _changed(self) -> list[str]:
        top = self._run("status", "--porcelain", "-z", "--no-renames", "--untracked-files=normal", "--", ".")
        within = self.subdirectory + "/" if self.subdirectory else ""
        return [line[3:].removeprefix(within) for line in top.split("\0") if line]

    def _branches(self) -> list[str]:
        """What is checked out; on a detached HEAD the branches that are at the same revision."""
        name = self._run("branch", "--show-current").strip()
        if name:
            return [name]
        names = self._run("for-each-ref", "--points-at=HEAD", "--format=%(refname)", "refs/heads", "refs/remotes")
        kinds = [one.split("/", 2) for one in names.split()]
        found = {rest if kind == "heads" else rest.partition("/")[2] for _, kind, rest in kinds}
        return sorted(found - {"HEAD"})

    def _known(self, revisions: Sequence[str]) -> list[str]:
        asked = "".join(f"{one}^{{commit}}\n" for one in revisions).encode()
        answers = self._run("cat-file", "--batch-check=%(objectname)", input=asked).splitlines()
        return [one for one, answer in zip(revisions, answers, strict=True) if one == answer]

    @contextmanager
    def bundle(self, known: Sequence[str]) -> Iterator[IO[bytes]]:
        import tempfile

        # A bundle is a head with what it needs and has, and a pack. `git bundle` can only make it of what has a name.
        lines = ["# v3 git bundle", "@object-format=sha256"] if len(self.revision) == 64 else ["# v2 git bundle"]
        lines += [*(f"-{one} " for one in known), f"{self.revision} refs/heads/depl", "", ""]
        wanted = "\n".join([self.revision, *(f"^{one}" for one in known), ""]).encode()
        command = ["git", "pack-objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "-q"]
        with tempfile.TemporaryFile() as file:
            file.write("\n".join(lines).encode())
            with opened(command, env=as_user(), cwd=self.base_dir, input=wanted) as stream:
                copy(stream, file)
            file.seek(0)
            yield file


class HgRepository(Repository):
    """A working copy of Mercurial."""

    name, marker = "Mercurial", ".hg"

    def _revision(self) -> str:
        revision = self._run("log", "-r", ".", "-T", "{node}").strip()
        if not revision.strip("0"):
            raise ConfigurationError("Nothing is committed in the project's repository", hint=SNAPSHOT)
        return revision

    def _require_whole(self) -> None:
        if os.path.exists(os.path.join(self.root, ".hgsub")):
            message = "The project's repository has subrepositories, which a bundle does not have"
            raise ConfigurationError(message, hint=SNAPSHOT)

    def _changed(self) -> list[str]:
        return [name for name in self._run("status", "--noninteractive", "-n", "-0", ".").split("\0") if name]

    def _branches(self) -> list[str]:
        told = self._run("log", "-r", ".", "-T", "{branch}\\n{activebookmark}")
        return [one for one in told.split("\n") if one]

    def _known(self, revisions: Sequence[str]) -> list[str]:
        any_of = " or ".join(f"present({one})" for one in revisions)
        wanted = f"{any_of} or ({self.revision} and ::({any_of}))"
        found = set(self._run("log", "-r", wanted, "-T", "{node}\\n").split())
        # Mercurial refuses to bundle nothing: where the revision led to one that is there, it is there itself.
        return [one for one in {*revisions, self.revision} if one in found]

    @contextmanager
    def bundle(self, known: Sequence[str]) -> Iterator[IO[bytes]]:
        import tempfile

        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "bundle")
            bases = [part for one in known or ["null"] for part in ("--base", one)]
            self._run("bundle", "--noninteractive", "-q", *bases, "-r", self.revision, path)
            with open(path, "rb") as file:
                yield file


def copy(stream: IO[bytes], file: IO[bytes]) -> None:
    """Copy all that comes."""
    while piece := stream.read(1 << 20):
        file.write(piece)
