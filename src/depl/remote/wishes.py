"""How a fleet is to work."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Wishes:
    """How a fleet is to work. mode: act, plan, undo or look. timeout, beat, patience in seconds.

    code_on: the hosts that get the project and their part of the model, None: all. of: the project's own name.
    selected: not all root components of the hosts are meant. gc: remove what is no longer declared. patience: for how
    long a host whose line was cut is looked for; by default six times the timeout.
    """

    rollout: str
    environment: str
    who: str
    revision: str = ""
    mode: str = "act"
    wait: bool = False
    take_over: bool = False
    jobs: int = 20
    timeout: float = 10
    durability: str = "full"
    change_limit: int = 256 * 1024 * 1024
    command_timeout: Optional[float] = None
    reversible_only: bool = False
    keep: tuple[int, int] = (10, 30)  # rollouts and days
    undoes: Optional[str] = None
    code_on: Optional[Collection[str]] = None
    of: str = ""
    selected: bool = False
    gc: bool = False

    def is_told_the_model(self, host: str) -> bool:
        """Whether a host gets the project and its part of the model."""
        return self.code_on is None or host in self.code_on

    @property
    def for_lock(self) -> float:
        """Seconds to wait for a lock at once: that of an agent of ours may be about to be released."""
        return 0.0 if self.code_on is None else 2.0

    @property
    def beat(self) -> float:
        """Seconds between two signs of life."""
        return max(0.2, min(5.0, self.timeout / 4))

    @property
    def patience(self) -> float:
        """Seconds for which a lost host is looked for."""
        return 6.0 * self.timeout
