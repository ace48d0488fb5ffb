"""What the first depl left on a host can be read by this one: journal, before-images, receipts and records.

In `first` lies the `.depl` of /srv/first after a deployment, a second one that was undone, and a third one. It is never
made anew: what changes in the format must go on reading it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from depl.deploy.chains import open_chain
from depl.deploy.history import history
from depl.deploy.target import Target
from depl.rollout.folding import fold
from depl.rollout.records import read_record
from depl.rollout.states import RolloutState

FIRST = Path(__file__).with_name("first")


@pytest.fixture
def target(tmp_path: Path) -> Target:
    shutil.copytree(FIRST, tmp_path / ".depl")
    return Target(str(tmp_path))


def test_the_newest_rollout_can_be_found_to_be_taken_back(target: Target):
    path, state = open_chain(target, "dev", None)
    assert path.endswith("-ey6s.jsonl")
    assert state.rollouts[-1].endswith("-ey6s")


def test_what_was_undone_is_known_to_be_undone(target: Target):
    undone = [state for path, state in target.journals.states() if path.endswith("-qbp0.jsonl")]
    assert undone[0].undos


def test_who_changed_a_path_and_when_is_told(target: Target):
    found = json.dumps(
        list(history(target, "/srv/first/work/app/app.conf", True, lambda error: pytest.fail(str(error))))
    )
    assert all(name in found for name in ("0liz", "qbp0", "ey6s"))


def test_before_images_are_what_their_names_say():
    images = [path for path in (FIRST / "blobs").iterdir() if "." in path.name]
    assert images
    for path in images:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name.partition(".")[0]


def test_receipts_are_read(target: Target):
    assert "app/File(app.conf)" in json.dumps(json.loads((Path(target.records) / "receipts.json").read_text()))
    assert target.receipts() is not None


def test_records_tell_how_each_rollout_ended():
    ends = {path.name: fold(read_record(str(path))).state for path in sorted((FIRST / "rollouts").iterdir())}
    assert list(ends.values()) == [
        RolloutState.SUCCEEDED,
        RolloutState.SUCCEEDED,
        RolloutState.REVERSED,
        RolloutState.SUCCEEDED,
    ]
