"""The start of what is planned: at once, or when somebody else agrees."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from depl.errors import NothingRecorded
from depl.events import Event, What
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import Hold, IllegalSignal, RolloutState
from depl.store.store import Claim, Store, open_store

Plans = Callable[..., RolloutPlan]


def test_what_is_planned_starts_for_somebody(store: Store, plan: Plans) -> None:
    store.create(plan("r", "live"))
    header = store.start("r", "bob", queue="east")
    assert (header.state, header.queue, header.queued_by, header.approved_by) == ("queued", "east", "bob", "")
    assert header.who == "ann@here"
    assert store.claim("one", queues=["east"]) == Claim("r", 1, "one")


def test_what_is_wanted_waits_until_somebody_agrees(store: Store, plan: Plans) -> None:
    store.create(plan("r", "live"))
    header = store.want_start("r", "bob")
    assert (header.state, header.holds, header.wanted_by) == ("planned", [Hold.APPROVAL], "bob")
    assert store.claim("one") is None
    with pytest.raises(IllegalSignal, match="bob wants rollout r to start already"):
        store.want_start("r", "eve")
    with pytest.raises(IllegalSignal, match="waits for somebody who agrees to its start, which bob wants"):
        store.start("r", "bob")
    with pytest.raises(IllegalSignal, match="Rollout r is not what it was when you looked"):
        store.start("r", "", approved_by="eve", number=1)
    header = store.start("r", "", approved_by="eve", number=header.number)
    assert (header.state, header.holds, header.queued_by, header.approved_by) == ("queued", [], "bob", "eve")
    assert store.claim("one") == Claim("r", 1, "one")


def test_what_is_refused_waits_no_more_and_may_be_wanted_again(store: Store, plan: Plans) -> None:
    store.create(plan("r", "live"))
    with pytest.raises(IllegalSignal, match="Nobody wants rollout r to start"):
        store.refuse_start("r", "eve", "no")
    store.want_start("r", "bob")
    header = store.refuse_start("r", "eve", "not on a friday")
    assert (header.state, header.holds, header.wanted_by) == ("planned", [], "")
    last = list(store.log("r").read())[-1].event
    assert (last.what, last.data["who"], last.data["reason"]) == (What.RELEASED, "eve", "not on a friday")
    assert store.want_start("r", "bob").wanted_by == "bob"


def test_only_what_is_planned_can_be_started(store: Store, plan: Plans) -> None:
    store.create(plan("r", "live"), RolloutState.QUEUED)
    wishes: list[Callable[[str], object]] = [
        lambda one: store.start(one, "bob"),
        lambda one: store.want_start(one, "bob"),
        lambda one: store.refuse_start(one, "bob", "no"),
    ]
    for wish in wishes:
        with pytest.raises(IllegalSignal, match=r"Rollout r is queued and can be .* only while it is planned"):
            wish("r")
        with pytest.raises(NothingRecorded):
            wish("unknown")


def test_what_a_command_is_at_cannot_be_started(store: Store, plan: Plans) -> None:
    store.create(plan("r", "live"))
    store.claim_this("r", "ann@here:7")
    with pytest.raises(IllegalSignal, match="ann@here:7 is at work on rollout r"):
        store.start("r", "bob")


def test_of_several_who_start_the_same_one_does(store: Store, store_url: str, tmp_path: Path, plan: Plans) -> None:
    store.create(plan("r", "live"))
    said, ready = list[str](), threading.Barrier(4)

    def start() -> None:
        other = open_store(store_url, str(tmp_path))
        ready.wait(60)
        try:
            other.start("r", "bob")
            said.append("started")
        except IllegalSignal as error:
            said.append(error.message)
        other.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["Rollout r is queued and can be started only while it is planned"] * 3 + ["started"]
    assert [one.event.what for one in store.log("r").read()] == [What.PLANNED, What.QUEUED]


def test_a_new_plan_takes_back_who_agreed_to_the_one_before(store: Store, plan: Plans) -> None:
    store.create(plan("r", "live"))
    store.want_start("r", "bob")
    header = store.create(plan("r", "live", title="Another"))
    assert (header.holds, header.wanted_by) == ([], "")
    store.log("r").append([Event(What.OVER, data={"outcome": "cancelled"})])
    with pytest.raises(IllegalSignal, match="Rollout r is cancelled"):
        store.start("r", "bob")
