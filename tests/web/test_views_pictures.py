"""The timeline, the picture of an environment, the bars of a history."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rollouts_by_hand import one, rehearsal, side

from depl.access.roles import owner
from depl.events import Event, What
from depl.rollout.folding import State, fold
from depl.rollout.log import Recorded
from depl.rollout.states import RolloutState, TaskState
from depl.rollout.wording import utc_of
from depl.web.filters import with_what
from depl.web.views.attention import waiting
from depl.web.views.bars import history_bars
from depl.web.views.picture import Box, Frame, Picture, picture
from depl.web.views.spans import Span
from depl.web.views.states import look_of_task
from depl.web.views.timeline import LEAST, MOST, WIDTH, timeline
from depl.web.views.waits import waits

START = 1767225600
DONE = look_of_task(TaskState.DONE)

# -- the timeline ------------------------------------------------------------------------------------------------------


def run(*times: tuple[str, str, int, int]) -> State:
    """A deployment by command. times: root, host, and the seconds in which it began and ended."""
    moments = sorted(
        [(begin, 1, What.TASK_STARTED, root, host) for root, host, begin, _ in times]
        + [(end, 0, What.TASK_DONE, root, host) for root, host, _, end in times]
    )
    data = {"rollout": "r", "environment": "dev", "hosts": sorted({host for _, host, _, _ in times})}
    events = [Recorded(1, utc_of(START), Event(What.STARTED, data=data))]
    events += [
        Recorded(number, utc_of(START + at), Event(what, root, host=host or None))
        for number, (at, _, what, root, host) in enumerate(moments, 2)
    ]
    return fold(events)


def test_each_host_has_a_lane_and_each_task_a_bar_as_long_as_it_took() -> None:
    state = run(("db", "h1", 0, 40), ("web", "h2", 40, 100))
    found = timeline(state, now=START + 100.0)
    assert [lane.name for lane in found.lanes] == ["h1", "h2"]
    [[db], [web]] = [lane.bars for lane in found.lanes]
    assert (db.x, db.width, web.x, web.width) == (0, 400, 400, 600)
    assert (web.ids, web.took, web.look) == (["web@h2"], "1 min 0 s", DONE)


def test_the_critical_path_goes_back_from_what_ended_last() -> None:
    state = run(("db", "h1", 0, 40), ("cache", "h1", 40, 50), ("web", "h2", 40, 100), ("idle", "h3", 0, 5))
    by_times = timeline(state, now=START + 100.0)
    assert by_times.critical == ["db@h1", "web@h2"]
    assert by_times.sentence == "2 tasks after each other took longest: db on h1 (40 s), then web on h2 (1 min 0 s)"
    by_edges = timeline(state, now=START + 100.0, edges={"web@h2": ["idle@h3"], "idle@h3": []})
    assert by_edges.critical[-2:] == ["idle@h3", "web@h2"]


def test_the_critical_path_of_a_deployment_follows_what_its_components_need_and_what_their_hosts_did_before() -> None:
    state = run(("db", "h1", 0, 10), ("cron", "h2", 0, 60), ("front", "h3", 10, 20), ("logs", "h3", 60, 90))
    known = {"dev": {"edges": [["db@h1", "front@h3", "db:address"]]}}
    edges = waits(state, known)
    assert edges == {"front@h3": ["db@h1"], "logs@h3": ["front@h3"]}
    assert timeline(state, now=START + 90.0, edges=edges).critical == ["db@h1", "front@h3", "logs@h3"]
    assert timeline(state, now=START + 90.0).critical == ["cron@h2", "logs@h3"]


def test_the_critical_path_of_tasks_by_hand_follows_the_plan() -> None:
    state = rehearsal(one(side("a", "b"), "c")).state
    times = {"a": (0, 10), "b": (0, 30), "c": (30, 35)}
    spans = [Span(id, float(began), float(ended), DONE) for id, (began, ended) in times.items()]
    found = timeline(state, now=40.0, spans=spans)
    assert found.critical == ["b", "c"]
    assert [lane.name for lane in found.lanes] == ["tasks"]
    assert {bar.row for bar in found.lanes[0].bars} == {0, 1}


def test_the_way_forth_and_back_are_bars_of_their_own() -> None:
    state = run(("web", "h1", 0, 10))
    for at, what in ((30, What.TASK_REVERSING), (40, What.TASK_REVERSED)):
        state.add(Recorded(9, utc_of(START + at), Event(what, "web", host="h1")))
    found = timeline(state, now=START + 40.0)
    assert [(bar.x, bar.width, bar.is_backward, bar.look.word) for bar in found.lanes[0].bars] == [
        (0, 250, False, "done"),
        (750, 250, True, "reversed"),
    ]
    assert found.critical == ["web@h1"]


def test_what_is_at_work_reaches_to_now() -> None:
    state = run(("db", "h1", 0, 40))
    state.add(Recorded(9, utc_of(START + 50), Event(What.TASK_STARTED, "web", host="h1")))
    found = timeline(state, now=START + 100.0)
    assert found.now == WIDTH
    assert found.lanes[0].bars[-1].x + found.lanes[0].bars[-1].width == WIDTH
    assert [tick.word for tick in found.ticks][:3] == ["0", "15 s", "30 s"]


def test_nothing_begun_is_an_empty_timeline() -> None:
    assert timeline(rehearsal("a").state, now=0.0).lanes == ()


def test_one_that_ends_in_the_second_in_which_it_began_is_seen() -> None:
    found = timeline(run(("db", "h1", 3, 3)), now=START + 3.0)
    assert (found.lanes[0].bars[0].width, found.sentence) == (LEAST, ""), "and nobody needs to hear how long it took"


spans = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 50), st.integers(0, 50), st.booleans()), min_size=1, max_size=60
)


@given(spans)
@settings(deadline=None, max_examples=30)
def test_bars_lie_inside_and_not_on_each_other_and_every_task_has_one(times: list[tuple[str, int, int, bool]]) -> None:
    given = [
        Span(f"t{number}@{host}", float(began), None if is_open else float(began + took), DONE)
        for number, (host, began, took, is_open) in enumerate(times)
    ]
    state = rehearsal("a").state
    state.plan = None
    found = timeline(state, now=60.0, spans=given)
    shown = [id for lane in found.lanes for bar in lane.bars for id in bar.ids]
    assert sorted(shown) == sorted(span.id for span in given)
    assert set(found.critical) <= set(shown)
    assert len(found.critical) == len(set(found.critical))
    for lane in found.lanes:
        assert {bar.row for bar in lane.bars} == set(range(lane.rows))
        for row in range(lane.rows):
            bars = sorted((bar.x, bar.x + bar.width) for bar in lane.bars if bar.row == row)
            assert all(0 <= x < end <= WIDTH for x, end in bars)
            assert all(before[1] <= after[0] for before, after in pairwise(bars))
    assert all(0 <= tick.x <= WIDTH for tick in found.ticks)


def test_thousands_of_tasks_are_drawn_with_few_bars() -> None:
    one_by_one = [Span(f"t{n}@h1", float(n), float(n + 1), DONE) for n in range(3000)]
    at_once = [Span(f"u{n}@h2", 0.0, 3000.0, DONE) for n in range(3000)]
    state = rehearsal("a").state
    state.plan = None
    found = timeline(state, now=3000.0, spans=[*one_by_one, *at_once])
    assert all(len(lane.bars) <= MOST for lane in found.lanes)
    assert sum(len(bar.ids) for lane in found.lanes for bar in lane.bars) == 6000
    assert found.lanes[0].bars[0].title.endswith("tasks: t0 on h1 to t10 on h1")


# -- the picture -------------------------------------------------------------------------------------------------------


def environment(nodes: Sequence[str], edges: Sequence[tuple[str, str, str]] = (), **hosts: bool) -> dict[str, Any]:
    names = dict.fromkeys(node.rpartition("@")[2] for node in nodes)
    return {
        "hosts": [{"name": name, "ignore": hosts.get(name, False)} for name in names],
        "nodes": [
            {"id": node, "root": node.partition("@")[0], "host": node.partition("@")[2], "ignore": False}
            for node in nodes
        ],
        "edges": [list(edge) for edge in edges],
    }


GUESTBOOK = environment(
    ["guestbook@app", "front@web1", "front@web2"],
    [("guestbook@app", "front@web1", "guestbook:address"), ("guestbook@app", "front@web2", "guestbook:address")],
    web2=True,
)


def test_what_needs_something_stands_right_of_what_provides_it() -> None:
    found = picture(GUESTBOOK)
    x = {box.ids[0]: box.x for box in found.boxes}
    assert x["guestbook@app"] < x["front@web1"] == x["front@web2"]
    assert [(arrow.start, arrow.end, arrow.label) for arrow in found.arrows] == [
        ("guestbook@app", "front@web1", "guestbook:address"),
        ("guestbook@app", "front@web2", "guestbook:address"),
    ]


def test_the_picture_can_be_read_as_text() -> None:
    assert picture(GUESTBOOK).sentences[0] == "front on web1 needs guestbook:address from guestbook on app"


def test_boxes_show_how_the_last_rollout_left_them_and_what_was_found() -> None:
    looks = {"front@web1": look_of_task(TaskState.FAILED)}
    drift = {"web1": {"front": 1, "front/File(front.py)": 1}, "app": {}}
    boxes = {box.ids[0]: box for box in picture(GUESTBOOK, looks, drift).boxes}
    assert boxes["front@web1"].title == "front on web1, failed, 2 changes found"
    assert (boxes["guestbook@app"].drift, boxes["front@web2"].drift) == (0, None)
    assert [frame.is_ignored for frame in picture(GUESTBOOK).frames] == [False, False, True]


def test_hosts_that_are_alike_share_a_frame_where_there_are_many() -> None:
    many = [f"{root}@web{n:02}" for n in range(59) for root in ("front", "logs", "metrics", "cron", "tls")]
    edges = [("db@db", one, "db:address") for one in many if one.startswith("front")]
    found = picture(environment(["db@db", *many], edges))
    assert [frame.name for frame in found.frames] == ["db", "web00 to web58 (59 hosts)"]
    assert len(found.boxes) == 6
    assert len(found.arrows) == 1
    assert_sound(found, {"db@db", *many})


def test_the_same_environment_gives_the_same_picture() -> None:
    assert picture(GUESTBOOK) == picture(GUESTBOOK)


def test_an_empty_environment_is_an_empty_picture() -> None:
    assert picture({}).boxes == []


nodes = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 15)), min_size=1, max_size=40, unique=True)


@given(nodes, st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=40))
@settings(deadline=None, max_examples=20)
def test_boxes_lie_in_their_frames_and_nothing_on_anything_else(
    placed: list[tuple[int, int]], pairs: list[tuple[int, int]]
) -> None:
    ids = [f"c{root}@h{host}" for root, host in placed]
    edges = [(ids[a % len(ids)], ids[b % len(ids)], f"k{a}") for a, b in pairs]
    assert_sound(picture(environment(ids, edges)), set(ids))


def assert_sound(found: Picture, ids: set[str]) -> None:
    assert sorted(id for box in found.boxes for id in box.ids) == sorted(ids)
    assert_apart(found.frames)
    assert_apart(found.boxes)
    for box in found.boxes:
        assert sum(_covers(frame, box) for frame in found.frames) == 1
    assert all(one.x >= 0 and one.x + one.width <= found.width for one in found.frames)
    assert all(one.y >= 0 and one.y + one.height <= found.height for one in found.frames)
    assert {arrow.start for arrow in found.arrows} | {arrow.end for arrow in found.arrows} <= ids


def assert_apart(things: Sequence[Box] | Sequence[Frame]) -> None:
    for (place, a), (other, b) in product(enumerate(things), repeat=2):
        if place < other:
            beside = a.x + a.width <= b.x or b.x + b.width <= a.x
            assert beside or a.y + a.height <= b.y or b.y + b.height <= a.y


def _covers(frame: Frame, box: Box) -> bool:
    is_beside = frame.x <= box.x and box.x + box.width <= frame.x + frame.width
    return is_beside and frame.y <= box.y and box.y + box.height <= frame.y + frame.height


# -- bars --------------------------------------------------------------------------------------------------------------


def header(id: str, seconds: float, state: RolloutState = RolloutState.SUCCEEDED, **more: Any) -> Any:
    facts = {"holds": (), "block": "", "is_interrupted": False, "name": "release", "title": "", "environments": ["dev"]}
    times = {"made": "2026-01-01T00:00:00Z", "started": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:01:00Z"}
    return SimpleNamespace(id=id, seconds=seconds, state=state, **{**facts, **times, **more})


def test_bars_are_as_high_as_rollouts_were_long_the_newest_at_the_right_end() -> None:
    bars = history_bars([header("new", 30.0), header("waits", 0.0, started="", ended=""), header("old", 60.0)])
    assert [(bar.rollout, bar.height) for bar in bars] == [("old", 100), ("new", 50)]
    assert bars[0].x < bars[1].x
    assert bars[1].title == "release: succeeded in 30 s, 2026-01-01T00:00:00Z"
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH for bar in history_bars([header("a", 1.0)] * 3000))


# -- lists -------------------------------------------------------------------------------------------------------------


def test_what_the_title_of_a_deployment_says_is_not_said_again() -> None:
    given = {"environment": "dev", "hosts": ["web1", "web2"], "stages": ["one", "all"], "overrides": []}
    told = header("a", 1.0, name="depl:deploy", title="Deploy dev on web1, web2", parameters=given)
    assert with_what(told) == "stages one and all"
    assert with_what(header("b", 1.0, title="Release 1.4", parameters={"version": "1.4"})) == "version 1.4"


def test_what_waits_as_it_failed_names_what_failed_inside() -> None:
    about = {"error": "it broke", "who": "kim", "queue": "", "reason": "", "undoes": ""}
    inner = header("a", 1.0, RolloutState.REVERSED, failed="0/guestbook@web1", **about)
    task = header("b", 1.0, RolloutState.REVERSED, failed="0", **about)
    found = waiting([inner, task], owner("root"), failed=["a", "b"])
    assert [(one.failed, one.sentence) for one in found] == [("guestbook on web1", "it broke"), ("", "it broke")]
