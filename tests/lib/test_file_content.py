"""Where the content of a file comes from, and what is asked before it is put in place."""

from __future__ import annotations

import stat
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from depl.component import Component
from depl.lib.file import BinaryFile, Content, Directory, File, JSONContent, Presence
from depl.redact import Redactor
from depl.rollout import local

Made = Callable[..., Any]


def deployed(made: Any, name: str = "x") -> bytes:
    result = made.deploy()
    assert result.error == ""
    content: bytes = (made.work / name).read_bytes()
    return content


def test_content_is_a_template_about_the_component_that_adds_it(project: Made) -> None:
    class App(Component):
        port = 8080

        def configure(self) -> None:
            self += File("x", content="{{component.port}} {{host.name}} {{environment.name}}\n")

    assert deployed(project(App)) == b"8080 localhost test\n"


def test_another_component_can_be_the_context(project: Made) -> None:
    class Other(Component):
        port = 1

        def configure(self) -> None: ...

    def configure(self: Any) -> None:
        other = Other()
        self += other
        self += File("x", content="{{component.port}}", template_context=other)

    assert deployed(project(configure)) == b"1"


def test_template_args_have_their_names_and_are_args_too(project: Made) -> None:
    made = project(lambda self: File("x", content="{{a}} {{args.a}} {{args['a']}}", template_args={"a": 1}))
    assert deployed(made) == b"1 1 1"


def test_the_generated_header_is_known(project: Made) -> None:
    made = project(lambda self: File("x", content="# {{depl_generated_header}}{{batou_generated_header}}"))
    assert b"depl" in deployed(made)


def test_without_content_the_file_of_the_same_name_beside_the_component_is_taken(project: Made) -> None:
    made = project(lambda self: File("etc/x", leading=True))
    made.file("x", "from {{host.name}}\n")
    assert deployed(made, "etc/x") == b"from localhost\n"


def test_a_source_is_rendered_and_may_include_its_neighbours(project: Made) -> None:
    made = project(lambda self: File("x", source="templates/a"))
    made.file("templates/a", "{% include 'b' %}!\n")
    made.file("templates/b", "{{host.name}}")
    assert deployed(made) == b"localhost!\n"


def test_without_template_braces_stay(project: Made) -> None:
    made = project(lambda self: File("x", content="{{no}} {% template %}\n", is_template=False))
    assert deployed(made) == b"{{no}} {% template %}\n"


def test_a_binary_source_is_taken_as_it_is(project: Made) -> None:
    made = project(lambda self: BinaryFile("x"))
    made.file("x", b"\0\xff{{\r\n")
    assert deployed(made) == b"\0\xff{{\r\n"


def test_an_encoding_is_that_of_source_and_file(project: Made) -> None:
    made = project(lambda self: File("x", source="a", encoding="latin-1"))
    made.file("a", "gr\xfc\xdfe {{host.name}}".encode("latin-1"))
    assert deployed(made) == "gr\xfc\xdfe localhost".encode("latin-1")


def test_line_ends_of_a_source_survive(project: Made) -> None:
    made = project(lambda self: File("x", source="a"))
    made.file("a", "one\r\n{{host.name}}\r\n")
    assert deployed(made) == b"one\r\nlocalhost\r\n"


def test_empty_content_empties_a_file(project: Made) -> None:
    made = project(lambda self: File("x", content=""))
    made.before("x", "full\n")
    assert deployed(made) == b""


def test_after_configure_the_content_is_what_will_be_there(project: Made) -> None:
    def configure(self: Any) -> None:
        self.file = File("x", content="{{host.name}}", mode="0640")
        self += self.file
        self += File("y", content=self.file.content + b"!", is_template=False)

    made = project(configure)
    assert deployed(made, "y") == b"localhost!"
    assert (made.component.file.content, made.component.file.mode) == (b"localhost", 0o640)


@pytest.mark.parametrize("mode", [0o640, "640", "0640", "0o640", "rw-r-----"])
def test_a_mode_is_written_in_many_ways(mode: Any, project: Made) -> None:
    made = project(lambda self: File("x", content="", mode=mode))
    deployed(made)
    assert stat.S_IMODE((made.work / "x").stat().st_mode) == 0o640


def test_without_a_mode_that_of_an_existing_file_stays(project: Made) -> None:
    made = project(lambda self: File("x", content="new"))
    made.before("x", "old", mode=0o604)
    deployed(made)
    assert stat.S_IMODE((made.work / "x").stat().st_mode) == 0o604


def test_a_link_is_replaced_and_not_written_through(project: Made) -> None:
    made = project(lambda self: File("x", content="new"))
    precious = made.before("precious", "mine")
    (made.work / "x").symlink_to(precious)
    assert deployed(made) == b"new"
    assert precious.read_text() == "mine"
    assert not (made.work / "x").is_symlink()


def test_presence_leaves_content_alone_even_behind_a_link(project: Made) -> None:
    made = project(lambda self: Presence("x"))
    made.before("precious", "mine")
    (made.work / "x").symlink_to("precious")
    result = made.deploy()
    assert (result.changed, (made.work / "x").read_text()) == ([], "mine")


def test_an_absolute_source_is_read_on_the_host_when_it_is_there(project: Made, tree: Made, tmp_path: Path) -> None:
    made = project(
        lambda self: [File("a", content="{% raw %}{{host.name}}{% endraw %}"), File("x", source=self.map("a"))]
    )
    before = tree(made.base)
    assert made.plan().error == ""
    assert deployed(made) == b"localhost"
    assert made.deploy().changed == []
    made.undo()
    assert tree(made.base) == before


def test_an_absolute_source_that_changes_is_followed(project: Made, tmp_path: Path) -> None:
    source = tmp_path / "outside"
    source.write_text("one")
    made = project(lambda self: File("x", source=str(source)))
    assert deployed(made) == b"one"
    source.write_text("two")
    assert deployed(made) == b"two"


def test_a_missing_absolute_source_fails_the_component(project: Made, tmp_path: Path) -> None:
    made = project(lambda self: File("x", source=str(tmp_path / "missing")))
    result = made.deploy()
    assert result.status == 3
    assert f"the source {tmp_path}/missing" in result.error
    assert not made.work.exists()


def test_an_absolute_source_beside_the_component_file_is_rendered_in_configure(project: Made) -> None:
    made = project(lambda self: File("x", source=self.defdir + "/a"))
    made.file("a", "{{host.name}}")
    made.root()
    assert made.component.sub_components[0].content == b"localhost"


@pytest.mark.parametrize("elsewhere", [False, True])
def test_large_files_are_streamed(elsewhere: bool, project: Made, tree: Made, tmp_path: Path) -> None:
    size = 40 << 20
    made = project(lambda self: BinaryFile("x", source=str(tmp_path / "large") if elsewhere else "large", mode=0o600))
    large = tmp_path / "large" if elsewhere else made.defdir / "large"
    with large.open("wb") as file:
        for number in range(size >> 20):
            file.write(bytes([number]) * (1 << 20))
    before = tree(made.base)
    tracemalloc.start()
    try:
        first, second = made.deploy(), made.deploy()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (first.error, first.changed, second.changed) == ("", ["BinaryFile(x)"], [])
    assert peak < 8 << 20
    assert (made.work / "x").read_bytes() == large.read_bytes()
    made.undo()
    assert tree(made.base) == before


def test_the_diff_is_shown_in_plan_and_deployment(project: Made) -> None:
    made = project(lambda self: File("x", content="same\nnew\n"))
    made.before("x", "same\nold\n")
    for result in (made.plan(), made.deploy()):
        assert "-old" in result.diff and "+new" in result.diff


def test_sensitive_data_is_not_shown(project: Made) -> None:
    made = project(lambda self: File("x", content="geheim", sensitive_data=True))
    for result in (made.plan(), made.deploy()):
        assert result.changed
        assert "geheim" not in str(result.events)


# -- validate -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    ["grep -q good {}", "grep -q good %s", ["grep", "-q", "good", "{}"], ["grep", "-q", "good", "%s"]],
    ids=str,
)
def test_a_content_that_is_found_valid_is_put_in_place(command: Any, project: Made, tree: Made) -> None:
    made = project(lambda self: File("x y", content="good\n", validate=command))
    before = tree(made.base)
    assert deployed(made, "x y") == b"good\n"
    assert made.deploy().changed == []
    made.undo()
    assert tree(made.base) == before


def test_a_content_that_is_found_invalid_is_not_put_in_place(project: Made, tree: Made) -> None:
    made = project(lambda self: File("x.conf", content="bad\n", validate="echo wrong in {}; false"))
    made.before("x.conf", "good\n")
    before = tree(made.base)
    result = made.deploy()
    assert result.status == 3
    assert "did not accept the new content" in result.error
    assert result.errors[0].component == "app/File(x.conf)"
    assert result.errors[0].stdout == f"wrong in {made.work}/x.conf\n"
    assert tree(made.base) == before


def test_what_validates_sees_a_private_file_of_the_same_name_beside_nothing(project: Made) -> None:
    made = project(lambda self: File("x.conf", content="a", validate="basename {}; stat -c %a {}; false"))
    lines = made.deploy().errors[0].stdout.split()
    assert lines == ["x.conf", "600"]
    made.configure = lambda self: File("x.conf", content="a", validate="ls $(dirname {}); false")
    assert made.deploy().errors[0].stdout.split() == ["x.conf"]


def test_what_validates_sees_what_was_deployed_before(project: Made) -> None:
    made = project(
        lambda self: [File("part", content="a"), File("x", content="b", validate=f"cat {self.map('part')} {{}}")]
    )
    assert deployed(made) == b"b"


def test_a_plan_validates_nothing(project: Made) -> None:
    made = project(lambda self: File("x", content="bad\n", validate="touch /nowhere/{}"))
    assert made.plan().error == ""


def test_a_content_that_stays_is_not_validated(project: Made) -> None:
    made = project(lambda self: File("x", content="a", mode=0o600, validate="false {}"))
    made.before("x", "a", mode=0o644)
    assert deployed(made) == b"a"


def test_a_missing_validator_is_named(project: Made) -> None:
    made = project(lambda self: File("x", content="a", validate=["no-such-program", "{}"]))
    result = made.deploy()
    assert result.status == 3
    assert "no-such-program" in result.error


# -- what is in the way --------------------------------------------------------------------------------


def test_a_directory_in_the_way_is_an_error_unless_it_may_be_replaced(project: Made, tree: Made) -> None:
    made = project(lambda self: File("x", content="a"))
    made.before("x/precious", "mine")
    before = tree(made.base)
    for result in (made.plan(), made.deploy()):
        assert "x should become a file, but a directory" in result.error
        assert "replace=True" in result.error
    assert tree(made.base) == before


def test_a_missing_directory_is_named_with_the_way_out(project: Made, tree: Made) -> None:
    made = project(lambda self: File("a/b/x", content="a"))
    before = tree(made.base)
    for result in (made.plan(), made.deploy()):
        assert f"the directory {made.work}/a/b does not exist" in result.error
        assert "leading=True" in result.error
    assert tree(made.base) == before


def test_a_file_may_lie_behind_a_link_to_a_directory(project: Made) -> None:
    made = project(lambda self: [Directory("real"), File("link/x", content="a")])
    made.work.mkdir(parents=True)
    (made.work / "link").symlink_to("real")
    assert deployed(made, "real/x") == b"a"


def test_an_unknown_user_or_group_fails_with_the_next_step(project: Made) -> None:
    for how in ({"owner": "nobody-knows"}, {"group": "nobody-knows"}):
        made = project(lambda self, how=how: File("x", content="a", **how))
        result = made.deploy()
        assert result.status == 3
        assert "'nobody-knows' on this host" in result.error


def test_content_and_mode_can_be_split_over_components(project: Made) -> None:
    made = project(lambda self: [Presence("x"), Content("x", content="{{host.name}}")])
    assert deployed(made) == b"localhost"
    assert made.deploy().changed == []


def test_a_secret_file_is_not_shown_line_by_line(project: Made) -> None:
    made = project(lambda self: File("key", content="-----BEGIN-----\ngeheim\n-----END-----\n"))
    made.before("key", "-----BEGIN-----\ngeheim\n-----OTHER-----\n")
    redact = Redactor([("file key.pem #a1b2", "-----BEGIN-----\ngeheim\n-----END-----\n")])
    events: list[Any] = []
    local.plan(made.model(), "localhost", replace(made.options(), redact=redact), events.append)
    assert "geheim" not in str(events) and "‹secret file key.pem #a1b2›" in str(events)


def test_a_file_in_the_place_of_a_directory_above_is_named(project: Made, tree: Made) -> None:
    made = project(lambda self: File("x/y", content="a", leading=True))
    made.before("x", "mine")
    before = tree(made.base)
    for result in (made.plan(), made.deploy()):
        assert f"{made.work}/x is no directory" in result.error
    assert tree(made.base) == before


def test_data_may_have_a_mode_as_well(project: Made) -> None:
    made = project(lambda self: JSONContent("x", data={}, mode="0600"))
    deployed(made)
    assert stat.S_IMODE((made.work / "x").stat().st_mode) == 0o600
    assert made.deploy().changed == []
