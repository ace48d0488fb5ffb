"""Files from the network."""

from __future__ import annotations

import os
import re
import time
from typing import Any, Iterator, Mapping

from depl.change import nodes
from depl.component import Component
from depl.errors import ConfigurationError, DeploymentError, UpdateNeeded
from depl.lib.downloads.parts import Failed, Part, failure, goes_on_at
from depl.lib.files.places import make_room
from depl.lib.urls import authorization, masked, without_user

PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers after which it is worth to ask again
OPTIONS = ("auth", "headers", "timeout", "verify")


class Download(Component):
    """A file from a URL, with a known content. Undone exactly.

    uri: http, https (user and password in it are sent, never shown) or file. checksum: "algorithm:hex", as
    "sha256:9f86..."; it decides whether the file is current and whether what came is right. target: where to put it,
    the URL's last part in the workdir unless given. mode: its permission bits. leading: make missing directories.
    timeout: seconds without data after which an attempt has failed. retries: how often it is tried again, `interval`
    seconds later, then twice that, and so on; what came already is not fetched again if the server can go on, not even
    by the next run. headers: to send. requests_kwargs: as in batou; auth, headers, timeout and verify are understood.

        self += Download("https://example.com/app-1.2.tar.gz", checksum="sha256:9f86d081884c7d659a2feaa0c55a...")
    """

    namevar = "uri"
    uri: Any = None
    checksum: Any = None
    target: Any = None
    mode: Any = None
    leading = False
    timeout: Any = 30.0
    retries: int = 3
    interval: float = 1.0
    headers: Any = None
    requests_kwargs: Any = None

    verify_after_update = True
    predictable = True

    def configure(self) -> None:
        from urllib.parse import unquote, urlsplit

        from depl.lib.files.modes import wanted_mode

        self.uri = str(self.uri)
        parts = urlsplit(self.uri)
        if parts.scheme not in ("http", "https", "file") or not (parts.netloc or parts.scheme == "file"):
            raise ConfigurationError(f"{masked(self.uri)!r} is not a URL of http, https or file", self)
        self._algorithm, self._digest = self._parsed_checksum()
        if self.target is None:
            self.target = os.path.basename(unquote(parts.path))
            if not self.target:
                raise ConfigurationError(
                    f"{masked(self.uri)!r} names no file", self, hint="Say with target= what it shall be called."
                )
        self.target = self.map(self.target)
        self.mode = wanted_mode(self, self.mode)
        self._local = unquote(parts.path) if parts.scheme == "file" else ""
        self._options = self._accepted(self.requests_kwargs or {})

    def verify(self) -> None:
        node = self.system.look(self.target)
        if not isinstance(node, nodes.File):
            raise UpdateNeeded(f"there is {nodes.describe(node)}")
        if self.mode is not None and node.mode != self.mode:
            raise UpdateNeeded(f"its mode is {node.mode:04o}, not {self.mode:04o}")
        if not self._is_right(self.target):
            raise UpdateNeeded("its content differs from the checksum")

    def update(self) -> None:
        make_room(self, self.target, "a file", replace=False, leading=self.leading)
        if isinstance(self.system.look(self.target), nodes.File) and self._is_right(self.target):
            self.system.set_mode(self.target, self.mode)
        elif self.system.predicting:
            # What would come is not known here, only that it will.
            self.system.remove(self.target)
            self.system.build(self.target)
        elif self._local:
            self._refuse_wrong(self._local, f"{self._local} holds")
            self.system.copy(self._local, self.target, mode=self.mode)
        else:
            part = Part(self._algorithm, self._digest)
            try:
                self._fetch(part)
                self.system.copy(part.path, self.target, mode=self.mode)
                self.system.commit()  # copies the part, which is not kept
                part.remove()
            finally:
                part.close()

    def claims(self) -> Iterator[tuple[str, str, Any]]:
        yield self.target, "kind", "file"
        yield self.target, "content", f"{self._algorithm}:{self._digest}"

    @property
    def namevar_for_breadcrumb(self) -> Any:
        """The URL without its password."""
        return masked(str(self._named))

    # -- when configured ----------------------------------------------------------------------------

    def _parsed_checksum(self) -> tuple[str, str]:
        import hashlib

        algorithm, _, digest = str(self.checksum or "").partition(":")
        name = algorithm.lower().replace("-", "")
        if name not in hashlib.algorithms_guaranteed and name.replace("_", "") in hashlib.algorithms_guaranteed:
            name = name.replace("_", "")
        if name not in hashlib.algorithms_guaranteed or name.startswith("shake"):
            raise ConfigurationError(
                f"a download needs a checksum of the form 'sha256:...', not {self.checksum!r}",
                self,
                hint="`sha256sum FILE` prints it.",
            )
        length = 2 * hashlib.new(name).digest_size
        if not re.fullmatch(rf"[0-9a-f]{{{length}}}", digest.strip().lower()):
            raise ConfigurationError(
                f"the checksum {self.checksum!r} is not complete: {name} has {length} hexadecimal digits", self
            )
        return name, digest.strip().lower()

    def _accepted(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in sorted(options):
            if name not in OPTIONS:
                raise ConfigurationError(
                    f"requests_kwargs has {name!r}, which is not understood",
                    self,
                    hint=f"There are: {', '.join(OPTIONS)}.",
                )
        self.timeout = options.get("timeout", self.timeout)
        return options

    # -- when deployed ------------------------------------------------------------------------------

    def _is_right(self, path: str) -> bool:
        return self._digest_of(path) == self._digest

    def _digest_of(self, path: str) -> str:
        from depl import utils

        if self._algorithm == "sha256":
            node = self.system.look(path, content=True)
            if isinstance(node, nodes.File) and node.digest:
                return node.digest
        return utils.hash(path, self._algorithm)

    def _refuse_wrong(self, path: str, what: str) -> None:
        try:
            digest = self._digest_of(path)
        except OSError as problem:
            raise DeploymentError(f"{path} cannot be read: {problem.strerror}", self) from None
        if digest != self._digest:
            raise DeploymentError(
                f"{what} something else than expected: its {self._algorithm} is {digest}, not {self._digest}",
                self,
                hint="The file at its source was changed, or the checksum is that of another version.",
            )

    def _fetch(self, part: Part) -> None:
        """Until all of it is in `part`, whatever happens on the way."""
        pause = self.interval
        for left in range(self.retries, -1, -1):
            resumed = part.size > 0
            try:
                self._fetch_once(part)
                if resumed and not self._is_right(part.path):
                    part.empty()  # what came before was of another file
                    self._fetch_once(part)
            except Failed as failed:
                if not left or not failed.passing:
                    raise DeploymentError(
                        f"{masked(self.uri)} cannot be downloaded: {failed}", self, hint=failed.hint
                    ) from None
                self.log("%s: %s; trying again in %g s", masked(self.uri), failed, pause)
                time.sleep(pause)
                pause *= 2
            else:
                try:
                    self._refuse_wrong(part.path, f"{masked(self.uri)} sent")
                except DeploymentError:
                    part.remove()
                    raise
                return

    def _fetch_once(self, part: Part) -> None:
        import http.client
        import urllib.error

        try:
            with self._open(part.size) as answer:
                if answer.status != 206 or not goes_on_at(answer, part.size):
                    part.empty()
                expected = answer.headers.get("Content-Length")
                received = part.take(answer)
        except urllib.error.HTTPError as problem:
            problem.close()
            if problem.code == 416 and part.size:  # all of it is there already, or it is of another file
                if not self._is_right(part.path):
                    part.empty()
                    raise Failed("what came before does not fit", passing=True) from None
                return
            raise Failed(f"the answer is {problem.code} {problem.reason}", problem.code in PASSING) from None
        except (OSError, http.client.HTTPException) as problem:
            raise failure(problem, self.timeout) from None
        if expected and received < int(expected):
            raise Failed(f"the connection ended after {received} of {expected} bytes", passing=True)

    def _open(self, start: int) -> Any:
        import urllib.request

        request = urllib.request.Request(without_user(self.uri), headers={"User-Agent": "depl"})  # noqa: S310
        for name, value in {**(self.headers or {}), **(self._options.get("headers") or {})}.items():
            request.add_header(name, value)
        for name, value in authorization(self.uri, self._options.get("auth")).items():
            request.add_unredirected_header(name, value)  # it is for this server only
        if start:
            request.add_header("Range", f"bytes={start}-")
        handlers: list[Any] = []
        if self._options.get("verify") is False:
            import ssl

            handlers.append(urllib.request.HTTPSHandler(context=ssl._create_unverified_context()))  # noqa: S323
        return urllib.request.build_opener(*handlers).open(request, timeout=self.timeout)
