"""Commands that drive a rollout by themselves, as all see them who share the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from depl.errors import Locked
from depl.events import Event, What
from depl.redact import Redactor
from depl.rollout.log import Fenced
from depl.rollout.plan import RolloutPlan
from depl.rollout.record_log import RecordLog
from depl.rollout.signals import Signal
from depl.store.direct import Place
from depl.store.store import Store, open_store

Queued = Callable[..., None]
HERE, THERE = Place("ann@here", "here:/a", 7), Place("bob@there", "there:/a", 7)


def silent(store: Store, tmp_path: Path) -> Store:
    """The same store, to somebody who believes everybody silent."""
    return open_store(
        store.database.engine.url.render_as_string(False).replace("+psycopg", ""), str(tmp_path), lease=-1
    )


def record(tmp_path: Path, plan: RolloutPlan) -> str:
    log = RecordLog(str(tmp_path / ".depl"), plan.rollout, Redactor())
    log.append([Event(What.PLANNED, data=plan.as_json()), Event(What.STARTED), Event(What.TASK_STARTED, "1")])
    log.close()
    return log.path


def test_environments_are_locked_under_a_lease_and_taken_over_once_that_expires(
    store: Store, tmp_path: Path, plan: Callable[..., RolloutPlan]
) -> None:
    path = record(tmp_path, plan("one", "dev", "live"))
    mine, left = store.direct.begin("one", ["dev", "live"], HERE, path)
    store.take_in()
    assert (left, store.header("one").is_driven) == ([], True)
    with pytest.raises(Locked, match=r"ann@here is at work on dev since .*: rollout one"):
        store.direct.begin("two", ["dev"], THERE, "/b/two.jsonl")
    others = silent(store, tmp_path)
    theirs, left = others.direct.begin("two", ["dev"], THERE, "/b/two.jsonl")
    assert [(lock.environment, lock.rollout) for lock in left] == [("dev", "one")]
    assert not store.direct.beat(mine, print)
    others.direct.end(theirs, left, "over")  # nothing came of it
    assert [(lock.environment, lock.rollout) for lock in store.locks.taken()] == [("dev", "one"), ("live", "one")]
    theirs, left = others.direct.begin("two", ["dev"], THERE, "/b/two.jsonl")
    others.direct.write_last_words(left, "two", THERE)
    assert (store.header("one").state.value, store.header("one").is_direct) == ("kept", False)
    assert store.take_in() == 0
    with pytest.raises(Locked, match="Rollout one is over: kept"):
        store.direct.begin("one", ["dev"], HERE, path)
    others.close()


def test_in_its_own_checkout_a_command_that_is_gone_is_known_to_be(store: Store) -> None:
    store.direct.begin("one", ["dev"], HERE, "/a/one.jsonl")
    again = Place("ann@here", "here:/a", 8)
    with pytest.raises(Locked):
        store.direct.begin("two", ["dev"], again, "/a/two.jsonl")
    _, left = store.direct.begin("two", ["dev"], again, "/a/two.jsonl", alone=["dev"])
    assert [lock.rollout for lock in left] == ["one"]


def test_what_turns_out_to_change_something_gets_its_name_then(store: Store, tmp_path: Path) -> None:
    claim, _ = store.direct.begin("before", ["dev"], HERE, "/a/before.jsonl")
    assert store.rollouts() == []
    log = RecordLog(str(tmp_path / ".depl"), "r", Redactor())
    log.append([Event(What.STARTED, data={"rollout": "r", "environment": "dev", "host": "h"})])
    store.take_in()  # somebody who looks may be quicker
    mine = store.direct.own(claim, "r", log.path)
    assert [lock.rollout for lock in store.locks.taken()] == [header.id for header in store.rollouts()] == ["r"]
    log.append([Event(What.OVER, data={"outcome": "succeeded"})])
    store.take_in()
    assert store.direct.beat(mine, print)  # nobody has taken it over
    store.direct.end(mine, [], "over")
    assert (store.locks.taken(), store.header("r").owner) == ([], "")
    with pytest.raises(Fenced):
        store.direct.own(claim, "r", log.path)
    log.close()


def test_a_worker_takes_over_what_a_command_left(
    store: Store, tmp_path: Path, plan: Callable[..., RolloutPlan], queued: Queued
) -> None:
    store.direct.begin("one", ["live"], HERE, record(tmp_path, plan("one", "live")))
    store.take_in()
    queued("next", "live")
    assert store.claim("w") is None
    others = silent(store, tmp_path)
    claim = others.claim("w")
    assert claim is not None and claim.rollout == "next"
    assert store.header("one").state.value == "kept"
    assert [lock.rollout for lock in store.locks.taken()] == ["next"]
    others.close()


def test_signals_from_elsewhere_are_fetched_once_and_come_back_with_their_number(store: Store, tmp_path: Path) -> None:
    log = RecordLog(str(tmp_path / ".depl"), "r", Redactor())
    log.append([Event(What.STARTED, data={"rollout": "r", "environment": "dev", "host": "h"})])
    claim, _ = store.direct.begin("r", ["dev"], HERE, log.path)
    for name in ("pause", "abort"):
        store.signals("r").post(Signal(name, "bob", reason="enough"))
    assert store.signals("r").new(0) == []
    laid: list[Signal] = []
    assert store.direct.beat(claim, laid.append)
    assert [(one.name, one.reason) for one in laid] == [("pause", "enough"), ("abort", "enough")]
    assert store.direct.beat(claim, laid.append) and len(laid) == 2
    log.close()


def test_one_that_waits_keeps_its_environments_and_can_be_gone_on_with(
    store: Store, tmp_path: Path, plan: Callable[..., RolloutPlan]
) -> None:
    path = record(tmp_path, plan("one", "dev"))
    claim, _ = store.direct.begin("one", ["dev"], HERE, path)
    store.take_in()
    store.direct.end(claim, [], "waits")
    others = silent(store, tmp_path)
    with pytest.raises(Locked, match="rollout one of ann@here has dev since"):
        others.direct.begin("two", ["dev"], THERE, "/b/two.jsonl")
    again, left = others.direct.begin("one", ["dev"], HERE, path)
    assert (again.epoch, left) == (2, [])
    others.close()
