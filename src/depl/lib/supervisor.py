"""Processes that are kept running, without root: Supervisor, Program, Eventlistener.

Supervisor runs supervisord from a virtual environment in the working directory; Programs on the same host, of any root
component, put their entries into it. Looking costs one question over supervisord's socket a run and starts no process;
acting is done by `supervisorctl`, in commands that the journal can repeat or take back without this module.
"""

from __future__ import annotations

import os
import shlex
from typing import Any, Mapping, Optional, Sequence

from depl.change.changes import WayBack
from depl.component import Attribute, Component, ConfigString, handle_event
from depl.errors import CmdExecutionError, ComponentUsageError, ConfigurationError, DeploymentError, UpdateNeeded
from depl.lib.file import Directory, File, Purge
from depl.lib.python import Package, Requirements, VirtualEnv
from depl.lib.supervisord import (
    LIVING,
    LONGEST_SOCKET,
    SHUT_DOWN,
    START,
    START_SUPERVISORD,
    STOP,
    Process,
    entry,
    look_at,
    supervisord_conf,
)
from depl.utils import Address


class Supervisor(Component):
    """supervisord, in the working directory of its root component; provides itself as "supervisor".

    version: of supervisor; requirements: a requirements file with hashes to install it from instead. python: version
    for its virtual environment. address: also listen for HTTP there ("localhost:9001"; by default only on the socket).
    pidfile, socketpath: relative to the working directory. loglevel; logfile_maxbytes, logfile_backups: supervisord
    rotates its own log and those of its programs. enable: whether it should run.

    A changed configuration or environment restarts it, and so all of its programs. Undone: one that was not running is
    shut down, one that ran is restarted with what it had before. Its logs stay.
    """

    version = "4.3.0"
    requirements: Optional[str] = None
    python = "3"
    address = Attribute(Address, default=None)
    pidfile = Attribute(str, default=ConfigString("var/supervisord.pid"), map=True)
    socketpath = Attribute(str, default=ConfigString("supervisor.sock"), map=True)
    loglevel = "info"
    logfile_maxbytes = "10MB"
    logfile_backups: int = 5
    enable = Attribute("literal", default=True)

    def configure(self) -> None:
        self.provide("supervisor", self)
        if len(os.fsencode(self.socketpath)) > LONGEST_SOCKET:
            raise ConfigurationError(
                f"the path of supervisor's socket is longer than {LONGEST_SOCKET} bytes: {self.socketpath}",
                self,
                hint="Deploy into a directory with a shorter path, or override `socketpath`.",
            )
        self.venv = VirtualEnv(self.python)
        self += self.venv
        if self.requirements is None:
            self.venv += Package("supervisor", version=self.version)
        else:
            self.venv += Requirements(self.requirements)

        self.program_config_dir = Directory("etc/supervisor.d", leading=True)
        self += self.program_config_dir
        self.logdir = Directory("var/log", leading=True)
        self += self.logdir
        self.config = File("etc/supervisord.conf", content=supervisord_conf(self), is_template=False)
        self += self.config
        self += RunningSupervisor(reacts_to=[self.venv, self.config])

    def command(self, name: str) -> str:
        """The path of one of supervisor's commands."""
        return os.path.join(self.venv.path, "bin", name)

    def ctl(self, *arguments: str) -> list[str]:
        """A command for supervisorctl."""
        return [self.command("supervisorctl"), "-c", self.config.path, *arguments]

    def processes(self, asker: Component) -> Optional[Mapping[str, Sequence[Process]]]:
        """The processes of each program as supervisord sees them now; None where it does not answer."""
        key = ("supervisor", self.socketpath)
        found: Optional[Mapping[str, Sequence[Process]]]
        found = asker.system.remember(key, lambda: look_at(self.socketpath))
        return found


class RunningSupervisor(Component):
    """supervisord runs (or, if it is not enabled, does not). Part of Supervisor."""

    verify_after_update = True
    predictable = True

    parent: Supervisor

    def verify(self) -> None:
        running = self.parent.processes(self) is not None
        if running != bool(self.parent.enable):
            raise UpdateNeeded("supervisord does not run" if self.parent.enable else "supervisord runs")

    def update(self) -> None:
        supervisor = self.parent
        start = script(START_SUPERVISORD, supervisor.command("supervisord"), supervisor.config.path, supervisor.pidfile)
        shut_down = SHUT_DOWN.format(
            ctl=shlex.join(supervisor.ctl("shutdown")), pidfile=shlex.quote(supervisor.pidfile)
        )
        running = supervisor.processes(self) is not None
        if not supervisor.enable:
            if running:
                self.system.run(shut_down, undo=start, shown="shut supervisord down", undo_shown="start supervisord")
        elif running:
            self.system.run(f"{shut_down}\n{shlex.join(start)}", way_back=WayBack.REPEAT, shown="restart supervisord")
        else:
            self.system.run(start, undo=shut_down, shown="start supervisord", undo_shown="shut supervisord down")


class Program(Component):
    """A program that the host's Supervisor keeps running.

    name: in supervisor. command: relative to the working directory, unless command_absolute=False; args are appended.
    Both are expanded. directory: working directory (default: that of the root component). environment: variables.
    options: further lines of its entry ("startsecs", "stopsignal", ...). priority: lower ones start first.
    dependencies: components whose changes restart it (default: all of the component that it is added to).
    listens: addresses that it will listen on; where one is in use by somebody else, that is said before it is started.
    deployment: "hot" (restart after the changes) or "cold" (stop before the first change, start after the last).
    enable: False stops it and removes its entry.

    It is restarted exactly when its entry or a dependency changed, once that went well, and must be RUNNING
    afterwards; if it is not, the end of its log is shown. Undone: stopped if it did not run before, else restarted with
    what it had before. Its log stays.
    """

    verify_after_update = True
    predictable = True

    namevar = "name"
    name = ""
    command = ""
    command_absolute = True
    args = ""
    directory: Optional[str] = None
    environment_variables: Optional[dict[str, str]] = None
    options: Optional[dict[str, Any]] = None
    priority: int = 10
    dependencies: Optional[Sequence[Component]] = None
    listens: Sequence[Any] = ()
    deployment = "hot"
    enable = Attribute("literal", default=True)

    program_section = "program"

    def configure(self) -> None:
        if self.deployment not in ("hot", "cold"):
            raise ComponentUsageError(f"deployment of a Program is hot or cold, not {self.deployment!r}", self)
        if not self.command:
            raise ComponentUsageError(f"the Program {self.name!r} has no command", self)
        self.supervisor: Supervisor = self.require_one("supervisor", host=self.host)
        self.command, self.args = self.expand(self.command), self.expand(self.args)
        if self.command_absolute:
            self.command = self.map(self.command)
        self.directory = self.map(self.directory or self.workdir)
        self.log_path = os.path.join(self.supervisor.logdir.path, f"{self.name}.log")
        path = os.path.join(self.supervisor.program_config_dir.path, f"{self.name}.conf")
        if self.enable:
            self.config: Component = File(path, content=entry(self), is_template=False)
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
        bad = [process for process in self.processes() if process.state != "RUNNING"]
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
                    self.start(), undo=self.stop(), shown=f"start {self.name}", undo_shown=f"stop {self.name}"
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
        if self._supervised and not all(process.state == "RUNNING" for process in self.processes()):
            self.verify()

    def processes(self) -> Sequence[Process]:
        """Its processes as supervisord sees them now."""
        return (self.supervisor.processes(self) or {}).get(self.name, ())

    def is_running(self) -> bool:
        """Whether one of its processes lives, be it in the middle of its start."""
        return any(process.state in LIVING for process in self.processes())

    def start(self) -> list[str]:
        """The command that takes over a changed entry, (re)starts and waits until it runs, or shows why it does not."""
        return script(
            START, self.supervisor.command("supervisorctl"), self.supervisor.config.path, self.name, self.log_path
        )

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
    """A program that listens to supervisor's events. events: their names. Otherwise like Program."""

    program_section = "eventlistener"
    events: Sequence[str] = ()

    def configure(self) -> None:
        if not self.events:
            raise ComponentUsageError(f"the Eventlistener {self.name!r} names no events", self)
        self.options = {"events": ",".join(self.events), **(self.options or {})}
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


def script(text: str, *arguments: str) -> list[str]:
    """A command that runs a shell script with arguments."""
    return ["/bin/sh", "-c", text, "depl", *arguments]
