"""A slice on its host: the environment as data becomes one that can be configured, and the model of what is done there.

The answers of other hosts are constants. What this machine configures otherwise than the coordinator did is an error
where other components or keys come of it; other contents are only told.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from depl import findings
from depl.claims import conflicts
from depl.elsewhere import RootElsewhere
from depl.environment import Environment, Service
from depl.errors import ConfigurationError, DeplError, Mistakes
from depl.findings import Finding
from depl.homes import Moved, hosts_named_in, site_of
from depl.host import Host, Override
from depl.loading import load_components
from depl.redact import Redactor
from depl.resources import Subscription
from depl.root import RootComponent
from depl.secret_values import SecretFiles, unpacked
from depl.settings import EnvironmentSettings
from depl.settling import Settling
from depl.slices import digest, kinds, sum_of
from depl.surroundings import Caution
from depl.utils import BagOfAttributes, Resolver, resolving
from depl.values import NotData, decode, encode, mapped_texts
from depl.vfs import PathMap

MACHINE = "The configuration depends on the machine that it runs on, or on what lies beside the project."


@dataclass(frozen=True)
class Sliced:
    """What is to be done on a host. roots: its own, in the order of deployment. differences: sentences."""

    environment: Environment
    roots: Sequence[RootComponent]
    warnings: Sequence[Any] = field(default_factory=list)
    differences: Sequence[str] = field(default_factory=list)


def environment_of(
    slice: Mapping[str, Any], base_dir: str, target_directory: str, redact: Optional[Redactor] = None
) -> Environment:
    """The environment that a slice tells of, with the component files of the project in `base_dir`.

    The slice has all homes (see depl.homes). redact: the filter that is to learn its secrets. What is wrong is
    collected in `mistakes`.
    """
    settings = EnvironmentSettings(**{**slice["settings"], "stages": tuple(slice["settings"]["stages"])})
    environment = Environment(
        slice["environment"],
        base_dir,
        slice["platform"] or "",
        settings=settings,
        workdir_base=os.path.join(target_directory, "work"),
    )
    environment.redact = Redactor() if redact is None else redact
    environment.redact.learn([(mark, text) for mark, text in slice["secrets"]])
    environment.secret_files = SecretFiles({name: unpacked(content) for name, content in slice["secret_files"].items()})
    for host in sorted(hosts_named_in(slice)):
        environment.mistakes.append(ConfigurationError(f"The home on the host {host!r} is not known"))
    environment.timeout = slice["timeout"]
    environment.resolver = Resolver(slice["resolver"], settings.require_v4, settings.require_v6)
    service = slice["service"]
    environment._service = Service(
        service["name"], environment.base_dir, tuple(service["components"]), tuple(service["environments"])
    )
    _add_hosts(environment, slice)
    sandbox, left_alone = os.path.join(environment.workdir_base, "_"), [environment.workdir_base, environment.base_dir]
    environment.paths = PathMap(slice["vfs"]["rules"], slice["vfs"]["platforms"], left_alone, sandbox=sandbox)
    for name, home in slice["homes"].items():
        environment.sites[name] = site_of(environment, environment.hosts[name], home)
    with resolving(environment.resolver):
        environment.components = load_components(environment.base_dir)
    _add_roots(environment, [*slice["roots"], *slice["live"]])
    _add_given(environment, slice["given"])
    return environment


def _add_hosts(environment: Environment, slice: Mapping[str, Any]) -> None:
    for name, known in slice["hosts"].items():
        host = Host(
            name,
            ignore=known.get("ignore", False),
            data=known.get("data", {}),
            aliases=BagOfAttributes(known.get("aliases", {})),
            address=known.get("address"),
            port=known.get("port"),
            own_platform=known.get("platform"),
            own_service_user=known.get("service_user"),
            own_target_directory=known.get("target_directory"),
        )
        environment.add_host(host)
        environment.outside[name] = known.get("roots", ())


def _add_roots(environment: Environment, listed: Iterable[Mapping[str, Any]]) -> None:
    missing: List[DeplError] = []
    for one in listed:
        name, host = one["name"], environment.hosts[one["host"]]
        for attribute, (value, file, line, origin, mark) in one["overrides"].items():
            override = Override(value, os.path.join(environment.base_dir, file), line, origin, mark)
            for_all = origin == f"[component:{name}]"
            overrides = environment.component_overrides if for_all else host.overrides
            overrides.setdefault(name, {})[attribute] = override
        try:
            definition = environment.components.get(name)
        except ConfigurationError as mistake:
            missing.append(mistake)
            continue
        if definition is None:
            missing.append(ConfigurationError(f"The component {name!r} could not be loaded on this host"))
            continue
        site = environment.sites.get(host.name)
        workdir = os.path.join(site.workdir_base if site else environment.workdir_base, name)
        features, ignore = one["features"], one["ignore"]
        environment.add_root(RootComponent(name, environment, host, features, ignore, definition, workdir))
    if missing:
        environment.mistakes += environment.components.mistakes or missing
    else:  # other hosts need them, which may have what this one lacks
        environment.warnings += [_caution(mistake) for mistake in environment.components.mistakes]


def _caution(mistake: DeplError) -> Caution:
    return Caution.at(f"A component file that is not needed here cannot be loaded: {mistake}", mistake.file or "", 0)


def _add_given(environment: Environment, given: Iterable[Sequence[Any]]) -> None:
    for encoded, answers in given:
        key = decode(encoded, environment)
        for host, name, values in answers:
            root: Any = RootElsewhere(name, environment.hosts[host])
            for value in values:
                try:
                    environment.resources.provide(root, root, key, decode(value, environment), ("", 0))
                except Exception as reason:  # noqa: BLE001  (classes of the project may refuse)
                    message = f"What {root.label} provides as {key!r} cannot be made on this host: {reason}"
                    environment.mistakes.append(ConfigurationError(message))


def configure_slice(environment: Environment, slice: Mapping[str, Any]) -> Sliced:
    """Configure the root components of a slice. Raises Mistakes with all that is wrong, that of loading included."""
    roots = list(environment.roots)
    own = [root for root in roots if root.host.name == slice["host"]]
    settling = Settling(roots, environment.resources)
    settling.settle()
    comparison = _Comparison(environment, slice)
    found = [*findings.of_order(roots, [{} for _ in roots], settling), *findings.of_failures(settling, environment)]
    if not settling.restless:
        found += _questions(environment, slice["questions"])
    if not settling.restless and not settling.failures:
        found += conflicts(own)
        found += [*comparison.components(own), *comparison.keys(own)]
    mistakes = [*environment.mistakes, *findings.merged(found)]
    if mistakes:
        raise Mistakes(mistakes)
    warnings = [*environment.warnings, *findings.merged(findings.warnings(own))]
    return Sliced(environment, own, warnings, comparison.values(own))


def _questions(environment: Environment, questions: Mapping[str, Any]) -> Iterable[Finding]:
    """Mistakes for questions that the coordinator does not know, and for those that have no answer here."""
    for root in environment.roots:
        known = {(decode(key, environment), host) for key, host in questions[root.id]}
        subscriptions = environment.resources.subscriptions_of(root)
        new = [asked for asked in subscriptions if (asked.key, asked.host) not in known]
        yield from ((root, _new(asked)) for asked in new)
        if not new:
            yield from environment.resources.unsatisfied([root])


def _new(asked: Subscription) -> ConfigurationError:
    here = "" if asked.host is None else f" on host {asked.host!r}"
    message = f"it asks for {asked.key!r}{here}, which it did not ask for at the coordinator"
    file, line = asked.place
    return ConfigurationError(message, asked.component, file=file, line=line, hint=MACHINE)


class _Comparison:
    """Compares what was configured here with what the coordinator told of it."""

    def __init__(self, environment: Environment, slice: Mapping[str, Any]) -> None:
        self._environment = environment
        self._trees = {root["name"]: root["tree"] for root in slice["roots"]}
        self._provided: Dict[str, List[Tuple[Any, Any]]] = {}
        for root_id, key, expected in slice["provided"]:
            self._provided.setdefault(root_id, []).append((decode(key, environment), expected))
        self._keys = {id: {json.dumps(key) for key in keys} for id, keys in slice["keys"].items()}
        project = os.path.join(os.path.dirname(environment.workdir_base), "project")
        self._moved = Moved(environment.base_dir, project)  # in a plan it lies elsewhere

    def components(self, roots: Iterable[RootComponent]) -> Iterable[Finding]:
        """A mistake for each root that has other components: the first that differs."""
        for root in roots:
            tree = self._trees[root.name]
            here = list(kinds(root.component))
            for (kind, component), (expected, *names) in zip(here, tree):
                name = self._moved(component.true_id)
                if kind != expected or not (sum_of(name) in names or name in names):
                    yield root, self._other(component, f"{component.id} is another one there")
                    break
            else:
                if len(here) > len(tree):
                    yield root, self._other(here[len(tree)][1], f"{here[len(tree)][1].id} is not there")
                elif len(here) < len(tree):
                    what = f"there are {len(tree)} there and {len(here)} here"
                    yield root, self._other(here[-1][1], what)

    def keys(self, roots: Iterable[RootComponent]) -> Iterable[Finding]:
        """A mistake for each key that is provided here alone: whoever wants it was told that nobody has it."""
        for root in roots:
            for key, provisions in self._environment.resources.provided_by(root).items():
                try:
                    encoded = json.dumps(mapped_texts(encode(key, self._environment), self._moved))
                except NotData:
                    continue
                if encoded not in self._keys[root.id]:
                    message = f"it provides {key!r}, which it did not provide at the coordinator"
                    file, line = provisions[0].place
                    yield root, ConfigurationError(message, provisions[0].component, file=file, line=line, hint=MACHINE)

    def _other(self, component: Any, what: str) -> ConfigurationError:
        message = f"the components are not those that the coordinator configured: {what}"
        file, line = component.place
        return ConfigurationError(message, component, file=file, line=line, hint=MACHINE)

    def values(self, roots: Iterable[RootComponent]) -> List[str]:
        """A sentence for each value that others were told otherwise."""
        differences = []
        for root in roots:
            provided = self._environment.resources.provided_by(root)
            for key, expected in self._provided.get(root.id, ()):
                provisions = provided.get(key, [])
                if not self._is_same([provision.value for provision in provisions], expected):
                    file, line = provisions[0].place if provisions else root.place
                    where = f"{os.path.relpath(file, self._environment.base_dir)}:{line}"
                    differences.append(
                        f"{root.label} provides {key!r} ({where}) otherwise than at the coordinator, from where other "
                        "hosts have it"
                    )
        return differences

    def _is_same(self, values: Sequence[Any], expected: Any) -> bool:
        try:
            encoded = [encode(value, self._environment) for value in values]
        except NotData:
            return False
        encoded = mapped_texts(encoded, self._moved)
        return bool((encoded if isinstance(expected, list) else digest(encoded)) == expected)
