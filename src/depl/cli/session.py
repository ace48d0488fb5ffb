"""What all commands share: where the project lies, how things are printed, and with which status to end."""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, NoReturn

import click

from depl.errors import ConfigurationError, DeplError, Locked, Mistakes, NothingToUndo, ReportBug
from depl.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from depl.configure import Model
    from depl.report.jsonlines import JsonReport
    from depl.report.lines import Line, Printer

LAUNCHED = "DEPL_PROJECT"  # set by a project's launcher

DONE, WRONG, FAILED, LEFT, LOCKED, PENDING, INTERRUPTED = 0, 1, 3, 4, 5, 6, 130


class Session:
    """One call of the command line.

    status: with what it ends. acting: whether something may have been changed that an unexpected end leaves behind.
    """

    def __init__(self) -> None:
        self.status = DONE
        self.start = time.monotonic()
        self.acting = False
        self.verbose = bool(os.environ.get("DEPL_DEBUG"))
        self.as_json = self.quiet = False
        # Not left to the commands of components: one of them may be the depl of another project.
        self._launched = os.environ.pop(LAUNCHED, None)
        self._base: str | None = None
        self._printer: Printer | None = None

    @property
    def base(self) -> str:
        """The project: the launcher's own, else the nearest directory upwards that looks like one."""
        if self._base is None:
            self._base = project(self._launched)
        return self._base

    @property
    def command(self) -> str:
        """How depl is called from here, for hints: by the project's launcher if that is how it was started."""
        if not self._launched:
            return "depl"
        directory = os.path.relpath(self._launched)
        return f"{directory}/depl" if directory.startswith(".") else f"./{directory}/depl"

    @property
    def printer(self) -> Printer:
        """Where everything is printed that people or programs read."""
        if self._printer is None:
            from depl.report.lines import Printer

            self._printer = Printer(sys.stdout, sys.stderr)
        return self._printer

    def json(self, **about: str) -> JsonReport:
        """A report as JSON lines."""
        from depl.report.jsonlines import JsonReport

        return JsonReport(self.printer, **about)

    @property
    def took(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self.start

    def begin(self, *, as_json: bool = False, quiet: bool = False, verbose: bool = False) -> None:
        """Take the options that say how things are printed. Errors: UsageError for those that exclude each other."""
        if quiet and verbose:
            refuse("--quiet and --verbose exclude each other")
        self.as_json, self.quiet, self.verbose = as_json, quiet, verbose or self.verbose

    def show(self, lines: Iterable[Line]) -> None:
        """Print lines for people, unless a program reads."""
        if not self.as_json:
            self.printer.show(lines)

    def model(
        self, name: str, platform: str | None = None, timeout: int | None = None, *, on_hosts: bool | None = False
    ) -> Model:
        """The model of an environment, configured and checked. Errors: Mistakes, all of them.

        on_hosts: as it will be on the hosts, not on this machine; None: unless they are this machine.
        """
        base = self.base
        from depl.configure import configure
        from depl.environment import Environment

        with self.prints_apart():
            environment = Environment.load(name, base, platform)
            self.printer.redact = Redactor(_texts(environment.secret_data))
            if timeout is not None:
                environment.timeout = timeout
            if environment.settings.connect_method != "local" if on_hosts is None else on_hosts:
                from depl.slices import as_on_hosts

                as_on_hosts(environment)
            model = configure(environment)
        self._tell(model)
        return model

    @contextmanager
    def prints_apart(self) -> Iterator[None]:
        """While component code runs: what it prints does not mix with what programs read."""
        if not self.as_json:
            yield
            return
        _ = self.printer  # it keeps the real standard output
        with redirect_stdout(sys.stderr):
            yield

    def _tell(self, model: Model) -> None:
        """What configuring it had to say."""
        from depl.report.errors import warning_lines
        from depl.report.lines import Line

        if self.as_json:
            report = self.json(environment=model.environment.name)
            for warning in model.warnings:
                report.print("warning", warning=warning)
            for log in model.logs:
                report.print("log", host=log.root.host.name, component=log.component, data={"text": log.text})
        self.printer.complain(warning_lines(model.warnings, self.base))
        if not self.quiet:
            self.show(Line(f"{log.component}: {log.text}") for log in model.logs)

    def fail(self, error: DeplError) -> None:
        """Print an error and end with its status."""
        self.status = status_of(error)
        if self.as_json:
            self.json().print("error", error=error, exit_status=self.status)
        self.complain_of(error)
        if self.verbose:
            for mistake in error.mistakes if isinstance(error, Mistakes) else [error]:
                self._show_cause(mistake.__cause__)

    def complain_of(self, error: DeplError) -> None:
        """Print an error; commands in its hint as they are called from here."""
        from depl.report.errors import error_lines

        for one in (error, *(error.mistakes if isinstance(error, Mistakes) else ())):
            one.hint = re.sub(r"(`|run: )depl (?=[a-z])", lambda found: f"{found[1]}{self.command} ", one.hint)
        self.printer.complain(error_lines(error, self._base or ""))

    def _show_cause(self, cause: BaseException | None) -> None:
        """Where in an author's code something was raised that is not depl's own."""
        if cause is not None and not isinstance(cause, DeplError):
            import traceback

            from depl.report.lines import Line

            self.printer.complain([Line("".join(traceback.format_exception(cause)).rstrip(), "dim")])

    def fail_unexpectedly(self, error: Exception) -> None:
        """Print an error that nobody foresaw; its traceback only for those who ask for it."""
        bug = ReportBug(f"unexpected {type(error).__name__}: {error}".rstrip(": "))
        if self.verbose:
            self._show_cause(error)
        else:
            bug.hint += " `--verbose` or DEPL_DEBUG=1 shows where it happened."
        self.fail(bug)
        self.status = LEFT if self.acting else FAILED

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While this lasts, something may have been changed."""
        self.acting = True
        yield
        self.acting = False

    def declined(self) -> bool:
        """Somebody was asked and did not say yes: nothing happens, and False comes back."""
        from depl.report.lines import Line

        self.printer.complain([Line("not done")])
        self.status = INTERRUPTED
        return False

    def interrupted(self) -> None:
        """Somebody pressed Ctrl-C outside a run."""
        from depl.report.lines import Line

        self.printer.complain([Line("interrupted", "red")])
        self.status = LEFT if self.acting else INTERRUPTED


def status_of(error: DeplError) -> int:
    """The exit status of an error that ended a command before, or instead of, a run."""
    if isinstance(error, (ConfigurationError, Mistakes, NothingToUndo)):
        return WRONG
    return LOCKED if isinstance(error, Locked) else FAILED


def project(launched: str | None = None) -> str:
    """The directory of the project: the launcher's own, else the nearest one upwards. Errors: ConfigurationError."""
    from depl.settings import find_project

    return find_project(launched or os.environ.get(LAUNCHED) or os.getcwd())


def refuse(message: str) -> NoReturn:
    """End because of what the command line says."""
    raise click.UsageError(message)


def _texts(values: Any) -> list[str]:
    """The texts in a collection of secrets, whatever its shape."""
    if isinstance(values, str):
        return [values]
    if isinstance(values, dict):
        return [text for value in values.values() for text in _texts(value)]
    return [text for value in values or () for text in _texts(value)]
