from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import forked
import pytest

from depl.events import Event, Output, What
from depl.redact import Redactor
from depl.rollout.plan import RolloutPlan
from depl.rollout.record_log import RecordLog
from depl.rollout.records import read_record
from depl.rollout.states import RolloutState
from depl.store.store import Store

BEGUN, DONE = (Event(what, "app", host="web1") for what in (What.TASK_STARTED, What.TASK_DONE))
OVER = Event(What.OVER, data={"outcome": "succeeded", "changed": 2})

# Writes a line in two halves, again and again, until it is killed.
WRITER = """
import json, os, sys, time
file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
for number in range(1, 1_000_000):
    started = {"what": "started", "data": {"rollout": "r", "environment": "live", "host": "here"}}
    logged = {"what": "log", "data": {"text": "x" * 200}}
    line = {"schema": 1, "n": number, "at": "2026-01-01T00:00:00Z", **(started if number == 1 else logged)}
    text = json.dumps(line).encode() + b"\\n"
    os.write(file, text[:150])
    os.write(file, text[150:])
    time.sleep(0.0005)
"""


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., RecordLog]:
    """Opens the record of a rollout in the project."""

    def begin(id: str) -> RecordLog:
        log = RecordLog(str(tmp_path / ".depl"), id, Redactor())
        log.append([Event(What.STARTED, data={"rollout": id, "environment": "live", "hosts": ["web1"]})])
        return log

    return begin


def test_a_record_is_taken_in_and_once_only(store: Store, record) -> None:
    log = record("r")
    log.append([BEGUN, Event(What.CHANGED, "app", "app/File", {"changes": []}, "web1"), DONE])
    log.output([Output("app", "stdout", "hello\n")])
    log.append([OVER])
    log.close()
    assert (store.take_in(), store.take_in()) == (5, 0)
    assert list(store.log("r").read()) == list(read_record(log.path))
    header = store.header("r")
    assert (header.state, header.environments, header.hosts, header.changed) == ("succeeded", ["live"], ["web1"], 2)
    assert header.is_direct
    assert [one.text for one in store.output("r", "app").pieces] == ["hello\n"]


def test_a_record_that_grows_is_taken_in_as_it_grows(store: Store, record) -> None:
    log = record("r")
    assert store.take_in() == 1
    assert store.header("r").state is RolloutState.RUNNING
    log.append([BEGUN])
    log.output([Output("app", "stdout", "a")])
    assert store.take_in() == 1
    log.output([Output("app", "stdout", "b")])
    assert store.take_in() == 0
    log.append([DONE, OVER])
    assert store.take_in() == 2
    assert store.header("r").state is RolloutState.SUCCEEDED
    assert "".join(one.text for one in store.output("r", "app").pieces) == "ab"
    log.close()


def test_half_a_line_of_one_who_was_killed_waits_for_its_end(store: Store, tmp_path: Path) -> None:
    path = tmp_path / ".depl" / "rollouts" / "r.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "PYTHONPATH": str(forked.SOURCE)}
    told: list[str] = []
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], env=env) as writer:
        try:
            deadline, taken = time.monotonic() + 60, 0
            while taken < 200:
                assert time.monotonic() < deadline
                taken += store.take_in(tell=told.append)
        finally:
            writer.send_signal(signal.SIGKILL)
    with path.open("ab") as file:
        file.write(b'{"schema": 1, "n')  # so it ends in half a line at any rate, or in the half of a half
    store.take_in(tell=told.append)
    whole = path.read_bytes().count(b"\n")
    assert [one.number for one in store.log("r").read()] == list(range(1, whole + 1))
    log = RecordLog(str(tmp_path / ".depl"), "r", Redactor())  # whoever goes on cuts it off
    log.append([OVER])
    log.close()
    assert store.take_in(tell=told.append) == 1
    assert (store.header("r").number, told) == (whole + 1, [])


def test_a_record_that_makes_no_sense_is_named_and_the_others_are_taken_in(
    store: Store, record, tmp_path: Path
) -> None:
    record("a").close()
    record("z").close()
    broken = tmp_path / ".depl" / "rollouts"
    line = {"schema": 1, "n": 1, "at": "2026-01-01T00:00:00Z", "what": "started", "data": {"environment": "live"}}
    lines = {
        "garbage": ["what is this"],
        "gap": [line, {**line, "n": 3, "what": "log"}],
        "later": [{**line, "schema": 2}],
        "nonsense": [line, {**line, "n": 2, "what": "over", "data": {"outcome": "made up"}}],
        "shape": [[1, 2]],
    }
    for name, told in lines.items():
        text = "".join(one + "\n" if isinstance(one, str) else json.dumps(one) + "\n" for one in told)
        (broken / f"{name}.jsonl").write_text(text)
    (broken / "empty.jsonl").write_text("")
    told = []
    assert store.take_in(tell=told.append) == 2
    assert sorted(header.id for header in store.rollouts()) == ["a", "z"]
    for name, sentence in zip(sorted(lines), told, strict=True):
        assert sentence.startswith(f"The record {broken}/{name}.jsonl is passed over: ")
    assert told[0].endswith(": event 2 is missing")
    assert told[2].endswith(": it was written by a later version of depl")


def test_what_only_a_later_version_tells_of_keeps_its_number(store: Store, record, tmp_path: Path) -> None:
    log = record("r")
    log.close()
    more = {"schema": 1, "at": "2026-01-01T00:00:00Z", "task": None, "component": None, "data": {}}
    with open(log.path, "a") as file:
        file.writelines(json.dumps({**more, "n": n, "what": what}) + "\n" for n, what in ((2, "sung"), (3, "log")))
    assert store.take_in() == 3
    with open(log.path, "a") as file:
        file.write(json.dumps({**more, "n": 4, "what": "danced"}) + "\n")
    assert (store.take_in(), store.header("r").number) == (1, 4)
    assert [one.number for one in store.log("r").read()] == [1, 3]


def test_a_record_of_what_the_store_was_told_itself_is_left_alone(
    store: Store, plan: Callable[..., RolloutPlan], record
) -> None:
    store.create(plan("r"))
    record("r").close()
    assert store.take_in() == 0
    assert [one.event.what for one in store.log("r").read()] == [What.PLANNED]


def test_lists_are_read_page_by_page_the_newest_first(store: Store, plan: Callable[..., RolloutPlan]) -> None:
    for number in range(5):
        store.create(plan(f"r{number}", *(["live"] if number % 2 else ["test", "live"])))
    store.log("r3").append([Event(What.STARTED)])
    assert [header.id for header in store.rollouts(limit=2)] == ["r4", "r3"]
    assert [header.id for header in store.rollouts(before="r3", limit=2)] == ["r2", "r1"]
    assert [header.id for header in store.rollouts("test")] == ["r4", "r2", "r0"]
    assert [header.id for header in store.rollouts("live", RolloutState.RUNNING)] == ["r3"]
    assert [header.id for header in store.rollouts(state=[RolloutState.PLANNED], limit=1)] == ["r4"]


def test_what_is_kept_no_longer_goes_with_its_record_and_its_like_stays(
    store: Store, plan: Callable[..., RolloutPlan], tmp_path: Path
) -> None:
    records = tmp_path / ".depl" / "rollouts"
    records.mkdir(parents=True, exist_ok=True)
    for number in range(6):
        started = {"environment": "live", "host": "here", "rollout": f"r{number}"}
        if number == 1:
            started["undoes"] = "r5"
        outcome = "reversed" if number in (1, 2) else "succeeded"
        told = [{"what": "started", "data": started}, {"what": "over", "data": {"outcome": outcome}}]
        at = f"2026-01-0{number + 1}T00:00:00Z"
        lines = [json.dumps({"schema": 1, "n": n, "at": at, **one}) + "\n" for n, one in enumerate(told, 1)]
        (records / f"r{number}.jsonl").write_text("".join(lines))
    store.take_in()
    store.create(plan("by-hand", "live"))
    assert sorted(store.forget("live", 1, 10_000)) == []
    assert sorted(store.forget("live", 1, 0)) == ["r0", "r3", "r4"]
    assert sorted(path.stem for path in records.iterdir()) == ["r1", "r2", "r5"]
    assert store.take_in() == 0
    assert sorted(header.id for header in store.rollouts()) == ["by-hand", "r1", "r2", "r5"]
