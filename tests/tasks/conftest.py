"""What the tests of tasks share: hands that work for real, and a deployer and a notifier that only note."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from depl.deploy.stop import Stop
from depl.errors import NothingToUndo
from depl.events import Emit, Event, Output, What
from depl.redact import Redactor
from depl.rollout.hands import ENDS, ENDS_BACK, Happening
from depl.rollout.options import Outcome
from depl.tasks import Task
from depl.tasks.building import leaf_of
from depl.tasks.deployer import Foreseen, Gate, Part
from depl.tasks.hands import TaskHands

PATIENT = 60.0  # seconds; only a test that hangs takes so long
ENDINGS = ENDS | ENDS_BACK


@dataclass
class SmallDeployer:
    """Deploys nothing. asked: what it was asked for. stands: what look() says. outcomes: what comes of it, in turn."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    stands: dict[str, str] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    on_deploy: Callable[[Emit], None] = lambda emit: None
    known: set[str] = field(default_factory=set)

    def foresee(self, part: Part) -> Foreseen:
        return Foreseen("digest", ["web@host1"])

    def changes(self, part: Part, emit: Emit) -> int:
        return 0

    def deploy(
        self, part: Part, rollout: str, stop: Stop, emit: Emit, on_failure: Callable[[], str], gate: Gate | None = None
    ) -> Outcome:
        self.asked.append(("deploy", part, rollout, on_failure()))
        self.known.add(rollout)
        self.on_deploy(emit)
        return self.outcomes.pop(0) if self.outcomes else Outcome("succeeded", rollout, changed=1)

    def undo(self, environment: str, rollout: str | None, stop: Stop, emit: Emit, on_conflict: str = "stop") -> Outcome:
        self.asked.append(("undo", environment, rollout, on_conflict))
        if rollout is not None and rollout not in self.known:
            raise NothingToUndo(f"there is no rollout {rollout}")
        emit(Event(What.STARTED, data={"rollout": "undo-1", "undoes": rollout or "newest"}))
        self.known.add("undo-1")
        return self.outcomes.pop(0) if self.outcomes else Outcome("reversed", "undo-1")

    def look(self, environment: str, rollout: str) -> str:
        self.asked.append(("look", environment, rollout))
        return self.stands.get(rollout, "not started")


@dataclass
class SmallNotifier:
    told: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def tell(self, kind: str, facts: Mapping[str, Any]) -> None:
        self.told.append((kind, facts))


class Bench:
    """Hands, and whoever listens to them: all that happens is noted in `heard`, and counts as written down."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.deployer, self.notifier, self.redact = SmallDeployer(), SmallNotifier(), Redactor()
        self.hands = TaskHands(self.deployer, self.notifier, self.redact, str(base), rollout="r1")
        self.heard: list[Happening] = []

    def start(self, task: Task, saved: Mapping[str, Any] | None = None, attempt: int = 1) -> None:
        self.hands.start(leaf_of(task, "1"), attempt, saved or {})

    def run(self, task: Task, saved: Mapping[str, Any] | None = None, attempt: int = 1) -> Event:
        self.start(task, saved, attempt)
        return self.end()

    def reverse(self, task: Task, saved: Mapping[str, Any] | None = None, *, force: bool = False) -> Event:
        self.hands.reverse(leaf_of(task, "1"), 1, saved or {}, force=force)
        return self.end()

    def next(self) -> Happening:
        happened = self.hands.next(PATIENT)
        assert happened is not None, "nothing happened"
        happened.heard()
        self.heard.append(happened.what)
        return happened.what

    def end(self) -> Event:
        return self.until(lambda what: isinstance(what, Event) and what.what in ENDINGS and what.task == "1")

    def until(self, wanted: Callable[[Happening], bool]) -> Any:
        while not wanted(what := self.next()):
            pass
        return what

    @property
    def saved(self) -> dict[str, Any]:
        states = [one.data["state"] for one in self.events(What.TASK_SAVED)]
        return states[-1] if states else {}

    @property
    def output(self) -> str:
        return "".join(one.text for one in self.heard if isinstance(one, Output))

    def events(self, what: What) -> list[Event]:
        return [one for one in self.heard if isinstance(one, Event) and one.what is what]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.hands.close()


@pytest.fixture
def own(tmp_path: Path) -> Callable[[str], Any]:
    """Writes `rollouts/own.py` and gives the module that it is."""
    from depl.rollout.files import load

    def write(text: str) -> Any:
        path = tmp_path / "rollouts" / "own.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("from depl.tasks import Conflict, Task\n" + text)
        return load(str(path))

    return write


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Waits for something to be so."""

    def wait(condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENT
        while not condition():
            assert time.monotonic() < end, "it did not come to that"
            time.sleep(0.02)

    return wait
