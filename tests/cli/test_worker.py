"""Queued rollouts, carried out by real workers that are ended in the middle, and direct ones whose runner is killed."""

from __future__ import annotations

import os
import random
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import forked
import pytest

from depl.rollout.records import EVENTS, read_record
from depl.store import schema
from depl.store.store import Store, open_store

Call = Callable[..., "subprocess.CompletedProcess[str]"]
POSTGRESQL = pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
SQLITE = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
ROLLOUTS = """\
    from depl.rollout import Rollout
    from depl.tasks import Approval, Command, Deploy, Parallel, PythonCall, Sequential


    def did(name, more=""):
        return Command(f"echo +{name} >> log; {more}", undo=f"echo -{name} >> log")


    def until(name, file):
        return did(name, f"echo $$ > {name}.pid; while [ ! -e {file} ]; do sleep 0.05; done")


    class Steps(Rollout):
        on_interrupt = "resume"

        def plan(self):
            return Sequential(did("a"), Parallel(did("b"), did("c")), until("d", "go"), did("e"))


    class Gated(Rollout):
        def plan(self):
            return Sequential(did("a"), Approval("well?"), did("b"))


    class Late(Rollout):
        def plan(self):
            return Sequential(did("a"), Approval("well?", timeout=1), did("b"))


    class Watched(Rollout):
        interval = 1

        def plan(self):
            return Sequential(did("a"), Approval("well?"), did("b"))

        def is_well(self):
            assert not __import__("os").path.exists("trouble"), "there is trouble"

        monitors = ["is_well"]


    class Ship(Rollout):
        def plan(self):
            return Sequential(Deploy("dev"), until("d", "go"))


    def say():
        with open("log", "a") as log:
            print("+first", file=log)


    class Says(Rollout):
        def plan(self):
            return PythonCall("rollouts/steps.py:say")


    class Files(Rollout):
        def plan(self):
            made = (Command(f"touch f{n}; sleep 0.02", undo=f"sleep 0.02; rm -f f{n}") for n in range(8))
            return Sequential(*made, Command("test ! -e fails", undo="true"))
    """


def test_a_queued_rollout_is_carried_out_and_shown_like_any_other(shop: Shop) -> None:
    id = shop.queue("Steps")
    assert "queued" in shop("rollouts").stdout
    (shop.base / "go").touch()
    shop("worker", "--once")
    assert shop.done() == ["+a", "+b", "+c", "+d", "+e"]
    assert "succeeded" in shop("rollouts").stdout
    assert "Run `echo +e" in shop("show", id).stdout
    followed = shop("rollout", "follow", id)
    assert followed.returncode == 0
    assert not (shop.base / ".depl" / "rollouts" / f"{id}{EVENTS}").exists()
    assert shop("rollout", "undo", id, "--yes").returncode == 0
    assert sorted(shop.log()[5:]) == ["-a", "-b", "-c", "-d", "-e"]


@SQLITE
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_another_worker_goes_on_where_one_is_gone_and_does_nothing_twice(shop: Shop, how: signal.Signals) -> None:
    id = shop.queue("Steps")
    first = shop.worker("--name", "first")
    shop.wait(lambda: "+d" in shop.log() and shop.pid("d"))
    coordinator, command = shop.coordinator(id), shop.pid("d")
    os.kill(coordinator, how)
    shop.lose(first, id)
    shop.worker("--name", "second")
    shop.wait(lambda: shop.log().count("+d") == 2)
    assert not is_alive(command), "what it left running was ended before"
    with suppress(ProcessLookupError):
        os.kill(coordinator, signal.SIGCONT)
    (shop.base / "go").touch()
    shop.wait(lambda: shop.state(id) == "succeeded")
    assert shop.done() == ["+a", "+b", "+c", "+d", "+d", "+e"]
    assert not is_alive(coordinator)
    taken_up = [one.event.data["who"] for one in shop.store.log(id).read() if one.event.what == "taken up"]
    assert taken_up == ["second"]


@POSTGRESQL
def test_who_wakes_up_after_another_took_over_changes_nothing(shop: Shop, tmp_path: Path) -> None:
    id = shop.queue("Steps")
    elsewhere = shop.copied(tmp_path / "elsewhere")  # as on another machine, where nobody can end what runs here
    first = shop.worker()
    shop.wait(lambda: shop.pid("d"))
    coordinator, command = shop.coordinator(id), shop.pid("d")
    os.kill(coordinator, signal.SIGSTOP)
    shop.lose(first, id)
    elsewhere.worker("--name", "second")
    elsewhere.wait(lambda: "+d" in elsewhere.log())
    number = shop.store.header(id).number
    assert is_alive(command)
    os.kill(coordinator, signal.SIGCONT)
    shop.wait(lambda: not is_alive(coordinator))
    assert not is_alive(command)
    assert shop.done() == ["+a", "+b", "+c", "+d"]
    assert shop.store.header(id).number == number
    (elsewhere.base / "go").touch()
    shop.wait(lambda: shop.state(id) == "succeeded")
    assert elsewhere.log() == ["+d", "+e"]
    told = [one.event.data.get("text", "") for one in shop.store.log(id).read()]
    assert [text for text in told if "commands that it left running there are not ended" in text]


@SQLITE
def test_one_that_waits_for_somebody_holds_no_worker_and_keeps_its_environment(shop: Shop) -> None:
    id, late = shop.queue("Gated"), shop.queue("Late")
    shop("worker", "--once")
    assert "waiting for approval" in shop("rollouts").stdout
    assert not shop.store.header(id).owner
    shop("rollout", "approve", id)
    shop.worker()
    shop.wait(lambda: shop.state(id) == "succeeded" and shop.state(late) == "reversed")
    assert shop.log().count("+b") == 1


@SQLITE
def test_monitors_are_looked_at_while_it_waits(shop: Shop) -> None:
    id = shop.queue("Watched")
    shop("worker", "--once")
    (shop.base / "trouble").touch()
    shop("rollout", "signal", id, "pause")
    shop("worker", "--once")
    assert shop.state(id) == "reversed"
    assert "there is trouble" in shop.store.header(id).reason


@SQLITE
def test_a_worker_that_is_to_end_lets_its_task_end_and_another_goes_on(shop: Shop) -> None:
    id = shop.queue("Steps")
    worker = shop.worker()
    shop.wait(lambda: "+d" in shop.log())
    worker.terminate()
    shop.wait(lambda: "ending once" in shop.said())
    (shop.base / "go").touch()
    assert worker.wait(120) == 0
    assert (shop.state(id), shop.log()[-1]) == ("running", "+d")
    shop("worker", "--once")
    assert shop.state(id) == "succeeded"
    assert shop.done() == ["+a", "+b", "+c", "+d", "+e"]


@SQLITE
def test_a_worker_that_is_to_end_at_once_ends_what_runs(shop: Shop) -> None:
    id = shop.queue("Steps")
    worker = shop.worker()
    shop.wait(lambda: shop.pid("d"))
    worker.terminate()
    shop.wait(lambda: "ending once" in shop.said())
    worker.terminate()
    assert worker.wait(120) == 0
    assert not is_alive(shop.pid("d"))
    (shop.base / "go").touch()
    shop("worker", "--once")
    assert shop.state(id) == "succeeded"
    assert shop.done() == ["+a", "+b", "+c", "+d", "+d", "+e"]


@SQLITE
def test_a_worker_runs_code_as_it_is_when_a_rollout_begins(shop: Shop) -> None:
    worker = shop.worker()
    first = shop.queue("Says")
    shop.wait(lambda: shop.state(first) == "succeeded")
    path = shop.base / "rollouts" / "steps.py"
    path.write_text(path.read_text().replace("+first", "+then"))
    then = shop.queue("Says")
    shop.wait(lambda: shop.state(then) == "succeeded")
    assert shop.log() == ["+first", "+then"]
    worker.terminate()
    assert worker.wait(120) == 0
    assert "interrupted" not in shop.said()


@SQLITE
def test_a_worker_that_can_begin_nothing_any_more_ends_and_leaves_what_runs_to_the_next_one(shop: Shop) -> None:
    id = shop.queue("Steps")
    worker = shop.worker()
    shop.wait(lambda: shop.pid("d"))
    (nursery,) = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    os.kill(int(nursery), signal.SIGKILL)
    assert worker.wait(120) == 3
    assert "Start the worker again" in shop.said()
    (shop.base / "go").touch()
    shop.wait(lambda: not shop.store.header(id).owner)
    shop("worker", "--once")
    assert shop.done() == ["+a", "+b", "+c", "+d", "+e"]


@SQLITE
def test_a_queued_rollout_whose_model_has_changed_never_begins(shop: Shop) -> None:
    assert shop("rollout", "new", "steps:Gated").returncode == 0
    assert shop("rollout", "start", "latest", "--queue").returncode == 0
    (other,) = shop.ids()
    id = shop.queue("Ship")
    assert not shop.records()
    assert shop("rollout", "signal", other, "abort").returncode == 0
    shop.greet("Changed!")
    shop("worker", "--once")
    assert (shop.state(id), shop.state(other)) == ("cancelled", "cancelled")
    assert "has changed since" in shop.store.header(id).reason
    assert not shop.log()


@SQLITE
def test_commands_see_what_a_worker_is_at_work_on_and_go_on_from_what_it_left(shop: Shop) -> None:
    id = shop.queue("Ship")
    worker = shop.worker()
    shop.wait(lambda: shop.pid("d"))
    assert shop("local", "dev").returncode == 5
    os.kill(shop.coordinator(id), signal.SIGKILL)
    shop.lose(worker, id)
    assert shop.store.header(id).is_interrupted
    shop.greet("Hello again!")
    assert shop("local", "dev").returncode == 0
    assert not is_alive(shop.pid("d"))
    assert shop.state(id) == "kept"
    assert "went on from what stood there" in shop("show", id).stdout
    shop("worker", "--once")
    assert shop.log() == ["+d"]


@SQLITE
@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 20))])
def test_a_direct_runner_may_be_killed_anywhere(shop: Shop, seed: int) -> None:
    chance = random.Random(seed)
    if chance.random() < 0.5:
        (shop.base / "fails").touch()
    started = shop.process("rollout", "start", "steps:Files")
    shop.wait(lambda: shop.records() and len(list(read_record(shop.records()[0]))) > 1)
    time.sleep(chance.random() * 0.8)
    started.kill()
    started.wait()
    id = os.path.basename(shop.records()[0]).removesuffix(EVENTS)
    for _ in range(chance.randrange(2)):  # whoever goes on may be killed, too
        again = shop.process("rollout", "resume", id)
        time.sleep(0.5 + chance.random())
        again.kill()
        again.wait()
    (shop.base / "fails").unlink(missing_ok=True)
    direction = chance.choice([["--forward"], ["--backward"], []])
    resumed = shop("rollout", "resume", id, *direction)
    if resumed.returncode == 1 and "on its way back" in resumed.stderr:
        resumed = shop("rollout", "resume", id)
    files = sorted(path.name for path in shop.base.glob("f?"))
    state = shop("rollouts").stdout.splitlines()[1].split()[2]
    assert (state, len(files)) in (("succeeded", 8), ("reversed", 0)), resumed.stderr


@SQLITE
def test_on_a_full_disk_what_runs_ends_nothing_begins_and_it_goes_on_when_there_is_room(shop: Shop) -> None:
    id = shop.queue("Steps")
    worker = shop.worker()
    shop.wait(lambda: shop.pid("d"))
    coordinator = shop.coordinator(id)
    resource.prlimit(coordinator, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))  # what it says has room
    (shop.base / "go").touch()
    shop.wait(lambda: "nothing new begins" in shop.said())
    assert shop.done() == ["+a", "+b", "+c", "+d"]
    resource.prlimit(coordinator, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    shop.wait(lambda: shop.state(id) == "succeeded")
    worker.terminate()
    assert (worker.wait(60), shop.done()) == (0, ["+a", "+b", "+c", "+d", "+e"]), shop.said()


class Shop:
    """A project with rollouts by hand, its store, and those who are at work in it."""

    def __init__(
        self, base: Path, store: Store, depl: Call, surroundings: dict[str, str], processes: list[Any] | None = None
    ) -> None:
        self.base, self.store, self._depl, self._surroundings = base, store, depl, surroundings
        self._processes: list[forked.Started] = [] if processes is None else processes

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._depl(*arguments, cwd=self.base, **self._surroundings)

    def copied(self, base: Path) -> Shop:
        """Another checkout, with the same store."""
        shutil.copytree(self.base, base, ignore=shutil.ignore_patterns("log", "*.pid", ".depl"))
        return Shop(base, self.store, self._depl, self._surroundings, self._processes)

    def queue(self, name: str) -> str:
        said = self("rollout", "start", f"steps:{name}", "--queue")
        assert said.returncode == 0, said.stderr
        return re.findall(r"rollout (\S+) is queued", said.stdout)[0]

    def process(self, *arguments: str) -> forked.Started:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("DEPL_", "_DEPL"))}
        env |= {"PYTHONPATH": str(forked.SOURCE), "COLUMNS": "120", **self._surroundings}
        with open(self.base / "said", "ab") as said:
            self._processes.append(forked.Started(*arguments, cwd=self.base, env=env, said=said.fileno()))
        return self._processes[-1]

    def worker(self, *arguments: str) -> forked.Started:
        return self.process("worker", *arguments)

    def lose(self, worker: forked.Started, id: str) -> None:
        """End a worker whose coordinator says nothing any more, and let as much time pass as lets another go on."""
        worker.kill()
        worker.wait()
        expire(self.store, id)

    def said(self) -> str:
        """What those said that run beside the test."""
        return (self.base / "said").read_text()

    def state(self, id: str) -> str:
        return self.store.header(id).state.value

    def ids(self) -> list[str]:
        return [header.id for header in self.store.rollouts()]

    def log(self) -> list[str]:
        path = self.base / "log"
        return path.read_text().split() if path.exists() else []

    def done(self) -> list[str]:
        """What was done; what runs side by side in one order."""
        done = self.log()
        return [done[0], *sorted(done[1:3]), *done[3:]]

    def pid(self, name: str) -> int:
        """The process of a command, 0 as long as there is none."""
        path = self.base / f"{name}.pid"
        return int((path.exists() and path.read_text()) or 0)

    def coordinator(self, id: str) -> int:
        return int((self.base / ".depl" / "tasks" / f"{id}.coordinator" / "running").read_text().split()[0])

    def records(self) -> list[str]:
        return sorted(str(path) for path in (self.base / ".depl" / "rollouts").glob(f"*{EVENTS}"))

    def greet(self, text: str) -> None:
        path = self.base / "components/hello/component.py"
        path.write_text(path.read_text().replace("Hello!", text))

    def wait(self, condition: Callable[[], object]) -> None:
        until = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < until, "it never came to that"
            time.sleep(0.05)

    def close(self) -> None:
        left = [int(path.read_text().split()[0]) for path in self.base.parent.glob("*/.depl/tasks/*/running")]
        for process in self._processes:
            process.kill()
            process.wait()
        for pid in left:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


@pytest.fixture
def shop(service: Path, write: Any, depl: Call, store_url: str) -> Iterator[Shop]:
    write({"rollouts/steps.py": ROLLOUTS})
    store = open_store(store_url, str(service))
    shop = Shop(service, store, depl, {"DEPL_DEPL_STORE": store_url})
    yield shop
    shop.close()
    store.close()


def expire(store: Store, id: str) -> None:
    """As if nothing had been heard of its coordinator for long."""
    with store.database.writing() as connection:
        connection.execute(schema.rollouts.update().where(schema.rollouts.c.id == id).values(heartbeat=0))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
