"""A project put together from what comes over the line and what other projects here have.

A file that is the same in the project before is linked, not copied, as most are: it costs no space and hardly any time.
Whoever writes into a project changes the ones that share the file; so nothing is shared, or used again, that was
written to since its project was complete.
"""

from __future__ import annotations

import os
from typing import Callable, Dict, Iterator, NamedTuple, Sequence, Set

from depl.agent.building import Building
from depl.agent.manifests import DIRECTORY, FILE, LINK, Entry, Manifest
from depl.agent.receiving import Receiving, as_ranges
from depl.errors import ProtocolError
from depl.protocol.replies import Wants
from depl.protocol.requests import Given

Ask = Callable[[Wants], Iterator[Given]]


class Known(NamedTuple):
    """A project that is here. before: what was changed last before then is as listed (in nanoseconds)."""

    directory: str
    manifest: Manifest
    before: int


def gather(building: Building, manifest: Manifest, receiving: Receiving, ask: Ask, known: Sequence[Known]) -> None:
    """Lay out all that a manifest lists; `receiving` may have contents at once, the rest is asked for as needed."""
    for entry in manifest.entries:
        if entry.kind == DIRECTORY:
            building.make_directory(entry.path, entry.mode)
        elif entry.kind == LINK:
            building.make_link(entry.path, entry.target)
    contents = manifest.contents
    arrived: Set[int] = set()
    receiving.contents(building, contents, arrived)
    placed = {contents[index].digest: contents[index].path for index in arrived}
    files = [entry for entry in manifest.entries if entry.kind == FILE]
    linked = _link_known(building, files, placed, known)
    _copy_known(building, contents, placed, known)
    missing = [index for index, entry in enumerate(contents) if entry.digest not in placed]
    if missing:
        wanted = set(missing)
        came: Set[int] = set()
        Receiving(ask(Wants("contents", as_ranges(missing)))).contents(building, contents, came)
        if came != wanted:
            raise ProtocolError("not all contents of the project arrived, or others than were asked for")
        placed.update((contents[index].digest, contents[index].path) for index in missing)
    _copy_repeated(building, [entry for entry in files if entry.path not in linked], placed)
    building.finish()


def _link_known(building: Building, files: Sequence[Entry], placed: Dict[str, str], known: Sequence[Known]) -> Set[str]:
    """Link files that are the same in another project; the paths that are there now."""
    done = set(placed.values())
    for project in known:
        same = {entry for entry in project.manifest.entries if entry.kind == FILE}
        for entry in files:
            if entry not in same or entry.path in done:
                continue
            if building.link(os.path.join(project.directory, entry.path), entry, project.before):
                done.add(entry.path)
                placed.setdefault(entry.digest, entry.path)
    return done


def _copy_known(building: Building, contents: Sequence[Entry], placed: Dict[str, str], known: Sequence[Known]) -> None:
    """Copy contents that other projects have, in another place or with another mode; verified."""
    there: Dict[str, str] = {}
    for project in known:
        for entry in project.manifest.contents:
            there.setdefault(entry.digest, os.path.join(project.directory, entry.path))
    for entry in contents:
        if entry.digest not in placed and entry.digest in there and building.copy(there[entry.digest], entry):
            placed[entry.digest] = entry.path


def _copy_repeated(building: Building, files: Sequence[Entry], placed: Dict[str, str]) -> None:
    """Files whose content is in the project already, in another place."""
    for entry in files:
        if placed[entry.digest] != entry.path and not building.copy(building.place(placed[entry.digest]), entry):
            raise ProtocolError(f"{entry.path!r} did not arrive as it was announced")
