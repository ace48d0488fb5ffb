"""Two checkouts of one project that share a store in PostgreSQL: holds, locks, records and signals are the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from depl.store.store import Store, open_store

Call = Callable[..., "subprocess.CompletedProcess[str]"]
LEASE = "4"
FILES = {
    "environments/dev/environment.cfg": """\
        [environment]
        connect_method = local
        [hosts]
        localhost = hello
        """,
    "components/hello/component.py": """\
        from depl.component import Component
        from depl.lib.command import Command


        class Hello(Component):
            def configure(self):
                self += Command("touch TOGETHER/first", unless="test -e TOGETHER/first", undo="rm TOGETHER/first")
                mark = "TOGETHER/mark.$PPID"  # each run has something to do
                self += Command(f"sh TOGETHER/work.sh && touch {mark}", unless=f"test -e {mark}", undo="true")
        """,
    "rollouts/steps.py": """\
        from depl.rollout import Rollout
        from depl.tasks import Command, Deploy, Sequential


        class Steps(Rollout):
            def plan(self):
                return Sequential(Command("sh TOGETHER/work.sh", undo="echo back >> TOGETHER/log"), Deploy("dev"))
        """,
}
# One at a time finds that nobody else is here; it stays as long as there is a file `wait`.
WORK = """\
mkdir here || echo clash >> log
while [ -e wait ]; do sleep 0.05; done
rmdir here
echo done >> log
"""


def test_what_is_held_in_one_checkout_is_refused_in_the_other(pair: Pair) -> None:
    assert pair.a("hold", "dev", "--reason", "the fair is on").returncode == 0
    for command in (["local", "dev"], ["rollout", "start", "steps"]):
        refused = pair.b(*command)
        assert (refused.returncode, "dev is held by " in refused.stderr) == (5, True), refused.stderr
    assert "the fair is on" in pair.b("hold").stdout
    assert not list((pair.b.base / ".depl").glob("holds/*"))
    assert pair.b("release", "dev").returncode == 0
    assert pair.a("local", "dev").returncode == 0


def test_of_many_who_start_at_once_one_runs_at_a_time(pair: Pair) -> None:
    with ThreadPoolExecutor(20) as at_once:
        started = list(at_once.map(lambda checkout: checkout("local", "dev"), [pair.a, pair.b] * 10))
    statuses = [one.returncode for one in started]
    assert set(statuses) <= {0, 5}, "\n".join(one.stderr for one in started)
    assert 1 <= statuses.count(0) == len(pair.log())
    assert set(pair.log()) == {"done"}
    assert not pair.store.locks.taken()
    assert [header.state.value for header in pair.store.rollouts()] == ["succeeded"] * statuses.count(0)


def test_one_that_was_killed_is_taken_over_elsewhere_and_at_once_where_it_was(pair: Pair) -> None:
    pair.begin(pair.a, "local", "dev").kill()
    pair.over()
    assert pair.a("local", "dev").returncode == 0  # in its own checkout it is known to be dead
    pair.begin(pair.a, "rollout", "start", "steps").kill()
    refused = pair.b("local", "dev")
    assert (refused.returncode, "is at work on dev since" in refused.stderr) == (5, True), refused.stderr
    pair.over()
    id = pair.listed(pair.a)[0]["rollout"]
    pair.wait(lambda: pair.b("local", "dev").returncode == 0)
    for checkout in (pair.a, pair.b):  # the record of the first one says otherwise, and nobody goes on with it
        assert f"rollout {id} is kept" in checkout("rollout", "resume", id).stderr
        assert "went on from what stood there" in checkout("show", id).stdout


def test_a_rollout_is_seen_and_ended_from_the_other_checkout(pair: Pair) -> None:
    running = pair.begin(pair.a, "rollout", "start", "steps")
    pair.wait(lambda: pair.listed(pair.b, "--state", "running"))
    [one] = pair.listed(pair.b)
    assert (one["state"], one["interrupted"], one["environments"]) == ("running", False, ["dev"])
    asked = pair.b("rollout", "signal", one["rollout"], "abort", "--json")
    assert (asked.returncode, json.loads(asked.stdout)["driven"]) == (0, True), asked.stderr
    record = pair.a.base / ".depl/rollouts" / f"{one['rollout']}.jsonl"
    pair.wait(lambda: '"signalled"' in record.read_text())
    pair.over()
    assert running.wait(60) == 130
    assert pair.log() == ["done", "back"]
    [shown] = pair.lines(pair.b("show", one["rollout"], "--json"))
    assert (shown["state"], len(shown["signals"])) == ("reversed", 1)
    assert pair.events(one["rollout"]) == [json.loads(line)["what"] for line in record.read_text().splitlines()]


def test_a_deployment_is_ended_from_the_other_checkout_too(pair: Pair) -> None:
    running = pair.begin(pair.a, "local", "dev")
    pair.wait(lambda: pair.listed(pair.b, "--state", "running"))
    pair.b("rollout", "signal", "latest", "abort")
    [record] = (pair.a.base / ".depl/rollouts").glob("*.jsonl")
    pair.wait(lambda: '"signalled"' in record.read_text())
    pair.over()
    assert running.wait(60) == 130, pair.said()
    assert [found["state"] for found in pair.listed(pair.b)] == ["reversed"]


def test_a_server_that_vanishes_ends_no_run_and_nothing_is_lost(pair: Pair) -> None:
    running = pair.begin(pair.a, "rollout", "start", "steps")
    pair.wait(lambda: pair.listed(pair.b, "--state", "running"))
    with pair.away():
        for command in (["local", "dev"], ["hold", "dev", "--reason", "x"], ["rollout", "start", "steps"]):
            refused = pair.b(*command)
            assert (refused.returncode, "cannot be used" in refused.stderr) == (3, True), refused.stderr
        assert "Nothing was changed" in pair.b("local", "dev").stderr
        assert not (pair.b.base / "work").exists()
        pair.over()
        assert running.wait(60) == 0, pair.said()
        assert "brought to the store later" in pair.said()
        here = pair.a("rollouts")
        assert ("succeeded" in here.stdout, "warning: " in here.stderr) == (True, True)
    pair.store.database.engine.dispose()
    [one] = pair.listed(pair.a)
    assert [found["state"] for found in pair.listed(pair.b)] == ["succeeded"]
    record = pair.a.base / ".depl/rollouts" / f"{one['rollout']}.jsonl"
    assert pair.events(one["rollout"]) == [json.loads(line)["what"] for line in record.read_text().splitlines()]
    assert pair.b("local", "dev").returncode == 0


def test_a_worker_waits_for_a_server_that_vanishes_and_goes_on_with_what_it_was_at(pair: Pair) -> None:
    assert pair.a("rollout", "start", "steps", "--queue").returncode == 0
    worker = pair.begin(pair.a, "worker")
    assert pair.b("local", "dev").returncode == 5
    with pair.away():
        pair.over()
        pair.wait(lambda: "cannot be used" in pair.said())
        assert pair.log() == ["done"]
    pair.store.database.engine.dispose()
    pair.wait(lambda: pair.listed(pair.b, "--state", "succeeded"))
    worker.terminate()
    assert (worker.wait(60), pair.log()) == (0, ["done", "done"]), pair.said()


class Checkout:
    def __init__(self, base: Path, depl: Call, surroundings: dict[str, str]) -> None:
        self.base, self._depl, self.surroundings = base, depl, surroundings

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._depl(*arguments, cwd=self.base, **self.surroundings)

    def process(self, *arguments: str) -> subprocess.Popen[str]:
        env = {**os.environ, **self.surroundings, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        with open(self.base.parent / "said", "ab") as said:
            how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": said, "stderr": said, "text": True}
            return subprocess.Popen([sys.executable, "-m", "depl", *arguments], cwd=self.base, env=env, **how)


class Pair:
    """Two checkouts, what their runs did together, and the store that they share."""

    def __init__(self, directory: Path, server: Any, depl: Call) -> None:
        self.together, self.server, self.url = directory, server, server.new_database()
        surroundings = {"DEPL_LEASE": LEASE, "COLUMNS": "200"}
        self.a, self.b = (Checkout(directory / name, depl, surroundings) for name in "ab")
        for checkout in (self.a, self.b):
            for name, content in {**FILES, "depl.cfg": f"[depl]\nstore = {self.url}\n"}.items():
                path = checkout.base / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(dedent(content).replace("TOGETHER", str(directory)))
        (directory / "work.sh").write_text(f"cd {directory}\n{WORK}")
        self.store: Store = open_store(self.url, str(directory), lease=float(LEASE))
        self._processes: list[subprocess.Popen[str]] = []

    def begin(self, checkout: Checkout, *arguments: str) -> subprocess.Popen[str]:
        """A run that is at work, and stays so until over()."""
        (self.together / "wait").touch()
        self._processes.append(checkout.process(*arguments))
        self.wait((self.together / "here").exists)
        return self._processes[-1]

    def over(self) -> None:
        (self.together / "wait").unlink(missing_ok=True)
        self.wait(lambda: not (self.together / "here").exists())

    @contextmanager
    def away(self) -> Iterator[None]:
        """While this lasts, the server does not let anybody in."""
        name = self.url.rsplit("/", 1)[1]
        self.server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self.server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        try:
            yield
        finally:
            self.server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    def listed(self, checkout: Checkout, *arguments: str) -> list[dict[str, Any]]:
        return [one for one in self.lines(checkout("rollouts", "--json", *arguments)) if one["event"] == "rollout"]

    def lines(self, done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
        return [json.loads(line) for line in done.stdout.splitlines()]

    def events(self, id: str) -> list[str]:
        return [one.event.what.value for one in self.store.log(id).read()]

    def log(self) -> list[str]:
        path = self.together / "log"
        return path.read_text().split() if path.exists() else []

    def said(self) -> str:
        return (self.together / "said").read_text()

    def wait(self, condition: Callable[[], object]) -> None:
        until = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < until, f"it never came to that: {self.said()}"
            time.sleep(0.05)

    def close(self) -> None:
        (self.together / "wait").unlink(missing_ok=True)
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.store.close()


@pytest.fixture
def pair(tmp_path: Path, postgresql: Any, depl: Call) -> Iterator[Pair]:
    made = Pair(tmp_path, postgresql, depl)
    yield made
    made.close()
