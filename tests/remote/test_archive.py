"""The agent as bytes: the same for the same sources, Python only, and complete."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from depl.remote import archive as archives
from depl.remote.archive import Source, archive, pack, sources_of_agent

VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
IMPORT_ALL = """
import importlib, json, sys
sys.path = [sys.argv[1]] + [path for path in sys.path if path]
for name in json.load(sys.stdin):
    importlib.import_module(name)
found = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
print(json.dumps([path for path in found if path]))
print(json.dumps(sys.path[1:]))
"""


def interpreter(version: str) -> str:
    """A Python of this version, or the test is skipped."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [*map(str, sorted((root / "versions").glob(f"{version}.*/bin/python3"))), shutil.which(f"python{version}")]
    for candidate in found:
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    pytest.skip(f"there is no Python {version} here")


def files_of(content: bytes) -> dict[str, bytes]:
    line, _, contents = zlib.decompress(content).partition(b"\n")
    files, start = {}, 0
    for name, size in json.loads(line):
        files[name] = contents[start : start + size]
        start += size
    return files


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    for name, content in files_of(pack(sources_of_agent()).content).items():
        path = tmp_path / "agent" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "agent"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_agent_needs_nothing_but_itself_and_a_bare_python(unpacked: Path, version: str) -> None:
    names = [
        re.sub(r"/", ".", str(path.relative_to(unpacked).with_suffix(""))).removesuffix(".__init__")
        for part in ("depl", "markupsafe", "yaml")
        for path in sorted((unpacked / part).rglob("*.py"))
        if path.name not in {"_native.py", "cyaml.py"}
    ]
    done = subprocess.run(
        [interpreter(version), "-S", "-E", "-B", "-c", IMPORT_ALL, str(unpacked)],
        input=json.dumps(
            [*names, "jinja2", "jinja2.ext", "jinja2.sandbox", "jinja2.nativetypes", "markupsafe._native"]
        ),
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    files, library = map(json.loads, done.stdout.splitlines())
    allowed = (str(unpacked), *library)
    assert [file for file in files if not file.startswith(allowed)] == []
    assert [file for file in files if "site-packages" in file or "dist-packages" in file] == []


def test_there_is_nothing_compiled_in_it() -> None:
    names = set(files_of(pack(sources_of_agent()).content))
    assert {name for name in names if not name.endswith(".py")} <= {n for n in names if n.startswith("licences/")}
    assert "markupsafe/_native.py" in names


def test_what_belongs_to_the_coordinator_stays_here() -> None:
    names = set(files_of(pack(sources_of_agent()).content))
    assert {"depl/agent/__init__.py", "depl/lib/file.py", "depl/protocol/framing.py"} <= names
    stays = re.compile(r"depl/(access|cli|remote|report|rollout|secrets|store|tasks|web|(bench|testing|__main__)\.py)")
    assert [name for name in names if stays.match(name)] == []


def test_the_licences_of_the_libraries_go_along() -> None:
    names = files_of(pack(sources_of_agent()).content)
    parts = {name.split("/")[1] for name in names if name.startswith("licences/")}
    assert parts == {"jinja2", "markupsafe", "yaml"}


def test_it_is_a_few_hundred_kilobytes() -> None:
    assert 100_000 < len(archive().content) < 600_000


def test_the_same_sources_are_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one = 1\n")
    (tmp_path / "b.py").write_text("two = 2\n")
    there = [Source("x/a.py", str(tmp_path / "a.py")), Source("x/b.py", str(tmp_path / "b.py"))]
    before = pack(there)
    os.utime(tmp_path / "a.py", (1, 1))
    (tmp_path / "b.py").chmod(0o600)
    assert pack(reversed(there)) == before
    (tmp_path / "b.py").write_text("two = 3\n")
    assert pack(there).digest != before.digest


def in_new_process(home: Path) -> str:
    code = "from depl.remote.archive import archive; print(archive().digest)"
    variables = {**os.environ, "XDG_CACHE_HOME": str(home), "PYTHONPATH": str(Path(archives.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.strip()


def test_it_is_kept_in_the_cache_and_made_again_where_that_is_damaged(tmp_path: Path) -> None:
    digest = in_new_process(tmp_path)
    (kept,) = (tmp_path / "depl" / "archives").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    content = kept.read_bytes()
    assert in_new_process(tmp_path) == digest
    kept.write_bytes(content[:-100])
    assert in_new_process(tmp_path) == digest
    assert kept.read_bytes() == content


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert in_new_process(tmp_path / "file") == archive().digest
