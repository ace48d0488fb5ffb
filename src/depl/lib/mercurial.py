"""Checkouts of Mercurial repositories."""

from __future__ import annotations

import re
from typing import Any, Optional

from depl.errors import DeploymentError
from depl.lib.checkouts.address import shown
from depl.lib.checkouts.base import Checkout
from depl.lib.checkouts.tool import Tool

HASH = re.compile(r"\b[0-9a-f]{40}\b")
QUIET = {"HGPLAIN": "1", "HGENCODING": "utf-8", "SSH_ASKPASS": "", "SSH_ASKPASS_REQUIRE": "never"}


class Clone(Checkout):
    """A checkout of a Mercurial repository, at a commit or the tip of a branch. Undone exactly.

    url: of any kind that hg knows, or a path. User and password in an http(s) URL are handed over as if typed: they are
    neither shown nor visible in the list of processes, nor kept in the checkout. Exactly one of revision (the hash of a
    commit, 7 digits or more) and branch. target, vcs_update, clobber, timeout, retries, interval: as for the Clone of
    depl.lib.git. The repository is cloned anew for each update; else rules and undo are the same, too.

        self += Clone("https://example.com/hg/app", branch="stable", target="app")
    """

    own = ".hg"

    _tip = ""

    def difference(self, place: str) -> Optional[str]:
        origin = self._in(place).look("paths", "default", check=False).strip()
        if origin != self.address.url:
            return f"it is a checkout of {shown(origin) or 'nothing'}"
        if not self.vcs_update:
            return None
        node = self._commit(place, ".")
        wanted = self._newest() if self.branch else self._commit(place, str(self.revision))
        if node != wanted:
            return f"it is at {node[:12]}, not at {self.revision or f'{wanted[:12]} of the branch {self.branch}'}"
        return None

    def local_changes(self, place: str) -> str:
        hg = self._in(place)
        changed = hg.look("status", "--modified", "--added", "--removed", "--deleted", "--no-status", "-0").split("\0")[
            :-1
        ]
        if changed:
            return f"{changed[0]}{f' and {len(changed) - 1} more' if len(changed) > 1 else ''}"
        own = len(hg.look("log", "-r", "::. and not public()", "-T", "{node}\n").splitlines())
        return f"{own} commit{'' if own == 1 else 's'} that the repository does not have" if own else ""

    def tracked(self, place: str) -> list[str]:
        return self._in(place).look("status", "--no-status", "-0", "-mardc").split("\0")[:-1]

    def make(self, new: str, old: Optional[str]) -> None:
        self._hg().act_far("clone", "-q", "--noupdate", "--pull", "--", self.address.url, new)
        hg = self._in(new)
        hg.act("phase", "--public", "-q", "-r", "all()", check=False)  # so that what is committed here is known later
        hg.act("update", "-q", "--clean", "-r", str(self.branch) if self.system.predicting else self._wanted(new))

    def last_updated(self, **options: Any) -> Optional[float]:
        """When the commit was made that is checked out."""
        told = self._in(self.target).look("log", "-r", ".", "-T", "{date|hgdate}", check=False).split()
        return float(told[0]) if told else None

    def _wanted(self, new: str) -> str:
        """The wanted commit, once all is there. Errors: DeploymentError."""
        node = self._commit(new, f"branch({_quoted(self.branch)})" if self.branch else str(self.revision))
        if not node:
            raise self._unknown()
        if self.branch:
            self._tip = node
        return node

    def _newest(self) -> str:
        """The tip of the branch in the repository. Errors: DeploymentError."""
        if not self._tip:
            try:
                told = self._hg().look_far("identify", "--id", "--debug", "-r", self.branch, self.address.url)
                self._tip = (HASH.findall(told) or [""])[-1]  # where it asked for a password, it says so before
            except DeploymentError as error:
                if "unknown revision" in getattr(error, "stderr", ""):
                    raise self._unknown() from None
                raise
        return self._tip

    def _unknown(self) -> DeploymentError:
        kind = "branch" if self.branch else "revision"
        return DeploymentError(
            f"the repository {self.address.url} has no {kind} {getattr(self, kind)}",
            self,
            hint="Is it pushed, and spelled as there?",
        )

    def _commit(self, place: str, revision: str) -> str:
        """The hash of a commit, the newest of several; nothing if it is not there."""
        return self._in(place).look("log", "-r", f"last({revision})", "-T", "{node}", check=False).strip()

    def _in(self, place: str) -> Tool:
        return self._hg("-R", place)

    def _hg(self, *options: str) -> Tool:
        if self.address.needs_login:
            typed = f"{self.address.user}\n{self.address.password}\n"
            return Tool(
                self, "hg", ["--config", "ui.interactive=yes", "--config", "ui.nontty=yes", *options], QUIET, typed
            )
        return Tool(self, "hg", ["--noninteractive", *options], QUIET)


def _quoted(name: Any) -> str:
    return '"' + str(name).replace("\\", "\\\\").replace('"', '\\"') + '"'
