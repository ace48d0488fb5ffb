"""Archives: unpacked, known again, repaired, refused where they are not safe, and gone."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from depl.lib.archive import Extract, Untar, Unzip
from depl.lib.download import Download

Made = Callable[..., Any]
WHEN = 1_600_000_000


def tar(path: Path, members: list[Any], mode: str = "w:gz") -> Path:
    """A tar archive: (name, content or `-> link` or `=> hard link` or None for a directory, mode)."""
    with tarfile.open(path, mode) as archive:
        for name, content, *bits in members:
            info = tarfile.TarInfo(name)
            info.mtime = WHEN
            info.mode = bits[0] if bits else 0o644
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, bits[0] if bits else 0o755
                archive.addfile(info)
            elif content.startswith("-> "):
                info.type, info.linkname = tarfile.SYMTYPE, content[3:]
                archive.addfile(info)
            elif content.startswith("=> "):
                info.type, info.linkname = tarfile.LNKTYPE, content[3:]
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content.encode()))
    return path


def zipped(path: Path, members: list[Any]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, *bits in members:
            link = (content or "").startswith("-> ")
            info = zipfile.ZipInfo(name + ("/" if content is None else ""), (2020, 9, 13, 12, 26, 40))
            kind = stat.S_IFLNK if link else stat.S_IFDIR if content is None else stat.S_IFREG
            info.external_attr = (kind | (bits[0] if bits else 0o755 if content is None else 0o644)) << 16
            archive.writestr(info, content[3:] if link else content or "")
    return path


APP: list[Any] = [
    ("app-1.0", None),
    ("app-1.0/bin", None),
    ("app-1.0/bin/run", "#!/bin/sh\n", 0o755),
    ("app-1.0/etc/app.conf", "port = 80\n", 0o600),
    ("app-1.0/current", "-> bin/run"),
    ("app-1.0/empty", ""),
]

CASES: dict[str, tuple[Callable[[Path], Path], Callable[[str], Any], str]] = {
    "tar.gz": (lambda p: tar(p / "app.tar.gz", APP), Extract, "app/app-1.0"),
    "tgz": (lambda p: tar(p / "app.tgz", APP), lambda a: Extract(a, target="here", strip=1), "here"),
    "tar": (lambda p: tar(p / "app.tar", APP, "w"), lambda a: Untar(a, target="deep/er", strip=1), "deep/er"),
    "tar.bz2": (lambda p: tar(p / "app.tar.bz2", APP, "w:bz2"), Untar, "app/app-1.0"),
    "tar.xz": (lambda p: tar(p / "app.tar.xz", APP, "w:xz"), Extract, "app/app-1.0"),
    "zip": (lambda p: zipped(p / "app.zip", APP), Extract, "app/app-1.0"),
    "zip, stripped": (lambda p: zipped(p / "a.zip", APP), lambda a: Unzip(a, target=".", strip=1), "."),
}


@pytest.mark.parametrize("case", CASES)
def test_an_archive_is_planned_unpacked_left_alone_and_taken_back(
    case: str, project: Made, tree: Made, tmp_path: Path
) -> None:
    make, component, where = CASES[case]
    archive = make(tmp_path)
    made = project(lambda self: component(str(archive)))
    before = tree(made.base)
    planned = made.plan()
    assert len(planned.changed) == 1 and planned.error == "" and tree(made.base) == before
    deployed = made.deploy()
    assert (deployed.error, deployed.changed) == ("", planned.changed)
    top = made.work / where
    assert (top / "bin/run").read_text() == "#!/bin/sh\n" and (top / "etc/app.conf").read_text() == "port = 80\n"
    assert stat.S_IMODE((top / "bin/run").stat().st_mode) == 0o755
    assert stat.S_IMODE((top / "etc/app.conf").stat().st_mode) == 0o600
    assert os.readlink(top / "current") == "bin/run" and (top / "empty").read_bytes() == b""
    assert made.deploy().changed == []
    assert made.undo().status == 0
    assert tree(made.base) == before


@pytest.fixture
def app(project: Made, tmp_path: Path) -> Any:
    """An unpacked archive."""
    archive = tar(tmp_path / "app.tar.gz", APP)
    made = project(lambda self: Untar(str(archive), target="app", strip=1))
    assert made.deploy().error == ""
    return made


def damage(top: Path, what: str) -> None:
    run = top / "bin/run"
    if what == "content":
        run.write_text("#!/bin/no\n")
    elif what == "mode":
        run.chmod(0o644)
    elif what == "missing":
        run.unlink()
    elif what == "link":
        (top / "current").unlink()
        (top / "current").symlink_to("elsewhere")
    elif what == "a link instead":
        run.unlink()
        run.symlink_to("/etc/passwd")
    elif what == "directory":
        (top / "bin").chmod(0o700)


@pytest.mark.parametrize("what", ["content", "mode", "missing", "link", "a link instead", "directory"])
def test_what_differs_from_the_archive_is_repaired_and_the_repair_can_be_taken_back(
    app: Any, what: str, tree: Made
) -> None:
    whole = tree(app.base)
    damage(app.work / "app", what)
    damaged = tree(app.base)
    assert app.plan().changed == ["Untar(" + app.component.sub_components[0].archive + ")"]
    assert tree(app.base) == damaged
    assert app.deploy().error == ""
    assert tree(app.base) == whole
    assert app.deploy().changed == []
    app.undo()
    assert tree(app.base) == damaged


def test_what_is_there_besides_is_left_alone(app: Any) -> None:
    (app.work / "app" / "mine").write_text("mine")
    assert app.deploy().changed == []
    assert (app.work / "app" / "mine").read_text() == "mine"


def test_a_new_archive_replaces_what_differs(app: Any, tmp_path: Path, tree: Made) -> None:
    before = tree(app.base)
    tar(tmp_path / "app.tar.gz", [("app-1.1/bin/run", "#!/bin/new\n", 0o755), ("app-1.1/new", "x" * 2_000_000)])
    planned = app.plan()
    assert "+#!/bin/new" in planned.diff
    assert app.deploy().error == ""
    assert (app.work / "app/bin/run").read_text() == "#!/bin/new\n"
    assert (app.work / "app/new").stat().st_size == 2_000_000
    app.undo()
    assert tree(app.base) == before


def test_the_tree_of_the_former_version_comes_back_as_it_was_with_times_and_links(
    app: Any, tmp_path: Path, tree: Made
) -> None:
    def times() -> dict[str, int]:
        return {str(path): path.lstat().st_mtime_ns for path in app.work.rglob("*") if not path.is_dir()}

    app.before("app/data/mine", "precious")
    app.before("app/etc/mine", "mine")
    (app.work / "app").chmod(0o750)
    before = tree(app.base), times()
    tar(
        tmp_path / "app.tar.gz",
        [("app-2/bin/run", "#!/bin/two\n", 0o755), ("app-2/etc/app.conf", "80"), ("app-2/l", "-> bin")],
    )
    assert app.deploy().error == ""
    assert (app.work / "app/bin/run").read_text() == "#!/bin/two\n"
    assert [(app.work / "app" / name).read_text() for name in ("data/mine", "etc/mine")] == ["precious", "mine"]
    assert stat.S_IMODE((app.work / "app").stat().st_mode) == 0o750
    assert app.deploy().changed == []
    assert app.undo().status == 0
    assert (tree(app.base), times()) == before


def test_a_file_that_an_undo_or_a_redo_brought_back_is_as_in_the_archive(app: Any) -> None:
    path = app.work / "app/etc/app.conf"
    os.utime(path)
    assert app.deploy().changed == []
    path.write_text("?" * path.stat().st_size)
    assert app.deploy().changed != []


def test_directories_that_the_archive_does_not_tell_of_keep_their_mode(project: Made, tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar", [("etc/app.conf", "x")], "w")
    made = project(lambda self: Untar(str(archive), target="."))
    made.before("etc/mine", "x")
    (made.work / "etc").chmod(0o700)
    made.deploy()
    assert stat.S_IMODE((made.work / "etc").stat().st_mode) == 0o700


def test_a_hard_link_becomes_a_file_of_its_own(project: Made, tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar", [("d/one", "same", 0o600), ("d/two", "=> d/one")], "w")
    made = project(lambda self: Untar(str(archive), target="a", strip=1))
    assert made.deploy().error == ""
    assert (made.work / "a/two").read_text() == "same"
    assert made.deploy().changed == []


def test_special_bits_and_write_permission_for_others_are_not_kept(project: Made, tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar", [("x", "", 0o6777), ("d", None, 0o1777)], "w")
    made = project(lambda self: Untar(str(archive), target="a"))
    made.deploy()
    assert stat.S_IMODE((made.work / "a/x").stat().st_mode) == 0o755
    assert stat.S_IMODE((made.work / "a/d").stat().st_mode) == 0o755


UNSAFE: dict[str, list[Any]] = {
    "'/etc/evil' is an absolute path": [("/etc/evil", "x")],
    "'../evil' lies outside": [("../evil", "x")],
    "'a/../../evil' lies outside": [("a/../../evil", "x")],
    "'a' is a link to '/etc'": [("a", "-> /etc")],
    "'a/b' is a link to '../../x'": [("a/b", "-> ../../x")],
    "'l' is a link to 'a/../../x'": [("l", "-> a/../../x")],
    "'l/x' would be written through 'l', which is a link": [("d", None), ("l", "-> d"), ("l/x", "x")],
    "'f/x' would be written through 'f', which is a file": [("f", "x"), ("f/x", "x")],
    "'h' is a hard link to '/etc/passwd', which is not in it": [("h", "=> /etc/passwd")],
}


@pytest.mark.parametrize("reason", UNSAFE)
def test_what_is_not_safe_is_refused_before_anything_is_unpacked(
    reason: str, project: Made, tree: Made, tmp_path: Path
) -> None:
    archive = tar(tmp_path / "a.tar", [("good", "x"), *UNSAFE[reason]], "w")
    made = project(lambda self: Untar(str(archive), target="a"))
    before = tree(made.base)
    result = made.deploy()
    assert reason in result.error
    assert tree(made.base) == before


def test_an_unsafe_zip_is_refused(project: Made, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", [("../evil", "x")])
    assert "lies outside" in project(lambda self: Unzip(str(archive))).deploy().error


def test_a_device_is_refused(project: Made, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("null")
        info.type = tarfile.CHRTYPE
        archive.addfile(info)
    assert "'null' is a device" in project(lambda self: Untar(str(tmp_path / "a.tar"))).deploy().error


def test_links_inside_of_the_target_are_kept(project: Made, tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar", [("a/b/l", "-> ../../x/./y"), ("x/y", "z")], "w")
    made = project(lambda self: Untar(str(archive), target="t"))
    assert made.deploy().error == ""
    assert (made.work / "t/a/b/l").read_text() == "z"


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tar.xz", "a.zip"])
def test_what_is_no_archive_is_an_error_that_names_it(name: str, project: Made, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"not an archive" * 100)
    result = project(lambda self: Extract(str(tmp_path / name))).deploy()
    assert f"{tmp_path / name} cannot be read" in result.error


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_truncated_archive_is_an_error_and_leaves_nothing(
    mode: str, project: Made, tree: Made, tmp_path: Path
) -> None:
    archive = tar(tmp_path / "a.tar", [("a", "x"), ("b", os.urandom(40_000).hex())], mode)
    archive.write_bytes(archive.read_bytes()[:30_000])
    made = project(lambda self: Untar(str(archive)))
    before = tree(made.base)
    assert "cannot be read" in made.deploy().error
    assert tree(made.base) == before


def test_a_missing_archive_is_an_error_with_the_next_step(project: Made) -> None:
    result = project(lambda self: Extract("gone.tar")).deploy()
    assert "gone.tar does not exist" in result.error and "Download" in result.error


def test_an_unknown_suffix_is_a_mistake_that_lists_the_known_ones(project: Made) -> None:
    result = project(lambda self: Extract("x.rar")).deploy()
    assert result.status == 1 and ".tar.gz" in result.error


def test_a_target_that_must_be_there_is_not_made(project: Made, tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tar", APP, "w")
    result = project(lambda self: Untar(str(archive), target="gone", create_target_dir=False)).deploy()
    assert "gone does not exist" in result.error


def test_an_archive_that_is_yet_to_be_downloaded_is_planned_with_it(
    project: Made, tree: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    archive = tar(tmp_path / "a.tar", APP, "w")
    checksum = "sha256:" + hashlib.sha256(archive.read_bytes()).hexdigest()

    def configure(self: Any) -> None:
        self += Download(archive.as_uri(), checksum=checksum, target="app.tar")
        self += Extract(self._.target, target="app", strip=1)

    made = project(configure)
    before = tree(made.base)
    planned = made.plan()
    assert (planned.error, len(planned.changed)) == ("", 2) and tree(made.base) == before
    assert made.deploy().error == ""
    assert made.deploy().changed == []
    made.undo()
    assert tree(made.base) == before
