"""requirements.txt at the project's root: what it means, and as wheels for the Pythons of the hosts."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from depl.agent.wheels import make_available, this_platform
from depl.errors import ConfigurationError, ProtocolError
from depl.protocol.replies import Wants
from depl.remote.requirements import PIECE, Requirements
from depl.remote.wheelhouse import platform_of

HOST = ["3.11.2", "x86_64", "glibc 2.36", ""]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts wheels where pip looks for them, and nowhere else."""
    directory = tmp_path / "index"
    directory.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")

    def add(name: str, version: str = "1.0", tag: str = "py3-none-any", needs: tuple[str, ...] = (), data: bytes = b""):
        path = directory / f"{name}-{version}-{tag}.whl"
        about = f"{name}-{version}.dist-info"
        metadata = [
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            *(f"Requires-Dist: {n}\n" for n in needs),
        ]
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{name}.py", f"NAME = {name!r}\n")
            archive.writestr(f"{name}.bin", data)
            archive.writestr(f"{about}/METADATA", "".join(metadata))
            archive.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
            archive.writestr(f"{about}/RECORD", "")
        return path

    return add


@pytest.fixture
def project(tmp_path: Path) -> Path:
    directory = tmp_path / "project"
    directory.mkdir()
    return directory


@pytest.fixture
def requirements(project: Path, tmp_path: Path) -> Callable[..., Requirements]:
    """The requirements of the project, from files with these texts."""

    def read(text: str | None = None, **files: str) -> Requirements:
        for name, content in ({"requirements": text} if text is not None else {}).items() | files.items():
            (project / f"{name}.txt").write_text(content)
        return Requirements(str(project), str(tmp_path / "cache"))

    return read


def given(requirements: Requirements, items: list[str] = HOST) -> dict[str, bytes]:
    """The wheels that a host would get."""
    wheels: dict[str, bytes] = {}
    for part in requirements.answer(Wants("wheels", items)):
        if part.head:
            wheels[part.head["name"]] = wheels.get(part.head["name"], b"") + part.data
    return wheels


def test_without_a_file_there_is_nothing_to_import(requirements) -> None:
    assert requirements().key == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n\n",
        "depl==0.1\nbatou>=2.3  # us\n",
        "Depl[web] ; python_version > '3'\n",
        "--no-index\n",
        "-e git+ssh://host/depl.git#egg=depl\n",
        "depl @ file:///somewhere\n",
    ],
)
def test_a_file_that_names_nothing_but_us_means_nothing(requirements, text: str) -> None:
    assert requirements(text).key == ""


def test_comments_and_white_space_do_not_matter(requirements) -> None:
    key = requirements("nuts==1.0\nbolts\n").key
    assert key
    assert requirements("# ours\n\nnuts==1.0   # good ones\n  bolts\ndepl==0.1").key == key
    assert requirements("nuts==1.0 \\\n\nbolts").key == key


def test_other_versions_are_other_requirements(requirements) -> None:
    assert (
        len({requirements(text).key for text in ("nuts==1.0", "nuts==1.1", "nuts", "deplorable", "nuts\nbolts")}) == 5
    )


def test_included_files_and_constraints_belong_to_it(requirements) -> None:
    key = requirements(
        "-r more.txt\n-c bounds.txt\n", more="nuts\n-r requirements.txt\n", bounds="nuts<2\ndepl<1\n"
    ).key
    assert key
    assert requirements(more="# one\nnuts\n").key == key
    assert requirements(bounds="nuts<3\n").key != key
    assert requirements(more="bolts\n", bounds="nuts<2\n").key != key
    assert requirements("-c bounds.txt\n").key == ""


def test_an_included_file_that_is_missing_is_a_mistake_with_its_line(requirements) -> None:
    with pytest.raises(ConfigurationError, match=r"no\.txt does not exist") as raised:
        requirements("nuts\n--requirement no.txt\n")
    assert raised.value.place.endswith("requirements.txt:2")


def test_a_file_that_is_no_text_is_a_mistake(requirements, project: Path) -> None:
    (project / "requirements.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        requirements()


def test_a_host_gets_the_wheels_and_what_they_need(requirements, index) -> None:
    nuts, bolts = index("nuts", needs=("bolts>1",)), index("bolts", "2.0")
    index("bolts", "1.0")
    assert given(requirements("nuts\n")) == {path.name: path.read_bytes() for path in (nuts, bolts)}


def test_constraints_bind(requirements, index) -> None:
    wheel, _ = index("nuts", "1.0"), index("nuts", "2.0")
    assert list(given(requirements("nuts\n-c bounds.txt", bounds="nuts<2\n"))) == [wheel.name]


@pytest.mark.parametrize(
    ("items", "tag"),
    [
        (["3.9.2", "x86_64", "glibc 2.31", ""], "cp39-cp39-manylinux_2_17_x86_64"),
        (["3.13.0", "x86_64", "glibc 2.40", "t"], "cp313-cp313t-manylinux_2_28_x86_64"),
        (["3.12.0", "aarch64", "glibc 2.36", ""], "cp37-abi3-manylinux2014_aarch64"),
        (["3.12.0", "x86_64", "musl 1.2", ""], "cp312-cp312-musllinux_1_1_x86_64"),
        (["3.12.0", "arm64", "macos 14.0", ""], "cp312-cp312-macosx_11_0_arm64"),
        (["3.12.0", "riscv64", "", ""], "py3-none-any"),
    ],
)
def test_the_wheels_are_those_for_the_python_and_the_machine_of_the_host(requirements, index, items, tag: str) -> None:
    for other in ("cp36-cp36m-manylinux1_x86_64", "cp312-cp312-manylinux_2_99_x86_64", "cp312-cp312-win_amd64", tag):
        wheel = index("nuts", tag=other)
    assert list(given(requirements("nuts"), items)) == [wheel.name]


def test_conditions_of_packages_are_those_of_the_host(requirements, index) -> None:
    index(
        "nuts",
        needs=("old; python_version < '3.10'", "new; python_version >= '3.10'", "arm; platform_machine == 'arm64'"),
    )
    index("old"), index("new"), index("arm")
    wanted = requirements("nuts\nnever; sys_platform == 'win32'\n")
    assert [name.split("-")[0] for name in given(wanted, ["3.9.2", "x86_64", "glibc 2.31", ""])] == ["nuts", "old"]
    assert [name.split("-")[0] for name in given(wanted, ["3.12.0", "arm64", "macos 14.0", ""])] == [
        "arm",
        "new",
        "nuts",
    ]


def test_what_was_fetched_once_needs_no_index(requirements, index) -> None:
    wheel = index("nuts")
    first = given(requirements("nuts"))
    wheel.unlink()
    assert given(requirements("nuts")) == first


def test_a_package_without_a_wheel_for_the_host_is_named(requirements, index) -> None:
    index("nuts", tag="cp311-cp311-win_amd64")
    with pytest.raises(
        ConfigurationError, match=r"no wheel of nuts for Python 3\.11 on x86_64 with glibc 2\.36"
    ) as raised:
        given(requirements("nuts\n"))
    assert "--find-links" in raised.value.hint
    index("nuts")
    assert given(requirements("nuts\n"))


def test_an_index_that_does_not_answer_is_a_sentence(requirements, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_INDEX" + "_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(ConfigurationError, match="does not reach its package index"):
        given(requirements("nuts\n"))


def test_requirements_that_exclude_each_other_are_explained_by_pip(requirements, index) -> None:
    index("nuts", needs=("bolts>1",)), index("bolts", "1.0"), index("bolts", "2.0")
    with pytest.raises(ConfigurationError, match=r"(?s)cannot fetch.*conflict"):
        given(requirements("nuts\nbolts<2\n"))


def test_a_large_wheel_comes_in_pieces_and_the_end_is_marked(requirements, index) -> None:
    index("nuts", data=b"n" * (2 * PIECE + 1)), index("bolts")
    parts = list(requirements("nuts\nbolts").answer(Wants("wheels", HOST)))
    assert [(part.head["name"].split("-")[0], part.head["end"], part.last) for part in parts] == [
        ("bolts", True, False),
        ("nuts", False, False),
        ("nuts", False, False),
        ("nuts", True, True),
    ]
    data = b"".join(part.data for part in parts[1:])
    assert (len(data), hashlib.sha256(data).hexdigest()) == (parts[1].head["size"], parts[1].head["digest"])
    assert all(len(part.data) <= PIECE for part in parts)


def test_what_holds_for_no_package_on_the_host_is_an_empty_answer(requirements, index) -> None:
    (part,) = requirements("nuts; python_version < '3'").answer(Wants("wheels", HOST))
    assert (part.head, part.last) == ({}, True)


@pytest.mark.parametrize(
    "items",
    [
        [],
        ["3.11.2"],
        ["3.11.2", "x86_64", "glibc 2.36", "", ""],
        ["3.11.2", "../up", "", ""],
        ["--pre", "x86_64", "", ""],
        ["3.11.2", "x86_64", "glibc 2.9999", ""],
        ["3.11.2", "x86_64", "libc", ""],
        [3, {}, None, []],
    ],
)
def test_a_host_that_says_nonsense_is_not_believed(items) -> None:
    with pytest.raises(ProtocolError, match="not a Python and a machine"):
        platform_of(items)


def test_both_sides_together_make_a_package_importable(requirements, index, tmp_path: Path) -> None:
    index("nuts", needs=("bolts",)), index("bolts", data=b"b" * (PIECE + 1))
    wanted = requirements("nuts")
    directory = make_available(wanted.key, str(tmp_path / "target"), wanted.answer)
    script = f"import sys; sys.path.append({directory!r}); import nuts, bolts; print(nuts.NAME, bolts.NAME)"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True)
    assert done.stdout == "nuts bolts\n", done.stderr


def test_a_package_of_the_real_index_arrives(requirements, tmp_path: Path) -> None:
    wanted = requirements("six==1.17.0")
    try:
        given(wanted, this_platform())
    except ConfigurationError as error:
        if "does not reach" in str(error) or "no wheel of" in str(error):
            pytest.skip(f"no package index: {error}")
        raise
    directory = make_available(wanted.key, str(tmp_path / "target"), wanted.answer)
    assert (Path(directory) / "six.py").is_file()


def deployed(project: Path, home: Path, here: Path) -> subprocess.CompletedProcess[str]:
    """`depl remote` through an agent on this machine; `here` holds what component code imports, for the coordinator."""
    files = {
        "environments/dev/environment.cfg": "[environment]\nconnect_method = local\n[hosts]\nlocalhost = user\n",
        "components/user/component.py": "import nuts\nfrom depl.component import Component\n"
        "from depl.lib.file import File\nclass User(Component):\n    def configure(self):\n"
        "        self += File('found', content=nuts.__file__)\n",
    }
    for name, content in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(content)
    paths = f"{Path(__file__).parents[2] / 'src'}:{here}"
    surroundings = {**os.environ, "PYTHONPATH": paths, "HOME": str(home), "XDG_CACHE_HOME": ""}
    command = [sys.executable, "-m", "depl", "remote", "dev"]
    return subprocess.run(command, cwd=project, env=surroundings, capture_output=True, text=True)


def test_component_code_on_a_host_imports_what_was_sent(project: Path, index, requirements, tmp_path: Path) -> None:
    with zipfile.ZipFile(index("nuts")) as wheel:
        wheel.extractall(tmp_path / "here")
    requirements("nuts\n")
    done = deployed(project, tmp_path / "home", tmp_path / "here")
    assert done.returncode == 0, done.stdout + done.stderr
    found = (tmp_path / "home/deployment/work/user/found").read_text()
    assert found.startswith(f"{tmp_path}/home/.cache/depl/wheels/")
    assert "nothing to do" in deployed(project, tmp_path / "home", tmp_path / "here").stdout


def test_what_cannot_be_fetched_fails_a_run_before_anything_is_changed(
    project: Path, index, requirements, tmp_path: Path
) -> None:
    with zipfile.ZipFile(index("nuts", tag="cp27-cp27m-win32")) as wheel:
        wheel.extractall(tmp_path / "here")
    requirements("nuts\n")
    done = deployed(project, tmp_path / "home", tmp_path / "here")
    assert done.returncode in {1, 3}
    assert "There is no wheel of nuts for Python" in done.stderr
    assert not (tmp_path / "home/deployment/work").exists()
