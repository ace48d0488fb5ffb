"""The agent's end of the line, over pipes: what is acknowledged, what is kept when it is cut, what is told again."""

from __future__ import annotations

import os
import threading
import time

import pytest

from depl.agent.line import Line, kept
from depl.protocol.framing import Decoder, encode
from depl.protocol.replies import REPLIES, Said, TaskOver, Told
from depl.protocol.requests import Alive, Goodbye, Start, Stop


class Wires:
    """A line, and the coordinator's ends of its two pipes."""

    def __init__(self, initial=b"", beat=60.0):
        incoming, self.up = os.pipe()
        self.down, outgoing = os.pipe()
        self.line = Line(incoming, outgoing, initial)
        self.line.beat = beat
        self._decoder = Decoder(REPLIES)
        self._ends = [incoming, outgoing]
        self.got = []

    def say(self, *messages):
        os.write(self.up, b"".join(map(encode, messages)))

    def hear(self, count):
        """So many messages, signs of life aside."""
        while len(self.got) < count:
            self.got += [one for one in self._decoder.feed(os.read(self.down, 65536)) if not isinstance(one, Alive)]
        return self.got

    def cut(self):
        os.close(self.up)
        wait(lambda: self.line.cut)

    def close(self):
        for end in [self.down, *([] if self.line.cut else [self.up])]:
            os.close(end)


def wait(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def wires():
    made = []

    def make(*arguments, **how):
        made.append(Wires(*arguments, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_requests_come_in_their_order_also_those_that_were_read_before(wires):
    ends = wires(encode(Start([], True)))
    ends.say(Goodbye())
    assert [ends.line.next(), ends.line.next()] == [Start([], True), Goodbye()]


def test_messages_are_numbered(wires):
    ends = wires()
    ends.line.send(Told(0, "log"))
    ends.line.send(Said(0, None, "stdout", "x"))
    assert [one.n for one in ends.hear(2)] == [1, 2]


def test_a_word_to_stop_is_heard_while_something_else_is_done(wires):
    ends = wires()
    heard = []
    ends.line.on_stop = heard.append
    ends.say(Stop("abort"))
    wait(lambda: heard)
    assert heard == ["abort"]


def test_when_the_line_is_cut_what_was_not_acknowledged_is_kept_with_all_that_follows(wires, tmp_path):
    ends = wires()
    path = str(tmp_path / "kept")
    ends.line.keeps_at(path)
    for number in range(5):
        ends.line.send(Said(0, None, "stdout", str(number)))
    ends.hear(5)
    ends.say(Alive(2))
    ends.cut()
    ends.line.send(TaskOver(0, "web"))
    ends.line.close()
    frames = kept(path, 2)
    assert [number for number, _ in frames] == [3, 4, 5, 6]
    assert [number for number, _ in kept(path, 4)] == [5, 6]
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o600


def test_what_is_kept_is_told_again_and_numbering_goes_on_behind_it(wires):
    ends = wires()
    ends.line.tell_again([(8, encode(Said(8, None, "stdout", "a"))), (9, encode(TaskOver(9, "web")))], 7)
    ends.line.send(TaskOver(0, "db"))
    assert ends.hear(3) == [
        Said(8, None, "stdout", "a"),
        TaskOver(9, "web", errors=[]),
        TaskOver(10, "db", errors=[]),
    ]


def test_half_a_message_at_the_end_of_what_was_kept_is_none(tmp_path):
    path = tmp_path / "kept"
    whole = encode(Said(1, None, "stdout", "a"))
    for size in range(len(whole)):
        path.write_bytes(whole + encode(TaskOver(2, "web"))[:size])
        assert [number for number, _ in kept(str(path), 0)] in ([1], [1, 2])
    path.write_bytes(whole + b"\xff" * 20)
    assert [number for number, _ in kept(str(path), 0)] == [1]
    assert kept(str(tmp_path / "none"), 0) == []


def test_a_line_without_signs_of_life_counts_as_cut(wires):
    ends = wires(beat=0.05)
    assert ends.line.next() is None
    assert ends.line.cut


def test_nonsense_counts_as_a_cut(wires):
    ends = wires()
    os.write(ends.up, b"GET / HTTP/1.1\r\n\r\n")
    assert ends.line.next() is None
    assert ends.line.cut


def test_where_nobody_reads_output_waits_and_answers_do_not(wires):
    ends = wires(beat=0.1)
    said = []

    def say():
        for _ in range(20):
            ends.line.send(Said(0, None, "stdout", os.urandom(450_000).hex()))
            said.append(1)

    talking = threading.Thread(target=say, daemon=True)
    talking.start()
    ends.line.send(TaskOver(0, "web"))  # does not block
    ends.cut()
    talking.join(30)
    assert not talking.is_alive()
    assert len(said) == 20


def test_closing_sends_what_waits(wires):
    ends = wires()
    for number in range(100):
        ends.line.send(Said(0, None, "stdout", str(number)))
    ends.line.close()
    assert [one.text for one in ends.hear(100)] == [str(number) for number in range(100)]
