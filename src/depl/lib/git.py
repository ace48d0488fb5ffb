"""Checkouts of git repositories."""

from __future__ import annotations

import os
from typing import Any, Iterator, Optional

from depl.errors import DeploymentError
from depl.lib.checkouts.address import shown
from depl.lib.checkouts.base import Checkout
from depl.lib.checkouts.tool import Tool

QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
    "GCM_INTERACTIVE": "never",
    "GIT_HTTP_LOW_SPEED_LIMIT": "1",  # bytes in a second, for
    "GIT_HTTP_LOW_SPEED_TIME": "60",  # so many seconds: then the server is taken for gone
    "LC_ALL": "C",
}
HELPER = '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$DEPL_GIT_USER" "$DEPL_GIT_PASSWORD"; }; f'
ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_PREFIX")
MARK = "refs/depl/deployed"  # a commit that came from the repository, even if no branch there leads to it


class Clone(Checkout):
    """A checkout of a git repository, with its submodules, at a commit, a tag or the tip of a branch. Undone exactly.

    url: of any kind that git knows, or a path. User and password in an http(s) URL are handed over in the environment:
    they are neither shown nor visible in the list of processes, nor kept in the checkout. Exactly one of revision (the
    hash of a commit, 7 digits or more), branch and tag (taken to stay as it is once it is here). target: the directory;
    "." (default) is the working directory, in which what others put there stays. vcs_update: False leaves a checkout of
    this URL alone, whatever is checked out. clobber: local changes, and what is in the way, go to the trash; else
    they are an error. timeout: seconds for each command of git. retries: how often a server that cannot be reached
    is tried again, `interval` seconds later, then twice that, and so on.

    Only for a branch the repository is asked in verify. The new checkout is made beside the old one, changes places
    with it when it is complete, and takes along the files that are not under version control. Undoing changes them
    back. git asks for nothing: hosts must be known to SSH, keys without passphrase or in an agent.

        self += Clone("https://example.com/app.git", revision="9fceb02d0ae598e95dc970b74767f19372d61af8", target="app")
    """

    tag: Any = None

    chosen_by = ("revision", "branch", "tag")
    own = ".git"

    _tip = ""

    def difference(self, place: str) -> Optional[str]:
        origin = self._in(place).look("config", "--get", "remote.origin.url", check=False).strip()
        if origin != self.address.url:
            return f"it is a checkout of {shown(origin) or 'nothing'}"
        if not self.vcs_update:
            return None
        head = self._commit(place, "HEAD")
        if self.branch:
            branch = self._in(place).look("symbolic-ref", "--short", "-q", "HEAD", check=False).strip()
            if branch != self.branch:
                return f"it is on {f'the branch {branch}' if branch else 'no branch'}, not on {self.branch}"
            if head != self._newest():
                return f"it is at {head[:12]}, and the branch {self.branch} at {self._newest()[:12]}"
        elif head != self._commit(place, self._name):
            return f"it is at {head[:12] or 'no commit'}, not at {self.revision or self.tag}"
        return self._missing_submodule(place)

    def local_changes(self, place: str) -> str:
        git = self._in(place)
        status = git.look("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=untracked", "-z")
        changed = [entry[3:] for entry in status.split("\0") if entry[2:3] == " "]
        if changed:
            return f"{changed[0]}{f' and {len(changed) - 1} more' if len(changed) > 1 else ''}"
        here = ("rev-list", "--count", "HEAD", "--not", "--remotes", "--tags", "--glob=refs/depl/*")
        own = git.look(*here, check=False).strip()
        return "" if own in ("", "0") else f"{own} commit{'' if own == '1' else 's'} that the repository does not have"

    def tracked(self, place: str) -> list[str]:
        files = self._in(place).look("ls-files", "-z", "--cached", "--recurse-submodules").split("\0")[:-1]
        links = {os.path.join(above, ".git") for path in files for above in _above(path)}  # of submodules
        return [*files, *links]

    def make(self, new: str, old: Optional[str]) -> None:
        git = self._in(new)
        self._git().act("init", "-q", new)
        git.act("remote", "add", "origin", self.address.url)
        if old:  # what is here already need not come over the network
            git.act("fetch", "-q", old, "+refs/remotes/origin/*:refs/remotes/origin/*", check=False)
        git.act_far("fetch", "-q", "--force", "--prune", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*")
        commit = self._name if self.system.predicting else self._wanted(new)
        if self.branch:
            git.act("checkout", "-q", "-B", self.branch, "--track", f"origin/{self.branch}")
        else:
            git.act("checkout", "-q", "--detach", commit)
        git.act("update-ref", MARK, "HEAD")
        if os.path.lexists(os.path.join(new, ".gitmodules")):
            git.act_far("submodule", "--quiet", "update", "--init", "--recursive")

    def last_updated(self, **options: Any) -> Optional[float]:
        """When the commit was made that is checked out."""
        told = self._in(self.target).look("show", "-s", "--format=%ct", "HEAD", check=False).strip()
        return float(told) if told else None

    @property
    def _name(self) -> str:
        """What is wanted, as git calls it in a clone."""
        if self.branch:
            return f"refs/remotes/origin/{self.branch}"
        return f"refs/tags/{self.tag}" if self.tag else str(self.revision)

    def _wanted(self, new: str) -> str:
        """The wanted commit, once all branches and tags are there. Errors: DeploymentError."""
        commit = self._commit(new, self._name)
        if not commit and self.revision and len(self.revision) >= 40:  # no branch may lead to it
            self._in(new).act("fetch", "-q", "origin", self.revision, check=False)
            commit = self._commit(new, self._name)
        if not commit:
            kind = next(name for name in self.chosen_by if getattr(self, name))
            raise DeploymentError(
                f"the repository {self.address.url} has no {kind} {getattr(self, kind)}",
                self,
                hint="Is it pushed, and spelled as there?",
            )
        if self.branch:
            self._tip = commit
        return commit

    def _newest(self) -> str:
        """The tip of the branch in the repository. Errors: DeploymentError."""
        if not self._tip:
            told = self._git().look_far("ls-remote", self.address.url, f"refs/heads/{self.branch}")
            self._tip = told.split("\t")[0]
        if not self._tip:
            raise DeploymentError(
                f"the repository {self.address.url} has no branch {self.branch}",
                self,
                hint="Is it pushed, and spelled as there?",
            )
        return self._tip

    def _commit(self, place: str, name: str) -> str:
        """The hash of a commit; nothing if it is not there."""
        return self._in(place).look("rev-parse", "--verify", "-q", f"{name}^{{commit}}", check=False).strip()

    def _missing_submodule(self, place: str) -> Optional[str]:
        if not os.path.lexists(os.path.join(place, ".gitmodules")):
            return None
        told = self._in(place).look("submodule", "status", "--recursive").splitlines()
        missing = [line.split()[1] for line in told if line.startswith("-")]
        return f"the submodule {missing[0]} is missing" if missing else None

    def _in(self, place: str) -> Tool:
        return self._git("-C", place)

    def _git(self, *options: str) -> Tool:
        env, login = dict(QUIET), []
        if self.address.needs_login:
            env.update(DEPL_GIT_USER=self.address.user or "", DEPL_GIT_PASSWORD=self.address.password or "")
            key = f"credential.{self.address.server}.helper"
            login = ["-c", f"{key}=", "-c", f"{key}={HELPER}"]
        quiet = [
            "--no-optional-locks",
            "-c",
            "gc.auto=0",
            "-c",
            "maintenance.auto=false",
            "-c",
            "advice.detachedHead=false",
        ]
        if any(name in os.environ for name in ELSEWHERE):  # as in a hook of git
            unset = [part for name in ELSEWHERE for part in ("-u", name)]
            return Tool(self, "env", [*unset, "git", *quiet, *login, *options], env, called="git")
        return Tool(self, "git", [*quiet, *login, *options], env)


def _above(path: str) -> Iterator[str]:
    """The directories in which something lies."""
    while path := os.path.dirname(path):
        yield path
