"""The record of a rollout that a command drives by itself: lines, all or none, by one writer."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys

import pytest

from depl.errors import Locked
from depl.events import Event, Output, What
from depl.redact import Redactor
from depl.rollout.keeping import forget_old_records
from depl.rollout.log import LogFailed
from depl.rollout.record import Recorder
from depl.rollout.record_log import RecordLog
from depl.rollout.records import OUTPUT, LaterVersion, forget, is_driven, path_of, read_record, recorded_rollouts

ID = "20260102-030405-ab12"
STARTED = Event(What.STARTED, data={"rollout": ID})
DONE = Event(What.TASK_DONE, "1", data={"seconds": 0.5})


@pytest.fixture
def log(tmp_path):
    log = RecordLog(str(tmp_path), ID, Redactor())
    yield log
    log.close()


def again(tmp_path, redact=None):
    return RecordLog(str(tmp_path), ID, redact or Redactor())


def test_events_come_back_as_they_were_numbered_from_one(log):
    written = [*log.append([STARTED]), *log.append([DONE, DONE], durable=True)]
    assert [one.number for one in written] == [1, 2, 3]
    assert list(log.read()) == written
    assert list(log.read(after=2)) == written[2:]


def test_numbers_go_on_after_reopening_and_a_torn_line_is_cut_off(tmp_path, log):
    log.append([STARTED])
    log.close()
    with open(log.path, "a") as file:
        file.write('{"schema": 1, "n": 2, "wh')
    reopened = again(tmp_path)
    try:
        assert [one.number for one in reopened.append([DONE])] == [2]
        assert [one.event for one in reopened.read()] == [STARTED, DONE]
    finally:
        reopened.close()


def test_a_reader_passes_over_what_a_later_version_wrote(log):
    log.append([STARTED])
    with open(log.path, "a") as file:
        file.write('{"schema": 1, "n": 2, "at": "", "what": "something new", "data": {}}\nnonsense\n[]\n')
    assert [one.event for one in read_record(log.path)] == [STARTED]
    with open(log.path, "a") as file:
        file.write('{"schema": 2, "n": 3, "at": "", "what": "over", "data": {"outcome": "succeeded"}}\n')
    with pytest.raises(LaterVersion):
        list(read_record(log.path))


def test_only_one_writes_and_others_see_that_somebody_does(tmp_path, log):
    log.append([STARTED])
    assert is_driven(log.path)
    with pytest.raises(Locked, match="somebody else is at work on rollout"):
        again(tmp_path)
    log.close()
    assert not is_driven(log.path)
    again(tmp_path).close()


def test_a_run_of_a_model_is_seen_to_be_at_work_on_its_record_too(tmp_path):
    recorder = Recorder(str(tmp_path), ID, lambda event: None, Redactor())
    recorder(Event(What.TASK_FAILED, "web", data={"error": "no"}))
    assert is_driven(recorder.path)
    recorder.close()
    assert not is_driven(recorder.path)


def test_who_was_stopped_while_looking_does_not_hold_up_a_run(tmp_path):
    path = path_of(str(tmp_path), ID)
    os.makedirs(os.path.dirname(path))
    with open(path, "a") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        recorder = Recorder(str(tmp_path), ID, lambda event: None, Redactor())
        recorder(Event(What.TASK_FAILED, "web", data={"error": "no"}))
        recorder.close()
    assert [one.event.what for one in read_record(path)] == [What.TASK_FAILED]


def test_nothing_half_written_stays_where_there_is_no_room(tmp_path, log):
    log.append([STARTED])
    size = os.path.getsize(log.path)
    script = """if True:
        import resource, signal, sys
        from depl.events import Event, What
        from depl.redact import Redactor
        from depl.rollout.log import LogFailed
        from depl.rollout.record_log import RecordLog
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        log = RecordLog(sys.argv[1], sys.argv[2], Redactor())
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), hard))
        try:
            log.append([Event(What.TASK_DONE, "1"), Event(What.LOG, data={"text": "x" * 5000})])
        except LogFailed as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        print(log.append([Event(What.TASK_DONE, "2")])[0].number)
    """
    log.close()
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), ID, str(size + 200)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [f"the record {log.path} cannot be written: File too large", "2"], done.stderr
    assert [one.event.task for one in read_record(log.path)] == [None, "2"]


def test_a_directory_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "rollouts").write_text("in the way")
    with pytest.raises(LogFailed, match="cannot be written"):
        again(tmp_path)


def test_secrets_stand_neither_in_events_nor_in_output_cut_over_pieces(tmp_path):
    redact = Redactor([("web.password", "correct horse")])
    log = again(tmp_path, redact)
    log.append([Event(What.LOG, "1", data={"text": "it is correct horse"})])
    log.output([Output("1", "stdout", "before correct"), Output("1", "stdout", " horse after")])
    log.append([DONE])
    log.close()
    with open(log.path) as file, open(path_of(str(tmp_path), ID, OUTPUT)) as output:
        events, printed = file.read(), "".join(json.loads(line)["text"] for line in output)
    assert "correct horse" not in events
    assert printed == "before ‹secret web.password› after"


def test_what_lies_beside_a_record_is_no_record_and_goes_with_it(tmp_path, log):
    log.append([STARTED])
    log.output([Output("1", "stdout", "hello\n")])
    log.close()
    assert recorded_rollouts(str(tmp_path)) == [ID]
    forget(log.path)
    assert os.listdir(tmp_path / "rollouts") == []


def test_old_ones_by_hand_are_forgotten_unless_they_wait_for_somebody(tmp_path):
    over = Event(What.OVER, data={"outcome": "succeeded"})
    ends = {"1": [over], "2": [STARTED], "3": [], "4": [over], "5": [over]}
    paths = {}
    for number, events in ends.items():
        log = RecordLog(str(tmp_path), f"2026010{number}-030405-ab12", Redactor())
        log.append([Event(What.PLANNED, data={"name": "release", "rollout": number}), *events])
        log.close()
        paths[number] = log.path
        os.utime(log.path, (1, int(number)))
    forget_old_records(paths["5"], keep_rollouts=1, keep_days=1)
    assert [number for number, path in paths.items() if os.path.exists(path)] == ["2", "3", "5"]
