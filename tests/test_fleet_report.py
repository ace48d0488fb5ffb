"""What people see of a run on many hosts, from values alone."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

from depl.errors import DeplError, Lost, TakenOver
from depl.events import Event, Output, What
from depl.report.errors import place_in
from depl.report.fleet import FleetReport, fleet_end_lines, fleet_plan_lines, path_lines
from depl.report.jsonlines import JsonReport
from depl.report.lines import Line, Printer
from depl.report.live import LiveLines
from depl.report.tally import Tally, critical_path

NEW = {
    "verb": "write",
    "path": "/srv/a.conf",
    "before": "nothing",
    "after": "a file (0644, 0:0)",
    "way_back": "exact",
    "reason": "",
    "size": 4,
    "diff": "+one\n",
}
RUN = {"verb": "run", "path": "", "before": "", "after": "make install", "way_back": "unknown", "reason": "it is raw"}


@dataclass
class Outcome:
    status: str = "succeeded"
    changed: int = 0
    errors: list[DeplError] = field(default_factory=list)
    interrupted: bool = False
    kept: list[Any] = field(default_factory=list)
    conflicts: list[Any] = field(default_factory=list)
    unknown: list[Any] = field(default_factory=list)
    pivots: list[Any] = field(default_factory=list)
    standing: list[Any] = field(default_factory=list)
    put_back: int = 0


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def started(host: str, task: str = "web") -> Event:
    return Event(What.TASK_STARTED, task, host=host)


def changed(host: str, *changes: dict[str, Any]) -> Event:
    data = {"changes": list(changes), "reason": "content differs", "seconds": 0.1}
    return Event(What.CHANGED, "web", "web/File(a.conf)", data, host)


def done(host: str, task: str = "web", seconds: float = 1) -> Event:
    return Event(What.TASK_DONE, task, data={"changed": 1, "seconds": seconds}, host=host)


def unchanged(host: str) -> Event:
    return Event(What.TASK_UNCHANGED, "web", host=host)


def printed(*events: Event | Output, **how: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    report = FleetReport(Printer(out, err), "/project", **how)
    for event in events:
        report(event)
    report.end()
    return out.getvalue(), err.getvalue()


def tallied(*events: Event | Output) -> Tally:
    tally = Tally()
    for event in events:
        tally(event)
    return tally


def test_what_changes_is_headed_by_its_host():
    out, _ = printed(changed("web1", NEW), changed("web2", NEW))
    assert out.splitlines() == [
        "web1: web/File(a.conf): content differs",
        "  new     /srv/a.conf (4 B, 0644, 0:0)",
        "web2: web/File(a.conf): content differs",
        "  new     /srv/a.conf (4 B, 0644, 0:0)",
    ]


def test_output_of_several_hosts_does_not_mix_within_lines():
    out, _ = printed(
        Output("web", "stdout", "on", "web1"),
        Output("web", "stdout", "other\n", "web2"),
        Output("web", "stdout", "e\n", "web1"),
    )
    assert out == "web2: web | other\nweb1: web | one\n"


def test_a_host_that_needs_nothing_prints_nothing_before_the_end():
    assert printed(started("web1"), unchanged("web1")) == ("", "")


def test_a_failure_names_the_host_and_the_place_in_the_project(tmp_path):
    (tmp_path / "components").mkdir()
    (tmp_path / "components/c.py").write_text("")
    data = {"error": "`make` failed", "place": "/srv/deployment/project/components/c.py:3", "output": ["no rule"]}
    err = io.StringIO()
    FleetReport(Printer(io.StringIO(), err), str(tmp_path))(Event(What.TASK_FAILED, "web", "web/Make", data, "web1"))
    assert err.getvalue().splitlines() == [
        "error: web1: `make` failed",
        "  no rule",
        "  at components/c.py:3",
        "  in web/Make",
    ]


def test_a_place_that_the_project_does_not_have_stays_as_it_is(tmp_path):
    assert place_in(str(tmp_path), "/srv/project/gone.py:3") == "/srv/project/gone.py:3"
    (tmp_path / "there.py").write_text("")
    assert place_in(str(tmp_path), "/srv/.depl/projects/ab12/there.py:3") == "there.py:3"


def test_the_way_back_is_told_host_by_host():
    out, _ = printed(
        Event(What.REVERSING, data={"reason": "web failed"}, host="web1"),
        Event(What.REVERSED, "web", data={"change": {"verb": "remove", "path": "/a", "before": "a file"}}, host="web1"),
    )
    assert out.splitlines() == ["web1: putting back what was changed:", "web1: undo: remove  /a"]


def test_events_of_no_host_have_no_prefix():
    _, err = printed(Event(What.WARNING, data={"text": "mind the gap"}))
    assert err == "warning: mind the gap\n"


def test_a_success_says_what_changed_where_and_how_to_take_it_back():
    tally = tallied(
        started("web1"), changed("web1", NEW), done("web1"), started("web2"), changed("web2", NEW, RUN), done("web2")
    )
    tally(started("db"))
    tally(unchanged("db"))
    lines = fleet_end_lines(Outcome(), "live", tally, hosts=3, components=9, took=2, undo="depl undo live")
    assert texts(lines) == [
        "web1: 1 component changed, 1 change (exact)",
        "web2: 1 component changed, 2 changes (1 exact, 1 unknown)",
        "db: nothing to do",
        "live: 2 components changed on 2 of 3 hosts, 3 changes (2 exact, 1 unknown) in 2.0 s",
        "web2: these cannot be promised to be undone:",
        "  run     make install  [unknown: it is raw]",
        "  take it back with: depl undo live",
    ]


def test_a_no_op_is_a_line_a_host_and_one_for_all():
    tally = tallied(started("web1"), unchanged("web1"), started("web2"), unchanged("web2"))
    lines = fleet_end_lines(Outcome("nothing"), "live", tally, hosts=2, components=4, took=0.3)
    assert texts(lines) == [
        "web1: nothing to do",
        "web2: nothing to do",
        "live: nothing to do (2 hosts, 4 components, 0.30 s)",
    ]


def test_many_hosts_that_needed_nothing_are_one_line():
    tally = tallied(*(event for number in range(40) for event in (started(f"web{number}"), unchanged(f"web{number}"))))
    lines = fleet_end_lines(Outcome("nothing"), "live", tally, hosts=40, components=40, took=0.3)
    assert texts(lines)[0] == "40 hosts: nothing to do"
    assert len(lines) == 2


def test_a_failure_that_was_put_back_says_so():
    lines = fleet_end_lines(
        Outcome("reversed", 3), "live", Tally(), hosts=2, components=4, took=3, undo="depl undo live"
    )
    assert texts(lines) == ["live: failed after 3.0 s; everything is as it was before"]


def test_a_host_that_is_lost_is_named_with_what_to_do():
    conflict = "db1: lost, and what was changed there is not put back"
    outcome = Outcome("blocked", 3, [Lost("db1 does not answer any more")], conflicts=[conflict])
    lines = fleet_end_lines(outcome, "live", Tally(), hosts=2, components=4, took=3, undo="depl undo live")
    assert texts(lines) == [
        "live: failed after 3.0 s; not everything could be put back",
        "  put it back once all hosts answer again with: depl undo live",
        "not put back:",
        f"  {conflict}",
    ]


def test_after_a_takeover_nobody_is_told_to_undo_what_others_do():
    taken = TakenOver("web1: ada@home took over with rollout 2", who="ada@home")
    conflict = "web1: left to ada@home, who took over"
    outcome = Outcome("blocked", 3, [Lost("db1 does not answer any more"), taken], conflicts=[conflict])
    lines = fleet_end_lines(outcome, "live", Tally(), hosts=2, components=4, took=3, undo="depl undo live")
    assert texts(lines) == [
        "live: failed after 3.0 s; not everything could be put back",
        "  before you go on, look at what ada@home is doing there",
        "not put back:",
        f"  {conflict}",
    ]


def test_a_sentence_that_names_its_host_is_not_headed_by_it_again():
    _, err = printed(
        Event(What.WARNING, data={"text": "db: ada@home took over"}, host="db"),
        Event(What.WARNING, data={"text": "its clock is 2 hours ahead"}, host="db"),
        Event(What.TASK_FAILED, "web", None, {"error": "web1 was lost in the middle of the run"}, "web1"),
        Event(What.TASK_FAILED, "web", None, {"error": "web10 was lost"}, "web1"),
    )
    assert [line for line in err.splitlines() if not line.startswith("  ")] == [
        "warning: db: ada@home took over",
        "warning: db: its clock is 2 hours ahead",
        "error: web1 was lost in the middle of the run",
        "error: web1: web10 was lost",
    ]


def test_a_component_that_is_called_like_its_host_is_named_beside_it():
    out, _ = printed(Event(What.TASK_SKIPPED, "db", data={"reason": "ignored"}, host="db"))
    assert out == "db: db: skipped, ignored\n"


def test_a_plan_for_hosts_that_are_not_ready_says_that_it_looked_at_nothing():
    lines = texts(fleet_plan_lines(0, 2, "live", Tally(), hosts=3, components=4, took=2))
    ready = "2 of 3 hosts are not ready"
    assert lines == [f"live: nothing could be looked at, because {ready} (2.0 s; nothing was touched)"]


def test_a_plan_counts_what_would_change_where():
    tally = tallied(started("web1"), changed("web1", NEW), done("web1"), started("db"), unchanged("db"))
    lines = texts(fleet_plan_lines(1, 0, "live", tally, hosts=2, components=4, took=0.3))
    looked = "(2 hosts, 4 components looked at in 0.30 s; nothing was touched)"
    assert lines == [
        "web1: 1 component would change, 1 change (exact)",
        "db: nothing to do",
        f"live: 1 component would change, 1 change (exact) {looked}",
    ]


def test_the_critical_path_is_the_chain_that_took_longest():
    seconds = {"db@a": 5.0, "web@b": 2.0, "cron@a": 6.0, "front@c": 1.0}
    after = {"web@b": ["db@a"], "front@c": ["web@b", "cron@a"]}
    assert [one.task for one in critical_path(seconds, after)] == ["db@a", "web@b", "front@c"]


def test_a_chain_may_lead_through_tasks_that_took_no_time():
    seconds = {"a": 1.0, "b": 0.0, "c": 1.0, "d": 1.5}
    assert [one.task for one in critical_path(seconds, {"b": ["a"], "c": ["b"]})] == ["a", "b", "c"]


def test_what_was_not_deployed_is_not_in_the_chain():
    assert [one.task for one in critical_path({"web": 1.0}, {"web": ["db"]})] == ["web"]
    assert critical_path({}, {}) == []


def test_the_critical_path_is_told_where_it_was_long():
    seconds = {"db@a": 9.0, "web@b": 2.0, "other@b": 0.5}
    after = {"web@b": ["db@a"]}
    assert texts(path_lines(seconds, after)) == ["longest chain (11 s): db@a 9.0 s -> web@b 2.0 s"]
    assert path_lines({"web@b": 2.0}, {}) == []


def test_on_request_the_time_of_every_component_is_told():
    assert texts(path_lines({"web@b": 2.0, "db@a": 0.5}, {}, all=True)) == [
        "time by component:",
        "  web@b 2.0 s",
        "  db@a 0.50 s",
        "longest chain (2.0 s): web@b 2.0 s",
    ]


def test_json_says_on_which_host():
    out = io.StringIO()
    report = JsonReport(Printer(out, io.StringIO()), environment="live")
    report(done("web1"))
    report(Output("web", "stdout", "x\n", "web2"))
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(line["schema"], line["event"], line["host"]) for line in lines] == [
        (1, "task_done", "web1"),
        (1, "output", "web2"),
    ]


def drawn(live: LiveLines) -> list[str]:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=60)
    with console.capture() as capture:
        console.print(live)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_each_host_at_work_has_a_live_line_with_the_last_thing_that_it_said():
    live = LiveLines(io.StringIO(), "live")
    report = FleetReport(Printer(io.StringIO(), io.StringIO()), live=live, tasks=4)
    for event in (started("web1"), started("web2"), Output("web/Make", "stdout", "compiling\n", "web1"), done("web2")):
        report(event)
    first, last = drawn(live)
    assert first.startswith("web1  web/Make  ")
    assert first.endswith("  compiling")
    assert last.startswith("live  ")
    assert last.endswith("1 of 4 components")


def test_of_many_hosts_at_work_the_first_ten_are_shown():
    live = LiveLines(io.StringIO(), "live")
    report = FleetReport(Printer(io.StringIO(), io.StringIO()), live=live, tasks=40)
    for number in range(14):
        report(started(f"web{number}"))
    lines = drawn(live)
    assert len(lines) == 12
    assert lines[10] == "and 4 more"
