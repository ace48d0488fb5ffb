"""What came of an undo."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Undone:
    """How far it went. conflicts, failed: what was not put back, as sentences; kept: what others wrote."""

    reversed: int = 0
    kept: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether everything known is as before."""
        return not self.conflicts and not self.failed
