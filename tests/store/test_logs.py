from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest

from depl.errors import NothingRecorded
from depl.events import Event, Output, What
from depl.redact import Redactor
from depl.rollout.log import Fenced, LogFailed
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import IllegalTransition, RolloutState
from depl.store.store import Store, open_store

Plans = Callable[..., RolloutPlan]
STARTED, OVER = Event(What.STARTED), Event(What.OVER, data={"outcome": "succeeded"})
BEGUN, DONE = (Event(what, "1") for what in (What.TASK_STARTED, What.TASK_DONE))


def test_events_come_back_as_they_were_written(store: Store, plan: Plans) -> None:
    store.create(plan("r", "live"))
    log = store.log("r")
    strange = Event(What.LOG, "1", "app/File", {"text": "zero \0, half \udc80, ü, \U0001f600", "n": 1.5}, "web1")
    written = [*log.append([STARTED, BEGUN]), *log.append([strange], durable=True)]
    assert [one.number for one in written] == [2, 3, 4]
    assert list(log.read(1)) == written
    assert next(log.read()).event.what is What.PLANNED


def test_the_line_of_a_rollout_follows_from_its_events(store: Store, plan: Plans) -> None:
    header = store.create(plan("r", "test", "live"))
    assert (header.name, header.title, header.who, header.state) == ("release", "Release", "ann@here", "planned")
    log = store.log("r")
    log.append([STARTED, BEGUN, Event(What.HELD, data={"hold": "paused"})])
    assert (store.header("r").state, store.header("r").holds) == (RolloutState.RUNNING, ["paused"])
    error = {"class": "DeplError", "message": "no"}
    log.append([Event(What.TASK_FAILED, "1", data={"error": error}), Event(What.STOPPING, data={"reason": "no"})])
    log.append([Event(What.OVER, data={"outcome": "kept", "seconds": 2.5, "changed": 3})])
    header = store.header("r")
    assert (header.state, header.outcome, header.reason, header.error) == ("kept", "kept", "no", error)
    assert (header.seconds, header.changed, header.number, header.holds) == (2.5, 3, 7, [])
    assert header.environments == ["live", "test"]
    assert store.plan("r") == RolloutPlan.from_json(plan("r", "test", "live").as_json())


def test_a_run_of_a_model_may_be_written_as_it_happens(store: Store) -> None:
    store.admit("r")
    store.locks.take(["live"], "r", "ann@here")
    log = store.log("r", store.claim_this("r", "ann@here:7").epoch)
    log.append([Event(What.STARTED, data={"rollout": "r", "environment": "live", "hosts": ["web1"]})])
    log.append([Event(what, "app", host="web1") for what in (What.TASK_STARTED, What.TASK_DONE)])
    assert [header.id for header in store.rollouts("live", RolloutState.RUNNING)] == ["r"]
    log.append([OVER])
    header = store.header("r")
    assert (header.state, header.hosts, header.is_direct, header.owner) == ("succeeded", ["web1"], False, "")
    assert store.locks.taken() == []
    assert store.plan("r") is None


def test_a_state_that_cannot_follow_is_refused_and_nothing_of_it_is_written(store: Store, plan: Plans) -> None:
    store.create(plan("r"))
    log = store.log("r")
    log.append([STARTED])
    with pytest.raises(IllegalTransition):
        log.append([BEGUN, DONE, DONE])
    log.append([BEGUN])
    assert [one.event.what for one in log.read(2)] == [What.TASK_STARTED]


def test_numbers_have_no_gaps_whoever_writes_beside(store: Store, plan: Plans) -> None:
    def write(id: str) -> None:
        log = store.log(id)
        log.append([STARTED, BEGUN])
        for done in range(25):
            log.append([Event(What.PROGRESS, "1", data={"done": done, "total": 25})])
            log.output([Output("1", "stdout", f"{done}\n")])

    ids = [f"r{number}" for number in range(4)]
    for id in ids:
        store.create(plan(id))
    threads = [threading.Thread(target=write, args=(id,)) for id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for id in ids:
        assert [one.number for one in store.log(id).read()] == list(range(1, 29))
        assert "".join(one.text for one in store.output(id, "1").pieces) == "".join(f"{n}\n" for n in range(25))


def test_many_events_are_read_page_by_page(store: Store, plan: Plans) -> None:
    store.create(plan("r"))
    store.log("r").append([STARTED, *[Event(What.LOG, data={"text": str(number)}) for number in range(2500)]])
    assert [one.number for one in store.log("r").read(100)] == list(range(101, 2503))


def test_whoever_was_taken_over_writes_nothing_more(store: Store, queued: Callable[..., None]) -> None:
    queued("r", "live")
    first = store.claim("one")
    assert first
    old = store.log("r", first.epoch)
    old.append([STARTED])
    store.let_go(first)
    second = store.claim_this("r", "two")
    for write in (lambda: old.append([BEGUN]), lambda: old.output([Output("1", "stdout", "x")])):
        with pytest.raises(Fenced):
            write()
    assert not store.beat(first)
    assert not store.let_go(first)
    with pytest.raises(Fenced):  # nor somebody who never drove it, while another one does
        store.log("r").append([BEGUN])
    store.log("r", second.epoch).append([BEGUN])
    assert [one.event.what for one in store.log("r").read(3)] == [What.TASK_STARTED]
    assert store.output("r", "1").total == 0


def test_a_rollout_that_is_unknown_is_said_to_be(store: Store) -> None:
    for ask in (lambda: store.log("r").append([STARTED]), lambda: store.header("r")):
        with pytest.raises(NothingRecorded, match="The store knows no rollout r"):
            ask()


def test_any_window_of_the_output_can_be_read(store: Store, plan: Plans) -> None:
    store.create(plan("r"))
    log = store.log("r")
    log.output([Output("1", "stdout", "a" * 40_000), Output("1", "stderr", "b\0"), Output("2", "stdout", "other")])
    log.output([Output("1", "stdout", "c" * 10)])
    window = store.output("r", "1", 39_998, 8)
    assert [(one.stream, one.text, one.offset) for one in window.pieces] == [
        ("stdout", "aa", 39_998),
        ("stderr", "b�", 40_000),
        ("stdout", "cccc", 40_002),
    ]
    assert window.total == 40_012
    assert [one.text for one in store.output("r", "1", -3).pieces] == ["ccc"]
    assert store.output("r", "1", 50_000).pieces == []


def test_secrets_stay_out_of_events_output_and_lists(store: Store, plan: Plans) -> None:
    redact = Redactor([("app.password", "sesame-open")])
    store.create(plan("r", title="for sesame-open"), redact=redact)
    log = store.log("r", redact=redact)
    log.append([STARTED, BEGUN, Event(What.LOG, "1", data={"text": "it is sesame-open"})])
    log.output([Output("1", "stdout", "it is sesame-"), Output("1", "stdout", "open\n")])
    failed = Event(What.TASK_FAILED, "1", data={"error": {"class": "DeplError", "message": "sesame-open was wrong"}})
    log.append([failed, Event(What.STOPPING, data={"reason": "sesame-open"})])
    told = [store.header("r"), store.plan("r"), list(log.read()), store.output("r", "1"), store.rollouts()]
    assert "sesame" not in repr([(one, getattr(one, "error", "")) for one in told])
    assert "‹secret app.password›\n" in "".join(one.text for one in store.output("r", "1").pieces)


def test_events_that_the_server_took_without_our_hearing_of_it_are_not_written_twice(
    postgresql, plan: Plans, tmp_path
) -> None:
    with Proxy(postgresql.port) as proxy:
        url = postgresql.new_database()
        store = open_store(url.replace(str(postgresql.port), str(proxy.port)), str(tmp_path))
        store.create(plan("r"))
        log = store.log("r")
        log.append([STARTED])
        proxy.cuts_at_commit = True
        with pytest.raises(LogFailed):
            log.append([BEGUN])
        proxy.cuts_at_commit = False
        assert [one.number for one in log.append([BEGUN, DONE])] == [3, 4]
        assert [one.event.what for one in log.read(2)] == [What.TASK_STARTED, What.TASK_DONE]
        store.close()


class Proxy:
    """Stands between us and the server; may let a commit through and hang up before the answer comes."""

    def __init__(self, port: int) -> None:
        self.cuts_at_commit = False
        self._behind = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *ignored: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                client = self._listening.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._behind))
            cut = threading.Event()
            threading.Thread(target=self._pass, args=(client, server, cut, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, cut, False), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, cut: threading.Event, is_asking: bool) -> None:
        with source, target:
            try:
                while data := source.recv(65536):
                    if is_asking and self.cuts_at_commit and b"COMMIT" in data:
                        cut.set()
                    if cut.is_set() and not is_asking:  # it has answered, so it has committed
                        source.shutdown(socket.SHUT_RDWR)
                        target.shutdown(socket.SHUT_RDWR)
                        return
                    target.sendall(data)
            except OSError:
                pass
