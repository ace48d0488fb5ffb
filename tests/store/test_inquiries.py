"""What people want to know that only a worker can find out, and who is there to find it out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from sqlalchemy import text

from depl.errors import DeplError, NothingRecorded
from depl.events import Event, What
from depl.rollout.plan import RolloutPlan
from depl.store.sessions import hashed
from depl.store.store import Store

WORKER = """
store = open_store(*sys.argv[1:3])
name = str(os.getpid())
sys.stdin.readline()
while (inquiry := store.inquiries.claim(name, None)) is not None:
    assert store.inquiries.answer(inquiry.id, name, {"by": name})
    print(inquiry.id, flush=True)
"""


def test_what_is_asked_is_answered_once(store: Store) -> None:
    asked = store.inquiries.ask("plan", {"rollout": "release"}, who="ann", environments=["live"], queue="east")
    assert (asked.kind, asked.asked, asked.state, asked.is_over) == ("plan", {"rollout": "release"}, "asked", False)
    assert (asked.environments, asked.who, asked.made[-1]) == (["live"], "ann", "Z")
    assert store.inquiries.open() == [asked]
    assert store.inquiries.claim("one", ["west", ""]) is None
    claimed = store.inquiries.claim("one", ["west", "east"])
    assert claimed is not None
    assert (claimed.id, claimed.state, claimed.owner) == (asked.id, "at work", "one")
    assert store.inquiries.claim("two", None) is None
    assert store.inquiries.beat(asked.id, "one")
    assert not store.inquiries.beat(asked.id, "two")
    assert not store.inquiries.answer(asked.id, "two", {})
    assert store.inquiries.answer(asked.id, "one", {"counts": {"1": 2}}, rollout="r")
    answered = store.inquiries.get(asked.id)
    assert (answered.state, answered.answer, answered.rollout) == ("answered", {"counts": {"1": 2}}, "r")
    assert answered.is_over
    assert answered.ended
    assert not store.inquiries.fail(asked.id, "one", {"message": "too late"})
    assert store.inquiries.of_rollout("r") == answered
    assert store.inquiries.open() == []


def test_what_cannot_be_answered_has_failed(store: Store) -> None:
    asked = store.inquiries.ask("undo", {}, who="ann", rollout="r")
    store.inquiries.claim("one", None)
    assert store.inquiries.fail(asked.id, "one", {"class": "DeplError", "message": "no"})
    failed = store.inquiries.get(asked.id)
    assert (failed.state, failed.error, failed.rollout) == ("failed", {"class": "DeplError", "message": "no"}, "r")


def test_the_newest_about_a_rollout_is_found(store: Store) -> None:
    assert store.inquiries.of_rollout("r") is None
    store.inquiries.ask("plan", {}, who="ann", rollout="r")
    newest = store.inquiries.ask("replan", {}, who="ann", rollout="r")
    store.inquiries.ask("plan", {}, who="ann", rollout="another")
    assert store.inquiries.of_rollout("r") == newest
    with pytest.raises(NothingRecorded, match="knows no inquiry nonsense"):
        store.inquiries.get("nonsense")


def test_an_answer_that_is_too_long_is_refused(store: Store) -> None:
    asked = store.inquiries.ask("plan", {}, who="ann")
    store.inquiries.claim("one", None)
    with pytest.raises(DeplError, match="too long: 8,000,012 characters; the store takes 8,000,000"):
        store.inquiries.answer(asked.id, "one", {"diff": "x" * 8_000_000})
    assert store.inquiries.get(asked.id).state == "at work"
    assert store.inquiries.answer(asked.id, "one", {"diff": "x" * 7_900_000})
    answered = store.inquiries.get(asked.id).answer
    assert answered is not None
    assert len(answered["diff"]) == 7_900_000


def test_several_workers_share_what_is_asked(store: Store, python: Callable[..., subprocess.Popen[str]]) -> None:
    asked = {store.inquiries.ask("plan", {}, who="ann").id for _ in range(20)}
    workers = [python(WORKER) for _ in range(2)]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    answered = [id for worker in workers for id in worker.communicate(timeout=120)[0].split()]
    assert len(answered) == 20
    assert set(answered) == asked


def test_what_a_silent_worker_left_goes_to_the_next_one_and_fails_at_last(store: Store) -> None:
    asked = store.inquiries.ask("plan", {}, who="ann")
    for worker in ("one", "two", "three"):
        claimed = store.inquiries.claim(worker, None)
        assert claimed is not None
        assert (claimed.id, claimed.owner) == (asked.id, worker)
        with store.database.writing() as connection:
            connection.execute(text("UPDATE inquiries SET heartbeat = heartbeat - 60"))
    assert store.inquiries.claim("four", None) is None
    failed = store.inquiries.get(asked.id)
    assert failed.error is not None
    assert "3 workers were lost over it, the last was three" in failed.error["message"]
    assert not store.inquiries.beat(asked.id, "three")


def test_inquiries_are_forgotten_with_their_rollouts_and_when_they_are_old(
    store: Store, plan: Callable[..., RolloutPlan]
) -> None:
    store.create(plan("r", "live"))
    about, old, other = (store.inquiries.ask("plan", {}, who="ann", rollout=id) for id in ("r", "", ""))
    cookie, over = (store.people.sign_in("ann") for _ in "12")
    store.audit.add("ann", "sign in")
    store.log("r").append([Event(What.OVER, data={"outcome": "cancelled"})])
    with store.database.writing() as connection:
        connection.execute(text(f'UPDATE inquiries SET "when" = "when" - 3 * 86400 WHERE id = \'{old.id}\''))
        connection.execute(text("UPDATE audit SET \"when\" = 0, at = '2001-01-01T00:00:00Z'"))
        connection.execute(text("UPDATE rollouts SET made = '2001-01-01T00:00:00Z', ended = '2001-01-01T00:00:00Z'"))
        end = text("UPDATE sessions SET expires = 0 WHERE id = :id")
        connection.execute(end, {"id": hashed(over)})
    assert store.forget("live", 0, 1) == ["r"]
    assert [one.id for one in store.inquiries.open()] == [other.id]
    assert store.inquiries.of_rollout(about.rollout) is None
    assert store.people.session(cookie) is not None
    with store.database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM sessions")).scalar_one() == 1
    assert len(store.audit.entries()) == 1


def test_workers_are_there_as_long_as_they_say_so(store: Store) -> None:
    assert not store.workers.serves("")
    store.workers.beat("one", ["west", "east"], 2)
    store.workers.beat("two", None, 4)
    assert [(one.name, one.queues, one.jobs) for one in store.workers.present()] == [
        ("one", ["east", "west"], 2),
        ("two", None, 4),
    ]
    assert store.workers.serves("south")
    store.workers.gone("two")
    assert (store.workers.serves("east"), store.workers.serves("")) == (True, False)
    with store.database.writing() as connection:
        connection.execute(text("UPDATE workers SET heartbeat = heartbeat - 60"))
    assert store.workers.present() == []
    store.workers.beat("one", None, 2)
    assert store.workers.serves("")


def test_what_is_published_is_replaced_and_kept_by_name(store: Store) -> None:
    assert store.published.get("rollout", "release") is None
    store.published.put("rollout", "release", {"title": "old"})
    store.published.put("rollout", "release", {"title": "Ä\0"})
    store.published.put("rollout", "gone", {})
    store.published.put("environment", "gone", {"hosts": []})
    found = store.published.get("rollout", "release")
    assert found is not None
    assert (found.data, found.at[-1]) == ({"title": "Ä\0"}, "Z")
    assert list(store.published.all("rollout")) == ["gone", "release"]
    store.published.keep("rollout", {"release", "new"})
    assert (list(store.published.all("rollout")), list(store.published.all("environment"))) == (["release"], ["gone"])
    store.published.keep("rollout", [])
    assert store.published.all("rollout") == {}
