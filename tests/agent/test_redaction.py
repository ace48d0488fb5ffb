"""What an agent says, and keeps while nobody listens, has no secret in it; what the coordinator works with stays."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from depl.agent.line import Line, kept
from depl.agent.planning import Planning
from depl.agent.undoing import Undoing
from depl.errors import CmdExecutionError, ConfigurationError, DeploymentError, Mistakes
from depl.events import Event, Output, What
from depl.protocol.failures import TAIL, error_from_json, error_to_json
from depl.protocol.framing import Decoder
from depl.protocol.masking import TEXTS, masked
from depl.protocol.replies import (
    NUMBERED,
    REPLIES,
    Configured,
    Found,
    LockTaken,
    Planned,
    Ready,
    Refused,
    Repeated,
    Said,
    Settled,
    TaskOver,
    TasksReversed,
    Told,
    Wants,
)
from depl.protocol.replies import (
    Undoing as Opened,
)
from depl.protocol.requests import Hello
from depl.redact import Redactor

SECRET = "tr0ub4dor&3"
MASK = "‹secret app.password #a1b2›"
ROOT = "website"  # somebody's password, too


@pytest.fixture
def redact() -> Redactor:
    return Redactor([("app.password #a1b2", SECRET), ("app.root #c3d4", ROOT)])


@pytest.fixture
def wires():
    """A line, the end where it is heard, and one that closes what it reads."""
    incoming, up = os.pipe()
    down, outgoing = os.pipe()
    before = set(threading.enumerate())
    line = Line(incoming, outgoing)
    line.beat = 60.0
    yield line, down, lambda: os.close(up)
    if not line.cut:
        os.close(up)
    wait_for_the_cut(line)
    for thread in set(threading.enumerate()) - before:  # its descriptors are soon those of others
        thread.join(30)
        assert not thread.is_alive()
    for end in (down, incoming, outgoing):
        os.close(end)


def wait_for_the_cut(line: Line) -> None:
    while not line.cut:
        time.sleep(0.005)


def heard(down: int, count: int) -> list[Any]:
    decoder, got = Decoder(REPLIES), []
    while len(got) < count:
        got += decoder.feed(os.read(down, 65536))
    return got


FACTS = error_to_json(CmdExecutionError(f"echo {SECRET}", 1, SECRET, f"{SECRET}\n", component=f"{ROOT}/Command(x)"))
CHANGE = {
    "verb": "write",
    "path": f"/etc/{SECRET}",
    "before": "nothing",
    "after": "a file",
    "way_back": "exact",
    "reason": "",
    "size": 11,
    "diff": f"+password = {SECRET}\n",
}
REPLIES_OF_A_RUN = [
    Configured([f"{SECRET} is another one there"], [{"text": f"beware of {SECRET}"}]),
    Told(0, "changed", ROOT, f"{ROOT}/File(x)", {"changes": [CHANGE], "reason": SECRET, "seconds": 0.1}),
    Told(0, "task failed", ROOT, None, {"error": SECRET, "place": "c.py:3", "hint": "", "output": [SECRET, "more"]}),
    Told(0, "conflict", ROOT, None, {"change": CHANGE, "reason": SECRET}),
    Told(0, "kept", ROOT, None, {"path": f"/etc/{SECRET}", "reason": SECRET}),
    Told(0, "log", ROOT, None, {"text": SECRET}),
    TaskOver(0, ROOT, 1, [FACTS]),
    TasksReversed(0, [ROOT], 3, [f"/etc/{SECRET}"], [SECRET], [SECRET], [SECRET], [ROOT]),
    Repeated(0, [ROOT], [SECRET]),
    Settled(0, [FACTS]),
    Planned(0, ROOT, 1, [FACTS], [SECRET], [SECRET]),
    Opened([{"root": ROOT, "order": 1, "after": [ROOT]}], [CHANGE], [SECRET], ["r1"]),
    Refused("failed", [error_to_json(Mistakes([ConfigurationError(SECRET), ConfigurationError("x", hint=SECRET)]))]),
]


@pytest.mark.parametrize("reply", REPLIES_OF_A_RUN, ids=lambda reply: type(reply).__name__)
def test_a_reply_is_sent_without_secrets(redact, reply):
    assert SECRET in str(reply)
    sent = masked(reply, redact)
    assert SECRET not in str(sent) and MASK in str(sent)


@pytest.mark.parametrize("reply", REPLIES_OF_A_RUN, ids=lambda reply: type(reply).__name__)
def test_what_the_coordinator_works_with_is_sent_as_it_is_though_a_secret_is_the_same(redact, reply):
    words = ["write", "exact", "nothing", "changed", "task failed", "conflict", "kept", "log", "failed", "Mistakes"]
    redact.learn([(f"app.{number}", word) for number, word in enumerate([*words, "error", "text", "root", "size"])])
    sent = masked(reply, redact)
    for name in ("what", "task", "component", "tasks", "owed", "rollouts", "status", "changed", "reversed"):
        if isinstance(reply, Opened) and name == "tasks":
            assert [one["root"] for one in sent.tasks] == [ROOT]
        assert getattr(sent, name, None) == getattr(reply, name, None)
    if isinstance(reply, Told):
        assert set(sent.data) == set(reply.data)
        change = sent.data.get("change") or sent.data.get("changes", [CHANGE])[0]
        assert [change[name] for name in ("verb", "way_back", "before", "size")] == ["write", "exact", "nothing", 11]
    for facts in getattr(sent, "errors", ()):
        assert facts["class"] in ("CmdExecutionError", "Mistakes")
        assert error_from_json(facts).component in (None, f"{ROOT}/Command(x)")


def test_every_reply_is_thought_of():
    harmless = {Ready, Wants, Said, Found, LockTaken}  # output is filtered as the stream that it is
    rest = {kind for kind in REPLIES if kind not in TEXTS and kind not in harmless}
    assert {kind.__name__ for kind in rest} == {"Alive", "Bye"}
    assert set(NUMBERED) <= {*TEXTS, Said}


def test_nothing_is_looked_through_where_no_secret_is_known():
    reply = REPLIES_OF_A_RUN[0]
    assert masked(reply, Redactor()) is reply


def test_a_secret_at_the_cut_of_a_long_output_is_masked_before_it_is_cut(redact):
    error = CmdExecutionError("x", 1, SECRET + "y" * (TAIL - 5), SECRET + "y" * (TAIL - 5))
    facts = error_to_json(error, redact)
    assert SECRET[-5:] not in facts["stdout"] + facts["stderr"]
    assert len(facts["stdout"]) == TAIL


def test_a_line_says_nothing_of_what_it_learns(wires):
    line, down, _ = wires
    line.send(TaskOver(0, "early", errors=[error_to_json(DeploymentError("known later"))]))
    line.redact.learn([("app.password #a1b2", SECRET)])
    line.send(TaskOver(0, ROOT, errors=[error_to_json(DeploymentError(f"no {SECRET}"))]))
    early, late = heard(down, 2)
    assert early.errors[0]["message"] == "known later"
    assert late.errors[0]["message"] == f"no {MASK}"
    assert late.task == ROOT


def test_what_is_kept_while_nobody_listens_has_no_secret(wires, tmp_path):
    line, _, cut = wires
    path = str(tmp_path / "kept")
    line.redact.learn([("app.password #a1b2", SECRET)])
    line.keeps_at(path)
    line.send(Told(0, "log", ROOT, None, {"text": SECRET}))
    cut()
    wait_for_the_cut(line)
    line.send(TaskOver(0, ROOT, errors=[FACTS]))
    line.close()
    with open(path, "rb") as file:
        assert SECRET.encode() not in file.read()
    assert os.stat(path).st_mode & 0o777 == 0o600
    told, over = Decoder(REPLIES).feed(b"".join(frame for _, frame in kept(path, 0)))
    assert told.data["text"] == MASK and over.task == ROOT


def hello(tmp_path, mode: str) -> Hello:
    return Hello("r1", "live", "web", "me", str(tmp_path), mode=mode)


def test_an_undo_does_not_keep_output_as_it_knows_no_secrets(wires, tmp_path):
    line, down, cut = wires
    side = Undoing(hello(tmp_path, "undo"), line)
    path = str(tmp_path / "kept")
    line.keeps_at(path)
    side.emit(Output("app", "stdout", "the password is unknown"))
    side.emit(Event(What.LOG, "app", data={"text": "told"}))
    assert [type(one) for one in heard(down, 2)] == [Said, Told]
    cut()
    wait_for_the_cut(line)
    side.emit(Output("app", "stdout", "unknown"))
    line.send(Repeated(0, ["app"]))
    line.close()
    frames = b"".join(frame for _, frame in kept(path, 0))
    assert [type(one) for one in Decoder(REPLIES).feed(frames)] == [Told, Repeated]


def test_all_that_an_agent_says_passes_the_filter_that_its_slice_teaches(wires, tmp_path):
    line, down, _ = wires
    side = Planning(hello(tmp_path, "plan"), line)
    side.locked()
    assert side.redact is line.redact is side._system.redact
    side.redact.learn([("app.password #a1b2", SECRET)])
    side._system.component = "app/Login(x)"
    side._system.run(["login", SECRET])
    side.emit(Event(What.LOG, "app", data={"text": SECRET}))
    warning, log = heard(down, 2)
    assert (warning.what, warning.task, warning.component) == ("warning", "app", "app/Login(x)")
    assert SECRET not in str((warning, log, side._system.shown)) and log.data["text"] == MASK


PRINTS = f"""
import os, sys, time
from depl.agent.streams import Printed
from depl.redact import Redactor
out, redact, said = os.dup(1), Redactor(), []
printed = Printed(lambda stream, text: said.append((stream, text)), redact)
print("early {ROOT}")
def until(length):
    while sum(len(text) for _, text in said) < length: time.sleep(0.01)
until({len(ROOT) + 7})
redact.learn([("app.password #a1b2", "{SECRET}")])
sys.stdout.write("a {SECRET[:4]}"); sys.stdout.flush(); time.sleep(0.2)
os.write(1, b"{SECRET[4:]} b\\n")
os.system("echo 'err {SECRET}' >&2; printf {SECRET[:5]} >&2")
until({len(ROOT) + 7 + len(MASK) + 5 + len(MASK) + 5}); time.sleep(0.3)
before = list(said); printed.end()
for stream in ("stdout", "stderr"):
    os.write(out, (stream + ":" + "".join(t for s, t in said if s == stream)).encode())
os.write(out, repr(len(said) - len(before)).encode())
"""


def test_what_code_prints_is_filtered_as_a_stream():
    done = subprocess.run([sys.executable, "-c", PRINTS], capture_output=True, text=True, timeout=60)
    assert done.stdout == f"stdout:early {ROOT}\na {MASK} b\nstderr:err {MASK}\n{SECRET[:5]}1"
