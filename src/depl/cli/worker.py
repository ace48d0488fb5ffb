"""`depl worker`: carries out the rollouts that are queued in the store."""

from __future__ import annotations

import os
import socket

import click

from depl.cli import options
from depl.cli.session import Session


@click.command(epilog=options.examples("depl worker", "depl worker --once", "depl worker --jobs 4 --name build1"))
@click.option("--once", is_flag=True, help="End when there is nothing to do any more.")
@click.option("--name", metavar="NAME", help="How it is called in records; the machine's name otherwise.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="At most so many at a time.")
@click.option("--queue", "queues", metavar="NAME", multiple=True, help="Only from that queue (repeatable).")
@options.json_option
@options.quiet_option
@options.verbose_option
@click.pass_obj
def worker(
    session: Session,
    /,
    once: bool,
    name: str | None,
    jobs: int,
    queues: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Carry out queued rollouts, and go on with those that another worker left, until it is told to end.

    Rollouts are queued by `depl rollout start NAME --queue`, or in the web interface; what is asked there, such as for
    plans, is answered beside them. A rollout that waits for somebody is put aside until there is an answer. Ctrl-C or
    TERM: what runs now comes to its end, and another worker goes on; a second one ends it at once.
    """
    from depl.cli.project_store import open_project_store
    from depl.cli.worker_cluster import ClusterWorker
    from depl.cli.worker_coordinators import Coordinators
    from depl.cli.worker_loop import Worker

    def prepare() -> None:
        from depl.cli.worker_driving import prepare as prepare_driving

        prepare_driving(session)

    session.begin(as_json=as_json, quiet=quiet, verbose=verbose)
    coordinators = Coordinators(session.base, prepare)  # before anything is open that two processes could not share
    try:
        store = open_project_store(session)
        try:
            if coordinators.claim is not None:
                from depl.cli.worker_driving import drive_claimed

                drive_claimed(session, store, coordinators.claim, coordinators.parent)
            elif coordinators.question is not None:
                from depl.cli.worker_answering import answer

                answer(session, store, coordinators.question, coordinators.parent)
            else:
                called = name or f"{socket.gethostname()}:{os.getpid()}"
                kind = Worker if store.jobs is None else ClusterWorker
                kind(session, store, coordinators, called, jobs, queues or None, once=once).run()
        finally:
            store.close()
    finally:
        coordinators.close()
