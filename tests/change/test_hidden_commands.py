"""Commands that hold secrets: nobody reads them among arguments, in what is told, or in what is written down."""

from __future__ import annotations

import glob
import os
import shlex
import subprocess
import sys
import threading
import time

import pytest

from depl.change.invocations import Invocation
from depl.change.predicting import PredictingSystem
from depl.change.process import execute, shown
from depl.change.records import Did
from depl.change.spawning import holds_secret, spawn
from depl.errors import CmdExecutionError
from depl.redact import Redactor
from depl.utils import cmd

SECRET = "tr0ub4dor&3"
KEY = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\nq83vEjRWeJCrze8S\n-----END KEY-----"
MASK = "‹secret app.password #a1b2›"


@pytest.fixture
def redact() -> Redactor:
    return Redactor([("app.password #a1b2", SECRET), ("app.key #c3d4", KEY)])


@pytest.fixture
def system(machine, redact):
    machine.system.redact = redact
    return machine.system


def seen_of(mark: str, act) -> bytes:
    """All arguments of the processes that have a mark in their environment, while something is done."""
    found = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for directory in glob.glob("/proc/[0-9]*"):
                try:
                    with open(f"{directory}/environ", "rb") as environ, open(f"{directory}/cmdline", "rb") as line:
                        if mark.encode() in environ.read():
                            found.add(line.read())
                except OSError:
                    continue
            time.sleep(0.01)

    watching = threading.Thread(target=look)
    watching.start()
    try:
        act()
    finally:
        over.set()
        watching.join()
    assert found, "no process was seen"
    return b"\n".join(found)


def marked() -> tuple[str, dict[str, str]]:
    mark = f"mark-{os.urandom(8).hex()}"
    return mark, {"SEEN_BY": mark}


SLEEPS = f"true {shlex.quote(SECRET)}; sleep 0.5"


def test_a_text_with_a_secret_is_among_nobodys_arguments_while_it_runs(system):
    mark, env = marked()
    assert SECRET.encode() not in seen_of(mark, lambda: system.run(SLEEPS, env=env))
    assert SECRET.encode() not in seen_of(mark, lambda: system.ask(SLEEPS, env=env))


def test_another_text_is_found_among_the_arguments_so_that_one_knows_what_runs(system):
    mark, env = marked()
    assert b"true open; sleep 0.5" in seen_of(mark, lambda: system.run("true open; sleep 0.5", env=env))


def test_a_sensitive_text_is_among_nobodys_arguments_though_its_secret_is_unknown(system):
    mark, env = marked()
    assert b"unknown" not in seen_of(mark, lambda: system.run("true unknown; sleep 0.5", env=env, sensitive=True))


def test_what_was_recorded_with_a_secret_runs_so_again_where_it_is_not_known(machine, system):
    mark, env = marked()
    system.run(f"echo {SECRET!r} >> {machine.path('log')}", undo=SLEEPS, env=env)
    (did,) = machine.standing()
    again = machine.open()
    assert not again.redact
    seen = seen_of(mark, lambda: again.run_recorded(did.change.reversal(), did.component, did.n))
    assert SECRET.encode() not in seen


def test_a_declared_undo_with_a_secret_is_kept_as_one(system):
    assert Invocation(**system.blobs.read_json(system.keep_undo(SLEEPS))).hidden
    assert not Invocation(**system.blobs.read_json(system.keep_undo("true"))).hidden


def test_a_plan_looks_without_showing_secrets_among_arguments(tmp_path, redact):
    mark, env = marked()
    system = PredictingSystem(str(tmp_path), redact=redact)
    assert SECRET.encode() not in seen_of(mark, lambda: system.ask(SLEEPS, env=env))


def test_a_command_outside_of_components_does_neither(redact):
    mark, env = marked()
    assert SECRET.encode() not in seen_of(mark, lambda: cmd(SLEEPS, env=env, redact=redact))
    process = cmd(f"cat; sleep 0.5; echo {shlex.quote(SECRET)}", communicate=False, env=env, redact=redact)
    assert SECRET.encode() not in seen_of(mark, lambda: process.communicate(b""))


@pytest.mark.parametrize(
    "text",
    [
        "echo $0 $# out; echo err >&2; exit 3",
        "cat <<EOF\n$HOME 'single' \"double\" $(echo sub) `echo back` \\n\nEOF",
        "cat",
        "x=1; (exit 7)",
        "set -e; false; echo not",
        "sh -c 'kill -9 $$'; echo $?",
        "printf 'no newline'; return 4",
        "exec sh -c 'echo $0 $1' name arg",
        "echo 'a\tb'  '  c '; exit 0 # comment",
        "if true; then\n  echo $LINENO\nfi\n\n\n",
        "",
        'read line; echo "<$line>"; cat',
        "sleep 0 & wait; echo done",
        "printf 'caf\u00e9 \u2713'",
        "cd / && pwd",
        "trap 'echo bye' EXIT; exit 5",
    ],
)
def test_a_hidden_text_runs_as_it_does_in_sight(text):
    how = {"input": "first\nsecond\n", "env": {"HOME": "/somewhere"}}
    assert execute(text, hidden=True, **how) == execute(text, **how)


def test_a_hidden_text_may_be_long():
    text = f"echo {'x' * 100_000} | wc -c; : {'y' * 300_000}"
    result = execute(text, hidden=True)
    assert (result.status, result.stdout.strip()) == (0, "100001")


def test_a_hidden_text_finds_its_tools_though_its_path_leads_nowhere():
    assert execute("echo here", hidden=True, env={"PATH": "/nowhere"}).stdout == "here\n"


def test_a_hidden_text_that_is_wrong_fails_as_it_does_in_sight():
    result = execute("echo a\nif then", hidden=True)
    assert (result.status, result.stdout) == (2, "a\n")
    assert "yntax error" in result.stderr


def test_what_a_hidden_text_starts_finds_nothing_of_it(tmp_path):
    look = "for one in /proc/self/fd/*; do timeout 1 cat $one 2>/dev/null; done </dev/null"
    assert "hidden-word" not in execute(f"{look}; : hidden-word", hidden=True).stdout


def test_a_hidden_text_that_cannot_be_started_leaves_no_descriptor_open():
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        spawn("true", True, cwd="/nowhere/at/all")
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_return_value_is_what_the_command_really_said(system):
    assert system.run(f"echo {shlex.quote(SECRET)}; echo {shlex.quote(SECRET)} >&2") == (
        0,
        SECRET + "\n",
        SECRET + "\n",
    )


def test_a_secret_that_is_printed_in_two_pieces_is_masked(machine, system):
    script = f"printf tr0u; sleep 0.3; printf 'b4dor&3\\n'; printf '{SECRET[:3]}' >&2; sleep 0.2; printf x >&2"
    system.run(["sh", "-c", script])
    told = {stream: "".join(t for _, s, t in machine.output if s == stream) for stream in ("stdout", "stderr")}
    assert told == {"stdout": MASK + "\n", "stderr": "tr0x"}


def test_a_secret_of_several_lines_is_masked_though_it_comes_line_by_line(machine, system):
    lines = " ".join(map(shlex.quote, KEY.splitlines()))
    system.run(f'echo before; for line in {lines}; do echo "$line"; sleep 0.05; done; echo after')
    told = "".join(text for _, _, text in machine.output)
    assert told == "before\n‹secret app.key #c3d4›\nafter\n"


def test_other_lines_are_told_as_they_come(machine, system):
    came = []
    system._on_output = lambda component, stream, text: came.append((time.monotonic(), text))
    system.run("echo one; sleep 0.6; echo two")
    (first, one), (second, two) = came
    assert (one, two) == ("one\n", "two\n") and second - first > 0.3


def test_what_is_held_back_is_told_when_a_command_is_ended_by_force(machine, system):
    with pytest.raises(CmdExecutionError):
        system.run("printf tr0u; sleep 60", timeout=0.3)
    assert [text for _, _, text in machine.output] == ["tr0u"]


def test_an_error_has_neither_the_secret_nor_an_output_with_it(system):
    with pytest.raises(CmdExecutionError) as caught:
        system.run(f"echo {shlex.quote(SECRET)}; echo {shlex.quote(SECRET)} >&2; exit 1")
    error = caught.value
    assert (error.stdout, error.stderr) == (MASK + "\n", MASK + "\n")
    assert SECRET not in str(error) and SECRET not in error.cmd
    with pytest.raises(CmdExecutionError) as caught:
        system.ask(["false", SECRET], check=True)
    assert SECRET not in str(caught.value)


def test_a_secret_at_the_end_of_what_is_shown_of_a_long_command_is_not_cut_before_it_is_masked(redact):
    for padding in range(480, 500):
        text = shown(f"echo {'x' * padding} {SECRET} {'y' * 100}", redact)
        assert len(text) <= 500 and SECRET[:4] not in text
        text = shown(["echo", "x" * padding, SECRET, "y" * 100], redact)
        assert len(text) <= 500 and SECRET[:4] not in text


def test_a_list_shows_its_secrets_masked_however_they_are_quoted(redact):
    redact.learn([("app.odd #e5f6", 'it\'s "odd"')])
    assert shown(["login", '--password=it\'s "odd"'], redact) == "login '--password=‹secret app.odd #e5f6›'"


def test_a_list_with_a_secret_runs_and_is_warned_of_once_a_component(machine, system):
    told = []
    system.warn.tell = lambda component, text: told.append((component, text))
    assert system.run(["echo", SECRET])[1] == SECRET + "\n"
    system.ask(["test", SECRET])
    ((component, text),) = told
    assert component == "app/One(x)"
    assert SECRET not in text and MASK in text and "env=" in text and "input=" in text
    system.component = "app/Other"
    system.run(["true", "open"])
    system.run(f"true '{SECRET}'")
    assert len(told) == 1
    system.run(["true", SECRET])
    assert [component for component, _ in told] == ["app/One(x)", "app/Other"]


def test_a_plan_warns_of_what_would_run(tmp_path, redact):
    told = []
    system = PredictingSystem(str(tmp_path), redact=redact)
    system.warn.tell = lambda component, text: told.append(text)
    system.run(["true", SECRET])
    assert len(told) == 1 and SECRET not in told[0] + str(system.shown)


def test_neither_the_journal_nor_what_is_shown_has_a_secret(machine, system):
    system.run(
        f"echo {shlex.quote(SECRET)}",
        undo=["echo", SECRET],
        reason=f"because of {SECRET}",
    )
    system.run("true", shown=f"log in with {SECRET}", undo="true", undo_shown=f"log out with {SECRET}")
    kept = system.kept({"token": SECRET, "port": 80})
    with open(machine.journal.path) as journal:
        written = journal.read()
    assert SECRET not in written + str(system.shown) + str(kept)
    assert written.count("‹secret") + written.count("\\u2039secret") >= 5


def test_what_an_author_captured_comes_back_with_its_secrets(system):
    from depl.change.changes import Call

    for captured in ({"token": SECRET, "port": 80}, {"port": 80}):
        assert system.captured(Call("app", system.kept(captured))) == captured
    assert system.kept({"port": 80}) == {"port": 80}


def test_the_note_of_a_running_command_is_its_owners_and_has_no_text(machine, system):
    note = os.path.join(str(machine.records), "running")
    system.run(
        f"true {shlex.quote(SECRET)}; stat -c %a {note} > {machine.path('mode')}; cat {note} > {machine.path('n')}"
    )
    assert (machine.at / "mode").read_text() == "600\n"
    assert SECRET not in (machine.at / "n").read_text()


def test_records_of_commands_without_secrets_are_as_they_were(system):
    system.run("true")
    (did,) = [record for record in system.journal.records if isinstance(record, Did)]
    assert "hidden" not in system.blobs.read_json(did.change.command)


def test_bytes_and_paths_are_looked_through_as_well(redact):
    assert holds_secret(["cat", f"/run/{SECRET}"], redact)
    assert not holds_secret([sys.executable, "-c", "pass"], redact)


def test_the_shell_of_a_hidden_text_is_the_usual_one():
    process = spawn("tr '\\0' ' ' < /proc/$$/cmdline", True, stdout=subprocess.PIPE)
    assert process.communicate()[0].startswith(b"/bin/sh -c eval ")
