"""The fake, the plan and the real machine agree: the same verbs give the same tree."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from depl.change.acting import ActingSystem
from depl.change.fake import FakeSystem
from depl.change.journals import Journals
from depl.change.nodes import Directory, File
from depl.change.predicting import PredictingSystem
from depl.deploy.undo import Undo
from depl.errors import ChangeFailed

names = st.sampled_from(["a", "b", "d", "d/a", "d/e", "d/e/f", "l"])
modes = st.sampled_from([0o600, 0o644, 0o755, 0o2770])
verbs = st.one_of(
    st.tuples(st.just("write"), names, st.binary(max_size=3)),
    st.tuples(st.just("write"), names, st.binary(max_size=3), modes),
    st.tuples(st.just("link"), names, st.sampled_from(["nowhere", "x/y"])),
    st.tuples(st.just("make_dir"), names),
    st.tuples(st.just("make_dir"), names, modes),
    st.tuples(st.just("remove"), names),
    st.tuples(st.just("set_mode"), names, modes),
    st.tuples(st.just("move"), names, names),
    st.tuples(st.just("commit")),
)
UMASK = 0o022


def apply(system: Any, top: str, mixture: list[Any]) -> list[bool]:
    """Apply verbs where their directory is there; which of them were refused."""
    refused = []
    for verb, *arguments in mixture:
        paths = [os.path.join(top, one) for one in arguments[: 2 if verb == "move" else 1]]
        if not all(isinstance(system.look(os.path.dirname(path)), Directory) for path in paths):
            continue
        if verb == "move" and paths[1].startswith(paths[0] + "/"):
            continue
        try:
            getattr(system, verb)(*paths, *arguments[len(paths) :])
            refused.append(False)
        except ChangeFailed:
            refused.append(True)
    system.commit()
    return refused


def seen(system: Any, path: str) -> dict[str, Any]:
    """A tree as a system sees it."""
    found: dict[str, Any] = {}
    for name in system.names(path):
        one = os.path.join(path, name)
        node = system.look(one)
        if isinstance(node, File):
            found[name] = ("file", node.mode, node.uid, node.gid, system.read(one))
        elif isinstance(node, Directory):
            found[name] = (node, seen(system, one))
        else:
            found[name] = node
    return found


@given(st.lists(verbs, max_size=25))
@settings(deadline=None, max_examples=150)
def test_the_fake_the_plan_and_the_real_machine_come_to_the_same_tree_and_the_real_one_goes_back(mixture):
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    directory = Path(tempfile.mkdtemp(prefix="depl-test-", dir=memory))
    old = os.umask(UMASK)
    try:
        top = str(directory / "top")
        os.mkdir(top, 0o755)
        fake = FakeSystem()
        for path in reversed([Path(top), *Path(top).parents]):
            fake.nodes[str(path)] = Directory(0o755, os.geteuid(), os.getegid())
        plan = PredictingSystem(str(directory / "plan"))
        journal = Journals(str(directory / ".depl/journal")).open("r")
        real = ActingSystem(str(directory / ".depl"), journal, durability="journal")

        refused = apply(fake, top, mixture)
        assert apply(plan, top, mixture) == refused
        assert os.listdir(top) == []
        assert apply(real, top, mixture) == refused
        assert seen(real, top) == seen(plan, top)
        if os.geteuid() == 0:
            assert seen(real, top) == seen(fake, top)

        assert Undo(real, lambda event: None).restore().whole
        assert os.listdir(top) == []
        journal.close()
    finally:
        os.umask(old)
        shutil.rmtree(directory)


def test_commands_are_answered_from_a_table_and_those_that_act_are_noted():
    fake = FakeSystem({"id -u": "0\n", "false": (1, "", "no")})
    assert fake.ask(["id", "-u"]) == (0, "0\n", "")
    assert fake.ask("false") == (1, "", "no")
    assert fake.run("reload") == (0, "", "")
    assert fake.commands == ["reload"]
