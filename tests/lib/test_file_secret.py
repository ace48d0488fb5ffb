"""Files that hold secrets are for their owner only, from their first moment, and show none."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from depl.lib.command import Script
from depl.lib.file import BinaryFile, Block, Content, File, INIContent, JSONContent, Line, Mode, Presence
from depl.redact import Redactor, mask
from depl.testing import Outcome

OLD, NEW, MARK, NEW_MARK = "Hunter2-of-1999", "Correct-Horse-7", "app.password #a1b2", "app.password #c3d4"


class Secretive:
    """A project whose environment has a secret: `secret`, which may be rotated between runs."""

    def __init__(self, project: Callable[..., Any], configure: Callable[[Any], Any]) -> None:
        self.secret, self.mark = OLD, MARK
        self.made = project(self._configured)
        self._configure = configure
        self.told = ""

    def _configured(self, component: Any) -> Any:
        component.environment.redact = Redactor([(self.mark, self.secret)])
        return self._configure(component)

    def rotate(self) -> None:
        self.secret, self.mark = NEW, NEW_MARK

    def deploy(self) -> Outcome:
        return self._noted(self.made.deploy())

    def plan(self) -> Outcome:
        return self._noted(self.made.plan())

    def undo(self) -> Outcome:
        return self._noted(self.made.undo())

    def mode(self, name: str = "x") -> int:
        return stat.S_IMODE((self.made.work / name).stat().st_mode)

    def _noted(self, result: Outcome) -> Outcome:
        assert not result.errors, result.error
        self.told += str(result)
        return result


@pytest.fixture
def secretive(project: Callable[..., Any], umask: None) -> Iterator[Callable[..., Secretive]]:
    """A factory of projects; nothing that they tell may have the secret in it."""
    made: list[Secretive] = []

    def make(configure: Callable[[Any], Any]) -> Secretive:
        made.append(Secretive(project, configure))
        return made[-1]

    yield make
    for one in made:
        assert OLD not in one.told and NEW not in one.told


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def conf(secret: str) -> str:
    return f"host = a\npassword = {secret}\n"


CLASSES = [
    lambda secret: File("x", content=conf(secret)),
    lambda secret: Content("x", content=conf(secret)),
    lambda secret: JSONContent("x", data={"password": secret}),
    lambda secret: INIContent("x", data={"db": {"password": secret}}),
    lambda secret: BinaryFile("x", content=b"\0\xff" + secret.encode()),
    lambda secret: Line("x", line=f"password = {secret}"),
    lambda secret: Block("x", content=conf(secret)),
]


@pytest.mark.parametrize("made", CLASSES)
def test_a_new_file_with_a_secret_is_for_its_owner_only(secretive, made):
    site = secretive(lambda self: made(OLD))
    site.deploy()
    assert site.mode() == 0o600
    assert site.deploy().changed == []


@pytest.mark.parametrize("made", CLASSES)
def test_a_file_without_a_secret_gets_the_usual_mode(secretive, made):
    site = secretive(lambda self: made("plain"))
    site.deploy()
    assert site.mode() == 0o644


def test_a_mode_that_is_given_counts(secretive):
    site = secretive(lambda self: File("x", content=conf(OLD), mode="0640"))
    site.deploy()
    assert site.mode() == 0o640
    assert site.deploy().changed == []


def test_an_existing_file_is_closed_to_others_and_opened_again_by_undo(secretive):
    site = secretive(lambda self: File("x", content=conf(OLD)))
    path = site.made.before("x", conf(OLD), 0o755)
    assert "it holds a secret, so its mode should be 0700" in str(site.deploy().events)
    assert site.mode() == 0o700 and path.read_text() == conf(OLD)
    site.undo()
    assert site.mode() == 0o755


def test_an_existing_file_that_is_closed_already_stays_as_it_is(secretive):
    site = secretive(lambda self: File("x", content=conf(OLD)))
    site.made.before("x", conf(OLD), 0o400)
    assert site.deploy().changed == [] and site.mode() == 0o400


def test_a_mode_component_says_who_may_read_it(secretive):
    site = secretive(lambda self: [File("x", content=conf(site.secret)), Mode("x", mode=0o640)])
    site.deploy()
    assert site.mode() == 0o640
    assert site.deploy().changed == []
    site.rotate()
    site.deploy()
    assert site.mode() == 0o640


def test_content_over_an_existing_presence_is_closed(secretive):
    site = secretive(lambda self: [Presence("x"), Content("x", content=conf(OLD))])
    site.deploy()
    assert site.mode() == 0o600


def test_an_edit_leaves_the_mode_that_is_there(secretive):
    site = secretive(lambda self: Line("x", line=f"password = {OLD}"))
    site.made.before("x", "mine\n", 0o644)
    site.deploy()
    assert site.mode() == 0o644


def test_a_script_with_a_secret_is_for_its_owner_only(secretive):
    site = secretive(lambda self: Script("x", content=f"#!/bin/sh\n: {OLD}\n"))
    site.deploy()
    assert site.mode() == 0o700


def test_a_template_on_the_host_is_judged_when_it_is_read(secretive, tmp_path):
    (tmp_path / "source").write_text(conf(OLD))
    site = secretive(lambda self: File("x", source=str(tmp_path / "source")))
    site.deploy()
    assert site.mode() == 0o600


def test_a_rotated_secret_shows_neither_value(secretive):
    site = secretive(lambda self: File("x", content=conf(site.secret)))
    site.deploy()
    site.rotate()
    planned, done = site.plan(), site.deploy()
    assert planned.diff == done.diff
    assert f"-password = {mask(MARK)}\n+password = {mask(NEW_MARK)}\n" in done.diff and " host = a\n" in done.diff


def test_sensitive_data_hides_all_of_it(secretive):
    site = secretive(lambda self: File("x", content=conf(site.secret), sensitive_data=True))
    site.deploy()
    site.rotate()
    result = site.deploy()
    assert result.changed == ["File(x)"] and result.diff == ""


def test_two_blocks_of_one_file_are_rotated_one_by_one(secretive):
    site = secretive(
        lambda self: [
            Block("x", content=f"one = {site.secret}\n", marker="one"),
            Block("x", content=f"two = {site.secret}{site.secret}\n", marker="two"),
        ]
    )
    site.made.before("x", "mine = 1\n")
    site.deploy()
    site.rotate()
    diff = site.deploy().diff
    assert f"-one = {mask(MARK)}\n" in diff and f"+one = {mask(NEW_MARK)}\n" in diff
    site.undo()
    assert site.deploy().diff
