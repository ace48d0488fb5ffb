"""What those who show rollouts ask again and again."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import event, text

from depl.events import Event, Output, What
from depl.rollout.holds import Freeze
from depl.rollout.plan import RolloutPlan
from depl.rollout.signals import Signal
from depl.store.outputs import AT_ONCE, LOOKS, PIECE, Found
from depl.store.store import Store

Plans = Callable[..., RolloutPlan]
FAR = LOOKS * AT_ONCE
STARTED = Event(What.STARTED)


def test_the_stamp_differs_whenever_a_list_does(store: Store, plan: Plans) -> None:
    steps: list[Callable[[], object]] = [
        lambda: store.create(plan("r", "live")),
        lambda: store.create(plan("s", "test")),
        lambda: store.want_start("r", "ann"),
        lambda: store.start("r", "ann", approved_by="bob"),
        lambda: store.claim("one"),
        lambda: store.log("r", 1).append([STARTED]),
        lambda: store.signals("r").post(Signal("abort", "ann")),
        lambda: store.log("r", 1).append([Event(What.OVER, data={"outcome": "kept"})]),
        lambda: store.locks.take(["test"], "s", "ann"),
        lambda: store.holds.set(Freeze("live", "bob", "2026-01-01T00:00:00Z", "audit")),
        lambda: store.holds.clear("live"),
        lambda: store.inquiries.ask("plan", {}, who="ann"),
        lambda: store.inquiries.claim("one", None),
        lambda: store.inquiries.answer(store.inquiries.open()[0].id, "one", {}),
        lambda: store.workers.beat("one", None, 1),
        lambda: store.published.put("rollout", "release", {}),
        lambda: store.published.put("rollout", "release", {"title": "new"}),
        lambda: store.workers.gone("one"),
        lambda: store.published.keep("rollout", []),
    ]
    seen = [store.stamp()]
    for step in steps:
        step()
        seen.append(store.stamp())
        assert seen[-1] == store.stamp()
    assert [place for place in range(len(steps)) if seen[place] == seen[place + 1]] == []


def test_the_stamp_differs_when_somebody_falls_silent(store: Store, queued: Callable[..., None]) -> None:
    queued("r", "live")
    store.claim("one")
    store.workers.beat("one", None, 1)
    before = store.stamp()
    for table in ("rollouts", "workers"):
        with store.database.writing() as connection:
            connection.execute(text(f"UPDATE {table} SET heartbeat = heartbeat + 5"))
        assert store.stamp() == before
        with store.database.writing() as connection:
            connection.execute(text(f"UPDATE {table} SET heartbeat = heartbeat - 100"))
        assert store.stamp() != before
        before = store.stamp()


def test_each_is_one_query(store: Store, plan: Plans) -> None:
    for number in range(20):
        store.create(plan(f"r{number}", "live"))
    asked: list[str] = []

    @event.listens_for(store.database.engine, "before_cursor_execute")
    def listen(*about: str) -> None:
        asked.extend([about[2]] if about[2] != "BEGIN" else [])

    store.stamp()
    assert len(asked) == 1
    assert len(store.versions([f"r{number}" for number in range(20)])) == 20
    assert len(asked) == 2
    assert len(store.ends("r1", [str(number) for number in range(400)])) == 400
    assert len(asked) == 3


def test_the_versions_of_rollouts_tell_how_far_they_are(store: Store, queued: Callable[..., None]) -> None:
    queued("r", "live")
    queued("s", "test")
    claim = store.claim("one")
    assert claim is not None
    store.log("r", 1).append([STARTED])
    store.signals("r").post(Signal("abort", "ann"))
    found = store.versions(["r", "s", "unknown"])
    assert set(found) == {"r", "s"}
    one = found["r"]
    assert (one.number, one.state, one.posted, one.last_signal) == (3, "running", 1, 0)
    assert (one.owner, one.epoch, one.is_driven, one.is_interrupted) == ("one", 1, True, False)
    assert (found["s"].number, found["s"].posted, found["s"].is_driven) == (2, 0, False)
    with store.database.writing() as connection:
        connection.execute(text("UPDATE rollouts SET heartbeat = heartbeat - 60"))
    one = store.versions(["r"])["r"]
    assert (one.is_driven, one.is_interrupted) == (False, True)
    assert store.versions([]) == {}


def test_how_long_rollouts_took_is_known_of_those_that_went_through(store: Store, plan: Plans) -> None:
    for place in range(25):
        id = f"r{place:02}"
        store.create(plan(id, "live", "test"))
        over = {"outcome": "kept" if place == 24 else "succeeded", "seconds": float(place)}
        good = [Event(what, one) for one in "12" for what in (What.TASK_STARTED, What.TASK_DONE)]
        store.log(id).append([STARTED, *good, Event(What.OVER, data=over)])
    assert store.seconds_of("release", ["test", "live"]) == [float(place) for place in range(23, 3, -1)]
    assert store.seconds_of("release", ["live"]) == []
    assert store.seconds_of("another", ["live", "test"]) == []


def test_how_much_tasks_printed_is_known(store: Store, plan: Plans) -> None:
    store.create(plan("r"))
    store.log("r").output(
        [Output("1", "stdout", "Ä\0\n"), Output("1", "stderr", "x" * (PIECE + 5)), Output("2", "", "")]
    )
    assert store.ends("r", ["1", "2", "unknown"]) == {"1": PIECE + 8, "2": 0, "unknown": 0}
    assert store.ends("r", []) == {}


def test_a_text_is_found_wherever_it_stands(store: Store, plan: Plans) -> None:
    store.create(plan("r"))
    log = store.log("r")
    for text_ in ("no ERR", "or: one\n", "İ error\n", "." * AT_ONCE, "Error 50%\n"):
        log.output([Output("1", "stdout", text_)])
    log.output([Output("2", "stdout", "error")])
    whole = "".join(one.text for one in store.output("r", "1", 0, 2 * AT_ONCE).pieces)
    last = whole.index("Error 50%")
    assert store.search("r", "1", "error") == Found([3, 16, last], None)
    assert store.search("r", "1", "ERROR", limit=2) == Found([3, 16], 21)
    assert store.search("r", "1", "error", after=21) == Found([last], None)
    assert store.search("r", "1", "error\n" + "." * 10) == Found([16], None)
    assert store.search("r", "1", "50%") == Found([last + 6], None)
    for nothing in ("", "absent", "e" * 5000):
        assert store.search("r", "1", nothing) == Found([], None)


def test_a_search_goes_only_so_far_at_once(store: Store, plan: Plans) -> None:
    store.create(plan("r"))
    store.log("r").output([Output("1", "stdout", "." * FAR), Output("1", "stdout", "end")])
    for sought in ("end", "." * 990 + "end"):
        first = store.search("r", "1", sought)
        assert first.after is not None
        assert first.offsets == []
        assert FAR - LOOKS * len(sought) <= first.after <= FAR
        assert store.search("r", "1", sought, after=first.after) == Found([FAR + 3 - len(sought)], None)
