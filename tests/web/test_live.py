from __future__ import annotations

import asyncio
import gc
import http.client
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import streams
from rollouts_by_hand import one, rehearsal, side
from sqlalchemy import event, text
from streams import PATIENCE, Small, Stream

from depl.access.roles import Role
from depl.events import Event, Output, What
from depl.rollout.fake_hands import HandsScript
from depl.rollout.folding import State
from depl.rollout.plan import RolloutPlan
from depl.rollout.records import EVENTS
from depl.rollout.states import RolloutState
from depl.rollout.tree import Group, Leaf, Tree
from depl.store import schema
from depl.store.store import Store, open_store
from depl.web.folded import Folded, copied, touches
from depl.web.live import ALL
from depl.web.reader import Reader
from depl.web.watching import Watch

BEGUN, DONE = What.TASK_STARTED, What.TASK_DONE


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    directory = tmp_path_factory.mktemp("live")
    opened = open_store(f"sqlite:///{directory}/depl.sqlite", str(directory))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def small(store: Store) -> Iterator[Small]:
    started = Small(store, patience=0.1, beat=0.2).start()
    yield started
    started.end()


@pytest.fixture(scope="module")
def cookie(store: Store) -> str:
    return store.people.sign_in("", who="root")


@pytest.fixture
def look(small: Small, cookie: str) -> Iterator[Callable[..., Stream]]:
    opened: list[Stream] = []

    def open(path: str, last: str = "", *, port: int = 0, cookie: str = cookie, **headers: str) -> Stream:
        opened.append(Stream(port or small.port, path, cookie, last, **headers))
        return opened[-1]

    yield open
    for page in opened:
        page.close()


def run(store: Store, id: str, tasks: int = 2) -> Any:
    """A rollout that is under way in an environment of its own: its log."""
    names = [str(number) for number in range(1, tasks + 1)]
    leaves = {one: Leaf(one, "depl.tasks:Delay", environments=(f"of-{id}",)) for one in names}
    tree = Tree(leaves, {"0": Group("0", tuple(names))}, "0")
    store.create(RolloutPlan(id, "release", tree, who="ann", title="Release"), RolloutState.QUEUED)
    log = store.log(id, store.claim_this(id, "worker").epoch)
    log.append([Event(What.STARTED)])
    return log


def tell_much(store: Store, id: str, count: int) -> int:
    """Very many events, as quickly as a database takes them; the number of the last one."""
    number = store.header(id).number
    row = {"rollout": id, "at": "2026-01-02T03:04:05Z", "what": What.PROGRESS.value, "task": "1"}
    rows = [{**row, "number": number + at, "data": {"done": at, "total": count}} for at in range(1, count + 1)]
    with store.database.writing() as connection:
        connection.execute(schema.events.insert(), rows)
        connection.execute(schema.rollouts.update().where(schema.rollouts.c.id == id).values(number=number + count))
    return number + count


def test_a_page_is_told_which_tasks_were_touched_and_up_to_which_event(store: Store, look) -> None:
    log = run(store, "told")
    page = look("/live/told?after=3")
    assert page.answer.headers["Content-Type"].startswith("text/event-stream")
    assert (page.answer.headers["X-Accel-Buffering"], page.answer.headers["Cache-Control"]) == ("no", "no-store")
    first = page.next()
    assert (first.id, first.data.split("\n")[0]) == ("3", "running: ")
    log.append([Event(BEGUN, "1")])
    assert page.until("running: 1")[-1].id == "4"
    log.append([Event(DONE, "1"), Event(BEGUN, "2")])
    assert page.until("running: 1 2")[-1].id == "6"


def test_who_has_seen_what_never_was_is_sent_everything(store: Store, look) -> None:
    run(store, "beyond")
    for last in ("99", "x", "-1", "9" * 5000):
        assert look("/live/beyond", last).next().data.startswith("running everything: 1 2\n")


def test_who_takes_no_stream_is_given_what_is_new_once(store: Store, look) -> None:
    log = run(store, "once")
    log.append([Event(BEGUN, "1")])
    for answer in (look("/live/once?after=3&poll=1").answer, look("/live/once?after=3", Accept="text/html").answer):
        assert (answer.headers["X-Depl-Number"], answer.read().split(b"\n")[0]) == ("4", b"running: 1")
    stamp = look("/lists?poll=1").answer.headers["X-Depl-Number"]
    assert look(f"/lists?poll=1&after={stamp}").answer.status == 204


def test_a_page_goes_on_without_a_gap_in_another_process(tmp_path: Path, look) -> None:
    own = open_store(f"sqlite:///{tmp_path}/depl.sqlite", str(tmp_path))
    log = run(own, "killed", tasks=9)
    first, port, cookie = _process(tmp_path)
    page = look("/live/killed?after=3", port=port, cookie=cookie)
    log.append([Event(BEGUN, "1")])
    last = page.until("running: 1")[-1].id
    first.kill()
    first.communicate()
    with suppress(http.client.IncompleteRead):
        assert [one for one in page.rest() if not one.event] == []
    log.append([Event(DONE, "1"), Event(BEGUN, "2"), Event(DONE, "2"), Event(BEGUN, "3")])
    second, port, cookie = _process(tmp_path)
    page = look("/live/killed?after=3", last, port=port, cookie=cookie)
    message = page.next()
    assert (message.id, message.data.split("\n")[0]) == ("8", "running: 1 2 3")
    second.communicate(b"")
    assert [one for one in page.rest() if not one.event] == []  # a server that ends waits for nobody who looks
    assert second.returncode == 0
    own.close()


def _process(directory: Path) -> tuple[subprocess.Popen[bytes], int, str]:
    command = [sys.executable, streams.__file__, str(directory)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    port, cookie = process.stdout.readline().decode().split()  # type: ignore[union-attr]
    return process, int(port), cookie


def test_lists_go_on_when_a_rollout_comes(store: Store, look) -> None:
    page = look("/lists")
    stamp = page.next().id
    run(store, "listed")
    assert page.next().id != stamp


def test_a_stream_that_has_nothing_to_say_says_so(look) -> None:
    page = look("/lists")
    for _ in range(3):
        page.next("depl:beat")


def test_a_page_hears_that_somebody_is_at_work_without_being_rendered_again(store: Store, small: Small, look) -> None:
    run(store, "alive")
    page = look("/live/alive?after=3")
    page.next()
    rendered = small.rendered
    for _ in range(3):
        assert float(page.next("depl:heard").data) < PATIENCE
        with store.database.writing() as connection:
            connection.execute(text("UPDATE rollouts SET heartbeat = heartbeat + 0.001 WHERE id = 'alive'"))
    assert small.rendered == rendered


def test_a_stream_ends_when_its_reader_is_signed_out(store: Store, look) -> None:
    run(store, "left")
    cookie = store.people.sign_in("", who="root")
    page = look("/live/left", cookie=cookie)
    page.next()
    store.people.sign_out(store.people.session(cookie).id)
    page.rest()
    assert look("/live/left", cookie=cookie).answer.status == 401


def test_a_stream_ends_when_a_role_is_taken_away(tmp_path: Path, look) -> None:
    own = open_store(f"sqlite:///{tmp_path}/depl.sqlite", str(tmp_path))
    run(own, "theirs")
    own.people.add("vera", "")
    own.people.grant("vera", "of-theirs", Role.VIEWER)
    cookie = own.people.sign_in("vera")
    small = Small(own, patience=0.1).start()
    page = look("/live/theirs", port=small.port, cookie=cookie)
    page.next()
    own.people.revoke("vera", "of-theirs", Role.VIEWER)
    page.rest()
    assert look("/live/theirs", port=small.port, cookie=cookie).answer.status == 404
    small.end()
    own.close()


def test_many_pages_hear_of_an_event_that_is_rendered_once_while_others_are_answered(
    store: Store, small: Small, cookie: str, look
) -> None:
    count = 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    log = run(store, "many")
    run(store, "calm")

    async def deliveries() -> int:
        pages = await streams.open_many(small.port, "/live/many?after=3", cookie, count)
        await asyncio.gather(*(reader.readuntil(b"id: 3\n") for reader, _ in pages))
        before = small.rendered
        log.append([Event(BEGUN, "1")])
        heard = asyncio.gather(*(reader.readuntil(b"id: 4\ndata: running: 1\n") for reader, _ in pages))
        plain = await asyncio.to_thread(lambda: look("/plain").answer.status)
        told = len(await asyncio.wait_for(heard, PATIENCE))
        for _, writer in pages:
            writer.close()
        assert (plain, small.rendered - before) == (200, 1)
        return told

    assert streams.run(deliveries()) == count
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_each_is_given_their_own_session_in_what_is_rendered_for_all(store: Store, look) -> None:
    run(store, "own")
    assert look("/live/own").next().data.split("\n")[1] == ALL


def test_looks_cost_the_same_however_many_watch(store: Store) -> None:
    reader = Reader(store)
    for number in range(9):
        run(store, f"q{number}")

    def queries(watches: list[Watch]) -> int:
        return len(streams.run(_looked(store, reader, watches)))

    few = queries([Watch.of_rollout("q0"), Watch.of_lists(), Watch.of_output("q0", "1")])
    many = [Watch.of_rollout(f"q{number}") for number in range(9)] * 50 + [Watch.of_lists()] * 50
    assert queries([*many, *[Watch.of_output("q0", "1"), Watch.of_output("q0", "2")] * 50]) == few == 3
    assert queries([]) == 0


async def _looked(store: Store, reader: Reader, watches: list[Watch]) -> list[str]:
    """The statements of one look."""
    with _counted(store) as statements, ExitStack() as stack:
        for watch in watches:
            stack.enter_context(reader.looking_at(watch))
        reader.look()
    return statements


@contextmanager
def _counted(store: Store) -> Iterator[list[str]]:
    """The statements that this thread executes meanwhile."""
    engine, thread, statements = store.database.engine, threading.current_thread(), list[str]()

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if threading.current_thread() is thread and statement != "BEGIN":
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_an_hour_of_events_leaves_nothing_behind_also_not_for_who_does_not_read(store: Store, look) -> None:
    small = Small(store, weight=60_000).start()
    run(store, "hour")
    slow, page = (look("/live/hour?after=3", port=small.port) for _ in range(2))
    objects, told = [], 0
    for _ in range(10):  # 40,000 events in all
        last = tell_much(store, "hour", 4000)
        while page.next().id != str(last):
            told += 1
        gc.collect()
        objects.append(len(gc.get_objects()))
    assert max(objects[5:]) - max(objects[2:5]) < 2000
    assert told < 100  # what was touched is told once, however often that was
    missed = 0
    while slow.next().id != str(last):
        missed += 1
    assert missed < 100
    small.end()


def test_the_store_may_be_away_for_a_while(tmp_path: Path, look) -> None:
    (tmp_path / "a").mkdir()
    own = open_store(f"sqlite:///{tmp_path}/a/depl.sqlite", str(tmp_path / "a"))
    log = run(own, "away")
    small = Small(own).start()
    page = look("/live/away?after=3", port=small.port, cookie=own.people.sign_in("", who="root"))
    page.next()
    os.rename(tmp_path / "a", tmp_path / "b")
    own.close()  # all connections
    assert "cannot be used" in page.next("depl:stale").data
    os.rename(tmp_path / "b", tmp_path / "a")
    assert page.next("depl:fresh").data == ""
    log.append([Event(BEGUN, "1")])
    assert page.until("running: 1")
    small.end()
    own.close()


def test_what_commands_write_down_is_taken_in_while_somebody_looks(tmp_path: Path, look) -> None:
    own = open_store(f"sqlite:///{tmp_path}/depl.sqlite", str(tmp_path))
    small = Small(own).start()
    page = look("/lists", port=small.port, cookie=own.people.sign_in("", who="root"))
    page.next()
    record = tmp_path / ".depl" / "rollouts" / f"byhand{EVENTS}"
    record.parent.mkdir(parents=True)
    record.write_text(
        '{"n": 1, "at": "2026-01-02T03:04:05Z", "what": "started", "data": {"rollout": "byhand", "version": 1}}\n'
    )
    page.next()
    assert own.header("byhand").is_direct
    small.end()
    own.close()


def test_a_state_that_was_handed_out_stays_as_it_is(store: Store) -> None:
    log = run(store, "kept")
    folded = Folded("kept")
    folded.catch_up(store)
    before = folded.state
    log.append([Event(BEGUN, "1"), Event(What.SIGNALLED, data={"number": 1, "name": "pause", "who": "ann"})])
    log.output([Output("1", "stdout", "said\n")])
    folded.catch_up(store)
    assert (before.number, before.tasks["1"].attempt, before.held, before.signals) == (3, 0, set(), [])
    assert (folded.state.number, folded.state.tasks["1"].attempt, len(folded.state.held)) == (5, 1, 1)


@pytest.mark.parametrize("fails", [{}, {"b": 1}, {"b": 9, "d": 9}])
@pytest.mark.parametrize("on_failure", ["reverse", "ask"])
def test_whatever_changes_in_a_task_touches_it(fails: dict[str, int], on_failure: str) -> None:
    shape = one("a", side("b", "c"), "d", "e")
    run = rehearsal(shape, HandsScript(fails=fails), how={"on_failure": on_failure}, b={"retries": 2})
    run.drive()
    state = State()
    for recorded in run.log.read():
        before = copied(state)
        told = set(touches(state, recorded))
        state.add(recorded)
        changed = {id for id in {*before.tasks, *state.tasks} if before.tasks.get(id) != state.tasks.get(id)}
        assert changed <= told or recorded.event.what is What.PLANNED, recorded
