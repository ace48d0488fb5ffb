from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from depl.errors import NothingRecorded
from depl.events import Event, What
from depl.redact import Redactor
from depl.rollout.plan import RolloutPlan
from depl.rollout.record_log import RecordLog
from depl.rollout.signals import Signal, SignalFile
from depl.store.store import Store

POST = """
store = open_store(*sys.argv[1:3])
for number in range(20):
    store.signals("r").post(Signal("keep", sys.argv[3], reason=str(number)))
"""


def test_signals_of_other_processes_come_in_their_order_and_each_once(
    store: Store, plan: Callable[..., RolloutPlan], python
) -> None:
    store.create(plan("r"))
    signals = store.signals("r")
    first = signals.post(Signal("skip", "me", task="1", reason="why not", data={"item": "a"}))
    assert signals.new(0) == [first]
    assert (first.number, first.at[-1]) == (1, "Z")
    others = [python(POST, "ann"), python(POST, "bob")]
    assert [other.communicate(timeout=120)[0] for other in others] == ["", ""]
    new = signals.new(1)
    assert [one.number for one in new] == list(range(2, 42))
    assert [one.reason for one in new if one.who == "ann"] == [str(number) for number in range(20)]


def test_a_signal_hides_secrets_in_its_reason(store: Store, plan: Callable[..., RolloutPlan]) -> None:
    store.create(plan("r"))
    signals = store.signals("r", Redactor([("app.password", "sesame-open")]))
    signals.post(Signal("skip", "me", reason="sesame-open", data={"text": "sesame-open"}))
    assert "sesame" not in repr(store.signals("r").new(0))


def test_secrets_that_nobody_knew_who_posted_a_signal_go_when_it_is_heard(
    store: Store, plan: Callable[..., RolloutPlan]
) -> None:
    store.create(plan("r"))
    store.signals("r").post(Signal("skip", "me", reason="sesame-open"))
    redact = Redactor()
    heard = store.signals("r", redact)
    redact.learn([("app.password", "sesame-open")])
    assert [one.reason for one in heard.new(0)] == ["‹secret app.password›"]
    assert store.signals("r").new(0) == heard.new(0)


def test_a_signal_for_a_command_is_laid_where_that_looks_for_it(store: Store, tmp_path: Path) -> None:
    records = tmp_path / ".depl"
    log = RecordLog(str(records), "r", Redactor())
    log.append([Event(What.STARTED, data={"rollout": "r", "environment": "live", "host": "here"})])
    store.take_in()
    store.signals("r").post(Signal("abort", "bob", reason="enough"))
    [heard] = SignalFile(str(records / "rollouts" / "r.signals")).new(0)
    assert (heard.name, heard.number) == ("abort", 1)
    store.take_in()
    assert store.signals("r").new(0) == []
    log.append([Event(What.SIGNALLED, data={"number": 1, "name": "abort", "who": "bob"})])
    store.take_in()
    assert store.signals("r").new(0) == [heard]
    log.close()
    (records / "rollouts" / "r.jsonl").unlink()
    with pytest.raises(NothingRecorded, match="Rollout r is driven by a command in another directory"):
        store.signals("r").post(Signal("abort", "bob"))


def test_signals_for_what_is_unknown_are_refused(store: Store) -> None:
    with pytest.raises(NothingRecorded, match="The store knows no rollout r"):
        store.signals("r").post(Signal("abort", "bob"))
