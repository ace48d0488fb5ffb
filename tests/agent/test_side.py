"""What the kinds of agents share, without a line."""

from __future__ import annotations

from typing import Any

import pytest

from depl.agent.side import Side
from depl.change.journals import Journals
from depl.change.records import Begin, Settled
from depl.errors import Lost
from depl.protocol.requests import Hello
from depl.redact import Redactor


class Silent:
    """A line that nobody listens to."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.redact = Redactor()

    def tell_again(self, frames: Any, seen: int) -> None:
        self.told += frames


def rollout(journals: Journals, name: str) -> str:
    journal = journals.open(name)
    journal.append(Begin(0, name, "live", "web", "app", 1, "me", "", "", "now"), Settled(0, name, True), durable=True)
    journal.close()
    return journal.path


@pytest.fixture
def side(tmp_path) -> Side:
    return Side(Hello("mine", "live", "web", "me", str(tmp_path)), Silent())


def test_an_undo_in_an_old_journal_counts_when_it_is_looked_who_came_meanwhile(tmp_path, side):
    journals = Journals(str(tmp_path / ".depl" / "journal"))
    first, *_ = [rollout(journals, f"r{number}") for number in range(6)]
    old = journals.open_at(first)
    old.append(Settled(0, "undo", False, "reversed"), durable=True)
    old.close()
    known = side._reached()
    assert known == 14
    side._come_after(side.hello._replace(known=known))
    rollout(journals, "others")
    with pytest.raises(Lost, match="others"):
        side._come_after(side.hello._replace(known=known))
