"""House rules that no tool checks."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from depl import errors

PROJECT = Path(__file__).resolve().parents[2]
SOURCE = PROJECT / "src" / "depl"
MODULES = sorted(SOURCE.rglob("*.py"))
LIMIT = 260  # lines: one page more and it is two rooms
ABOVE_THE_LINE = (
    *(
        "__main__",
        "access",
        "bench",
        "cli",
        "report",
        "testing",
        "rollout",
        "remote",
        "secrets",
        "store",
        "tasks",
        "web",
    ),
)
HEAVY = (
    "asyncio",
    "http",
    "paramiko",
    "rich",
    "sqlite3",
    "ssl",
    "tarfile",
    "urllib.request",
    "venv",
    "yaml",
    "zipfile",
)


def named(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def test_a_module_is_a_few_pages() -> None:
    lines = {named(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: count for name, count in lines.items() if count > LIMIT} == {}


def test_a_module_has_no_loose_ends() -> None:
    loose = re.compile(r"\b(TODO|FIXME|XXX)\b|pragma: no cover")
    assert [named(path) for path in MODULES if loose.search(path.read_text())] == []


def test_a_module_says_what_it_is_for() -> None:
    trees = {named(path): ast.parse(path.read_text()) for path in MODULES}
    assert [name for name, tree in trees.items() if tree.body and not ast.get_docstring(tree)] == []


def below_the_line() -> list[Path]:
    return [path for path in MODULES if path.relative_to(SOURCE).parts[0].removesuffix(".py") not in ABOVE_THE_LINE]


def test_what_travels_to_hosts_is_linted_as_python_3_9() -> None:
    ruff = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["ruff"]
    assert ruff["target-version"] == "py39"
    newer = [glob for glob in ruff["per-file-target-version"] if glob.startswith("src/")]
    assert [named(path) for path in below_the_line() if any(path.match(glob) for glob in newer)] == []


def old_python() -> str | None:
    """A Python 3.9 or 3.10 that works, if there is one."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    pyenv = sorted((root / "versions").glob("3.9.*/bin/python3"))
    for candidate in [*map(str, pyenv), shutil.which("python3.9"), shutil.which("python3.10")]:
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    return None


def test_what_travels_to_hosts_starts_on_python_3_9_with_nothing_installed() -> None:
    python = old_python()
    if python is None:
        pytest.skip("there is no Python 3.9 or 3.10 here")
    names = [dotted(path) for path in below_the_line()]
    script = f"import sys, importlib; sys.path.insert(0, {str(SOURCE.parent)!r})\n"
    script += f"for name in {names!r}: importlib.import_module(name)"
    done = subprocess.run([python, "-I", "-S", "-B", "-c", script], capture_output=True, text=True)
    assert done.stderr == ""


def dotted(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def imported_by(*arguments: str) -> set[str]:
    """The modules that a run of Python with these arguments has imported."""
    done = subprocess.run([sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


def test_the_help_imports_nothing_heavy() -> None:
    assert sorted(imported_by("-m", "depl", "--help").intersection(HEAVY)) == []


def test_importing_depl_imports_little() -> None:
    imported = {name for name in imported_by("-c", "import depl") if name.startswith("depl")}
    assert imported == {"depl", "depl.errors", "depl.output"}


def test_the_tree_of_errors_draws_every_class_below_its_base() -> None:
    drawn = list(drawn_tree(inspect.getdoc(errors) or ""))
    defined = {
        name: error.__mro__[1].__name__
        for name, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, BaseException) and error.__module__ == errors.__name__
    }
    assert {name: base or defined[name] for name, base in drawn} == defined


def drawn_tree(text: str) -> Iterator[tuple[str, str | None]]:
    path: list[str] = []
    for line in text.splitlines():
        found = re.match(r"([│├└─ ]*)([A-Z][A-Za-z]+)(\s*)", line)
        if found and (found[1] or len(found[3]) > 1):  # and not a sentence
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            yield found[2], path[depth - 1] if depth else None


def test_the_public_names_exist() -> None:
    for path in MODULES:
        if path.name != "__main__.py":
            module = importlib.import_module(dotted(path))
            assert [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)] == []


def blocks() -> list[type]:
    component = pytest.importorskip("depl.component", reason="there are no components yet")
    found = {
        block
        for path in sorted((SOURCE / "lib").rglob("*.py"))
        for block in vars(importlib.import_module(dotted(path))).values()
        if inspect.isclass(block) and issubclass(block, component.Component) and block.__module__.startswith("depl.lib")
    }
    return sorted(found, key=lambda block: (block.__module__, block.__qualname__))


def test_every_building_block_says_what_it_is_and_shows_an_example() -> None:
    public = [block for block in blocks() if not block.__name__.startswith("_")]
    assert [f"{block.__module__}.{block.__name__}" for block in public if not block.__dict__.get("__doc__")] == []


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    return [PROJECT / name for name in listed.stdout.split("\0") if name and (PROJECT / name).is_file()]


def test_no_file_names_a_package_index_or_a_place_on_one_machine() -> None:
    parts = (
        ["pypi", r"\.org"],
        ["pythonhosted", ""],
        ["index", "-url *[=:]"],
        ["/root/", r"\w"],
        ["/home/", r"\w+/\w+/"],
        ["/work/", "main"],
    )
    pattern = re.compile("|".join("".join(pair) for pair in parts))
    found = []
    for path in tracked_files():
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path.relative_to(PROJECT)}:{number}: {line.strip()[:80]}")
    assert found == []


def test_the_locks_pin_everything_with_hashes_and_nothing_else() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        for line in (PROJECT / name).read_text().splitlines():
            assert re.fullmatch(r"#.*|[a-z0-9.-]+==[^ ]+( ; .*)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line), line


def test_the_lock_holds_what_the_dev_lock_holds() -> None:
    def pinned(name: str) -> set[str]:
        return {
            line.rstrip(" \\") for line in (PROJECT / name).read_text().splitlines() if "==" in line and line[0] != "#"
        }

    assert pinned("requirements.lock") <= pinned("requirements-dev.lock")
