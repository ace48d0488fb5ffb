"""`depl log` where something was deployed."""

from __future__ import annotations

import json
import os
import re

import pytest

from depl.cli.log import as_typed

FAILING = """
        self += Never()


class Never(Component):
    def verify(self):
        assert False

    def update(self):
        self.cmd("exit 3")
"""


@pytest.fixture
def deployed(depl, service):
    """A project that was deployed twice: a first time, and with another greeting."""
    assert depl("local", "dev", cwd=service).returncode == 0
    change(service, "Hello!", "Bye!")
    assert depl("local", "dev", cwd=service).returncode == 0
    return service


def change(service, old, new):
    component = service / "components/hello/component.py"
    component.write_text(component.read_text().replace(old, new))


def test_rollouts_are_listed_newest_first(depl, deployed):
    done = depl("log", cwd=deployed)
    assert done.returncode == 0, done.stderr
    newest, oldest = done.stdout.splitlines()
    assert re.fullmatch(r"\S+Z  \d{8}-\d{6}-\w{4}  dev/localhost  \S+@\S+  -  1 change", newest)
    assert oldest.endswith("3 changes")


def test_verbose_shows_the_changes_of_each(depl, deployed):
    done = depl("log", "--verbose", cwd=deployed)
    path = deployed / "work/hello/hello.txt"
    rights = f"a file (0644, {os.getuid()}:{os.getgid()})"
    assert f"    hello/File(hello.txt): write   {path}: {rights}, with another content" in done.stdout
    assert f"    hello/File(hello.txt): write   {path}: nothing -> {rights}" in done.stdout


def test_a_path_is_relative_to_the_current_directory(depl, deployed):
    done = depl("log", "hello.txt", cwd=deployed / "work/hello")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("hello/File(hello.txt): write") == 2
    assert "make" not in done.stdout


def test_a_path_is_found_from_anywhere(depl, deployed, tmp_path):
    done = depl("log", str(deployed / "work/hello/hello.txt"), cwd=tmp_path)
    assert done.stdout.count("hello/File(hello.txt): write") == 2


def test_the_revision_is_told_in_short(depl, deployed):
    (deployed / ".git").mkdir()
    (deployed / ".git/HEAD").write_text("0123456789abcdef0123456789abcdef01234567\n")
    change(deployed, "Bye!", "Again!")
    depl("local", "dev", cwd=deployed)
    assert "  0123456789  1 change" in depl("log", cwd=deployed).stdout
    assert '"revision": "0123456789abcdef0123456789abcdef01234567"' in depl("log", "--json", cwd=deployed).stdout


def test_an_undo_is_told_and_what_it_took_back_is_marked(depl, deployed):
    depl("undo", "dev", cwd=deployed)
    undo, undone, first = depl("log", cwd=deployed).stdout.splitlines()
    rollout = undo.split()[1]
    assert undo.endswith(f"1 change  takes back {undone.split()[1]}")
    assert undone.endswith(f"1 change  undone by {rollout}")
    assert first.endswith("3 changes")
    shown = depl("log", "work/hello/hello.txt", cwd=deployed).stdout
    assert "undo: write" in shown
    assert f"another content  undone by {rollout}" in shown


def test_a_failure_is_told(depl, service):
    component = service / "components/hello/component.py"
    component.write_text(component.read_text() + FAILING)
    assert depl("local", "dev", cwd=service).returncode == 3
    told, why = depl("log", cwd=service).stdout.splitlines()
    assert told.endswith("failed, and was put back")
    assert why == "    failed: hello/Never: the command `exit 3` exited with status 3"
    assert "put back in the same rollout" in depl("log", "work/hello", cwd=service).stdout


def test_an_unsettled_rollout_is_marked(depl, service):
    component = service / "components/hello/component.py"
    component.write_text(component.read_text() + FAILING)
    depl("local", "dev", "--on-failure", "stop", cwd=service)
    assert "UNSETTLED: it did not come to its end" in depl("log", cwd=service).stdout


def test_json_has_one_line_an_entry(depl, deployed):
    rollouts = [json.loads(line) for line in depl("log", "--json", cwd=deployed).stdout.splitlines()]
    assert [(one["event"], one["count"], one["outcome"]) for one in rollouts] == [
        ("rollout", 1, "succeeded"),
        ("rollout", 3, "succeeded"),
    ]
    changes = [json.loads(line) for line in depl("log", "work", "--json", cwd=deployed).stdout.splitlines()]
    assert {one["event"] for one in changes} == {"change"}
    assert changes[0]["rollout"] == rollouts[0]["rollout"]
    assert changes[0]["change"]["before"] == changes[0]["change"]["after"]
    assert {"who", "environment", "host", "revision", "at"} <= changes[0].keys()


def test_a_path_that_no_journal_knows_is_a_sentence(depl, deployed):
    done = depl("log", "work/other", cwd=deployed)
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"nothing is recorded about {deployed}/work/other in {deployed}/.depl" in done.stderr


def test_where_nothing_was_deployed_the_next_step_is_named(depl, service):
    done = depl("log", cwd=service)
    assert done.returncode == 1
    assert f"no rollout is recorded in {service} or above it" in done.stderr
    assert "depl log ENV HOST" in done.stderr


def test_an_environment_wants_its_host_named(depl, service):
    done = depl("log", "dev", cwd=service)
    assert done.returncode == 1
    assert "`depl log dev HOST`" in done.stderr


def test_a_journal_that_is_damaged_is_named_and_the_others_are_shown(depl, deployed):
    oldest = min((deployed / ".depl/journal").glob("*.jsonl"))
    oldest.write_bytes(b"00000000" + oldest.read_bytes()[8:])
    done = depl("log", cwd=deployed)
    assert done.returncode == 3
    assert f"{oldest}:1 is damaged" in done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_where_only_a_damaged_journal_is_it_is_not_said_that_nothing_is_recorded(depl, service):
    depl("local", "dev", cwd=service)
    (journal,) = (service / ".depl/journal").glob("*.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[0], b"0" * 8 + lines[1][8:], *lines[2:]]))
    done = depl("log", cwd=service)
    assert done.returncode == 3
    assert f"{journal}:2 is damaged" in done.stderr
    assert "nothing is recorded" not in done.stderr
    run = depl("local", "dev", cwd=service)
    assert run.returncode == 0 and "nothing to do" in run.stdout
    assert f"warning: {journal}:2 is damaged" in run.stderr and "can no longer be taken back" in run.stderr


def test_a_contents_name_in_json_tells_whether_it_is_the_same(depl, deployed):
    told = depl("log", "work/hello/hello.txt", "--json", cwd=deployed).stdout.splitlines()
    newest, oldest = (json.loads(line)["change"] for line in told)
    assert newest["content_before"] == oldest["content_after"] != newest["content_after"]
    assert "content_before" not in oldest
    assert newest["content_after"] not in (deployed / ".depl/journal").glob("*").__next__().read_text()


def test_where_nothing_is_recorded_yet_another_place_is_named(depl, service):
    (service / ".depl").mkdir()
    done = depl("log", cwd=service)
    assert "nothing is recorded yet" in done.stderr and "`depl log ENV HOST`" in done.stderr


def test_looking_changes_nothing(depl, deployed):
    before = sorted((str(path), path.stat().st_mtime_ns) for path in deployed.rglob("*"))
    depl("log", "--verbose", cwd=deployed)
    assert sorted((str(path), path.stat().st_mtime_ns) for path in deployed.rglob("*")) == before


def test_what_an_agent_did_on_this_machine_is_told_by_the_agent(depl, service, tmp_path):
    environment = service / "environments/dev/environment.cfg"
    target = tmp_path / "target"
    environment.write_text(environment.read_text().replace("[hosts]", f"target_directory = {target}\n[hosts]"))
    done = depl("log", "dev", "localhost", cwd=service, HOME=str(tmp_path))
    assert done.returncode == 1
    assert "nothing is recorded on localhost" in done.stderr
    assert depl("remote", "dev", cwd=service, HOME=str(tmp_path)).returncode == 0
    told = depl("log", "dev", "localhost", "work/hello/hello.txt", cwd=service, HOME=str(tmp_path))
    assert f"write   {target}/work/hello/hello.txt: nothing -> a file" in told.stdout
    assert depl("log", "work/hello/hello.txt", cwd=target).stdout == told.stdout
    (service / ".git").mkdir()
    (service / ".git/HEAD").write_text("0123456789abcdef0123456789abcdef01234567\n")
    assert depl("undo", "dev", cwd=service, HOME=str(tmp_path)).returncode == 0
    assert "  0123456789  " in depl("log", cwd=target).stdout.splitlines()[0]


def test_too_many_words_are_refused(depl, service):
    assert depl("log", "dev", "localhost", "a", "b", cwd=service).returncode == 2


def test_a_path_is_taken_as_the_shell_knows_it(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path / "real")
    monkeypatch.setenv("PWD", str(tmp_path / "link"))
    assert as_typed("x") == str(tmp_path / "link/x")
    monkeypatch.setenv("PWD", "/")
    assert as_typed("x") == str(tmp_path / "real/x")
