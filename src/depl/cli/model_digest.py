"""The digest of a model as it would be deployed: the same in any process and checkout, as long as nothing changes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from depl.deploy.causes import preorder
from depl.homes import Moved
from depl.rollout.masking import masked
from depl.values import NotData, encode, mapped_texts

if TYPE_CHECKING:
    from depl.component import Component
    from depl.configure import Model
    from depl.environment import Environment
    from depl.host import Host
    from depl.root import RootComponent

OF_THE_TREE = {"parent", "sub_components", "_root", "_configured_in", "_place", "_names", "_step", "_named", "_"}


def digest_of(model: Model, roots: Sequence[RootComponent], revision: str = "") -> str:
    """What deploying some roots of a model depends on, as far as it is known here, in 64 letters.

    revision: of the project, where that is what travels. A secret counts by its encrypted file, and by its name where
    it stands in a text: from the digest nobody can find out what it is.
    """
    environment = model.environment
    told = {
        "environment": environment.name,
        "platform": environment.platform,
        "timeout": environment.timeout,
        "settings": asdict(environment.settings),
        "names": {name: list(addresses) for name, addresses in environment.resolver.names.items()},
        "hosts": [_host(host) for host in environment.hosts.values()],
        "roots": [_root(model, root) for root in roots],
        "components": list(_files(os.path.join(environment.base_dir, "components"))),
        "secrets": _sums_of_secrets(environment),
        "revision": revision,
    }
    hidden = masked(told, environment.redact)
    placed = mapped_texts(json.loads(json.dumps(hidden)), Moved(environment.base_dir, "‹project›"))
    return hashlib.sha256(json.dumps(placed, sort_keys=True).encode()).hexdigest()


def _host(host: Host) -> Mapping[str, Any]:
    return {
        "name": host.name,
        "names": [host.fqdn, sorted(host.aliases.items())],
        "reached": [host.address, host.port, host.service_user, host.target_directory, host.platform],
        "ignore": host.ignore,
        "data": {key: "" if key in host.secret_keys else value for key, value in host.data.items()},
    }


def _root(model: Model, root: RootComponent) -> Mapping[str, Any]:
    return {
        "id": root.id,
        "features": root.features,
        "ignore": root.ignore,
        "workdir": root.workdir,
        "after": sorted(model.providers[root.id]),
        "overrides": {name: one.mark or one.value for name, one in root.overrides.items()},
        "tree": [_component(one, model.environment) for one in preorder(root.component)],
    }


def _component(component: Component, environment: Environment) -> Any:
    attributes = {
        name: _value(value, environment) for name, value in vars(component).items() if name not in OF_THE_TREE
    }
    return [component.id, _name_of(type(component)), attributes]


def _value(value: Any, environment: Environment) -> Any:
    """A value as data; of what is none, its kind and what it contains."""
    try:
        return encode(value, environment)
    except NotData:
        pass
    if isinstance(value, (list, tuple)):
        return [_value(one, environment) for one in value]
    if isinstance(value, Mapping):
        return [[_value(one, environment) for one in pair] for pair in value.items()]
    return _name_of(type(value))


def _name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _files(directory: str) -> Iterator[Sequence[Any]]:
    """What there is in the directories of components; what did not change is not read again."""
    from depl.remote.digests import Digests
    from depl.remote.listing import Listing

    if os.path.isdir(directory):
        digests = Digests(directory)
        for entry in digests.manifest(digests.key_of(Listing(directory))).entries:
            if entry.kind != "d":
                yield entry.path, entry.kind, entry.mode & 0o100, entry.digest, entry.target


def _sums_of_secrets(environment: Environment) -> Mapping[str, str]:
    """By name check sums of the files that they are encrypted in."""
    from depl.secrets.places import directory, has_secrets

    if not has_secrets(environment.base_dir, environment.name):
        return {}
    sums = {}
    place = directory(environment.base_dir, environment.name)
    for name in sorted(os.listdir(place)):
        if name.endswith((".age", ".gpg", ".age-diffable")):
            with open(os.path.join(place, name), "rb") as file:
                sums[name] = hashlib.sha256(file.read()).hexdigest()
    return sums
