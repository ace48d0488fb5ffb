"""One rollout as text: how it stands, what failed, its tasks, what people wished, and what can be done next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from depl.report.lines import Line
from depl.report.rollouts import Listed, standing, state_style
from depl.report.task_tree import plan_tree_lines, task_tree_lines
from depl.rollout.event_words import signal_words
from depl.rollout.folding import State
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import RolloutState, TaskState
from depl.rollout.summaries import message_of
from depl.rollout.wording import age, counted, seconds


def plan_lines(plan: RolloutPlan) -> list[Line]:
    """What a rollout would do: its parameters and tasks."""
    lines = [Line(heading(plan), "bold")]
    lines += [Line(f"  {name} = {_plain(value)}") for name, value in plan.given.items()]
    lines += [Line(f"  {sentence}") for sentence in plan.info]
    lines += [Line(f"  locks {', '.join(plan.environments)}", "dim")] if plan.environments else []
    return [*lines, *(Line(f"  {line.text}", line.style) for line in plan_tree_lines(plan.tree))]


def undo_plan_lines(plan: RolloutPlan) -> list[Line]:
    """What taking a rollout back would do, in its order."""
    leaves = [plan.tree.leaves[id] for id in reversed(list(plan.tree.leaves)) if id in plan.carried]
    back = [leaf for leaf in leaves if leaf.reverses and leaf.way_back != "irreversible"]
    kept = [leaf for leaf in leaves if leaf not in back]
    lines = [Line(f"{plan.name}: {counted(len(back), 'task')} of rollout {plan.undoes} would be put back:", "bold")]
    lines += [Line(f"  {leaf.id}  {leaf.title}") for leaf in back]
    lines += [
        Line(f"  {leaf.id}  {leaf.title}: stays, {leaf.reason or 'it cannot be undone'}", "yellow") for leaf in kept
    ]
    return [*lines, Line("nothing was touched", "dim")]


def heading(plan: RolloutPlan) -> str:
    """What it is called, and what it is about."""
    title = "" if plan.title in ("", plan.name) else f": {plan.title}"
    return f"{plan.name}{title}"


def known_lines(name: str, title: str, parameters: Sequence[Mapping[str, Any]]) -> list[Line]:
    """A rollout that can be started, and what it asks for. parameters: see depl.rollout.parameters.as_facts."""
    return [Line(f"{name}: {title}" if title else name, "bold"), *(Line(f"  {_asked(one)}") for one in parameters)]


def show_lines(
    state: State, summary: Listed, output: Sequence[str], next_steps: Sequence[tuple[str, str]]
) -> list[Line]:
    """All that is worth telling of one rollout.

    output: the last lines of the task that failed first. next_steps: what can be done now, and the command for it.
    """
    words = standing(summary.state, summary.holds, interrupted=summary.interrupted)
    title = f" ({state.plan.title})" if state.plan is not None and state.plan.title not in ("", summary.name) else ""
    lines = [Line(f"{state.rollout}  {summary.name}{title}: {words}", state_style(summary.state) or "bold")]
    lines += [*_first_error(state, output), *_head(state, summary), Line(""), *task_tree_lines(state)]
    if state.signals:
        lines += [Line(""), Line("signals:", "bold"), *(Line(f"  {signal_text(one)}") for one in state.signals)]
    if next_steps:
        width = max(len(what) for what, _ in next_steps)
        lines += [Line(""), Line("possible now:", "bold")]
        lines += [Line(f"  {what:<{width}}  {command}") for what, command in next_steps]
    return lines


def end_lines(state: State, took: float, steps: Sequence[tuple[str, str]]) -> list[Line]:
    """The last words on a rollout that somebody drove: how it ended, what is left, and what can be done."""
    name = state.plan.name if state.plan is not None else ", ".join(state.environments) or state.rollout
    after = seconds(state.seconds or took)
    ends = {
        _R.SUCCEEDED: (f"succeeded in {after}", "bold"),
        _R.REVERSED: (f"{'stopped' if state.wish else 'failed'} after {after}; {_put_back(state)}", "red"),
        _R.PARTLY_REVERSED: (f"failed after {after}; not everything could be put back", "red"),
        _R.KEPT: (f"stopped after {after}, left as it is", "red"),
        _R.BLOCKED: (f"blocked after {after}: {state.reason}", "red"),
    }
    if state.undoes:
        ends[_R.REVERSED] = f"rollout {state.undoes} was taken back in {after}", "bold"
        ends[_R.PARTLY_REVERSED] = f"rollout {state.undoes} was taken back in {after}, but not everything", "red"
    word, style = ends.get(state.state, (state.state.value, "red"))
    left = [id for id, status in state.tasks.items() if status.state in _LEFT]
    lines = [Line(f"{name}: {word}", style)]
    if left and state.plan is not None and state.state is not _R.SUCCEEDED:
        lines += [Line("not put back:", "yellow"), *(Line(f"  {_title(state.plan, id)}") for id in left)]
    return [*lines, *step_lines(steps)]


def _put_back(state: State) -> str:
    """What a way back came to that has come to its end."""
    states = {status.state for status in state.tasks.values()}
    if _T.REVERSED in states:
        return "everything was put back"
    return "nothing had to be put back" if states & {_T.DONE, _T.SKIPPED, _T.UNCHANGED} else "nothing had been done"


def step_lines(steps: Sequence[tuple[str, str]]) -> list[Line]:
    """What can be done now, and how."""
    return [Line(f"  {what}: {command}") for what, command in steps]


def signal_text(signal: Mapping[str, Any]) -> str:
    """A signal as people read it: when, who, what, about which task, why."""
    return f"{signal.get('at', '')}  {signal_words(signal)}"


def _head(state: State, summary: Listed) -> list[Line]:
    took = summary.seconds if summary.seconds is not None else age(state.started) if state.started else None
    facts = {
        "by": state.who,
        "planned": state.made,
        "began": state.started,
        "over": state.ended,
        "took": "" if took is None else seconds(took),
        "environments": ", ".join(state.environments),
        "takes back": state.undoes,
        "blocked": state.reason if state.block is not None else "",
        "because": state.reason if state.block is None else "",
        "parameters": _parameters(state.plan),
        "revision": state.plan.revision if state.plan is not None else "",
    }
    return [Line(f"  {name}: {value}") for name, value in facts.items() if value]


def _first_error(state: State, output: Sequence[str]) -> list[Line]:
    if not state.error and not state.failed:
        return []
    error = message_of(state.error)
    where = f"    in task {state.failed}" if state.failed else ""
    hint = state.error.get("hint") if isinstance(state.error, Mapping) else ""
    return [
        Line(f"  first error: {error}", "red"),
        *(Line(f"    | {line}", "dim") for line in output),
        *([Line(where)] if where else []),
        *([Line(f"  hint: {hint}", "cyan")] if hint else []),
    ]


def _asked(parameter: Mapping[str, Any]) -> str:
    facts = [str(parameter["help"])] if parameter["help"] else []
    facts += [f"one of {_plain(parameter['choices'])}"] if parameter["choices"] else []
    facts += ["must be given"] if parameter["required"] else []
    if parameter["default"] not in (None, "", []):
        facts.append(f"{_plain(parameter['default'])} unless given")
    return f"--set {parameter['name']}=...  {'; '.join(facts)}".rstrip()


def _title(plan: RolloutPlan, id: str) -> str:
    return f"{id}  {plan.tree.leaves[id].title}" if id in plan.tree.leaves else id


def _parameters(plan: RolloutPlan | None) -> str:
    given = plan.given if plan is not None else {}
    return ", ".join(f"{name} = {_plain(value)}" for name, value in given.items())


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


_R, _T = RolloutState, TaskState
_LEFT = (_T.KEPT, _T.REVERSE_FAILED, _T.CONFLICT, _T.REVERSE_SKIPPED)
