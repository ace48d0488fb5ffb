"""From an environment to a model: all roots configured to a stable state, checked and ordered.

All mistakes are reported together, and nothing is touched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, NamedTuple, Sequence

from depl import findings
from depl.claims import conflicts
from depl.errors import DeplError, Mistakes
from depl.order import topological
from depl.settling import Settling, successors

if TYPE_CHECKING:
    from depl.environment import Environment
    from depl.root import RootComponent


class LogLine(NamedTuple):
    """What a component said in configure()."""

    root: RootComponent
    component: str
    text: str


@dataclass(frozen=True)
class Model:
    """All root components of an environment, configured, checked and ordered.

    roots: in the order of deployment. providers: by id of a root (`web@host1`) the ids of those that come before it,
    with the keys of the resources that say so.
    """

    environment: Environment
    roots: Sequence[RootComponent]
    providers: Mapping[str, Mapping[str, Sequence[str]]]
    warnings: Sequence[Any] = field(default_factory=list)
    logs: Sequence[LogLine] = field(default_factory=list)

    def roots_of(self, host_name: str) -> List[RootComponent]:
        """The roots of one host, in the order of deployment."""
        return [root for root in self.roots if root.host.name == host_name]

    def get(self, root_id: str) -> RootComponent:
        """The root of an id. KeyError if there is none."""
        for root in self.roots:
            if root.id == root_id:
                return root
        raise KeyError(root_id)


def configure(environment: Environment) -> Model:
    """The model of an environment. Raises Mistakes with all that is wrong, that of loading included."""
    roots = list(environment.roots)
    settling = Settling(roots, environment.resources)
    settling.settle()
    graph = successors(roots, environment.resources)
    found = [*findings.of_order(roots, graph, settling), *findings.of_failures(settling, environment)]
    held_back: List[findings.Finding] = []
    if not settling.restless:
        about_resources, held_back = findings.of_resources(settling, environment, roots)
        found += about_resources
    if not settling.restless and not settling.failures:
        found += conflicts(roots)
    if not found and not environment.mistakes:
        found, held_back = held_back, []
    mistakes = [*environment.mistakes, *findings.merged(found)]
    if mistakes:
        raise _all(mistakes, len(findings.merged(held_back)))
    order = topological(graph)
    return Model(
        environment,
        [roots[number] for number in order],
        _providers(roots, graph),
        [*environment.warnings, *findings.merged(findings.warnings(roots))],
        [LogLine(roots[number], *line) for number in order for line in roots[number].log_lines],
    )


def _all(mistakes: Sequence[DeplError], held_back: int) -> Mistakes:
    together = Mistakes(mistakes)
    if held_back:
        count = "One mistake" if held_back == 1 else f"{held_back} mistakes"
        together.hint = f"{count} more about resources may only follow from these; told once these are mended."
    return together


def _providers(
    roots: Sequence[RootComponent], graph: Sequence[Mapping[int, Sequence[str]]]
) -> Dict[str, Dict[str, List[str]]]:
    providers: Dict[str, Dict[str, List[str]]] = {root.id: {} for root in roots}
    for earlier, followers in enumerate(graph):
        for later, keys in followers.items():
            providers[roots[later].id][roots[earlier].id] = sorted(keys, key=str)
    return providers
