"""What the acceptance tests share: a real project in tmp_path, and `depl` called on it as users call it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest
from by_hand_project import ProjectByHand
from click.testing import CliRunner

from depl.cli.main import main

ENVIRONMENT = """\
[environment]
connect_method = local
[hosts]
localhost = app
"""
IMPORTS = """\
from depl import UpdateNeeded
from depl.component import Attribute, Component, ConfigString, HookComponent, handle_event, platform
from depl.lib.file import File
"""
HEADER = len(IMPORTS.splitlines()) + 2  # lines before what a test writes into a component file


@dataclass(frozen=True)
class Done:
    """How a call of `depl` ended."""

    status: int
    out: str
    err: str


class Service:
    """A project in a directory, with one environment `dev` of one host `localhost` that runs `app`."""

    def __init__(self, base: Path, source: Path) -> None:
        self.base = base
        self.work = base / "work"
        self._source = source
        self.environment(ENVIRONMENT)

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the project."""
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else dedent(content).encode())
        return path

    def environment(self, text: str, name: str = "dev") -> Path:
        """Describe an environment."""
        return self.write(f"environments/{name}.cfg", text)

    def overrides(self, text: str) -> None:
        """Let the environment override attributes of `app`."""
        self.environment(f"{ENVIRONMENT}[component:app]\n{dedent(text)}")

    def hosts(self, text: str) -> None:
        """Let the environment consist of other hosts."""
        self.environment(f"[environment]\nconnect_method = local\n[hosts]\n{dedent(text)}")

    def component(self, text: str, directory: str = "app") -> Path:
        """Write a component file; what all of them import comes before."""
        return self.write(f"components/{directory}/component.py", f"{IMPORTS}\n\n{dedent(text)}")

    def depl(self, *arguments: str) -> Done:
        """Call depl in this process."""
        before = os.getcwd()
        os.chdir(self.base)
        try:
            result = CliRunner(env={"COLUMNS": "200", "DEPL_PROJECT": None}).invoke(main, arguments)
        finally:
            os.chdir(before)
        assert "Traceback" not in result.output, result.output
        return Done(result.exit_code, result.stdout, result.stderr)

    def local(self, *arguments: str, status: int = 0) -> Done:
        """`depl local dev`; how it must end."""
        done = self.depl("local", "dev", *arguments)
        assert done.status == status, done.out + done.err
        return done

    def check(self, *arguments: str, status: int = 0) -> Done:
        """`depl check dev`; how it must end."""
        done = self.depl("check", "dev", *arguments)
        assert done.status == status, done.out + done.err
        return done

    def mistakes(self) -> str:
        """What is wrong with the model, as `depl check` tells it."""
        return self.check(status=1).err

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """Call depl in a process of its own."""
        surroundings = {key: value for key, value in os.environ.items() if not key.startswith(("DEPL_", "_DEPL"))}
        return subprocess.Popen(
            [sys.executable, "-m", "depl", *arguments],
            cwd=self.base,
            env={**surroundings, "PYTHONPATH": str(self._source), "COLUMNS": "200", **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def begun(self, path: Path, *arguments: str) -> subprocess.Popen[str]:
        """Call depl in a process of its own, and wait until a file has something in it."""
        running = self.start(*arguments)
        while not path.exists() or not path.read_text():
            assert running.poll() is None, running.communicate()
            time.sleep(0.01)
        return running

    def killed(self, path: Path, *arguments: str) -> None:
        """Call depl in a process of its own, and kill that as soon as a file has something in it."""
        running = self.begun(path, *arguments)
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)

    def tree(self) -> dict[str, object]:
        """All that is in `work/`: path → content and time, or where a link leads."""
        return {str(path.relative_to(self.base)): _seen(path) for path in [self.work, *sorted(self.work.rglob("*"))]}


def _seen(path: Path) -> object:
    if not path.exists() and not path.is_symlink():
        return None
    status = path.lstat()
    if path.is_symlink():
        return os.readlink(path)
    content = path.read_bytes() if path.is_file() else b""
    return (status.st_mode, status.st_mtime_ns if path.is_file() else 0, content)


@pytest.fixture
def service(tmp_path: Path, project: Path) -> Service:
    """A project without component files so far."""
    return Service(tmp_path / "project", project / "src")


@pytest.fixture
def at(tmp_path: Path, project: Path) -> Iterator[ProjectByHand]:
    """A project with rollouts by hand."""
    with ThreadPoolExecutor() as beside:
        made = ProjectByHand(tmp_path / "project", project / "src", beside)
        yield made
        (made.base / "go").touch()


@pytest.fixture
def line_of() -> Callable[[Path, str], int]:
    """In which line of a file a text stands."""

    def line_of(path: Path, text: str) -> int:
        lines = path.read_text().splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

    return line_of


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    directory = tmp_path / "small"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(directory)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small file system, and not in every container")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)
