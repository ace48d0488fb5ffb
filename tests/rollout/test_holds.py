"""Holds of environments in files: one at a time, private, over by themselves if they say so."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from depl.errors import Locked
from depl.rollout.holds import Freeze, HoldFiles, assert_not_held, end_of


def freeze(environment: str = "production", **more: str) -> Freeze:
    return Freeze(environment, "alice@here", "2026-01-02T03:04:05Z", "the fair is on", **more)


@pytest.fixture
def holds(tmp_path: Path) -> HoldFiles:
    return HoldFiles(str(tmp_path / ".depl"))


def test_what_is_held_is_known_until_it_is_released(holds, tmp_path):
    assert holds.of("production") is None
    assert_not_held(holds, ["production"])
    holds.set(freeze())
    holds.set(freeze("a/b"))
    assert [one.environment for one in holds.all()] == ["a/b", "production"]
    with pytest.raises(Locked) as caught:
        assert_not_held(holds, ["dev", "production"])
    assert caught.value.message == ("production is held by alice@here since 2026-01-02T03:04:05Z: the fair is on")
    assert "`depl release production`" in caught.value.hint
    assert stat.S_IMODE((tmp_path / ".depl/holds/production").stat().st_mode) == 0o600
    assert holds.clear("production") == freeze()
    assert holds.clear("production") is None
    assert holds.of("production") is None


def test_of_several_who_hold_at_once_one_does(holds):
    results: list[str] = []

    def hold(number: int) -> None:
        try:
            holds.set(Freeze("production", f"user{number}", "2026-01-02T03:04:05Z", "why"))
            results.append(f"user{number}")
        except Locked:
            pass

    threads = [threading.Thread(target=hold, args=[number]) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [holds.of("production").who]


def test_a_hold_with_an_end_is_over_by_itself(holds):
    holds.set(freeze(until="2026-01-02T04:00:00Z"))
    assert (holds.of("production"), holds.all()) == (None, [])
    later = freeze(until=end_of(3600))
    holds.set(later)
    assert holds.of("production") == later
    assert f"until {later.until}: the fair is on" in later.sentence


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_hold_that_cannot_be_read_holds(content, holds, tmp_path):
    (tmp_path / ".depl/holds").mkdir(parents=True)
    (tmp_path / ".depl/holds/production").write_text(content)
    with pytest.raises(Locked, match="cannot be read"):
        assert_not_held(holds, ["production"])
    holds.clear("production")
    assert holds.of("production") is None


def test_a_link_in_the_place_of_a_hold_is_not_followed(holds, tmp_path):
    (tmp_path / ".depl/holds").mkdir(parents=True)
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".depl/holds/production").symlink_to(tmp_path / "precious")
    with pytest.raises(Locked):
        holds.set(freeze())
    holds.clear("production")
    assert ((tmp_path / "precious").read_text(), os.listdir(tmp_path / ".depl/holds")) == ("mine", [])
