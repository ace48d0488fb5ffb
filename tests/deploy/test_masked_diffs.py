"""Deployments whose secrets change tell of neither the old nor the new one, wherever they end up."""

from __future__ import annotations

import pytest

from depl.change.leads import AS_IT_WAS
from depl.component import Component
from depl.events import What
from depl.lib.file import File
from depl.redact import Redactor, mask

OLD, NEW = "Hunter2-of-1999", "Correct-Horse-7"
OLD_MARK, NEW_MARK = "app.password #a1b2", "app.password #c3d4"


def app(secret: str, fails: bool = False) -> type[Component]:
    class App(Component):
        def configure(self):
            self += File("app.conf", content=f"host = a\npassword = {secret}\n")
            if fails:
                self += Fails()

    return App


class Fails(Component):
    def verify(self):
        raise AssertionError

    def update(self):
        raise RuntimeError("no")


@pytest.fixture
def rotated(world):
    """Deploys, with the old secret and then with the new one; nothing that is left or told may have either."""
    knows = {OLD: Redactor([(OLD_MARK, OLD)]), NEW: Redactor([(NEW_MARK, NEW)])}

    def run(secret, how="run", **more):
        world.events.clear()
        getattr(world, how)(app(secret, **more), redact=knows[secret])
        return "".join(change["diff"] or "" for event in world.said(What.CHANGED) for change in event.data["changes"])

    world.rotated = run
    run(OLD)
    yield world
    told = str(world.events)
    for path in world.base.glob(".depl/**/*"):
        if path.is_file() and "blobs" not in path.parts:
            told += path.read_text(errors="replace")
    assert OLD not in told and NEW not in told


def test_a_rotation_is_told_with_masks(rotated):
    expected = f"-password = {mask(OLD_MARK)}\n+password = {mask(NEW_MARK)}\n"
    assert expected in rotated.rotated(NEW, "plan")
    assert expected in rotated.rotated(NEW)


def test_after_a_rollback_the_old_secret_is_still_known(rotated):
    rotated.rotated(NEW, fails=True)
    assert OLD in (rotated.base / "work/app/app.conf").read_text()
    assert f"-password = {mask(OLD_MARK)}\n" in rotated.rotated(NEW)


def test_after_an_undo_the_old_secret_is_still_known(rotated):
    rotated.rotated(NEW)
    rotated.undo()
    assert OLD in (rotated.base / "work/app/app.conf").read_text()
    assert f"-password = {mask(OLD_MARK)}\n" in rotated.rotated(NEW)


def test_what_somebody_wrote_by_hand_is_hidden(rotated):
    (rotated.base / "work/app/app.conf").write_text(f"host = b\npassword = {OLD}\n")
    diff = rotated.rotated(NEW)
    assert f"-password = {AS_IT_WAS}\n" in diff and "-host = b\n" in diff
