"""Single lines and blocks in files that belong to somebody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from depl.lib.file import Block, File, Line

Made = Callable[..., Any]


@pytest.mark.parametrize(
    ("how", "before", "after"),
    [
        ({"line": "b"}, "a\n", "a\nb\n"),
        ({"line": "b"}, "a", "a\nb\n"),
        ({"line": "b"}, "", "b\n"),
        ({"line": "b"}, "a\r\n", "a\r\nb\r\n"),
        ({"line": "x = 2", "match": "^#?x ="}, "#x = 1\ny = 1\n", "x = 2\ny = 1\n"),
        ({"line": "x = 2", "match": "^x ="}, "x = 0\nx = 1\n", "x = 0\nx = 2\n"),
        ({"line": "x = 2", "match": "^x ="}, "y\nx = 1", "y\nx = 2"),
        ({"line": "x = 2", "match": "^x ="}, "y\n", "y\nx = 2\n"),
        ({"line": "b", "after": "^a"}, "a1\na2\nc\n", "a1\na2\nb\nc\n"),
        ({"line": "b", "before": "^c"}, "a\nc\n", "a\nb\nc\n"),
        ({"line": "b", "after": "^z"}, "a\n", "a\nb\n"),
        ({"line": "b", "ensure": "absent"}, "a\nb\nc\nb\n", "a\nc\n"),
        ({"match": "^b", "ensure": "absent"}, "a\nb1\nb2\n", "a\n"),
    ],
)
def test_a_line_ends_up_where_it_is_wanted(how: Any, before: str, after: str, project: Made) -> None:
    made = project(lambda self: Line("x", **how))
    file = made.before("x", before)
    assert made.deploy().error == ""
    assert file.read_bytes() == after.encode()
    assert made.deploy().changed == []


@pytest.mark.parametrize(
    ("how", "before", "after"),
    [
        ({"content": "1\n2\n"}, "a\n", "a\n# BEGIN depl app\n1\n2\n# END depl app\n"),
        ({"content": "1"}, "a", "a\n# BEGIN depl app\n1\n# END depl app\n"),
        ({"content": "1"}, "# BEGIN depl app\n0\n# END depl app\nz\n", "# BEGIN depl app\n1\n# END depl app\nz\n"),
        ({"content": "1", "before": "^z"}, "a\nz\n", "a\n# BEGIN depl app\n1\n# END depl app\nz\n"),
        ({"content": "{{host.name}}", "marker": "m"}, "", "# BEGIN depl m\nlocalhost\n# END depl m\n"),
        (
            {"content": "<a/>", "comment": "<!--", "comment_end": "-->"},
            "",
            "<!-- BEGIN depl app -->\n<a/>\n<!-- END depl app -->\n",
        ),
        ({"ensure": "absent"}, "a\n# BEGIN depl app\n0\n# END depl app\nz\n", "a\nz\n"),
    ],
)
def test_a_block_ends_up_where_it_is_wanted(how: Any, before: str, after: str, project: Made) -> None:
    made = project(lambda self: Block("x", **how))
    file = made.before("x", before)
    assert made.deploy().error == ""
    assert file.read_bytes() == after.encode()
    assert made.deploy().changed == []


def test_several_components_edit_one_file(project: Made, tree: Made) -> None:
    made = project(
        lambda self: [
            Line("x", line="a"),
            Block("x", content="b", marker="one"),
            Block("x", content="c", marker="two"),
            Line("x", line="d"),
        ]
    )
    made.before("x", "here\n", 0o640)
    before = tree(made.base)
    assert made.plan().changed == made.deploy().changed
    assert "here" in (made.work / "x").read_text()
    assert made.deploy().changed == []
    made.undo()
    assert tree(made.base) == before


def test_what_is_not_text_comes_through_unharmed(project: Made) -> None:
    made = project(lambda self: Line("x", line="b"))
    file = made.before("x", b"\xff\x00\x0b\xc2\x85\n")
    made.deploy()
    assert file.read_bytes() == b"\xff\x00\x0b\xc2\x85\nb\n"


def test_a_block_without_end_is_an_error(project: Made, tree: Made) -> None:
    made = project(lambda self: Block("x", content="1"))
    made.before("x", "a\n# BEGIN depl app\nprecious\n")
    before = tree(made.base)
    result = made.deploy()
    assert result.status == 3
    assert "begins in line 2, but does not end" in result.error
    assert tree(made.base) == before


@pytest.mark.parametrize("block", [Line("x", line="a"), Block("x", content="a")], ids=["line", "block"])
def test_links_and_directories_are_not_edited(block: Any, project: Made) -> None:
    made = project(lambda self: type(block)("x", line="a") if isinstance(block, Line) else Block("x", content="a"))
    made.before("real", "mine\n")
    (made.work / "x").symlink_to("real")
    result = made.deploy()
    assert (result.status, "Name the file that the link leads to" in result.error) == (3, True)
    (made.work / "x").unlink()
    (made.work / "x").mkdir()
    assert "not a file that could be edited" in made.deploy().error


def test_an_edit_is_validated_before_it_is_put_in_place(project: Made) -> None:
    made = project(lambda self: Line("x", line="bad", validate="! grep bad {}"))
    file = made.before("x", "good\n")
    result = made.deploy()
    assert (result.status, file.read_text()) == (3, "good\n")
    assert result.errors[0].stdout == "bad\n"


def test_a_missing_directory_may_be_made(project: Made, tree: Made) -> None:
    made = project(lambda self: Line("a/b/x", line="a"))
    before = tree(made.base)
    assert "does not exist" in made.deploy().error
    made.configure = lambda self: Line("a/b/x", line="a", leading=True)
    assert made.deploy().error == ""
    made.undo()
    assert tree(made.base) == before


def test_editing_a_file_whose_content_another_component_determines_is_a_mistake(project: Made) -> None:
    made = project(lambda self: [File("x", content="a\n"), Line("x", line="b")])
    result = made.deploy()
    assert (result.status, "the content of" in result.error) == (1, True)
