"""Checkouts by git and Mercurial: made beside, changed for the old one, left alone and changed back."""

from __future__ import annotations

import base64
import functools
import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from depl.lib import git, mercurial

Made = Callable[..., Any]
KINDS = ("git", "hg")
ENV = {
    **{
        f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "a"), ("EMAIL", "b"))
    },
    "GIT_CONFIG_GLOBAL": os.devnull,
    "HGRCPATH": "",
    "HGUSER": "a",
}


class Repository:
    """A repository of a test."""

    def __init__(self, kind: str, path: Path) -> None:
        self.kind, self.path, self.url = kind, path, path.as_uri() if kind == "git" else str(path)
        self.block: Any = git.Clone if kind == "git" else mercurial.Clone
        self.own = f".{kind}"
        path.mkdir(parents=True)
        self("init", "-q", *(["-b", "stable"] if kind == "git" else []))

    def __call__(self, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            [self.kind, *arguments], cwd=cwd or self.path, env={**os.environ, **ENV}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, **files: str | None) -> str:
        """Write (or remove) files, commit, and name the commit."""
        for name, content in files.items():
            path = self.path / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink() if content is None else path.write_text(content)
        if self.kind == "git":
            self("add", "-A")
            self("commit", "-q", "-m", "x")
            return self("rev-parse", "HEAD")
        if not (self.path / ".hg/branch").exists():
            self("branch", "stable", "-q")
        self("addremove", "-q")
        self("commit", "-m", "x")
        return self("log", "-r", ".", "-T", "{node}")


@pytest.fixture(params=KINDS)
def repository(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    return Repository(request.param, tmp_path / "repository")


@pytest.fixture
def first(repository: Repository) -> str:
    return repository.commit(app_py="print(1)\n", etc__app_conf="port = 80\n", **{f"{repository.own[1:]}ignored": ""})


@pytest.mark.parametrize(
    ("repository", "by", "target"),
    [("git", "revision", "."), ("git", "branch", "app"), ("hg", "branch", "app")],
    indirect=["repository"],
)
def test_a_checkout_is_planned_made_left_alone_and_taken_back(
    by: str, target: str, repository: Repository, first: str, project: Made, tree: Made
) -> None:
    wanted = {"revision": first, "branch": "stable"}[by]
    made = project(lambda self: repository.block(repository.url, target=target, **{by: wanted}))
    before = without_caches(tree(made.base))
    planned = made.plan()
    assert (planned.error, len(planned.changed), without_caches(tree(made.base))) == ("", 1, before)
    deployed = made.deploy()
    assert (deployed.error, deployed.changed) == ("", planned.changed)
    assert (made.work / target / "etc/app.conf").read_text() == "port = 80\n"
    assert made.deploy().changed == []
    assert made.undo().status == 0
    assert without_caches(tree(made.base)) == before


@pytest.mark.parametrize(
    ("repository", "target"), [("git", "app"), ("git", "."), ("hg", "app")], indirect=["repository"]
)
def test_another_revision_comes_beside_and_the_old_one_comes_back_as_it_was(
    target: str, repository: Repository, first: str, project: Made, tree: Made
) -> None:
    made = project(lambda self: repository.block(repository.url, target=target, revision=first))
    assert made.deploy().error == ""
    top = made.work / target
    made.before(f"{target}/var/data", "precious")
    made.before(f"{target}/etc/local.conf", "mine")
    before, times = without_caches(tree(made.base)), times_of(top)
    second = repository.commit(app_py="print(2)\n", etc__app_conf=None, new_py="new\n")
    made.configure = lambda self: repository.block(repository.url, target=target, revision=second)
    planned = made.plan()
    assert planned.error == "" and without_caches(tree(made.base)) == before
    deployed = made.deploy()
    assert (deployed.error, len(deployed.changed)) == ("", 1)
    assert (top / "app.py").read_text() == "print(2)\n" and not (top / "etc/app.conf").exists()
    assert (top / "var/data").read_text() == "precious" and (top / "etc/local.conf").read_text() == "mine"
    assert made.deploy().changed == []
    assert made.undo().status == 0
    assert (without_caches(tree(made.base)), times_of(top)) == (before, times)
    assert made.deploy().error == "" and (top / "app.py").read_text() == "print(2)\n"


def without_caches(found: dict[str, Any]) -> dict[str, Any]:
    """What hg writes when it only looks does not count."""
    return {path: node for path, node in found.items() if ".hg/cache" not in path and not path.endswith(".hg/dirstate")}


def times_of(top: Path) -> dict[str, int]:
    """When the files were written."""
    found = [Path(directory) / name for directory, _, names in os.walk(top) for name in names]
    return {str(path): path.lstat().st_mtime_ns for path in found if path.name != "dirstate"}


@pytest.mark.parametrize("repository", ["git"], indirect=True)
def test_a_branch_is_followed(repository: Repository, first: str, project: Made) -> None:
    made = project(lambda self: repository.block(repository.url, target="app", branch="stable"))
    made.deploy()
    repository.commit(app_py="print(2)\n")
    assert made.deploy().error == ""
    assert (made.work / "app/app.py").read_text() == "print(2)\n"
    assert made.deploy().changed == []


def test_without_update_a_checkout_is_left_as_it_is(only_git: Repository, project: Made) -> None:
    made = project(lambda self: git.Clone(only_git.url, target="app", branch="stable", vcs_update=False))
    made.deploy()
    only_git.commit(app_py="print(2)\n")
    (made.work / "app/app.py").write_text("print(3)\n")
    assert (made.deploy().error, made.deploy().changed) == ("", [])


@pytest.mark.parametrize(
    ("repository", "what"), [("git", "removed"), ("git", "committed"), ("hg", "committed")], indirect=["repository"]
)
def test_local_changes_are_an_error_unless_they_may_go(
    what: str, repository: Repository, first: str, project: Made, tree: Made
) -> None:
    made = project(lambda self: repository.block(repository.url, target="app", revision=first))
    made.deploy()
    top = made.work / "app"
    (top / "app.py").unlink() if what == "removed" else (top / "app.py").write_text("print(3)\n")
    if what == "committed":
        repository("commit", "-q", *(["-a"] if repository.kind == "git" else []), "-m", "mine", cwd=top)
    before = without_caches(tree(made.base))
    refused = made.deploy()
    assert "has local changes: " in refused.error and "clobber=True" in refused.error
    assert without_caches(tree(made.base)) == before
    made.configure = lambda self: repository.block(repository.url, target="app", revision=first, clobber=True)
    assert made.deploy().error == ""
    assert (top / "app.py").read_text() == "print(1)\n"
    assert made.deploy().changed == []
    made.undo()
    assert without_caches(tree(made.base)) == before


def test_what_comes_is_not_put_over_what_others_put_there(only_git: Repository, project: Made) -> None:
    made = project(lambda self: git.Clone(only_git.url, target="app", branch="stable"))
    made.deploy()
    made.before("app/new.py", "mine")
    only_git.commit(new_py="theirs")
    assert "new.py was not checked out, but is part of the new checkout" in made.deploy().error
    assert (made.work / "app/new.py").read_text() == "mine"
    made.configure = lambda self: git.Clone(only_git.url, target="app", branch="stable", clobber=True)
    assert made.deploy().error == ""
    assert (made.work / "app/new.py").read_text() == "theirs"
    made.undo()
    assert (made.work / "app/new.py").read_text() == "mine"


def test_a_directory_of_others_is_left_alone_unless_it_may_go(only_git: Repository, project: Made, tree: Made) -> None:
    made = project(lambda self: git.Clone(only_git.url, target="app", branch="stable"))
    made.before("app/mine", "mine")
    before = without_caches(tree(made.base))
    assert "it has something else in it" in made.deploy().error
    assert without_caches(tree(made.base)) == before
    made.configure = lambda self: git.Clone(only_git.url, target="app", branch="stable", clobber=True)
    assert made.deploy().error == "" and not (made.work / "app/mine").exists()
    made.undo()
    assert without_caches(tree(made.base)) == before


def test_a_checkout_of_another_repository_is_changed_for_it(
    only_git: Repository, project: Made, tree: Made, tmp_path: Path
) -> None:
    other = Repository("git", tmp_path / "other")
    other.commit(other="other")
    made = project(lambda self: git.Clone(only_git.url, target="app", branch="stable"))
    made.deploy()
    before = without_caches(tree(made.base))
    made.configure = lambda self: git.Clone(other.url, target="app", branch="stable")
    assert made.deploy().error == ""
    assert (made.work / "app/other").exists() and not (made.work / "app/app.py").exists()
    made.undo()
    assert without_caches(tree(made.base)) == before


@pytest.mark.parametrize("repository", ["git"], indirect=True)
def test_a_fetch_that_fails_leaves_the_old_checkout_untouched(
    repository: Repository, first: str, project: Made, tree: Made
) -> None:
    made = project(lambda self: repository.block(repository.url, target="app", revision=first, retries=0))
    made.deploy()
    before = without_caches(tree(made.base))
    made.configure = lambda self: repository.block(repository.url, target="app", revision="0123456789" * 4)
    failed = made.deploy()
    assert failed.status == 3 and f"has no revision {'0123456789' * 4}" in failed.error
    repository.path.rename(repository.path.with_name("gone"))
    made.configure = lambda self: repository.block(repository.url, target="app", revision="9876543210" * 4)
    assert "there is no repository at" in made.deploy().error
    assert without_caches(tree(made.base)) == before and not list((made.base / ".depl/trash").glob("*-tree/app.py"))
    made.configure = lambda self: repository.block(repository.url, target="app", revision=first)
    assert (made.deploy().error, made.deploy().changed) == ("", [])  # nobody asks the repository for a revision


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "needs exactly one of revision"),
    "two": ({"revision": "0" * 40, "branch": "stable"}, "not revision and branch"),
    "no hash": ({"revision": "stable"}, "'stable' is not the hash of a commit"),
    "an option": ({"branch": "--upload-pack=x"}, "cannot be the name of a branch"),
    "the working directory": ({"branch": "stable", "target": ".."}, "would take the place of the working directory"),
    "url": ({"branch": "stable", "url": "--x"}, "is not the URL or path of a repository"),
    "ssh": ({"branch": "stable", "url": "ssh://me:hunter2@h/x"}, "has a password in it, which cannot be handed over"),
}


@pytest.mark.parametrize("block", [git.Clone, mercurial.Clone])
@pytest.mark.parametrize("case", BAD)
def test_nonsense_is_a_mistake_of_the_model(case: str, block: Any, project: Made) -> None:
    given, message = BAD[case]
    result = project(lambda self: block(**{"url": "https://example.com/app", **given})).deploy()
    assert (result.status, message in result.error) == (1, True), result.error
    assert "hunter2" not in result.error


def test_a_branch_that_is_not_there_is_named(repository: Repository, first: str, project: Made) -> None:
    made = project(lambda self: repository.block(repository.url, target="app", branch="gone"))
    assert f"the repository {repository.url} has no branch gone" in made.deploy().error
    made.configure = lambda self: repository.block(repository.url, target="app", branch="stable")
    made.deploy()
    made.configure = lambda self: repository.block(repository.url, target="app", branch="gone")
    assert "gone" in made.deploy().error


def test_a_host_without_the_program_is_told_what_to_install(
    repository: Repository, first: str, project: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    failed = project(lambda self: repository.block(repository.url, target="app", branch="stable")).deploy()
    assert f"{repository.kind} cannot be started" in failed.error and "Install" in failed.error


def test_a_server_that_says_nothing_is_given_up(repository: Repository, project: Made) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        failed = project(
            lambda self: repository.block(url, target="app", branch="stable", timeout=0.5, retries=0)
        ).deploy()
    assert failed.status == 3 and "took longer than its timeout" in failed.error


# -- user and password ------------------------------------------------------------------------------


class Guarded(http.server.SimpleHTTPRequestHandler):
    """Serves files to one user."""

    def do_GET(self) -> None:
        wanted = "Basic " + base64.b64encode(b"deployer:s3cret/word").decode()
        if self.headers.get("Authorization") == wanted:
            super().do_GET()
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Keep still."""


@pytest.fixture
def server(repository: Repository, first: str, tmp_path: Path) -> Iterator[str]:
    """Where the repository is served: host, port and path."""
    if repository.kind == "git":
        repository("update-server-info")
    serve = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Guarded, directory=str(tmp_path)))
    threading.Thread(target=serve.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{serve.server_port}/repository{'/.git' if repository.kind == 'git' else ''}"
    serve.shutdown()
    serve.server_close()


def test_a_password_is_handed_over_without_being_seen(
    repository: Repository, first: str, server: str, project: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    real = shutil.which(repository.kind)
    wrapper = tmp_path / "bin" / repository.kind
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {seen}\nexec {real} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    scheme = "http" if repository.kind == "git" else "static-http"
    url = f"{scheme}://deployer:s3cret%2Fword@{server}"
    made = project(lambda self: repository.block(url, target="app", branch="stable", retries=0))
    planned = made.plan()
    deployed = made.deploy()
    assert deployed.error == ""
    assert (made.work / "app/app.py").read_text() == "print(1)\n"
    assert made.deploy().changed == []
    shown = f"{planned.events} {planned.changes} {deployed.events} {deployed.output} {seen.read_text()}"
    in_checkout = b"".join(path.read_bytes() for path in (made.work / "app").rglob("*") if path.is_file())
    for spelling in ("s3cret/word", "s3cret%2Fword"):
        assert spelling not in shown and spelling.encode() not in in_checkout
    made.configure = lambda self: repository.block(
        url.replace("s3cret", "wrong"), target="b", branch="stable", retries=0
    )
    refused = made.deploy()
    assert "does not let this host in" in refused.error and "wrong" not in refused.error


# -- what only git has ------------------------------------------------------------------------------


@pytest.fixture
def only_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    made = Repository("git", tmp_path / "repository")
    made.commit(app_py="print(1)\n", etc__app_conf="port = 80\n")
    return made


def test_a_tag_is_checked_out(only_git: Repository, project: Made) -> None:
    only_git("tag", "-a", "v1", "-m", "v1")
    only_git.commit(app_py="print(2)\n")
    made = project(lambda self: git.Clone(only_git.url, target="app", tag="v1"))
    assert made.deploy().error == ""
    assert (made.work / "app/app.py").read_text() == "print(1)\n"
    assert made.deploy().changed == []


def test_submodules_come_along_and_are_noticed_when_they_are_missing(
    only_git: Repository, project: Made, tree: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("COUNT", "1"), ("KEY_0", "protocol.file.allow"), ("VALUE_0", "always")):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    other = Repository("git", tmp_path / "other")
    other.commit(inner="1")
    only_git("submodule", "add", "-q", other.url, "sub")
    only_git.commit(app_py="print(0)\n")
    made = project(lambda self: git.Clone(only_git.url, target="app", branch="stable"))
    assert made.deploy().error == ""
    assert (made.work / "app/sub/inner").read_text() == "1"
    made.before("app/sub/mine", "mine")
    assert made.deploy().changed == []
    before = without_caches(tree(made.base))
    other.commit(inner="2")
    only_git("pull", "-q", cwd=only_git.path / "sub")
    only_git.commit(app_py="print(2)\n")
    assert made.deploy().error == ""
    assert [(made.work / "app/sub" / name).read_text() for name in ("inner", "mine")] == ["2", "mine"]
    made.undo()
    assert without_caches(tree(made.base)) == before
