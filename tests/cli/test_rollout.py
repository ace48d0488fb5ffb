"""`depl rollout`: rollouts by hand, as their users start them, tell them what they wish, and take them back."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from depl.rollout.records import is_driven, path_of, recorded_rollouts

ROLLOUTS = {
    "rollouts/wait.py": """\
        from depl.rollout import Parameter, Rollout
        from depl.tasks import Delay


        class Wait(Rollout):
            seconds = Parameter(float, default=0.05, help="how long")

            def plan(self):
                return Delay(seconds=self.seconds)
        """,
    "rollouts/steps.py": """\
        from depl.rollout import Parameter, Rollout
        from depl.tasks import Approval, Command, Sequential


        class Steps(Rollout):
            '''A step, a question, another step.'''

            last = Parameter(str, help="what to run at the end")
            first = Parameter(str, default="touch first", advanced=True)
            kind = Parameter(choices=["big", "small"], default="small")

            def plan(self):
                return Sequential(
                    Command(self.first, undo="rm first; echo was removed >> log"),
                    Approval("Does it look well?"),
                    Command(self.last, undo="rm -f last; until test ! -e stuck; do exit 7; done"),
                )
        """,
    "rollouts/_shared.py": "raise AssertionError('nobody imports this')\n",
    "environments/.keep": "",
}


@pytest.fixture
def base(write):
    """A project with rollouts."""
    return write(ROLLOUTS)


@pytest.fixture
def started(depl, base):
    """Start a rollout beside the test, up to where it waits for somebody; what it comes to, once it is over."""
    running = []

    def start(*arguments):
        found = []
        thread = threading.Thread(target=lambda: found.append(depl("rollout", "start", *arguments, cwd=base)))
        thread.start()
        running.append(thread)
        wait_for(lambda: is_at_the_gate(base))

        def end():
            thread.join(60)
            return found[0]

        return end

    yield start
    for thread in running:
        if thread.is_alive():
            depl("rollout", "signal", "latest", "terminate", cwd=base)
        thread.join(60)


def wait_for(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.02)


def newest(base):
    return recorded_rollouts(str(base / ".depl"))[0]


def record(base):
    ids = recorded_rollouts(str(base / ".depl"))
    if not ids:
        return ""
    with open(path_of(str(base / ".depl"), ids[0])) as file:
        return file.read()


def is_at_the_gate(base):
    return '"task started", "task": "2"' in record(base)


def state_of(depl, base, rollout="latest"):
    return json.loads(depl("show", rollout, "--json", cwd=base).stdout.splitlines()[-1])


def test_a_rollout_runs_in_the_foreground_and_tells_of_each_task(depl, base):
    done = depl("rollout", "start", "wait", cwd=base)
    assert done.returncode == 0, done.stderr
    assert "0  Delay for 0.05 seconds: begins" in done.stdout
    assert re.search(r"wait: succeeded in \S+ s\n$", done.stdout)
    assert state_of(depl, base)["state"] == "succeeded"


def test_an_approval_comes_from_another_process(depl, base, started):
    end = started("steps", "--set", "last=touch last")
    waiting = state_of(depl, base)
    assert waiting["holds"] == ["waiting for approval"]
    assert "  2  Does it look well?: waiting" in depl("show", "latest", cwd=base).stdout
    assert any(f"rollout approve {waiting['rollout']}" in command for command in waiting["next"])
    assert depl("rollout", "approve", "latest", "--reason", "it does", cwd=base).returncode == 0
    done = end()
    assert done.returncode == 0, done.stderr
    assert f"approve it with: depl rollout approve {waiting['rollout']}" in done.stdout
    assert (base / "last").exists()
    assert state_of(depl, base)["signals"][0]["reason"] == "it does"


def test_what_fails_is_put_back_and_says_why(depl, base, started):
    end = started("steps", "--set", "last=echo too bad; exit 3")
    depl("rollout", "approve", "latest", cwd=base)
    done = end()
    assert done.returncode == 3
    assert (
        "3  Run `echo too bad; exit 3`: failed: the command `echo too bad; exit 3` exited with status 3" in done.stderr
    )
    assert "    too bad" in done.stderr.splitlines()
    assert "everything was put back" in done.stdout
    assert not (base / "first").exists()


def test_abort_from_elsewhere_puts_everything_back(depl, base, started):
    end = started("steps", "--set", "last=true")
    assert depl("rollout", "signal", "latest", "abort", cwd=base).returncode == 0
    done = end()
    assert done.returncode == 130
    assert not (base / "first").exists()
    assert state_of(depl, base)["state"] == "reversed"


def test_ctrl_c_is_an_abort_like_any_other(depl, base, project):
    surroundings = {**os.environ, "PYTHONPATH": str(project / "src")}
    command = [sys.executable, "-m", "depl", "rollout", "start", "steps", "--set", "last=true"]
    process = subprocess.Popen(command, cwd=base, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: is_at_the_gate(base))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert not (base / "first").exists()
    assert [one["name"] for one in state_of(depl, base)["signals"]] == ["abort"]


def test_a_rejection_needs_a_reason_and_is_kept(depl, base, started):
    end = started("steps", "--set", "last=true")
    refused = depl("rollout", "signal", "latest", "reject", cwd=base)
    assert (refused.returncode, "reject needs a reason" in refused.stderr) == (3, True)
    depl("rollout", "reject", "latest", "--reason", "it is ugly", cwd=base)
    assert end().returncode == 3
    assert "it is ugly" in state_of(depl, base)["reason"]


def test_a_signal_that_makes_no_sense_says_what_does(depl, base, started):
    end = started("steps", "--set", "last=true")
    refused = depl("rollout", "signal", "latest", "retry", cwd=base)
    assert "retry makes no sense while rollout" in refused.stderr
    assert "possible now: pause, abort, terminate, keep" in refused.stderr
    unknown = depl("rollout", "signal", "latest", "skip", "--task", "9", "--reason", "x", cwd=base)
    assert "has no task '9'" in unknown.stderr
    depl("rollout", "approve", "latest", cwd=base)
    assert end().returncode == 0
    over = depl("rollout", "approve", "latest", cwd=base)
    assert "nothing can be asked of it any more" in over.stderr


def test_it_is_followed_from_elsewhere_up_to_its_end(depl, base, started):
    end = started("steps", "--set", "last=echo the end; touch last")
    found = []
    following = threading.Thread(
        target=lambda: found.append(depl("rollout", "follow", "latest", "--verbose", cwd=base))
    )
    following.start()
    depl("rollout", "approve", "latest", cwd=base)
    assert end().returncode == 0
    following.join(60)
    assert found[0].returncode == 0
    assert "    | the end\n" in found[0].stdout
    assert "3  Run `echo the end; touch last`: done" in found[0].stdout
    again = depl("rollout", "follow", "latest", "--json", cwd=base)
    events = [json.loads(line) for line in again.stdout.splitlines()]
    names = [one["event"] for one in events]
    assert names[:2] == ["planned", "started"]
    assert names.index("output") < names.index("over")
    assert (events[-1]["event"], events[-1]["state"]) == ("end", "succeeded")


def test_a_good_one_is_taken_back_once(depl, base, started):
    end = started("steps", "--set", "last=touch last")
    depl("rollout", "approve", "latest", cwd=base)
    assert end().returncode == 0
    good = newest(base)
    planned = depl("rollout", "undo", good, "--plan", cwd=base)
    assert "steps: 2 tasks of rollout" in planned.stdout
    assert (base / "last").exists()
    done = depl("rollout", "undo", good, cwd=base)
    assert done.returncode == 0, done.stderr
    assert f"rollout {good} was taken back" in done.stdout
    assert not (base / "last").exists()
    assert not (base / "first").exists()
    again = depl("rollout", "undo", good, cwd=base)
    assert (again.returncode, f"rollout {good} was taken back by" in again.stderr) == (1, True)


def test_what_an_undo_left_as_it_was_is_taken_back_by_the_next_one(depl, base, started):
    end = started("steps", "--set", "last=touch last")
    depl("rollout", "approve", "latest", cwd=base)
    assert end().returncode == 0
    good = newest(base)
    (base / "stuck").touch()
    assert depl("rollout", "undo", good, cwd=base).returncode == 4
    assert depl("rollout", "signal", newest(base), "keep", cwd=base).returncode == 0
    depl("rollout", "resume", newest(base), cwd=base)
    assert state_of(depl, base)["state"] == "kept"
    (base / "stuck").unlink()
    done = depl("rollout", "undo", good, cwd=base)
    assert (done.returncode, (base / "first").exists()) == (0, False), done.stderr
    assert depl("rollout", "undo", good, cwd=base).returncode == 1


def test_a_way_back_that_fails_blocks_and_is_gone_on_with(depl, base, started):
    (base / "stuck").touch()
    end = started("steps", "--set", "last=exit 3")
    depl("rollout", "approve", "latest", cwd=base)
    done = end()
    assert done.returncode == 4
    assert f"depl rollout resume {newest(base)}" in done.stdout
    blocked = state_of(depl, base)
    assert (blocked["state"], blocked["block"]) == ("blocked", "reversal failed")
    retried = depl("rollout", "retry", "latest", cwd=base)
    assert f"it is heard once somebody goes on with: depl rollout resume {newest(base)}" in retried.stderr
    (base / "stuck").unlink()
    done = depl("rollout", "resume", "latest", cwd=base)
    assert done.returncode == 3, done.stderr
    assert state_of(depl, base)["state"] == "reversed"
    assert not (base / "first").exists()


def test_one_whose_process_was_killed_is_interrupted_and_put_back_by_whoever_comes(depl, base, project):
    surroundings = {**os.environ, "PYTHONPATH": str(project / "src")}
    command = [sys.executable, "-m", "depl", "rollout", "start", "steps", "--set", "last=true"]
    process = subprocess.Popen(command, cwd=base, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: is_at_the_gate(base))
    assert is_driven(path_of(str(base / ".depl"), newest(base)))
    taken = depl("rollout", "resume", "latest", cwd=base)
    assert (taken.returncode, "somebody is at work on rollout" in taken.stderr) == (5, True)
    process.kill()
    process.communicate()
    left = state_of(depl, base)
    assert left["interrupted"] and "rollout resume" in left["next"][0]
    assert not any("pause" in command or "abort" in command for command in left["next"])  # who would hear it?
    assert "running, waiting for approval, interrupted" in depl("rollouts", cwd=base).stdout
    undone = depl("rollout", "undo", "latest", cwd=base).stderr
    assert "was interrupted while it was running, so there is nothing to take back yet" in undone
    assert f"`depl rollout resume {left['rollout']} --backward` puts back what it did" in undone
    followed = depl("rollout", "follow", "latest", cwd=base)
    assert (followed.returncode, "nobody is at work on it" in followed.stdout) == (4, True)
    done = depl("rollout", "resume", "latest", "--backward", cwd=base)
    assert done.returncode == 3, done.stderr
    assert not (base / "first").exists()


def test_one_can_be_planned_first_and_started_later_or_cancelled(depl, base):
    done = depl("rollout", "new", "wait", cwd=base)
    assert done.returncode == 0, done.stderr
    id = newest(base)
    assert f"start it with: depl rollout start {id}" in done.stdout
    assert state_of(depl, base)["state"] == "planned"
    assert depl("rollout", "start", id[:-1], cwd=base).returncode == 0
    again = depl("rollout", "start", id, cwd=base)
    assert (again.returncode, f"rollout {id} is succeeded and cannot start" in again.stderr) == (1, True)
    depl("rollout", "new", "wait", cwd=base)
    depl("rollout", "signal", "latest", "abort", cwd=base)
    assert state_of(depl, base)["state"] == "cancelled"


def test_a_plan_that_is_too_old_is_made_anew(depl, base):
    with open(base / "rollouts/wait.py", "a") as file:
        file.write("\n    valid = 0.5\n")
    depl("rollout", "new", "wait", cwd=base)
    made = json.loads(record(base))["data"]["made"]
    wait_for(lambda: time.time() - _seconds(made) > 2)
    refused = depl("rollout", "start", "latest", cwd=base)
    assert f"Make it anew: depl rollout plan {newest(base)}" in refused.stderr
    assert depl("rollout", "plan", "latest", cwd=base).returncode == 0
    assert len(record(base).splitlines()) == 2


def _seconds(at):
    from calendar import timegm

    return timegm(time.strptime(at, "%Y-%m-%dT%H:%M:%SZ"))


def test_the_list_tells_what_can_be_given(depl, base):
    done = depl("rollout", "list", cwd=base)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "steps: A step, a question, another step.",
        "  --set last=...  what to run at the end; must be given",
        "  --set first=...  touch first unless given",
        "  --set kind=...  one of big, small; small unless given",
        "wait: Wait",
        "  --set seconds=...  how long; 0.05 unless given",
    ]


def test_a_broken_file_does_not_hide_the_others(depl, base):
    (base / "rollouts/broken.py").write_text("import nothing_like_that\n")
    done = depl("rollout", "list", cwd=base)
    assert done.returncode == 1
    assert "rollouts/broken.py:1" in done.stderr
    assert "wait: Wait" in done.stdout


def test_a_plan_shows_every_task_and_touches_nothing(depl, base):
    done = depl("rollout", "plan", "steps", "--set", "last=true", cwd=base)
    assert done.returncode == 0, done.stderr
    assert "    1  Run `touch first`\n    2  Does it look well?\n    3  Run `true`" in done.stdout
    assert not (base / ".depl").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["start", "steps"], 1, "The parameter 'last' is not given"),
        (["start", "steps", "--set", "last=true", "--set", "kind=huge"], 1, "which is not one of big, small"),
        (["start", "wait", "--set", "second=1"], 1, "Did you mean 'seconds'?"),
        (["start", "wait", "--set", "seconds"], 2, "--set 'seconds' is not KEY=VALUE"),
        (["start", "wiat"], 1, "Did you mean 'wait'?"),
        (["follow", "latest"], 1, "no rollout is recorded here"),
        (["undo", "20260102-030405-ab12"], 1, "no rollout is recorded here"),
    ],
)
def test_mistakes_are_answered_with_the_next_step(depl, base, arguments, status, told):
    done = depl("rollout", *arguments, cwd=base)
    assert (done.returncode, told in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not (base / ".depl").exists()


def test_a_program_reads_lines_and_an_end(depl, base):
    done = depl("rollout", "start", "wait", "--json", cwd=base)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["event"] for one in events if one["event"] != "progress"] == [
        "planned",
        "started",
        "task_started",
        "task_saved",
        "task_done",
        "over",
        "end",
    ]
    assert (events[-1]["state"], events[-1]["exit_status"]) == ("succeeded", 0)


def test_a_deployment_inside_takes_the_lock_and_is_known_to_undo(depl, write, service):
    write(
        {
            "rollouts/greet.py": """\
                from depl.rollout import Parameter, Rollout
                from depl.tasks import Command, Deploy, Sequential


                class Greet(Rollout):
                    then = Parameter(str, default="true")

                    def plan(self):
                        deploy = Deploy("dev", overrides={"hello.greeting": "Good morning!"})
                        return Sequential(deploy, Command(self.then, undo="true"))
                """
        }
    )
    hello = service / "work/hello/hello.txt"
    failed = depl("rollout", "start", "greet", "--set", "then=false", cwd=service)
    assert failed.returncode == 3, failed.stderr
    assert not hello.exists()
    done = depl("rollout", "start", "greet", cwd=service)
    assert done.returncode == 0, done.stderr
    assert hello.read_text() == "Good morning!\n"
    assert state_of(depl, service)["environments"] == ["dev"]
    assert state_of(depl, service)["changed"] > 0
    assert depl("rollout", "undo", "latest", cwd=service).returncode == 0
    assert not hello.exists()


def test_an_environment_is_its_own_until_the_rollout_is_over(depl, write, service):
    write(
        {
            "rollouts/stay.py": """\
                from depl.rollout import Rollout
                from depl.tasks import Command, Deploy, Sequential


                class Stay(Rollout):
                    def plan(self):
                        return Sequential(Command("true", undo="test ! -e stuck"), Deploy("dev"), Command("false"))
                """
        }
    )
    (service / "stuck").touch()
    assert depl("rollout", "start", "stay", cwd=service).returncode == 4
    refused = depl("local", "dev", cwd=service)
    assert (refused.returncode, f"depl rollout resume {newest(service)}" in refused.stderr) == (5, True)
    (service / "stuck").unlink()
    assert depl("rollout", "resume", "latest", cwd=service).returncode == 4  # nobody said how `false` is undone
    assert depl("local", "dev", cwd=service).returncode == 0
