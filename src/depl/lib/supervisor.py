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
from depl.component import Attribute, Component, ConfigString
from depl.errors import ComponentUsageError, ConfigurationError, UpdateNeeded
from depl.lib.file import Directory, File
from depl.lib.program import Eventlistener, Program, StoppedProgram
from depl.lib.python import Package, Requirements, VirtualEnv
from depl.lib.supervisord import (
    LONGEST_SOCKET,
    SHUT_DOWN,
    START_SUPERVISORD,
    Process,
    look_at,
    script,
    supervisord_conf,
)
from depl.utils import Address

__all__ = ["Eventlistener", "Program", "RunningSupervisor", "StoppedProgram", "Supervisor"]

WITHOUT_EFFECT = {  # what batou's Supervisor could be given -> why it is not needed
    "buildout_cfg": "no buildout is involved; `version` or `requirements` say what is installed",
    "logrotate": "supervisord rotates its logs itself, see `logfile_maxbytes` and `logfile_backups`",
    "nagios": "no monitoring is set up; `depl check --live` tells whether the programs run",
    "check_contact_groups": "no monitoring is set up",
}


class Supervisor(Component):
    """supervisord, in the working directory of its root component; provides itself as "supervisor".

    version: of supervisor; requirements: a requirements file with hashes to install it from instead. python: version
    for its virtual environment. address: also listen for HTTP there ("localhost:9001"; by default only on the socket).
    pidfile, socketpath: relative to the working directory. loglevel; logfile_maxbytes, logfile_backups: supervisord
    rotates its own log and those of its programs. enable: whether it should run. deployment_mode: "hot" or "cold", for
    the Programs that do not say themselves. wait_for_running: False does not wait until programs run; then they fail
    only where supervisord gave them up. max_startup_delay: seconds that they may take together, beyond a minute, when
    supervisord starts. supervisor_conf: a template of your own, beside the component file, for its configuration.

    buildout_cfg, logrotate, nagios and check_contact_groups are accepted, as batou's projects set them, but have no
    effect; where they are set, that is said.

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
    deployment_mode = Attribute(str, default="hot")
    wait_for_running = Attribute("literal", default=True)
    max_startup_delay = Attribute(int, default=0)
    supervisor_conf: Optional[str] = None

    buildout_cfg: Optional[str] = None
    logrotate = Attribute("literal", default=False)
    nagios = Attribute("literal", default=False)
    check_contact_groups: Any = None

    def configure(self) -> None:
        self.provide("supervisor", self)
        if len(os.fsencode(self.socketpath)) > LONGEST_SOCKET:
            raise ConfigurationError(
                f"the path of supervisor's socket is longer than {LONGEST_SOCKET} bytes: {self.socketpath}",
                self,
                hint="Deploy into a directory with a shorter path, or override `socketpath`.",
            )
        if self.deployment_mode not in ("hot", "cold"):
            message = f"deployment_mode of a Supervisor is hot or cold, not {self.deployment_mode!r}"
            raise ComponentUsageError(message, self)
        for name, reason in WITHOUT_EFFECT.items():
            if getattr(self, name):
                self.log("%s has no effect: %s", name, reason)
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
        if self.supervisor_conf is None:
            self.config = File("etc/supervisord.conf", content=supervisord_conf(self), is_template=False)
        else:
            self.config = File("etc/supervisord.conf", source=self.supervisor_conf)
        self += self.config
        self += RunningSupervisor(reacts_to=[self.venv, self.config])

    def command(self, name: str) -> str:
        """The path of one of supervisor's commands."""
        return os.path.join(self.venv.path, "bin", name)

    def ctl(self, *arguments: str) -> list[str]:
        """A command for supervisorctl."""
        return [self.command("supervisorctl"), "-c", self.config.path, *arguments]

    @property
    def waiting(self) -> str:
        """What is said to scripts: to wait for the programs that they start, or nothing."""
        return "wait" if self.wait_for_running else ""

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
        paths = (supervisor.command("supervisord"), supervisor.config.path, supervisor.pidfile)
        start = script(START_SUPERVISORD, *paths, str(60 + supervisor.max_startup_delay), supervisor.waiting)
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
            self.system.run(
                start,
                undo=shut_down,
                shown="start supervisord",
                undo_shown="shut supervisord down",
                owns=self.owned_things()[0],
            )

    def owned_things(self) -> list[str]:
        """What it runs, as `--gc` knows it."""
        return [f"supervisord in {self.parent.workdir}"]
