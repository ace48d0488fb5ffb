"""Is it well, now? The check() of the components in a tree, with its retries."""

from __future__ import annotations

import time
from typing import Callable

from depl.component import Component, RootComponent
from depl.deploy.causes import preorder
from depl.deploy.failure import as_failure
from depl.errors import DeplError, DeploymentError, Interrupted
from depl.facts import facts_of


def check(root: RootComponent, terminated: Callable[[], bool] = lambda: False) -> list[DeplError]:
    """Call the checks of a root component's tree, sub-components first; what is not well."""
    found: list[DeplError] = []
    for component in reversed(list(preorder(root.component))):
        if facts_of(type(component)).checks:
            try:
                _check(component, terminated)
            except Interrupted:
                raise
            except (Exception, SystemExit) as error:  # noqa: BLE001 whatever an author's check raises says that it is not well
                found.append(_told(error, component))
    return found


def _check(component: Component, terminated: Callable[[], bool]) -> None:
    """Once, and again `retries` times, `interval` seconds apart, for `timeout` seconds at most."""
    until = None if component.timeout is None else time.monotonic() + float(component.timeout)
    for left in range(int(component.retries), -1, -1):
        if terminated():
            raise Interrupted("the run was interrupted", component.id)
        try:
            component.check()
            return
        except (Exception, SystemExit):  # whatever an author's check raises says that it is not well
            if not left or (until is not None and time.monotonic() + float(component.interval) > until):
                raise
        time.sleep(float(component.interval))


def _told(error: BaseException, component: Component) -> DeplError:
    if isinstance(error, AssertionError):
        return DeploymentError(f"the check failed: {error}", component, hint="Look at what the service says of itself.")
    return as_failure(error, component)
