"""Where Kettle misled its users who started a rollout, lost it or wanted it back: commands do it right here.

The name of a test says the right conduct, a comment what Kettle did; see test_kettle.py.
"""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest
from by_hand_project import ProjectByHand

from depl.events import Event, What
from depl.redact import Redactor
from depl.rollout.byhand_undo import undo_plan
from depl.rollout.lookup import FileRecords
from depl.rollout.record_log import RecordLog
from depl.rollout.records import recorded_rollouts


# rollback of a finished rollout: only from a shell, only once
def test_what_is_over_is_taken_back_by_a_command_once_and_can_be_done_anew(at: ProjectByHand) -> None:
    at.well("rollout", "start", "work")
    good = at.newest()
    at.well("rollout", "undo", good)
    assert at.log() == ["one", "back", "one back"]
    assert (at.shown()["undoes"], at.shown(good)["state"]) == (good, "succeeded")
    again = at.depl("rollout", "undo", good)
    assert (again.returncode, f"rollout {good} was taken back by" in again.stderr) == (1, True)
    assert f"depl show {at.newest()}" in again.stderr
    at.well("rollout", "start", "work")
    assert at.log() == ["one", "back", "one back", "one"]


# likewise: an undo that did not even begin would have been the only one
@pytest.mark.parametrize("becomes", ["planned", "cancelled"])
def test_an_undo_that_did_not_begin_is_none(at: ProjectByHand, becomes: str) -> None:
    at.well("rollout", "start", "work")
    records, good = FileRecords(at.records), at.newest()
    plan = undo_plan(records, records.state(good))
    with closing(RecordLog(at.records, plan.rollout, Redactor())) as log:
        log.append([Event(What.PLANNED, data=plan.as_json())])  # and killed
    if becomes == "cancelled":
        at.well("rollout", "signal", plan.rollout, "abort")
    assert at.shown(plan.rollout)["state"] == becomes
    at.well("rollout", "undo", good)
    assert at.log() == ["one", "back", "one back"]


# web process killed -9: "started" for ever, no way to roll back or resume; what run() noted is lost
@pytest.mark.parametrize("direction", ["back", "--forward"])
def test_one_that_was_killed_is_shown_as_interrupted_and_goes_back_or_on(at: ProjectByHand, direction: str) -> None:
    at.killed("rollout", "start", "work", "--set", "waits=yes")
    shown = at.shown()
    assert (shown["state"], shown["interrupted"]) == ("running", True)
    assert any(f"rollout resume {at.newest()}" in command for command in shown["next"])
    assert "running, interrupted" in at.well("rollouts")
    done = at.depl("rollout", "resume", "latest", *([direction] if direction != "back" else []))
    ends = ("reversed", 3, ["one", "back", "one back"]) if direction == "back" else ("succeeded", 0, ["one"])
    assert (at.shown()["state"], done.returncode, at.log()) == ends, done.stderr
    assert (at.base / "b").exists() is (direction != "back")


# two rollouts at once: interleave freely; no lock, no notion of environment
def test_of_two_at_once_on_one_environment_one_is_refused_and_told_whose_it_is(at: ProjectByHand) -> None:
    first = at.beside("rollout", "start", "work", "--set", "waits=yes")
    at.until((at.base / "waiting").exists)
    second = at.depl("rollout", "start", "work")
    assert (second.returncode, at.newest() in second.stderr, at.log()) == (5, True, ["one"])
    assert len(recorded_rollouts(at.records)) == 1
    (at.base / "go").touch()
    assert first.result().returncode == 0
    at.well("rollout", "start", "work")


# a rollout cannot start twice: checked, then set, without a lock
def test_of_those_who_start_one_rollout_at_once_one_does(at: ProjectByHand) -> None:
    at.well("rollout", "new", "work")
    starts = [at.beside("rollout", "start", at.newest()) for _ in range(4)]
    assert sorted(start.result().returncode == 0 for start in starts) == [False, False, False, True]
    assert at.log() == ["one"]


# Run is refused if the plan is older than 5 minutes: kept
def test_a_plan_of_more_than_five_minutes_ago_is_made_anew_before_it_starts(at: ProjectByHand) -> None:
    at.well("rollout", "new", "work")
    planned = json.loads(at.record().read_text())
    planned["data"]["made"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 301))
    at.record().write_text(json.dumps(planned) + "\n")
    refused = at.depl("rollout", "start", "latest")
    assert (refused.returncode, f"Make it anew: depl rollout plan {at.newest()}" in refused.stderr) == (3, True)
    assert not (at.base / "log").exists()
    at.well("rollout", "plan", "latest")
    at.well("rollout", "start", "latest")


# set by whoever finalised, not who pressed Run
def test_who_started_it_is_who_started_it_and_not_who_planned_it(at: ProjectByHand) -> None:
    at.well("rollout", "new", "work", LOGNAME="alice")
    assert at.shown()["who"].startswith("alice@")
    at.well("rollout", "start", "latest", LOGNAME="bob")
    assert at.shown()["who"].startswith("bob@")
    assert " bob@" in at.well("rollouts")
