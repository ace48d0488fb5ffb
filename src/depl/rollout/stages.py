"""Stages of a deployment: which hosts come first, and what happens between them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import ceil
from typing import TYPE_CHECKING, Optional, Union

from depl.errors import ConfigurationError, DeplError, Mistakes
from depl.rollout.graph import Plan

if TYPE_CHECKING:
    from depl.configure import Model
    from depl.settings import EnvironmentSettings

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 10.0  # seconds between two checks while it soaks: what is new breaks soon
FIRST = "List the hosts in `stages` such that whatever is needed comes first, such as `stages = db*, one, all`."


@dataclass(frozen=True)
class Staging:
    """How a deployment goes through its hosts.

    stages: hosts by stage, none: all at once. max_failures: how many hosts may fail without ending it, after the first
    of several stages. soak: for how many seconds checks are watched after each stage; interval: how many pass at most
    between two looks. gate: somebody has to approve before the next stage.
    """

    stages: Sequence[Sequence[str]] = ()
    max_failures: int = 0
    soak: float = 0.0
    gate: bool = False
    interval: float = LONGEST_PAUSE

    def lines(self) -> Iterator[str]:
        """What people are told of it, where there is anything to tell."""
        count = len(self.stages)
        for number, hosts in enumerate(self.stages if count > 1 else (), 1):
            then = [f"soaking for {self.soak:g} s"] if self.soak else []
            then += ["an approval"] if self.gate and number < count else []
            yield f"stage {number} of {count}: {', '.join(hosts)}{'; then ' if then else ''}{', then '.join(then)}"
        if count < 2 and self.soak:
            yield f"soaking for {self.soak:g} s after the last component"


def staging_of(
    settings: EnvironmentSettings, plan: Plan, hosts: Sequence[str], known: Iterable[str], file: Optional[str] = None
) -> Staging:
    """What the settings of an environment say. hosts: those to deploy to, in order; known: all of the environment.

    file: where they stand. Errors: Mistakes for names that mean no host, and where hosts of a stage need those of a
    later one.
    """
    mistakes, stages = _judged(settings, plan, hosts, known, file)
    if mistakes:
        raise Mistakes(mistakes)
    bearable = tolerated(settings.max_failures, len(hosts))
    return Staging(stages, bearable, float(settings.soak), settings.gate == "approval" and len(stages) > 1)


def stage_mistakes(model: Model, file: Optional[str] = None) -> list[DeplError]:
    """What is wrong with the stages of an environment, if everything is deployed. file: where they stand."""
    from depl.rollout.graph import plan_of

    environment = model.environment
    hosts = [host.name for host in environment.hosts.values() if not host.ignore]
    if not environment.settings.stages:
        return []
    return _judged(environment.settings, plan_of(model, hosts), hosts, environment.hosts, file)[0]


def _judged(
    settings: EnvironmentSettings, plan: Plan, hosts: Sequence[str], known: Iterable[str], file: Optional[str]
) -> tuple[list[DeplError], list[list[str]]]:
    """What is wrong with the stages, and the stages."""
    try:
        stages = stages_of(settings.stages, hosts, known)
    except ConfigurationError as mistake:
        mistake.file = file
        return [mistake], []
    mistakes: list[DeplError] = [*needs_later(plan, stages)]
    for one in mistakes:
        one.file = file
    return mistakes, stages


def stages_of(words: Sequence[str], hosts: Sequence[str], known: Iterable[str]) -> list[list[str]]:
    """Hosts by stage; those that no word means are the last one, and stages without any are left out.

    words: `one`; `half` and percentages say how many of all hosts have their turn by then; counts and names or globs of
    hosts say which come next; `all`: the rest. Errors: ConfigurationError for a name that means none of the known ones.
    """
    left, names = list(hosts), list(known)
    stages: list[list[str]] = []
    for word in words:
        stage = _of(word, left, len(hosts), names)
        left = [host for host in left if host not in stage]
        stages.append(stage)
    return [stage for stage in [*stages, left] if stage] if words else []


def _of(word: str, left: list[str], count: int, known: Sequence[str]) -> list[str]:
    """The hosts that a word means, of those that are left."""
    share = {"half": "50%", "all": "100%"}.get(word, word)
    if re.fullmatch(r"\d+%", share):
        return left[: max(ceil(count * int(share[:-1]) / 100) - (count - len(left)), 0)]
    if word == "one" or word.isdecimal():
        return left[: 1 if word == "one" else int(word)]
    if not any(fnmatchcase(host, word) for host in known):
        shown = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
        raise ConfigurationError(
            f"no host is called {word!r}, which stands in `stages`",
            hint=f"Known are: {shown}; else one, half, all, counts or percentages.",
        )
    return [host for host in left if fnmatchcase(host, word)]


def needs_later(plan: Plan, stages: Sequence[Sequence[str]]) -> Iterator[ConfigurationError]:
    """The mistakes of hosts that need hosts of later stages: one for each pair of stages."""
    place = {host: number for number, stage in enumerate(stages, 1) for host in stage}
    told: set[tuple[int, int]] = set()
    for id, earlier in plan.after.items():
        here = place.get(plan.tasks[id].host, 0)
        for one in sorted(earlier):
            there = place.get(plan.tasks[one].host, 0)
            if there > here and (here, there) not in told:
                told.add((here, there))
                yield ConfigurationError(
                    f"{id} belongs to stage {here} of the deployment, and needs {one}, which belongs to stage {there}",
                    hint=FIRST,
                )


def tolerated(wanted: Union[int, str], count: int) -> int:
    """How many of some hosts may fail. wanted: a number, or a percentage, which is rounded down."""
    return wanted if isinstance(wanted, int) else count * int(wanted.rstrip("%")) // 100


def along_with(failed: Iterable[str], plan: Plan) -> set[str]:
    """Some hosts, and those that need them: what is put back on the ones cannot stay on the others."""
    found = set(failed)
    needs: Mapping[str, set[str]] = _needs(plan)
    reached = list(found)
    while reached:
        new = needs.get(reached.pop(), set()) - found
        found |= new
        reached += new
    return found


def _needs(plan: Plan) -> dict[str, set[str]]:
    """By host those with tasks that wait for one of its tasks."""
    needs: dict[str, set[str]] = {}
    for id, earlier in plan.after.items():
        for one in earlier:
            needs.setdefault(plan.tasks[one].host, set()).add(plan.tasks[id].host)
    return needs
