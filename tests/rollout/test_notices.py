"""Notices by webhook, mail and command: they arrive, show no secret, and never fail a rollout."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import receivers

from depl.project import NotifySettings
from depl.redact import Redactor
from depl.rollout.notices import Notifier, sentence

SECRET = "Pass-Wort-9x1"
FACTS = {
    "rollout": "20260102-030405-ab12",
    "name": "Release",
    "environments": ["production"],
    "who": "alice@here",
    "state": "blocked",
    "reason": f"web said\n{SECRET}, and no more",
}
ROLLOUT = "production: rollout Release 20260102-030405-ab12 by alice@here"
TEXT = f"{ROLLOUT} is blocked: web said ‹secret app.password›, and no more"


@pytest.fixture
def web() -> Iterator[tuple[str, list[Any]]]:
    """See receivers.web."""
    with receivers.web() as server:
        yield server


@pytest.fixture
def mailbox() -> Iterator[tuple[str, list[Any]]]:
    """See receivers.mailbox."""
    with receivers.mailbox() as server:
        yield server


@pytest.fixture
def notifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Notifier]:
    """Who tells some targets: notifier("mail a@b", ..., on=("end",))."""
    monkeypatch.setenv("no_proxy", "*")
    redact = Redactor([("app.password", SECRET)])

    def notifier(*targets: str, timeout: float = 30, **more: Any) -> Notifier:
        return Notifier(NotifySettings(targets=targets, **more), redact, str(tmp_path), timeout)

    return notifier


def test_a_webhook_gets_the_facts_as_json_and_no_secret(notifier, web):
    address, received = web
    told = notifier(f"webhook http://bob:s%40fe@{address}/hook/token?a=b")
    told.tell("blocked", FACTS)
    assert told.close() == []
    [(path, headers, body)] = received
    facts = json.loads(body)
    assert (path, headers["Content-Type"]) == ("/hook/token?a=b", "application/json; charset=utf-8")
    assert headers["Authorization"] == f"Basic {b64encode(b'bob:s@fe').decode()}"
    assert facts == {
        **FACTS,
        "reason": "web said\n‹secret app.password›, and no more",
        "kind": "blocked",
        "at": facts["at"],
        "text": TEXT,
    }


def test_a_mail_says_it_in_its_subject_and_has_all_facts_and_no_secret(notifier, mailbox):
    address, received = mailbox
    told = notifier(f"mail ops@example.com via smtp://{address}", sender="depl@example.com")
    told.tell("failure", {**FACTS, "name": f"Zürich {SECRET}"})
    other = notifier("mail ops@example.com", smtp=f"smtp://{address}")
    assert told.close() == []
    other.tell("end", FACTS)
    assert other.close() == []
    (to, message), (_, second) = received
    assert to.upper().startswith("RCPT TO:<OPS@EXAMPLE.COM>")
    assert message["Subject"].startswith(
        "depl: production: rollout Zürich ‹secret app.password› 20260102-030405-ab12 by "
    )
    assert (message["From"], second["From"].startswith("depl@")) == ("depl@example.com", True)
    assert "state: blocked" in message.get_content()
    assert SECRET not in message.as_string() + message.get_content() + second.get_content()


def test_a_command_gets_the_facts_on_its_standard_input_in_the_project_and_no_secret(notifier, tmp_path):
    script = tmp_path / "notify.sh"
    script.write_text("#!/bin/sh\ncat >> got.json; echo >> got.json\n")
    script.chmod(0o700)
    told = notifier("command ./notify.sh")
    for kind in ("gate", "end"):
        told.tell(kind, FACTS)
    assert told.close() == []
    lines = (tmp_path / "got.json").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["gate", "end"]
    assert json.loads(lines[0])["text"].startswith(f"{ROLLOUT} waits: ")
    assert SECRET not in "".join(lines)


def test_only_what_is_wanted_is_told(notifier, tmp_path):
    told = notifier("command cat >> got.json", on=("failure",))
    for kind in ("end", "gate", "blocked", "failure", "message"):
        told.tell(kind, {})
    assert told.close() == []
    kinds = [part.split('"')[0] for part in (tmp_path / "got.json").read_text().split('"kind": "')[1:]]
    assert kinds == ["failure", "message"]


def test_a_text_of_ones_own_is_told_to_those_who_are_meant(notifier, tmp_path):
    for name in ("one", "two"):
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\ncat > {name}.json\n")
        script.chmod(0o700)
    told = notifier("command ./one", "command ./two")
    told.tell("message", {"text": "half of it\nis up", "targets": ["two"]})
    assert told.close() == []
    assert json.loads((tmp_path / "two.json").read_text())["text"] == "half of it is up"
    assert not (tmp_path / "one.json").exists()


def test_some_targets_can_be_meant_by_a_part_of_their_names(notifier, web, tmp_path):
    told = notifier(f"webhook http://{web[0]}/one", "command cat >> got.json")
    told.tell("message", {"text": f"look, {SECRET}", "targets": ["127.0.0.1", "nobody"]})
    assert told.close() == ["nobody in [notify] is 'nobody', so they were not told of message"]
    assert json.loads(web[1][0][2])["text"] == "look, ‹secret app.password›"
    assert not (tmp_path / "got.json").exists()


def test_what_goes_wrong_becomes_a_warning_that_repeats_no_address(notifier, web, mailbox, tmp_path):
    told = notifier(
        f"webhook http://bob:hidden@{web[0]}/500",
        f"webhook http://{web[0]}/302",
        "webhook http://127.0.0.1:9/hidden",
        "webhook ftp://hidden",
        "slack hidden",
        f"mail nobody@example.com via smtp://{mailbox[0]}",
        f"mail ops@example.com via smtp://bob:hidden@{mailbox[0]}",
        "command exit 3 # hidden",
    )
    told.tell("end", FACTS)
    warnings, by = sorted(told.close()), "example.com by 127.0.0.1 was not told of end:"
    assert warnings == sorted(
        [
            "webhook 127.0.0.1 was not told of end: it answered with status 500",
            "webhook 127.0.0.1 was not told of end: it answered with status 302",
            "webhook 127.0.0.1 was not told of end: Connection refused",
            "target 4 of [notify] is not understood: http or https://HOST...",
            "target 5 of [notify] is not understood: webhook URL, mail NAME@HOST or command COMMAND",
            f"mail to nobody@{by} the server refused it (SMTPRecipientsRefused)",
            f"mail to ops@{by} the server would take the password in clear only",
            "command exit was not told of end: it ended with status 3",
        ]
    )
    assert not any(path == "/elsewhere" for path, _, _ in web[1])


def test_nothing_goes_on_once_nobody_waits_for_it_any_more(notifier, tmp_path):
    told = notifier("command echo $$ >> pids; sleep 600", timeout=1)
    for _ in range(8):
        told.tell("end", FACTS)
    assert told.close()[-1] == "command echo did not take all notices in time"
    until = time.monotonic() + 30
    while any(_runs(int(pid)) for pid in (tmp_path / "pids").read_text().split()):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert len((tmp_path / "pids").read_text().split()) < 8


def test_a_rollout_does_not_wait_and_what_takes_too_long_is_ended_with_its_children(notifier, web, tmp_path):
    told = notifier(f"webhook http://{web[0]}/slow", "command sleep 600 & echo $! > child; wait", timeout=1)
    told.tell("end", FACTS)
    assert sorted(told.close()) == [
        "command sleep was not told of end: it took longer than 1 s",
        "webhook 127.0.0.1 was not told of end: it did not answer in time",
    ]
    child = int((tmp_path / "child").read_text())
    until = time.monotonic() + 30
    while _runs(child):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_without_targets_nothing_is_started(notifier):
    before = threading.active_count()
    told = notifier()
    told.tell("end", FACTS)
    assert (threading.active_count(), told.close()) == (before, [])


def test_a_notice_is_a_sentence():
    assert sentence({"environments": ["dev"], "name": "dev", "rollout": "r1", "state": "succeeded", "kind": "end"}) == (
        "dev: rollout r1 has succeeded"
    )
    assert sentence({"kind": "gate", "name": "Release", "reason": "Does it\nlook well?"}) == (
        "rollout Release waits: Does it look well?"
    )


def _runs(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
    except ProcessLookupError:
        return False
