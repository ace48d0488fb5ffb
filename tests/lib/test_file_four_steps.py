"""Every file block, from every prior state: the plan says so, it is deployed, left alone, and taken back exactly."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import product
from pathlib import Path
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


def absent(path: Path) -> None: ...


def same_content(path: Path) -> None:
    path.write_text("new\n")


def other_content(path: Path) -> None:
    path.write_text("old\n")


def other_mode(path: Path) -> None:
    path.write_text("new\n")
    path.chmod(0o4711)


def link(path: Path) -> None:
    (path.parent / "elsewhere").write_text("elsewhere\n")
    path.symlink_to("elsewhere")


def dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def empty_directory(path: Path) -> None:
    path.mkdir(mode=0o700)


def full_directory(path: Path) -> None:
    (path / "sub" / "deep").mkdir(parents=True)
    (path / "sub" / "deep" / "file").write_text("precious\n")
    (path / "sub" / "link").symlink_to("deep")
    (path / "sub").chmod(0o711)


FILES = (absent, other_content, other_mode, link, dangling_link)
ANYTHING = (*FILES, empty_directory, full_directory)

AT_A_PATH: dict[str, tuple[Callable[[Any], Any], tuple[Callable[[Path], None], ...]]] = {
    "file": (lambda self: File("x", content="new\n", mode=0o640), FILES),
    "file in place of anything": (lambda self: File("x", content="new\n", mode=0o644, replace=True), ANYTHING),
    "empty file": (lambda self: File("x", content=""), FILES),
    "binary file": (lambda self: BinaryFile("x", content=b"\0{{\xff"), FILES),
    "file as directory": (lambda self: File("x", ensure="directory", mode=0o750), (*FILES, full_directory)),
    "file as link": (lambda self: File("x", ensure="symlink", link_to="y"), FILES),
    "file as link in place of anything": (
        lambda self: File("x", ensure="symlink", link_to="y", replace=True),
        ANYTHING,
    ),
    "file below missing directories": (
        lambda self: File("a/b/x", content="new\n", leading=True),
        (absent, other_content),
    ),
    "presence": (lambda self: Presence("x"), (absent, dangling_link)),
    "presence in place of a directory": (lambda self: Presence("x", replace=True), (empty_directory, full_directory)),
    "content": (lambda self: Content("x", content="new\n"), (absent, other_content, link, dangling_link)),
    "json": (lambda self: JSONContent("x", data={"b": [1], "a": None}), FILES),
    "yaml": (lambda self: YAMLContent("x", data={"b": [1], "a": None}), FILES),
    "toml": (lambda self: TOMLContent("x", data={"b": [1], "a": {"c": True}}), FILES),
    "ini": (lambda self: INIContent("x", data={"b": {"a": 1}}), FILES),
    "directory": (lambda self: Directory("x"), (absent, other_content, dangling_link, link)),
    "directory below missing ones": (lambda self: Directory("a/b/x", leading=True), (absent, other_content)),
    "symlink": (lambda self: Symlink("x", source="y"), FILES),
    "symlink in place of anything": (lambda self: Symlink("x", source="y", replace=True), ANYTHING),
    "mode of a file": (lambda self: Mode("x", mode="rw-------"), (other_content, other_mode)),
    "mode of a directory": (lambda self: Mode("x", mode=0o755), (empty_directory,)),
    "no mode at all": (lambda self: Mode("x", mode=0), (other_content,)),
    "purge": (lambda self: Purge("x*"), tuple(state for state in ANYTHING if state is not absent)),
    "line": (lambda self: Line("x", line="more"), (absent, other_content, other_mode)),
    "block": (lambda self: Block("x", content="more\nand more\n"), (absent, other_content, other_mode)),
}
OF_ROOT: dict[str, tuple[Callable[[Any], Any], tuple[Callable[[Path], None], ...]]] = {
    "owner by name": (lambda self: Owner("x", owner="daemon"), (other_content, other_mode, full_directory)),
    "group by number": (lambda self: Group("x", group="1"), (other_content, other_mode, full_directory)),
    "file with an owner": (lambda self: File("x", content="new\n", owner="daemon", group=1, mode="4755"), FILES),
    "directory with an owner": (
        lambda self: File("x", ensure="directory", owner=1, group="daemon"),
        (absent, full_directory),
    ),
}


def cases(table: Any) -> list[Any]:
    return [
        pytest.param(configure, prior, id=f"{name} from {prior.__name__}")
        for name, (configure, priors) in table.items()
        for prior in priors
    ]


def four_steps(made: Any, tree: Made) -> None:
    before = tree(made.base)
    planned = made.plan()
    assert (planned.error, tree(made.base)) == ("", before)
    assert planned.changed and planned.changes
    assert not (made.base / ".depl").exists()
    deployed = made.deploy()
    assert (deployed.error, deployed.changed) == ("", planned.changed)
    assert [change["verb"] for change in deployed.changes] == [change["verb"] for change in planned.changes]
    after = tree(made.base)
    assert after != before
    again = made.deploy()
    assert (again.error, again.changed, tree(made.base)) == ("", [], after)
    assert made.plan().changed == []
    assert made.undo().status == 0
    assert tree(made.base) == before
    assert not [path for path in after if ".depl-" in path]


@pytest.mark.parametrize(("configure", "prior"), cases(AT_A_PATH))
def test_a_block_is_planned_deployed_left_alone_and_taken_back(
    configure: Any, prior: Callable[[Path], None], project: Made, tree: Made
) -> None:
    made = project(configure)
    made.work.mkdir(parents=True)
    prior(made.work / "x")
    four_steps(made, tree)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(("configure", "prior"), cases(OF_ROOT))
def test_an_owner_is_planned_deployed_left_alone_and_taken_back(
    configure: Any, prior: Callable[[Path], None], project: Made, tree: Made
) -> None:
    made = project(configure)
    made.work.mkdir(parents=True)
    prior(made.work / "x")
    four_steps(made, tree)


@pytest.mark.parametrize("purge", [False, True])
@pytest.mark.parametrize("block", [Directory, SyncDirectory])
def test_a_source_directory_is_brought_into_place_and_taken_back(
    block: Any, purge: bool, project: Made, tree: Made
) -> None:
    made = project(lambda self: block("x", source="source", purge=purge))
    made.file("source/a", "new\n", 0o600)
    made.file("source/sub/b.sh", "#!/bin/sh\n", 0o755)
    made.file("source/sub/deep/c", b"\0\xff")
    (made.defdir / "source" / "link").symlink_to("sub/b.sh")
    made.before("x/a", "old\n")
    made.before("x/extra/d", "stays?\n")
    (made.work / "x" / "link").symlink_to("elsewhere")
    four_steps(made, tree)


@pytest.mark.parametrize(
    ("ensure", "prior"), list(product(["present", "absent"], [None, "one\ntwo\nthree", "two\n", "one\n"]))
)
def test_a_line_is_reached_from_any_file_and_taken_back(
    ensure: str, prior: str | None, project: Made, tree: Made
) -> None:
    made = project(lambda self: Line("x", line="two", ensure=ensure))
    made.work.mkdir(parents=True)
    if prior is not None:
        made.before("x", prior)
    there = "two" in (prior or "").splitlines()
    if there == (ensure == "present"):
        assert made.deploy().changed == []
    else:
        four_steps(made, tree)


def test_unchanged_files_keep_their_times_and_leave_no_journal(project: Made) -> None:
    made = project(lambda self: [File("x", content="same\n"), Directory("d"), Symlink("l", source="x")])
    made.deploy()
    times = {path: path.lstat().st_mtime_ns for path in made.work.iterdir()}
    journals = list((made.base / ".depl" / "journal").iterdir())
    made.deploy()
    assert {path: path.lstat().st_mtime_ns for path in made.work.iterdir()} == times
    assert list((made.base / ".depl" / "journal").iterdir()) == journals


def test_a_file_is_one_component_and_one_change(project: Made) -> None:
    made = project(lambda self: File("x", content="new\n", mode=0o600, owner=os.getuid(), group=os.getgid()))
    deployed = made.deploy()
    assert deployed.changed == ["File(x)"]
    assert len(deployed.changes) == 1
