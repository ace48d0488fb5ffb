"""What the tests of faults share: a project whose updates wait in the middle until a test lets them go on."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

COMPONENT = '''\
import os

from depl.component import Component
from depl.lib.file import File


class Steps(Component):
    """Does some things, one of which waits until somebody opens the gate."""

    directory = ""  # outside of the target: what is there is not taken back
    waiting = "while [ ! -e $GATE ]; do n=$((n+1)); echo tick $n; echo $n >> $GATE.ticks; sleep 0.1; done"
    fails = ""

    def configure(self):
        self.mine = os.path.join(self.directory, self.host.name)
        self += File("before.conf", content="before\\n")
        self += Act("first")
        self += Act("held", command=self.waiting + "; for n in $(seq 300); do echo line $n; done")
        self += Act("last", command="false" if self.fails == self.host.name else "true")
        self += File("after.conf", content="after\\n")


class Act(Component):
    namevar = "name"
    command = "true"

    def verify(self):
        assert os.path.exists(f"{self.parent.mine}.{self.name}.done")

    def update(self):
        mine = self.parent.mine
        self.cmd(
            f"echo {self.name} >> {mine}.ran; {self.command}; status=$?; touch {mine}.{self.name}.done; exit $status",
            env={"GATE": mine + ".open"},
            expand=False,
        )
'''
PATIENCE = 60.0  # seconds that a test waits for what must come; a loaded machine is slow


def _until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Wait until something holds; what it was in the end."""
    end = time.monotonic() + patience
    while not (held := condition()):
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.02)
    return held


class Far:
    """A network namespace with a host in it, and the only line that leads there."""

    def __init__(self, new_sshd: Callable[..., Any]) -> None:
        # Addresses for documentation, which hardly anybody has; others for each process that tests at the same time.
        net = os.getpid() % 64 * 4
        self.here, self.address = f"198.51.100.{net + 1}", f"198.51.100.{net + 2}"
        self.name, self.link = f"depl-t-{os.getpid()}", f"depl{os.getpid()}"
        self.link = self.link[:14]
        self.sshd = None
        try:
            self._ip("netns", "add", self.name)
            self._ip("link", "add", self.link, "type", "veth", "peer", "name", "depl0", "netns", self.name)
            self._ip("addr", "add", f"{self.here}/30", "dev", self.link)
            self._ip("link", "set", self.link, "up")
            for arguments in (f"addr add {self.address}/30 dev depl0", "link set depl0 up", "link set lo up"):
                self._ip("-n", self.name, *arguments.split())
        except (OSError, subprocess.CalledProcessError) as error:
            self.close()
            pytest.skip(f"there can be no network namespace: {getattr(error, 'stderr', error)}")
        self.sshd = new_sshd(addresses=[self.address], inside=["ip", "netns", "exec", self.name]).start()

    def cut(self) -> None:
        """Nothing arrives any more, in neither direction, and nobody is told."""
        self._ip("link", "set", self.link, "down")

    def mend(self) -> None:
        """All is as before."""
        self._ip("link", "set", self.link, "up")

    def close(self) -> None:
        if self.sshd is not None:
            self.sshd.stop()
        for arguments in (["link", "del", self.link], ["netns", "del", self.name]):
            subprocess.run(["ip", *arguments], capture_output=True)

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class Run:
    """A `depl` that runs, with what it says as JSON."""

    def __init__(self, arguments: Iterable[str], cwd: Path, env: dict[str, str], output: Path) -> None:
        self.output, self.complaints = output.with_suffix(".out"), output.with_suffix(".err")
        with self.output.open("wb") as out, self.complaints.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "depl", *arguments],
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def status(self, patience: float = PATIENCE) -> int:
        """Its exit status; it must end."""
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end:\n{self.everything}") from None

    @property
    def everything(self) -> str:
        """What it has printed so far, but for what commands said and changed."""
        lines = self.output.read_text().splitlines()
        told = [line for line in lines if '"event": "output"' not in line and '"event": "changed"' not in line]
        return "\n".join([*told, self.complaints.read_text()])

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it told so far, line by line."""
        whole, _, _ = self.output.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    @property
    def rollout(self) -> str:
        """Its name, once it has begun."""
        return next(str(one["data"]["rollout"]) for one in self.events if one["event"] == "started")

    def said(self, host: str) -> list[str]:
        """The lines that commands printed on a host."""
        pieces = [one for one in self.events if one["event"] == "output" and one.get("host") == host]
        return "".join(str(one["text"]) for one in pieces).splitlines()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Field:
    """A project on some hosts, with coordinators, and eyes for what they and their agents do."""

    def __init__(self, site: Any, scratch: Path) -> None:
        self.site, self.scratch = site, scratch
        self.runs: list[Run] = []
        self.copies: list[Path] = []
        self.addresses: dict[str, str] = {}
        self.sshds: dict[str, Any] = {}  # of hosts that are elsewhere
        site.write({"components/steps/component.py": COMPONENT})

    def hosts(
        self,
        *names: str,
        opened: Iterable[str] = (),
        settings: str = "timeout = 2",
        also: Mapping[str, str] | None = None,
        python: Mapping[str, str] | None = None,
        **steps: str,
    ) -> None:
        """Write the environment `live`.

        opened: the hosts on which nothing waits. also: more components, by host. python: by host. steps: attributes.
        """
        self.addresses.update({name: f"127.0.0.{n}" for n, name in enumerate(names, 1) if name not in self.addresses})
        sections = []
        for name in names:
            components = ", ".join(["steps", *([also[name]] if also and name in also else [])])
            sections.append(f"[host:{name}]\naddress = {self.addresses[name]}\ncomponents = {components}\n")
            if python and name in python:
                sections.append(f"python = {python[name]}\n")
        given = "".join(f"{name} = {value}\n" for name, value in steps.items())
        component = f"[component:steps]\ndirectory = {self.scratch}\n{given}"
        self.site.environment("".join([*sections, component]), settings=settings)
        for name, sshd in self.sshds.items():
            with (self.site.directory / "environments/live/known_hosts").open("a") as file:
                file.write(sshd.known_hosts)
            with (self.site.directory / "ssh_config").open("a") as file:
                file.write(sshd.ssh_config.replace("127.0.0.*", self.addresses[name]))
        for name in opened:
            self.open(name)

    def copy(self) -> Path:
        """Another checkout of the project, that has seen no rollout."""
        directory = Path(tempfile.mkdtemp(dir=self.scratch)) / "project"
        shutil.copytree(self.site.directory, directory, ignore=shutil.ignore_patterns(".depl"))
        return directory

    def start(self, *arguments: str, cwd: Path | None = None) -> Run:
        """Start `depl ... --json`."""
        output = self.scratch / f"run{len(self.runs)}"
        run = Run([*arguments, "--json"], cwd or self.site.directory, self.site.surroundings(), output)
        self.runs.append(run)
        return run

    def open(self, host: str) -> None:
        """Let the update on a host go on."""
        (self.scratch / f"{host}.open").touch()

    def ran(self, host: str) -> list[str]:
        """What was executed on a host, in that order."""
        path = self.scratch / f"{host}.ran"
        return path.read_text().split() if path.exists() else []

    def in_the_middle(self, *hosts: str) -> None:
        """Wait until updates wait at the gate."""
        run = self.runs[-1]
        _until(
            lambda: run.process.poll() is not None or all("held" in self.ran(host) for host in hosts),
            "in the middle of an update",
        )
        assert run.process.poll() is None, run.everything

    def forget(self) -> None:
        """What the commands did is gone; they have to run again."""
        for path in self.scratch.glob("*.done"):
            path.unlink()
        for path in self.scratch.glob("*.ran"):
            path.unlink()

    def home(self, host: str) -> Path:
        """The home of a host."""
        return Path(self.sshds.get(host, self.site.sshd).home(self.addresses[host]))

    def target(self, host: str) -> Path:
        """The target directory of a host."""
        return self.home(host) / str(self.site.name)

    def deployed(self, host: str) -> list[str]:
        """The files that are deployed on a host, and what does not belong there."""
        target = self.target(host)
        found = [str(path.relative_to(target)) for path in sorted(target.rglob("*"))]
        return [name for name in found if not name.startswith((".depl", "project/")) and not (target / name).is_dir()]

    def everything(self, host: str) -> dict[str, bytes]:
        """The contents of all files in the home of a host."""
        return {str(path): path.read_bytes() for path in sorted(self.home(host).rglob("*")) if path.is_file()}

    def agents(self, host: str | None = None) -> list[int]:
        """The agents that live: those of all hosts, or of one."""
        homes = {str(self.home(name)) for name in ([host] if host else self.addresses)}
        return [pid for pid in agents() if home_of(pid) in homes]

    def all_gone(self) -> None:
        """Wait until no agent is left."""
        _until(lambda: not self.agents(), "agents have left")

    def journal(self, host: str) -> str:
        """The journals of a host."""
        return "".join(path.read_text() for path in sorted(self.target(host).glob(".depl/journal/*.jsonl")))

    def close(self) -> None:
        for run in self.runs:
            run.end()
        for name in self.addresses:
            self.open(name)
        for pid in self.agents():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def agents() -> list[int]:
    """All agents on this machine: Pythons that run the stub."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            arguments = (directory / "cmdline").read_bytes().split(b"\0")
            if b"-S" in arguments and b"-E" in arguments and b"-c" in arguments and b"python" in arguments[0]:
                found.append(int(directory.name))
    return found


def home_of(pid: int) -> str:
    """HOME of a process; nothing if it is gone."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    return next((os.fsdecode(one[5:]) for one in variables if one.startswith(b"HOME=")), "")


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory outside of all targets."""
    with tempfile.TemporaryDirectory(prefix="depl-t-faults-") as directory:
        yield Path(directory)


@pytest.fixture
def field(site: Any, scratch: Path) -> Iterator[Field]:
    """A project whose updates wait in the middle."""
    made = Field(site, scratch)
    yield made
    made.close()


@pytest.fixture
def far(new_sshd: Callable[..., Any], field: Field) -> Iterator[Far]:
    """The host `far` of the project, behind a line that can be cut."""
    if os.getuid() != 0:
        pytest.skip("network namespaces can only be made by root")
    made = Far(new_sshd)
    field.addresses["far"], field.sshds["far"] = made.address, made.sshd
    yield made
    for run in field.runs:
        run.end()
    made.close()


@pytest.fixture
def until() -> Callable[..., Any]:
    """Waits until something holds: `until(condition, "what it is")`."""
    return _until


@pytest.fixture
def assert_told_once() -> Callable[[list[str]], None]:
    """That the numbered lines of the update that waits are all there, in order, once."""

    def check(lines: list[str]) -> None:
        ticks = [int(found[1]) for line in lines if (found := re.fullmatch(r"tick (\d+)", line))]
        assert ticks == list(range(1, len(ticks) + 1))
        assert [line for line in lines if line.startswith("line")] == [f"line {n}" for n in range(1, 301)]

    return check
