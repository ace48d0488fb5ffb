"""The hosts of an environment, as commands get hold of them: over SSH, or through agents on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext, redirect_stderr
from threading import Lock
from typing import TYPE_CHECKING

import click

from depl.cli.session import Session
from depl.errors import ConfigurationError
from depl.events import Emit, Event, What

if TYPE_CHECKING:
    from depl.configure import Model
    from depl.deploy.stop import Stop
    from depl.environment import Environment
    from depl.host import Host
    from depl.remote.fleet import Fleet
    from depl.remote.requirements import Requirements
    from depl.remote.transfer import Transfer

UNSUPPORTED = ("vagrant", "kitchen")


def assert_reachable(environment: Environment) -> None:
    """Refuse environments whose hosts nobody knows how to reach. Errors: ConfigurationError."""
    method = environment.settings.connect_method
    if method in UNSUPPORTED:
        raise ConfigurationError(
            f"the environment {environment.name} says `connect_method = {method}`, which is not supported by remote",
            hint="Use `connect_method = ssh`, and name the hosts in your ssh configuration.",
        )


def records(session: Session) -> str:
    """Where the events of rollouts are written down."""
    return os.path.join(session.base, ".depl")


class Crew:
    """What all fleets of one command share: the project as it travels, and what somebody was asked already."""

    def __init__(
        self,
        session: Session,
        environment: Environment,
        hosts: Sequence[Host],
        *,
        model: Model | None = None,
        transfer: Transfer | None = None,
        requirements: Requirements | None = None,
        jobs: int | None = None,
        wait: bool = False,
        take_over: bool = False,
        selected: bool = False,
        gc: bool = False,
        code_on: Collection[str] | None = None,
    ) -> None:
        self.session, self.environment, self.hosts, self.model = session, environment, hosts, model
        self.transfer, self.requirements = transfer, requirements
        self.jobs = jobs or environment.settings.jobs
        self.wait, self.take_over = wait, take_over
        self.selected, self.gc, self.code_on = selected, gc, code_on
        self.keep = (environment.settings.keep_rollouts, environment.settings.keep_days)
        self.of_options = {"keep": self.keep, "gc": gc}
        self.answers = Answers(session)

    def fleet(self, mode: str, rollout: str, emit: Emit, stop: Stop | None = None) -> Fleet:
        """The hosts, ready to be connected to. mode: see Wishes."""
        from depl.deploy.begin import revision_of, who
        from depl.remote.fleet import Fleet
        from depl.remote.wishes import Wishes

        environment, settings = self.environment, self.environment.settings
        wishes = Wishes(
            rollout=rollout,
            environment=environment.name,
            who=who(),
            revision=self.transfer.revision if self.transfer is not None else revision_of(self.session.base),
            mode=mode,
            wait=self.wait,
            take_over=self.take_over,
            jobs=self.jobs,
            timeout=environment.timeout,
            durability=settings.durability,
            change_limit=settings.change_limit,
            command_timeout=settings.command_timeout,
            reversible_only=settings.reversibility == "required",
            keep=self.keep,
            code_on=self.code_on,
            of=environment.project_name if self.model is not None else "",
            selected=self.selected,
            gc=self.gc,
        )
        return Fleet(
            self.hosts,
            wishes,
            base_dir=self.session.base,
            local=settings.connect_method == "local",
            model=self.model,
            transfer=self.transfer,
            requirements=self.requirements,
            ask=self.answers.again(),
            warn=lambda host, text: emit(Event(What.WARNING, data={"text": text}, host=host)),
            stop=stop,
            redact=self.session.printer.redact,
        )


class Answers:
    """Asks for passwords and passphrases, at a terminal only; what was answered once is tried once more."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, str] = {}
        self._lock = Lock()

    def again(self) -> Callable[[str], str] | None:
        """What asks somebody, for one more fleet; None where nobody can be asked."""
        if not sys.stdin.isatty():
            return None
        untried = dict(self._known)

        def ask(prompt: str) -> str:
            with self._lock:
                if prompt in untried:
                    return untried.pop(prompt)
                self._known[prompt] = self._ask(prompt)
                return self._known[prompt]

        return ask

    def _ask(self, prompt: str) -> str:
        printer = self._session.printer
        with printer.stage.aside() if printer.stage is not None else nullcontext(), redirect_stderr(printer.err):
            question = printer.clean(prompt)
            return str(click.prompt(question, hide_input=True, default="", show_default=False, err=True))
