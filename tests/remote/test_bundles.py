"""A project as its repository has it, brought to a host."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from depl.environment import Environment
from depl.errors import ConfigurationError, DeploymentError, ProtocolError
from depl.protocol.replies import Wants
from depl.protocol.requests import Given
from depl.remote.bundles import Bundle
from depl.remote.transfer import transfer_of
from depl.settings import EnvironmentSettings

IDENTITY = {
    **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "HGUSER": "me",
    "HGRCPATH": "",
}


class Repository:
    """A repository of git or Mercurial with a project in it."""

    def __init__(self, program: str, directory: Path) -> None:
        self.program, self.directory, self.method = program, directory, f"{program}-bundle"
        if not directory.exists():
            directory.mkdir(parents=True)
            self.run("init", "-q", *(["-b", "main"] if program == "git" else []))

    def run(self, *arguments: str) -> str:
        command = [self.program, *arguments]
        environ = {**os.environ, **IDENTITY}
        done = subprocess.run(command, cwd=self.directory, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.directory / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def commit(self, **files: str) -> str:
        """Write files and commit all that there is; the revision."""
        self.write(**files)
        if self.program == "git":
            self.run("add", "-A")
            self.run("commit", "-qm", "a change")
        else:
            self.run("commit", "-q", "--addremove", "-m", "a change")
        return self.revision

    @property
    def revision(self) -> str:
        return self.run("rev-parse", "HEAD") if self.program == "git" else self.run("log", "-r", ".", "-T", "{node}")

    def ignore(self, name: str) -> None:
        text = f"/{name}/\n" if self.program == "git" else f"^{name}/\n"
        (self.directory / f".{self.program}ignore").write_text(text)

    def rewrite(self, **files: str) -> str:
        """Another commit in place of the last one."""
        if self.program == "git":
            self.run("reset", "-q", "--hard", "HEAD^")
        else:
            self.run("--config", "extensions.strip=", "strip", "-q", "--no-backup", ".")
        return self.commit(**files)

    def bundle(self, **how: Any) -> Bundle:
        return Bundle(self.method, str(self.directory), **how)


def long(how: str) -> Any:
    return pytest.param(how, marks=pytest.mark.long)


Template = Callable[[str], Repository]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A repository with one commit, for copying."""
    made: dict[str, Repository] = {}

    def make(program: str) -> Repository:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
        if program not in made:
            made[program] = Repository(program, tmp_path_factory.mktemp(program) / "project")
            made[program].commit(component="x = 1\n", conf__app="a\n", noise=os.urandom(200_000).hex())
        return made[program]

    return make


def copied(template: Repository, to: Path) -> Repository:
    shutil.copytree(template.directory, to)
    return Repository(template.program, to)


@pytest.fixture(params=["git", "hg"])
def both(request: pytest.FixtureRequest, template: Template, tmp_path: Path) -> Repository:
    """A repository with one commit, of each program in turn."""
    return copied(template(request.param), tmp_path / "project")


@pytest.fixture(params=["git", pytest.param("hg", marks=pytest.mark.long)])
def repository(request: pytest.FixtureRequest, template: Template, tmp_path: Path) -> Repository:
    """The same; Mercurial takes its time and is used in the long run."""
    return copied(template(request.param), tmp_path / "project")


@pytest.fixture
def git(tmp_path: Path) -> Repository:
    made = Repository("git", tmp_path / "project")
    made.commit(component="x = 1\n")
    return made


def names(directory: Path) -> list[str]:
    found = [path for path in directory.rglob("*") if path.is_symlink() or not path.is_dir()]
    return sorted(str(path.relative_to(directory)) for path in found)


def refused(act: Any) -> tuple[str, str]:
    with pytest.raises(ConfigurationError) as error:
        act()
    return error.value.message, error.value.hint


def test_what_is_committed_arrives_at_exactly_its_revision(repository: Repository, wire: Any) -> None:
    bundle = repository.bundle()
    assert names(wire.bring(bundle)) == ["component", "conf/app", "noise"]
    assert bundle.revision == bundle.key == repository.revision
    assert not bundle.warnings and wire.wanted == ["bundle"]


def test_a_second_revision_sends_only_the_difference(both: Repository, wire: Any) -> None:
    wire.bring(both.bundle())
    assert wire.sent > 100_000
    both.commit(component="x = 2\n")
    assert (wire.bring(both.bundle()) / "component").read_text() == "x = 2\n"
    assert wire.sent < 3000


def test_a_revision_that_the_clone_has_sends_nothing(repository: Repository, wire: Any) -> None:
    wire.bring(repository.bundle())
    repository.commit(component="x = 2\n")
    wire.bring(repository.bundle())
    shutil.rmtree(wire.projects.directory)
    wire.bring(repository.bundle())
    assert wire.sent < 500


def test_a_deleted_file_vanishes(repository: Repository, wire: Any) -> None:
    wire.bring(repository.bundle())
    (repository.directory / "conf/app").unlink()
    repository.commit()
    assert names(wire.bring(repository.bundle())) == ["component", "noise"]


def test_a_rewritten_history_arrives(both: Repository, wire: Any) -> None:
    both.commit(component="x = 2\n")
    wire.bring(both.bundle())
    both.rewrite(component="x = 3\n")
    assert (wire.bring(both.bundle()) / "component").read_text() == "x = 3\n"


def test_an_older_revision_arrives_again(both: Repository, wire: Any) -> None:
    first = both.revision
    both.commit(component="x = 2\n")
    wire.bring(both.bundle())
    both.run("checkout", "-q", first)
    assert (wire.bring(both.bundle()) / "component").read_text() == "x = 1\n"


def test_another_repository_takes_the_place_of_the_one_before(
    repository: Repository, wire: Any, tmp_path: Path
) -> None:
    wire.bring(repository.bundle())
    other = Repository(repository.program, tmp_path / "other")
    other.commit(unrelated="1")
    assert names(wire.bring(other.bundle())) == ["unrelated"]


def test_a_damaged_clone_is_made_anew(repository: Repository, wire: Any) -> None:
    wire.bring(repository.bundle())
    inside = wire.clone / ".hg/store" if repository.program == "hg" else wire.clone / "objects"
    shutil.rmtree(inside)
    repository.commit(component="x = 2\n")
    assert (wire.bring(repository.bundle()) / "component").read_text() == "x = 2\n"


def test_a_directory_that_is_no_clone_is_replaced(repository: Repository, wire: Any) -> None:
    wire.clone.mkdir(parents=True)
    (wire.clone / "x").write_text("")
    assert "component" in names(wire.bring(repository.bundle()))


def test_modes_links_and_odd_names_arrive(both: Repository, wire: Any) -> None:
    both.write(run="#!")
    (both.directory / "run").chmod(0o755)
    (both.directory / "link").symlink_to("../out")
    (both.directory / "name é and space").write_text("")
    with open(os.path.join(os.fsencode(both.directory), b"na\xffme"), "w"):
        pass
    both.commit()
    arrived = wire.bring(both.bundle())
    assert [(arrived / name).stat().st_mode & 0o777 for name in ("run", "component", "conf")] == [0o755, 0o644, 0o755]
    assert os.readlink(arrived / "link") == "../out"
    assert {b"na\xffme", "name é and space".encode()} <= set(os.listdir(os.fsencode(arrived)))


def test_environments_secrets_and_what_is_made_here_stay(repository: Repository, wire: Any) -> None:
    repository.commit(environments__dev__x="1", work__x="", a__work__y="", secret="")
    (repository.directory / "secret").rename(repository.directory / "x.age")
    repository.commit()
    assert names(wire.bring(repository.bundle())) == ["a/work/y", "component", "conf/app", "noise"]


def test_a_project_in_a_directory_of_its_repository_arrives_alone(both: Repository, wire: Any) -> None:
    both.commit(deep__project__x="1", deep__project__conf__y="", deep__project2__z="")
    inner = str(both.directory / "deep/project")
    for root in (None, "../.."):
        bundle = Bundle(both.method, inner, root=root)
        assert bundle.key.startswith(both.revision + "-")
        assert names(wire.bring(bundle)) == ["conf/y", "x"]


def test_a_repository_root_that_is_none_is_refused(repository: Repository, tmp_path: Path) -> None:
    message, _ = refused(lambda: repository.bundle(root=".."))
    assert "which is not the top of a repository" in message
    other = Repository(repository.program, tmp_path / "other")
    message, _ = refused(lambda: repository.bundle(root=str(other.directory)))
    assert "which does not contain the project" in message


@pytest.mark.parametrize("how", ["changed", "untracked", long("added"), long("removed")])
def test_a_working_copy_with_changes_is_refused(both: Repository, wire: Any, how: str) -> None:
    if how == "changed":
        both.write(component="x = 2\n")
    elif how == "removed":
        (both.directory / "component").unlink()
    else:
        both.write(new="")
    if how == "added":
        both.run("add", "new")
    name = "new" if how in ("added", "untracked") else "component"
    message, hint = refused(both.bundle)
    assert message == f"The project has changes that are not committed: {name}" and "--dirty" in hint
    bundle = both.bundle(dirty=True)
    assert bundle.warnings == [f"{bundle.revision[:12]} is deployed without the changes that are not committed: {name}"]
    assert (wire.bring(bundle) / "component").read_text() == "x = 1\n"


def test_what_environments_say_counts_as_it_lies_here(both: Repository) -> None:
    both.commit(environments__live="1", component="x = 1\n")
    both.write(environments__live="2")
    (counts,) = both.bundle(dirty=True).warnings
    assert counts == "environments count as they lie here, although this is not committed: environments/live"
    both.write(component="x = 2\n")
    left_out, same = both.bundle(dirty=True).warnings
    assert left_out.endswith("without the changes that are not committed: component")
    assert same == counts


def test_what_is_made_here_or_ignored_makes_nothing_dirty(both: Repository) -> None:
    both.ignore("tmp")
    both.commit()
    both.write(work__x="1", **{".depl__y": "1"}, tmp__z="1")
    assert not both.bundle().warnings


def test_what_is_made_in_a_project_below_the_top_makes_nothing_dirty(repository: Repository) -> None:
    repository.commit(deep__x="")
    repository.write(deep__work__y="", outside="")
    assert not Bundle(repository.method, str(repository.directory / "deep")).warnings


def test_a_directory_without_such_a_repository_is_refused(tmp_path: Path) -> None:
    for method, name in (("git-bundle", "git"), ("hg-bundle", "Mercurial")):
        message, hint = refused(lambda: Bundle(method, str(tmp_path)))  # noqa: B023
        assert f"is not in a repository of {name}" in message and "snapshot" in hint


@pytest.mark.parametrize("program", ["git", "hg"])
def test_a_repository_without_a_commit_is_refused(program: str, tmp_path: Path) -> None:
    empty = Repository(program, tmp_path / "empty")
    assert refused(empty.bundle)[0] == "Nothing is committed in the project's repository"


@pytest.mark.parametrize("program", ["git", "hg"])
def test_a_missing_program_is_named(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Repository(program, tmp_path / "project")
    monkeypatch.setenv("PATH", str(tmp_path))
    message, hint = refused(made.bundle)
    assert "is not installed" in message and "snapshot" in hint


def test_a_host_without_the_program_is_told_so(repository: Repository, wire: Any, monkeypatch: Any) -> None:
    bundle = repository.bundle()
    parts = list(bundle.answer(Wants("bundle", [])))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DeploymentError, match="is not installed") as error:
        wire.projects.fetch(bundle.key, bundle.method, bundle.revision, lambda _: iter(parts))
    assert "snapshot" in error.value.hint
    assert [name for name in os.listdir(wire.projects.directory) if name != ".lock"] == []


def test_a_shallow_clone_is_refused(git: Repository, tmp_path: Path) -> None:
    git.commit(component="x = 2\n")
    git.run("clone", "-q", "--depth=1", f"file://{git.directory}", str(tmp_path / "shallow"))
    message, hint = refused(lambda: Bundle("git-bundle", str(tmp_path / "shallow")))
    assert "shallow" in message and "git fetch --unshallow" in hint


def test_submodules_are_refused(git: Repository, tmp_path: Path) -> None:
    other = Repository("git", tmp_path / "other")
    other.commit(x="")
    git.run("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.directory), "sub")
    git.commit()
    assert refused(git.bundle)[0].startswith("sub is a submodule")


def test_the_branch_must_be_the_one_that_is_set(both: Repository) -> None:
    there = {"git": "main", "hg": "default"}[both.program]
    assert both.bundle(branch=there).key
    message, _ = refused(lambda: both.bundle(branch="production"))
    assert message == f"The environment is deployed from the branch 'production', but {there!r} is checked out"


def test_a_detached_head_is_on_the_branches_that_are_there(git: Repository) -> None:
    first = git.revision
    git.commit(component="x = 2\n")
    git.run("checkout", "-q", "--detach")
    assert git.bundle(branch="main").key
    git.run("checkout", "-q", first)
    assert refused(lambda: git.bundle(branch="main"))[0].endswith("but no branch is checked out")


def test_what_is_meant_for_archives_of_a_release_does_not_count(git: Repository, wire: Any) -> None:
    git.write(version="$Format:%H$\n", internal="")
    (git.directory / ".gitattributes").write_text("version export-subst\ninternal export-ignore\n")
    git.commit()
    arrived = wire.bring(git.bundle())
    assert (arrived / "version").read_text() == "$Format:%H$\n" and (arrived / "internal").exists()


def test_settings_of_users_and_stray_variables_do_not_matter(
    repository: Repository, wire: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".gitconfig").write_text(
        "[core]\nautocrlf = true\n[transfer]\nfsckObjects = true\n[tar]\numask = 0777\n"
    )
    (tmp_path / ".hgrc").write_text("[extensions]\nnowhere = /nowhere.py\n[ui]\nverbose = true\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    assert (wire.bring(repository.bundle()) / "component").read_bytes() == b"x = 1\n"


def test_a_repository_of_another_user_is_read(git: Repository, wire: Any) -> None:
    if os.geteuid() != 0:
        pytest.skip("gives files to another user, which only root may")
    for parent, directories, files in os.walk(git.directory):
        for name in [".", *directories, *files]:
            os.chown(os.path.join(parent, name), 65534, 65534, follow_symlinks=False)
    assert names(wire.bring(git.bundle())) == ["component"]


def test_hosts_with_the_same_revisions_get_the_same_bytes(repository: Repository) -> None:
    bundle = repository.bundle()
    assert list(bundle.answer(Wants("bundle", []))) == list(bundle.answer(Wants("bundle", ["0" * 40])))


@pytest.mark.parametrize("items", [["--output=/x"], [7], ["x" * 40], ["0" * 40] * 2000])
def test_revisions_that_are_none_are_refused(git: Repository, items: list[Any]) -> None:
    with pytest.raises(ProtocolError):
        list(git.bundle().answer(Wants("bundle", items)))


def broken(parts: Sequence[Given], how: str) -> Iterator[Given]:
    head, data = dict(parts[-1].head), parts[-1].data
    if how == "other data":
        data = data[:-1] + bytes([data[-1] ^ 1])
    elif how == "no digest":
        del head["sha256"]
    else:
        head["subdirectory"] = how
    yield from parts[:-1]
    yield Given("bundle", head, True, data)


@pytest.mark.parametrize("how", ["other data", "no digest", "../..", "/etc", "a/../../b"])
def test_a_bundle_that_is_not_as_announced_is_refused_with_nothing_left(
    repository: Repository, wire: Any, how: str
) -> None:
    bundle = repository.bundle()
    parts = list(bundle.answer(Wants("bundle", [])))
    with pytest.raises(ProtocolError):
        wire.projects.fetch(bundle.key, bundle.method, bundle.revision, lambda _: broken(parts, how))
    assert os.listdir(wire.projects.directory) == []


def test_a_bundle_of_another_revision_is_refused(repository: Repository, wire: Any) -> None:
    bundle = repository.bundle()
    parts = list(bundle.answer(Wants("bundle", [])))
    with pytest.raises(DeploymentError):
        wire.projects.fetch("1" * 40, bundle.method, "1" * 40, lambda _: iter(parts))
    assert os.listdir(wire.projects.directory) == []


def test_an_environment_says_which_repository_and_whether_changes_matter(repository: Repository) -> None:
    settings = EnvironmentSettings(update_method=repository.method, repository_root=".")
    environment = Environment("dev", str(repository.directory), settings=settings)
    assert transfer_of(environment).key == repository.revision
    repository.write(new="")
    with pytest.raises(ConfigurationError):
        transfer_of(environment)
    assert transfer_of(environment, dirty=True).key == repository.revision
    assert "without the changes" in environment.warnings[0]
