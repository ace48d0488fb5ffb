"""The agent that takes back what a rollout did here, from the journal alone."""

from __future__ import annotations

import os
from typing import Any, Iterator

from depl.agent.acting import Acting
from depl.agent.line import Line
from depl.agent.telling import pages
from depl.change.changes import Call
from depl.deploy.chains import chains, open_chain, tasks_of
from depl.deploy.preview import preview, unknown_steps
from depl.deploy.purged import purged
from depl.deploy.redoable import assert_can_be_done_again, redoes
from depl.protocol import requests
from depl.protocol.replies import Found, Logged
from depl.protocol.replies import Undoing as Opened


class Undoing(Acting):
    """Tells what could be undone, and undoes it: tasks are reversed, reactions repeated, the chain settled."""

    mode = "undo"

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

    def _chains(self, request: requests.Chains) -> None:
        found = [chain for chain in chains(self.target) if self.hello.environment in chain["environments"]]
        if request.rollout is not None:
            found = [chain for chain in found if request.rollout in (*chain["rollouts"], *chain["undos"])]
        gone = purged(self.target.journals.directory, self.hello.environment)
        self.line.send(Found(found[:50], gone))

    def _open(self, request: requests.Undo, tell: bool = True) -> None:
        path, state = open_chain(self.target, self.hello.environment, request.rollout)
        steps: list[Any] = []
        unknown: list[str] = []
        again = redoes(state, request.rollout)
        if request.plan:
            steps, unknown = preview(self.target, state, again), unknown_steps(self.target, state, again)
        else:
            if again and tell and request.on_conflict != "keep":
                assert_can_be_done_again(path)
            self.target.clear_stage()
            self.open_work(state.host, request.rollout if again else state.rollouts[-1], path)
        if tell:
            needs_code = not again and any(isinstance(did.change, Call) for did in state.standing)
            self.line.send(Opened(tasks_of(state), steps, unknown, list(state.rollouts), needs_code, again))


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
