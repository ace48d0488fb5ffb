"""Which rollout an undo takes back, where hosts know different things."""

from __future__ import annotations

from typing import Any

import pytest

from depl.errors import NothingToUndo
from depl.rollout.choosing import choose


def journal(*rollouts: str, undone: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    outcome = "reversed" if undone else "succeeded"
    head = {"rollouts": rollouts, "undos": undone, "undone": undone, "environments": ["live"]}
    return {**head, "outcome": outcome, "unsettled": False, **more}


def test_a_redo_says_which_hosts_know_the_same_undo_by_another_name() -> None:
    found = {"one": [journal("r", undone=("u1",))], "two": [journal("r", undone=("u2",))], "three": [journal("r")]}
    chosen = choose("live", found, "u1")
    assert (chosen.hosts, chosen.others) == (["one"], {"two": "u2"})


def test_an_undo_that_was_purged_is_no_longer_reversible() -> None:
    for found in ({"one": [], "two": []}, {"one": [journal("r", undone=("u",))], "two": []}):
        with pytest.raises(NothingToUndo, match="rollout u is no longer reversible on two"):
            choose("live", found, "u", forgotten={"two": ["u"]})


def test_a_rollout_is_taken_back_where_it_stands_though_it_was_taken_back_and_purged_elsewhere() -> None:
    assert choose("live", {"one": [journal("r")], "two": []}, "r", forgotten={"two": ["r"]}).hosts == ["one"]


def test_only_hosts_on_which_it_stands_need_code() -> None:
    facts = [{"component": "db/Table(rows)", "rollout": "r", "revision": ""}]
    found = {"one": [journal("r", needs_code=facts)], "two": [journal("r")], "three": [journal("s", needs_code=facts)]}
    assert choose("live", found, "r").needs_code == {"one": facts}
