"""Hosts and overrides, as values that components and the engine see; names of hosts may carry ranges."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, Optional

from depl.utils import BagOfAttributes

if TYPE_CHECKING:
    from depl.component import RootComponent
    from depl.environment import Environment

RANGE = re.compile(r"\[(\d+)\.\.(\d+)\]")
NAME = re.compile(r"\w[\w.-]*")  # never a leading dash, which ssh would take for an option
LARGEST_RANGE = 10_000


@dataclass(frozen=True)
class Override:
    """What an environment says about an attribute of a root component, and where it says so.

    origin: the section that it stands in, such as `[component:web]`, `[group:all]`, `[host:web1]`. mark: what is shown
    for a secret; empty: it is none.
    """

    value: str = field(repr=False)
    file: str
    line: int
    origin: str
    mark: str = ""


@dataclass(eq=False, repr=False)
class Host:
    """A machine of an environment. What is None is as the environment says.

    data: the `data-KEY` settings; secret_keys: which of them are secret. aliases: alias -> full name, also as
    attributes (`host.aliases.www`). address: where to connect to, if not the fqdn. overrides: root name -> attribute ->
    what groups and this host say, the host's own word last. file, line: where it is declared.
    """

    name: str
    environment: Optional[Environment] = None
    ignore: bool = False
    data: dict[str, str] = field(default_factory=dict)
    secret_keys: set[str] = field(default_factory=set)
    aliases: BagOfAttributes = field(default_factory=BagOfAttributes)
    address: Optional[str] = None
    port: Optional[int] = None
    overrides: dict[str, dict[str, Override]] = field(default_factory=dict)
    file: Optional[str] = None
    line: Optional[int] = None
    own_platform: Optional[str] = None
    own_service_user: Optional[str] = None
    own_require_sudo: Optional[bool] = None
    own_target_directory: Optional[str] = None
    own_python: Optional[str] = None

    @property
    def fqdn(self) -> str:
        """The name with the environment's domain."""
        domain = self._setting("host_domain")
        return f"{self.name}.{domain}" if domain and not self.name.endswith("." + domain) else self.name

    @property
    def platform(self) -> Optional[str]:
        """The host's own platform, else the environment's."""
        if self.own_platform is not None or self.environment is None:
            return self.own_platform or None
        return self.environment.platform

    @property
    def service_user(self) -> Optional[str]:
        """The account to work as."""
        return self.own_service_user or self._setting("service_user")

    @property
    def require_sudo(self) -> Optional[bool]:
        """Whether to become the service user by sudo; None: find out."""
        return self._setting("require_sudo") if self.own_require_sudo is None else self.own_require_sudo

    @property
    def target_directory(self) -> str:
        """Where `work`, `project` and `.depl` lie on this host."""
        return self.own_target_directory or self._setting("target_directory") or "~/deployment"

    @property
    def python(self) -> Optional[str]:
        """The interpreter on this host; None: find one."""
        return self.own_python or self._setting("python")

    @property
    def components(self) -> dict[str, RootComponent]:
        """The root components that the environment assigns to this host, by name."""
        return self.environment.components_for(self) if self.environment else {}

    def _setting(self, name: str) -> Any:
        return getattr(self.environment.settings, name) if self.environment else None

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<Host {self.name}>"

    def __lt__(self, other: Host) -> bool:
        return self.name < other.name


def expand_range(pattern: str) -> list[str]:
    """The names that a pattern such as `web[01..10]` stands for; several ranges multiply.

    Leading zeros are kept. ValueError says what is wrong with the pattern.
    """
    parts = RANGE.split(pattern)
    texts, bounds = parts[::3], list(zip(parts[1::3], parts[2::3]))
    if any("[" in text or "]" in text for text in texts):
        raise ValueError(f"{pattern!r} holds a range that is not written like [01..10]")
    count = 1
    for first, last in bounds:
        if int(first) > int(last):
            raise ValueError(f"the range [{first}..{last}] in {pattern!r} runs backwards")
        count *= int(last) - int(first) + 1
    if count > LARGEST_RANGE:
        raise ValueError(f"{pattern!r} stands for {count} names, more than {LARGEST_RANGE}")
    numbers = [[str(n).zfill(len(first)) for n in range(int(first), int(last) + 1)] for first, last in bounds]
    names = ["".join(text + n for text, n in zip(texts, [*chosen, ""])) for chosen in product(*numbers)]
    for name in names[:1]:
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a host (letters, digits, dots, dashes, underscores)")
    return names
