"""What people see, from values alone."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

from depl.errors import CmdExecutionError, ConfigurationError, DeplError, Mistakes
from depl.events import Event, Output, What
from depl.redact import Redactor
from depl.report.changes import change_lines, counted_changes, diff_lines
from depl.report.errors import error_lines, failed_output, warning_lines
from depl.report.jsonlines import JsonReport
from depl.report.lines import Line, Pieces, Printer, visible
from depl.report.plan import plan_lines
from depl.report.run import RunReport, end_lines
from depl.report.undo import undo_lines
from depl.rollout.change_words import sentence
from depl.rollout.wording import seconds, size


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


@dataclass
class Planned:
    changes: int = 0
    errors: list[DeplError] = field(default_factory=list)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


NEW = {
    "verb": "write",
    "path": "/srv/app/a.conf",
    "before": "nothing",
    "after": "a file (0644, 0:0)",
    "way_back": "exact",
    "reason": "",
    "size": 4,
    "diff": "+one\n+two\n",
}
CHANGED = {**NEW, "before": "a file (0644, 0:0)", "diff": "--- /a\n+++ /a\n@@ -1 +1 @@\n-one\n+two\n"}
RUN = {"verb": "run", "path": "", "before": "", "after": "make install", "way_back": "unknown", "reason": "it is raw"}


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines]


def printed(*events: Event | Output, **how: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    report = RunReport(Printer(out, err), "/project", **how)
    for event in events:
        report(event)
    report.end()
    return out.getvalue(), err.getvalue()


def changed(*changes: dict[str, Any], reason: str = "content differs") -> Event:
    return Event(What.CHANGED, "web", "web/File(a.conf)", {"changes": list(changes), "reason": reason, "seconds": 0.1})


def test_a_new_file_is_one_line_with_size_and_mode():
    assert texts(change_lines(NEW)) == ["  new     /srv/app/a.conf (4 B, 0644, 0:0)"]


def test_a_new_file_shows_its_contents_where_they_are_asked_for():
    assert texts(change_lines(NEW, contents=True))[1:] == ["      +one", "      +two"]


def test_a_changed_file_shows_its_diff_without_the_paths():
    assert texts(change_lines(CHANGED))[1:] == ["      @@ -1 +1 @@", "      -one", "      +two"]


def test_a_removed_line_that_looks_like_a_header_stays_in_the_diff():
    lines = texts(diff_lines("--- /a\n+++ /a\n@@ -1 +0,0 @@\n--- comment\n"))
    assert lines == ["      @@ -1 +0,0 @@", "      --- comment"]


def test_of_a_long_diff_the_first_and_the_last_part_are_shown():
    lines = texts(diff_lines("".join(f"+{n}\n" for n in range(1000))))
    assert len(lines) == 201
    assert lines[99:102] == ["      +99", "      ... 800 lines left out ...", "      +900"]


def test_a_change_of_rights_names_both():
    change = {"verb": "mode", "path": "/a", "before": "a file (0644, 0:0)", "after": "a file (0600, 0:0)"}
    assert sentence(change) == "mode    /a: 0644, 0:0 -> 0600, 0:0"


def test_a_link_names_where_it_leads():
    assert sentence({"verb": "link", "path": "/a", "before": "nothing", "after": "a link to /b"}) == "link    /a -> /b"


def test_a_sensitive_file_says_why_it_is_not_shown():
    change = {**NEW, "diff": None, "reason": "its content is sensitive"}
    assert texts(change_lines(change, contents=True)) == [
        "  new     /srv/app/a.conf (4 B, 0644, 0:0, its content is sensitive)"
    ]


def test_a_step_of_unknown_effect_is_marked_with_its_reason():
    assert texts(change_lines(RUN)) == ["  run     make install  [unknown: it is raw]"]


def test_every_way_back_is_named_in_a_plan():
    assert texts(change_lines(CHANGED, ways=True))[0].endswith("[exact]")


def test_ways_back_are_counted():
    assert counted_changes([NEW, CHANGED, RUN]) == "3 changes (2 exact, 1 unknown)"
    assert counted_changes([NEW, CHANGED]) == "2 changes (all exact)"
    assert counted_changes([NEW]) == "1 change (exact)"


def test_a_run_that_changes_nothing_prints_nothing_but_its_end():
    started = Event(What.TASK_STARTED, "web")
    assert printed(started, Event(What.TASK_UNCHANGED, "web"), Event(What.OVER)) == ("", "")


def test_a_changed_component_is_shown_with_its_reason():
    out, _ = printed(changed(NEW))
    assert out == "web/File(a.conf): content differs\n  new     /srv/app/a.conf (4 B, 0644, 0:0)\n"


def test_quiet_shows_no_changes():
    assert printed(changed(NEW), Output("web", "stdout", "hello\n"), quiet=True) == ("", "")


def test_output_is_prefixed_with_its_component_line_by_line():
    out, _ = printed(Output("web", "stdout", "on"), Output("web", "stdout", "e\ntw"), Event(What.OVER))
    assert out == "web | one\nweb | tw\n"


def failed(*output: str) -> Event:
    data = {"error": "`make` failed", "place": "/project/c.py:3", "hint": "Look.", "output": list(output)}
    return Event(What.TASK_FAILED, "web", "web/Command(make)", data)


def test_a_failure_shows_output_place_component_and_hint():
    _, err = printed(failed("no rule"))
    assert err.splitlines() == [
        "error: `make` failed",
        "  no rule",
        "  at c.py:3",
        "  in web/Command(make)",
        "  hint: Look.",
    ]


def test_a_failure_does_not_repeat_what_stands_above():
    out, err = printed(Output("web", "stdout", "no rule\n"), failed("no rule"))
    assert out.count("no rule") == 1
    assert "no rule" not in err


def test_a_quiet_failure_shows_what_was_not_shown_before():
    _, err = printed(Output("web", "stdout", "no rule\n"), failed("no rule"), quiet=True)
    assert "no rule" in err


def test_an_error_shows_the_last_lines_of_output():
    error = CmdExecutionError("make", 2, "".join(f"{n}\n" for n in range(60)), "", component="web/Command(make)")
    lines = texts(error_lines(error))
    assert lines[:3] == ["error: the command `make` exited with status 2", "  10 lines before ...", "  10"]
    assert lines[-1] == "  in web/Command(make)"


def test_output_before_a_failure_is_shown_where_it_was_not():
    assert failed_output(CmdExecutionError("x", 1, "a\n", "b\n")) == ["a", "b"]


def test_the_way_back_is_told_change_by_change():
    out, _ = printed(
        Event(What.REVERSING, data={"reason": "web failed"}),
        Event(What.REVERSED, "web", data={"change": {"verb": "remove", "path": "/a", "before": "a file", "after": ""}}),
        Event(What.REPEATED, "web", data={"command": "systemctl restart web"}),
        Event(What.KEPT, "web", data={"path": "/b", "reason": "others have put something into it"}),
        Event(What.CONFLICT, "web", data={"change": NEW, "reason": "/c: somebody changed it"}),
    )
    assert out.splitlines() == [
        "putting back what was changed:",
        "  undo: remove  /a",
        "  run again: systemctl restart web",
        "  keep: /b: others have put something into it",
        "  not put back: /c: somebody changed it",
    ]


def test_a_no_op_ends_with_one_line():
    lines = end_lines(Outcome("nothing"), "dev/localhost", components=12, took=0.08)
    assert texts(lines) == ["dev/localhost: nothing to do (12 components, 0.08 s)"]


def test_a_success_says_what_changed_and_how_to_take_it_back():
    lines = end_lines(Outcome(changed=1), "dev/localhost", [NEW], took=0.42, undo="./depl undo dev")
    assert texts(lines) == [
        "dev/localhost: 1 component changed, 1 change (exact) in 0.42 s",
        "  take it back with: ./depl undo dev",
    ]


def test_a_success_names_what_cannot_be_promised_to_be_undone():
    lines = end_lines(Outcome(changed=1), "dev/localhost", [NEW, RUN], took=0.42)
    assert texts(lines)[1:] == [
        "these cannot be promised to be undone:",
        "  run     make install  [unknown: it is raw]",
    ]


def test_a_failure_that_was_put_back_says_so():
    lines = texts(
        end_lines(Outcome("reversed", 3, unknown=["make install"]), "dev/localhost", took=2.5, undo="depl undo dev")
    )
    assert lines == [
        "dev/localhost: failed after 2.5 s; what depl knows of is as it was before",
        "of unknown effect, so look at these:",
        "  make install",
    ]


def test_a_failure_that_was_left_says_how_to_put_it_back():
    lines = texts(end_lines(Outcome("stopped", 3, interrupted=True), "dev/localhost", took=2.5, undo="depl undo dev"))
    assert lines[0] == "dev/localhost: interrupted after 2.5 s; 3 components changed, left as it is"
    assert lines[1] == "  put it back with: depl undo dev"


def test_a_failure_that_could_not_be_put_back_names_what_is_left():
    outcome = Outcome("blocked", 3, conflicts=["/a: somebody changed it"])
    assert texts(end_lines(outcome, "dev/localhost", took=2.5, undo="depl undo dev")) == [
        "dev/localhost: failed after 2.5 s; not everything could be put back",
        "  put it back with: depl undo dev",
        "not put back:",
        "  /a: somebody changed it",
    ]


def test_a_plan_counts_what_would_change():
    line, *marked = texts(plan_lines(Planned(2), "dev/localhost", [NEW, RUN], 12, 0.2))
    assert line.startswith("dev/localhost: 2 components would change, 2 changes (1 exact, 1 unknown)")
    assert marked == ["these cannot be promised to be undone:", "  run     make install  [unknown: it is raw]"]


def test_a_plan_without_changes_says_that_there_is_nothing_to_do():
    assert "nothing to do" in texts(plan_lines(Planned(), "dev/localhost", [], 12, 0.2))[0]


def test_an_error_is_a_sentence_a_place_a_component_and_a_hint():
    error = ConfigurationError("it is wrong", "web/File(a)", file="/project/c.py", line=3, hint="Mend it.")
    assert texts(error_lines(error, "/project")) == [
        "error: it is wrong",
        "  at c.py:3",
        "  in web/File(a)",
        "  hint: Mend it.",
    ]


def test_mistakes_are_numbered_and_grouped_by_file():
    mistakes = Mistakes(
        [
            ConfigurationError("second", file="/project/b.cfg", line=2),
            ConfigurationError("first", file="/project/a.cfg", line=9, hint="Look."),
            ConfigurationError("homeless"),
            ConfigurationError("third", "web", file="/project/b.cfg", line=4),
        ]
    )
    assert texts(error_lines(mistakes, "/project")) == [
        "in the model",
        "  1. homeless",
        "a.cfg",
        "  2. line 9: first",
        "     hint: Look.",
        "b.cfg",
        "  3. line 2: second",
        "  4. line 4: third",
        "     in web",
        "error: 4 mistakes in the configuration",
    ]


def test_a_single_mistake_is_told_like_any_error():
    assert texts(error_lines(Mistakes([ConfigurationError("wrong", hint="Mend it.")]))) == [
        "error: wrong",
        "  hint: Mend it.",
    ]


def test_a_warning_has_a_place_and_a_next_step():
    warning = ConfigurationError("it is old", "web", file="/project/c.py", line=3, hint="Renew it.")
    assert texts(warning_lines([warning, "mind the gap"], "/project")) == [
        "warning: it is old",
        "  at c.py:3",
        "  in web",
        "  hint: Renew it.",
        "warning: mind the gap",
    ]


def test_what_may_only_follow_from_mistakes_is_said_below_them():
    mistakes = Mistakes([ConfigurationError("wrong")])
    mistakes.hint = "Others may follow."
    assert texts(error_lines(mistakes))[-1] == "  Others may follow."


def test_secrets_are_hidden_on_both_streams():
    out, err = io.StringIO(), io.StringIO()
    printer = Printer(out, err, Redactor([("web.password #a1b2", "geheim")]))
    printer.show([Line("password geheim")])
    printer.complain([Line("password geheim")])
    assert "geheim" not in out.getvalue() + err.getvalue()


def test_secrets_are_hidden_in_json_even_where_json_would_escape_them():
    out = io.StringIO()
    printer = Printer(out, io.StringIO(), Redactor([("web.password #a1b2", 'ge"heim')]))
    JsonReport(printer)(changed({**NEW, "diff": '+ge"heim'}))
    assert "heim" not in out.getvalue()


def test_json_is_one_event_a_line_with_a_schema():
    out = io.StringIO()
    report = JsonReport(Printer(out, io.StringIO()), environment="dev", host="localhost")
    report(changed(NEW))
    report(Output("web", "stderr", "oh\nno\n"))
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert (first["schema"], first["event"], first["environment"]) == (1, "changed", "dev")
    assert first["data"]["changes"] == [NEW]
    assert (second["event"], second["stream"], second["text"]) == ("output", "stderr", "oh\nno\n")


def test_an_error_is_facts_in_json():
    out = io.StringIO()
    error = Mistakes([ConfigurationError("wrong", file="a", line=1)])
    JsonReport(Printer(out, io.StringIO())).print("error", error=error)
    facts = json.loads(out.getvalue())["error"]
    assert facts["class"] == "Mistakes"
    assert facts["mistakes"][0]["line"] == 1


def test_styles_are_for_terminals_only(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out, terminal = io.StringIO(), Terminal()
    Printer(out, out).show([Line("bad", "red")])
    Printer(terminal, terminal).show([Line("bad", "red")])
    assert out.getvalue() == "bad\n"
    assert terminal.getvalue() == "\x1b[31mbad\x1b[0m\n"


def test_what_a_command_prints_cannot_move_the_cursor():
    assert visible("a\x1b[2J\x1b]0;title\x07b\x08\tc\n") == "ab\tc\n"


def test_of_a_progress_bar_the_last_state_is_shown():
    pieces = Pieces()
    assert list(pieces.add("10 %\r50 %\r100 %\r\nnext")) == ["100 %"]
    assert pieces.partial == "next"


def test_a_printer_whose_reader_is_gone_lets_the_run_go_on():
    printer = Printer(FullDisk(), io.StringIO())
    printer.show([Line("one")])
    printer.show([Line("two")])


def test_durations_and_sizes_are_rounded_for_reading():
    assert [seconds(0.084), seconds(3.24), seconds(47.4), seconds(125)] == ["0.08 s", "3.2 s", "47 s", "2 min 5 s"]
    assert [size(312), size(1234), size(104_000_000)] == ["312 B", "1.2 kB", "104 MB"]


def test_an_undo_that_was_interrupted_is_to_be_gone_on_with() -> None:
    lines = texts(undo_lines(Outcome("blocked", 3, interrupted=True), "dev", 2.5, "depl undo dev"))
    assert lines[-1] == "  go on with: depl undo dev"
    assert not any("--force" in line for line in lines)
