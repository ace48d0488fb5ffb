"""From a slice to root components: the project, what its code imports, and the model of this host."""

from __future__ import annotations

import os
import sys
from typing import Any, Dict, Iterator, List, Mapping, Optional

from depl.agent.line import Line
from depl.agent.projects import Projects
from depl.agent.side import Side
from depl.change.journal import read
from depl.change.records import Begin, Did
from depl.compiled import cache_home
from depl.deploy.books import PROJECT
from depl.errors import ChangeFailed, ConfigurationError, DeploymentError, Interrupted, ProtocolError
from depl.protocol import requests
from depl.protocol.replies import Configured, Wants


class SliceSide(Side):
    """An agent that needs the model. roots: this host's own, in the order of deployment.

    switches: whether the link to the project is to lead to this one.
    """

    switches = True

    def __init__(self, hello: requests.Hello, line: Line) -> None:
        super().__init__(hello, line)
        self.environment: Any = None
        self.roots: List[Any] = []
        self._by_name: Dict[str, Any] = {}
        self._slice: Optional[Mapping[str, Any]] = None
        self._may_prepare = False
        self._switched = False
        self.handlers[requests.Slice] = self._take_slice

    def root(self, name: str) -> Any:
        """The root component of a name. Errors: ProtocolError."""
        if name not in self._by_name:
            raise ProtocolError(f"there is no root component {name!r} in the slice of this host")
        return self._by_name[name]

    def prepare(self) -> None:
        """Configure the slice, now or as soon as it is there."""
        self._may_prepare = True
        if self._slice is not None:
            self._prepare(self._slice)

    def configured(self) -> None:
        """The model is known."""

    def switch(self, link: str, to: str) -> None:
        """Let the link to the project lead to another one."""
        raise NotImplementedError

    def remove_old_projects(self) -> None:
        """Keep what a way back may need: the projects that the journals name, and the newest ones."""
        if not self._switched:
            return
        named = {self.hello.project}
        for path in self.target.journals.paths():
            for record in read(path):
                if isinstance(record, Begin):
                    named.add(record.project)
                elif isinstance(record, Did) and record.component == PROJECT:  # where an undo switches back to
                    before = getattr(record.change, "before", None)
                    named.add(os.path.basename(getattr(before, "to", "")))
        Projects(os.path.join(self.target.records, "projects")).remove_old(sorted(named))

    def lies_elsewhere(self, project: str, link: str) -> None:
        """A plan uses a project that is not behind the link, as a run would have it."""

    def _take_slice(self, request: requests.Slice) -> None:
        self.redact.learn([(mark, text) for mark, text in request.slice["secrets"]])
        self._slice = request.slice
        if self._may_prepare:
            self._prepare(request.slice)

    def _prepare(self, slice: Mapping[str, Any]) -> None:
        self._make_importable()
        base_dir = self._project()
        from depl.homes import with_homes
        from depl.sliced import configure_slice, environment_of

        slice = with_homes(slice, {self.hello.host: os.path.expanduser("~")})
        self.environment = environment_of(slice, base_dir, self.target.directory, self.redact)
        sliced = configure_slice(self.environment, slice)
        self.roots = list(sliced.roots)
        self._by_name = {root.name: root for root in self.roots}
        warnings = [{"text": str(warning)} for warning in sliced.warnings]
        self.line.send(Configured(list(sliced.differences), warnings))
        self.configured()

    # -- what is missing comes over the line ---------------------------------------------------------------------

    def ask(self, wants: Wants) -> Iterator[requests.Given]:
        """Say what is missing; the parts of the answer as they come."""
        self.line.send(wants)
        while True:
            given = self.line.next()
            if given is None:
                raise Interrupted("the line was cut while something was brought here")
            if isinstance(given, requests.Withheld):
                raise DeploymentError("the coordinator could not give what is missing here")
            if not isinstance(given, requests.Given) or given.kind != wants.kind:
                raise ProtocolError(f"{wants.kind} was wanted, but {type(given).__name__} came")
            yield given
            if given.last:
                return

    def _make_importable(self) -> None:
        if not self.hello.requirements:
            return
        from depl.agent.wheels import make_available

        directory = make_available(self.hello.requirements, self._cache(), self.ask)
        if directory not in sys.path:
            sys.path.append(directory)

    def _cache(self) -> str:
        """A place for what can be fetched again."""
        cache = os.path.join(cache_home(), "depl")
        try:
            os.makedirs(cache, mode=0o700, exist_ok=True)
            if os.access(cache, os.W_OK):
                return cache
        except OSError:
            pass
        return os.path.join(self.target.records, "cache")

    def _project(self) -> str:
        """Where the project lies that is to be configured."""
        key, link = self.hello.project, os.path.join(self.target.directory, "project")
        if not key:
            raise ConfigurationError("the coordinator named no project")
        projects = Projects(os.path.join(self.target.records, "projects"))
        to = os.path.join(".depl", "projects", key)
        leads_to = _link(link)
        if leads_to == to and projects.has(key):
            return link
        if not (self.locks and self.switches):
            # A plan must write nothing but caches, and switches nothing; nor does an undo for its own sake.
            if not projects.has(key):
                projects = Projects(os.path.join(self._cache(), "projects"))
            path = projects.fetch(key, self.hello.method, self.hello.revision, self.ask)
            self.lies_elsewhere(path, link)
            return path
        path = projects.fetch(key, self.hello.method, self.hello.revision, self.ask)
        if os.path.realpath(path) != os.path.realpath(os.path.join(self.target.directory, to)):
            raise ChangeFailed(path, f"the project lies in {path}, which is not where it should be")
        for _ in self.ask(Wants("go")):  # only once all hosts are ready is anything changed anywhere
            pass
        self.switch(link, to)
        return link


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
