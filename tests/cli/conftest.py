"""Small real projects, and the command line as its users call it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import forked
import pytest

Call = Callable[..., "subprocess.CompletedProcess[str]"]

SERVICE = {
    "environments/dev/environment.cfg": """\
        [environment]
        connect_method = local
        [hosts]
        localhost = hello
        """,
    "components/hello/component.py": """\
        from depl.component import Component
        from depl.lib.file import File


        class Hello(Component):
            greeting = "Hello!"

            def configure(self):
                self += File("hello.txt", content="{{component.greeting}}\\n")
        """,
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Write files into a project; its directory."""
    directory = tmp_path / "project"

    def write(files: dict[str, str]) -> Path:
        from textwrap import dedent

        for name, content in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(content))
        return directory

    return write


@pytest.fixture
def service(write: Callable[[dict[str, str]], Path]) -> Path:
    """A project with one component on one host."""
    return write(SERVICE)


@pytest.fixture
def depl(project: Path) -> Call:
    """Call `depl` in a directory, in a process of its own."""

    def call(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
        surroundings = {key: value for key, value in os.environ.items() if not key.startswith(("DEPL_", "_DEPL"))}
        surroundings |= {"PYTHONPATH": str(project / "src"), "COLUMNS": "120", **more}
        return forked.depl(*arguments, cwd=cwd, env=surroundings)

    return call
