"""What the web interface costs: many open pages, a rollout with many tasks, a long log.

    python benchmarks/web.py [--streams N] [--tasks N] [--megabytes N] [--events N]

Prints seconds, bytes and the memory of the process that serves. Store and records are made in a temporary directory;
nothing is deployed.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BASE = Path(__file__).resolve().parents[1]
sys.path[:1] = [str(BASE / "src"), str(BASE / "tests")]  # not this directory: it has a secrets.py

from streams import open_many  # noqa: E402

from depl.events import Event, Output, What  # noqa: E402
from depl.project import WebSettings  # noqa: E402
from depl.rollout.plan import RolloutPlan  # noqa: E402
from depl.rollout.states import RolloutState  # noqa: E402
from depl.rollout.tree import Group, Leaf, Tree  # noqa: E402
from depl.store.logs import StoreLog  # noqa: E402
from depl.store.store import Store, open_store  # noqa: E402
from depl.web.serving import serve, site_of  # noqa: E402
from depl.web.visitors import COOKIE  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--tasks", type=int, default=3000)
    parser.add_argument("--megabytes", type=int, default=100, help="of a task's log")
    parser.add_argument("--events", type=int, default=100_000, help="an hour's worth")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if arguments.serve:
        _serve(arguments.serve)
        return
    with tempfile.TemporaryDirectory() as directory:
        store = _open(directory)
        log = _rollout(store, "large", arguments.tasks)
        _print_much(log, arguments.megabytes)
        command = [sys.executable, __file__, "--serve", directory]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            server = Served(int(process.stdout.readline()), process.pid, store.people.sign_in("", who="root"))
            _measure(server, store, log, arguments)
            process.terminate()


class Served:
    """The process that is measured."""

    def __init__(self, port: int, pid: int, cookie: str) -> None:
        self.port, self.pid, self.cookie = port, pid, cookie

    def get(self, path: str) -> tuple[float, int]:
        """Seconds until all of an answer was there, and its bytes."""
        begun = time.perf_counter()
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        line.request("GET", path, headers={"Cookie": f"{COOKIE}={self.cookie}"})
        answer = line.getresponse()
        count = 0
        while piece := answer.read(1_000_000):
            count += len(piece)
        line.close()
        assert answer.status == 200, (path, answer.status)
        return time.perf_counter() - begun, count

    @property
    def memory(self) -> float:
        """Megabytes that it has now."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        raise LookupError("VmRSS")

    @property
    def cpu(self) -> float:
        """Seconds that it has worked."""
        facts = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(facts[11]) + int(facts[12])) / 100


def _measure(server: Served, store: Store, log: StoreLog, arguments: argparse.Namespace) -> None:
    print(f"memory of the server at rest            {server.memory:9.0f} MB")
    path = "/rollouts/large"
    _told(f"page of {arguments.tasks} tasks, first time", server.get(path))
    _told(f"page of {arguments.tasks} tasks, again", server.get(path))
    _told(f"end of a log of {arguments.megabytes} MB", server.get(f"{path}/tasks/1/log"))
    _told("its middle", server.get(f"{path}/tasks/1/log?offset={arguments.megabytes * 500_000}"))
    _told("a search in it", server.get(f"{path}/tasks/1/log?q=nowhere"))
    _told("all of it", server.get(f"{path}/tasks/1/log/download"))
    print(f"memory after that                       {server.memory:9.0f} MB")
    asyncio.run(_streams(server, store, log, arguments))


def _told(what: str, found: tuple[float, int]) -> None:
    print(f"{what:40}{found[0]:9.3f} s {found[1] / 1000:12.1f} kB")


async def _streams(server: Served, store: Store, log: StoreLog, arguments: argparse.Namespace) -> None:
    number = store.header("large").number
    begun = time.perf_counter()
    pages = await open_many(server.port, f"/rollouts/large/live?after={number}", server.cookie, arguments.streams)
    await asyncio.gather(*(reader.readuntil(f"id: {number}\n".encode()) for reader, _ in pages))
    print(f"{arguments.streams} pages are open after{'':19}{time.perf_counter() - begun:9.3f} s")
    print(f"memory with them                        {server.memory:9.0f} MB")
    begun = time.perf_counter()
    log.append([Event(What.TASK_STARTED, "2")])
    await asyncio.gather(*(reader.readuntil(f"id: {number + 1}\n".encode()) for reader, _ in pages))
    print(f"all have an event after                 {time.perf_counter() - begun:9.3f} s")
    busy = server.cpu
    await asyncio.sleep(5)
    print(f"CPU while nothing happens               {(server.cpu - busy) / 5 * 100:9.1f} %")
    for _, writer in pages[1:]:
        writer.close()
    await _hour(server, log, pages[0][0], arguments.events, number + 1)
    pages[0][1].close()


async def _hour(server: Served, log: StoreLog, page: asyncio.StreamReader, count: int, number: int) -> None:
    """Events as fast as they come; in between it has to catch up."""
    before, busy, step = server.memory, server.cpu, max(1, count // 20)
    for _ in range(20):
        log.append([Event(What.PROGRESS, "2", data={"done": at, "total": step}) for at in range(step)])
        number += step
        reading = page.readuntil(f"id: {number}\n".encode())
        await reading
    print(f"memory before and after {count:7} events {before:6.0f} MB {server.memory:6.0f} MB")
    print(f"CPU for each of them                    {(server.cpu - busy) / count * 1000:9.3f} ms")


def _serve(directory: str) -> None:
    store = _open(directory)
    serve(site_of(store, WebSettings(), directory, "root"), "127.0.0.1", 0, lambda port: print(port, flush=True))
    store.close()


def _open(directory: str) -> Store:
    return open_store(f"sqlite:///{directory}/depl.sqlite", directory)


def _rollout(store: Store, id: str, tasks: int) -> StoreLog:
    """One that is under way, half of it done."""
    names = [str(number) for number in range(1, tasks + 1)]
    leaves = {one: Leaf(one, "depl.tasks:Delay", environments=("dev",)) for one in names}
    groups = {f"g{at}": Group(f"g{at}", tuple(names[at : at + 100])) for at in range(0, tasks, 100)}
    tree = Tree(leaves, {**groups, "0": Group("0", tuple(groups))}, "0")
    store.create(RolloutPlan(id, "release", tree, who="ann", title="Release"), RolloutState.QUEUED)
    log = store.log(id, store.claim_this(id, "worker").epoch)
    done = [event for one in names[2 : tasks // 2] for event in (_began(one), Event(What.TASK_DONE, one))]
    log.append([Event(What.STARTED), *done, _began("1")])
    return log


def _began(task: str) -> Event:
    return Event(What.TASK_STARTED, task)


def _print_much(log: StoreLog, megabytes: int) -> None:
    text = "".join(f"{number:06} {'x' * 92}\n" for number in range(10_000))
    for _ in range(megabytes):
        log.output([Output("1", "stdout", text)])


if __name__ == "__main__":
    main()
