"""What all commands share: where the project lies, how things are printed, and with which status to end."""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import contextmanager, redirect_stdout
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

import click

from depl.cli.status import DONE, FAILED, INTERRUPTED, LEFT, status_of
from depl.errors import DeplError, Mistakes, ReportBug

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from depl.cli.printed import Prints
    from depl.configure import Model
    from depl.report.jsonlines import JsonReport
    from depl.report.lines import Line, Printer
    from depl.secret_values import Secrets
    from depl.secrets.identities import Identities

LAUNCHED = "DEPL_PROJECT"  # set by a project's launcher


class Session:
    """One call of the command line.

    status: with what it ends. acting: whether something may have been changed that an unexpected end leaves behind.
    output_instead: what is said instead of all that commands print; empty: they are heard.
    """

    def __init__(self) -> None:
        self.status = DONE
        self.start = time.monotonic()
        self.acting = False
        self.verbose = bool(os.environ.get("DEPL_DEBUG"))
        self.as_json = self.quiet = False
        self.output_instead = ""
        # Not left to the commands of components: one of them may be the depl of another project.
        self._launched = os.environ.pop(LAUNCHED, None)
        self._base: str | None = None
        self._printer: Printer | None = None
        self._prints: Prints | None = None
        self._secrets: dict[str, Secrets | None] = {}

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
        from depl.cli.model_making import made

        model = made(self, name, platform, timeout, on_hosts=on_hosts)
        self.tell_of(model)
        return model

    def secrets(self, name: str) -> Secrets | None:
        """The secrets of an environment, None if it has none; from now on nothing that is shown holds their values."""
        from depl.secrets.places import has_secrets

        if not has_secrets(self.base, name):
            return None
        from depl.secrets.load import load

        if name not in self._secrets:
            secrets = load(self.base, name, self.identities)
            self._secrets[name] = secrets
            self.printer.redact.learn(secrets.known())
            if self.printer.redact:
                self.filter_prints()
        return self._secrets[name]

    def filter_prints(self) -> None:
        """From now on, what component code prints by itself is filtered, too."""
        if self._prints is None:
            from depl.cli.printed import Prints

            self._prints = Prints(self.printer, apart=self.as_json)

    @cached_property
    def identities(self) -> Identities:
        """The keys of whoever called; a passphrase is asked for where somebody can type it unseen."""
        from depl.secrets.identities import Identities

        return Identities(self.ask_hidden if sys.stdin.isatty() else None)

    def close(self) -> None:
        """The command is over, and all is printed; the process may still have something to say at its end."""
        if self._prints is not None:
            self._prints.rest()

    def ask_hidden(self, prompt: str) -> str:
        """Ask somebody at the terminal for what nobody else may see."""
        return str(click.prompt(prompt, "", hide_input=True, err=True, prompt_suffix="", show_default=False))

    @contextmanager
    def prints_apart(self) -> Iterator[None]:
        """While component code runs: what it prints does not mix with what programs read."""
        if not self.as_json:
            yield
            return
        _ = self.printer  # it keeps the real standard output
        with redirect_stdout(sys.stderr):
            yield

    def tell_of(self, model: Model) -> None:
        """Print what configuring it had to say."""
        from depl.report.lines import Line

        if self.as_json:
            report = self.json(environment=model.environment.name)
            for warning in model.warnings:
                report.print("warning", warning=warning)
            for log in model.logs:
                report.print("log", host=log.root.host.name, component=log.component, data={"text": log.text})
        self.complain_of_warnings(model.warnings)
        if not self.quiet:
            self.show(Line(f"{log.component}: {log.text}") for log in model.logs)

    def fail(self, error: DeplError) -> None:
        """Print an error and end with its status."""
        self.status = status_of(error)
        shown = self.complain_of(error)
        if self.as_json:
            self.json().print("error", error=shown, exit_status=self.status)
        if self.verbose:
            for mistake in error.mistakes if isinstance(error, Mistakes) else [error]:
                self._show_cause(mistake.__cause__)

    def complain_of(self, error: DeplError) -> DeplError:
        """Print an error, commands in its hint as they are called from here; the error as it was shown."""
        from depl.report.errors import error_lines, filtered

        for one in (error, *(error.mistakes if isinstance(error, Mistakes) else ())):
            one.hint = re.sub(r"(`|run: )depl (?=[a-z])", lambda found: f"{found[1]}{self.command} ", one.hint)
        shown = filtered(error, self.printer.redact, output=self.output_instead)
        self.printer.complain(error_lines(shown, self._base or ""))
        return shown

    def complain_of_warnings(self, warnings: Iterable[object]) -> None:
        """Print warnings."""
        from depl.report.errors import warning_lines

        self.printer.complain(warning_lines(warnings, self.base, self.printer.redact))

    def _show_cause(self, cause: BaseException | None) -> None:
        """Where in an author's code something was raised that is not depl's own."""
        from depl.report.errors import cause_lines

        if cause is not None and not isinstance(cause, DeplError):
            self.printer.complain(cause_lines(cause))

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


def project(launched: str | None = None) -> str:
    """The directory of the project: the launcher's own, else the nearest one upwards. Errors: ConfigurationError."""
    from depl.settings import find_project

    return find_project(launched or os.environ.get(LAUNCHED) or os.getcwd())


def refuse(message: str) -> NoReturn:
    """End because of what the command line says."""
    raise click.UsageError(message)
