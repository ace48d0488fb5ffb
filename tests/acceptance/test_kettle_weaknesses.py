"""What Kettle's users could not do, or could do and should not: commands and processes do it right here.

The name of a test says the right conduct, a comment what Kettle did. How a rollout goes back is in test_kettle.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import forked
import pytest
from rollouts_by_hand import driven, one, rehearsal, side, told

from depl.deploy.begin import utc
from depl.events import Event, What
from depl.rollout.fake_hands import HandsScript
from depl.rollout.files import load
from depl.rollout.folding import fold
from depl.rollout.records import path_of, recorded_rollouts
from depl.rollout.states import Hold, RolloutState
from depl.tasks import Command, Sequential

PROJECT = {
    "rollouts/work.py": """\
from depl.rollout import Parameter, Rollout
from depl.tasks import Command, Sequential, Task


class Makes(Task):
    '''Makes files, notes each, and may take long.'''

    environments = ("dev",)
    patience = 1.0

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


class Project:
    """A project whose users call `depl` in it."""

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


@pytest.fixture
def at(tmp_path: Path, project: Path) -> Iterator[Project]:
    """A project with rollouts."""
    with ThreadPoolExecutor() as beside:
        made = Project(tmp_path / "project", project / "src", beside)
        yield made
        (made.base / "go").touch()


# -- 1.3 and 1.4 ----------------------------------------------------------------------------------------------


# rollback of a finished rollout: only from a shell, only once
def test_what_is_over_is_taken_back_by_a_command_once_and_can_be_done_anew(at: Project) -> None:
    at.well("rollout", "start", "work")
    good = at.newest()
    at.well("rollout", "undo", good)
    assert at.log() == ["one", "back", "one back"]
    assert (at.shown()["undoes"], at.shown(good)["state"]) == (good, "succeeded")
    again = at.depl("rollout", "undo", good)
    assert (again.returncode, f"rollout {good} was taken back by" in again.stderr) == (1, True)
    assert f"depl show {at.newest()}" in again.stderr
    at.well("rollout", "start", "work")
    at.well("rollout", "undo", "latest")
    assert at.log() == ["one", "back", "one back"] * 2


# web process killed -9: "started" for ever, no way to roll back or resume; what run() noted is lost
@pytest.mark.parametrize("direction", ["back", "--forward"])
def test_one_that_was_killed_is_shown_as_interrupted_and_goes_back_or_on(at: Project, direction: str) -> None:
    start = [sys.executable, "-m", "depl", "rollout", "start", "work", "--set", "waits=yes"]
    process = subprocess.Popen(start, cwd=at.base, env=at.surroundings, stdout=subprocess.DEVNULL)
    at.until((at.base / "waiting").exists)
    process.send_signal(signal.SIGKILL)
    process.wait()
    shown = at.shown()
    assert (shown["state"], shown["interrupted"]) == ("running", True)
    assert any(f"rollout resume {at.newest()}" in command for command in shown["next"])
    assert "running, interrupted" in at.well("rollouts")
    done = at.depl("rollout", "resume", "latest", *([direction] if direction != "back" else []))
    ends = ("reversed", 3, ["one", "back", "one back"]) if direction == "back" else ("succeeded", 0, ["one"])
    assert (at.shown()["state"], done.returncode, at.log()) == ends, done.stderr
    assert (at.base / "b").exists() is (direction != "back")


# two rollouts at once: interleave freely; no lock, no notion of environment
def test_of_two_at_once_on_one_environment_one_is_refused_and_told_whose_it_is(at: Project) -> None:
    first = at.beside("rollout", "start", "work", "--set", "waits=yes")
    at.until((at.base / "waiting").exists)
    second = at.depl("rollout", "start", "work")
    assert (second.returncode, at.newest() in second.stderr, at.log()) == (5, True, ["one"])
    assert len(recorded_rollouts(at.records)) == 1
    (at.base / "go").touch()
    assert first.result().returncode == 0
    at.well("rollout", "start", "work")


# a rollout cannot start twice: checked, then set, without a lock
def test_of_those_who_start_one_rollout_at_once_one_does(at: Project) -> None:
    at.well("rollout", "new", "work")
    starts = [at.beside("rollout", "start", at.newest()) for _ in range(4)]
    assert sorted(start.result().returncode == 0 for start in starts) == [False, False, False, True]
    assert at.log() == ["one"]


# Run is refused if the plan is older than 5 minutes: kept
def test_a_plan_of_more_than_five_minutes_ago_is_made_anew_before_it_starts(at: Project) -> None:
    at.well("rollout", "new", "work")
    planned = json.loads(at.record().read_text())
    planned["data"]["made"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 301))
    at.record().write_text(json.dumps(planned) + "\n")
    refused = at.depl("rollout", "start", "latest")
    assert (refused.returncode, f"Make it anew: depl rollout plan {at.newest()}" in refused.stderr) == (1, True)
    assert not (at.base / "log").exists()
    at.well("rollout", "plan", "latest")
    at.well("rollout", "start", "latest")


# set by whoever finalised, not who pressed Run
def test_who_started_it_is_who_started_it_and_not_who_planned_it(at: Project) -> None:
    at.well("rollout", "new", "work", LOGNAME="alice")
    assert at.shown()["who"].startswith("alice@")
    at.well("rollout", "start", "latest", LOGNAME="bob")
    assert at.shown()["who"].startswith("bob@")
    assert " bob@" in at.well("rollouts")


# -- 1.6 ------------------------------------------------------------------------------------------------------


# 1 and config JSON of 1000 characters: what is given is markup, or cut off
def test_parameters_are_data_of_any_length_and_are_told_as_they_were_given(at: Project) -> None:
    text = "<script>alert('1')</script> \"%s\" {{x}} ü\n" * 100
    at.well("rollout", "start", "work", "--set", f"text={text}")
    assert json.loads(at.record().read_text().splitlines()[0])["data"]["parameters"] == {"waits": False, "text": text}
    assert text.splitlines()[0] in at.well("show", "latest")


# 3: editing a finished rollout rewrites its recorded config; regeneration only before start
def test_nothing_changes_what_is_recorded_of_a_rollout_that_is_over(at: Project) -> None:
    at.well("rollout", "start", "work", "--set", "text=before")
    before, id = at.record().read_bytes(), at.newest()
    at.write("rollouts/work.py", PROJECT["rollouts/work.py"].replace("echo one", "echo two"))
    assert "echo one >> log" in at.well("rollout", "plan", id)
    for refused in (
        ["plan", id, "--set", "text=after"],
        ["start", id],
        ["start", id, "--set", "text=after"],
        ["resume", id],
        *(["signal", id, name, "--reason", "x"] for name in ("abort", "keep", "approve", "retry", "skip", "force")),
    ):
        assert at.depl("rollout", *refused).returncode in (1, 2, 3), refused
    at.well("rollout", "undo", id)
    assert at.record(id).read_bytes() == before


# 4: "finished" is briefly true between the end forward and the start of the way back
def test_what_fails_is_at_no_moment_shown_as_over_before_it_is() -> None:
    run = rehearsal(one("a", side("b", "c")), HandsScript(fails={"c": 1}))
    run.drive()
    events = list(run.log.read())
    moments = [fold(events[:number]) for number in range(1, len(events))]
    assert not any(state.state.is_over or "succeeded" in told(state) for state in moments)
    assert fold(events).state is RolloutState.REVERSED


# 6: unknown signal or rollout: 500
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rollout", "signal", "latest", "arbot"], "There is no signal 'arbot'. Did you mean 'abort'?"),
        (["rollout", "signal", "19700101-000000-abcd", "abort"], "there is no rollout '19700101-000000-abcd'"),
        (["show", "nothing"], "there is no rollout 'nothing'"),
        (["rollout", "start", "wrok"], "Did you mean 'work'?"),
    ],
)
def test_what_is_not_known_is_a_sentence_with_what_is(at: Project, arguments: list[str], sentence: str) -> None:
    at.well("rollout", "new", "work")
    refused = at.depl(*arguments)
    assert (refused.returncode in (1, 3), sentence in refused.stderr) == (True, True), refused.stderr


# 7: no timeouts
def test_a_task_that_takes_longer_than_it_may_is_ended_and_taken_back(tmp_path: Path) -> None:
    slow = Command("sleep 600", undo="touch back")
    slow.timeout = 0.2
    state = driven(tmp_path, slow)
    assert (state.state, (tmp_path / "back").exists()) == (RolloutState.REVERSED, True)


# 7: no retries
def test_a_task_that_may_be_tried_again_is_and_that_is_told(tmp_path: Path) -> None:
    shaky = Command("test -e once || { touch once; exit 1; }", undo="true")
    shaky.retries = 1
    state = driven(tmp_path, shaky)
    assert state.state is RolloutState.SUCCEEDED and "done, 2 attempts" in told(state)


# 7: no pause, no gates
def test_it_can_be_paused_and_it_waits_where_somebody_is_to_say_yes() -> None:
    run = rehearsal(one("a", "gate", "b"), gate={"gate": "approval", "way_back": "none", "reverses": False})
    run.at(lambda state: state.tasks["a"].state == "dispatched", lambda: run.signal("pause"))
    assert (run.drive(may_put_aside=True).holds, run.states()["gate"]) == ({Hold.PAUSED}, "pending")
    run.signal("resume")
    assert (run.drive(may_put_aside=True).holds, run.states()["b"]) == ({Hold.APPROVAL}, "pending")
    run.signal("approve")
    assert run.drive().state is RolloutState.SUCCEEDED


# 7: no notifications, no audit
def test_people_are_told_of_its_end_and_who_wished_what_when_and_why_is_kept(at: Project) -> None:
    at.write("depl.cfg", "[notify]\ntargets = command cat > told.json\n")
    running = at.beside("rollout", "start", "work", "--set", "waits=yes")
    at.until((at.base / "waiting").exists)
    at.well("rollout", "signal", "latest", "terminate", "--reason", "errors rise", LOGNAME="kim")
    assert running.result().returncode == 130
    told = json.loads((at.base / "told.json").read_text())
    assert (told["rollout"], told["state"]) == (at.newest(), "reversed")
    (wish,) = at.shown()["signals"]
    assert (wish["name"], wish["reason"], wish["who"].partition("@")[0]) == ("terminate", "errors rise", "kim")
    assert wish["at"].endswith("Z")


# 7: no dry run, no diff
def test_what_would_be_done_is_shown_with_its_changes_and_nothing_is_touched(at: Project) -> None:
    shown = at.well("rollout", "plan", "ship", "--changes")
    assert "app.txt" in shown and "+new" in shown and "nothing was touched" in shown
    assert not (at.base / "work/app").exists() and not os.path.exists(at.records + "/rollouts")


# 7: no API or CLI
def test_programs_start_it_and_read_each_event_and_its_end(at: Project) -> None:
    lines = [json.loads(line) for line in at.well("rollout", "start", "work", "--json").splitlines()]
    assert [lines[0]["event"], lines[-1]["event"], lines[-1]["state"]] == ["planned", "end", "succeeded"]
    assert {line["rollout"] for line in lines} == {at.newest()}


# 8: naive local times
def test_times_are_utc_wherever_it_runs(at: Project) -> None:
    before = utc()
    at.well("rollout", "start", "work", TZ="XYZ-14")
    at.well("rollout", "new", "work", TZ="XYZ+11")
    at.well("rollout", "start", "latest", TZ="XYZ-14")
    for id in recorded_rollouts(at.records):
        times = [json.loads(line)["at"] for line in at.record(id).read_text().splitlines()]
        assert [before, *times, utc()] == sorted([before, *times, utc()])


# 9: VARCHAR(1000) state; errors, returns and tracebacks likewise
@pytest.mark.parametrize("store", ["", "sqlite:///depl.sqlite"])
def test_state_and_errors_may_be_as_long_as_they_are(at: Project, store: str) -> None:
    notes, said = load(str(at.base / "rollouts/own.py")).Notes(), []
    fails = f"echo {'e' * 2000}; exit 1; : {'x' * 20_000}"
    state = driven(at.base, Sequential(notes, Command(fails, undo="true")), said.append, store)
    assert state.tasks["1"].saved == {"text": "ü\n" * 50_000}
    assert ["True"] == [one.data["text"] for one in said if isinstance(one, Event) and one.what is What.LOG]
    assert (state.error or {})["output"] == ["e" * 2000]
