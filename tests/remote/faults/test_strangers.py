"""Hosts that answer what no agent says: they are refused, and nobody else is harmed."""

from __future__ import annotations

import pytest

WRAPPER = """\
#!{python}
# A stub like the real one as far as the greeting; then {what}.
import json, os, struct, sys, zlib

def frame(text, data=b""):
    return struct.pack(">BII", 0, len(text), len(data)) + text + data

def say(**message):
    return frame(json.dumps(message).encode())

READY = dict(
    python="3.11.7", machine="x", user="x", home="/x", target_directory="/x", lock=True, owner="", known=0,
    time=0.0, facts={{}},
)
os.read(0, 1 << 20)
greeting = {{"wants": False, "version": "3.11.7", "python": "/x"}}
os.write(1, b"depl-agent-1 " + json.dumps(greeting).encode() + b"\\n")
import time
{program}
while os.read(0, 1 << 20): pass
"""
STRANGERS = {
    "garbage": 'os.write(1, b"GET / HTTP/1.1\\r\\nHost: example.com\\r\\n\\r\\n")',
    "a bomb": 'bomb = zlib.compress(b" " * (64 << 20)); os.write(1, struct.pack(">BII", 1, len(bomb), 0) + bomb)',
    "an unknown message": 'os.write(1, say(**{"is": "Execute", "code": "import os"}))',
    "wants what there is not": 'os.write(1, say(**{"is": "Ready", **READY}) '
    '+ say(**{"is": "Wants", "kind": "contents", "items": ["../../../etc/passwd", "0" * 64]}))',
    "an early end": "sys.exit(7)",
    "a request": 'os.write(1, say(**{"is": "Goodbye"}))',
    "a huge frame": 'os.write(1, struct.pack(">BII", 0, 0xFFFFFFFF, 0))',
    "a wrong type": 'os.write(1, say(**{"is": "Ready", **READY, "python": ["3"]}))',
    "deep nesting": 'os.write(1, frame(b"[" * 100000))',
    "wants the impossible": 'os.write(1, say(**{"is": "Ready", **READY}) '
    '+ say(**{"is": "Wants", "kind": "/etc/passwd", "items": []}))',
    "wants nonsense": 'os.write(1, say(**{"is": "Ready", **READY}) '
    '+ say(**{"is": "Wants", "kind": "manifest", "items": [{"a": 1}, 7]}))',
    "noise without end": "\nfor n in range(1000): os.write(1, b'x' * 65536)",
}
LATER = {
    "an answer for another task": {"is": "TaskOver", "n": 1, "task": "nobody", "changed": 1},
    "garbage in the middle": None,
    "an answer to no question": {"is": "Settled", "n": 1},
    "an event of the coordinator": {"is": "Told", "n": 1, "what": "no such event"},
}


@pytest.fixture
def stranger(field):
    """The host `web`, whose Python is none."""
    import sys

    def make(what, program):
        path = field.scratch / "python3"
        path.write_text(WRAPPER.format(python=sys.executable, what=what, program=program))
        path.chmod(0o755)
        field.hosts("db", "web", opened=["db"], python={"web": str(path)})

    return make


def first_few(names, few):
    """The first ones always, the others in long runs."""
    return [name if n < few else pytest.param(name, marks=pytest.mark.long) for n, name in enumerate(names)]


@pytest.mark.parametrize("what", first_few(STRANGERS, 5))
def test_a_host_that_talks_nonsense_is_refused_before_anything_is_changed(what, stranger, field):
    stranger(what, STRANGERS[what])
    run = field.start("remote", "live")
    assert run.status() == 3, run.everything
    assert_clear(run)
    assert field.ran("db") == []
    assert not field.deployed("db")
    field.all_gone()


@pytest.mark.parametrize("what", first_few(LATER, 2))
def test_a_host_that_begins_to_talk_nonsense_is_left_and_the_others_are_put_back(what, stranger, field):
    message = LATER[what]
    said = f"say(**{message!r})" if message else "b'x' * 1000"
    done = field.scratch / "db.last.done"
    stranger(
        what,
        "os.write(1, say(**{'is': 'Ready', **READY}) + say(**{'is': 'Configured'}))\n"
        f"while not os.path.exists({str(done)!r}): os.write(1, say(**{{'is': 'Alive'}})); time.sleep(0.1)\n"
        f"os.write(1, {said})",
    )
    run = field.start("remote", "live")
    assert run.status() == 4, run.everything
    assert_clear(run)
    assert "what was changed there is not put back" in run.everything
    assert not field.deployed("db")
    field.all_gone()


def assert_clear(run):
    """That the error is a sentence about the host, and no traceback."""
    complaints = run.complaints.read_text()
    assert "Traceback" not in complaints
    assert "bug" not in complaints
    first = complaints.splitlines()[0]
    assert first.startswith("error: ")
    assert "web" in first
    assert len(first) < 500
