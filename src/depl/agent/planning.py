"""The agent that only looks: what a run would do here."""

from __future__ import annotations

import os
from typing import Any, Mapping, Optional

from depl.agent.line import Line
from depl.agent.model import SliceSide
from depl.change.changes import WayBack
from depl.change.nodes import Link, Node, Path
from depl.change.predicting import PredictingSystem
from depl.deploy.begin import warnings
from depl.deploy.forecast import Forecast
from depl.deploy.predict import Prediction
from depl.deploy.target import warning_to
from depl.events import Event, What
from depl.protocol import requests
from depl.protocol.failures import error_to_json
from depl.protocol.replies import Collected, Planned


class Elsewhere(PredictingSystem):
    """Predicts with a project that lies in a cache, where a run would have it behind the link `project`.

    What names its directory is compared, and shown, as the run would have it.
    """

    project = link_to_project = ""

    def look(self, path: Path, content: bool = False) -> Node:
        node = super().look(path, content)
        if self.project and isinstance(node, Link):
            return Link(node.to.replace(self.link_to_project + "/", self.project + "/"))
        return node

    def holds(self, path: Path, content: bytes) -> bool:
        return super().holds(path, self._as_run(content))

    def write(self, path: Path, content: bytes, *how: Any, **more: Any) -> None:
        super().write(path, self._as_run(content), *how, **more)

    def _as_run(self, content: bytes) -> bytes:
        if not self.project:
            return content
        return content.replace(os.fsencode(self.project), os.fsencode(self.link_to_project))


class Planning(SliceSide):
    """Predicts root components; nothing is written, and no lock is taken."""

    mode = "plan"
    locks = False

    def __init__(self, hello: requests.Hello, line: Line) -> None:
        super().__init__(hello, line)
        self._prediction: Optional[Prediction] = None
        self._forecast: Optional[Forecast] = None
        self.handlers[requests.Collect] = self._collect
        self._told = {"errors": 0, WayBack.UNKNOWN.value: 0, WayBack.IRREVERSIBLE.value: 0}

    def locked(self) -> None:
        journal = self.target.journals.open("plan")
        for text in warnings(journal):
            self.emit(Event(What.WARNING, data={"text": text}))
        system = self._system = Elsewhere(
            self.target.records,
            change_limit=self.hello.change_limit,
            command_timeout=self.hello.command_timeout,
            redact=self.redact,
        )
        system.warn.tell = warning_to(self.emit)
        self._records = journal.records
        self._prediction = Prediction(system, journal.ledger, self.emit, self.target.receipts().known())
        self.prepare()

    def configured(self) -> None:
        hello = self.hello
        if not hello.selected:
            receipts = self.target.receipts(hello.of)
            self._forecast = Forecast(receipts, hello.environment, self.roots, self._system, self._records, hello.gc)

    def lies_elsewhere(self, project: str, link: str) -> None:
        self._system.project, self._system.link_to_project = project, link

    def task(self, task: Mapping[str, Any], last: bool) -> bool:
        prediction = self._prediction
        assert prediction is not None
        root = self.root(str(task["root"]))
        self.emit(Event(What.TASK_STARTED, root.name))
        changed = prediction.predict(root)
        self.emit(Event(What.TASK_DONE if changed else What.TASK_UNCHANGED, root.name, data={"changed": changed}))
        changed += self._tell_undeclared() if last else 0
        planned = Planned(
            0,
            root.name,
            changed,
            [error_to_json(error, self.redact) for error in self._news("errors", prediction.errors)],
            self._news(WayBack.UNKNOWN.value, prediction.steps.get(WayBack.UNKNOWN.value, [])),
            self._news(WayBack.IRREVERSIBLE.value, prediction.steps.get(WayBack.IRREVERSIBLE.value, [])),
        )
        self.line.send(planned)
        return True

    def _collect(self, request: requests.Collect) -> None:
        """Here is no root component with which that could be told."""
        assert self._prediction is not None
        changed = self._tell_undeclared()
        errors = [error_to_json(error, self.redact) for error in self._news("errors", self._prediction.errors)]
        self.line.send(Collected(0, changed, errors))

    def _tell_undeclared(self) -> int:
        """Tell what is no longer declared; how much removing it would change, where that is wanted."""
        prediction = self._prediction
        assert prediction is not None
        before = prediction.changes
        if self._forecast is not None:
            self._forecast.tell(prediction, self.emit)
        return prediction.changes - before

    def at_work(self) -> Optional[str]:
        return (self._system.component if self._prediction is not None else None) or super().at_work()

    def _news(self, what: str, all_so_far: Any) -> Any:
        """What is new since the task before."""
        before, self._told[what] = self._told[what], len(all_so_far)
        return all_so_far[before:]
