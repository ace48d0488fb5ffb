"""What the bookkeeping of rollouts costs, without machines: by hand, and of a model with many hosts.

    python benchmarks/rollouts.py [--hosts N] [--tasks N]

Prints milliseconds of CPU for each task, and the peak of memory. Nothing is deployed: all tasks are fakes that do
nothing, so that only what depl itself does is seen.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

BASE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BASE / "src"), str(BASE / "tests")]

from rollouts_by_hand import one, rehearsal, side  # noqa: E402

from depl.rollout.fake import FakeRunner, Machine  # noqa: E402
from depl.rollout.fake_hands import HandsScript  # noqa: E402
from depl.rollout.graph import Plan, Task  # noqa: E402
from depl.rollout.options import Options  # noqa: E402
from depl.rollout.remote import realise_all  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=10, help="on each host")
    arguments = parser.parse_args()
    count = arguments.hosts * arguments.tasks
    print(f"{arguments.hosts} hosts with {arguments.tasks} tasks each")
    print(f"  by hand, forward            {_by_hand(arguments, {}) / count * 1000:7.3f} ms a task")
    print(f"  by hand, forward and back   {_by_hand(arguments, {'end': 9}) / count * 1000:7.3f} ms a task")
    print(f"  of a model                  {_of_a_model(arguments) / count * 1000:7.3f} ms a task")
    print(f"  memory at its peak          {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:7.0f} MB")


def _by_hand(arguments: argparse.Namespace, fails: dict[str, int]) -> float:
    chains = [one(*[f"h{host}/{task}" for task in range(arguments.tasks)]) for host in range(arguments.hosts)]
    run = rehearsal(one(side(*chains), "end"), HandsScript(fails=fails))
    begun = time.process_time()
    run.drive()
    return time.process_time() - begun


def _of_a_model(arguments: argparse.Namespace) -> float:
    hosts = [f"host{number}" for number in range(arguments.hosts)]
    tasks = [
        Task(f"app{task}@{host}", host, f"app{task}", 1 + task * len(hosts) + place)
        for task in range(arguments.tasks)
        for place, host in enumerate(hosts)
    ]
    plan = Plan({task.id: task for task in tasks}, {task.id: frozenset() for task in tasks})
    with tempfile.TemporaryDirectory() as directory:
        runner = FakeRunner({host: Machine() for host in hosts})
        begun = time.process_time()
        realise_all(
            plan,
            runner,
            Options(directory),
            lambda event: None,
            record_directory=directory,
            rollout=runner.rollout,
            environment=runner.environment,
        )
        return time.process_time() - begun


if __name__ == "__main__":
    main()
