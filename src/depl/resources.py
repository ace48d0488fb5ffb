"""Resources: what root components provide and require. A registry of values; it decides nothing."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from depl.elsewhere import RootElsewhere
from depl.errors import ConfigurationError

if TYPE_CHECKING:
    from depl.component import Component
    from depl.root import RootComponent

Place = Tuple[str, int]


class Unanswered(ConfigurationError):
    """require_one() found nothing: this configure() cannot go on before somebody provides it."""


class ResourceMistake(ConfigurationError):
    """A resource that is required but not provided, or the reverse."""

    def __init__(self, message: str, component: Component, key: Any, place: Place, hint: str) -> None:
        super().__init__(message, component, file=place[0], line=place[1], hint=hint)
        self.key = key


@dataclass(frozen=True, eq=False)
class Provision:
    """A value that a component provides."""

    component: Component
    key: Any  # a text, in general
    value: Any
    place: Place


@dataclass(frozen=True, eq=False)
class Subscription:
    """A question of a component. host: the name of the only host that is asked. answer: what it was told."""

    root: RootComponent
    component: Component
    key: Any
    host: Optional[str]
    strict: bool
    reverse: bool
    dirty: bool
    answer: Sequence[Any]
    place: Place


@dataclass
class _Part:
    """What one root component has to do with resources."""

    provided: Dict[str, List[Provision]] = field(default_factory=dict)
    subscriptions: List[Subscription] = field(default_factory=list)


class Resources:
    """Who provides what, and who asked for it and what the answer was."""

    def __init__(self) -> None:
        self._parts: Dict[RootComponent, _Part] = {}
        self._providers: Dict[str, Dict[str, Dict[RootComponent, List[Provision]]]] = {}  # by key and name of the host
        self._asking: Dict[str, Dict[RootComponent, None]] = {}
        self._sorted: Dict[str, List[Tuple[RootComponent, List[Provision]]]] = {}

    def provide(self, root: RootComponent, component: Component, key: str, value: Any, place: Place) -> None:
        """A component offers a value."""
        provisions = self._part(root).provided.setdefault(key, [])
        provisions.append(Provision(component, key, value, place))
        self._providers.setdefault(key, {}).setdefault(root.host.name, {})[root] = provisions
        self._sorted.pop(key, None)

    def require(
        self,
        root: RootComponent,
        component: Component,
        key: str,
        host: Optional[str],
        strict: bool,
        reverse: bool,
        dirty: bool,
        place: Place,
    ) -> List[Any]:
        """A component asks; the question and the answer are kept."""
        answer = self.answer(key, host)
        subscription = Subscription(root, component, key, host, strict, reverse, dirty, tuple(answer), place)
        self._part(root).subscriptions.append(subscription)
        self._asking.setdefault(key, {})[root] = None
        return answer

    def not_one(self, component: Component, key: str, host: Optional[str], place: Place) -> ConfigurationError:
        """What to raise where one value was wanted, but none or several are provided."""
        providers = [f"{provision.component.id} on {root.host.name}" for root, provision in self._found(key, host)]
        here = "" if host is None else f" on host {host!r}"
        if not providers:
            message = f"the resource {key!r} is not provided{here}"
            return Unanswered(message, component, file=place[0], line=place[1])
        return ConfigurationError(
            f"one {key!r}{here} is required, but there are {len(providers)}: from {', '.join(providers)}",
            component,
            file=place[0],
            line=place[1],
            hint="Use `require` for several, or ask for those of one host.",
        )

    def forget(self, root: RootComponent) -> None:
        """The root is about to be configured (again): what it provided and asked is void."""
        part = self._parts.pop(root, None)
        if part is None:
            return
        for key in part.provided:
            hosts = self._providers[key]
            del hosts[root.host.name][root]
            if not hosts[root.host.name]:
                del hosts[root.host.name]
            self._sorted.pop(key, None)
        for subscription in part.subscriptions:
            self._asking[subscription.key].pop(root, None)

    def answer(self, key: str, host: Optional[str] = None) -> List[Any]:
        """The values under a key, ordered by host name, root name and order of provision."""
        return [provision.value for _, provision in self._found(key, host)]

    def _found(self, key: str, host: Optional[str]) -> Iterator[Tuple[RootComponent, Provision]]:
        for root, provisions in self.providers(key, host):
            for provision in provisions:
                yield root, provision

    def providers(self, key: str, host: Optional[str] = None) -> List[Tuple[RootComponent, List[Provision]]]:
        """The roots that provide a key (on one host), with their provisions, in the order of answers."""
        hosts = self._providers.get(key, {})
        if host is not None:
            return sorted(hosts.get(host, {}).items(), key=lambda entry: entry[0].name)
        found = self._sorted.get(key)
        if found is None:
            found = [entry for name in sorted(hosts) for entry in self.providers(key, name)]
            self._sorted[key] = found
        return found

    def _part(self, root: RootComponent) -> _Part:
        part = self._parts.get(root)
        if part is None:
            part = self._parts[root] = _Part()
        return part

    def provided_by(self, root: RootComponent) -> Mapping[str, List[Provision]]:
        """What a root provides, by key."""
        part = self._parts.get(root)
        return part.provided if part else {}

    def subscriptions_of(self, root: RootComponent) -> Sequence[Subscription]:
        """What a root asked for."""
        part = self._parts.get(root)
        return part.subscriptions if part else ()

    def asking(self, key: str) -> Iterable[RootComponent]:
        """The roots that asked for a key."""
        return self._asking.get(key, ())

    def keys(self) -> List[str]:
        """All keys that are provided."""
        return sorted(str(key) for key, providers in self._providers.items() if providers)

    def is_outdated(self, root: RootComponent) -> bool:
        """Whether a root would be given another answer today (and wants to know)."""
        return any(
            not subscription.dirty and not same(subscription.answer, self.answer(subscription.key, subscription.host))
            for subscription in self.subscriptions_of(root)
        )

    def edges(self, root: RootComponent) -> Iterator[Tuple[RootComponent, RootComponent, str]]:
        """What the questions of a root say on order: (earlier, later, key).

        What it provides itself says nothing, and neither does what a slice holds of other hosts.
        """
        seen = set()
        for asked in self.subscriptions_of(root):
            question = (asked.key, asked.host, asked.reverse)
            if question in seen:
                continue
            seen.add(question)
            for provider, _ in self.providers(asked.key, asked.host):
                if provider is not root and not isinstance(provider, RootElsewhere):
                    yield (root, provider, asked.key) if asked.reverse else (provider, root, asked.key)

    def unsatisfied(self, roots: Iterable[RootComponent]) -> Iterator[Tuple[RootComponent, ResourceMistake]]:
        """A mistake for each strict question without an answer."""
        for root in roots:
            for asked in self.subscriptions_of(root):
                if asked.strict and not self.answer(asked.key, asked.host):
                    yield root, self._unsatisfied(asked)

    def _unsatisfied(self, asked: Subscription) -> ResourceMistake:
        elsewhere = sorted({root.host.name for root, _ in self.providers(asked.key)})
        near = difflib.get_close_matches(asked.key, self.keys(), 3) if isinstance(asked.key, str) else []
        if elsewhere:
            hint = f"It is provided on {_some(elsewhere)}, but not there."
        elif near:
            hint = f"Did you mean {' or '.join(map(repr, near))}?"
        else:
            hint = "Assign the component that provides it to a host of this environment, or require with strict=False."
        here = "" if asked.host is None else f" on host {asked.host!r}"
        message = f"the resource {asked.key!r} is required, but nobody provides it{here}"
        return ResourceMistake(message, asked.component, asked.key, asked.place, hint)

    def unused(self, roots: Iterable[RootComponent]) -> Iterator[Tuple[RootComponent, ResourceMistake]]:
        """A mistake for each value that nobody asked for."""
        asked: Dict[Any, Dict[Optional[str], None]] = {}
        for part in self._parts.values():
            for subscription in part.subscriptions:
                asked.setdefault(subscription.key, {})[subscription.host] = None
        for root in roots:
            for key, provisions in self.provided_by(root).items():
                hosts = asked.get(key, {})
                if None not in hosts and root.host.name not in hosts:
                    yield from ((root, self._unused(provision, asked)) for provision in provisions)

    def _unused(self, provision: Provision, asked: Mapping[Any, Any]) -> ResourceMistake:
        wanted = sorted(key for key in asked if isinstance(key, str))
        near = difflib.get_close_matches(provision.key, wanted, 3) if isinstance(provision.key, str) else []
        hint = "Remove it, or require it (strict=False where it is optional)."
        if provision.key in asked:
            hint = f"It is only required from {_some(sorted(str(host) for host in asked[provision.key]))}."
        elif near:
            hint = f"Did you mean {' or '.join(map(repr, near))}?"
        message = f"the resource {provision.key!r} is provided, but nobody requires it"
        return ResourceMistake(message, provision.component, provision.key, provision.place, hint)


def same(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether two lists of values are equal. Values that cannot be compared differ."""
    if len(one) != len(other):
        return False
    try:
        return all(a is b or bool(a == b) for a, b in zip(one, other))
    except Exception:  # noqa: BLE001  (__eq__ is the author's)
        return False


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 5 else f"{', '.join(names[:5])} and {len(names) - 5} more"
