"""A project with rollouts by hand for tests, whose users call `depl` in it: each call a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import forked

from depl.rollout.records import path_of, recorded_rollouts

PROJECT = {
    "rollouts/work.py": """\
from depl.rollout import Parameter, Rollout
from depl.tasks import Command, Sequential, Task


class Makes(Task):
    '''Makes files, notes each, and may take long.'''

    environments = ("dev",)

    def __init__(self, waits=False):
        self.waits = waits

    def run(self):
        self.state["made"] = {"files": []}
        for name in ["a", "b"]:
            self.state["made"]["files"].append(name)
            self.save()
            self.subprocess(["touch", name])
        if self.waits and self.attempt == 1:
            self.subprocess("touch waiting; until test -e go; do sleep 0.02; done")

    def reverse(self):
        self.subprocess(["rm", *self.state["made"]["files"]])
        self.subprocess("echo back >> log")


class Work(Rollout):
    waits = Parameter(bool, default=False)
    text = Parameter(str, default="")

    def plan(self):
        return Sequential(Command("echo one >> log", undo="echo one back >> log"), Makes(self.waits))
""",
    "rollouts/own.py": """\
from depl.rollout import Rollout
from depl.tasks import Task


class Notes(Task):
    def run(self):
        self.state["text"] = "ü\\n" * 50_000

    def reverse(self):
        self.log(self.state["text"] == "ü\\n" * 50_000)
""",
    "environments/dev/environment.cfg": "[environment]\nconnect_method = local\n[hosts]\nlocalhost = app\n",
    "components/app/component.py": """\
from depl.component import Component
from depl.lib.file import File


class App(Component):
    def configure(self):
        self += File("app.txt", content="new\\n")
""",
    "rollouts/ship.py": """\
from depl.rollout import Rollout
from depl.tasks import Deploy


class Ship(Rollout):
    def plan(self):
        return Deploy("dev")
""",
}


class ProjectByHand:
    """Rollouts: `work` makes two files and may take long, `ship` deploys."""

    def __init__(self, base: Path, source: Path, beside: ThreadPoolExecutor) -> None:
        self.base, self.records, self._beside = base, str(base / ".depl"), beside
        known = {key: value for key, value in os.environ.items() if not key.startswith(("DEPL_", "_DEPL"))}
        self.surroundings = {**known, "PYTHONPATH": str(source), "COLUMNS": "200"}
        for name, content in PROJECT.items():
            self.write(name, content)

    def write(self, name: str, content: str) -> None:
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def depl(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        done = forked.depl(*arguments, cwd=self.base, env={**self.surroundings, **more})
        assert "Traceback" not in done.stdout + done.stderr
        return done

    def beside(self, *arguments: str) -> Future[subprocess.CompletedProcess[str]]:
        """Call `depl` beside the test."""
        return self._beside.submit(self.depl, *arguments)

    def killed(self, *arguments: str) -> None:
        """Call `depl`, and kill it as soon as the file `waiting` is there."""
        command = [sys.executable, "-m", "depl", *arguments]
        process = subprocess.Popen(command, cwd=self.base, env=self.surroundings, stdout=subprocess.DEVNULL)
        self.until((self.base / "waiting").exists)
        process.kill()
        process.wait()

    def well(self, *arguments: str, **more: str) -> str:
        """What a call prints that comes to a good end."""
        done = self.depl(*arguments, **more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def shown(self, rollout: str = "latest") -> dict[str, Any]:
        return dict(json.loads(self.well("show", rollout, "--json").splitlines()[-1]))

    def newest(self) -> str:
        return recorded_rollouts(self.records)[0]

    def record(self, rollout: str = "") -> Path:
        return Path(path_of(self.records, rollout or self.newest()))

    def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, "it did not come to that"
            time.sleep(0.02)

    def log(self) -> list[str]:
        return (self.base / "log").read_text().splitlines()
