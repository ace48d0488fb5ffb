"""The model of an environment, made for a session: with its secrets, its filter and whatever is said otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from depl.configure import Model, configure
from depl.environment import Environment
from depl.errors import Mistakes

if TYPE_CHECKING:
    from depl.cli.session import Session


def made(
    session: Session,
    name: str,
    platform: str | None = None,
    timeout: int | None = None,
    *,
    on_hosts: bool | None = False,
    overrides: Mapping[str, str] | None = None,
) -> Model:
    """Configure and check it; see Session.model. overrides: see Environment.load. Errors: Mistakes, all of them.

    While it lasts, the process works in directories of components.
    """
    name = re.sub(r"\.cfg$", "", name)
    secrets = session.secrets(name)
    with session.prints_apart():
        environment = Environment.load(
            name, session.base, platform, secrets=secrets, redact=session.printer.redact, overrides=overrides
        )
        if secrets is not None and secrets.mistakes:
            raise Mistakes(environment.mistakes)  # what else would be found may only follow from these
        if timeout is not None:
            environment.timeout = timeout
        if environment.settings.connect_method != "local" if on_hosts is None else on_hosts:
            from depl.slices import as_on_hosts

            as_on_hosts(environment)
        return configure(environment)
