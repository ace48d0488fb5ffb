"""What is to be done next: the whole engine, as a function of a plan, a state and the time. Pure; a loop obeys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice

from depl.events import Event, What
from depl.rollout.actions import Action, End, Say, Start, blocked, event, reason_of
from depl.rollout.answers import gate_answers, unanswered, unblocked
from depl.rollout.backward import is_pivot, needs_reversal, pivot_of, reversals
from depl.rollout.folding import State
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import GOOD, NOT_PUT_BACK, Block, Hold, RolloutState, TaskState
from depl.rollout.task_status import moved_to
from depl.rollout.tree import NOTHING, Leaf
from depl.rollout.walk import Walk

_T, _R = TaskState, RolloutState


class Decider:
    """Decides on one rollout, for as long as somebody drives it. Made from any state; told of every event since.

    It is a value in motion: the same plan and events give the same decisions, and asking changes nothing. Times: a
    clock in seconds that does not jump, the same for all calls. since: when those who wait for people began to.
    """

    def __init__(self, plan: RolloutPlan, state: State, since: Mapping[str, float] | None = None) -> None:
        self.plan, self.state = plan, state
        self.at_work: dict[str, float] = {}  # tasks of hands, and since when
        self._told: dict[str, str] = {}  # who was told to end how
        self._gates = {id: (since or {}).get(id, 0.0) for id in state.waiting_gates}
        self._failed: dict[str, None] = {}  # those that failed and are not dealt with
        self._borne = Counter(status.tolerated for status in state.tasks.values())  # by group, failures
        self._walk = self._forward()
        if state.state is _R.REVERSING or state.block in (Block.REVERSAL_FAILED, Block.CONFLICT):
            self._walk = self._backward()

    def told(self, action: End) -> None:
        """A task was told to end early."""
        self._told[action.id] = action.how

    def add(self, event: Event, now: float) -> None:
        """Take in an event that the state has taken in already."""
        id = "" if event.host else event.task or ""
        if event.what in (What.REVERSING, What.RESUMED) or (event.what is What.STARTED and self.plan.undoes):
            back = self.state.state is _R.REVERSING
            self._walk = self._backward() if back else self._forward()
            self._failed = {} if back else self._failed
        elif id in self.plan.tree.leaves:
            self._take(id, event, now)

    def __call__(self, now: float) -> list[Action]:
        """What to do now; nothing where there is nothing to do but wait."""
        state = self.state.state
        if state is _R.RUNNING:
            return [*self._run(now)]
        if state is _R.STOPPING:
            return [*self._stop(now)]
        if state is _R.REVERSING:
            return [*self._hurry(), *reversals(self.plan, self.state, self._walk.ready(), self.at_work)]
        if state is _R.BLOCKED:
            return [*unblocked(self.state, self._gates)]
        return []

    @property
    def waits_for_people(self) -> bool:
        """Whether nothing goes on until somebody says something: nothing is at work."""
        if self.at_work:
            return False
        paused = Hold.PAUSED if self.state.state is _R.RUNNING else Hold.PAUSED_REVERSAL
        return bool(self._gates) or paused in self.state.held or self.state.state is _R.BLOCKED

    def deadlines(self) -> Iterator[tuple[str, float]]:
        """The tasks that may not take longer, and until when."""
        for id, since in (*self.at_work.items(), *self._gates.items()):
            timeout = self.plan.tree.leaves[id].timeout
            if timeout is not None and self.state.tasks[id].state is _T.DISPATCHED:
                yield id, since + timeout

    # -- what happened ---------------------------------------------------------------------------------------

    def _take(self, id: str, event: Event, now: float) -> None:
        leaf, status = self.plan.tree.leaves[id], self.state.tasks[id]
        if event.what in (What.TASK_STARTED, What.TASK_REVERSING):
            self._walk.begun(id)
            self._failed.pop(id, None)
            (self._gates if leaf.gate and event.what is What.TASK_STARTED else self.at_work)[id] = now
            self._told.pop(id, None)
            return
        if moved_to(event) is None:
            return
        self.at_work.pop(id, None)
        self._gates.pop(id, None)
        if status.state in (_T.FAILED, _T.UNKNOWN):
            self._failed[id] = None
            self._walk.again(id)
        elif status.state is _T.PENDING:
            self._walk.again(id)
        elif status.state in NOT_PUT_BACK or (status.state is _T.KEPT and is_pivot(leaf, status)):
            self._walk.aside(id)
        else:
            self._failed.pop(id, None)
            self._borne[status.tolerated] += 1
            self._walk.over(id)

    def _forward(self) -> Walk:
        tasks = self.state.tasks
        walk = Walk(self.plan.tree, [id for id in self.plan.tree.leaves if tasks[id].state not in GOOD])
        for id in self.plan.tree.leaves:
            if tasks[id].state is _T.DISPATCHED:
                walk.begun(id)
            elif tasks[id].state in (_T.FAILED, _T.UNKNOWN):
                self._failed[id] = None
        return walk

    def _backward(self) -> Walk:
        """What is to be put back, or to be named as it cannot be."""
        tasks, leaves = self.state.tasks, self.plan.tree.leaves
        aside = {id for id, leaf in leaves.items() if tasks[id].state is _T.KEPT and is_pivot(leaf, tasks[id])}
        wanted = [id for id, leaf in leaves.items() if id in aside or needs_reversal(leaf, tasks[id])]
        aside.update(id for id in wanted if tasks[id].state in NOT_PUT_BACK)
        return Walk(self.plan.tree, wanted, backwards=True, aside=aside)

    # -- forward ---------------------------------------------------------------------------------------------

    def _run(self, now: float) -> Iterator[Action]:
        if self.state.wish:
            yield self._stopping(f"{self.state.wish} by {self._last_who(self.state.wish)}")
            return
        yield from self._hear_of_failures()
        late = self._late(now)
        yield from gate_answers(self.plan, self.state, self._gates, late)
        yield from self._end(late)
        if self._failed:
            return
        if Hold.PAUSED not in self.state.held:
            yield from self._start()
        if self._walk.is_over:
            yield Say(Event(What.OVER, data={"outcome": _R.SUCCEEDED.value}))

    def _start(self) -> Iterator[Action]:
        for id in islice(self._walk.ready(), self._places):
            status = self.state.tasks[id]
            skips = "skip" in status.asked
            yield Say(event(What.TASK_SKIPPED, id, reason=reason_of(status, "skip"))) if skips else self._begin(id)

    def _begin(self, id: str) -> Action:
        gate = self.plan.tree.leaves[id].gate
        return Say(event(What.TASK_STARTED, id, gate=gate)) if gate else Start(id)

    @property
    def _places(self) -> int:
        return max(self.plan.jobs - len(self.at_work), 0)

    def _late(self, now: float) -> set[str]:
        return {id for id, until in self.deadlines() if now >= until}

    def _end(self, late: Collection[str]) -> Iterator[Action]:
        for id in late:
            if id in self.at_work and self._told.get(id) != "terminate":
                yield End(id, "terminate")

    def _hear_of_failures(self) -> Iterator[Action]:
        """What failed is tried again, passed over or borne; else the rollout stops."""
        again, left = [], []
        for id in self._failed:
            status, leaf = self.state.tasks[id], self.plan.tree.leaves[id]
            if "skip" in status.asked:
                yield Say(event(What.TASK_SKIPPED, id, reason=reason_of(status, "skip")))
            elif "retry" in status.asked or (status.state is _T.FAILED and status.attempt <= leaf.retries):
                again.append(id)
            elif group := self._tolerating(id):
                yield from self._bear(id, group)
                return  # what it bears is counted before the next one
            else:
                left.append(id)
        is_wished = any("retry" in self.state.tasks[id].asked for id in again)  # whatever else failed
        if left and self.plan.on_failure != "ask" and not is_wished:
            yield self._stop_for(left[0])
        elif left and not again and not self.at_work:
            yield blocked(Block.FAILED, f"{self.plan.tree.leaves[left[0]].title or left[0]} failed")
        elif Hold.PAUSED not in self.state.held:
            yield from (self._begin(id) for id in again[: self._places])

    def _stop_for(self, id: str) -> Action:
        status = self.state.tasks[id]
        return self._stopping(str((status.error or {}).get("message") or status.reason or f"task {id} failed"), id)

    def _bear(self, id: str, group: str) -> Iterator[Action]:
        """Pass over a task that failed, and over all that would have come after it."""
        tree, status = self.plan.tree, self.state.tasks[id]
        reason = f"failed, as some of these may: {(status.error or {}).get('message', '')}"
        yield Say(event(What.TASK_SKIPPED, id, reason=reason, tolerated=group))
        for after in tree.leaves_after(id, group):
            if self.state.tasks[after].state is _T.PENDING:
                yield Say(event(What.TASK_SKIPPED, after, reason=f"{tree.leaves[id].title or id} failed before it"))

    def _tolerating(self, id: str) -> str:
        """The nearest group around a task that may bear failures, if it can bear this one."""
        for group in self.plan.tree.ways_up(id):
            if group.max_failures:
                return group.id if self._borne[group.id] < group.max_failures else ""
        return ""

    # -- stopping --------------------------------------------------------------------------------------------

    def _stopping(self, reason: str, cause: str = "") -> Action:
        return Say(Event(What.STOPPING, data={"reason": reason, "cause": cause}))

    def _stop(self, now: float) -> Iterator[Action]:
        yield from unanswered(self._gates)
        for id in self.at_work:
            how = self.state.wish or ("abort" if _only_waits(self.plan.tree.leaves[id]) else "")
            if how and self._told.get(id, "") not in (how, "terminate"):
                yield End(id, how)
        yield from self._end(self._late(now))
        if self.at_work or self._gates:
            return
        if self.state.keep or (self.plan.on_failure == "stop" and self.state.cause and not self.state.wish):
            yield Say(Event(What.OVER, data={"outcome": _R.KEPT.value}))
        elif pivot := pivot_of(self.plan, self.state):
            yield blocked(Block.PIVOT, f"{pivot.title or pivot.id} is done and cannot be undone: {pivot.reason}")
        elif Hold.PAUSED_REVERSAL not in self.state.held:
            yield Say(Event(What.REVERSING, data={"reason": self.state.reason}))

    def _hurry(self) -> Iterator[Action]:
        """End reversals that somebody does not want to wait for: they fail, and block it."""
        for id in self.at_work:
            if "terminate" in self.state.tasks[id].asked and self._told.get(id) != "terminate":
                yield End(id, "terminate")

    def _last_who(self, name: str) -> str:
        return next((str(one["who"]) for one in reversed(self.state.signals) if one["name"] == name), "somebody")


def decide(plan: RolloutPlan, state: State, now: float = 0.0) -> Sequence[Action]:
    """What to do next about a rollout that nobody drives yet."""
    return Decider(plan, state)(now)


def _only_waits(leaf: Leaf) -> bool:
    """Whether it can end early without leaving anything half done."""
    return leaf.repeatable or leaf.way_back == NOTHING
