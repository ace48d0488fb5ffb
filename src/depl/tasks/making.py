"""From a rollout by hand to its frozen plan, and back to the instance that its monitors need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

from depl.change.changes import WayBack
from depl.deploy.begin import utc
from depl.errors import ConfigurationError, DeplError, Mistakes
from depl.layout import environment_file
from depl.places import Place, failing_place, place_of_function
from depl.redact import Redactor
from depl.rollout.byhand import Rollout, assert_sound, find, name_of
from depl.rollout.plan import PlanOutdated, RolloutPlan
from depl.rollout.tree import Leaf, Tree
from depl.tasks.arguments import made
from depl.tasks.building import task_of, tree_of
from depl.tasks.deploy import Deploy
from depl.tasks.deployer import Deployer, Foreseen
from depl.tasks.task import Task
from depl.tasks.whole import Whole
from depl.tasks.working import Working


def plan_of(
    rollout: Rollout, deployer: Deployer, *, rollout_id: str, who: str, revision: str, base: str = "."
) -> RolloutPlan:
    """The frozen plan of a rollout with its parameters; contacts no host.

    Errors: ConfigurationError with the place of what is wrong in its file; Mistakes of the models that it deploys.
    """
    tree = _tree(rollout, base)
    foreseen = _foreseen(tree, deployer, base, _place_of(rollout))
    leaves = {id: _with_way_back(leaf, foreseen.get(id)) for id, leaf in tree.leaves.items()}
    return RolloutPlan(
        rollout=rollout_id,
        name=name_of(type(rollout)),
        tree=replace(tree, leaves=leaves),
        parameters=dict(rollout.parameters),
        who=who,
        made=utc(),
        revision=revision,
        digests=_digests(tree, foreseen),
        title=rollout.title,
        valid=rollout.valid,
        on_failure=rollout.on_failure,
        on_interrupt=rollout.on_interrupt,
        monitors=list(_by_name(rollout)),
        interval=rollout.interval,
        jobs=rollout.jobs,
        info=list(rollout.info),
    )


def assert_fresh(plan: RolloutPlan, now: str, deployer: Deployer, base: str = ".") -> None:
    """now: UTC, as in records. Errors: PlanOutdated for a plan that is too old, or whose models have changed since."""
    hint = f"Make it anew: depl rollout plan {plan.rollout}"
    plan.assert_in_time(now, hint)
    digests = _digests(plan.tree, _foreseen(plan.tree, deployer, base))
    changed = sorted(name for name in {*digests, *plan.digests} if digests.get(name) != plan.digests.get(name))
    if changed:
        listed = ", ".join(dict.fromkeys(name.partition(" ")[0] for name in changed))
        raise PlanOutdated(f"What would be deployed to {listed} has changed since the plan was made", hint=hint)


def assert_free_of_secrets(plan: RolloutPlan, rollout: Rollout, redact: Redactor) -> None:
    """What tasks are made from again is written down as it is, and no secret is. Errors: Mistakes."""
    told = {f"The parameter {name!r}": value for name, value in plan.parameters.items()}
    for leaf in plan.tree.leaves.values():
        where = f"of the task {leaf.id} ({leaf.title})"
        given = {name: value for name, value in leaf.arguments.items() if value not in leaf.environments}
        told |= {f"The argument {name!r} {where}": value for name, value in given.items()}
    told |= {f"The title of the monitor {number}": title for number, title in enumerate(plan.monitors, 1)}
    hint = "A plan is written down, a secret is not: let the task read it where it is deployed, when it runs."
    file, line = _place_of(rollout) or (None, None)
    mistakes = [
        ConfigurationError(f"{what} holds the secret {', '.join(marks)}", file=file, line=line, hint=hint)
        for what, value in told.items()
        if (marks := sorted(_secrets_in(value, redact)))
    ]
    if mistakes:
        raise Mistakes(mistakes)


def rebuild(plan: RolloutPlan, base: str) -> Rollout:
    """The rollout that a plan was made of, with its parameters, for its monitors; its plan() is not called again.

    Errors: ConfigurationError, where its file has it no more; Mistakes, where it takes other parameters by now.
    """
    return find(base, plan.name)(**plan.parameters)


def monitors_of(rollout: Rollout, base: str, redact: Redactor | None = None) -> dict[str, Callable[[], None]]:
    """What is watched while it runs, by the names that its plan has: each looks once, and raises where it trips."""
    redact = Redactor() if redact is None else redact
    return {name: _look(monitor, rollout, base, redact) for name, monitor in _by_name(rollout).items()}


def _tree(rollout: Rollout, base: str) -> Tree:
    """What plan() says, once everything in it was looked at."""
    with _placed(rollout, base):
        if isinstance(rollout, Whole):
            rollout.settle(base)
        watched = vars(rollout).get("monitors")
        task: Any = rollout.plan()
        if not isinstance(task, Task):
            returned = "nothing" if task is None else f"{type(task).__name__} {task!r:.60}"
            message = f"plan() of {type(rollout).__name__} returns {returned}, not a task"
            hint = "Return a task, or several in a container, such as Sequential(...)."
            raise ConfigurationError(message, hint=hint)
        if vars(rollout).get("monitors") is not watched:  # whoever drives it does not call plan()
            hint = "Make it a property: `@property`, then `def monitors(self)`, which returns them."
            raise ConfigurationError(f"plan() of {type(rollout).__name__} sets the monitors", hint=hint)
        assert_sound(rollout)
        tree = tree_of(task, base)
        for leaf in tree.leaves.values():
            for environment in leaf.environments:
                environment_file(environment, base)
        for monitor in rollout.monitors:
            if isinstance(monitor, Task):
                monitor.assert_sound(base)
    return tree


@contextmanager
def _placed(rollout: Rollout, base: str) -> Iterator[None]:
    """What goes wrong in the project's own code becomes a mistake with its place."""
    cls = type(rollout)
    try:
        yield
    except Exception as error:
        file, line = failing_place(error.__traceback__, base) or _place_of(rollout) or (None, None)
        if isinstance(error, ConfigurationError):
            if error.file is None and not isinstance(error, Mistakes):
                error.file, error.line = file, line
            raise
        said = str(error) if isinstance(error, DeplError) else f"{type(error).__name__}: {error}"
        raise ConfigurationError(f"plan() of {cls.__name__} fails: {said}", file=file, line=line) from error


def _place_of(rollout: Rollout) -> Place | None:
    """Where its plan() stands; of depl's own it helps nobody."""
    return None if isinstance(rollout, Whole) else place_of_function(type(rollout).plan)


def _foreseen(tree: Tree, deployer: Deployer, base: str, place: Place | None = None) -> dict[str, Foreseen]:
    """By id what the deployments of a plan would be. place: of plan(), for what has none. Errors: those of all."""
    foreseen: dict[str, Foreseen] = {}
    errors: list[ConfigurationError] = []
    for id, leaf in tree.leaves.items():
        task = task_of(leaf, base)
        if not isinstance(task, Deploy):
            continue
        try:
            foreseen[id] = deployer.foresee(task.part)
        except ConfigurationError as error:
            errors.append(error)
    mistakes = [one for error in errors for one in (error.mistakes if isinstance(error, Mistakes) else [error])]
    for mistake in mistakes:
        if mistake.file is None and place is not None:
            mistake.file, mistake.line = place
    if errors:
        raise errors[0] if len(errors) == 1 else Mistakes(mistakes)
    return foreseen


def _with_way_back(leaf: Leaf, foreseen: Foreseen | None) -> Leaf:
    """The task with what is known of the way back of its deployment.

    Where some of it cannot be undone that is no pivot yet: what is not to be changed on the hosts need not be put back,
    and what was, the hosts know best.
    """
    if foreseen is None:
        return leaf
    reasons = [*foreseen.irreversible, *foreseen.unknown]
    if not reasons:
        return replace(leaf, way_back=WayBack.EXACT.value, reason="")
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return replace(leaf, way_back=WayBack.UNKNOWN.value, reason=reasons[0] + more)


def _secrets_in(value: Any, redact: Redactor) -> set[str]:
    """The marks of the secrets in data."""
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple)):
        return {mark for one in value for mark in _secrets_in(one, redact)}
    return set() if value is None or isinstance(value, bool) else set(redact.found(str(value)))


def _digests(tree: Tree, foreseen: Mapping[str, Foreseen]) -> dict[str, str]:
    """By environment, and by environment and task where one differs from the first."""
    digests: dict[str, str] = {}
    for id, one in foreseen.items():
        (environment,) = tree.leaves[id].environments
        if digests.setdefault(environment, one.digest) != one.digest:
            digests[f"{environment} {id}"] = one.digest
    return digests


def _by_name(rollout: Rollout) -> dict[str, Any]:
    """The monitors, each under a name of its own."""
    found: dict[str, Any] = {}
    for monitor in rollout.monitors:
        name = monitor if isinstance(monitor, str) else _name(monitor)
        found[next(one for one in _numbered(name) if one not in found)] = monitor
    return found


def _name(monitor: Any) -> str:
    if isinstance(monitor, Task):
        return monitor.title or type(monitor).__name__
    return str(getattr(monitor, "__name__", None) or type(monitor).__name__)


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name} ({number})" for number in count(2))


def _look(monitor: Any, rollout: Rollout, base: str, redact: Redactor) -> Callable[[], None]:
    if isinstance(monitor, Task):
        return partial(_run, monitor, base, redact)
    if isinstance(monitor, str):
        return partial(getattr(rollout, monitor))
    return partial(monitor, rollout)


def _run(monitor: Task, base: str, redact: Redactor) -> None:
    task: Task = made(type(monitor), monitor.arguments)
    task.working = Working(base=base, redact=redact)
    task.run()
