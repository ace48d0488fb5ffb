"""What somebody hears whose target directory another one took over, or who goes on where others stopped."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from depl.change.records import Begin
from depl.deploy.begin import continued
from depl.deploy.takeover import announce, taken_over
from depl.errors import TakenOver
from depl.protocol.failures import error_from_json, error_to_json


def test_who_took_over_is_known_also_where_it_is_heard_of_over_the_wire(tmp_path: Any) -> None:
    announce(str(tmp_path), "ada@home", "r2")
    error = taken_over(str(tmp_path), 0, "r1")
    assert error is not None
    received = error_from_json(error_to_json(error))
    assert isinstance(received, TakenOver)
    assert (received.who, received.message) == ("ada@home", "ada@home took over with rollout r2")
    assert received.hint == error.hint


def test_nobody_takes_over_from_themselves_or_from_those_who_come_later(tmp_path: Any) -> None:
    assert taken_over(str(tmp_path), 0, "r1") is None
    announce(str(tmp_path), "ada@home", "r2")
    assert taken_over(str(tmp_path), 0, "r2") is None
    assert taken_over(str(tmp_path), 1e12, "r1") is None


@pytest.mark.parametrize(
    ("rollouts", "sentence"),
    [
        (["r3"], ""),
        (["r1", "r3"], "rollout r1 did not come to its end; this run goes on from there, and an undo takes back both"),
        (
            ["r0", "r1", "r2", "r3"],
            (
                "rollouts r0, r1 and r2 did not come to their end; "
                "this run goes on from there, and an undo takes back all of them"
            ),
        ),
    ],
)
def test_whoever_goes_on_is_told_where_others_stopped(rollouts: list[str], sentence: str) -> None:
    records = [Begin(0, one, "dev", "web1", "app", 1, "me", "", "boot", "now") for one in rollouts]
    journal: Any = SimpleNamespace(records=records)
    assert continued(journal, "r3") == sentence
