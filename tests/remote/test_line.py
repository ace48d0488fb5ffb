"""One host's end of the line at the coordinator: nothing that a host says is dropped unheard."""

from __future__ import annotations

from queue import SimpleQueue
from typing import Any, NamedTuple

import pytest

from depl.errors import Unreachable
from depl.host import Host
from depl.protocol import replies, requests
from depl.remote.line import HostLine

HELLO = requests.Hello("20260101-000000-0000", "live", "web", "me", "/srv/web")


class Around:
    """A fleet of one host that hears what is said."""

    patience, reconnects, base_dir = 1.0, False, "/project"

    def __init__(self) -> None:
        self.inbox: SimpleQueue[tuple[str, Any]] = SimpleQueue()

    def open_agent(self, host: Host, first: bytes) -> tuple[None, None]:
        return None, None

    def noted(self) -> None:
        pass


class New(NamedTuple):
    """A kind of reply that nobody has thought of."""

    text: str = ""


@pytest.fixture
def line() -> HostLine:
    return HostLine(Host("web"), HELLO, Around())  # type: ignore[arg-type]


def test_a_reply_that_nobody_knows_what_to_do_with_ends_the_line_with_a_sentence() -> None:
    class Hearing(HostLine):
        def _listen(self) -> None:
            self._take(New())

    around = Around()
    line = Hearing(Host("web"), HELLO, around)  # type: ignore[arg-type]
    line.start()
    host, error = around.inbox.get(timeout=30)
    assert (host, type(error)) == ("web", Unreachable)
    assert error.message == "web answered what no agent says: New is no answer to anything"
    line.join(30)
    assert line.over


def test_a_sign_of_life_is_no_answer_and_no_error(line: HostLine) -> None:
    line._take(requests.Alive())
    assert line._around.inbox.empty()


@pytest.mark.parametrize("kind", [*replies.NUMBERED, replies.Found, replies.Undoing, replies.Logged])
def test_every_answer_reaches_whoever_waits_for_it(kind: Any, line: HostLine) -> None:
    line.ready = replies.Ready("3.11", "x86_64", "me", "/home/me", "/srv/web", True)
    reply = kind(*[1 if name == "n" else "" for name in kind._fields if name not in kind._field_defaults])
    line._take(reply)
    assert line._around.inbox.get_nowait() == ("web", reply)
