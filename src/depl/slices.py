"""What one host needs of a model, as JSON data.

Of its own root components it has all, overrides included. Of others it has what its own required from them: the values,
as they are here, where these are data. A live value cannot travel: its root component comes along, to be configured on
the host again, but never to be deployed there. Texts may hold tokens of homes (see depl.homes).
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from depl.errors import ConfigurationError
from depl.homes import Moved, as_on_hosts, has_token, hosts_named_in, token_of, with_homes
from depl.secret_values import packed, secrets_in
from depl.values import NotData, encode, mapped_texts

if TYPE_CHECKING:
    from depl.component import Component
    from depl.configure import Model
    from depl.host import Host
    from depl.resources import Subscription
    from depl.root import RootComponent

__all__ = ["as_on_hosts", "hosts_named_in", "live_roots", "slice_of", "with_homes"]


def slice_of(model: Model, host: str) -> Dict[str, Any]:
    """The slice of a host. Values are encoded once for all hosts. ConfigurationError for a key that is not data."""
    environment = model.environment
    if environment.slicing is None or environment.slicing.model is not model:
        environment.slicing = Slicing(model)
    made: Dict[str, Any] = environment.slicing.of(host)
    return made


def live_roots(slice: Mapping[str, Any]) -> List[str]:
    """The ids of the root components of other hosts that come along, with their overrides, secret ones included."""
    return [f"{root['name']}@{root['host']}" for root in slice["live"]]


class Slicing:
    """Makes the slices of a model. What several of them need is worked out once."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._environment, self._resources = model.environment, model.environment.resources
        self._by_host: Dict[str, List[RootComponent]] = {}
        for root in model.roots:
            self._by_host.setdefault(root.host.name, []).append(root)
        self._moved: Dict[str, Moved] = {}
        self._values: Dict[Tuple[RootComponent, Any], Optional[List[Any]]] = {}
        self._askers: Dict[Any, Dict[Optional[str], Set[str]]] = {}  # key -> host that is asked -> hosts that ask
        for root in model.roots:
            for asked in self._resources.subscriptions_of(root):
                self._askers.setdefault(asked.key, {}).setdefault(asked.host, set()).add(root.host.name)
        self._common = self._parts_for_all()
        self._hosts = {host.name: self._listed(host) for host in self._environment.hosts.values()}

    def of(self, host_name: str) -> Dict[str, Any]:
        """The slice of a host."""
        host = self._environment.get_host(host_name)
        own = self._by_host.get(host_name, [])
        live, given = self._from_others(own)
        known = {host, *(root.host for root in live)}
        hosts = {**self._hosts, **{one.name: {**self._hosts[one.name], "data": dict(one.data)} for one in known}}
        made = {
            **self._common,
            "host": host_name,
            "homes": {name: token_of(name) for name in sorted({root.host.name for root in live})},
            "hosts": hosts,
            "roots": [{**self._root(root), "tree": self._tree(root)} for root in own],
            "live": [self._root(root) for root in live],
            "questions": {root.id: self._questions(root, host_name) for root in [*own, *live]},
            "given": [[self._key(key, host_name), answers] for key, answers in given.items()],
            "provided": [entry for root in own for entry in self._provided(root)],
            "keys": {root.id: [self._key(key, host_name) for key in self._data_keys(root)] for root in own},
            "secret_files": self._secret_files([*own, *live]),
        }
        return {**made, "secrets": sorted(secrets_in(made, self._environment.redact))}

    def _parts_for_all(self) -> Dict[str, Any]:
        environment = self._environment
        service = environment.service
        return {
            "environment": environment.name,
            "platform": environment.platform,
            "timeout": environment.timeout,
            "settings": asdict(environment.settings),
            "vfs": {"rules": environment.paths.rules, "platforms": environment.paths.platforms},
            "resolver": {name: list(addresses) for name, addresses in environment.resolver.names.items()},
            "service": {"name": service.name, "components": service.components, "environments": service.environments},
        }

    def _listed(self, host: Host) -> Dict[str, Any]:
        """What every host may know about one."""
        known = {
            "data": {key: value for key, value in host.data.items() if key not in host.secret_keys},
            "aliases": dict(host.aliases),
            "ignore": host.ignore,
            "address": host.address,
            "port": host.port,
            "platform": host.own_platform,
            "service_user": host.own_service_user,
            "target_directory": host.own_target_directory,
            "roots": [root.name for root in self._environment.components_for(host).values()],
        }
        return {key: value for key, value in known.items() if value or value == ""}

    def _from_others(self, own: Sequence[RootComponent]) -> Tuple[List[RootComponent], Dict[Any, List[Any]]]:
        """The live root components that are needed; and by key the values of others: host, name of the root, values."""
        inside = dict.fromkeys(own)
        ahead = list(own)
        found: Dict[Tuple[RootComponent, Any], List[Any]] = {}
        while ahead:
            for key, host in _asked(self._resources.subscriptions_of(ahead.pop())):
                for provider, _ in self._resources.providers(key, host):
                    if provider in inside:
                        continue
                    values = self._encoded(provider, key)
                    if values is None:
                        inside[provider] = None
                        ahead.append(provider)
                    else:
                        found[provider, key] = values
        live = sorted(set(inside).difference(own), key=lambda root: (root.host.name, root.name))
        given: Dict[Any, List[Any]] = {}
        for (root, key), values in found.items():
            if root not in inside:
                given.setdefault(key, []).append([root.host.name, root.name, values])
        return live, given

    def _encoded(self, root: RootComponent, key: Any) -> Optional[List[Any]]:
        """What a root component provides under a key, with the paths of its host; None if something of it is live."""
        if (root, key) not in self._values:
            provisions = self._resources.provided_by(root)[key]
            try:
                encoded = [encode(provision.value, self._environment) for provision in provisions]
                self._values[root, key] = mapped_texts(encoded, self._moved_to(root.host.name))
            except NotData:
                self._values[root, key] = None
        return self._values[root, key]

    def _moved_to(self, host_name: str) -> Moved:
        if host_name not in self._moved:
            site = self._environment.sites.get(host_name)
            base_dir = self._environment.base_dir
            self._moved[host_name] = Moved(base_dir, site.project if site else base_dir)
        return self._moved[host_name]

    def _key(self, key: Any, host_name: str) -> Any:
        return mapped_texts(encode(key, self._environment), self._moved_to(host_name))

    def _root(self, root: RootComponent) -> Dict[str, Any]:
        overrides = {
            attribute: [override.value, self._relative(override.file), override.line, override.origin, override.mark]
            for attribute, override in root.overrides.items()
        }
        return {
            "name": root.name,
            "host": root.host.name,
            "features": root.features,
            "ignore": root.ignore,
            "overrides": overrides,
        }

    def _secret_files(self, roots: Iterable[RootComponent]) -> Dict[str, Any]:
        """The secret files that some root components read."""
        files = self._environment.secret_files
        return {name: packed(files[name]) for root in roots for name in files.read_by(root.id)}

    def _relative(self, file: str) -> str:
        return file.removeprefix(self._environment.base_dir + os.sep)

    def _questions(self, root: RootComponent, host_name: str) -> List[Any]:
        questions = []
        for asked in self._resources.subscriptions_of(root):
            try:
                questions.append([self._key(asked.key, host_name), asked.host])
            except NotData as reason:
                message = (
                    f"it requires {asked.key!r}, but a key has to be data to be known on other hosts, and {reason}"
                )
                file, line = asked.place
                hint = "Use a text for the key."
                raise ConfigurationError(message, asked.component, file=file, line=line, hint=hint) from None
        return _unique(questions)

    def _provided(self, root: RootComponent) -> Iterable[List[Any]]:
        """Fingerprints of what others were given, so that the host can tell what is not the same there."""
        host = root.host.name
        for key in self._resources.provided_by(root):
            asking = self._askers.get(key, {})
            if any(asking.get(asked, set()) - {host} for asked in (None, host)):
                values = self._encoded(root, key)
                if values is not None:
                    yield [root.id, self._key(key, host), values if has_token(json.dumps(values)) else digest(values)]

    def _data_keys(self, root: RootComponent) -> Iterable[Any]:
        """What a root provides, as far as others can ask for it: their keys are data."""
        for key in self._resources.provided_by(root):
            try:
                encode(key, self._environment)
            except NotData:
                continue
            yield key

    def _tree(self, root: RootComponent) -> List[Any]:
        """For each component a check sum of its kind and what its name may be: a check sum, or a text with a home."""
        host = root.host.name
        home = Moved(os.path.expanduser("~"), token_of(host))
        components = []
        for kind, component in kinds(root.component):
            name = self._moved_to(host)(component.true_id)
            there = home(name)
            accepted = [] if has_token(name) else [sum_of(name)]
            components.append([kind, *accepted, *([there] if has_token(there) else [])])
        return components


def _asked(subscriptions: Iterable[Subscription]) -> Iterable[Tuple[Any, Optional[str]]]:
    return dict.fromkeys((asked.key, asked.host) for asked in subscriptions)


def _unique(questions: Iterable[Any]) -> List[Any]:
    return list({json.dumps(question): question for question in questions}.values())


def digest(values: Any) -> str:
    """What is the same for the same data."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]


def kinds(root: Component) -> Iterator[Tuple[int, Component]]:
    """All components of a tree, each before what it contains, with a check sum of what it is and how deep it lies."""
    ahead = [(0, root)]
    while ahead:
        depth, component = ahead.pop()
        yield sum_of(f"{depth} {type(component).__module__} {type(component).__qualname__}"), component
        ahead.extend((depth + 1, below) for below in component.sub_components[::-1])


def sum_of(text: str) -> int:
    """A check sum of a text."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))
