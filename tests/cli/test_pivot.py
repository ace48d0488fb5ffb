"""A step that cannot be undone, as people and programs are told of it."""

from __future__ import annotations

import json

import pytest

COMPONENT = """\
from pathlib import Path

from depl.component import Component
from depl.lib.command import Command
from depl.lib.file import File


class Db(Component):
    broken = "yes"

    def configure(self):
        self += File("before", content="new")
        self += Migration()
        self += File("after", content="new")
        if self.broken == "yes":
            self += Command("exit 3", unless="false")


class Migration(Component):
    irreversible = "the old rows are gone"

    def verify(self):
        assert Path("migrated").exists()

    def update(self):
        Path("migrated").write_text("yes")
"""
PLANNED = "from here on a failure leaves what was done before: db/Migration: the old rows are gone"
SENTENCE = "db/Migration: update() of db/Migration cannot be undone: the old rows are gone"


@pytest.fixture
def shop(write):
    return write(
        {
            "environments/dev/environment.cfg": """\
                [environment]
                connect_method = local
                [hosts]
                localhost = db
                """,
            "components/db/component.py": COMPONENT,
        }
    )


def test_a_plan_says_at_its_place_from_where_on_a_failure_leaves_what_was_done(depl, shop):
    done = depl("local", "dev", "--plan", cwd=shop)
    lines = done.stdout.splitlines()
    place = lines.index(PLANNED)
    assert lines[place - 1].startswith("  call    update() of Migration  [irreversible: ")
    assert any("/after" in line for line in lines[place:])
    told = json.loads(depl("local", "dev", "--plan", "--json", cwd=shop).stdout.splitlines()[-1])
    step = {"host": "localhost", "component": "db/Migration", "reason": "the old rows are gone", "before": []}
    assert told["pivots"] == [step]


def test_after_a_failure_the_end_says_what_stands_and_what_can_be_done(depl, shop):
    done = depl("local", "dev", cwd=shop)
    assert done.returncode == 4
    assert "; 1 change put back, but nothing across a step that cannot be undone" in done.stdout
    assert f"nothing is undone across this:\n  {SENTENCE}\n" in done.stdout
    assert "because it was done before:\n  db: 3 changes\n" in done.stdout
    assert "deploy again to go on from there" in done.stdout
    assert "undo dev --keep\n" in done.stdout
    plan = depl("undo", "dev", "--plan", cwd=shop)
    assert (
        "  here it would stop: it cannot be undone, nor what was done before it: the old rows are gone" in plan.stdout
    )
    assert "  stays as it is: db: 3 changes" in plan.stdout
    assert "0 changes of rollout" in plan.stdout
    stopped = depl("undo", "dev", cwd=shop)
    assert stopped.returncode == 4
    assert "undo dev --keep\n" in stopped.stdout and "--force" not in stopped.stdout
    keeping = depl("undo", "dev", "--plan", "--keep", cwd=shop)
    assert "1 change of rollout" in keeping.stdout and "would stop" not in keeping.stdout
    assert "work/db/migrated is in it and stays" in keeping.stdout
    kept = depl("undo", "dev", "--keep", cwd=shop)
    assert kept.returncode == 0, kept.stdout + kept.stderr
    assert [path.name for path in (shop / "work/db").iterdir()] == ["migrated"]


def test_programs_are_told_the_same(depl, shop):
    done = depl("local", "dev", "--json", cwd=shop)
    end = json.loads(done.stdout.splitlines()[-1])
    outcome = end["outcome"]
    assert (end["exit_status"], outcome["status"], outcome["put_back"]) == (4, "blocked", 1)
    assert (outcome["pivots"], outcome["standing"], outcome["conflicts"]) == ([SENTENCE], ["db: 3 changes"], [])
    plan = [json.loads(line) for line in depl("undo", "dev", "--plan", "--json", cwd=shop).stdout.splitlines()]
    assert plan[0]["data"]["stands"] == ["db: 3 changes"]
    assert plan[-1]["changes"] == 0


def test_the_log_says_why_a_rollout_failed(depl, shop):
    depl("local", "dev", cwd=shop)
    done = depl("log", cwd=shop)
    assert done.stdout.splitlines()[1:] == ["    failed: db/Command(exit 3): the command `exit 3` exited with status 3"]
    row = json.loads(depl("log", "--json", cwd=shop).stdout)
    assert row["failures"] == ["db/Command(exit 3): the command `exit 3` exited with status 3"]
