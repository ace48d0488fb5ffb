"""Secrets in records: texts are masked, while the closed words that programs read again stay as they are."""

from __future__ import annotations

import json

import pytest

from depl.events import Event, What
from depl.redact import Redactor
from depl.rollout.folding import fold
from depl.rollout.log import Recorded
from depl.rollout.masking import masked
from depl.rollout.plan import RolloutPlan
from depl.rollout.records import as_line, from_line
from depl.rollout.states import SIGNALS, Block, Hold, RolloutState, TaskState
from depl.rollout.tree import Group, Leaf, Tree

WORDS = {
    "hold": [one.value for one in Hold],
    "block": [one.value for one in Block],
    "state": [one.value for one in (*RolloutState, *TaskState)],
    "kind": ["failed", "conflict"],
    "direction": ["forward", "backward"],
    "name": list(SIGNALS),
    "on_failure": ["rollback", "stop", "ask"],
    "on_interrupt": ["reverse", "ask", "resume"],
    "gate": ["approval", "checklist"],
}
PLAN = RolloutPlan(
    "20260102-030405-ab12",
    "release",
    Tree(
        {
            "1": Leaf("1", "depl.tasks.deploy:Deploy", {"environment": "production"}, environments=("production",)),
            "2": Leaf("2", "rollouts/release.py:Ask", {"status": "hunter2hunter2"}, gate="approval"),
        },
        {"0": Group("0", ("1", "2"))},
        "0",
    ),
    parameters={"host": "hunter2hunter2", "verb": ["hunter2hunter2"]},
    digests={"production": "abcd"},
    on_interrupt="resume",
    monitors=("watch",),
)


def events(*told):
    return [Recorded(number, "2026-01-02T03:04:05Z", event) for number, event in enumerate(told, 1)]


def read_again(recorded, *secrets):
    redact = Redactor(("s.value", secret) for secret in secrets)
    return [from_line(json.loads(as_line(one, redact))) for one in recorded]


@pytest.mark.parametrize("key", sorted(WORDS))
def test_a_closed_word_stays_even_where_a_secret_has_the_same_text(key):
    redact = Redactor(("s.value", word) for word in (key, *WORDS[key]))
    assert [masked({key: word}, redact) for word in WORDS[key]] == [{key: word} for word in WORDS[key]]


@pytest.mark.parametrize("key", sorted(WORDS))
def test_any_other_text_in_the_place_of_a_closed_word_is_masked(key):
    assert masked({key: "hunter2hunter2"}, Redactor([("s.value", "hunter2hunter2")])) == {key: "‹secret s.value›"}


def test_a_record_is_folded_to_the_same_state_whatever_words_are_secrets():
    told = events(
        Event(What.PLANNED, data=PLAN.as_json()),
        Event(What.STARTED, data={"rollout": PLAN.rollout}),
        Event(What.SIGNALLED, data={"number": 1, "name": "pause", "who": "me"}),
        Event(What.TASK_STARTED, "1"),
        Event(What.TASK_FAILED, "1", data={"error": {"class": "DeplError", "message": "no"}}),
        Event(What.STOPPING, data={"reason": "no", "cause": "1"}),
        Event(What.REVERSING),
        Event(What.HELD, data={"hold": "reversal paused", "reason": ""}),
        Event(What.TASK_REVERSING, "1"),
        Event(What.TASK_NOT_REVERSED, "1", data={"kind": "conflict", "reason": ""}),
        Event(What.BLOCKED, data={"block": "conflict", "reason": ""}),
        Event(What.RESUMED, data={"direction": "backward"}),
    )
    words = [word for listed in WORDS.values() for word in listed]
    again = read_again(told, *words, "release", "production", "watch", "depl.tasks.deploy:Deploy")
    assert fold(again) == fold(told)


def test_what_people_name_themselves_in_parameters_and_arguments_hides_nothing_from_the_filter():
    (planned,) = events(Event(What.PLANNED, data=PLAN.as_json()))
    assert "hunter2" not in as_line(planned, Redactor([("s", "hunter2hunter2")]))
