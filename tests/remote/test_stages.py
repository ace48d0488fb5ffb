"""Stages over a real sshd: the canary, soaking, a gate that another process opens, a pause by the file of signals."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from depl.rollout.signals import Signal, SignalFile

HOSTS = ["127.0.0.21", "127.0.0.22", "127.0.0.23"]
NOTIFIED = "[notify]\ntargets =\n  command (cat; echo) >> told.json\n"
GO = """\
from depl.rollout import Rollout
from depl.tasks import Delay, Deploy, Sequential


class Go(Rollout):
    def plan(self):
        return Sequential(Delay(seconds=0), Deploy("live"))
"""
WEB = """\
import os

from depl.component import Component
from depl.lib.file import File


class Web(Component):
    title = "first"

    def configure(self):
        self += File("site.txt", content=self.title)

    def check(self):
        assert not os.path.exists("{red}"), "somebody said so"
"""


@pytest.fixture
def deployed(site: Any) -> Any:
    """A project that is deployed to three hosts; its components are red as soon as the file `red` is there."""
    site.red = site.directory / "red"
    site.write({"components/web/component.py": WEB.replace("{red}", str(site.red))})
    environment(site, "first", "")
    done = site.call("remote", "live")
    assert done.returncode == 0, done.stdout + done.stderr
    return site


def environment(site: Any, title: str, settings: str) -> None:
    site.environment(f"[hosts]\n127.0.0.[21..23] = web\n[component:web]\ntitle = {title}\n", settings=settings)


def titles(site: Any) -> list[str]:
    return [(site.target(host) / "work" / "web" / "site.txt").read_text() for host in HOSTS]


class Under:
    """A deployment under way, with its events."""

    def __init__(self, site: Any, *command: str) -> None:
        self.site = site
        self.process = subprocess.Popen(
            [sys.executable, "-m", "depl", *(command or ("remote", "live")), "--json"],
            cwd=site.directory,
            env=site.surroundings(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.events: list[dict[str, Any]] = []

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read on until an event came."""
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("{"):
                self.events.append(json.loads(line))
                if wanted(self.events[-1]):
                    return self.events[-1]
        raise AssertionError(f"it never came: {self.events}")

    def signal(self, name: str, reason: str = "") -> None:
        """What another process does."""
        (path,) = [one for one in self.rollouts if one.stem == self.rollout]
        SignalFile(str(path.with_suffix(".signals"))).post(Signal(name, "bob", reason=reason))

    @property
    def rollout(self) -> str:
        return next(str(event["data"]["rollout"]) for event in self.events if event["event"] == "started")

    @property
    def rollouts(self) -> list[Path]:
        return sorted((self.site.directory / ".depl" / "rollouts").glob("*.jsonl"))

    def end(self) -> int:
        """Its exit status."""
        assert self.process.stdout
        rest = self.process.stdout.read()
        self.events += [json.loads(line) for line in rest.splitlines() if line.startswith("{")]
        return self.process.wait(60)

    def close(self) -> None:
        """It is over, or ended."""
        assert self.process.stdout
        self.process.kill()
        self.process.stdout.close()
        self.process.wait(60)


@pytest.fixture
def under(deployed: Any) -> Iterator[Callable[..., Under]]:
    """Begins to deploy something new with some settings: under("soak = 60")."""
    begun: list[Under] = []

    def begin(settings: str, *command: str) -> Under:
        environment(deployed, "second", settings)
        begun.append(Under(deployed, *command))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


def told(site: Any, count: int) -> list[dict[str, Any]]:
    """The notices so far, once there are that many."""
    path, until = site.directory / "told.json", time.monotonic() + 60
    while not path.exists() or path.read_text().count("\n") < count:
        assert time.monotonic() < until
        time.sleep(0.05)
    return [json.loads(line) for line in path.read_text().splitlines()]


Begin = Callable[..., Under]


def is_event(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["event"] == name


def test_a_canary_that_turns_red_while_it_soaks_is_put_back_and_the_others_are_untouched(
    deployed: Any, under: Begin
) -> None:
    run = under("stages = one, all\nsoak = 3600")
    run.until(lambda event: event["event"] == "log" and event["data"]["text"].startswith("soaking"))
    assert titles(deployed) == ["second", "first", "first"]
    deployed.red.write_text("")
    assert run.end() == 3
    assert titles(deployed) == ["first", "first", "first"]
    assert {event.get("host") for event in run.events if event["event"] == "changed"} == {HOSTS[0]}
    (stopping,) = [event["data"] for event in run.events if event["event"] == "stopping"]
    assert stopping["cause"] == f"web@{HOSTS[0]}" and "somebody said so" in stopping["reason"]


def test_another_process_opens_the_gate(deployed: Any, under: Begin) -> None:
    (deployed.directory / "depl.cfg").write_text(NOTIFIED)
    run = under("stages = one, all\ngate = approval")
    held = run.until(is_event("held"))
    assert f"depl rollout approve {run.rollout}" in held["data"]["reason"]
    assert titles(deployed) == ["second", "first", "first"]
    assert [(one["kind"], one["rollout"], one["environments"]) for one in told(deployed, 1)] == [
        ("gate", run.rollout, ["live"])
    ]
    run.signal("approve")
    assert run.end() == 0
    assert [one["kind"] for one in told(deployed, 2)] == ["gate", "end"]
    assert titles(deployed) == ["second", "second", "second"]


def test_gates_of_a_deployment_in_a_rollout_are_opened_by_the_name_of_its_task(deployed: Any, under: Begin) -> None:
    (deployed.directory / "depl.cfg").write_text(NOTIFIED)
    deployed.write({"rollouts/go.py": GO})
    run = under("stages = one, 1, all\ngate = approval", "rollout", "start", "go")
    for stage in (1, 2):
        held = run.until(is_event("held"))
        assert (held["task"], held["data"]["hold"]) == ("2", "waiting for approval")
        assert f"depl rollout approve {run.rollout} --task 2" in held["data"]["reason"]
        assert titles(deployed) == ["second"] * stage + ["first"] * (3 - stage)
        assert [(one["kind"], one["rollout"]) for one in told(deployed, stage)] == [("gate", run.rollout)] * stage
        done = deployed.call("rollout", "approve", run.rollout, *(["--task", "2"] if stage == 2 else []))
        assert done.returncode == 0, done.stdout + done.stderr
    assert run.end() == 0
    assert titles(deployed) == ["second", "second", "second"]


def test_a_deployment_in_a_rollout_that_is_rejected_between_its_stages_is_put_back(deployed: Any, under: Begin) -> None:
    deployed.write({"rollouts/go.py": GO})
    run = under("stages = one, all\ngate = approval", "rollout", "start", "go")
    run.until(is_event("held"))
    done = deployed.call("rollout", "signal", run.rollout, "reject", "--reason", "it looks odd")
    assert done.returncode == 0, done.stdout + done.stderr
    assert run.end() == 3
    assert titles(deployed) == ["first", "first", "first"]
    assert "rejected it after stage 1: it looks odd" in str(run.events)


def test_what_is_rejected_is_put_back(deployed: Any, under: Begin) -> None:
    run = under("stages = one, all\ngate = approval")
    run.until(is_event("held"))
    run.signal("reject", "it looks odd")
    assert run.end() == 3
    assert titles(deployed) == ["first", "first", "first"]
    assert any("bob rejected it after stage 1: it looks odd" in str(event) for event in run.events)


def test_a_pause_holds_the_next_stage_until_somebody_resumes(deployed: Any, under: Begin) -> None:
    run = under("stages = one, all\ngate = approval")
    run.until(is_event("held"))
    run.signal("pause", "lunch")
    run.until(lambda event: event["event"] == "held" and event["data"] == {"hold": "paused", "reason": "lunch"})
    run.signal("approve")
    run.until(lambda event: event["event"] == "log" and event["data"]["text"].startswith("stage 2"))
    run.signal("abort", "lunch takes long")
    assert run.end() == 130
    assert titles(deployed) == ["first", "first", "first"]
    assert not [event for event in run.events if event["event"] == "changed" and event.get("host") != HOSTS[0]]


def test_a_host_that_may_fail_is_put_back_and_the_run_fails_all_the_same(deployed: Any) -> None:
    (deployed.directory / "depl.cfg").write_text(NOTIFIED)
    environment(deployed, "second", "max_failures = 1")
    path = deployed.target(HOSTS[1]) / "work" / "web" / "site.txt"
    path.unlink()
    path.mkdir()
    (path / "others").write_text("")
    done = deployed.call("remote", "live")
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"live: failed on {HOSTS[1]}, where everything is as it was before" in done.stdout
    assert [(one["kind"], one["state"]) for one in told(deployed, 1)] == [("failure", "partly reversed")]


def test_the_plan_shows_the_stages(deployed: Any) -> None:
    environment(deployed, "second", "stages = one, all\nsoak = 5 min\ngate = approval")
    done = deployed.call("remote", "live", "--plan")
    assert f"stage 1 of 2: {HOSTS[0]}; then soaking for 300 s, then an approval" in done.stdout
    assert f"stage 2 of 2: {HOSTS[1]}, {HOSTS[2]}; then soaking for 300 s" in done.stdout
