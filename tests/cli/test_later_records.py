"""Records that a later version of depl wrote: refused where they are named, passed over where others are meant."""

from __future__ import annotations

import pytest

ROLLOUT = """\
from depl.rollout import Rollout
from depl.tasks import Command


class Quick(Rollout):
    def plan(self):
        return Command("true", undo="true")
"""


@pytest.fixture
def base(depl, write):
    """A project with two rollouts, of which a later version wrote the newer one."""
    base = write({"rollouts/quick.py": ROLLOUT, "environments/.keep": ""})
    for _ in range(2):
        assert depl("rollout", "start", "quick", cwd=base).returncode == 0
    newest = max((base / ".depl/rollouts").glob("*.jsonl"))
    newest.write_text(newest.read_text().replace('"schema": 1, "n"', '"schema": 2, "n"'))
    return base


@pytest.mark.parametrize(
    "command",
    [["show"], ["rollout", "follow"], ["rollout", "resume"], ["rollout", "undo"], ["rollout", "signal", "pause"]],
)
def test_who_names_one_is_told_what_it_is(command, depl, base):
    refused = depl(*command[:2], "latest", *command[2:], cwd=base)
    assert refused.returncode == 1, refused.stderr
    assert "cannot be read: it was written by a later version of depl" in refused.stderr
    assert "Use that version for it." in refused.stderr


def test_it_hides_no_others_and_is_in_nobodys_way(depl, base):
    assert len(depl("rollouts", cwd=base).stdout.splitlines()) == 1 + 1
    assert depl("rollout", "start", "quick", cwd=base).returncode == 0
    store = {"DEPL_DEPL_STORE": "sqlite:///.depl/depl.sqlite"}
    assert depl("rollout", "start", "quick", "--queue", cwd=base, **store).returncode == 0
    listed = depl("rollouts", cwd=base, **store)
    assert len(listed.stdout.splitlines()) == 1 + 3
    assert "is passed over: it was written by a later version of depl" in listed.stderr
