"""A project as its files are, brought to a host."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from depl.environment import Environment
from depl.errors import ConfigurationError
from depl.remote.ignoring import Ignoring
from depl.remote.snapshot import Snapshot
from depl.remote.transfer import transfer_of
from depl.settings import EnvironmentSettings

LONG_AGO = 1_000_000_000
PROJECT = {"components/app/component.py": "x = 1\n", "components/app/app.conf": "a\n", "requirements.txt": ""}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A project without version control."""
    directory = tmp_path / "project"
    fill(directory, PROJECT)
    return directory


@pytest.fixture
def repository(base: Path) -> Path:
    """A project in a repository of git, nothing committed."""
    run("git", "init", "-q", str(base))
    return base


def fill(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (LONG_AGO, LONG_AGO))


def run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)


def names(directory: Path) -> list[str]:
    found = []
    for parent, directories, files in os.walk(directory):
        links = [name for name in directories if os.path.islink(os.path.join(parent, name))]
        found += [os.path.relpath(os.path.join(parent, name), directory) for name in [*files, *links]]
    return sorted(found)


def test_all_files_arrive_where_there_is_no_version_control(base: Path, wire: Any) -> None:
    arrived = wire.bring(Snapshot(str(base)))
    assert names(arrived) == sorted(PROJECT)
    assert (arrived / "components/app/component.py").read_text() == "x = 1\n"


def test_a_small_project_comes_with_one_question(base: Path, wire: Any) -> None:
    wire.bring(Snapshot(str(base)))
    assert wire.wanted == ["manifest"]


def test_a_project_that_is_there_is_not_asked_for(base: Path, wire: Any) -> None:
    wire.bring(Snapshot(str(base)))
    wire.bring(Snapshot(str(base)))
    assert wire.wanted == []


def test_a_deleted_file_vanishes(repository: Path, wire: Any) -> None:
    run("git", "add", ".", cwd=repository)
    wire.bring(Snapshot(str(repository)))
    (repository / "components/app/app.conf").unlink()  # the index still has it
    assert names(wire.bring(Snapshot(str(repository)))) == ["components/app/component.py", "requirements.txt"]


def test_what_version_control_ignores_stays(repository: Path, wire: Any) -> None:
    fill(repository, {".gitignore": "*.log\n/tmp/\n", "x.log": "", "tmp/x": "", "a/tmp/x": ""})
    assert names(wire.bring(Snapshot(str(repository)))) == sorted([*PROJECT, ".gitignore", "a/tmp/x"])


def test_what_mercurial_ignores_stays(base: Path, wire: Any) -> None:
    run("hg", "init", str(base))
    fill(base, {".hgignore": "syntax: glob\n*.log\n", "x.log": "", "gone": "", "new": ""})
    run("hg", "add", "gone", "requirements.txt", cwd=base)
    run("hg", "commit", "-u", "me", "-m", "first", cwd=base)
    (base / "gone").unlink()
    assert names(wire.bring(Snapshot(str(base)))) == sorted([*PROJECT, ".hgignore", "new"])


def test_a_project_in_a_directory_of_a_repository_is_just_that_directory(tmp_path: Path, wire: Any) -> None:
    for program in ("git", "hg"):
        top = tmp_path / program
        fill(top, {"other": "", "deep/project/x": "", "deep/project/environments/dev/environment.cfg": ""})
        run(program, "init", str(top))
        assert names(wire.bring(Snapshot(str(top / "deep/project")))) == ["x"]


def test_a_project_that_its_surrounding_repository_ignores_is_all_its_files(tmp_path: Path, wire: Any) -> None:
    run("git", "init", "-q", str(tmp_path))
    fill(tmp_path, {".gitignore": "/project/\n", "project/x": "", "project/y/z": ""})
    assert names(wire.bring(Snapshot(str(tmp_path / "project")))) == ["x", "y/z"]


def test_files_of_submodules_and_of_repositories_inside_arrive(repository: Path, tmp_path: Path, wire: Any) -> None:
    other = tmp_path / "other"
    fill(other, {"lib/x.py": ""})
    run("git", "init", "-q", str(other))
    run("git", "add", ".", cwd=other)
    run("git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "1", cwd=other)
    run("git", "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "sub", cwd=repository)
    run("git", "clone", "-q", str(other), str(repository / "nested"))
    arrived = names(wire.bring(Snapshot(str(repository))))
    assert arrived == sorted([*PROJECT, ".gitmodules", "nested/lib/x.py", "sub/lib/x.py"])


def test_what_is_made_here_environments_and_secrets_stay(base: Path, wire: Any) -> None:
    stay = {"work/x": "", ".depl/x": "", "environments/dev/environment.cfg": "", "a/b.age": "", "a/c.gpg": "\x85secret"}
    fill(base, stay)
    run("git", "init", "-q", str(base))
    assert names(wire.bring(Snapshot(str(base)))) == sorted(PROJECT)


def test_a_nested_directory_named_work_and_a_public_keyring_travel(base: Path, wire: Any) -> None:
    fill(base, {"components/app/work/x": "", "a/environments/y": "", "workers": ""})
    (base / "a/key.gpg").write_bytes(b"\x99\x02\r\x04")
    new = ["components/app/work/x", "a/environments/y", "workers", "a/key.gpg"]
    assert names(wire.bring(Snapshot(str(base)))) == sorted([*PROJECT, *new])


def test_modes_and_links_are_kept(base: Path, wire: Any) -> None:
    modes = {"run": 0o755, "private": 0o600, "odd": 0o640}
    fill(base, dict.fromkeys(modes, "same content\n"))
    for name, mode in modes.items():
        (base / name).chmod(mode)
    (base / "components").chmod(0o750)
    links = {"a": "components/app", "broken": "nowhere", "absolute": "/etc/passwd", "out": "../../x"}
    for name, target in links.items():
        (base / name).symlink_to(target)
    arrived = wire.bring(Snapshot(str(base)))
    assert {name: os.readlink(arrived / name) for name in links} == links
    assert {name: (arrived / name).stat().st_mode & 0o777 for name in modes} == modes
    assert (arrived / "components").stat().st_mode & 0o777 == 0o750


def test_a_changed_mode_is_another_project(base: Path) -> None:
    before = Snapshot(str(base)).key
    (base / "requirements.txt").chmod(0o755)
    assert Snapshot(str(base)).key != before


def test_names_and_link_targets_that_are_not_utf_8_survive(base: Path, wire: Any) -> None:
    name = os.path.join(os.fsencode(base), b"na\xffme \xc3\xa9\n")
    with open(name, "w") as file:
        file.write("x")
    os.symlink(b"\xfe", os.path.join(os.fsencode(base), b"link"))
    run("git", "init", "-q", str(base))
    arrived = os.fsencode(wire.bring(Snapshot(str(base))))
    with open(os.path.join(arrived, b"na\xffme \xc3\xa9\n")) as file:
        assert file.read() == "x"
    assert os.readlink(os.path.join(arrived, b"link")) == b"\xfe"


def test_a_tracked_directory_that_became_a_link_is_a_link(repository: Path, wire: Any) -> None:
    run("git", "add", ".", cwd=repository)
    (repository / "components").rename(repository / "other")
    (repository / "components").symlink_to("other")
    arrived = wire.bring(Snapshot(str(repository)))
    assert os.readlink(arrived / "components") == "other"


def test_sockets_and_fifos_stay_with_a_warning(base: Path, wire: Any) -> None:
    os.mkfifo(base / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(base / "socket"))
    snapshot = Snapshot(str(base))
    assert sorted(warning.split()[0] for warning in snapshot.warnings) == ["fifo", "socket"]
    assert names(wire.bring(snapshot)) == sorted(PROJECT)


def test_files_that_may_not_be_read_are_one_error(base: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("becomes another user, which only root may")
    for parent in (base, *base.parents):
        if parent == Path(tempfile.gettempdir()):
            break
        parent.chmod(0o755)
    before = Snapshot(str(base)).key  # everything is imported, which another user could not do
    (base / "requirements.txt").chmod(0)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.environ["XDG_CACHE_HOME"] = "/proc/nowhere"
            os.setuid(65534)
            Snapshot(str(base))
        except ConfigurationError as error:
            os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    assert os.read(reading, 1000) == b"requirements.txt cannot be read: Permission denied"
    os.close(reading)
    assert before


def test_only_a_changed_file_of_5000_is_sent(repository: Path, wire: Any) -> None:
    fill(repository, {f"d{n % 50}/f{n}": f"{n}\n" * 50 for n in range(5000)})
    first = wire.bring(Snapshot(str(repository)))
    (repository / "d7/f57").write_text("other")
    second = wire.bring(Snapshot(str(repository)))
    assert (second / "d7/f57").read_text() == "other" and (first / "d7/f57").read_text() != "other"
    assert len(names(second)) == 5003
    assert wire.sent < 1000 and wire.wanted == ["manifest"]


def test_a_host_that_has_the_contents_from_someone_else_is_sent_none(
    base: Path, wire: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (base / "large").write_bytes(os.urandom(500_000))
    wire.bring(Snapshot(str(base)))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "of another coordinator"))
    (base / "new").write_text("x")
    wire.bring(Snapshot(str(base)))
    assert wire.sent < 5000


def test_a_project_that_was_written_into_does_not_spoil_the_next_one(base: Path, wire: Any) -> None:
    first = wire.bring(Snapshot(str(base)))
    (first / "components/app/app.conf").write_text("spoiled\n")
    (base / "new").write_text("x")
    second = wire.bring(Snapshot(str(base)))
    assert (second / "components/app/app.conf").read_text() == "a\n"
    assert (first / "components/app/app.conf").read_text() == "spoiled\n"


def test_files_that_did_not_change_take_no_space(base: Path, wire: Any) -> None:
    fill(base, {"same": "a\n"})  # as app.conf
    first = settled(wire.bring(Snapshot(str(base))))
    (base / "new").write_text("x")
    second = wire.bring(Snapshot(str(base)))
    for name in ("same", "components/app/app.conf"):
        assert (first / name).stat().st_ino == (second / name).stat().st_ino
    assert (second / "same").stat().st_ino != (second / "components/app/app.conf").stat().st_ino


def test_an_older_project_that_was_written_into_is_made_good(base: Path, wire: Any) -> None:
    first = settled(wire.bring(Snapshot(str(base))))
    (base / "new").write_text("x")
    settled(wire.bring(Snapshot(str(base))))
    (first / "components/app/app.conf").write_text("spoiled\n")
    (base / "new").unlink()
    assert (wire.bring(Snapshot(str(base))) / "components/app/app.conf").read_text() == "a\n"
    (base / "new").write_text("x")
    assert (wire.bring(Snapshot(str(base))) / "components/app/app.conf").read_text() == "a\n"


def settled(project: Path) -> Path:
    """A project that was complete some time ago; its files are older still."""
    for path in [*project.rglob("*")]:
        if path.is_file():
            os.utime(path, (LONG_AGO, LONG_AGO))
    return project


def test_files_that_did_not_change_keep_their_times(base: Path, wire: Any) -> None:
    first = wire.bring(Snapshot(str(base)))
    os.utime(first / "requirements.txt", (5, 5))
    (base / "new").write_text("x")
    assert (wire.bring(Snapshot(str(base))) / "requirements.txt").stat().st_mtime == 5


def test_a_file_of_100_mb_takes_little_memory_at_both_ends(base: Path, wire: Any) -> None:
    piece = os.urandom(1_000_000)
    with open(base / "large", "wb") as file:
        file.writelines(piece for _ in range(100))
    tracemalloc.start()
    try:
        arrived = wire.bring(Snapshot(str(base)))
        (base / "new").write_text("x")
        wire.bring(Snapshot(str(base)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (arrived / "large").stat().st_size == 100_000_000
    assert wire.sent < 5000
    assert peak < 20_000_000


def test_a_list_of_files_may_be_larger_than_a_message(tmp_path: Path, wire: Any) -> None:
    directory = tmp_path / "many" / ("a long name of a directory " * 9) / ("and another one " * 15)
    directory.mkdir(parents=True)
    for n in range(2000):
        (directory / f"with {n}").write_text(str(n))
    assert len(names(wire.bring(Snapshot(str(tmp_path / "many"))))) == 2000
    assert wire.wanted == ["manifest"]


def test_what_did_not_change_is_not_read_again(base: Path, tmp_path: Path) -> None:
    before = Snapshot(str(base)).key
    path = base / "components/app/app.conf"
    read_before = path.stat().st_atime_ns
    os.utime(path, ns=(LONG_AGO, path.stat().st_mtime_ns))  # a read would show in the time of access
    assert read_before
    Snapshot(str(base))
    read = path.stat().st_atime_ns
    assert Snapshot(str(base)).key == before and path.stat().st_atime_ns == read
    path.write_text("b\n")
    assert Snapshot(str(base)).key != before


def test_a_cache_that_cannot_be_written_is_no_error(base: Path, wire: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert names(wire.bring(Snapshot(str(base)))) == sorted(PROJECT)


def test_a_file_that_changes_meanwhile_is_an_error_that_names_it(base: Path, wire: Any) -> None:
    snapshot = Snapshot(str(base))
    (base / "components/app/app.conf").write_text("b\n")
    with pytest.raises(ConfigurationError, match=r"^components/app/app.conf changed while it was being transferred$"):
        wire.bring(snapshot)


def test_deplignore_says_what_else_stays(repository: Path, wire: Any) -> None:
    fill(
        repository, {".deplignore": "*.md\n/docs/\n!keep.md\n", "a.md": "", "keep.md": "", "docs/x": "", "a/docs/x": ""}
    )
    run("git", "add", ".", cwd=repository)
    arrived = names(wire.bring(Snapshot(str(repository))))
    assert arrived == sorted([*PROJECT, ".deplignore", "keep.md", "a/docs/x"])


CASES = [  # patterns, what they ignore, what they do not
    ("*.log", ["a.log", "b/a.log"], ["a.log.gz", "log"]),
    ("/a.log", ["a.log"], ["b/a.log"]),
    ("b/a", ["b/a", "b/a/x"], ["c/b/a"]),
    ("tmp/", ["tmp/x", "a/tmp/x"], ["tmp", "a/tmp"]),
    ("a/**/b", ["a/b", "a/x/b", "a/x/y/b/z"], ["x/a/b", "ab"]),
    ("**/foo", ["foo", "a/foo", "a/b/foo"], ["afoo"]),
    ("a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]),
    ("a?c", ["abc"], ["a/c", "ac"]),
    ("[a-c]x[!0-9]", ["axb", "cx-"], ["dxb", "ax1", "ax/"]),
    ("x[[:digit:]]", ["x1"], ["xa"]),
    ("# no\n\\#yes\n\n\\!bang", ["#yes", "!bang"], ["# no"]),
    ("*.md\n!keep.md", ["a.md"], ["keep.md", "a/keep.md"]),
    ("d/\n!d/x", ["d/x"], []),
    ("d/*\n!d/x", ["d/y"], ["d/x"]),
    ("a\\ \nb   ", ["a ", "b"], ["a", "b   "]),
    ("a.b+(c", ["a.b+(c"], ["aXb+(c", "a.bb(c"]),
]


@pytest.mark.parametrize(("text", "ignored", "kept"), CASES)
def test_deplignore_means_what_gitignore_does(
    text: str, ignored: list[str], kept: list[str], tmp_path: Path, repository: Path
) -> None:
    ignoring = Ignoring(text.split("\n"))
    assert [path for path in ignored if not ignoring.ignores(path)] == []
    assert [path for path in kept if path and not path.endswith("/") and ignoring.ignores(path)] == []
    (repository / ".gitignore").write_text(text)
    for path in ignored + kept:
        said = subprocess.run(["git", "check-ignore", "-q", path.rstrip("/")], cwd=repository).returncode == 0
        assert said == (path in ignored), path


def test_an_environment_says_how_its_project_travels(base: Path, wire: Any) -> None:
    transfer = transfer_of(Environment("dev", str(base)), dirty=False)
    assert transfer.method == "snapshot" and names(wire.bring(transfer)) == sorted(PROJECT)


@pytest.mark.parametrize("method", ["git-pull", "hg-pull"])
def test_pulling_is_refused_with_what_to_use_instead(base: Path, method: str) -> None:
    environment = Environment("dev", str(base), settings=EnvironmentSettings(update_method=method))
    with pytest.raises(ConfigurationError, match=f"^`update_method = {method}` is not supported yet$") as refused:
        transfer_of(environment, dirty=False)
    assert method.replace("pull", "bundle") in refused.value.hint
