"""Commands that fail, hang, print too much or the wrong bytes, or leave somebody behind."""

from __future__ import annotations

import os
import shlex
import sys
import time

import pytest

from depl.change.process import execute, shown
from depl.errors import CmdExecutionError


def lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(pid: int) -> bool:
    """Whether a process goes away, given some time."""
    for _ in range(200):
        if not lives(pid):
            return True
        time.sleep(0.02)
    return False


def test_a_text_goes_through_the_shell_and_a_list_does_not():
    assert execute("echo $((1+1))").stdout == "2\n"
    assert execute(["echo", "$((1+1))"]).stdout == "$((1+1))\n"


def test_status_and_both_streams_are_given():
    result = execute("echo out; echo err >&2; exit 3")
    assert (result.status, result.stdout, result.stderr) == (3, "out\n", "err\n")


def test_output_is_passed_on_as_it_comes():
    came = []
    execute("echo a; echo b >&2", on_output=lambda stream, text: came.append((stream, text)))
    assert sorted(came) == [("stderr", "b\n"), ("stdout", "a\n")]


def test_a_megabyte_on_both_streams_comes_whole():
    script = "import sys; sys.stdout.write('o' * 1000000); sys.stderr.write('e' * 1000000)"
    result = execute([sys.executable, "-c", script])
    assert (result.stdout, result.stderr) == ("o" * 1000000, "e" * 1000000)


def test_invalid_utf8_is_replaced_and_cut_characters_are_put_together():
    assert execute(r"printf 'a\377b'").stdout == "a\ufffdb"
    assert execute(r"printf '\303'; sleep 0.05; printf '\244'").stdout == "ä"
    assert execute(r"printf 'end\303'").stdout == "end\ufffd"


def test_input_is_given_and_its_end_seen():
    assert execute("cat", input="text ä").stdout == "text ä"
    assert execute("wc -c", input=b"\0" * 1000000).stdout.strip() == "1000000"
    assert execute("cat").stdout == ""


def test_input_that_nobody_wants_does_no_harm():
    assert execute("exec 0<&-; exit 4", input="x" * 1000000).status == 4


def test_environment_is_added_and_the_directory_is_the_one_given(tmp_path):
    result = execute("echo $MORE $HOME; pwd", env={"MORE": "more"}, cwd=str(tmp_path))
    assert result.stdout == f"more {os.environ.get('HOME', '')}".rstrip() + f"\n{tmp_path}\n"


def test_a_timeout_ends_the_whole_group(tmp_path):
    result = execute("sleep 300 & echo $!; sleep 300", timeout=0.3)
    assert (result.status, result.reason) == (None, "took longer than its timeout of 0.3 s and was ended")
    assert ends(int(result.stdout))


def test_a_timeout_ends_what_prints_all_the_time():
    assert execute("while :; do echo x; sleep 0.01; done", timeout=0.3).status is None


def test_a_wish_to_stop_ends_the_command():
    result = execute("sleep 300", terminated=lambda: True)
    assert (result.status, result.reason) == (None, "was ended on request")


@pytest.mark.long
def test_what_does_not_want_to_end_is_killed():
    result = execute("trap '' TERM; echo $$; while :; do sleep 0.1; done", timeout=0.3)
    assert result.status is None
    assert ends(int(result.stdout))


def test_what_outlives_the_leader_of_its_group_has_the_rest_of_the_grace(tmp_path):
    child = "trap 'sleep 0.5; echo tidy > end; exit' TERM; touch ready; while :; do sleep 0.1; done"
    ready = tmp_path / "ready"
    execute(["sh", "-c", f"({child}) & exec sleep 600"], cwd=tmp_path, terminated=ready.exists, timeout=60)
    assert (tmp_path / "end").read_text() == "tidy\n"


@pytest.mark.long
def test_what_outlives_the_leader_of_its_group_and_does_not_want_to_end_is_killed(tmp_path):
    child = "trap '' TERM; echo $$ > pid; while :; do sleep 0.1; done"
    pid = tmp_path / "pid"

    def begun():
        return pid.exists() and pid.read_text().endswith("\n")

    execute(["sh", "-c", f"sh -c {shlex.quote(child)} & exec sleep 600"], cwd=tmp_path, terminated=begun, timeout=60)
    assert ends(int(pid.read_text()))


@pytest.mark.long
def test_what_does_not_want_to_end_is_killed_even_where_nobody_can_hear_it():
    heard = []

    def hear(stream, text):
        heard.append(text)
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        execute("trap '' TERM; echo $$; while :; do echo x; sleep 0.05; done", on_output=hear)
    assert ends(int(heard[0].split()[0]))


@pytest.mark.parametrize("daemon", ["sleep 300", "while :; do echo x; sleep 0.02; done"], ids=["silent", "talking"])
def test_a_daemon_that_keeps_the_pipes_does_not_hold_us_up(daemon):
    result = execute(f"setsid sh -c '{daemon}' & echo $!", timeout=60)
    try:
        assert result.status == 0
        assert result.stdout.splitlines()[0].isdigit()
    finally:
        execute(["kill", "--", "-" + result.stdout.splitlines()[0]])


def test_an_error_while_reading_ends_the_command():
    pids = []

    def fail(stream, text):
        pids.append(int(text))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        execute("echo $$; sleep 300", on_output=fail)
    assert ends(pids[0])


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["/no/such/program"], "`/no/such/program` cannot be started: No such file or directory"),
        ("exit 7", "`exit 7` exited with status 7"),
    ],
)
def test_what_goes_wrong_is_told_in_a_sentence(machine, command, message):
    with pytest.raises(CmdExecutionError) as caught:
        machine.system.ask(command, check=True)
    assert message in str(caught.value)
    assert caught.value.component == "app/One(x)"


def test_a_missing_directory_is_told(machine):
    with pytest.raises(CmdExecutionError, match=r"cannot be started in .*/no"):
        machine.system.ask("true", cwd=machine.path("no"))


def test_a_command_is_shown_on_one_line_and_not_without_end():
    assert shown(["a", "b c"]) == "a 'b c'"
    assert shown("a\n  b") == "a b"
    assert len(shown("x" * 1000)) == 500
