"""What the records say: what stands, what is owed, and what may be restored."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from depl.change.changes import Call, Move, Put, Run, WayBack
from depl.change.folds import Restore, chain_state, left_to_undo, rule_of_three, steps_of_unknown_effect
from depl.change.ledger import Ledger, subtrees, to_repeat
from depl.change.nodes import Absent, Directory, File, Link, Other
from depl.change.records import Began, Begin, Did, Ended, Failed, Made, Settled
from depl.change.recovery import tail, unmade
from depl.change.redoing import left_to_redo

PUT = Put("/x", Absent(), Link("to"))
REPEAT = Run("digest", "systemctl restart x", WayBack.REPEAT)
DONE = Run("digest", "adduser x", WayBack.COMPENSATING, "other", "deluser x")


def numbered(*records: Any) -> list[Any]:
    from dataclasses import replace

    number = count(1)
    return [replace(record, n=next(number)) for record in records]


def did(component: str = "app/File(x)", change: Any = PUT, undoes: int | None = None) -> Did:
    return Did(0, component, change, undoes)


def left(*records: Any) -> list[int]:
    return [one.n for one in left_to_undo(numbered(*records))]


# -- what stands ------------------------------------------------------------------------------------


def test_what_stands_is_taken_back_last_first():
    assert left(did(), did(), Made(0), did()) == [4, 2, 1]


def test_what_was_undone_or_never_made_does_not_stand():
    assert left(did(), did(), did(undoes=2)) == [1]
    assert left(did(), did(), Failed(0, [2])) == [1]


def test_an_undo_that_was_itself_undone_lets_the_change_stand_again():
    assert left(did(), did(undoes=1), did(undoes=2)) == [3]
    assert left(did(), did(undoes=1), did(undoes=2), did(undoes=3)) == []


def test_what_an_undo_left_as_it_was_is_taken_back_as_it_had_been_made_but_in_its_place():
    note = Put("/y", Absent(), Absent())
    records = [did(), did(), did(undoes=2, change=note), did(undoes=1), did(undoes=4), did(undoes=3, change=note)]
    assert left(*records) == [2, 5]


def test_what_was_not_really_made_again_is_not_taken_back():
    assert left(did(), did(undoes=1), did(undoes=2, change=Put("/x", Absent(), Absent()))) == []


def test_a_command_that_failed_when_it_should_run_again_is_undone():
    again = [did(change=DONE), did(change=DONE.reversal(), undoes=1), did(change=DONE, undoes=2), Failed(0, [3])]
    assert left(*again) == [3]
    assert left(*again, did(change=DONE.reversal(), undoes=3)) == []


def stood(*records: Any) -> list[Any]:
    """Records of a rollout that succeeded, and of an undo."""
    return [begin("r1"), did(), did(), Settled(0, "r1", True), begin("u1", "r1"), *records]


def redo(*records: Any) -> list[int]:
    return [one.n for one in left_to_redo(numbered(*records))]


def test_what_an_undo_took_back_is_redone_last_first():
    assert redo(*stood()) == []
    assert redo(*stood(did(undoes=3), did(undoes=2))) == [7, 6]
    assert redo(*stood(did(undoes=3), did(undoes=2), begin("d1", "u1"), did(undoes=7))) == [6]


def test_what_never_stood_is_not_redone():
    assert redo(begin("r1"), did(), begin("u1", "r1"), did(undoes=2)) == []


def test_what_an_undo_cleared_away_is_redone_too():
    gone = Put("/y", Absent(), Absent())
    assert redo(*stood(did(undoes=3), did(), did(undoes=7, change=gone), did(undoes=2))) == [9, 7, 6]


def test_only_the_undos_since_a_journal_last_stood_can_be_redone():
    records = stood(did(undoes=3), Settled(0, "u1", False, "reversed"))
    assert chain_state(numbered(*records)).undone == ("u1",)
    redone = [*records, begin("d1", "u1"), did(undoes=6)]
    state = chain_state(numbered(*redone))
    assert (state.rollouts, state.undos, state.undone) == (("r1", "d1"), ("u1",), ("u1",))
    redone.append(Settled(0, "d1", False))
    assert chain_state(numbered(*redone)).undone == ()
    again = chain_state(numbered(*redone, begin("u2", "d1")))
    assert (again.undos, again.undone) == (("u1", "u2"), ("u2",))
    assert chain_state(numbered(*stood(), begin("r2"))).undone == ()
    assert chain_state(numbered(begin("r1"), did(), begin("u1", "r1"))).undone == ()


def test_undoing_twice_is_as_undoing_once():
    assert left(did(), did(undoes=1), did(undoes=1)) == []


def test_an_undo_that_failed_lets_the_change_stand_until_it_succeeds():
    assert left(did(change=DONE), did(undoes=1), Failed(0, [2])) == [1]
    assert left(did(change=DONE), did(undoes=1), Failed(0, [2]), did(undoes=1)) == []
    assert left(did(change=DONE), did(undoes=1), Failed(0, [2]), did(undoes=1), Failed(0, [4])) == [1]


def test_a_command_without_an_undo_is_named_but_not_undone():
    unknown = Run("digest", "make mess", WayBack.UNKNOWN)
    records = numbered(did(change=unknown), did(change=unknown))
    assert left_to_undo(records) == []
    assert steps_of_unknown_effect(records) == ["make mess"]


@pytest.mark.parametrize(("known", "unknown"), [(True, []), (False, ["systemctl restart x"])])
def test_a_reaction_that_will_not_be_repeated_is_of_unknown_effect(known, unknown):
    records = numbered(Began(0, "app/Service", [], known=known), did("app/Service", REPEAT))
    assert steps_of_unknown_effect(records) == unknown


def test_an_irreversible_command_is_among_what_stands_as_nothing_is_undone_across_it():
    assert left(did(), did(change=Run("digest", "drop table", WayBack.IRREVERSIBLE, reason="gone"))) == [2, 1]


def test_what_raw_code_made_of_a_path_is_known_from_its_end():
    raw = did("app/Raw", Put("/x", Absent(), None))
    (one,) = left_to_undo(numbered(Began(0, "app/Raw"), raw, Ended(0, "app/Raw", {"/x": Link("there")})))
    assert one.change.after == Link("there")


def test_an_update_that_never_ended_is_not_taken_for_the_next_one_that_did():
    raw = did("app/Raw", Put("/x", Absent(), None))
    again = did("app/Raw", Put("/x", Link("half"), None))
    records = [Began(0, "app/Raw"), raw, Began(0, "app/Raw"), again, Ended(0, "app/Raw", {"/x": Link("whole")})]
    second, first = left_to_undo(numbered(*records))
    assert (first.change.after, second.change.after) == (None, Link("whole"))


# -- the rule of three ------------------------------------------------------------------------------

OLD, NEW, OTHER = File("1", 0o644, 0, 0), File("2", 0o644, 0, 0), File("3", 0o644, 0, 0)
NODES = [Absent(), OLD, Link("x"), Directory(0o755, 0, 0), Other()]


@pytest.mark.parametrize(
    ("now", "put", "verdict"),
    [
        (OLD, Put("/x", OLD, NEW), Restore.ALREADY),
        (NEW, Put("/x", OLD, NEW), Restore.RESTORE),
        (OTHER, Put("/x", OLD, NEW), Restore.CONFLICT),
        (Absent(), Put("/x", OLD, NEW), Restore.CONFLICT),
        (File("2", 0o600, 0, 0), Put("/x", OLD, NEW), Restore.CONFLICT),
        (File("2", 0o644, 1, 0), Put("/x", OLD, NEW), Restore.CONFLICT),
        (Absent(), Put("/x", Absent(), NEW), Restore.ALREADY),
        (Link("y"), Put("/x", Link("x"), Absent()), Restore.CONFLICT),
        (OTHER, Put("/x", OLD, None), Restore.RESTORE),
        (OLD, Put("/x", OLD, None), Restore.ALREADY),
        (Directory(0o700, 0, 0), Put("/x", Directory(0o755, 0, 0), Directory(0o700, 0, 0)), Restore.RESTORE),
        (File(None, 0o644, 0, 0), Put("/x", Absent(), NEW), Restore.RESTORE),
    ],
)
def test_the_rule_of_three(now, put, verdict):
    assert rule_of_three(now, put) is verdict


@pytest.mark.parametrize("before", NODES)
@pytest.mark.parametrize("after", NODES)
def test_a_change_that_was_made_is_restored_and_one_that_was_taken_back_is_left(before, after):
    if before != after:
        assert rule_of_three(after, Put("/x", before, after)) is Restore.RESTORE
        assert rule_of_three(before, Put("/x", before, after)) is Restore.ALREADY


# -- recovery ---------------------------------------------------------------------------------------


def test_only_what_came_after_the_last_word_is_looked_at_again():
    assert [one.n for one in tail(numbered(did(), Made(0), did(), did()))] == [3, 4]
    assert tail(numbered(did(), Failed(0, [1]))) == []


def test_in_doubt_a_change_was_made_and_a_reversal_was_not():
    there = {"/x": Link("else"), "/y": Absent()}
    run = Run("d", "x", WayBack.COMPENSATING, "u")
    forward = numbered(did(), did(change=run), did(change=Call("app", {})), did(change=Put("/y", Absent(), Link("to"))))
    backward = numbered(did(undoes=9), did(change=run, undoes=9), did(change=Call("app", {}, True), undoes=9))
    assert unmade(forward, there.__getitem__) == [4]
    assert unmade(backward, there.__getitem__) == [1, 2, 3]


def test_a_move_was_made_if_it_is_there_and_no_longer_here():
    moves = numbered(
        did(change=Move("/x", "/y")), did(change=Move("/y", "/x")), did(change=Move("/t", "/b", built=True))
    )
    assert unmade(moves, {"/x": Absent(), "/y": Link("")}.__getitem__) == [2]


# -- reactions that are owed ------------------------------------------------------------------------


def ledger_of(*records: Any) -> Ledger:
    ledger = Ledger()
    for record in numbered(*records):
        ledger.add(record)
    return ledger


FILE, SERVICE = "app/File(x)", "app/Service"
BEGAN, ENDED = Began(0, SERVICE, [FILE], known=True), Ended(0, SERVICE, {}, [FILE])


def test_a_reaction_is_owed_from_the_change_until_it_succeeded():
    assert not ledger_of().differs(SERVICE, FILE)
    assert ledger_of(did()).differs(SERVICE, FILE)
    assert ledger_of(did(), BEGAN).differs(SERVICE, FILE)
    assert not ledger_of(did(), BEGAN, ENDED).differs(SERVICE, FILE)
    assert ledger_of(did(), BEGAN, ENDED, did()).differs(SERVICE, FILE)


def test_a_half_done_reaction_is_owed_even_if_its_cause_did_not_change():
    assert ledger_of(BEGAN).differs(SERVICE, FILE)


def test_a_change_that_was_taken_back_before_anybody_saw_it_is_no_cause():
    assert not ledger_of(did(), did(undoes=1)).differs(SERVICE, FILE)
    assert not ledger_of(did(), Failed(0, [1])).differs(SERVICE, FILE)


def test_a_change_that_was_seen_and_then_taken_back_is_a_cause():
    assert ledger_of(did(), BEGAN, ENDED, did(undoes=1)).differs(SERVICE, FILE)


def test_a_change_below_is_a_change_and_one_beside_is_not():
    ledger = ledger_of(did("app/Part/File(a/b)"))
    assert [one for one in ("app", "app/Part", "app/Part/File(a/b)") if ledger.differs(SERVICE, one)] == [
        "app",
        "app/Part",
        "app/Part/File(a/b)",
    ]
    assert not ledger.differs(SERVICE, "app/Par")
    assert not ledger.differs(SERVICE, "app/Other")


def test_what_one_has_seen_another_may_not_have():
    ledger = ledger_of(did(), BEGAN, ENDED)
    assert not ledger.differs(SERVICE, FILE)
    assert ledger.differs("app/Other", FILE)


def test_an_update_that_acts_by_itself_changed_something_without_a_record_of_it():
    assert ledger_of(Began(0, "app/Raw"), Ended(0, "app/Raw")).differs(SERVICE, "app/Raw")


def test_a_whole_run_that_went_through_starts_anew_and_a_partial_one_does_not():
    assert not ledger_of(did(), Settled(0, "r", whole=True)).roots
    assert ledger_of(did(), Settled(0, "r", whole=False)).differs(SERVICE, FILE)


def test_the_subtrees_of_a_component_are_itself_and_its_parents():
    assert list(subtrees("app/A/B")) == ["app/A/B", "app/A", "app"]


# -- on the way back --------------------------------------------------------------------------------

RAN = did(SERVICE, REPEAT)


def repeated(*records: Any) -> list[tuple[str, int]]:
    listed = numbered(*records)
    return [(one.component, len(one.commands)) for one in to_repeat(listed, ledger_of(*records))]


def test_a_reaction_that_ran_is_repeated_after_its_cause_was_taken_back():
    assert repeated(did(), BEGAN, RAN, RAN, ENDED, did(undoes=1)) == [(SERVICE, 2)]


def test_a_reaction_that_was_cut_off_is_repeated():
    assert repeated(did(), BEGAN, RAN, did(undoes=1)) == [(SERVICE, 1)]


def test_a_reaction_is_not_repeated_that_never_began_or_has_nothing_new_to_see_or_was_not_there_before():
    assert repeated(did(), did(undoes=1)) == []
    assert repeated(did(), BEGAN, RAN, ENDED) == []
    assert repeated(did(), Began(0, SERVICE, [FILE], known=False), RAN, ENDED, did(undoes=1)) == []


def test_a_reaction_that_was_repeated_is_not_repeated_again():
    back = [Began(0, SERVICE, [FILE], known=True, again=True), RAN, ENDED]
    assert repeated(did(), BEGAN, RAN, ENDED, did(undoes=1), *back) == []


@pytest.mark.parametrize("ran", [0, 1, 2])
def test_a_repetition_that_was_cut_off_is_owed_with_all_its_commands(ran):
    back = [Began(0, SERVICE, [FILE], known=True, again=True), *[RAN] * ran]
    assert repeated(did(), BEGAN, RAN, RAN, ENDED, did(undoes=1), *back) == [(SERVICE, 2)]


def test_reactions_are_repeated_in_the_order_in_which_they_ran():
    other = "app/Proxy"
    also = [Began(0, other, [FILE], known=True), did(other, REPEAT), Ended(0, other, {}, [FILE])]
    assert repeated(did(), *also, BEGAN, RAN, ENDED, did(undoes=1)) == [(other, 1), (SERVICE, 1)]


# -- a whole journal --------------------------------------------------------------------------------


def begin(rollout: str, undoes: str | None = None) -> Begin:
    return Begin(0, rollout, "prod", "web1", "app", 1, "me", "", "boot", "now", undoes)


def test_a_journal_is_unsettled_until_its_last_word():
    assert chain_state([]).settled
    assert chain_state(numbered(begin("r1"), did())).unsettled
    assert chain_state(numbered(begin("r1"), did(), Settled(0, "r1", True))).settled
    assert chain_state(numbered(begin("r1"), did(), Settled(0, "r1", True), did(undoes=2))).unsettled


def test_a_journal_knows_its_rollouts_undos_and_outcome():
    state = chain_state(
        numbered(
            begin("r1"),
            did(),
            begin("r2"),
            Settled(0, "r2", True),
            begin("u", "r2"),
            Settled(0, "u", False, "reversed"),
        )
    )
    assert (state.rollouts, state.undos, state.outcome) == (("r1", "r2"), ("u",), "reversed")
    assert (state.environments, state.host) == (("prod",), "web1")


def test_a_rollout_that_went_on_and_had_nothing_to_do_belongs_to_the_journal():
    state = chain_state(
        numbered(begin("r1"), did(), Settled(0, "r2", True), begin("u", "r2"), Settled(0, "u", False, "reversed"))
    )
    assert (state.rollouts, state.undos) == (("r1", "r2"), ("u",))
