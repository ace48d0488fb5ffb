"""Projects on a host: each a directory named by its key, complete or not there."""

from __future__ import annotations

import os
import time
import zlib
from contextlib import contextmanager
from typing import Dict, Iterator, List, Optional, Sequence

from depl.agent.building import Building, is_as_listed, remove
from depl.agent.gathering import Ask, Known, gather
from depl.agent.manifests import KEY, LARGEST, Manifest
from depl.agent.receiving import Receiving, unpacked
from depl.deploy.begin import boot
from depl.errors import ChangeFailed, ProtocolError
from depl.protocol.replies import Wants

KNOWN = 3  # newest projects whose contents are looked at
NEWEST = 3  # projects that stay in any case
COARSE = 20_000_000  # nanoseconds
ABANDONED = 24 * 60 * 60  # seconds
MANIFEST, COMPLETE = ".manifest", ".complete"  # beside a project: what is in it, and since which start of the machine


class Projects:
    """The projects in a directory, which is made when the first one comes.

    also: directories of the same kind, that are only read. clone: where the repository lies that exports come from;
    beside the directory unless given.
    """

    def __init__(self, directory: str, also: Sequence[str] = (), clone: Optional[str] = None) -> None:
        self.directory, self._also = directory, [Projects(one) for one in also]
        self._clone = clone or os.path.join(os.path.dirname(os.path.abspath(directory)), "clone")

    def path(self, key: str) -> str:
        """Where the project of a key lies, or will lie."""
        for projects in (self, *self._also):
            if projects._complete(key):
                return os.path.join(projects.directory, key)
        return os.path.join(self.directory, key)

    def has(self, key: str) -> bool:
        """Whether a project is here, complete. After a new start of the machine its contents are verified once."""
        return any(projects._complete(key) for projects in (self, *self._also))

    def fetch(self, key: str, method: str, revision: str, ask: Ask) -> str:
        """The directory of a project; brought here first if it is missing, or was written to.

        Errors: ProtocolError for what is not as announced, ChangeFailed for what cannot be written,
        DeploymentError where git or Mercurial are missing; nothing is left behind then.
        """
        if not KEY.fullmatch(key):
            raise ProtocolError(f"{key!r} is not the key of a project")
        if self.has(key) and self._is_untouched(key):
            return self.path(key)
        import tempfile

        try:
            os.makedirs(self.directory, mode=0o700, exist_ok=True)
            new = tempfile.mkdtemp(prefix=".new-", dir=self.directory)
            try:
                if method == "snapshot":
                    manifest = self._from_snapshot(key, Building(new), ask)
                else:
                    manifest = self._from_repository(method, revision, Building(new), ask)
                self._keep(key, new, manifest)
            finally:
                remove(new)
        except OSError as error:
            problem = f"the project cannot be laid into {self.directory}: {error.strerror or error}"
            raise ChangeFailed(self.directory, problem) from error
        return os.path.join(self.directory, key)

    def remove_old(self, keep: Sequence[str]) -> None:
        """Remove all projects but the named and the newest ones; what cannot be removed stays."""
        for key in self._newest()[NEWEST:]:
            if key not in keep:
                self._remove(key + COMPLETE, key + MANIFEST, key)
        self._remove(*self._abandoned())

    # -- what comes ----------------------------------------------------------------------------------------------

    def _from_snapshot(self, key: str, building: Building, ask: Ask) -> Manifest:
        known = list(self._known())
        receiving = Receiving(ask(Wants("manifest", [one.manifest.key for one in known])))
        manifest = receiving.manifest({one.manifest.key: one.manifest for one in known}, key, LARGEST)
        _require_space(self.directory, sum(entry.size for entry in manifest.contents) - _size_of(known))
        gather(building, manifest, receiving, ask, known)
        return manifest

    def _from_repository(self, method: str, revision: str, building: Building, ask: Ask) -> Manifest:
        from depl.agent.clones import export

        export(self._clone, method, revision, building, ask)
        return Manifest(building.finish())

    def _known(self) -> Iterator[Known]:
        """The newest projects that are here."""
        for projects in (self, *self._also):
            for key in projects._newest()[:KNOWN]:
                manifest = projects._manifest(key)
                if manifest is not None and projects._complete(key):
                    yield Known(os.path.join(projects.directory, key), manifest, projects._since(key))

    # -- what is here --------------------------------------------------------------------------------------------

    def _keep(self, key: str, new: str, manifest: Manifest) -> None:
        """Let a complete project appear in its place; another one at work on the same may have been faster."""
        path = os.path.join(self.directory, key)
        with self._alone():
            if self._complete(key) and self._is_untouched(key):
                return
            remove(os.path.join(self.directory, key + COMPLETE))
            remove(path)
            self._write(key + MANIFEST, zlib.compress(manifest.text, 1))
            os.rename(new, path)
            self._write(key + COMPLETE, boot().encode("ascii"))

    def _complete(self, key: str) -> bool:
        """Contents that were not yet on disk when a machine went down are empty: then its start is another one."""
        if not KEY.fullmatch(key):
            return False
        try:
            with open(os.path.join(self.directory, key + COMPLETE)) as file:
                start = file.read(100)
        except OSError:
            return False
        if start == boot():
            return True
        manifest = self._manifest(key)
        if manifest is None or not is_as_listed(os.path.join(self.directory, key), manifest.entries):
            return False
        try:
            self._write(key + COMPLETE, boot().encode("ascii"))
        except OSError:
            pass  # then it is verified again
        return True

    def _is_untouched(self, key: str) -> bool:
        """Whether all files of a project are what they were; read are those that may have been written to since."""
        for projects in (self, *self._also):
            if projects._complete(key):
                manifest = projects._manifest(key)
                path = os.path.join(projects.directory, key)
                return manifest is not None and is_as_listed(path, manifest.entries, projects._since(key))
        return False

    def _since(self, key: str) -> int:
        """When a project was complete, less what clocks may be too coarse for; in nanoseconds."""
        try:
            return os.stat(os.path.join(self.directory, key + COMPLETE)).st_mtime_ns - COARSE
        except OSError:
            return 0

    def _manifest(self, key: str) -> Optional[Manifest]:
        try:
            with open(os.path.join(self.directory, key + MANIFEST), "rb") as file:
                return Manifest.parse(unpacked(file.read(), LARGEST))
        except (OSError, ProtocolError):
            return None

    def _newest(self) -> List[str]:
        """The keys of the projects that are here, newest first."""
        found: Dict[str, int] = {}
        try:
            for entry in os.scandir(self.directory):
                if entry.name.endswith(COMPLETE):
                    found[entry.name[: -len(COMPLETE)]] = entry.stat().st_mtime_ns
        except OSError:
            pass
        return sorted(found, key=lambda key: found[key], reverse=True)

    def _abandoned(self) -> List[str]:
        """What was begun by somebody who did not come to the end."""
        before = time.time() - ABANDONED
        try:
            entries = [entry for entry in os.scandir(self.directory) if entry.name.startswith(".new-")]
            return [entry.name for entry in entries if entry.stat(follow_symlinks=False).st_mtime < before]
        except OSError:
            return []

    def _remove(self, *names: str) -> None:
        for name in names:
            try:
                remove(os.path.join(self.directory, name))
            except OSError:
                return

    def _write(self, name: str, content: bytes) -> None:
        import tempfile

        handle, temporary = tempfile.mkstemp(prefix=".new-", dir=self.directory)
        try:
            with open(handle, "wb") as file:
                file.write(content)
            os.replace(temporary, os.path.join(self.directory, name))
        except OSError:
            remove(temporary)
            raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        import fcntl

        with open(os.path.join(self.directory, ".lock"), "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _require_space(directory: str, size: int) -> None:
    there = os.statvfs(directory)
    if size > there.f_bavail * there.f_frsize:
        raise ChangeFailed(directory, f"the project of {size:,} bytes does not fit: too little space in {directory}")


def _size_of(known: Sequence[Known]) -> int:
    """How much need not come, at most."""
    return sum({entry.digest: entry.size for one in known for entry in one.manifest.contents}.values())
