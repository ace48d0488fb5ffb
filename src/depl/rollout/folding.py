"""How a rollout stands: a fold of its events, the same for all that show it and for what decides on it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from depl.events import Event, What
from depl.rollout import waiting
from depl.rollout.log import Recorded
from depl.rollout.plan import RolloutPlan
from depl.rollout.signalled import signalled
from depl.rollout.states import (
    NOT_PUT_BACK,
    Block,
    Hold,
    RolloutState,
    TaskState,
    assert_rollout_move,
    assert_task_move,
    states_between,
)
from depl.rollout.task_status import TaskStatus, id_of, moved_to, state_before

_T, _R = TaskState, RolloutState

# How `depl local`, `depl remote` and `depl undo` end, in the words of states.
OUTCOMES = {"nothing": _R.SUCCEEDED, "redone": _R.SUCCEEDED, "stopped": _R.KEPT}


@dataclass
class State:
    """How a rollout stands after its events so far; the fields of the header are empty until it is known.

    tasks: by id; of `depl local` and `depl remote` "web@host1", of what a Deploy does inside "2/web@host1".
    """

    rollout: str = ""
    name: str = ""
    state: RolloutState = _R.DRAFT
    tasks: dict[str, TaskStatus] = field(default_factory=dict)
    held: set[Hold] = field(default_factory=set)
    keep: bool = False
    wish: str = ""  # abort or terminate
    block: Block | None = None
    reason: str = ""
    cause: str = ""  # the task whose failure stopped it; empty: people or monitors did
    error: Mapping[str, Any] | None = None  # the first
    failed: str = ""  # the task that it is of
    outcome: str = ""
    number: int = 0
    last_signal: int = 0
    signals: list[Mapping[str, Any]] = field(default_factory=list)
    plan: RolloutPlan | None = None
    environments: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    who: str = ""
    undoes: str = ""
    wanted_by: str = ""  # who wants it to start, where somebody else has to agree
    queued_by: str = ""
    approved_by: str = ""  # who agreed to its start
    made: str = ""
    started: str = ""
    ended: str = ""
    seconds: float = 0.0
    changed: int = 0

    @property
    def holds(self) -> set[Hold]:
        """Why it waits although it could go on."""
        gates = {
            Hold.APPROVAL if leaf.gate == "approval" else Hold.GATE
            for id in self.open_gates
            for leaf in [self.plan.tree.leaves[id]]  # type: ignore[union-attr]
        }
        return self.held | gates | set(self.inside.values())

    @property
    def open_gates(self) -> list[str]:
        """The tasks that wait for people now."""
        return self.waiting_gates if self.state is _R.RUNNING else []

    @property
    def unanswered(self) -> list[str]:
        """Those, and the deployments that wait for people between their stages."""
        return [*self.open_gates, *self.inside]

    @property
    def waiting_gates(self) -> list[str]:
        """Those, and those that wait for them until the rollout goes on or back."""
        return [id for id in self._gates if self.tasks[id].state is _T.DISPATCHED]

    def add(self, recorded: Recorded) -> None:
        """Take the next event in. Errors: IllegalTransition."""
        event = recorded.event
        self.number = recorded.number
        after = moved_to(event)
        if after is not None:
            self._move_task(after, event, recorded.at)
        elif event.what in _ABOUT:
            _ABOUT[event.what](self, event, recorded.at)

    def __post_init__(self) -> None:
        self._gates: list[str] = []
        self.inside: dict[str, Hold] = {}  # by task why what is done inside of it waits

    def status(self, id: str) -> TaskStatus:
        """That of a task, which is noted if it was not known."""
        return self.tasks.setdefault(id, TaskStatus())

    # -- tasks -----------------------------------------------------------------------------------------------

    def _move_task(self, after: TaskState, event: Event, at: str) -> None:
        id = id_of(event)
        status = self.status(id)
        if self.plan is None:
            assert_task_move(id, state_before(status.state, after), after)
        elif id in self.plan.tree.leaves:  # not what a deployment does inside, which may do so more than once
            assert_task_move(id, status.state, after)
        else:
            self.changed += int(event.data.get("changed") or 0)
        status.move(after, event, at)
        self.inside.pop(id, None)
        if after is _T.DISPATCHED and status.attempt > 1:
            self._forget_inside(id)
        if after in (_T.DONE, _T.UNCHANGED) and f"{self.failed}/".startswith(f"{id}/"):  # it was tried again
            self.error, self.failed = self._still_failed()
        if status.error is not None and self.error is None:
            self.error, self.failed = status.error, id

    def _still_failed(self) -> tuple[Mapping[str, Any] | None, str]:
        failed = ((one.error, id) for id, one in self.tasks.items() if one.error is not None and one.state is _T.FAILED)
        return next(failed, (None, ""))

    def _forget_inside(self, id: str) -> None:
        """What a task does inside, it does anew."""
        leaves = self.plan.tree.leaves if self.plan is not None else {}
        for inside in [one for one in self.tasks if one.startswith(f"{id}/") and one not in leaves]:
            del self.tasks[inside]

    def _saved(self, event: Event, at: str) -> None:
        self.status(id_of(event)).saved = dict(event.data["state"])

    def _progress(self, event: Event, at: str) -> None:
        status = self.status(id_of(event))
        status.done, status.total = event.data["done"], event.data["total"]

    # -- the rollout -----------------------------------------------------------------------------------------

    def _move(self, after: RolloutState) -> None:
        if after is not self.state:
            assert_rollout_move(self.rollout, self.state, after)
        self.state = after

    def _planned(self, event: Event, at: str) -> None:
        plan = RolloutPlan.from_json(event.data)
        waiting.planned(self, plan)
        self._move(_R.PLANNED)
        self.rollout, self.name, self.who, self.made, self.undoes = plan.rollout, plan.name, plan.who, at, plan.undoes
        self.plan, self.environments = plan, plan.environments
        self.tasks = {id: TaskStatus() for id in plan.tree.leaves}
        self._gates = [id for id, leaf in plan.tree.leaves.items() if leaf.gate]
        for id, carried in plan.carried.items():
            saved, error = carried.get("saved") or {}, carried.get("error")
            self.tasks[id] = TaskStatus(_T(carried["state"]), 1, error=error, saved=saved)

    def _queued(self, event: Event, at: str) -> None:
        self._move(_R.QUEUED)
        waiting.queued(self, event)

    def _started(self, event: Event, at: str) -> None:
        data = event.data
        if self.plan is None:  # a direct run of a model
            self.state = _R.PLANNED
            self.rollout, self.environments = str(data.get("rollout") or ""), [str(data.get("environment") or "")]
            self.hosts = list(data.get("hosts") or ([data["host"]] if data.get("host") else []))
            self.undoes = str(data.get("undoes") or "")
        self.who, self.started = str(data.get("who") or self.who), at
        self.held.discard(Hold.APPROVAL)  # whoever began it by a command has not waited
        self._move(_R.REVERSING if self.plan is not None and self.undoes else _R.RUNNING)

    def _stopping(self, event: Event, at: str) -> None:
        self._move(_R.STOPPING)
        self.reason, self.block = str(event.data.get("reason") or self.reason), None
        self.cause = str(event.data.get("cause") or "")
        self.held -= {Hold.PAUSED, Hold.APPROVAL}

    def _reversing(self, event: Event, at: str) -> None:
        if self.state is _R.RUNNING:  # records of a model need not say that it stops
            self._move(_R.STOPPING)
        self._move(_R.REVERSING)
        self.reason, self.block = str(event.data.get("reason") or self.reason), None

    def _blocked(self, event: Event, at: str) -> None:
        self._move(_R.BLOCKED)
        self.block, self.reason = Block(event.data["block"]), str(event.data.get("reason") or "")
        self.wish, self.keep = "", False
        for status in self.tasks.values():
            if status.state in (_T.FAILED, _T.UNKNOWN, *NOT_PUT_BACK):
                status.asked.clear()  # what was wished has led here

    def _resumed(self, event: Event, at: str) -> None:
        self._move(_R.RUNNING if event.data["direction"] == "forward" else _R.REVERSING)
        self.block, self.wish = None, ""
        if self.state is _R.RUNNING:
            self.reason = ""

    def _over(self, event: Event, at: str) -> None:
        data = event.data
        if self.plan is None and not self.started:  # all that is recorded of a run that changed nothing
            self._started(event, at)
        self.outcome, self.ended = str(data["outcome"]), at
        self.reason = str(data.get("reason") or self.reason)
        self.seconds, self.changed = float(data.get("seconds") or 0), int(data.get("changed") or self.changed)
        self.held.clear()
        if self.outcome == "blocked":
            self.block, self.state = self.block or Block.REVERSAL_FAILED, _R.BLOCKED
            return
        after = OUTCOMES.get(self.outcome) or _R(self.outcome)
        for between in states_between(self.state, after):
            self._move(between)
        self._move(after)
        self.block = None
        if after is not _R.SUCCEEDED:
            for status in self.tasks.values():
                if status.state is _T.PENDING:
                    status.state = _T.CANCELLED


def fold(events: Iterable[Recorded]) -> State:
    """How a rollout stands after some events, from its first one. Errors: IllegalTransition."""
    state = State()
    for recorded in events:
        state.add(recorded)
    return state


_ABOUT: dict[What, Callable[[State, Event, str], None]] = {
    What.PLANNED: State._planned,
    What.QUEUED: State._queued,
    What.STARTED: State._started,
    What.STOPPING: State._stopping,
    What.REVERSING: State._reversing,
    What.BLOCKED: State._blocked,
    What.RESUMED: State._resumed,
    What.HELD: waiting.held,
    What.RELEASED: waiting.released,
    What.SIGNALLED: signalled,
    What.TASK_SAVED: State._saved,
    What.PROGRESS: State._progress,
    What.OVER: State._over,
}
