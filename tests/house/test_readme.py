"""README.rst, word for word: a reader who types it sees what it shows."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ENVIRONMENT = "requirements-000000000000"
PORTS = ("8042", "8043", "8044", "8045")
POSTGRESQL = "/tmp/depl-postgresql"


class Reader:
    """Somebody at a shell, with a copy of the checkout in the directory `depl` of a room that is otherwise empty.

    real: the launcher sets itself up; otherwise it finds an environment that borrows the packages of the tests.
    """

    def __init__(self, room: Path, checkout: Path, real: bool) -> None:
        self.room, self.real = room, real
        self.cwd = room / "depl"
        self.status = 0
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        copy(checkout, self.cwd)
        room.chmod(0o711)  # PostgreSQL runs as somebody else where the tests run as root
        for file in self.cwd.glob("environments/*/environment.cfg"):
            file.write_text(self.translated(file.read_text()))
        (self.cwd / ".venv").symlink_to(sys.prefix)
        (room / "home").mkdir()
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DEPL_", "PYTHON"))},
            **shared_with_pip(),
            "HOME": str(room / "home"),
            "COLUMNS": "120",
        }

    def translated(self, text: str) -> str:
        """With ports that are free instead of those of the sample, and a directory that is nobody else's."""
        text = text.replace(POSTGRESQL, str(self.room / "postgresql"))
        return re.sub(r"\b804[2-5]\b", lambda found: self.ports[found[0]], text)

    def types(self, command: str) -> str:
        """Run a command; what it prints."""
        if command.startswith("cd "):
            self.cwd = (self.cwd / command[3:]).resolve()
            return ""
        if command.startswith("./depl") and not self.real:
            set_up(self.cwd, self.room / "depl" / "src")
        done = subprocess.run(
            ["bash", "-c", f"(exit {self.status}); {command}"],
            cwd=self.cwd,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        self.status = done.returncode
        return "\n".join(line for line in done.stdout.splitlines() if not line.startswith("depl: setting up "))

    def leaves(self) -> None:
        """Let no process behind, wherever the tour ended."""
        pidfiles = [
            *self.room.glob("*/work/processes/var/supervisord.pid"),
            *self.room.glob("*/.depl/cluster/home/*/work/processes/var/supervisord.pid"),
        ]
        for pidfile in pidfiles:
            os.kill(int(pidfile.read_text()), signal.SIGTERM)
            for _ in range(300):
                if not pidfile.exists():
                    break
                time.sleep(0.1)
        servers = {"cluster.py": self.room / "depl/.depl/cluster", "postgresql.py": self.room / "postgresql"}
        for script, directory in servers.items():
            if directory.exists():
                command = [sys.executable, f"tests/{script}", "stop", *([directory] * (script == "postgresql.py"))]
                subprocess.run(command, cwd=self.room / "depl", capture_output=True)


def copy(checkout: Path, to: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=checkout,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    for name in listed.stdout.split("\0"):
        if name and (checkout / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, to / name)


def free_ports(count: int) -> list[str]:
    sockets = [socket.create_server(("", 0)) for _ in range(count)]
    ports = [str(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def shared_with_pip() -> dict[str, str]:
    """What pip would find in the real home: its cache and its settings."""
    asked = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True)
    shared = {"PIP_CACHE_DIR": asked.stdout.strip()} if asked.returncode == 0 else {}
    settings = Path.home() / ".config" / "pip" / "pip.conf"
    return {**shared, "PIP_CONFIG_FILE": str(settings)} if settings.is_file() else shared


def set_up(project: Path, source: Path) -> None:
    """Make the environment that the launcher looks for; its packages are those of the tests."""
    room = project / ".depl" / "python"
    if room.exists():
        return
    environment = room / ENVIRONMENT
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(environment)}))
    (packages / "borrowed.pth").write_text(f"{source}\n{sysconfig.get_path('purelib')}\n")
    for name in ("requirements.lock", "depl.source"):
        if (project / name).exists():
            shutil.copy(project / name, environment / name)
    (room / "requirements.current").write_text(f"{ENVIRONMENT}\n{project}\n")
    (project / ".depl").chmod(0o700)


@pytest.fixture
def readme(project: Path) -> str:
    return (project / "README.rst").read_text()


@pytest.fixture
def reader(project: Path, pytestconfig: pytest.Config) -> Iterator[Reader]:
    room = Path(tempfile.mkdtemp(prefix="depl-t-"))  # a short name: the path of a socket must not be long
    reader = Reader(room, project, real=bool(pytestconfig.getoption("--long") or os.environ.get("DEPL_LONG")))
    yield reader
    reader.leaves()
    shutil.rmtree(room, ignore_errors=True)


def test_every_command_does_what_the_readme_shows(reader: Reader, readme: str, blocks, steps, shows, written) -> None:
    for block in blocks(reader.translated(readme)):
        if block.language != "console":
            written(reader.cwd, block)
            continue
        for step in steps(block):
            if step.command == "./check":
                continue  # who runs this test is about to do it
            allowed = step.command == "echo $?" or reader.status == 0
            assert allowed, f"README.rst, before line {step.line}: ended with status {reader.status}"
            output = reader.types(step.command)
            assert shows(step.output, output), f"README.rst:{step.line}: $ {step.command}\n{output}"
    assert reader.status == 0


def test_the_steps_of_check_are_those_that_the_readme_shows(project: Path, readme: str, blocks, steps) -> None:
    (shown,) = (step.output for block in blocks(readme) for step in steps(block) if step.command == "./check")
    _, _, table = shown.partition("== what ran\n")
    names = dict.fromkeys(re.findall(r"^ *step (\w+) ", (project / "check").read_text(), re.MULTILINE))
    assert [line.split()[0] for line in table.splitlines()] == list(names)
    assert os.access(project / "check", os.X_OK)


@pytest.mark.parametrize(
    ("shown", "real", "is_shown"),
    [
        ("a ... c", "a b c", True),
        ("a ... c", "a b\nc", False),
        ("a\n...\nc", "a\nb\nb\nc", True),
        ("a\n...\nc", "a\nc", True),
        ("a\n...\nc", "a\nb\n", False),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_three_dots_stand_for_what_differs(shows, shown: str, real: str, is_shown: bool) -> None:
    assert shows(shown, real) == is_shown
