"""What Kettle's users could not do, or could do and should not: it is right here. The web's share is tested with it.

The name of a test says the right conduct, a comment the weakness by its number in Kettle's study; see test_kettle.py.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from by_hand_project import PROJECT, ProjectByHand
from rollouts_by_hand import driven, one, rehearsal, side, told

from depl.deploy.begin import utc
from depl.events import Event, What
from depl.rollout.fake_hands import HandsScript
from depl.rollout.files import load
from depl.rollout.folding import fold
from depl.rollout.records import recorded_rollouts
from depl.rollout.states import Hold, RolloutState
from depl.tasks import Command, Sequential


# 1 and config JSON of 1000 characters: what is given is markup, or cut off
def test_parameters_are_data_of_any_length_and_are_told_as_they_were_given(at: ProjectByHand) -> None:
    text = "<script>alert('1')</script> \"%s\" {{x}} ü\n" * 100
    at.well("rollout", "start", "work", "--set", f"text={text}")
    assert json.loads(at.record().read_text().splitlines()[0])["data"]["parameters"] == {"waits": False, "text": text}
    assert text.splitlines()[0] in at.well("show", "latest")


# 3: editing a finished rollout rewrites its recorded config; regeneration only before start
def test_nothing_changes_what_is_recorded_of_a_rollout_that_is_over(at: ProjectByHand) -> None:
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
def test_what_is_not_known_is_a_sentence_with_what_is(at: ProjectByHand, arguments: list[str], sentence: str) -> None:
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
def test_people_are_told_of_its_end_and_who_wished_what_when_and_why_is_kept(at: ProjectByHand) -> None:
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
def test_what_would_be_done_is_shown_with_its_changes_and_nothing_is_touched(at: ProjectByHand) -> None:
    shown = at.well("rollout", "plan", "ship", "--changes")
    assert "app.txt" in shown and "+new" in shown and "nothing was touched" in shown
    assert not (at.base / "work/app").exists() and not os.path.exists(at.records + "/rollouts")


# 7: no API or CLI
def test_programs_start_it_and_read_each_event_and_its_end(at: ProjectByHand) -> None:
    lines = [json.loads(line) for line in at.well("rollout", "start", "work", "--json").splitlines()]
    assert [lines[0]["event"], lines[-1]["event"], lines[-1]["state"]] == ["planned", "end", "succeeded"]
    assert {line["rollout"] for line in lines} == {at.newest()}


# 8: naive local times
def test_times_are_utc_wherever_it_runs(at: ProjectByHand) -> None:
    before = utc()
    at.well("rollout", "start", "work", TZ="XYZ-14")
    at.well("rollout", "new", "work", TZ="XYZ+11")
    at.well("rollout", "start", "latest", TZ="XYZ-14")
    for id in recorded_rollouts(at.records):
        times = [json.loads(line)["at"] for line in at.record(id).read_text().splitlines()]
        assert [before, *times, utc()] == sorted([before, *times, utc()])


# 9: VARCHAR(1000) state; errors, returns and tracebacks likewise
@pytest.mark.parametrize("store", ["", "sqlite:///depl.sqlite"])
def test_state_and_errors_may_be_as_long_as_they_are(at: ProjectByHand, store: str) -> None:
    notes, said = load(str(at.base / "rollouts/own.py")).Notes(), []
    fails = f"echo {'e' * 2000}; exit 1; : {'x' * 20_000}"
    state = driven(at.base, Sequential(notes, Command(fails, undo="true")), said.append, store)
    assert state.tasks["1"].saved == {"text": "ü\n" * 50_000}
    assert [one.data["text"] for one in said if isinstance(one, Event) and one.what is What.LOG] == ["True"]
    assert (state.error or {})["output"] == ["e" * 2000]
