"""The agent that takes back what a rollout did here, from the journal alone unless that needs a component's code."""

from __future__ import annotations

import os
from typing import Any, Iterator

from depl.agent.acting import Acting
from depl.agent.line import Line
from depl.agent.telling import pages
from depl.change.folds import ChainState
from depl.deploy.chains import chains_of, needs_code, open_chain, tasks_of
from depl.deploy.own_code import lacking, no_longer_there, where_it_is
from depl.deploy.preview import preview, unknown_steps
from depl.deploy.redoable import assert_can_be_done_again, redoes
from depl.errors import DeplError
from depl.homes import Moved
from depl.protocol import requests
from depl.protocol.replies import Found, Logged
from depl.protocol.replies import Undoing as Opened


class Undoing(Acting):
    """Tells what could be undone, and undoes it: tasks are reversed, reactions repeated, the chain settled."""

    mode = "undo"
    switches = False

    def __init__(self, hello: requests.Hello, line: Line) -> None:
        super().__init__(hello, line)
        line.keeps_output = False  # without the model, secrets in it are not known
        self.handlers[requests.Chains] = self._chains
        self.handlers[requests.Undo] = self._open

    def begin(self) -> None:
        if not os.path.isdir(self.target.records):
            self.locks = False  # nothing was ever done here, and nothing will be made here now
        super().begin()

    def locked(self) -> None:
        if self.hello.resume and self.hello.undoes:
            self._open(requests.Undo(self.hello.undoes), tell=False)
        if self.hello.project:
            self.prepare()

    def configured(self) -> None:
        """Nothing is to be found out about what the model declares."""

    def lies_elsewhere(self, project: str, link: str) -> None:
        self.named = Moved(project, link)

    def _chains(self, request: requests.Chains) -> None:
        # Of a rollout that is named: what belongs to it on other hosts may be here under another name.
        found, gone, forgotten = chains_of(self.target, self.hello.environment, request.rollout)
        self.line.send(Found(found[:50], gone, forgotten))

    def _open(self, request: requests.Undo, tell: bool = True) -> None:
        path, state = open_chain(self.target, self.hello.environment, request.rollout)
        steps: list[Any] = []
        unknown: list[str] = []
        again = redoes(state, request.rollout)
        if request.plan:
            journal = self.target.journals.open_at(path)
            steps = preview(self.target, journal, state, again, keep=request.on_conflict == "keep")
            unknown = unknown_steps(journal.records, again)
        else:
            if again and tell and request.on_conflict != "keep":
                assert_can_be_done_again(path)
            if not again and tell and request.on_conflict != "keep":
                self._assert_has_code(state)
            self.target.clear_stage()
            self.open_work(state.host, request.rollout if again else state.rollouts[-1], path)
        if tell:
            self.line.send(Opened(tasks_of(state), steps, unknown, list(state.rollouts), again))

    def _assert_has_code(self, state: ChainState) -> None:
        about = lacking(needs_code(state), self.roots, self.named) if self.hello.project else None
        if about is not None:
            raise DeplError(no_longer_there(about["component"], self.hello.host), hint=where_it_is(about))


class Looking(Undoing):
    """Tells what could be undone, and how; no lock is taken."""

    mode = "look"
    locks = False

    def __init__(self, hello: requests.Hello, line: Line) -> None:
        super().__init__(hello, line)
        self._pages: Iterator[Logged] = iter(())
        self.handlers[requests.Log] = self._log

    def _log(self, request: requests.Log) -> None:
        if not request.more:
            self._pages = pages(self.target, request.path, request.changes)
        self.line.send(next(self._pages))

    def _reached(self) -> int:
        return 0  # nothing is written, and a journal that cannot be read does not keep the others from being shown
