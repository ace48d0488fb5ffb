"""A database and a record of the first schema: whatever comes later has to read them."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from depl.rollout.folding import fold
from depl.rollout.holds import Freeze
from depl.rollout.signals import Signal
from depl.rollout.states import Hold, RolloutState, TaskState
from depl.store.leases import Claim
from depl.store.locks import Lock
from depl.store.store import Store, open_store

FIRST = Path(__file__).with_name("first")
DIRECT, BY_HAND, PLANNED = (f"2026010{day}-120000-a1b2" for day in (1, 2, 3))


def test_the_first_schema_can_be_read(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "depl.sqlite")
    connection.executescript((FIRST / "store.sql").read_text())
    connection.close()
    store = open_store("sqlite:///depl.sqlite", str(tmp_path))
    assert {header.id: header.state.value for header in store.rollouts()} == {
        DIRECT: "reversed",
        BY_HAND: "running",
        PLANNED: "planned",
    }
    _assert_direct(store)
    header = store.header(BY_HAND)
    assert (header.name, header.title, header.who) == ("release", "Canary first", "worker@here:7")
    assert (header.queue, header.epoch, header.number, header.holds) == ("east", 1, 9, [Hold.APPROVAL])
    assert [header.id for header in store.rollouts("live", RolloutState.RUNNING)] == [BY_HAND]
    state = fold(store.log(BY_HAND).read())
    assert (state.plan, state.state, state.open_gates) == (store.plan(BY_HAND), RolloutState.RUNNING, ["2"])
    assert (state.tasks["1"].state, state.tasks["1"].saved) == (TaskState.DONE, {"child": "20260102-120001-c3d4"})
    pieces = store.output(BY_HAND, "1").pieces
    assert [(one.stream, one.text) for one in pieces] == [("stdout", "hello\n"), ("stderr", "wörld\n")]
    approval = Signal("approve", "bob", "2026-01-02T12:01:00Z", "yes", "2", 1)
    assert store.signals(BY_HAND).new(0) == [approval]
    assert store.locks.taken() == [Lock("live", BY_HAND, "ann@here", "2026-01-02T12:00:00Z")]
    assert store.holds.all() == [Freeze("test", "bob", "2026-01-02T12:02:00Z", "audit")]
    assert store.claim("another", queues=["east"]) == Claim(BY_HAND, 2, "another")
    store.close()


def test_the_first_records_can_be_taken_in(store: Store, tmp_path: Path) -> None:
    (tmp_path / ".depl" / "rollouts").mkdir(parents=True, exist_ok=True)
    for kind in ("jsonl", "output", "signals"):
        shutil.copy(FIRST / f"{DIRECT}.{kind}", tmp_path / ".depl" / "rollouts")
    assert store.take_in() == 12
    _assert_direct(store)


def _assert_direct(store: Store) -> None:
    header = store.header(DIRECT)
    assert (header.state, header.environments, header.hosts) == ("reversed", ["live"], ["web1", "web2"])
    assert (header.changed, header.seconds, header.is_direct, header.reason) == (2, 3.5, True, "no room")
    state = fold(store.log(DIRECT).read())
    assert {id: status.state.value for id, status in state.tasks.items()} == {
        "app@web1": "reversed",
        "app@web2": "failed",
    }
    assert [one.text for one in store.output(DIRECT, "app").pieces] == ["hello from web1\n", "hello from web2\n"]
    assert store.signals(DIRECT).new(0) == [Signal("abort", "bob", "2026-01-01T12:00:03Z", "enough", number=1)]
