"""A project as its repository has it at the revision that is checked out: hosts get what their clones lack."""

from __future__ import annotations

import os
import re
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import IO

from depl.agent.versions import VersionControlFailed
from depl.errors import ConfigurationError, ProtocolError
from depl.protocol.framing import LARGEST_DATA
from depl.protocol.replies import Wants
from depl.protocol.requests import Given
from depl.remote.repository import GitRepository, HgRepository, Repository, copy

KINDS: dict[str, type[Repository]] = {"git-bundle": GitRepository, "hg-bundle": HgRepository}
REVISION = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
MOST_HEADS = 1000
SHOWN = 5


class Bundle:
    """The committed files of a project. key: the revision, and the project's directory in the repository if it has one.

    May answer several hosts at the same time. dirty: deploy the revision although there are changes beside it.
    Errors: ConfigurationError for a working copy that is not clean, not on the branch, or none at all.
    """

    def __init__(
        self, method: str, base_dir: str, *, root: str | None = None, branch: str | None = None, dirty: bool = False
    ) -> None:
        self.method = method
        self._repository = KINDS[method](base_dir, root)
        self.revision = self._repository.revision
        self.warnings: Sequence[str] = self._check(branch, dirty)
        within = self._repository.subdirectory
        self.key = self.revision + (
            "-" + sha256(within.encode("utf-8", "surrogateescape")).hexdigest()[:8] if within else ""
        )
        self._lock = threading.Lock()
        self._bundles: dict[tuple[str, ...], tuple[IO[bytes], int, str]] = {}

    def answer(self, wants: Wants) -> Iterator[Given]:
        """A bundle with what leads from the revisions that a host has to the one that is deployed."""
        heads = list(wants.items)
        if wants.kind != "bundle" or len(heads) > MOST_HEADS:
            raise ProtocolError(f"a host wants {wants.kind!r}, which a bundle does not have")
        if not all(isinstance(one, str) and REVISION.fullmatch(one) for one in heads):
            raise ProtocolError("a host has revisions that are none")
        return self._parts(self._repository.known(heads))

    def _parts(self, known: Sequence[str]) -> Iterator[Given]:
        last = {"subdirectory": self._repository.subdirectory}
        if self.revision in known:
            yield Given("bundle", {**last, "sha256": sha256().hexdigest()})
            return
        file, size, digest = self._made(tuple(sorted(known)))
        for start in range(0, size, LARGEST_DATA):
            piece = os.pread(file.fileno(), LARGEST_DATA, start)
            if start + len(piece) < size:
                yield Given("bundle", last=False, data=piece)
            else:
                yield Given("bundle", {**last, "sha256": digest}, data=piece)

    def _made(self, known: tuple[str, ...]) -> tuple[IO[bytes], int, str]:
        """The bundle for all hosts that have the same: its file, size and digest."""
        with self._lock:
            if known not in self._bundles:
                file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this
                weakref.finalize(self, file.close)
                try:
                    with self._repository.bundle(known) as stream:
                        copy(stream, file)
                except VersionControlFailed as failed:
                    message = f"The project's repository cannot be bundled: {failed}"
                    raise ConfigurationError(message, hint=failed.hint) from None
                file.seek(0)
                summed = sha256()
                while piece := file.read(LARGEST_DATA):
                    summed.update(piece)
                self._bundles[known] = file, file.tell(), summed.hexdigest()
            return self._bundles[known]

    def _check(self, branch: str | None, dirty: bool) -> list[str]:
        if branch:
            self._repository.require_branch(branch)
        changed = self._repository.uncommitted()
        if not changed:
            return []
        if not dirty:
            hint = "Commit or ignore them; `--dirty` goes on with the last commit."
            raise ConfigurationError(f"The project has changes that are not committed: {listed(changed)}", hint=hint)
        read_here = [path for path in changed if path.split("/")[0] == "environments"]
        left_out = [path for path in changed if path not in read_here]
        warnings = []
        if left_out:
            without = listed(left_out)
            warnings.append(f"{self.revision[:12]} is deployed without the changes that are not committed: {without}")
        if read_here:
            warnings.append(f"environments count as they lie here, although this is not committed: {listed(read_here)}")
        return warnings


def listed(paths: Sequence[str]) -> str:
    """The first of some paths, and how many more there are."""
    return ", ".join(paths[:SHOWN]) + (f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else "")
