"""What is refused before a rollout by hand begins leaves everything as it was."""

from __future__ import annotations

import json

ROLLOUT = """\
from depl.rollout import Rollout
from depl.tasks import Deploy


class Whole(Rollout):
    def plan(self):
        return Deploy("dev")
"""


def test_a_rollout_that_could_not_begin_leaves_the_lock_of_its_environment_as_it_was(depl, service):
    (service / "rollouts").mkdir()
    (service / "rollouts/whole.py").write_text(ROLLOUT)
    lock, interrupted = service / ".depl/locks/dev", {"rollout": "20260102-030405-ab12", "state": "running"}
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps(interrupted))
    (service / ".depl/rollouts").write_text("in the way")
    refused = depl("rollout", "start", "whole", cwd=service)
    assert refused.returncode == 3, refused.stderr
    assert interrupted.items() <= json.loads(lock.read_text()).items()
    (service / ".depl/rollouts").unlink()
    done = depl("rollout", "start", "whole", cwd=service)
    assert (done.returncode, "20260102-030405-ab12 did not come to its end" in done.stderr) == (0, True), done.stderr
    assert json.loads(lock.read_text())["state"] == "over"
