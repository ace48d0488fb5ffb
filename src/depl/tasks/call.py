"""Functions of the project or of a package."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from depl.errors import ConfigurationError
from depl.tasks.arguments import mistaken
from depl.tasks.naming import find
from depl.tasks.task import Ending, Task


class PythonCall(Task):
    """Call a function by its name: `rollouts/file.py:name` or `module:name`.

    undo: the name of the function that takes it back. arguments: for both; one that has a parameter `task` gets the
    task as that, for its state, log and commands.
    """

    def __init__(self, function: str, undo: str | None = None, **arguments: Any) -> None:
        for name in (function, *([] if undo is None else [undo])):
            if ":" not in str(name):
                hint = "Write `rollouts/file.py:name` or `module:name`."
                raise mistaken(f"PythonCall takes the name of a function, not {name!r}", hint)
        self.function, self.undo, self.given = function, undo, arguments
        listed = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        self.title = f"Call {function.rpartition(':')[2]}({listed})"

    @property
    def can_reverse(self) -> bool:
        return bool(self.undo)

    def assert_sound(self, base: str) -> None:
        for name in filter(None, (self.function, self.undo)):
            self._call(base, name)

    def run(self) -> Ending | None:
        returned = self._call(self.working.base, self.function)()
        return self.UNCHANGED if returned is self.UNCHANGED else None

    def reverse(self) -> None:
        if self.undo:
            self._call(self.working.base, self.undo)()

    def _call(self, base: str, name: str) -> Callable[[], Any]:
        """The function with its arguments. Errors: ConfigurationError, where it is not there or takes others."""
        function = find(base, name)
        if not callable(function):
            raise ConfigurationError(f"{name} is no function")
        try:
            takes = signature(function)
            given = {**self.given, "task": self} if "task" in takes.parameters else self.given
            takes.bind(**given)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"{name} cannot be called so: {error}") from error
        return lambda: function(**given)
