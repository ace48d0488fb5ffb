"""What is wrong with a configured environment, and what is odd: findings, each with the root that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Sequence, Set, Tuple

from depl.errors import ConfigurationError, DeplError, Mistakes
from depl.facts import facts_of
from depl.loading import text_of
from depl.mentions import mentioned
from depl.order import shortest_cycles
from depl.places import failing_place, place_of_function
from depl.resources import Unanswered
from depl.settling import Settling

if TYPE_CHECKING:
    from depl.environment import Environment
    from depl.root import RootComponent

Finding = Tuple["RootComponent", DeplError]

CONSEQUENCES = (Unanswered, IndexError, StopIteration)  # what code raises that was given nothing


def of_order(
    roots: Sequence[RootComponent], graph: Sequence[Mapping[int, Sequence[str]]], settling: Settling
) -> Iterable[Finding]:
    """Cycles, and roots that do not come to rest where no cycle explains it."""
    cycles = shortest_cycles(graph)
    for cycle in cycles:
        yield roots[cycle[0]], _cycle([roots[number] for number in cycle], [graph[n] for n in cycle], cycle)
    if settling.restless and not cycles:
        yield settling.restless[0], _not_converging(settling)


def _cycle(
    roots: Sequence[RootComponent], edges: Sequence[Mapping[int, Sequence[str]]], numbers: Sequence[int]
) -> ConfigurationError:
    steps = []
    for position, root in enumerate(roots):
        following = (position + 1) % len(roots)
        keys = ", ".join(sorted(repr(key) for key in edges[position][numbers[following]]))
        steps.append(f"{root.label} before {roots[following].label} ({keys})")
    file, line = roots[0].place
    return ConfigurationError(
        f"the order of deployment is a cycle: {'; '.join(steps)}",
        file=file,
        line=line,
        hint="Turn one requirement round with reverse=True, or split one of the components.",
    )


def _not_converging(settling: Settling) -> ConfigurationError:
    restless = [f"{root.label} ({', '.join(settling.keys_of(root)) or 'no key'})" for root in settling.restless]
    shown = "; ".join(restless[:10]) + (f"; and {len(restless) - 10} more" if len(restless) > 10 else "")
    file, line = settling.restless[0].place
    return ConfigurationError(
        f"the configuration does not come to rest: these roots change what they provide each time: {shown}",
        file=file,
        line=line,
        hint="Provide values that are equal each time (define __eq__), or require with dirty=True.",
    )


def of_failures(settling: Settling, environment: Environment) -> Iterable[Finding]:
    """What configure() raised, but for what only follows from a requirement that nobody meets."""
    for root, failure in settling.failures.items():
        if _is_consequence(root, failure, environment):
            continue
        for mistake in failure.mistakes if isinstance(failure, Mistakes) else [failure]:
            yield root, _told(root, mistake, environment.base_dir)


def _is_consequence(root: RootComponent, failure: BaseException, environment: Environment) -> bool:
    return isinstance(failure, CONSEQUENCES) and any(environment.resources.unsatisfied([root]))


def _told(root: RootComponent, failure: BaseException, base_dir: str) -> DeplError:
    """A failure as a mistake, with its place and its component."""
    place = failing_place(failure.__traceback__, base_dir)
    if isinstance(failure, DeplError):
        mistake = failure
        if mistake.file is None:
            mistake.file, mistake.line = place or root.place
    else:
        text = f": {failure}" if str(failure) else ""
        file, line = place or root.place
        message = f"configure() raised {type(failure).__name__}{text}"
        mistake = ConfigurationError(message, file=file, line=line, hint="`--verbose` shows the traceback.")
        mistake.__cause__ = failure
    if mistake.component is None:
        mistake.component = root.failed_in(failure)
    return mistake


def of_resources(
    settling: Settling, environment: Environment, roots: Sequence[RootComponent]
) -> Tuple[List[Finding], List[Finding]]:
    """What is required and not provided, or the reverse; apart from that what may only follow from other mistakes.

    That is: the code of another root that failed, or a file that could not be loaded, mentions the key.
    """
    resources = environment.resources
    told: List[Finding] = []
    held_back: List[Finding] = []
    suspects = _Suspects(settling, environment)
    for about in (resources.unsatisfied(roots), resources.unused(roots)):
        for root, mistake in about:
            (held_back if suspects.mention(mistake.key, root) else told).append((root, mistake))
    return told, held_back


class _Suspects:
    """Those who would have provided or required more, if they had not failed."""

    def __init__(self, settling: Settling, environment: Environment) -> None:
        self._failed = list(dict.fromkeys(root.factory for root in settling.failures))
        self._mentioned: Dict[Any, Set[str]] = {}
        self._sources = [text_of(path) for path in _unloaded_files(environment)]

    def mention(self, key: Any, root: RootComponent) -> bool:
        """Whether one of them, other than this root, has to do with a key."""
        if not isinstance(key, str):
            return False
        return any(key in source for source in self._sources) or any(
            key in self._texts(factory) for factory in self._failed if factory is not root.factory
        )

    def _texts(self, factory: Any) -> Set[str]:
        if factory not in self._mentioned:
            self._mentioned[factory] = mentioned([factory])
        return self._mentioned[factory]


def _unloaded_files(environment: Environment) -> List[str]:
    return sorted({mistake.file for mistake in environment.components.mistakes if mistake.file})


def warnings(roots: Iterable[RootComponent]) -> Iterable[Finding]:
    without_verify: Dict[type, RootComponent] = {}
    for root in roots:
        yield from ((root, warning) for warning in (*root.warnings, *root.never_added()))
        for component in (root.component, *root.component.recursive_sub_components):
            if facts_of(type(component)).always_updates and not component.reacts_to:
                without_verify.setdefault(type(component), root)
    for cls, root in without_verify.items():
        file, line = place_of_function(vars(facts_of(cls).updater)["update"]) or root.place
        message = f"{cls.__name__} has an update(), but no verify(), and is therefore updated in each run"
        yield root, ConfigurationError(message, cls.__name__, file=file, line=line, hint="Write a verify().")


def merged(findings: Iterable[Finding]) -> List[DeplError]:
    """The findings, those that only differ in their host as one; components say on which hosts they are."""
    together: Dict[Any, Tuple[DeplError, List[str]]] = {}
    for root, finding in findings:
        key = (type(finding), finding.message, finding.file, finding.line, finding.component or root.name, finding.hint)
        hosts = together.setdefault(key, (finding, []))[1]
        if root.host.name not in hosts:
            hosts.append(root.host.name)
    for key, (finding, hosts) in together.items():
        finding.component = f"{key[4]} on {_some(hosts)}"
    return [finding for finding, _ in together.values()]


def _some(hosts: Sequence[str]) -> str:
    if len(hosts) <= 3:
        return " and ".join(filter(None, [", ".join(hosts[:-1]), hosts[-1]]))
    return f"{', '.join(hosts[:2])} and {len(hosts) - 2} more hosts"
