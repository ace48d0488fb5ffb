"""A store that several checkouts share: whether the project has one, and which environments are held there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from depl.errors import Locked
from depl.rollout.holds import Freeze, HoldFiles, Holds
from depl.rollout.log import LogFailed

if TYPE_CHECKING:
    from depl.cli.session import Session
    from depl.store.store import Store

HERE = "sqlite:"
INSTEAD = "DEPL_DEPL_STORE=sqlite:///.depl/depl.sqlite"


def shared_store(session: Session) -> Store | None:
    """The store that the project shares with others, if its settings name one. Errors: LogFailed."""
    if not (os.path.exists(os.path.join(session.base, "depl.cfg")) or "DEPL_DEPL_STORE" in os.environ):
        return None
    from depl.project import ProjectSettings

    if ProjectSettings.load(session.base).depl.store.startswith(HERE):
        return None
    from depl.cli.stored import open_project_store

    return open_project_store(session)


@contextmanager
def needed() -> Iterator[None]:
    """Nothing may be changed without the store. Errors: LogFailed, which says what to do."""
    try:
        yield
    except LogFailed as error:
        hint = (
            "Nothing was changed, as environments are locked in the store. Start its server again; "
            f"where you know that nobody else is at work, {INSTEAD} does without it."
        )
        raise LogFailed(error.message, hint=hint) from error


def holds_of(session: Session) -> Holds:
    """Where it is noted which environments are held."""
    files = HoldFiles(os.path.join(session.base, ".depl"))
    store = shared_store(session)
    return files if store is None else _AllHolds(store.holds, files)


class _AllHolds:
    """Those of a shared store, and those that were noted here before there was one."""

    def __init__(self, shared: Holds, files: Holds) -> None:
        self._shared, self._files = shared, files

    def of(self, environment: str) -> Freeze | None:
        """Whether an environment is held."""
        return self._shared.of(environment) or self._files.of(environment)

    def all(self) -> Sequence[Freeze]:
        """Those that are held, by name."""
        found = {freeze.environment: freeze for freeze in (*self._files.all(), *self._shared.all())}
        return [found[name] for name in sorted(found)]

    def set(self, freeze: Freeze) -> None:
        """Hold an environment."""
        held = self._files.of(freeze.environment)
        if held is not None:
            raise Locked(held.sentence, hint=f"`depl release {freeze.environment}` ends that.")
        self._shared.set(freeze)

    def clear(self, environment: str) -> Freeze | None:
        """Release an environment."""
        shared, here = self._shared.clear(environment), self._files.clear(environment)
        return shared or here
