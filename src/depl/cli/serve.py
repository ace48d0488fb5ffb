"""`depl serve`: the web interface of a project."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from depl.cli import options
from depl.cli.session import LAUNCHED, Session
from depl.errors import ConfigurationError, Mistakes
from depl.report.lines import Line

if TYPE_CHECKING:
    from depl.project import ProjectSettings
    from depl.store.store import Store
    from depl.web.site import Site

NEEDS = ("argon2", "starlette", "uvicorn")
WORKER_LOG = os.path.join(".depl", "worker.log")


@click.command(epilog=options.examples("depl serve", "depl serve --worker", "depl serve --address 0.0.0.0 --port 8080"))
@click.option("--address", metavar="ADDRESS", help="Where to listen; `address` in [web] of depl.cfg, else 127.0.0.1.")
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), help="0 for any; `port` in [web], else 5000.")
@click.option("--worker", is_flag=True, help="Start a worker, too, unless one is there; it goes on when this ends.")
@options.verbose_option
@click.pass_obj
def serve(session: Session, /, address: str | None, port: int | None, worker: bool, verbose: bool) -> None:
    """Serve the pages on which rollouts are planned, started, watched and undone.

    It holds no rollout itself: workers carry them out, whether this runs or not. Where there are no users it listens
    on this machine only, and prints a link that signs in once.
    """
    session.begin(verbose=verbose)
    from depl.cli.permitted import os_user
    from depl.cli.project_store import open_project_store

    project = _project(session)
    _assert_installed()
    from depl.web.serving import Server, site_of

    store = open_project_store(session)
    site = site_of(store, project.web, session.base, os_user(), project.name)
    server = Server(
        site,
        address or project.web.address,
        project.web.port if port is None else port,
        verbose=session.verbose or project.web.debug,
    )
    if worker:
        _start_worker(session, store)
    site.links.say = lambda link: _print(
        session, [f"sign in, once, within 10 minutes: {server.url}/sign-in/link?key={link}"]
    )
    if server.is_open:
        session.complain_of_warnings([_in_clear(server.url)])
    server.run(lambda port: _tell(session, site, server.url))


def _project(session: Session) -> ProjectSettings:
    from depl.project import ProjectSettings

    project = ProjectSettings.load(session.base)
    if project.mistakes:
        raise Mistakes(project.mistakes)
    return project


def _assert_installed() -> None:
    lacking = [name for name in NEEDS if find_spec(name) is None]
    if lacking:
        raise ConfigurationError(
            f"What serves pages is not installed here: {', '.join(lacking)}",
            hint=f"The launcher ./depl has it; elsewhere: {sys.executable} -m pip install 'depl[web]'",
        )


def _tell(session: Session, site: Site, url: str) -> None:
    """Where it is, and how to come in."""
    _print(session, [f"{site.name} is served at {url} (Ctrl-C ends it)"])
    if not site.store.people.any():
        site.links.new()


def _print(session: Session, lines: list[str]) -> None:
    session.show([Line(one) for one in lines])
    sys.stdout.flush()


def _in_clear(url: str) -> str:
    return (
        f"{url} is not encrypted: passwords can be read on their way. Let a reverse proxy with TLS stand before it, "
        "and name the proxy's address as `proxies` in [web] of depl.cfg"
    )


def _start_worker(session: Session, store: Store) -> None:
    """One that outlives this process, unless somebody serves already."""
    from depl.change.private import make_private

    there = [one for one in store.workers.present() if one.queues is None]
    if there:
        session.show([Line(f"{there[0].name} is there already and carries out what is queued")])
        return
    path = os.path.join(session.base, WORKER_LOG)
    make_private(os.path.dirname(path))
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "depl", "worker"],
            cwd=session.base,
            env={**os.environ, LAUNCHED: session.base},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    finally:
        os.close(log)
    session.show([Line(f"a worker runs as process {process.pid}, also when this ends; it writes to {WORKER_LOG}")])

    def look_after() -> None:
        status = process.wait()
        session.complain_of_warnings([f"the worker ended with status {status}; see {WORKER_LOG}"])

    threading.Thread(target=look_after, daemon=True).start()
