"""How a project comes to its hosts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from depl.environment import Environment
from depl.errors import ConfigurationError
from depl.protocol.replies import Wants
from depl.protocol.requests import Given
from depl.surroundings import Caution


class Transfer(Protocol):
    """A project that is ready to be brought to hosts. key: names just this state of it. warnings: as sentences."""

    @property
    def key(self) -> str: ...

    @property
    def method(self) -> str: ...

    @property
    def revision(self) -> str: ...

    @property
    def warnings(self) -> Sequence[str]: ...

    def answer(self, wants: Wants) -> Iterator[Given]:
        """The parts of what a host wants; for many hosts at the same time."""


def transfer_of(environment: Environment, dirty: bool = False) -> Transfer:
    """The project of an environment, as `update_method` says. Contacts nobody; adds to the environment's warnings.

    dirty: a working copy with changes is no error. Errors: ConfigurationError.
    """
    method = environment.settings.update_method
    transfer = _transfer(environment, method, dirty)
    environment.warnings.extend(Caution(warning) for warning in transfer.warnings)
    return transfer


def _transfer(environment: Environment, method: str, dirty: bool) -> Transfer:
    if method == "snapshot":
        from depl.remote.snapshot import Snapshot

        return Snapshot(environment.base_dir)
    if method in ("git-bundle", "hg-bundle"):
        from depl.remote.bundles import Bundle

        settings = environment.settings
        root, branch = settings.repository_root, settings.branch
        return Bundle(method, environment.base_dir, root=root, branch=branch, dirty=dirty)
    instead = method.replace("pull", "bundle")
    message = f"`update_method = {method}` is not supported yet"
    raise ConfigurationError(message, hint=f"Use `update_method = {instead}`: hosts need no access to the repository.")
