"""What happens is filtered before it is shortened, indented, joined or written down; names stay what they are."""

from __future__ import annotations

import io
import json

import pytest

from depl.errors import CmdExecutionError, ConfigurationError, Mistakes
from depl.events import Event, Output, What
from depl.redact import Redactor
from depl.report.errors import cause_lines, error_lines, filtered, warning_lines
from depl.report.jsonlines import JsonReport
from depl.report.lines import Line, Printer
from depl.report.run import RunReport
from depl.report.screening import Screened
from depl.rollout.masking import masked
from depl.rollout.options import Outcome, over
from depl.rollout.record import Recorder

PASSWORD = "hunter2-and-more"
KEY = "-----BEGIN KEY-----\nAAAAthefirstline\nBBBBthesecondline\n-----END KEY-----"
MASK = "‹secret web.password #a1b2›"
INSTEAD = "its output is not shown"


@pytest.fixture
def redact():
    return Redactor([("web.password #a1b2", PASSWORD), ("web.key #c3d4", KEY)])


def screened(redact, *events, **how):
    """What comes out of these events."""
    seen = []
    screen = Screened(redact, seen.append, **how)
    for event in events:
        screen(event)
    screen.end()
    return seen


def texts(outputs):
    return [one.text for one in outputs if isinstance(one, Output)]


def test_a_value_that_comes_in_two_pieces_is_masked(redact):
    seen = screened(
        redact, Output("web", "stdout", "it is hunter2-", "h1"), Output("web", "stdout", "and-more.\n", "h1")
    )
    assert "".join(texts(seen)) == f"it is {MASK}.\n"


def test_what_several_hosts_components_and_streams_say_is_told_apart(redact):
    halves = [("h1", "web", "stdout"), ("h2", "web", "stdout"), ("h1", "db", "stdout"), ("h1", "web", "stderr")]
    pieces = [Output(component, stream, "hunter2-", host) for host, component, stream in halves]
    pieces += [Output(component, stream, "and-more", host) for host, component, stream in halves]
    seen = screened(redact, *pieces)
    assert texts(seen) == [MASK] * 4
    assert [(one.host, one.component, one.stream) for one in seen] == halves


def test_what_is_held_back_comes_before_the_end_of_its_task(redact):
    done = Event(What.TASK_DONE, "web", host="h1")
    seen = screened(redact, Output("web", "stdout", "hunter2-", "h1"), done)
    assert seen == [Output("web", "stdout", "hunter2-", "h1"), done]


@pytest.mark.parametrize("host", ["h1", "h2"])
def test_a_warning_in_the_middle_of_a_value_does_not_tear_it(redact, host):
    warning = Event(What.WARNING, data={"text": "the line was cut"}, host=host)
    pieces = [Output("web", "stdout", "hunter2-", "h1"), warning, Output("web", "stdout", "and-more", "h1")]
    assert texts(screened(redact, *pieces)) == [MASK]


def test_another_host_does_not_tear_a_value(redact):
    other = Event(What.TASK_DONE, "web", host="h2")
    pieces = [Output("web", "stdout", "hunter2-", "h1"), other, Output("web", "stdout", "and-more", "h1")]
    assert texts(screened(redact, *pieces)) == [MASK]


def test_output_is_not_heard_where_nobody_could_filter_it():
    failed = Event(What.TASK_FAILED, "web", data={"error": "it failed", "output": ["a", "b"]})
    seen = screened(Redactor(), Output("web", "stdout", PASSWORD), failed, output=INSTEAD)
    assert [one.data for one in seen] == [{"error": "it failed", "output": [INSTEAD]}]


def test_without_secrets_events_are_passed_on_as_they_are():
    events = [Output("web", "stdout", "x"), Event(What.TASK_DONE, "web", data={"changed": 1})]
    assert [one is other for one, other in zip(screened(Redactor(), *events), events, strict=True)] == [True, True]


def test_the_lines_of_a_failure_are_filtered_as_one_text(redact):
    data = {"error": "x", "output": ["before", *KEY.splitlines(), "after"]}
    assert screened(redact, Event(What.TASK_FAILED, "web", data=data))[0].data["output"] == [
        "before",
        "‹secret web.key #c3d4›",
        "after",
    ]


def test_a_live_line_never_shows_the_beginning_of_a_value(redact):
    said = []

    class Row:
        show = said.append
        say = said.append

    out = io.StringIO()
    report = RunReport(Printer(out, out, redact), live=Row())
    screen = Screened(redact, report)
    screen(Output("web", "stdout", "password: hunter2-"))
    assert "hunter" not in "".join(said)
    screen(Output("web", "stdout", "and-more\n"))
    assert said[-1] == f"password: {MASK}"


def test_the_output_of_a_failed_command_is_filtered_before_it_is_cut(redact):
    output = KEY + "\n" + "line\n" * 48
    lines = error_lines(filtered(CmdExecutionError("make", 1, output), redact))
    assert not any("line" in line.text and "thesecond" in line.text for line in lines)
    assert "  ‹secret web.key #c3d4›" in [line.text for line in lines]


def test_errors_inside_of_mistakes_are_filtered_and_the_originals_stay(redact):
    mistake = ConfigurationError(f"wrong: {KEY}", "web", hint=f"Not {PASSWORD}.")
    mistakes = Mistakes([mistake, ConfigurationError("other")])
    shown = "\n".join(line.text for line in error_lines(filtered(mistakes, redact)))
    assert "thefirst" not in shown
    assert f"hint: Not {MASK}." in shown
    assert PASSWORD in mistake.hint


def test_the_output_of_an_error_can_be_left_out(redact):
    shown = filtered(CmdExecutionError("make", 1, "a\nb\n", "c\n"), redact, output=INSTEAD)
    assert [line.text for line in error_lines(shown)][1:] == [f"  {INSTEAD}"]


def test_a_warning_is_filtered_before_it_is_indented(redact):
    warning = ConfigurationError("old", hint=KEY)
    assert "thefirst" not in str(warning_lines([warning, PASSWORD], "", redact)[:2])


def test_a_traceback_is_filtered_with_all_errors_behind_it(redact):
    out = io.StringIO()
    try:
        try:
            raise ValueError(KEY)
        except ValueError as error:
            raise RuntimeError(PASSWORD) from error
    except RuntimeError as error:
        Printer(out, out, redact).complain(cause_lines(error))
    seen = out.getvalue()
    assert "ValueError: ‹secret web.key #c3d4›" in seen
    assert f"RuntimeError: {MASK}" in seen
    assert "thefirst" not in seen


def test_a_value_with_colours_in_it_is_masked(redact):
    out = io.StringIO()
    coloured = f"{PASSWORD[:4]}\x1b[1m{PASSWORD[4:]}\x1b[0m"
    Printer(out, out, redact).show([Line(coloured)])
    assert out.getvalue() == f"{MASK}\n"
    assert masked({"text": coloured}, redact) == {"text": MASK}


def test_whoever_holds_the_filter_hears_of_secrets_that_come_later():
    out = io.StringIO()
    printer = Printer(out, out)
    held = printer.redact
    printer.redact.learn([("web.password #a1b2", PASSWORD)])
    printer.show([Line(PASSWORD)])
    assert held is printer.redact
    assert out.getvalue() == f"{MASK}\n"


CLOSED = Redactor([(f"web.{word} #0000", word) for word in ("nothing", "succeeded", "web1", "data", "host", "message")])


def test_in_json_the_words_that_programs_go_by_stay():
    out = io.StringIO()
    report = JsonReport(Printer(out, io.StringIO(), CLOSED), environment="web1")
    report.print("end", outcome=Outcome("succeeded", "r1"), exit_status=0, host="web1")
    report(Event(What.LOG, "web1", "web1", {"text": "nothing on web1"}, "web1"))
    end, log = (json.loads(line) for line in out.getvalue().splitlines())
    assert (end["outcome"]["status"], end["environment"], end["host"]) == ("succeeded", "web1", "web1")
    assert (log["task"], log["component"], log["host"]) == ("web1", "web1", "web1")
    assert log["data"]["text"] == "‹secret web.nothing #0000› on ‹secret web.web1 #0000›"


def test_a_new_file_is_still_one_where_a_secret_is_called_nothing():
    change = {"verb": "write", "path": "/etc/nothing", "before": "nothing", "way_back": "exact"}
    shown = masked(change, CLOSED)
    assert shown["before"] == "nothing"
    assert shown["path"] == "/etc/‹secret web.nothing #0000›"


def test_keys_that_nobody_knows_are_filtered(redact):
    assert masked({PASSWORD: 1, "message": 2}, redact) == {MASK: 1, "message": 2}


def test_a_record_can_be_read_back_and_holds_no_value(tmp_path):
    recorder = Recorder(str(tmp_path), "r1", lambda event: None, CLOSED)
    recorder(Event(What.STARTED, data={"rollout": "r1", "environment": "web1", "host": None, "hosts": ["web1"]}))
    recorder(Event(What.TASK_FAILED, "web1", data={"error": "no message"}, host="web1"))
    recorder(over(Outcome("succeeded", kept=["data is kept"])))
    recorder.close()
    first, failed, last = (json.loads(line) for line in (tmp_path / "rollouts/r1.jsonl").read_text().splitlines())
    assert first["data"].pop("who")
    assert first["data"] == {"rollout": "r1", "environment": "web1", "host": None, "hosts": ["web1"]}
    assert (failed["task"], failed["host"]) == ("web1", "web1")
    assert failed["data"]["error"] == "no ‹secret web.message #0000›"
    assert last["data"]["outcome"] == "succeeded"
    assert "data is" not in str(last)
