"""Records survive the way through JSON, whatever they hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depl.change.changes import Call, Move, Put, Run, WayBack
from depl.change.nodes import Absent, Directory, File, Link, Other
from depl.change.records import SCHEMA, Began, Begin, Did, End, Ended, Failed, Made, Settled, from_json, to_json
from depl.errors import JournalError

texts = st.text(max_size=20)
paths = st.one_of(texts, st.just("/srv/ümläut/\udcff"))
numbers = st.integers(0, 1 << 40)
maybe = st.one_of(st.none(), texts)
rights = {"mode": st.integers(0, 0o7777), "uid": numbers, "gid": numbers}
nodes = st.one_of(
    st.just(Absent()),
    st.just(Other()),
    st.builds(Link, paths),
    st.builds(Directory, **rights),
    st.builds(File, maybe, **rights),
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
)
changes = st.one_of(
    st.builds(Put, paths, nodes, st.one_of(st.none(), nodes), st.just("")),
    st.builds(Move, paths, paths, st.booleans()),
    st.builds(Run, texts, texts, st.sampled_from(WayBack), maybe, texts, texts),
    st.builds(Call, texts, st.dictionaries(texts, json_values, max_size=3), st.booleans()),
)
records = st.one_of(
    st.builds(
        Begin,
        *(numbers, texts, texts, texts, texts, numbers, texts, texts, texts, texts, maybe),
        after=st.lists(texts, max_size=3).map(tuple),
        project=texts,
    ),
    st.builds(Did, numbers, texts, changes, st.one_of(st.none(), numbers), st.one_of(st.none(), numbers)),
    st.builds(Made, numbers),
    st.builds(Failed, numbers, st.lists(numbers), texts, st.lists(paths).map(tuple)),
    st.builds(Began, numbers, texts, st.lists(texts), st.booleans(), st.booleans(), workdir=paths),
    st.builds(
        Ended,
        *(numbers, texts, st.dictionaries(paths, nodes, max_size=3), st.lists(texts)),
        appeared=st.lists(paths).map(tuple),
    ),
    st.builds(End, numbers, texts, maybe),
    st.builds(Settled, numbers, texts, st.booleans(), texts),
)


@given(records)
def test_a_record_comes_back_as_it_was(record):
    assert from_json(json.loads(json.dumps(to_json(record)))) == record


@given(changes)
def test_a_change_reversed_twice_ends_where_it_began(change):
    reversal = change.reversal()
    if isinstance(change, Put) and change.after is not None:
        assert reversal.reversal() == change
    if isinstance(change, Move):
        assert (reversal.reversal().path, reversal.reversal().to) == (change.path, change.to)
    if isinstance(change, Run):
        assert (reversal is None) == (change.undo is None)
        assert reversal is None or reversal.reversal() == change
    if isinstance(change, Call):
        assert reversal.reversal() == change


def test_a_journal_of_a_newer_depl_is_refused_with_the_next_step():
    data = to_json(Begin(1, "r", "e", "h", "t", 1, "w", "", "b", "at", schema=SCHEMA + 1))
    with pytest.raises(JournalError, match="newer depl") as caught:
        from_json(data)
    assert caught.value.hint


def test_a_journal_of_an_older_depl_is_understood():
    data = to_json(Begin(1, "r", "e", "h", "t", 1, "w", "", "b", "at", schema=1))
    del data["after"], data["project"]
    assert from_json(data) == Begin(1, "r", "e", "h", "t", 1, "w", "", "b", "at", schema=1)


@pytest.mark.parametrize("data", [{}, {"is": "cat"}, {"is": "made"}, {"is": "made", "n": 1, "more": 2}, {"is": "did"}])
def test_what_is_no_record_is_an_error(data):
    with pytest.raises(JournalError, match="cannot be understood"):
        from_json(data)
