"""`depl worker` with several workers over one PostgreSQL: rollouts as jobs of procrastinate."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import forked
import pytest

from depl.deploy.begin import utc
from depl.errors import ConfigurationError
from depl.events import Event, What
from depl.rollout.log import Fenced
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import RolloutState
from depl.rollout.tree import Group, Leaf, Tree
from depl.store import schema
from depl.store.store import Store, open_store

pytest.importorskip("procrastinate")

LEASE = 6.0  # a sixth of it is between looks at what is left; none expires but by expire(), whatever the machine does
ENVIRONMENT = "[environment]\nconnect_method = local\n[hosts]\nlocalhost =\n"
ROLLOUT = """
from depl.rollout import Parameter, Rollout
from depl.tasks import Command


class A(Rollout):
    names = Parameter(multiple=True)

    def plan(self):
        task = Command("echo east >> ../ran")
        task.environments = self.names
        return task
"""
WAIT = "until [ -e go ]; do sleep 0.05; done"
STARTED, DONE = What.TASK_STARTED, What.TASK_DONE


class Cluster:
    """A project whose store is for several workers; what its rollouts did stands in the file `ran`."""

    def __init__(self, server: Any, directory: Path) -> None:
        self.server, self.project = server, directory / "project"
        self.url = server.new_database()
        self.ran = directory / "ran"
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("DEPL_", "_DEPL"))}
        self.env |= {"PYTHONPATH": str(forked.SOURCE), "DEPL_LEASE": str(LEASE), "COLUMNS": "200"}
        self.project.mkdir()
        (self.project / "environments").mkdir()
        (self.project / "depl.cfg").write_text(f"[depl]\nstore = {self.url}\ncluster = yes\n")
        self.store = open_store(self.url, str(self.project), lease=LEASE, cluster=True)
        self.workers: list[forked.Started] = []

    def queue(self, id: str, *leaves: Leaf, queue: str = "") -> None:
        """Put a rollout with an environment of its own into the queue: three short tasks unless others are given."""
        folder = self.project / "environments" / id
        folder.mkdir()
        (folder / "environment.cfg").write_text(ENVIRONMENT)
        self.store.create(self.plan(id, *leaves), RolloutState.QUEUED, queue=queue)

    def plan(self, id: str, *leaves: Leaf) -> RolloutPlan:
        leaves = leaves or tuple(self.appends(id, task) for task in "123")
        tree = Tree({leaf.id: leaf for leaf in leaves}, {"0": Group("0", [leaf.id for leaf in leaves])}, "0")
        return RolloutPlan(id, "tiny", tree, made=utc(), who="ann@here", title="Tiny", on_interrupt="resume")

    def appends(self, id: str, task: str, before: str = "true") -> Leaf:
        """A task that adds a line to the file."""
        arguments = {"command": f"{before}; echo {id}.{task} >> {self.ran}"}
        return Leaf(task, "depl.tasks:Command", arguments, environments=[id], repeatable=True)

    def worker(self, name: str, *options: str, cwd: Path | None = None) -> forked.Started:
        with open(self.project.parent / "said", "ab") as said:
            where = cwd or self.project
            process = forked.Started("worker", "--name", name, *options, cwd=where, env=self.env, said=said.fileno())
        self.workers.append(process)
        return process

    def events(self, id: str, *what: What) -> list[tuple[What, str | None]]:
        return [(one.event.what, one.event.task) for one in self.store.log(id).read() if one.event.what in what]

    def states(self) -> Counter[str]:
        return Counter(header.state.value for header in self.store.rollouts(limit=1000))

    def wait(self, condition: Callable[[], Any], what: str = "") -> None:
        deadline = time.monotonic() + 300
        while not condition():
            assert time.monotonic() < deadline, what or [*self.store.rollouts(limit=1000)]
            time.sleep(0.05)

    def expire(self, *ids: str) -> None:
        """As if nothing had been heard of their coordinators for long."""
        with self.store.database.writing() as connection:
            connection.execute(schema.rollouts.update().where(schema.rollouts.c.id.in_(ids)).values(heartbeat=0))

    def jobs(self, columns: str = "count(*)") -> list[Any]:
        return list(self.server.execute(f"SELECT {columns} FROM procrastinate_jobs", self.url.rsplit("/", 1)[1]))

    def end(self) -> None:
        for folder in self.project.parent.glob("*/environments"):
            (folder.parent / "go").touch()  # whatever happened: nobody waits for it for ever
        for process in self.workers:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.workers:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.store.close()
        self.server.drop(self.url)


@pytest.fixture
def cluster(postgresql: Any, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(postgresql, tmp_path)
    yield made
    made.end()


def coordinators(worker: forked.Started) -> list[int]:
    """The processes that drive for a worker; they begin in the one that it has begun."""
    (nursery,) = children(worker.pid)
    return children(nursery)


def children(process: int) -> list[int]:
    files = Path(f"/proc/{process}/task").glob("*/children")
    return [int(pid) for file in files for pid in file.read_text().split()]


def test_a_rollout_and_its_job_come_together_or_not_at_all(cluster: Cluster) -> None:
    def fail(connection: Any) -> None:
        assert connection.exec_driver_sql("SELECT count(*) FROM procrastinate_jobs").scalar() == 1
        raise InterruptedError

    with pytest.raises(InterruptedError):
        cluster.store.create(cluster.plan("r"), RolloutState.QUEUED, also=fail)
    assert (cluster.store.rollouts(), cluster.jobs()) == ([], [(0,)])
    cluster.store.create(cluster.plan("r"))
    assert cluster.jobs() == [(0,)]
    cluster.store.start("r", "ann", queue="east")
    assert cluster.jobs("queue_name, args, status") == [("depl:east", {"rollout": "r"}, "todo")]
    cluster.store.log("r").append([Event(What.OVER, data={"outcome": "cancelled"})])
    assert cluster.jobs() == [(0,)]


def test_the_tables_are_made_once_and_brought_along(postgresql: Any, tmp_path: Path) -> None:
    url = postgresql.new_database()
    name = url.rsplit("/", 1)[1]
    folder = resources.files("procrastinate.sql") / "migrations"
    migrations = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    old = [migration for migration in migrations if migration < "03.02"]
    for migration in old:
        postgresql.execute((folder / migration).read_text(), name)
    postgresql.execute(f"COMMENT ON TABLE procrastinate_jobs IS 'made by depl: {old[-1]}'", name)
    opened: list[Store] = []
    threads = [
        threading.Thread(target=lambda: opened.append(open_store(url, str(tmp_path), cluster=True))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    for store in opened:
        store.close()
    note = "SELECT obj_description('procrastinate_jobs'::regclass, 'pg_class')"
    assert postgresql.execute(note, name) == [(f"made by depl: {migrations[-1]}",)]
    postgresql.execute("COMMENT ON TABLE procrastinate_jobs IS 'made by depl: 99.00.00_01_later.sql'", name)
    with pytest.raises(ConfigurationError, match="newer procrastinate"):
        open_store(url, str(tmp_path), cluster=True)


def test_several_workers_need_postgresql(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="only in PostgreSQL"):
        open_store("sqlite:///depl.sqlite", str(tmp_path), cluster=True)


@pytest.mark.parametrize("count", [12, pytest.param(50, marks=pytest.mark.long)])
def test_three_workers_share_a_queue_and_no_task_that_has_ended_runs_again_when_one_dies(
    cluster: Cluster, count: int
) -> None:
    ids = [f"r{number:02}" for number in range(count)]
    for id in ids:
        waiting = (cluster.appends(id, task, WAIT if task == "2" else "true") for task in "123")
        cluster.queue(id, *waiting)
    one, *others = (cluster.worker(name, "--jobs", "2") for name in ("w1", "w2", "w3"))

    def at_work() -> dict[str, str]:
        headers = [header for header in cluster.store.rollouts(limit=1000) if header.owner]
        return {header.id: header.owner for header in headers if (STARTED, "2") in cluster.events(header.id, STARTED)}

    cluster.wait(lambda: len(at_work()) == 6)
    lost = {id for id, owner in at_work().items() if owner == "w1"}
    assert len(lost) == 2
    assert Counter(at_work().values()) == {"w1": 2, "w2": 2, "w3": 2}
    for pid in [one.pid, *coordinators(one)]:
        os.kill(pid, signal.SIGKILL)
    cluster.expire(*lost)
    (cluster.project / "go").touch()
    cluster.wait(lambda: cluster.states() == {"succeeded": count})
    assert lost <= {header.id for header in cluster.store.rollouts(limit=1000) if header.epoch > 1}
    for id in ids:
        ended: set[str | None] = set()
        for what, task in cluster.events(id, STARTED, DONE):
            assert task not in ended, f"{id}: {task} runs again"
            ended |= {task} if what is DONE else set()
        assert ended == {"1", "2", "3"}
    twice = {line for line, times in Counter(cluster.ran.read_text().split()).items() if times > 1}
    assert twice <= {f"{id}.2" for id in lost}  # which had not ended
    for worker in others:
        worker.terminate()
        assert worker.wait(60) == 0
    assert cluster.jobs("status") in ([], [("doing",)], [("doing",), ("doing",)])  # of the one that died


def test_a_gate_holds_no_worker_and_an_approval_calls_one(cluster: Cluster) -> None:
    gate = Leaf("2", "depl.tasks:Approval", {"question": "Well?"}, gate="approval", environments=["a"])
    cluster.queue("a", cluster.appends("a", "1"), gate, cluster.appends("a", "3"))
    cluster.queue("b")
    cluster.worker("w1")
    cluster.wait(lambda: cluster.store.header("a").holds and not cluster.store.header("a").owner)
    cluster.wait(lambda: cluster.store.header("b").state.is_over)
    cluster.wait(lambda: cluster.jobs() == [(0,)])
    assert cluster.ran.read_text().split() == ["a.1", "b.1", "b.2", "b.3"]
    assert [lock.environment for lock in cluster.store.locks.taken()] == ["a"]
    said = forked.depl("rollout", "approve", "a", cwd=cluster.project, env=cluster.env)
    assert said.returncode == 0, said.stderr
    cluster.wait(lambda: cluster.store.header("a").state is RolloutState.SUCCEEDED)
    assert cluster.store.header("a").epoch == 2
    assert cluster.ran.read_text().split()[4:] == ["a.3"]


def test_a_worker_that_was_stopped_and_goes_on_later_writes_nothing(cluster: Cluster, tmp_path: Path) -> None:
    other = tmp_path / "other"  # as on another machine
    cluster.queue("r", cluster.appends("r", "1"), cluster.appends("r", "2", WAIT), cluster.appends("r", "3"))
    shutil.copytree(cluster.project, other)
    stale = cluster.worker("stale")
    cluster.wait(lambda: (STARTED, "2") in cluster.events("r", STARTED))
    cluster.wait(lambda: len(coordinators(stale)) == 1)  # it has told what is in the project, too
    (coordinator,) = coordinators(stale)
    for pid in (stale.pid, coordinator):
        os.kill(pid, signal.SIGSTOP)
    cluster.expire("r")
    cluster.worker("next", cwd=other)
    cluster.wait(lambda: cluster.events("r", STARTED).count((STARTED, "2")) == 2)
    assert cluster.store.header("r").owner == "next"
    (cluster.project / "go").touch()  # the task of the stale one ends
    for pid in (stale.pid, coordinator):
        os.kill(pid, signal.SIGCONT)
    stale.terminate()
    stale.wait(60)
    said = cluster.project.with_name("said").read_text()
    assert "taken over" in said, said
    assert cluster.store.header("r").owner == "next"
    assert (DONE, "2") not in cluster.events("r", DONE)
    (other / "go").touch()
    cluster.wait(lambda: cluster.store.header("r").state is RolloutState.SUCCEEDED)
    assert cluster.events("r", STARTED, DONE)[-3:] == [(DONE, "2"), (STARTED, "3"), (DONE, "3")]
    assert cluster.ran.read_text().split() == ["r.1", "r.2", "r.2", "r.3"]
    with pytest.raises(Fenced):
        cluster.store.log("r", 1).append([Event(What.LOG, data={"text": "late"})])


def test_a_worker_takes_from_its_queues_only_and_ends_where_there_is_nothing(cluster: Cluster) -> None:
    rollouts = cluster.project / "rollouts"
    rollouts.mkdir()
    (rollouts / "a.py").write_text(ROLLOUT)
    for name, queue in (("east", "east"), ("far", "west")):
        folder = cluster.project / "environments" / name
        folder.mkdir()
        (folder / "environment.cfg").write_text(ENVIRONMENT.replace("[hosts]", f"queue = {queue}\n[hosts]"))
    refused = forked.depl(
        "rollout", "start", "a", "--set", "names=east,far", "--queue", cwd=cluster.project, env=cluster.env
    )
    assert "different queues (east: east, far: west)" in refused.stderr
    said = forked.depl("rollout", "start", "a", "--set", "names=east", "--queue", cwd=cluster.project, env=cluster.env)
    assert said.returncode == 0, said.stderr
    cluster.queue("b", queue="west")
    cluster.queue("c")
    assert cluster.worker("w1", "--once", "--queue", "east", "--queue", "").wait(300) == 0
    over = {header.id for header in cluster.store.rollouts() if header.state.is_over}
    assert [header.id for header in cluster.store.rollouts() if header.id not in over] == ["b"]
    assert sorted(cluster.ran.read_text().split()) == ["c.1", "c.2", "c.3", "east"]


def test_a_server_that_is_away_for_a_while_ends_no_worker(cluster: Cluster) -> None:
    name = cluster.url.rsplit("/", 1)[1]
    worker = cluster.worker("w1")
    cluster.queue("a")
    cluster.wait(lambda: cluster.store.header("a").state.is_over)
    cluster.server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    cluster.server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    time.sleep(LEASE / 2)  # long enough for heartbeats and looks to fail
    cluster.server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert worker.poll() is None
    cluster.store.database.engine.dispose()
    cluster.queue("b")
    cluster.wait(lambda: cluster.store.header("b").state is RolloutState.SUCCEEDED)
    worker.terminate()
    assert worker.wait(60) == 0
