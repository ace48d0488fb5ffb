"""Root components of other hosts, where a slice has only their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from depl.errors import ConfigurationError

if TYPE_CHECKING:
    from depl.host import Host


class Assigned:
    """Something that an environment assigned to a host, by what it is called."""

    name: str
    host: Host

    @property
    def id(self) -> str:
        """Unique in an environment; ids of components start with the name alone and are unique on a host."""
        return f"{self.name}@{self.host.name}"

    @property
    def label(self) -> str:
        """What people call it."""
        return f"{self.name} on {self.host.name}"


class RootElsewhere(Assigned):
    """Stands for a root component that is not part of a slice: it has a name and a host, and nothing else to tell."""

    def __init__(self, name: str, host: Host) -> None:
        self.name, self.host = name, host

    def __repr__(self) -> str:
        return f"<RootElsewhere {self.label}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self.out_of_reach()

    def out_of_reach(self) -> ConfigurationError:
        """What to raise where something of the root component itself is asked for."""
        return ConfigurationError(
            f"{self.label} is not part of what this host needs",
            hint="Let it provide what is wanted of it, and `require` that: so it comes along.",
        )
