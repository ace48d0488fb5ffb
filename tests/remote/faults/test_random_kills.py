"""Agents that are killed at any moment while a rollout by hand deploys, or takes a deployment back."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress

import pytest

ROLLOUT = """\
from depl.rollout import Parameter, Rollout
from depl.tasks import Command, Deploy, Sequential


class Ship(Rollout):
    last = Parameter()

    def plan(self):
        return Sequential(Command("true", undo="true"), Deploy("live"), Command(self.last, undo="true"))
"""
HOSTS = ("web", "db")
SEEDS = [*range(2), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 20))]


def kill_one(field, chance: random.Random) -> None:
    """Kill an agent, if there is one."""
    agents = field.agents()
    if agents:
        with suppress(ProcessLookupError):
            os.kill(chance.choice(agents), signal.SIGKILL)


def settled(field, run) -> int:
    """The exit status in the end: what is blocked or was left is tried again until it is not."""
    status = run.status()
    for _ in range(5):
        if status in (0, 3):
            return status
        assert status == 4, run.everything
        field.start("rollout", "retry", "latest").status()
        run = field.start("rollout", "resume", "latest")
        status = run.status()
    raise AssertionError(f"it never comes to an end:\n{run.everything}")


@pytest.mark.parametrize("seed", SEEDS)
def test_an_agent_killed_at_any_moment_leaves_the_target_or_what_was_before(field, until, seed):
    chance = random.Random(seed)
    back = bool(seed % 2)
    field.hosts(*HOSTS, waiting="sleep 0.2")
    field.site.write({"rollouts/ship.py": ROLLOUT})
    run = field.start("rollout", "start", "ship", "--set", f"last={'false' if back else 'true'}")
    for _ in range(chance.choice([1, 1, 2])):
        until(lambda: field.agents() or run.process.poll() is not None, "an agent is at work, or all is over")
        time.sleep(chance.uniform(0, 1.6 if back else 0.8))
        kill_one(field, chance)
    status = settled(field, run)
    for host in HOSTS:
        deployed = "work/steps/after.conf" in field.deployed(host)
        assert deployed if status == 0 else not field.deployed(host), (host, field.deployed(host))
    assert (status == 0) <= (not back)
    field.all_gone()
