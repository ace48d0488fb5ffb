"""`depl log`: who changed what, when, in which rollout, from which revision."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from depl.cli import options
from depl.cli.session import Session, refuse
from depl.cli.status import DONE, status_of
from depl.errors import DeplError, JournalError, NothingRecorded

if TYPE_CHECKING:
    from depl.deploy.target import Target

ELSEWHERE = "Look in a target directory, or on a host: `depl log ENV HOST`."

Rows = Iterable[Mapping[str, Any]]


def complete_words(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Environments, then hosts of the one that was typed; else files."""
    from depl.cli import names

    typed = list(ctx.params.get("words") or ())
    found = names.environments() if not typed else names.hosts(typed[0]) if len(typed) == 1 else []
    offered = [CompletionItem(name) for name in found if name.startswith(incomplete)]
    return offered or [CompletionItem(incomplete, type="file")]


@click.command(
    epilog=options.examples(
        "depl log",
        "depl log work/guestbook/guestbook.ini",
        "depl log production web1 --verbose",
        "depl log production web1 /etc/nginx",
    )
)
@click.argument("words", nargs=-1, metavar="[ENV HOST] [PATH]", shell_complete=complete_words)
@options.json_option
@click.option("-v", "--verbose", is_flag=True, help="Also the changes of each rollout.")
@click.pass_obj
def log(session: Session, /, words: tuple[str, ...], as_json: bool, verbose: bool) -> None:
    """Tell who changed what, when, in which rollout, from which revision; the newest first.

    Here: in the project or target directory that the current directory, or PATH, lies in. With ENV and HOST: on that
    host; PATH is relative to the target directory there. With PATH only what changed it, or something below it.
    """
    if len(words) > 3:
        refuse("at most ENV, HOST and PATH can be given")
    session.begin(as_json=as_json, verbose=verbose)
    path = words[-1] if len(words) in (1, 3) else None
    changes = verbose or path is not None
    if len(words) > 1:
        of_host(session, words[0], words[1], path, changes)
    else:
        of_here(session, path, changes)


def of_here(session: Session, path: str | None, changes: bool) -> None:
    """Tell what the journals of a directory here know. Errors: NothingRecorded."""
    from depl.deploy.history import history
    from depl.deploy.target import Target

    wanted = None if path is None else as_typed(path)
    directories = list(recorded_directories(session, wanted))
    for directory in directories:
        _assert_readable(target := Target(directory))
        if show(session, history(target, wanted, changes, partial(tell_unread, session)), path is not None):
            return
    if session.status != DONE:
        return  # what cannot be read may tell of it
    if not directories:
        raise NothingRecorded(
            f"no rollout is recorded in {os.getcwd()} or above it",
            hint=_hint(session, path, ELSEWHERE),
        )
    about = f"about {wanted}" if wanted else "yet"
    other = "`depl log` lists the rollouts that are known there." if wanted else ELSEWHERE
    raise NothingRecorded(
        f"nothing is recorded {about} in {' or '.join(os.path.join(one, '.depl') for one in directories)}",
        hint=_hint(session, path, other),
    )


def of_host(session: Session, name: str, host: str, path: str | None, changes: bool) -> None:
    """Tell what the journals of a host know. Errors: NothingRecorded, Unreachable."""
    from depl.cli.fleet import Crew, assert_reachable
    from depl.cli.hosts import chosen_host, declared
    from depl.cli.running import Running
    from depl.rollout.remote_log import remote_history

    environment = declared(name.removesuffix(".cfg"), session.base)
    assert_reachable(environment)
    chosen = chosen_host(environment, host)
    with Running(session, environment.name, tasks=0) as running:
        fleet = Crew(session, environment, [chosen]).fleet("look", "", running.emit)
        rows = remote_history(fleet, path, changes, partial(tell_unread, session), running.emit)
        if show(session, rows, path is not None) or session.status != DONE:
            return
    about = f" about {path}" if path else ""
    raise NothingRecorded(
        f"nothing is recorded{about} on {chosen.name} in {chosen.target_directory}/.depl",
        hint="What `depl local` did is recorded in the project: `depl log` without a host.",
    )


def show(session: Session, rows: Rows, only_changes: bool) -> bool:
    """Print rows as they come; whether there were any."""
    from depl.report.log import row_lines

    head: Mapping[str, Any] = {}
    for row in rows:
        if "change" not in row:
            head = row
        if not session.as_json:
            session.show(row_lines(row))
        elif "change" in row:
            session.json().print("change", **{**_facts_of(head), **row})
        elif not only_changes:
            session.json().print("rollout", **row)
    return bool(head)


def tell_unread(session: Session, error: DeplError) -> None:
    """Tell of a journal that cannot be read; the others are shown all the same."""
    session.status = status_of(error)
    shown = session.complain_of(error)
    if session.as_json:
        session.json().print("error", error=shown, exit_status=session.status)


def as_typed(path: str) -> str:
    """A path in full; below the current directory by the name under which the shell got there."""
    current = os.environ.get("PWD", "")
    try:
        if not os.path.samefile(current, os.curdir):
            current = os.getcwd()
    except OSError:
        current = os.getcwd()
    return os.path.normpath(os.path.join(current, os.path.expanduser(path)))


def recorded_directories(session: Session, path: str | None) -> Iterator[str]:
    """The directories whose `.depl` may know: above the path, above the current directory, the project."""
    starts = [as_typed(".")] if path is None else [path, as_typed(".")]
    with suppress(DeplError):
        starts.append(session.base)
    seen = set()
    for start in starts:
        directory = start
        while not os.path.isdir(os.path.join(directory, ".depl")) and directory != os.path.dirname(directory):
            directory = os.path.dirname(directory)
        if os.path.isdir(os.path.join(directory, ".depl")) and os.path.realpath(directory) not in seen:
            seen.add(os.path.realpath(directory))
            yield directory


def _assert_readable(target: Target) -> None:
    if not os.access(target.records, os.R_OK | os.X_OK):
        raise JournalError(
            f"the journals in {target.records} cannot be read: Permission denied",
            file=target.records,
            hint="Look as the user who deployed here, or as root.",
        )


def _facts_of(head: Mapping[str, Any]) -> dict[str, Any]:
    return {key: head[key] for key in ("who", "revision", "environment", "host", "undoes", "outcome")}


def _hint(session: Session, path: str | None, otherwise: str) -> str:
    from depl.cli import names

    if path is not None and path in names.environments():
        return f"For a host of the environment {path}: `depl log {path} HOST`."
    return otherwise
