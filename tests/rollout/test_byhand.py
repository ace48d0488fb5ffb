"""Rollouts by hand, found in files."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from depl.errors import ConfigurationError, DeplError
from depl.rollout.byhand import find, known, name_of

GOOD = '''
from depl.rollout import Rollout, Parameter

class Release(Rollout):
    """Canary first, then the rest.

    More of it.
    """
    version = Parameter(str, help="what to release")

    def plan(self):
        return self.version
'''


@pytest.fixture
def rollout(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a file of a project: rollout("release", "...")."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / "rollouts" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    return write


def mistake(of: Callable[[], object]) -> DeplError:
    with pytest.raises(ConfigurationError) as caught:
        of()
    return caught.value


def test_a_project_without_rollouts_has_none(tmp_path: Path) -> None:
    assert known(str(tmp_path)) == []
    assert mistake(lambda: find(str(tmp_path), "release")).hint == "Rollouts are written in rollouts/NAME.py."


def test_a_rollout_is_known_by_the_name_of_its_file(tmp_path: Path, rollout) -> None:
    path = rollout("release", GOOD)
    (found,) = known(str(tmp_path))
    assert (found.name, found.file, found.title) == ("release", str(path), "Canary first, then the rest.")
    assert [fact["name"] for fact in found.parameters] == ["version"]
    cls = find(str(tmp_path), "release")
    assert cls is found.cls
    assert find(str(tmp_path), "release:Release") is cls
    assert name_of(cls) == "release"
    assert cls(version="1").plan() == "1"


def test_a_title_may_be_given_and_is_else_the_name_of_the_class(tmp_path: Path, rollout) -> None:
    rollout("one", "from depl.rollout import Rollout\nclass One(Rollout):\n    title = 'The first'")
    rollout("two", "from depl.rollout import Rollout\nclass Two(Rollout): pass")
    assert [found.title for found in known(str(tmp_path))] == ["The first", "Two"]


def test_several_in_a_file_are_named_by_their_classes_too(tmp_path: Path, rollout) -> None:
    text = """
        from depl.rollout import Rollout
        class _Base(Rollout): pass
        class Up(_Base): pass
        class Down(_Base): pass
        Again = Up
    """
    rollout("both", text)
    assert [found.name for found in known(str(tmp_path))] == ["both:Up", "both:Down"]
    assert name_of(find(str(tmp_path), "both:Down")) == "both:Down"
    several = mistake(lambda: find(str(tmp_path), "both"))
    assert several.message == "rollouts/both.py has several rollouts"
    assert several.hint == "Name one of them: both:Up, both:Down."
    assert mistake(lambda: find(str(tmp_path), "both:Upp")).hint == "Did you mean 'both:Up'?"


def test_files_that_begin_with_an_underscore_are_passed_over(tmp_path: Path, rollout) -> None:
    rollout("_notes", "raise RuntimeError()")
    assert known(str(tmp_path)) == []


def test_an_unknown_name_is_told_with_what_is_near(tmp_path: Path, rollout) -> None:
    rollout("release", GOOD)
    unknown = mistake(lambda: find(str(tmp_path), "relaese"))
    assert (unknown.message, unknown.hint) == ("There is no rollout 'relaese'", "Did you mean 'release'?")


BROKEN = [
    ("x = 1\nx.y\n", 2, "The file fails when it is loaded: AttributeError: 'int' object has no attribute 'y'"),
    ("def f(:\n", 1, "The file is not valid Python: invalid syntax"),
    ("import nowhere_to_be_found\n", 1, "The module 'nowhere_to_be_found' is not installed"),
    ("raise SystemExit(3)\n", 1, "The file ends the program when it is loaded"),
    ("x = 1\n", None, "The file has no rollout"),
    ("from depl.rollout import Rollout\n", None, "The file has no rollout"),
    (
        "from depl.rollout import Rollout\nclass Bad(Rollout):\n    on_failure = 'panic'\n",
        2,
        "'on_failure' of the rollout Bad is 'panic', not rollback, stop or ask",
    ),
    (
        "from depl.rollout import Rollout, Parameter\nclass Bad(Rollout):\n    n = Parameter(int, default='x')\n",
        3,
        "The default 'x' of a parameter is not a whole number",
    ),
]


@pytest.mark.parametrize(("text", "line", "message"), BROKEN)
def test_a_file_with_a_mistake_is_told_with_its_place(
    tmp_path: Path, rollout, text: str, line: int | None, message: str
) -> None:
    path = rollout("broken", text)
    wrong = mistake(lambda: find(str(tmp_path), "broken"))
    assert (wrong.file, wrong.line) == (str(path), line)
    assert wrong.message.startswith(message)


def test_a_broken_file_does_not_hide_the_others(tmp_path: Path, rollout) -> None:
    rollout("broken", "1 / 0")
    rollout("release", GOOD)
    broken, release = known(str(tmp_path))
    assert broken.mistake is not None
    assert "division by zero" in broken.mistake.message
    assert (release.name, release.mistake) == ("release", None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("interval = 0", "'interval' of the rollout Bad is 0, not a number of seconds"),
        ("valid = '5 min'", "'valid' of the rollout Bad is '5 min', not a number of seconds"),
        ("jobs = 0.5", "'jobs' of the rollout Bad is 0.5, not a whole number of 1 or more"),
        ("info = 'one'", "'info' of the rollout Bad is 'one', not a list of sentences"),
        ("on_interrupt = None", "'on_interrupt' of the rollout Bad is None, not reverse, ask or resume"),
        (
            "monitors = [3]",
            r"'monitors' of the rollout Bad is [3], not a list of callables, names of methods and tasks",
        ),
        ("monitors = ['look']", "The rollout Bad has no method 'look' that could be a monitor"),
    ],
)
def test_an_attribute_that_means_nothing_is_a_mistake(tmp_path: Path, rollout, line: str, message: str) -> None:
    rollout("bad", f"from depl.rollout import Rollout\nclass Bad(Rollout):\n    {line}\n")
    assert mistake(lambda: find(str(tmp_path), "bad")).message == message


def test_a_file_is_executed_once_and_again_when_it_has_changed(tmp_path: Path, rollout) -> None:
    path = rollout("release", GOOD)
    first = find(str(tmp_path), "release")
    assert find(str(tmp_path), "release") is first
    path.write_text(GOOD.replace("Canary first, then the rest.", "All at once, please."))
    assert find(str(tmp_path), "release").title == "All at once, please."


def test_two_projects_may_have_a_rollout_of_one_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "rollouts").mkdir(parents=True)
        (tmp_path / name / "rollouts" / "release.py").write_text(GOOD.replace("Canary first", name))
    titles = [find(str(tmp_path / name), "release").title for name in ("a", "b")]
    assert titles == ["a, then the rest.", "b, then the rest."]


def test_loading_leaves_nothing_that_an_import_could_find_and_nothing_beside_the_file(tmp_path: Path, rollout) -> None:
    rollout("json", GOOD)  # the name of a module that others want
    path = rollout("data", "from __future__ import annotations\nfrom dataclasses import dataclass\n" + GOOD + DATA)
    find(str(tmp_path), "json")
    assert find(str(tmp_path), "data").plan(None)
    import json

    assert hasattr(json, "dumps")
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["data.py", "json.py"]


DATA = """
@dataclass
class Row:
    n: int

Release.plan = lambda self: Row(1)
"""


def test_importing_the_package_imports_nothing_of_it() -> None:
    script = "import sys, depl.rollout; print([name for name in sys.modules if name.startswith('depl.rollout.')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
