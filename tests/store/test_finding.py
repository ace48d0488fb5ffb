"""Rollouts as lists of people want them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from depl.events import Event, What
from depl.rollout.plan import RolloutPlan
from depl.store import schema
from depl.store.store import Store

Plans = Callable[..., RolloutPlan]


def not_live(environments: Sequence[str]) -> bool:
    return "live" not in environments


WANTED: list[tuple[dict[str, Any], str]] = [
    ({}, "r5 r4 r3 r2 r1"),
    ({"limit": 2}, "r5 r4"),
    ({"limit": 2, "before": "r4"}, "r3 r2"),
    ({"name": "release", "environment": "live"}, "r3 r1"),
    ({"undoes": "r1"}, "r3"),
    ({"who": "bob"}, "r4 r2"),
    ({"who": "ANN", "limit": 2}, "r5 r4"),
    ({"who": "ann", "limit": 2, "before": "r4"}, "r3 r1"),
    ({"who": "%"}, ""),
    ({"parameter": ("version", "")}, "r2 r1"),
    ({"parameter": ("version", "1.2")}, "r1"),
    ({"parameter": ("version", "ä")}, "r2"),
    ({"parameter": ("hosts", "web2")}, "r1"),
    ({"parameter": ("dry", "true")}, "r1"),
    ({"parameter": ("", "1.2")}, "r4 r1"),
    ({"parameter": ("unknown", "")}, ""),
    ({"sees": not_live}, "r4 r2"),
    ({"sees": not_live, "limit": 1, "before": "r4"}, "r2"),
    ({"since": "2001", "until": "2999-01-01"}, "r5 r4 r3 r2 r1"),
    ({"since": "2999"}, ""),
    ({"until": "2001-01-01T00:00:00Z"}, ""),
]


def test_rollouts_are_found_by_all_that_people_know_of_them(store: Store, plan: Plans) -> None:
    store.create(plan("r1", "live", parameters={"version": "1.2", "hosts": ["web1", "WEB2"], "dry": True}))
    store.create(plan("r2", "test", parameters={"version": "1.3 Ä"}, who="Bob@there"))
    store.create(plan("r3", "live", "test", undoes="r1"))
    store.create(plan("r4", parameters={"note": "1.2" * 500}))
    store.start("r4", "carol", approved_by="bob")
    store.admit("r5")
    began = {"rollout": "r5", "environment": "live", "hosts": ["web1"], "who": "ann@here"}
    store.log("r5").append([Event(What.STARTED, data=began)])
    for wanted, found in WANTED:
        assert [one.id for one in store.rollouts(**wanted)] == found.split(), wanted
    assert len(store.header("r4").parameters["note"]) == 200  # cut in lists
    planned = store.plan("r4")
    assert planned is not None
    assert len(planned.parameters["note"]) == 1500


def test_one_of_many_is_found(store: Store) -> None:
    ids = [f"r{number:04}" for number in range(1000)]
    lines = [
        {"id": id, "number": 1, "state": "kept", "made": f"2026-01-{1 + place % 7:02}", "who": f"user {place}"}
        for place, id in enumerate(ids)
    ]
    with store.database.writing() as connection:
        connection.execute(schema.rollouts.insert(), lines)
    for place in (0, 499, 999):
        assert [one.id for one in store.rollouts(who=f"user {place}", limit=9)][-1:] == [ids[place]]
    assert len({one.id for one in store.rollouts(who="user", limit=5000)}) == 1000
