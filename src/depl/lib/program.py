"""What supervisord keeps running: Program, Eventlistener. Import them from depl.lib.supervisor."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any, Optional, Sequence, Union

from depl.change.changes import WayBack
from depl.component import Attribute, Component, handle_event
from depl.errors import CmdExecutionError, ComponentUsageError, DeploymentError, UpdateNeeded
from depl.lib.file import File, Purge
from depl.lib.supervisord import LIVING, START, STOP, Process, entry, script

if TYPE_CHECKING:
    from depl.lib.supervisor import Supervisor


class Program(Component):
    """A program that the host's Supervisor keeps running.

    name: in supervisor. command: relative to the working directory, unless command_absolute=False; args are appended.
    Both are expanded. directory: working directory (default: that of the root component). environment: variables.
    options: further lines of its entry ("startsecs", "stopsignal", ...). priority: lower ones start first.
    dependencies: components whose changes restart it (default: all of the component that it is added to).
    listens: addresses that it will listen on; where one is in use by somebody else, that is said before it is started.
    deployment: "hot" (restart after the changes) or "cold" (stop before the first change, start after the last); by
    default the deployment_mode of the Supervisor. enable: False stops it and removes its entry. program_section: a
    template of your own for its whole entry.

    It is restarted exactly when its entry or a dependency changed, once that went well, and must be RUNNING afterwards
    (unless the Supervisor does not wait for that); if it is not, the end of its log is shown. Undone: stopped if it did
    not run before, else restarted with what it had before. Its log stays.
    """

    verify_after_update = True
    predictable = True

    namevar = "name"
    name = ""
    command: Optional[str] = ""
    command_absolute = True
    args: Optional[str] = ""
    directory: Optional[str] = None
    environment_variables: Optional[dict[str, str]] = None
    options: Optional[dict[str, Any]] = None
    priority: int = 10
    dependencies: Optional[Sequence[Component]] = None
    listens: Sequence[Any] = ()
    deployment: Optional[str] = None
    enable = Attribute("literal", default=True)
    program_section: Optional[str] = None

    _kind = "program"

    def configure(self) -> None:
        self.supervisor: Supervisor = self.require_one("supervisor", host=self.host)
        self.deployment = self.deployment or self.supervisor.deployment_mode
        if self.deployment not in ("hot", "cold"):
            raise ComponentUsageError(f"deployment of a Program is hot or cold, not {self.deployment!r}", self)
        if not self.command:
            raise ComponentUsageError(f"the Program {self.name!r} has no command", self)
        self.command, self.args = self.expand(self.command), self.expand(self.args or "")
        self.options = dict(self.options or {})  # a template of the author's may loop over them
        if self.command_absolute:
            self.command = self.map(self.command)
        self.directory = self.map(self.directory or self.workdir)
        self.log_path = os.path.join(self.supervisor.logdir.path, f"{self.name}.log")
        path = os.path.join(self.supervisor.program_config_dir.path, f"{self.name}.conf")
        if self.enable:
            content = entry(self) if self.program_section is None else self.expand(self.program_section)
            self.config: Component = File(path, content=content, is_template=False)
            self += self.config
        else:
            self += StoppedProgram(self.name, program=self)
            self.config = Purge(path)
            self += self.config
        if self.dependencies is None:
            self.dependencies = [self.parent]
        self.reacts_to = [self.config, *self.dependencies] if self.enable else []

    @property
    def _supervised(self) -> bool:
        return bool(self.enable and self.supervisor.enable)

    def verify(self) -> None:
        if not self._supervised:
            return
        fine = ("RUNNING",) if self.supervisor.wait_for_running else ("STARTING", "RUNNING", "BACKOFF")
        bad = [process for process in self.processes() if process.state not in fine]
        if bad:
            raise UpdateNeeded("; ".join(f"{process.name} is {process.state}" for process in bad))
        if not self.processes():
            raise UpdateNeeded(f"supervisor does not know {self.name}")

    def update(self) -> None:
        if not self._supervised:
            return
        self._assert_free_ports()
        try:
            if not self.is_running():
                self.system.run(
                    self.start(),
                    undo=self.stop(),
                    shown=f"start {self.name}",
                    undo_shown=f"stop {self.name}",
                    owns=self.owned_things()[0],
                )
            else:
                self.system.run(self.start(), way_back=WayBack.REPEAT, shown=f"restart {self.name}")
        except CmdExecutionError as error:
            raise self._does_not_run(error) from error

    @handle_event("before-update", "precursor")
    def stop_before_changes(self, component: Component) -> None:
        if self.deployment == "cold" and self._supervised and self.is_running():
            self.system.run(self.stop(), undo=self.start(), shown=f"stop {self.name}", undo_shown=f"start {self.name}")

    def check(self) -> None:
        """It runs."""
        self.verify()

    def owned_things(self) -> list[str]:
        """What it runs, as `--gc` knows it."""
        return [f"program {self.name}"]

    def processes(self) -> Sequence[Process]:
        """Its processes as supervisord sees them now."""
        return (self.supervisor.processes(self) or {}).get(self.name, ())

    def is_running(self) -> bool:
        """Whether one of its processes lives, be it in the middle of its start."""
        return any(process.state in LIVING for process in self.processes())

    def start(self) -> list[str]:
        """The command that takes over a changed entry, (re)starts and waits until it runs, or shows why it does not."""
        supervisor = self.supervisor
        paths = (supervisor.command("supervisorctl"), supervisor.config.path)
        return script(START, *paths, self.name, self.log_path, supervisor.waiting)

    def stop(self) -> str:
        """The command that stops it and makes supervisor forget it. May run twice."""
        processes = f"{self.name}:*"
        return STOP.format(
            stop=shlex.join(self.supervisor.ctl("stop", processes)),
            remove=shlex.join(self.supervisor.ctl("remove", self.name)),
            status=shlex.join(self.supervisor.ctl("status", processes)),
        )

    def _does_not_run(self, error: CmdExecutionError) -> CmdExecutionError:
        states = sorted({f"{one.state} ({one.why})" for one in self.processes() if one.state != "RUNNING"})
        return CmdExecutionError(
            f"supervisorctl restart {self.name}",
            error.returncode,
            error.stdout,
            error.stderr,
            reason=f"left it {', '.join(states)}" if states else "failed",
            component=self,
            hint=f"What it says itself is in {self.log_path}",
        )

    def _assert_free_ports(self) -> None:
        from depl.lib.ports import obstacle

        own = {process.pid for process in self.processes() if process.pid}
        for address in self.listens:
            reason = obstacle(str(address), own)
            if reason is not None:
                raise DeploymentError(
                    f"{self.name} cannot listen on {address}: {reason}",
                    self,
                    hint="End what is in the way, or choose another address by an override in the environment.",
                )


class Eventlistener(Program):
    """A program that listens to supervisor's events. Otherwise like Program.

    events: their names, also as one text with commas. command: relative to the working directory of the Supervisor, as
    what listens is mostly installed with it (superlance, for instance: name it in the Supervisor's requirements).
    """

    events: Union[str, Sequence[str]] = ("TICK_60",)

    _kind = "eventlistener"

    def configure(self) -> None:
        if not self.events:
            raise ComponentUsageError(f"the Eventlistener {self.name!r} names no events", self)
        if not isinstance(self.events, str):
            self.events = ",".join(self.events)
        self.options = {"events": self.events, **(self.options or {})}
        if self.command and self.command_absolute and not self.command.startswith("~"):
            supervisor: Supervisor = self.require_one("supervisor", host=self.host)
            self.command = os.path.join(supervisor.workdir, self.command)
        super().configure()


class StoppedProgram(Component):
    """A program that is no longer wanted does not run. Part of Program."""

    verify_after_update = True
    predictable = True

    namevar = "name"
    name = ""
    program: Optional[Program] = None

    def verify(self) -> None:
        assert self.program is not None
        if self.program.processes():
            raise UpdateNeeded(f"{self.name} is still supervised")

    def update(self) -> None:
        assert self.program is not None
        self.system.run(self.program.stop(), undo=self.program.start(), shown=f"stop {self.name}")
