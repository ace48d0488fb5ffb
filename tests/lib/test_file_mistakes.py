"""What is wrong with a file is known before anything is touched, with file, line and the next step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from depl.lib.file import (
    BinaryFile,
    Block,
    Content,
    Directory,
    File,
    Group,
    INIContent,
    JSONContent,
    Line,
    Mode,
    Owner,
    Presence,
    Purge,
    Symlink,
    SyncDirectory,
    TOMLContent,
    YAMLContent,
)

Made = Callable[..., Any]

MISTAKES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda self: File("x"), "neither content nor source is given, and"),
    (lambda self: File("x"), "content=''"),
    (lambda self: File("x", source="missing"), "components/app/missing of"),
    (lambda self: File("x", source="."), "is a directory"),
    (lambda self: File("x", content="a", source="a"), "both content and source"),
    (lambda self: File("x", content=5), "of type int"),
    (lambda self: File("x", content={"a": 1}), "JSONContent"),
    (lambda self: BinaryFile("x", content="text"), "without an encoding"),
    (lambda self: File("x", content=b"\xff"), "does not fit the encoding utf-8"),
    (lambda self: File("x", content="\xe4", encoding="ascii"), "does not fit the encoding ascii"),
    (lambda self: File("x", content="a", encoding="no-such"), "no-such"),
    (lambda self: File("x", ensure="dir"), "did you mean 'directory'?"),
    (lambda self: File("x", ensure="symlink"), "leads nowhere"),
    (lambda self: File("x", ensure="symlink", link_to="y", content="a"), "content is given for"),
    (lambda self: File("x", ensure="symlink", link_to="y", mode=0o600), "mode is given for"),
    (lambda self: File("x", ensure="directory", content="a"), "content is given for"),
    (lambda self: File("x", content="a", link_to="y"), "link_to is given for"),
    (lambda self: File("x", content="a", mode="rwx"), "'rwx' is not a mode"),
    (lambda self: File("x", content="a", mode="0844"), "'0844' is not a mode"),
    (lambda self: File("x", content="a", mode=0o17777), "is not a mode"),
    (lambda self: File("x", content="a", mode=True), "True is not a mode"),
    (lambda self: File("x", content="a", owner=""), "'' is not a user"),
    (lambda self: File("x", content="a", validate="visudo -c"), "where the file's path goes"),
    (lambda self: File("x", content="{{nothing}}"), "'nothing' is undefined"),
    (lambda self: File("x", content="{% if %}"), "does not compile"),
    (lambda self: Content("x"), "neither content nor source"),
    (lambda self: Mode("x"), "None is not a mode"),
    (lambda self: Owner("x"), "None is not a user"),
    (lambda self: Group("x", group=[]), "[] is not a group"),
    (lambda self: Symlink("x"), "leads nowhere"),
    (lambda self: Directory("x", source="missing"), "missing of"),
    (lambda self: Directory("x", source="component.py"), "is not a directory"),
    (lambda self: Directory("x", purge=True), "without a source"),
    (lambda self: SyncDirectory("x"), "no source is given"),
    (lambda self: Line("x"), "no line is given"),
    (lambda self: Line("x", line="a\nb"), "Use Block"),
    (lambda self: Line("x", line="a", match="("), "is not a regular expression"),
    (lambda self: Line("x", line="a", after="a", before="b"), "both after and before"),
    (lambda self: Line("x", line="a", ensure="gone"), "'gone' is not known"),
    (lambda self: Block("x"), "no content is given"),
    (lambda self: JSONContent("x", content="{"), "is no JSON"),
    (lambda self: JSONContent("x", data={"a": object()}), "is no JSON"),
    (lambda self: JSONContent("x", data={}, source="a"), "data is given for"),
    (lambda self: YAMLContent("x", content="a: [", is_template=False), "is no YAML"),
    (lambda self: YAMLContent("x", data={"a": object()}), "is no YAML"),
    (lambda self: TOMLContent("x", data={"a": None}), "the value of a is of type NoneType"),
    (lambda self: TOMLContent("x", data=[1]), "is no TOML"),
    (lambda self: INIContent("x", data={"a": 1}), "not a dictionary"),
    (lambda self: INIContent("x", data={"a": {"b=c": 1}}), "cannot be a key"),
    (lambda self: INIContent("x", content="a=1"), "is no INI"),
    (lambda self: Purge(), "needs its 'pattern'"),
]


@pytest.mark.parametrize(("configure", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_a_mistake_is_told_with_its_place_and_touches_nothing(
    configure: Any, said: str, project: Made, tree: Made
) -> None:
    made = project(configure)
    before = tree(made.base)
    result = made.deploy()
    assert result.status == 1
    assert said in result.error
    assert result.errors[0].file == __file__
    assert result.errors[0].line
    assert tree(made.base) == before


def test_a_mistake_in_a_template_is_told_with_its_line(project: Made) -> None:
    made = project(lambda self: File("x"))
    source = made.file("x", "one\ntwo {{nothing}}\n")
    error = made.deploy().errors[0]
    assert (error.file, error.line) == (str(source), 2)


def test_a_mistake_in_a_data_file_names_it(project: Made) -> None:
    made = project(lambda self: JSONContent("x", source="a.json"))
    source = made.file("a.json", '{"a": }')
    assert made.deploy().errors[0].file == str(source)
    made.configure = lambda self: JSONContent("x", source="missing.json")
    assert made.deploy().errors[0].file == __file__


def test_claims_tell_what_a_component_determines_about_its_path(project: Made) -> None:
    made = project(
        lambda self: [
            File("x", content="a", mode=0o600, owner="root"),
            File("d", ensure="directory", group=0),
            File("l", ensure="symlink", link_to="x"),
            Line("y", line="b"),
            SyncDirectory("s", source="s"),
        ]
    )
    made.file("s/sub/f", "a")
    made.root()
    claims = [sorted(component.claims()) for component in made.component.sub_components]
    work = str(made.work)
    assert claims == [
        [
            (f"{work}/x", "content", b"a"),
            (f"{work}/x", "kind", "file"),
            (f"{work}/x", "mode", 0o600),
            (f"{work}/x", "owner", "root"),
        ],
        [(f"{work}/d", "group", "0"), (f"{work}/d", "kind", "directory")],
        [(f"{work}/l", "kind", "link"), (f"{work}/l", "link", f"{work}/x")],
        [(f"{work}/y", "content", "edited in place"), (f"{work}/y", "kind", "file")],
        [
            (f"{work}/s", "kind", "directory"),
            (f"{work}/s/sub", "kind", "directory"),
            (f"{work}/s/sub/f", "content", f"{made.defdir}/s/sub/f"),
            (f"{work}/s/sub/f", "kind", "file"),
        ],
    ]


CONTRADICTIONS: dict[str, Callable[[Any], Any]] = {
    "content": lambda self: [File("x", content="a"), Content("x", content="b")],
    "kind": lambda self: [File("x", content="a"), Directory("x")],
    "link": lambda self: [Symlink("x", source="a"), File("x", ensure="symlink", link_to="b")],
    "mode": lambda self: [File("x", content="a", mode=0o600), Mode("x", mode="0644")],
    "owner": lambda self: [File("x", content="a", owner="root"), Owner("x", owner="daemon")],
    "group": lambda self: [Group("x", group=1), Group("x", group="2")],
}


@pytest.mark.parametrize("aspect", CONTRADICTIONS)
def test_two_components_that_want_different_things_of_one_path_are_a_mistake(aspect: str, project: Made) -> None:
    result = project(CONTRADICTIONS[aspect]).deploy()
    assert result.status == 1
    assert f"the {aspect} of" in result.error


def test_two_components_that_want_the_same_of_one_path_are_fine(project: Made) -> None:
    made = project(
        lambda self: [
            Directory("x"),
            Directory("x"),
            Presence("x/f"),
            File("x/f", content="a"),
            Mode("x/f", mode=0o600),
        ]
    )
    assert made.deploy().error == ""
    assert made.deploy().changed == []
