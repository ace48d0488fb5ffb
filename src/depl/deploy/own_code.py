"""Changes that only their component's own code can take back."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional, Sequence

from depl.change.changes import Call
from depl.component import Component, RootComponent
from depl.deploy.calling import Reverse
from depl.deploy.causes import preorder
from depl.deploy.failure import in_component
from depl.errors import ChangeFailed, DeplError, DeploymentError, Interrupted, JournalError, Mistakes

Roots = Iterable[RootComponent]
Named = Callable[[str], str]


def reverse_by(roots: Callable[[], Roots], named: Named = str) -> Reverse:
    """Calls an author's reverse() on the component that some root components have under the same id.

    roots: asked for once, when they are needed. named: what an id of theirs was in the rollout.
    """
    known: list[RootComponent] = []

    def reverse(system: Any, call: Call) -> None:
        if not known:
            known.extend(roots())
        found = _found(known, call.component, named)
        if found is None:
            raise DeplError(no_longer_there(call.component))
        captured = system.captured(call)
        if not isinstance(captured, dict):  # as an older depl took it
            what = f"its capture() gave no dict but a {type(captured).__name__}, which its reverse() gets as it is"
            system.warn.tell(call.component, what)
        with _reversing(*found, system):
            found[1].reverse(captured)  # type: ignore[attr-defined]

    return reverse


def lacking(facts: Sequence[Mapping[str, str]], roots: Roots, named: Named = str) -> Optional[Mapping[str, str]]:
    """The first of what only its own code can take back that no root component has."""
    listed = list(roots)
    return next((one for one in facts if _found(listed, one["component"], named) is None), None)


def no_longer_there(component: str, host: str = "") -> str:
    """The sentence on a component that is not in the model any more."""
    where = f" on {host}" if host else ""
    return f"{component}{where} must be reversed by its own code, and the model has it no more"


def no_model(environment: str, error: DeplError) -> str:
    """The words on a model that cannot be made."""
    mistakes = error.mistakes if isinstance(error, Mistakes) else [error]
    why = ": ".join(filter(None, (mistakes[0].place, mistakes[0].message)))
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    return f"the model of {environment} cannot be made here: {why}{more}"


def where_it_is(about: Mapping[str, str]) -> str:
    """The hint that goes with it."""
    revision, rollout = about.get("revision"), about.get("rollout", "")
    which = f"revision {revision}" if revision else "the revision"
    return f"Check out {which} (rollout {rollout} deployed it) and undo from there, or leave it as it is with --keep."


def _found(roots: Roots, id: str, named: Named) -> Optional[tuple[RootComponent, Component]]:
    for root in roots:
        for one in preorder(root.component):
            if id in (one.id, named(one.id)) and hasattr(one, "reverse"):
                return root, one
    return None


@contextmanager
def _reversing(root: RootComponent, component: Component, system: Any) -> Iterator[None]:
    """As in update(): in the workdir, if there is one, and commands act. Errors: DeploymentError, JournalError."""
    before, attempts = _current(), (root.attempt, root.environment.attempt)
    root.system = system
    root.attempt = root.environment.attempt = _Reversing()
    try:
        with in_component(component):
            if os.path.isdir(root.workdir):
                os.chdir(root.workdir)
            yield
    except (Interrupted, JournalError):
        raise
    except (DeplError, OSError) as error:
        why = error.message if isinstance(error, DeplError) else str(error)
        hint = "" if isinstance(error, ChangeFailed) else getattr(error, "hint", "")
        raise DeploymentError(f"its reverse() failed: {why}", component.id, hint=hint) from error
    finally:
        root.attempt, root.environment.attempt = attempts
        if before:
            with suppress(OSError):
                os.chdir(before)


class _Reversing:
    """What components are told while their reverse() runs."""

    updating = True
    predicting = False

    def changed(self, asked: Component) -> bool:
        return False

    def is_half_done(self, component: Component) -> bool:
        return False

    def product(self, path: str) -> None:
        """Nothing is captured on the way back."""

    def log(self, component: Component, text: str) -> None:
        component.root.log_lines.append((component.id, text))


def _current() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:  # an undo removed it
        return ""
