from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

import depl.c
from depl.errors import ConfigurationError
from depl.loading import load_components


def test_component_classes_are_named_in_lower_case(files: Any) -> None:
    files.component("backend", "class AppServer(Component):\n    pass\n\n\nclass Worker(AppServer):\n    pass\n")
    components = load_components(str(files.base))
    assert (components.names, components.mistakes) == (["appserver", "web", "worker"], [])
    definition = components.get("appserver")
    assert definition is not None
    assert definition.filename == str(files.base / "components/backend/component.py")
    assert definition.defdir == str(files.base / "components/backend")


def test_only_directories_with_a_component_file_count(files: Any) -> None:
    files.write("components/README.txt", "")
    files.write("components/.hidden/component.py", "nonsense")
    files.write("components/data/file.py", "nonsense")
    assert load_components(str(files.base)).mistakes == []


def test_a_project_without_components_has_none(tmp_path: Path) -> None:
    assert load_components(str(tmp_path)).found == {}


@pytest.mark.parametrize("statement", ["from depl.c.zeta import Zeta", "import depl.c.zeta\nZeta = depl.c.zeta.Zeta"])
def test_a_file_may_import_from_a_later_one(files: Any, statement: str) -> None:
    files.component("alpha", f"{statement}\n\n\nclass Alpha(Zeta):\n    pass\n")
    files.component("zeta", "class Zeta(Component):\n    pass\n")
    components = load_components(str(files.base))
    alpha, zeta = components.get("alpha"), components.get("zeta")
    assert alpha and zeta and components.mistakes == []
    assert alpha.factory.__mro__[1] is zeta.factory  # type: ignore[attr-defined]
    assert os.path.basename(zeta.defdir) == "zeta"


def test_inside_of_methods_files_reach_each_other_as_attributes(files: Any) -> None:
    files.component("alpha", "import depl.c\n\n\ndef zeta():\n    return depl.c.zeta.Zeta\n")
    files.component("zeta", "import depl.c.alpha\n\n\nclass Zeta(Component):\n    pass\n")
    load_components(str(files.base))
    assert depl.c.alpha.zeta() is depl.c.zeta.Zeta


def test_a_directory_that_is_not_there_is_no_attribute(files: Any) -> None:
    load_components(str(files.base))
    with pytest.raises(AttributeError, match=r"^there is no components/nope/component\.py$"):
        depl.c.nope  # noqa: B018


def test_a_class_that_is_imported_from_a_package_is_a_component(files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write(
        "packages/our_components.py", "from depl.component import Component\n\n\nclass Mail(Component):\n    pass\n"
    )
    monkeypatch.syspath_prepend(str(files.base / "packages"))
    files.component("post", "from our_components import Mail\n")
    definition = load_components(str(files.base)).get("mail")
    assert definition is not None
    assert os.path.basename(definition.defdir) == "post"


def test_building_blocks_are_components_but_never_in_the_way(files: Any) -> None:
    block = "from depl.component import HookComponent\n\n\n"
    files.component("a", block)
    files.component("b", block)
    files.component("c", block.replace("\n\n\n", " as Hook\n\n\nclass HookComponent(Hook):\n    pass\n"))
    components = load_components(str(files.base))
    definition = components.get("hookcomponent")
    assert definition is not None
    assert (os.path.basename(definition.defdir), components.mistakes) == ("c", [])
    assert components.names == ["hookcomponent", "web"]


def test_loading_writes_nothing_beside_the_files(files: Any) -> None:
    before = sorted(files.base.rglob("*"))
    load_components(str(files.base))
    assert sorted(files.base.rglob("*")) == before


def test_files_are_executed_once_until_one_changes(files: Any) -> None:
    first = load_components(str(files.base))
    assert load_components(str(files.base)) is first
    files.component("web", "class Web2(Component):\n    pass\n")
    assert load_components(str(files.base)).names == ["web2"]


def test_another_project_takes_the_place_of_the_first(files: Any, tmp_path: Path) -> None:
    other = type(files)(tmp_path / "other")
    other.component("more", "class More(Component):\n    pass\n")
    load_components(str(other.base))
    assert load_components(str(files.base)).names == ["web"]
    assert "depl.c.more" not in sys.modules
    assert not hasattr(depl.c, "more")


# Mistakes.


def test_a_syntax_error_has_file_and_line_and_the_rest_is_still_loaded(files: Any) -> None:
    files.component("broken", "class Broken(Component):\n    x = = 1\n")
    hint = "Correct this line or the one above."
    assert files.mistakes() == [f"component.py:5: The file is not valid Python: invalid syntax | {hint}"]


def test_an_error_has_the_line_of_the_file_that_led_to_it(files: Any) -> None:
    files.component("broken", "import json\n\njson.loads('{')\n")
    (mistake,) = files.mistakes()
    assert mistake.startswith("component.py:6: The file fails when it is loaded: JSONDecodeError: Expecting property")


def test_a_file_that_ends_the_program_is_a_mistake(files: Any) -> None:
    files.component("broken", "raise SystemExit(3)\n")
    assert files.mistakes() == [
        "component.py:4: The file ends the program when it is loaded | Component files only define classes."
    ]


def test_the_error_of_a_file_is_reported_once_also_if_others_import_it(files: Any) -> None:
    files.component("a", "from depl.c.broken import X\n")
    files.component("broken", "1 / 0\n")
    files.component("c", "import depl.c.broken\n")
    message = "component.py:4: The file fails when it is loaded: ZeroDivisionError: division by zero"
    assert files.mistakes() == [f"{message} | `--verbose` shows the traceback."]


def test_a_package_that_is_not_installed_names_the_next_step(files: Any) -> None:
    files.component("broken", "import no_such_package.part\n")
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert files.mistakes() == [
        (
            f"component.py:4: The module 'no_such_package' is not installed for Python {version}"
            " | Name its package in requirements.txt, then run: depl requirements install"
        )
    ]


def test_an_import_of_batou_tells_what_to_replace(files: Any) -> None:
    files.component("broken", "from batou.component import Component\n")
    assert files.mistakes() == [
        "component.py:4: The module 'batou' is not installed | Replace `batou` by `depl` in the imports."
    ]


def test_a_module_that_depl_does_not_have_gets_close_matches(files: Any) -> None:
    files.component("broken", "import depl.environmnt\n")
    assert files.mistakes() == [
        (
            "component.py:4: There is no module 'depl.environmnt'"
            " | Did you mean 'depl.environment' or 'depl.environment_file'?"
        )
    ]


@pytest.mark.parametrize("statement", ["import depl.c.wbe", "from depl.c import wbe", "from depl.c.wbe import Web"])
def test_a_directory_that_is_not_there_gets_close_matches(files: Any, statement: str) -> None:
    files.component("broken", f"{statement}\n")
    assert files.mistakes() == ["component.py:4: There is no components/wbe/component.py | Did you mean 'web'?"]


def test_a_name_that_another_file_does_not_have_gets_close_matches(files: Any) -> None:
    files.component("broken", "from depl.c.web import Wab\n")
    assert files.mistakes() == ["component.py:4: depl.c.web has no 'Wab' | Did you mean 'Web'?"]


@pytest.mark.parametrize("statement", ["from depl.c.{0} import {1}", "import depl.c.{0}\ndepl.c.{0}.{1}"])
def test_a_circle_of_imports_is_one_mistake_that_names_all_of_it(files: Any, statement: str) -> None:
    for name, other in (("aa", "bb"), ("bb", "cc"), ("cc", "aa")):
        files.component(
            name, f"{statement.format(other, other.title())}\n\n\nclass {name.title()}(Component):\n    pass\n"
        )
    (mistake,) = files.mistakes()
    assert mistake.endswith(
        ": Component files import each other in a circle: aa -> bb -> cc -> aa"
        " | Use `depl.c.bb.NAME` inside of methods only, and import nothing from there at the top."
    )


def test_two_classes_of_one_name_in_a_file_are_a_mistake(files: Any) -> None:
    files.component("twice", "class Db(Component):\n    pass\n\n\nclass DB(Component):\n    pass\n")
    assert files.mistakes() == [
        (
            "component.py:8: The classes Db (of depl.c.twice, line 4) and DB (of depl.c.twice) are both "
            "the component 'db'"
            " | Rename one of them: a root is named by its class."
        )
    ]


def test_a_class_that_is_defined_twice_is_a_mistake(files: Any) -> None:
    files.component("twice", "class Db(Component):\n    pass\n\n\nclass Db(Component):\n    pass\n")
    assert files.mistakes() == ["component.py:8: The class Db is defined in line 4 already | Rename one of them."]


def test_a_class_that_is_defined_in_two_branches_is_none(files: Any) -> None:
    files.component(
        "either",
        'x = """\nclass Db\n"""\nif x:\n    class Db(Component):\n        pass\nelse:\n    class Db:\n        pass\n',
    )
    assert files.mistakes() == []


def test_one_name_in_two_directories_is_a_mistake_only_where_it_is_used(files: Any) -> None:
    files.component("first", "class Db(Component):\n    pass\n")
    files.component("second", "x = 1\n\n\nclass Db(Component):\n    pass\n")
    assert files.mistakes() == []
    assert files.mistakes("[hosts]\none = db\n") == [
        (
            "environment.cfg:2: The component 'db' is defined more than once: in components/first/component.py:4 and "
            "components/second/component.py:7; 'one' in [hosts] lists it | Rename one of the classes."
        )
    ]


def test_a_directory_whose_name_has_a_dot_is_a_mistake(files: Any) -> None:
    files.component("a.b", "")
    (mistake,) = files.mistakes()
    assert "The directory components/a.b has a dot in its name" in mistake


def test_an_unknown_component_is_an_error(files: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^There is no component 'wbe'$") as caught:
        load_components(str(files.base)).get("wbe")
    assert caught.value.hint == "Did you mean 'web'?"


def test_a_module_that_a_package_does_not_have_gets_close_matches(files: Any) -> None:
    files.component("broken", "from depl.lib import pyhton\n")
    assert files.mistakes() == ["component.py:4: depl.lib has no 'pyhton' | Did you mean 'python'?"]


def test_a_syntax_error_in_what_a_file_evaluates_is_an_error_of_the_file(files: Any) -> None:
    files.component("broken", "eval('1 +')\n")
    (mistake,) = files.mistakes()
    assert mistake.startswith("component.py:4: The file fails when it is loaded: SyntaxError:")
