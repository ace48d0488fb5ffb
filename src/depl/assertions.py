"""What verify() asks: each question is an assertion that asks for an update() where the answer is no."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Iterable, Sequence, Union

from depl.change.nodes import Absent
from depl.errors import CmdExecutionError, UpdateNeeded
from depl.toolbox import Toolbox

if TYPE_CHECKING:
    from depl.component import Component


class Assertions(Toolbox):
    """The assertions of a component."""

    @property
    def changed(self) -> bool:
        """Whether this component changed: in this run, or since the one that asks last succeeded."""
        attempt = self.root.environment.attempt  # of whoever asks, which may be a component of another root
        return attempt is not None and attempt.changed(self)  # type: ignore[arg-type]

    def assert_no_changes(self) -> None:
        """Ask for an update if this component or one below it changed."""
        if self.changed:
            raise UpdateNeeded("it changed")
        self.assert_no_subcomponent_changes()

    def assert_no_subcomponent_changes(self) -> None:
        """Ask for an update if a component below this one changed."""
        for component in self.recursive_sub_components:
            if component.changed:
                raise UpdateNeeded(f"{component._breadcrumb} changed")

    def assert_cmd(self, *args: Any, **options: Any) -> None:
        """Ask for an update if a command fails. The arguments are those of cmd()."""
        try:
            self.cmd(*args, **options)
        except CmdExecutionError as error:
            raise UpdateNeeded(error.message) from error

    def assert_file_is_current(
        self, reference: str, requirements: Union[str, Sequence[str]] = (), key: str = "st_mtime", **_: Any
    ) -> None:
        """Ask for an update if a file is missing, or older than one of those that it is made from.

        key: the field of os.stat() to compare.
        """
        path = self.map(reference)
        attempt = self.root.attempt
        if attempt is not None:
            attempt.product(path)
        try:
            made = getattr(os.stat(path), key)
        except FileNotFoundError:
            raise UpdateNeeded(f"{reference} is missing") from None
        for requirement in [requirements] if isinstance(requirements, str) else requirements:
            if self._later(requirement, made, key):
                raise UpdateNeeded(f"{reference} is older than {requirement}")

    def _later(self, requirement: str, made: float, key: str) -> bool:
        path = self.map(requirement)
        try:
            return bool(getattr(os.stat(path), key) > made)
        except FileNotFoundError:
            if self._will_be_there(path):
                return True
            raise

    def _will_be_there(self, path: str) -> bool:
        """Whether a plan has seen a change that makes it."""
        attempt, system = self.root.attempt, self.root.system
        return attempt is not None and attempt.predicting and not isinstance(system.look(path), Absent)

    def assert_component_is_current(self, requirements: Union[Component, Iterable[Component]] = (), **how: Any) -> None:
        """Ask for an update if this component was last updated before one of the required components.

        One that cannot say when (None) is outdated itself and no reason for others to be. how: for last_updated().
        """
        required = requirements if isinstance(requirements, Iterable) else [requirements]
        mine = self.last_updated(**how)
        if mine is None:
            raise UpdateNeeded("it was never updated")
        for component in required:
            theirs = component.last_updated(**how)
            if theirs is not None and mine < theirs:
                raise UpdateNeeded(f"{component._breadcrumb} was updated since")

    def last_updated(self, **how: Any) -> Any:
        """When this component was last updated, in seconds since 1970; None for never. For subclasses to implement."""
        raise NotImplementedError(f"{type(self).__name__} does not say when it was last updated")
