"""Tasks at work in threads, their state, their failures and their end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from depl.events import Output, What
from depl.tasks import Command, Delay, PythonCall
from depl.tasks.hands import TaskHands


def test_a_command_tells_its_lines_as_they_come(bench) -> None:
    go = bench.base / "go"
    bench.start(Command(f"echo one; echo two >&2; while [ ! -e {go} ]; do sleep 0.05; done; printf rest"))
    first = bench.until(lambda what: isinstance(what, Output) and what.stream == "stdout")
    go.touch()
    assert bench.end().what is What.TASK_DONE
    assert (first.component, first.text) == ("1", "one\n")
    assert sorted(one.text for one in bench.heard if isinstance(one, Output)) == ["one\n", "rest", "two\n"]


def test_a_command_runs_in_the_project_with_its_environment(bench) -> None:
    (bench.base / "sub").mkdir()
    bench.run(Command("echo $A; pwd", cwd="sub", env={"A": "b"}))
    assert bench.output == f"b\n{bench.base}/sub\n"


def test_a_command_that_fails_fails_its_task(bench) -> None:
    event = bench.run(Command("echo hello; echo oh no >&2; exit 3"))
    error = event.data["error"]
    assert event.what is What.TASK_FAILED
    assert error["class"] == "CmdExecutionError" and error["returncode"] == 3
    assert "exited with status 3" in error["message"]
    assert sorted(error["output"]) == ["hello", "oh no"]


def test_a_command_may_fail_where_that_is_wanted(bench) -> None:
    assert bench.run(Command("exit 3", check=False)).what is What.TASK_DONE


def test_a_command_is_taken_back_by_another(bench) -> None:
    task = Command("touch made", undo="rm made")
    bench.run(task)
    assert (bench.base / "made").exists()
    assert bench.reverse(task).what is What.TASK_REVERSED
    assert not (bench.base / "made").exists()


def test_a_silent_command_and_its_children_end_when_terminated(bench, until) -> None:
    bench.start(Command("echo $$; sleep 600 & sleep 600"))
    group = int(bench.until(lambda what: isinstance(what, Output)).text)
    bench.hands.stop("1", "terminate")
    event = bench.end()
    assert event.what is What.TASK_FAILED and "ended on request" in event.data["error"]["message"]
    until(lambda: not alive_in(group))


def test_a_child_that_holds_the_pipe_holds_up_nothing(bench) -> None:
    bench.start(Command("setsid sleep 600 & echo $!; exec sleep 600"))
    child = int(bench.until(lambda what: isinstance(what, Output)).text)
    try:
        bench.hands.stop("1", "terminate")
        assert bench.end().what is What.TASK_FAILED
    finally:
        os.kill(child, signal.SIGKILL)


def test_abort_lets_a_command_come_to_its_end(bench) -> None:
    go = bench.base / "go"
    bench.start(Command(f"echo; while [ ! -e {go} ]; do sleep 0.05; done"))
    bench.until(lambda what: isinstance(what, Output))
    bench.hands.stop("1", "abort")
    go.touch()
    assert bench.end().what is What.TASK_DONE


def test_a_delay_ends_at_once_when_aborted(bench) -> None:
    bench.start(Delay(minutes=10))
    bench.until(lambda what: getattr(what, "what", None) is What.TASK_SAVED)
    bench.hands.stop("1", "abort")
    event = bench.end()
    assert event.what is What.TASK_FAILED and event.data["error"]["class"] == "Interrupted"


def test_a_delay_goes_on_with_the_rest_after_a_crash(bench) -> None:
    bench.start(Delay(minutes=10))
    bench.until(lambda what: getattr(what, "what", None) is What.TASK_SAVED)
    bench.hands.stop("1", "abort")
    bench.end()
    over = {"until": bench.saved["until"] - 600}
    assert bench.run(Delay(minutes=10), over, attempt=2).what is What.TASK_DONE


def test_state_is_saved_before_the_end_also_where_it_fails(bench, own) -> None:
    task = own(
        "class Half(Task):\n"
        "    def run(self):\n"
        "        self.state['made'] = ['a']\n"
        "        raise RuntimeError('the disk is full')\n"
        "    def reverse(self):\n"
        "        self.log(f'removes {self.state}')\n"
    ).Half()
    event = bench.run(task)
    assert event.what is What.TASK_FAILED and event.data["error"]["message"] == "the disk is full"
    assert bench.saved == {"made": ["a"]}
    assert bench.reverse(task, bench.saved).what is What.TASK_REVERSED
    assert bench.events(What.LOG)[0].data["text"] == "removes {'made': ['a']}"


def test_a_save_waits_until_it_is_written(bench, own) -> None:
    task = own(
        "class Saves(Task):\n"
        "    def run(self):\n"
        "        self.state['n'] = 1\n"
        "        self.save()\n"
        "        self.log('saved')\n"
    ).Saves()
    bench.start(task)
    happened = bench.hands.next(60)
    assert happened and happened.what.what is What.TASK_SAVED
    assert bench.hands.next(0.3) is None
    happened.heard()
    assert bench.next().data["text"] == "saved"


def test_state_that_is_no_data_is_a_failure_with_its_name(bench, own) -> None:
    task = own("class Odd(Task):\n    def run(self):\n        self.state['x'] = {1, 2}\n").Odd()
    event = bench.run(task)
    assert event.what is What.TASK_FAILED and "The state of Odd is set {1, 2}" in event.data["error"]["message"]


def test_a_mistake_in_a_task_names_its_line(bench, own) -> None:
    task = own("class Wrong(Task):\n    def run(self):\n        {}['key']\n").Wrong()
    error = bench.run(task).data["error"]
    assert error["message"] == "KeyError: 'key'"
    assert (error["file"], error["line"]) == (str(bench.base / "rollouts" / "own.py"), 4)


def test_a_task_may_find_all_as_it_should_be(bench, own) -> None:
    task = own("class Fine(Task):\n    def run(self):\n        return self.UNCHANGED\n").Fine()
    assert bench.run(task).what is What.TASK_UNCHANGED


def test_a_conflict_on_the_way_back_is_told_as_such(bench, own) -> None:
    task = own(
        "class Careful(Task):\n"
        "    def run(self): pass\n"
        "    def reverse(self):\n"
        "        if not self.working.forced:\n"
        "            raise Conflict('it is not ours any more')\n"
    ).Careful()
    event = bench.reverse(task)
    assert event.what is What.TASK_NOT_REVERSED
    assert (event.data["kind"], event.data["reason"]) == ("conflict", "it is not ours any more")
    assert bench.reverse(task, force=True).what is What.TASK_REVERSED


def test_code_that_does_not_look_is_given_up_and_not_run_beside(bench, own) -> None:
    task = own(
        "import time, pathlib\n"
        "class Deaf(Task):\n"
        "    patience = 0.1\n"
        "    def run(self):\n"
        "        self.log('begun')\n"
        "        while not pathlib.Path(self.working.base, 'go').exists(): time.sleep(0.05)\n"
        "        self.state['too'] = 'late'\n"
        "    def reverse(self): self.log('back')\n"
    ).Deaf()
    bench.start(task)
    bench.until(lambda what: getattr(what, "what", None) is What.LOG)
    bench.hands.stop("1", "terminate")
    event = bench.end()
    assert event.what is What.TASK_FAILED and "still at work" in event.data["error"]["message"]
    (bench.base / "go").touch()
    assert bench.reverse(task).what is What.TASK_REVERSED
    assert bench.saved == {}


def test_where_secrets_cannot_be_read_nothing_of_what_commands_print_is_told(bench) -> None:
    bench.hands = TaskHands(None, None, bench.redact, str(bench.base), output_instead="not shown")
    event = bench.run(Command("echo hunter2; echo hunter2 >&2; exit 3"))
    assert event.data["error"]["stderr"] == "not shown"
    assert "hunter2" not in bench.output + str(event.data["error"] | {"cmd": "", "message": ""})


def test_secrets_are_masked_in_all_that_is_told(bench, own) -> None:
    secret = "correct horse battery"
    bench.redact.learn([("db.password", secret)])
    task = own(
        "class Talks(Task):\n"
        "    def __init__(self, word): self.word = word\n"
        "    def run(self):\n"
        "        self.state['word'] = self.word\n"
        "        self.log(self.word)\n"
        "        self.subprocess(['echo', self.word])\n"
        "        raise RuntimeError(self.word)\n"
    ).Talks(secret)
    bench.run(task)
    told = str(bench.heard)
    assert "‹secret db.password›" in told and secret not in told


def test_a_function_gets_its_arguments_and_the_task_if_it_wants_it(bench, own) -> None:
    own(
        "def flush(task, hard):\n    task.state['hard'] = hard\n"
        "def fill(hard, task):\n    task.log(f'fills {task.state} {hard}')\n"
        "def plain(hard):\n    assert hard\n"
    )
    task = PythonCall("rollouts/own.py:flush", undo="rollouts/own.py:fill", hard=True)
    assert bench.run(task).what is What.TASK_DONE
    bench.reverse(task, bench.saved)
    assert bench.events(What.LOG)[0].data["text"] == "fills {'hard': True} True"
    assert bench.run(PythonCall("rollouts/own.py:plain", hard=True)).what is What.TASK_DONE


def test_a_task_whose_class_is_gone_fails_with_a_sentence(bench, own) -> None:
    task = own("class Gone(Task):\n    def run(self): pass\n").Gone()
    own("# another file with nothing in it\n")
    event = bench.run(task)
    assert event.what is What.TASK_FAILED and "There is no Gone in rollouts/own.py" in event.data["error"]["message"]


def test_a_command_that_outlived_a_crash_ends_before_it_is_tried_again(bench, until) -> None:
    """The runner is killed while the command runs; another one goes on."""
    started, notes = bench.base / "started", bench.base / ".depl" / "tasks" / "r1.1"
    task = Command(f"[ -e {started} ] || {{ echo $$ > {started}.new; mv {started}.new {started}; exec sleep 600; }}")
    child = os.fork()
    if not child:
        try:
            bench.start(task)
            bench.hands.next(600)
        finally:
            os._exit(0)
    until(started.exists)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    group = int(started.read_text())
    assert alive_in(group) and notes.exists()
    assert bench.run(task, attempt=2).what is What.TASK_DONE
    assert not alive_in(group) and not notes.exists()


def test_closing_ends_what_is_at_work(bench, until) -> None:
    bench.start(Command("echo $$; sleep 600"))
    group = int(bench.until(lambda what: isinstance(what, Output)).text)
    bench.hands.close()
    until(lambda: not alive_in(group))
    assert bench.hands.next(0) is None


def alive_in(group: int) -> list[int]:
    """The processes of a group that are no mere leftovers in the table."""
    found = []
    for name in os.listdir("/proc"):
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split() if name.isdigit() else []
        except OSError:
            continue
        if fields and int(fields[2]) == group and fields[0] not in "ZX":
            found.append(int(name))
    return found


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("class Odd(Exception):\n    def __str__(self): return 5\ndef call(task): raise Odd", "Odd"),
        ("from depl.errors import DeplError\ndef call(task): raise DeplError('oh', hint=[object()])", "DeplError"),
        ("def call(task): task.state = 5", "is 5, which is no dictionary"),
    ],
)
def test_a_task_ends_with_a_sentence_whatever_its_code_is_like(bench, own, code, told) -> None:
    own(code)
    event = bench.run(PythonCall("rollouts/own.py:call"))
    assert event.what is What.TASK_FAILED
    assert told in event.data["error"]["message"]


def test_how_far_a_task_is_told_in_plain_numbers_or_not_at_all(bench, own) -> None:
    own(
        "from decimal import Decimal\n"
        "def call(task):\n    task.progress(Decimal(2), 2)\n    task.progress(1, float('nan'))"
    )
    assert bench.run(PythonCall("rollouts/own.py:call")).what is What.TASK_DONE
    assert [event.data for event in bench.events(What.PROGRESS)] == [{"done": 2.0, "total": 2.0}]
