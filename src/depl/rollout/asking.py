"""Whether a signal makes sense now, and which tasks it is about; the same answer for whoever asks. Pure."""

from __future__ import annotations

from depl.rollout.folding import State
from depl.rollout.states import FORWARD, NEED_REASON, NOT_PUT_BACK, SIGNALS, TASK_SIGNALS, Hold, TaskState, signals_in
from depl.settings import did_you_mean

NEED_ONE = frozenset({"approve", "reject", "skip", "force"})  # said of one task; the others of all that it fits


def refusal(state: State, name: str, task: str = "", reason: str = "") -> str:
    """Why a signal is refused, as a sentence with what is possible; empty: it is legal."""
    if name not in SIGNALS:
        return f"There is no signal {name!r}. {did_you_mean(name, SIGNALS)}".rstrip()
    legal = signals_in(state.state, state.holds, state.block)
    if name not in legal:
        possible = f"possible now: {', '.join(legal)}" if legal else "nothing can be asked of it any more"
        return f"{name} makes no sense while rollout {state.rollout} is {shown(state)}; {possible}"
    if name in NEED_REASON and not reason.strip():
        return f"{name} needs a reason"
    return _refused_task(state, name, task) if name in TASK_SIGNALS else ""


def tasks_of(state: State, name: str, task: str = "") -> list[str]:
    """The tasks that a legal signal is about: the one that is named, else all that it fits."""
    if name not in TASK_SIGNALS:
        return []
    if task:
        return [task]
    if name in ("approve", "reject"):
        return state.unanswered
    leaves = state.plan.tree.leaves if state.plan is not None else {}
    fits = _fitting(state, name) - {TaskState.PENDING}
    return [id for id in leaves if state.tasks[id].state in fits]


def shown(state: State) -> str:
    """The state of a rollout in words, with what it waits for."""
    holds = sorted(hold.value for hold in state.holds)
    block = [state.block.value] if state.block is not None else []
    return ", ".join([state.state.value, *block, *holds])


def _fitting(state: State, name: str) -> frozenset[TaskState]:
    """The states of tasks in which a signal makes sense: on the way back what failed before is not tried again."""
    going_back = name == "retry" and state.block is not None and state.block not in FORWARD
    return NOT_PUT_BACK if going_back else TASK_SIGNALS[name]


def _refused_task(state: State, name: str, task: str) -> str:
    if state.plan is None:
        return "" if Hold.APPROVAL in state.holds else f"{name} is for rollouts written by hand"
    if task and task not in state.plan.tree.leaves:
        return f"Rollout {state.rollout} has no task {task!r}"
    if task and state.tasks[task].state not in _fitting(state, name):
        return f"{name} makes no sense for task {task}, which is {state.tasks[task].state.value}"
    if task and name in ("approve", "reject") and task not in state.unanswered:
        return f"Task {task} does not wait for anybody"
    found = tasks_of(state, name, task)
    if not found and name == "retry" and state.block in FORWARD:
        return ""  # the rollout goes on
    if not found:
        return f"No task is there to {name}"
    if name in NEED_ONE and len(found) > 1:
        return f"{name} needs --task: it fits {', '.join(found)}"
    return ""
