"""What is shortened for people has no part of a secret, wherever it is cut."""

from __future__ import annotations

import os

import pytest

from depl.component import Component, ComponentDefinition, RootComponent
from depl.environment import Environment
from depl.errors import TemplatingError
from depl.host import Host
from depl.lib.check import CommandCheck, FileCheck
from depl.lib.checks.base import excerpt
from depl.lib.command import Command
from depl.lib.file import Content
from depl.redact import Redactor, mask

SECRET, MARK = "Correct-Horse-Battery", "app.password #a1b2"
PARTS = [SECRET[:6], SECRET[-6:]]


@pytest.fixture
def made(tmp_path):
    """The one component that a root component adds, in an environment with a secret."""

    def make(component):
        class App(Component):
            def configure(self):
                self += component()

        environment = Environment("test", str(tmp_path))
        environment.redact = Redactor([(MARK, SECRET)])
        definition = ComponentDefinition(App, str(tmp_path / "component.py"), str(tmp_path))
        root = RootComponent("app", environment, environment.add_host(Host("localhost")), definition=definition)
        environment.add_root(root).prepare()
        return root.component.sub_components[0]

    return make


@pytest.mark.parametrize("padding", range(20, 64, 3))
def test_a_command_is_named_without_its_secret(made, padding):
    command = made(lambda: Command(f"echo {'x' * padding} {SECRET}  and   more", always=True))
    for text in (command.id, command._breadcrumbs, repr(command)):
        assert not any(part in text for part in PARTS), text
    assert command.true_id.startswith(f"app/Command(echo {'x' * min(padding, 50)}")


def test_what_a_command_is_told_apart_by_knows_no_secrets(made):
    texts = []
    for redact in (Redactor(), Redactor([(MARK, SECRET)])):
        command = made(lambda: Command(f"echo {'x' * 40} {SECRET}", always=True))
        command.environment.redact = redact
        texts.append(command.true_id)
    assert texts[0] == texts[1]


def test_a_command_check_is_named_and_fails_without_its_secret(made, tmp_path):
    from depl.change.predicting import PredictingSystem

    check = made(lambda: CommandCheck(f"echo {'x' * 480} {SECRET}; echo {'y' * 190}{SECRET}; exit 1"))
    check.root.system = PredictingSystem(str(tmp_path), redact=check.environment.redact)
    check.cwd = str(tmp_path)
    for text in (check.id, check._breadcrumbs, check.probe()):
        assert not any(part in text for part in PARTS), text


@pytest.mark.parametrize("padding", range(170, 201, 4))
def test_an_excerpt_of_an_answer_has_no_part_of_a_secret(padding):
    text = excerpt(f"{'x' * padding}{SECRET}{'y' * 300}".encode(), Redactor([(MARK, SECRET)]))
    assert not any(part in text for part in PARTS)
    assert text.endswith("...")


def test_a_short_answer_is_shown_as_it_is():
    assert excerpt(b" all well\n", Redactor()) == ": all well"
    assert excerpt(b"", Redactor()) == ""


def test_the_last_lines_of_a_log_are_masked_as_a_whole(made, tmp_path):
    (tmp_path / "log").write_text("begin\nCorrect\n  Horse of others\nend\n")
    check = made(lambda: FileCheck(str(tmp_path / "none"), log_files=[str(tmp_path / "log")], log_lines=2))
    check.environment.redact.learn([("app.key #c3d4", "Correct\n  Horse")])
    assert list(check._look_at())[-2:] == ["    ‹secret app.key #c3d4› of others", "    end"]


@pytest.mark.parametrize("padding", range(40, 80, 3))
def test_a_text_that_is_no_template_is_shown_without_its_secret(made, padding):
    command = made(lambda: Command("true", always=True))
    with pytest.raises(TemplatingError) as caught:
        command.expand(f"{'x' * padding}{SECRET} {{% nonsense %}}")
    assert not any(part in str(caught.value) for part in PARTS)


def test_a_content_with_a_secret_is_validated_in_memory_and_nothing_is_left(project):
    def configure(component):
        component.environment.redact = Redactor([(MARK, SECRET)])
        validate = f"echo {{}} >> {component.workdir}/places"
        component += Content("open", content="good", validate=validate)
        component += Content("hidden", content=f"good {SECRET}", validate=validate)

    made = project(configure)
    assert not made.deploy().errors
    directories = [os.path.dirname(line) for line in (made.work / "places").read_text().splitlines()]
    assert not any(map(os.path.exists, directories))
    assert directories[-1].startswith("/dev/shm/" if os.path.isdir("/dev/shm") else "/")
    assert not directories[0].startswith("/dev/shm/")
    assert (made.work / "hidden").read_text() == f"good {SECRET}"
    assert mask(MARK) not in (made.work / "hidden").read_text()
