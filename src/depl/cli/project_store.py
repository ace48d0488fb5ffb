"""Where a project keeps what is known of its rollouts, and which environments are held: its own files and its store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from depl.errors import ConfigurationError, Mistakes
from depl.rollout.holds import HoldFiles, Holds
from depl.rollout.log import LogFailed
from depl.rollout.records import LaterVersion

if TYPE_CHECKING:
    from depl.cli.session import Session
    from depl.project import DeplSettings
    from depl.rollout.lookup import Records
    from depl.store.store import Store

FILE = "sqlite:///"
HERE = "sqlite:"
INSTEAD = "DEPL_DEPL_STORE=sqlite:///.depl/depl.sqlite"


def open_project_store(session: Session) -> Store:
    """The store that `[depl] store` names, made on its first use. Errors: Mistakes, ConfigurationError, LogFailed."""
    from depl.store.leases import LEASE

    given, settings = os.environ.get("DEPL_LEASE"), _settings(session)
    try:
        lease = float(given or LEASE)  # seconds; all who use the store have to agree on it
    except ValueError:
        raise ConfigurationError(f"DEPL_LEASE={given} is no number of seconds") from None
    return _opened(settings.store, session.base, lease, settings.cluster)


def present_store(session: Session) -> Store | None:
    """Likewise, if it was made already: what only looks makes none."""
    url = _settings(session).store
    if url.startswith(FILE) and not os.path.exists(os.path.join(session.base, url.removeprefix(FILE))):
        return None
    return open_project_store(session)


def shared_store(session: Session) -> Store | None:
    """The store that the project shares with others, if its settings name one. Errors: LogFailed."""
    if not (os.path.exists(os.path.join(session.base, "depl.cfg")) or "DEPL_DEPL_STORE" in os.environ):
        return None
    from depl.project import ProjectSettings

    if ProjectSettings.load(session.base).depl.store.startswith(HERE):
        return None
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
    files, store = HoldFiles(os.path.join(session.base, ".depl")), shared_store(session)
    if store is None:
        return files
    from depl.store.holding import AllHolds

    return AllHolds(store.holds, files)


def records_of(session: Session, *, whole: bool = False, take_in: bool = False) -> Records:
    """Where the rollouts of the project are known.

    whole: that the store cannot be reached is an error, and not only a warning. take_in: records that it does not know
    yet are brought there.
    """
    from depl.rollout.lookup import FileRecords

    files = FileRecords(os.path.join(session.base, ".depl"), session.printer.redact)
    try:
        store = present_store(session)
        if store is not None and take_in:
            store.take_in(tell=lambda sentence: session.complain_of_warnings([sentence]))
    except LogFailed as error:
        if whole:
            raise
        session.complain_of_warnings([f"{error.message}; only the rollouts of this directory are shown"])
        return files
    if store is None:
        return files
    from depl.store.lookup import AllRecords, StoreRecords

    return AllRecords(files, StoreRecords(store, session.printer.redact))


def is_over(session: Session, rollout: str) -> bool:
    """Whether a rollout is over, or nothing is known of it any more. Errors: LogFailed."""
    records = records_of(session, whole=True)
    summary = records.summary(rollout)
    if summary is not None:
        return summary.state.is_over
    try:
        records.state(rollout)
    except LaterVersion:
        return False  # whoever can read it says so
    except ConfigurationError:
        pass
    return True


@cache
def _opened(url: str, base: str, lease: float, cluster: bool) -> Store:
    """Once in a process."""
    from depl.store.store import open_store

    return open_store(url, base, lease=lease, cluster=cluster)


def _settings(session: Session) -> DeplSettings:
    from depl.project import ProjectSettings

    settings = ProjectSettings.load(session.base)
    if settings.mistakes:
        raise Mistakes(settings.mistakes)
    return settings.depl
