"""Commands that run when something is missing, or when something else changed."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Iterator, Optional

from depl.change import nodes
from depl.change.changes import WayBack
from depl.component import Component
from depl.errors import CmdExecutionError, ConfigurationError, UpdateNeeded


class Command(Component):
    """A command that runs when it is needed.

    At least one of these says when that is. creates: a path (or several) that it makes; needed where one is missing.
    unless: a command; needed while it fails. onlyif: a command; needed while it succeeds. Given together, all must say
    so; after the command ran they are asked again, so `onlyif` alone must be something that the command puts right.
    reacts_to: components; needed when one of them changed since the command last succeeded (then only `onlyif` can
    still prevent it). always=True: on every run.

    command, unless, onlyif, undo: a text is expanded as a template, where `component` is the component that adds this
    one, and goes through the shell; a list is run as it is. cwd: the working directory of the root unless given. env:
    added to the environment. input: for its standard input. timeout: seconds for each attempt. retries: how often it is
    tried again when it fails, `interval` seconds later. sensitive: neither command nor output is shown.

    Undone by `undo`, a command that may run twice. What it created is moved to the trash; confined=True says that it
    does nothing else, so that it is undone exactly. irreversible="reason" says that there is no way back. If nothing is
    said, the plan calls the way back unknown. As a reaction it is repeated after the restores.

        self += Command("createdb shop", unless="psql -lqt | grep -qw shop", undo="dropdb --if-exists shop")
    """

    namevar = "command"
    command: Any = None
    creates: Any = ()
    unless: Any = None
    onlyif: Any = None
    always = False
    undo: Any = None
    confined = False
    cwd: Any = None
    env: Any = None
    input: Any = None
    timeout: Any = None
    retries: int = 0
    interval: float = 1.0
    sensitive = False

    verify_after_update = True
    predictable = True

    _ran = False

    def configure(self) -> None:
        self.command = self._expanded(self.command)
        self.unless = self._expanded(self.unless)
        self.onlyif = self._expanded(self.onlyif)
        self.undo = self._expanded(self.undo)
        creates = [self.creates] if isinstance(self.creates, (str, os.PathLike)) else self.creates or ()
        self.creates = [self.map(self._expanded(os.fspath(path))) for path in creates]
        self.cwd = self.workdir if self.cwd is None else self.map(self._expanded(self.cwd))
        if not (self.creates or self.unless or self.onlyif or self.always or self.reacts_to):
            raise ConfigurationError(
                f"nothing says when the command {self._shown()} is needed",
                self,
                hint="Give creates, unless, onlyif or reacts_to; or always=True if it shall run on every deployment.",
            )
        if self.undo and self.irreversible:
            raise ConfigurationError(f"the command {self._shown()} has an undo and is irreversible, too", self)

    def verify(self) -> None:
        if self.always:
            if not self._ran:
                raise UpdateNeeded("it runs on every deployment")
        elif self.creates or self.unless or self.onlyif:
            reasons = list(self._reasons())
            if None not in reasons:
                raise UpdateNeeded(", ".join(filter(None, reasons)))

    def update(self) -> None:
        if self.onlyif and not self._succeeds(self.onlyif, when_unknown=True):
            return  # a reaction whose condition does not hold
        for path in self.creates:
            if isinstance(self.system.look(path), nodes.Absent):
                self.system.build(path)
        self._run_with_retries()
        self._ran = True

    def _reasons(self) -> Iterator[Optional[str]]:
        """Why each of the guards wants it to run, None where it does not."""
        if self.creates:
            missing = [path for path in self.creates if isinstance(self.system.look(path), nodes.Absent)]
            yield f"{missing[0]} is missing" if missing else None
        if self.unless:
            yield None if self._succeeds(self.unless, when_unknown=False) else "its `unless` fails"
        if self.onlyif:
            yield "its `onlyif` succeeds" if self._succeeds(self.onlyif, when_unknown=True) else None

    def _succeeds(self, command: Any, when_unknown: bool) -> bool:
        """Whether a guard succeeds; it cannot be known where its working directory is only planned."""
        if not os.path.isdir(self.cwd):
            return when_unknown
        status, _, _ = self.system.ask(command, cwd=self.cwd, env=self.env, timeout=self.timeout)
        return bool(status == 0)

    def _run_with_retries(self) -> None:
        for left in range(self.retries, -1, -1):
            try:
                self.system.run(
                    self.command,
                    undo=self.undo,
                    way_back=self._way_back(),
                    reason=self.irreversible or ("it only makes what it creates" if self.confined else ""),
                    cwd=self.cwd,
                    env=self.env,
                    timeout=self.timeout,
                    input=self.input,
                    sensitive=self.sensitive,
                )
                return
            except CmdExecutionError as error:
                if not left:
                    raise
                self.log("%s; trying again in %g s", "it failed" if self.sensitive else error, self.interval)
                time.sleep(self.interval)

    def _way_back(self) -> Optional[WayBack]:
        if self.irreversible:
            return WayBack.IRREVERSIBLE
        if self.confined and not self.undo:
            return WayBack.EXACT
        return None  # the system knows: compensating, a reaction's, or unknown

    def _expanded(self, text: Any) -> Any:
        return self.expand(text, component=self.parent) if isinstance(text, str) else text

    def _shown(self) -> str:
        return "" if self.sensitive else repr(self.command)

    @property
    def namevar_for_breadcrumb(self) -> Any:
        """The beginning of the command as it was given; nothing of a sensitive one."""
        return self._beginning()

    def _name_without(self, redact: Callable[[str], str]) -> str:
        return self._beginning(redact)

    def _beginning(self, redact: Callable[[str], str] = str) -> str:
        if self.sensitive:
            return "..."
        text = redact(self._named if isinstance(self._named, str) else " ".join(map(str, self._named)))
        text = " ".join(text.split())
        return text if len(text) <= 60 else text[:57] + "..."


class Script(Command):
    """A script beside the component file, or given as `content`, that is put into the workdir and run.

    It runs when it changed since it last succeeded, or when what it reacts to did; guards as in `Command` say when it
    is needed besides. script: its name, where it is put. content, source, is_template, template_args: as for `File`.
    args: a list of arguments. interpreter: what runs it; without one, the script's first line says it. The other
    attributes and the way back are those of `Command`.

        self += Script("reindex.sh", args=["--all"], undo="./reindex.sh --drop")
    """

    namevar = "script"
    script: Any = None
    content: Any = None
    source: Any = ""
    is_template = True
    template_args: Any = None
    args: Any = ()
    interpreter: Any = None

    def configure(self) -> None:
        from depl.lib.file import File
        from depl.lib.files.secrecy import holds_secret

        self += File(
            self.script,
            content=self.content,
            source=self.source,
            is_template=self.is_template,
            template_args=self.template_args,
            template_context=self.parent,
            sensitive_data=self.sensitive or None,
            mode=0o755,
        )
        if self._.content is not None and holds_secret(self, self._.content, self._.encoding):
            self._.mode = 0o700
        self.script = self._.path
        self.reacts_to = [*self.reacts_to, self._]
        interpreter = [self.interpreter] if isinstance(self.interpreter, str) else list(self.interpreter or ())
        self.command = [*interpreter, self.script, *map(str, self.args)]
        super().configure()


class Migration(Command):
    """A change of data that is pending until it was made.

    command: makes it. pending: a command that succeeds while there is something to migrate; without it, the migration
    runs on every deployment and has to find out itself. There is no way back unless `undo` is given.

        self += Migration("bin/migrate", pending="! bin/migrate --check", undo="bin/migrate shop 0041")
    """

    pending: Any = None

    def configure(self) -> None:
        if self.pending:
            self.onlyif = self.pending
        elif not (self.creates or self.unless or self.onlyif or self.reacts_to):
            self.always = True
        if not self.undo and not self.irreversible:
            self.irreversible = "data was migrated, and no undo is given"
        super().configure()
