"""Random trees under random models: a failed run leaves no trace, a run that went well can be taken back exactly."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from depl.component import Component
from depl.errors import Mistakes, UpdateNeeded
from depl.lib.file import BinaryFile, Content, Directory, File, Group, Line, Mode, Owner, Presence, Purge, Symlink

ROOT = os.geteuid() == 0
NAMES = ("a", "b", "d", "d/a", "d/e", "d/e/b", "f")
names = st.sampled_from(NAMES)
modes = st.sampled_from([0o600, 0o644, 0o755, 0o2750, 0o1777, 0o4711, 0o700])
contents = st.sampled_from(["", "one\n", "two\n", "one\ntwo\n", "x" * 5000])
owners = st.sampled_from([0, 1, 7] if ROOT else [os.geteuid()])

prior = st.dictionaries(
    names,
    st.one_of(
        st.tuples(st.just("file"), contents, modes, owners),
        st.tuples(st.just("directory"), st.just(""), modes, owners),
        st.tuples(st.just("link"), st.sampled_from(["a", "nowhere", "d", "d/e"]), st.just(0), owners),
    ),
)


def block(cls: type[Component], **attributes: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(st.just(cls), names, st.fixed_dictionaries({}, optional=attributes))


replace = st.just(True)
rights = {"owner": owners, "group": owners, "mode": modes}
blocks = st.one_of(
    block(File, content=contents, leading=replace, replace=replace, **rights),
    block(BinaryFile, content=st.binary(max_size=4), leading=replace, replace=replace, **rights),
    block(Content, content=contents, mode=modes),
    block(Presence, leading=replace, replace=replace),
    block(Directory, leading=replace, replace=replace),
    st.tuples(st.just(File), names, st.fixed_dictionaries({"ensure": st.just("directory")}, optional=rights)),
    st.tuples(st.just(Symlink), names, st.fixed_dictionaries({"source": names}, optional={"replace": replace})),
    st.tuples(st.just(Mode), names, st.fixed_dictionaries({"mode": modes})),
    st.tuples(st.just(Owner), names, st.fixed_dictionaries({"owner": owners})),
    st.tuples(st.just(Group), names, st.fixed_dictionaries({"group": owners})),
    st.tuples(st.just(Purge), st.sampled_from(["a", "d/*", "*", "d"]), st.just({})),
    st.tuples(st.just(Line), names, st.fixed_dictionaries({"line": st.sampled_from(["one", "three"])})),
)
models = st.lists(blocks, max_size=6)
more_or_less = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True)


class Fails(Component):
    def verify(self) -> None:
        raise UpdateNeeded("always")

    def update(self) -> None:
        raise RuntimeError("on purpose")


def app(model: list[Any], fails: bool = False) -> type[Component]:
    class App(Component):
        def configure(self) -> None:
            for cls, name, attributes in model:
                self.__iadd__(cls(name, **attributes))
            if fails:
                self.__iadd__(Fails())

    return App


def lay(world: Any, tree: dict[str, Any]) -> None:
    """Begin anew with just this in the workdir."""
    shutil.rmtree(world.base)
    (world.base / "components").mkdir(parents=True)
    top = world.base / "work" / "app"
    top.mkdir(parents=True)
    for name, (kind, content, mode, owner) in sorted(tree.items()):
        path = Path(top, name)
        if any(os.path.lexists(one) and (one.is_symlink() or not one.is_dir()) for one in path.parents):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "link":
            path.symlink_to(content)
        elif kind == "directory":
            path.mkdir(exist_ok=True)
        elif not path.exists():
            path.write_text(content)
        os.chown(path, owner, owner if ROOT else -1, follow_symlinks=False)
        if kind != "link":
            os.chmod(path, mode | 0o700)


def differences(now: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    return {path: (now.get(path), then.get(path)) for path in {*now, *then} if now.get(path) != then.get(path)}


def a_failed_run_leaves_no_trace(world: Any, tree: Any, model: Any) -> None:
    lay(world, tree)
    before = world.tree()
    try:
        outcome = world.run(app(model, fails=True))
    except Mistakes:
        return  # two blocks that contradict each other
    assert outcome.status == "reversed", outcome.conflicts
    assert differences(world.tree(), before) == {}


def a_run_is_a_noop_the_second_time_and_can_be_taken_back(world: Any, tree: Any, model: Any) -> None:
    lay(world, tree)
    before = world.tree()
    try:
        outcome = world.run(app(model))
    except Mistakes:
        return
    if outcome.status == "succeeded":
        if not contradicts(model):
            times = world.times()
            assert world.run(app(model)).status == "nothing"
            assert differences(world.times(), times) == {}
        outcome = world.undo()
    assert outcome.status in ("reversed", "nothing"), outcome.conflicts
    assert differences(world.tree(), before) == {}


def contradicts(model: list[Any]) -> bool:
    """Whether one block may take away what another one wants, so that no run is the last."""
    return any(cls in (Purge, Symlink, Line) or "replace" in how or "source" in how for cls, _, how in model) or len(
        {name for _, name, _ in model}
    ) < len(model)


@given(tree=prior, model=models)
@settings(more_or_less, max_examples=60)
def test_a_failed_run_leaves_no_trace(fast_world, tree, model):
    a_failed_run_leaves_no_trace(fast_world, tree, model)


@given(tree=prior, model=models)
@settings(more_or_less, max_examples=60)
def test_a_run_is_a_noop_the_second_time_and_can_be_taken_back(fast_world, tree, model):
    a_run_is_a_noop_the_second_time_and_can_be_taken_back(fast_world, tree, model)


@pytest.mark.long
@given(tree=prior, model=models)
@settings(more_or_less, max_examples=3000)
def test_many_failed_runs_leave_no_trace(fast_world, tree, model):
    a_failed_run_leaves_no_trace(fast_world, tree, model)


@pytest.mark.long
@given(tree=prior, model=models)
@settings(more_or_less, max_examples=3000)
def test_many_runs_can_be_taken_back(fast_world, tree, model):
    a_run_is_a_noop_the_second_time_and_can_be_taken_back(fast_world, tree, model)


# -- somebody else at work between the deployment and its undo ----------------------------------------

THEIRS = "theirs, whatever else happens\n"
acts = st.lists(
    st.tuples(st.sampled_from(["write", "append", "remove", "mode", "link", "tree", "put into"]), names), max_size=4
)


def interfere(world: Any, deeds: list[Any]) -> None:
    """Somebody changes things, as far as they can be changed in that way."""
    for verb, name in deeds:
        path = world.base / "work" / "app" / name
        real = path.is_dir() and not path.is_symlink()
        if not os.path.lexists(path.parent) or not path.parent.is_dir() or path.parent.resolve() != path.parent:
            continue
        if verb == "put into" and real:
            (path / "theirs").write_text(THEIRS)
        elif verb == "mode" and os.path.lexists(path) and not path.is_symlink():
            path.chmod(0o711)
        elif verb == "append" and path.is_file() and not path.is_symlink():
            path.write_bytes(path.read_bytes() + THEIRS.encode())
        elif verb in ("remove", "write", "link", "tree"):
            if os.path.lexists(path):
                shutil.rmtree(path) if real else path.unlink()
            put(path, verb)


def put(path: Path, verb: str) -> None:
    if verb == "write":
        path.write_text(THEIRS)
    elif verb == "link":
        path.symlink_to("theirs")
    elif verb == "tree":
        path.mkdir()
        (path / "theirs").write_text(THEIRS)


def named(outcome: Any, world: Any, path: str) -> bool:
    """Whether a path, something below it or above it is named among what was not put back."""
    full = str(world.base / path)
    texts = [re.match(r"(?:\S+: )?(/\S*?)(?::? |:?$)", one) for one in [*outcome.conflicts, *outcome.kept]]
    places = [one.group(1) for one in texts if one]
    return any(f"{full}/".startswith(f"{one}/") or f"{one}/".startswith(f"{full}/") for one in places)


def alone(was: Any, left: Any, now: Any) -> bool:
    """Whether depl changed no content, and its mode and owner are as before: the content is theirs."""
    return None not in (was, left, now) and was[4] == left[4] and was[:4] == now[:4]


def what_others_did_stays(world: Any, tree: Any, model: Any, deeds: Any) -> None:
    lay(world, tree)
    before = world.tree()
    try:
        if world.run(app(model)).status != "succeeded":
            return
    except Mistakes:
        return
    left = world.tree()
    interfere(world, deeds)
    theirs = world.tree()
    outcome = world.undo()
    now = world.tree()
    assert outcome.status in ("reversed", "blocked")
    for path in {*before, *left, *theirs, *now}:
        was, is_now = before.get(path), now.get(path)
        touched = theirs.get(path) != left.get(path)
        if touched and theirs.get(path) is not None:  # never overwritten, never lost
            assert is_now is not None, path
            assert (is_now[0], is_now[4]) == (theirs[path][0], theirs[path][4]), path
        if not touched and is_now != was:  # undone, or named
            assert named(outcome, world, path), (path, outcome.conflicts, outcome.kept)
        if touched and is_now != was and was != left.get(path) and not alone(was, left.get(path), is_now):
            assert named(outcome, world, path), (path, outcome.conflicts, outcome.kept)


@given(tree=prior, model=models, deeds=acts)
@settings(more_or_less, max_examples=60)
def test_what_others_did_since_is_never_lost_and_what_is_not_undone_is_named(fast_world, tree, model, deeds):
    what_others_did_stays(fast_world, tree, model, deeds)


@pytest.mark.long
@given(tree=prior, model=models, deeds=acts)
@settings(more_or_less, max_examples=3000)
def test_much_that_others_did_since_is_never_lost(fast_world, tree, model, deeds):
    what_others_did_stays(fast_world, tree, model, deeds)
