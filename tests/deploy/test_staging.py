"""Whether changes are made one by one or many at once, the tree is the same, and so is the way back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from depl.component import Component
from depl.errors import UpdateNeeded

NAMES = ("a", "b", "d", "d/a", "d/b", "l")
names = st.sampled_from(NAMES)
contents = st.sampled_from(["one\n", "two\n", ""])
verbs = st.one_of(
    st.tuples(st.just("write"), names, contents),
    st.tuples(st.just("link"), names, st.sampled_from(["a", "d", "nowhere"])),
    st.tuples(st.just("make_dir"), names, st.just("")),
    st.tuples(st.just("remove"), names, st.just("")),
    st.tuples(st.just("set_mode"), names, st.sampled_from(["600", "755"])),
    st.tuples(st.just("move"), names, names),
)
raws = st.one_of(st.tuples(st.just("open"), names, contents), st.tuples(st.just("cmd"), names, contents))
updates = st.lists(
    st.one_of(  # of classes that are staged, and of those that may act by any means
        st.tuples(st.just(True), st.lists(verbs, max_size=5)),
        st.tuples(st.just(False), st.lists(st.one_of(verbs, raws), max_size=5)),
    ),
    max_size=4,
)


def append(path: str, text: str) -> None:
    with open(path, "a") as file:
        file.write(text)


DEEDS: dict[str, Callable[[Any, str, str], Any]] = {
    "write": lambda one, path, what: one.system.write(path, what.encode()),
    "link": lambda one, path, what: one.system.link(path, what),
    "make_dir": lambda one, path, what: one.system.make_dir(path),
    "remove": lambda one, path, what: one.system.remove(path),
    "set_mode": lambda one, path, what: one.system.set_mode(path, int(what, 8)),
    "move": lambda one, path, what: one.system.move(path, one.map(what)),
    "open": lambda one, path, what: append(path, what),
    "cmd": lambda one, path, what: one.cmd(f"printf %s '{what}' >> {path}"),
}


def acts(one: Component, deeds: list[Any], at_once: bool) -> None:
    system = one.root.system
    for verb, name, what in deeds:
        path = one.map(name)
        if verb == "link" and os.path.basename(name) == what:
            continue  # it would lead to itself
        if not is_possible(system, verb, path, one.map(what) if verb == "move" else ""):
            continue
        DEEDS[verb](one, path, what)
        if at_once:
            system.commit()


def is_possible(system: Any, verb: str, path: str, to: str) -> bool:
    """Whether a verb fits what is there (staged or not), as a component would look first."""
    kind = type(system.look(path)).__name__
    in_directory = type(system.look(os.path.dirname(path))).__name__ == "Directory"
    if verb in ("write", "link", "open", "cmd"):
        return in_directory and kind in (("Absent", "File") if verb in ("open", "cmd") else ("Absent", "File", "Link"))
    if verb == "make_dir":
        return in_directory and kind in ("Absent", "Directory")
    if verb == "set_mode":
        return kind in ("File", "Directory")
    if verb == "move":
        free = type(system.look(to)).__name__ == "Absent" and not f"{to}/".startswith(f"{path}/")
        return (
            in_directory
            and kind != "Absent"
            and free
            and type(system.look(os.path.dirname(to))).__name__ == "Directory"
        )
    return in_directory


def app(model: list[Any], at_once: bool) -> type[Component]:
    def needs_update(self: Component) -> None:
        raise UpdateNeeded("always")

    def made(number: int, staged: bool, deeds: list[Any]) -> Component:
        body: dict[str, Any] = {
            "verify": needs_update,
            "update": lambda self: acts(self, deeds, at_once),
            "staged": staged,
        }
        cls: Any = type(f"Update{number}", (Component,), body)
        return cls()

    class App(Component):
        def configure(self) -> None:
            for number, (staged, deeds) in enumerate(model):
                self.__iadd__(made(number, staged, deeds))

    return App


def begin(world: Any) -> None:
    shutil.rmtree(world.base)
    (world.base / "components").mkdir(parents=True)
    world.file("work/app/a", "old\n", 0o640)
    world.file("work/app/d/a", "in it\n")
    Path(world.base, "work/app/l").symlink_to("a")


@example(model=[(False, [("write", "b", "one\n"), ("open", "b", "two\n")])])
@example(model=[(True, [("write", "b", "one\n")]), (False, [("open", "b", "two\n")])])
@given(model=updates)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
def test_staged_and_immediate_application_give_the_same_tree(fast_world, model):
    trees = []
    for at_once in (True, False):
        begin(fast_world)
        outcome = fast_world.run(app(model, at_once))
        assert outcome.error is None, outcome.error
        trees.append(fast_world.tree())
    assert trees[0] == trees[1]
