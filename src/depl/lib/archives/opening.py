"""Archives on the host, opened for a component."""

from __future__ import annotations

import os
from typing import Any

from depl.change import nodes
from depl.component import Component
from depl.errors import DeploymentError
from depl.lib.archives.entries import Unsafe, unreadable


class Opened:
    """An archive while it is read. Errors: DeploymentError, also where what is in it is refused."""

    def __init__(self, component: Component, path: str, reader: Any) -> None:
        self._component, self._path, self._reader = component, path, reader
        self._open: Any = None

    def __enter__(self) -> Any:
        path, system = self._path, self._component.system
        if not isinstance(system.look(path), (nodes.File, nodes.Link)):
            raise DeploymentError(
                f"the archive {path} does not exist",
                self._component,
                hint="Add the Download or File that brings it before.",
            )
        stream = _stream(system, path)
        try:
            self._open = self._reader(stream)
        except Exception as problem:  # noqa: BLE001 (the decompressors have errors of their own)
            stream.close()
            raise self._told(problem) from None
        return self._open

    def __exit__(self, kind: Any, problem: Any, trace: Any) -> None:
        if self._open is not None:
            self._open.close()
        if problem is not None and (isinstance(problem, Unsafe) or unreadable(problem)):
            raise self._told(problem) from None

    def _told(self, problem: BaseException) -> DeploymentError:
        path = self._path
        reason = (str(problem) or type(problem).__name__).splitlines()[0]
        if isinstance(problem, Unsafe):
            return DeploymentError(f"the archive {path} is not unpacked: {reason}", self._component)
        return DeploymentError(
            f"the archive {path} cannot be read: {reason}",
            self._component,
            hint="Is it complete, and of the kind that its name says?",
        )


def _stream(system: Any, path: str) -> Any:
    if os.path.isfile(path):
        return open(path, "rb")
    from io import BytesIO

    return BytesIO(system.read(path))  # planned only
