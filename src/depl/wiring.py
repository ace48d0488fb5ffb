"""How components provide values to each other."""

from __future__ import annotations

import difflib
from typing import Any, List, Optional

from depl.errors import ConfigurationError
from depl.places import calling_place
from depl.root import PREPARE
from depl.tree import InTree


class Wiring(InTree):
    """What a component provides to others and requires from them."""

    def provide(self, key: str, value: Any) -> None:
        """Provide a value under a key to all who require it."""
        root = self.root
        root.environment.resources.provide(root, self, key, value, calling_place(PREPARE) or root.place)

    def require(
        self, key: str, host: Any = None, strict: bool = True, reverse: bool = False, dirty: bool = False
    ) -> List[Any]:
        """All values that are provided under a key, ordered by host name, root name and order of provision.

        host: only those of this host (or of the host of this name). strict: it is a mistake if there are none.
        reverse: deploy this root before those that provide. dirty: do not configure this root again when they change.
        """
        root = self.root
        place = calling_place(PREPARE) or root.place
        values: List[Any] = root.environment.resources.require(
            root, self, key, self._host_name(host), strict, reverse, dirty, place
        )
        return values

    def require_one(
        self, key: str, host: Any = None, strict: bool = True, reverse: bool = False, dirty: bool = False
    ) -> Any:
        """The one value that is provided under a key; None if there is none and `strict` is not set."""
        values = self.require(key, host, strict, reverse, dirty)
        if len(values) == 1 or not (values or strict):
            return values[0] if values else None
        place = calling_place(PREPARE) or self.place
        raise self.root.environment.resources.not_one(self, key, self._host_name(host), place)

    def _host_name(self, host: Any) -> Optional[str]:
        if host is None:
            return None
        name = host if isinstance(host, str) else getattr(host, "name", None)
        known = self.root.environment.hosts
        if name in known:
            return str(name)
        close = difflib.get_close_matches(str(name), sorted(known), 3)
        file, line = calling_place(PREPARE) or self.place
        raise ConfigurationError(
            f"there is no host {name!r} in environment {self.root.environment.name!r}",
            self,
            file=file,
            line=line,
            hint=f"Did you mean {' or '.join(close)}?" if close else f"Its hosts are {', '.join(sorted(known))}.",
        )
