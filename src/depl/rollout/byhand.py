"""Rollouts written by hand: the class that they derive from, and how they are found in `rollouts/`."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

from depl.errors import ConfigurationError, DeplError
from depl.places import place_of_class
from depl.rollout.files import DIRECTORY, file_of, load, rollout_files
from depl.rollout.parameters import Parameter, as_facts, parameters_of, values_of
from depl.rollout.plan import MONITOR_INTERVAL, VALID
from depl.settings import did_you_mean

ON_FAILURE = ("rollback", "stop", "ask")
ON_INTERRUPT = ("reverse", "ask", "resume")


class Rollout:
    """What is to be done by hand-written tasks; derived classes in `rollouts/NAME.py` say what, in `plan()`.

    Parameters are attributes of the class (depl.rollout.Parameter), and values on its instances.
    title: a sentence; without it the first line of the docstring, or the name of the class. on_failure: rollback, stop
    (leave all as it is) or ask. on_interrupt, when whoever drove it is gone: reverse, ask or resume. valid: seconds for
    which a plan may be started. jobs: how many tasks at the same time. info: sentences for whoever looks on.
    monitors: callables that take the rollout, names of methods, tasks that change nothing; run every `interval` seconds
    while the rollout runs, they abort it by raising; a property where they need parameters. plan() may set the others.
    Errors: ConfigurationError for values that mean nothing; Mistakes for parameters.
    """

    title: str = ""
    on_failure: str = "rollback"
    on_interrupt: str = "reverse"
    monitors: Sequence[Any] = ()
    interval: float = MONITOR_INTERVAL
    valid: float = VALID
    jobs: int = 50
    info: Sequence[str] = ()
    parameters: Mapping[str, Any]  # all values, by name

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "title" not in vars(cls):
            cls.title = (cls.__doc__ or "").strip().partition("\n")[0].strip() or cls.__name__
        own = {*dir(Rollout), "parameters"} - {"on_failure"}  # which may be asked for
        taken = next((name for name in parameters_of(cls) if name in own), None)
        if taken is not None:
            raise ConfigurationError(f"No parameter can be named {taken!r}, which means something else to a rollout")
        assert_sound(cls)

    def __init__(self, **values: Any) -> None:
        self.parameters = values_of(type(self), values)
        vars(self).update(deepcopy(self.parameters))  # a list may be worked on in plan()

    def plan(self) -> Any:
        """The tasks, as one task or container of depl.tasks."""
        message = f"{type(self).__name__} does not say what it is to do"
        file, line = place_of_class(type(self)) or (None, None)
        hint = "Write a method plan(self) that returns a task."
        raise ConfigurationError(message, file=file, line=line, hint=hint)


_R = TypeVar("_R", bound=Rollout)
_OF_DEPL: dict[str, type[Rollout]] = {}


@dataclass(frozen=True)
class Found:
    """A rollout of the project, or a file in which none can be found: then there is a mistake.

    name: `release`, or `release:Release` where the file has several. parameters: as depl.rollout.parameters.as_facts.
    """

    name: str
    file: str
    title: str = ""
    parameters: Sequence[Mapping[str, Any]] = ()
    mistake: DeplError | None = None
    cls: type[Rollout] | None = field(default=None, repr=False, compare=False)


def known(base: str) -> list[Found]:
    """All rollouts of a project by name; one that is broken does not hide the others."""
    return [found for file in rollout_files(base).values() for found in _found(file)]


def find(base: str, name: str) -> type[Rollout]:
    """The rollout of a name. Errors: ConfigurationError for none, several, or a file with a mistake in it."""
    if name in _OF_DEPL:
        return _OF_DEPL[name]
    stem, _, wanted = name.partition(":")
    files = rollout_files(base)
    if stem not in files:
        hint = did_you_mean(stem, files) or "Rollouts are written in rollouts/NAME.py."
        raise ConfigurationError(f"There is no rollout {name!r}", hint=hint)
    classes = _classes(files[stem])
    names = [cls.__name__ for cls in classes]
    if wanted and wanted not in names:
        hint = did_you_mean(wanted, names, prefix=f"{stem}:")
        raise ConfigurationError(f"There is no rollout {name!r}", file=files[stem], hint=hint)
    if not wanted and len(classes) > 1:
        message = f"{DIRECTORY}/{stem}.py has several rollouts"
        hint = f"Name one of them: {', '.join(f'{stem}:{one}' for one in names)}."
        raise ConfigurationError(message, file=files[stem], hint=hint)
    return classes[names.index(wanted)] if wanted else classes[0]


def name_of(cls: type[Rollout]) -> str:
    """How it is called: as its file, with its own name where the file has several. One from elsewhere: by its own."""
    file = file_of(cls)
    if not file:
        return next((name for name, one in _OF_DEPL.items() if one is cls), cls.__name__)
    stem = os.path.basename(file).removesuffix(".py")
    return stem if len(_own(load(file))) == 1 else f"{stem}:{cls.__name__}"


def of_depl(name: str) -> Callable[[type[_R]], type[_R]]:
    """A decorator for rollouts that depl brings along: they are found by that name, in every project."""

    def known_as(cls: type[_R]) -> type[_R]:
        _OF_DEPL[name] = cls
        return cls

    return known_as


def assert_sound(rollout: Rollout | type[Rollout]) -> None:
    """Errors: ConfigurationError for an attribute that means nothing."""
    name = rollout.__name__ if isinstance(rollout, type) else type(rollout).__name__
    for attribute, (is_sound, wanted) in _SOUND.items():
        value = getattr(rollout, attribute)
        if not isinstance(value, (property, Parameter)) and not is_sound(value):
            raise ConfigurationError(f"{attribute!r} of the rollout {name} is {value!r}, not {wanted}")
    monitors: Any = rollout.monitors
    for monitor in () if isinstance(monitors, property) else monitors:
        if isinstance(monitor, str) and not callable(getattr(rollout, monitor, None)):
            raise ConfigurationError(f"The rollout {name} has no method {monitor!r} that could be a monitor")
        if hasattr(monitor, "changes_nothing") and not monitor.changes_nothing:
            message = f"{getattr(monitor, 'title', monitor)!r} cannot be a monitor of the rollout {name}"
            raise ConfigurationError(message, hint="Only what changes nothing is run again and again.")


def _found(file: str) -> Iterator[Found]:
    stem = os.path.basename(file).removesuffix(".py")
    try:
        classes = _classes(file)
    except DeplError as mistake:
        yield Found(stem, file, mistake=mistake)
        return
    for cls in classes:
        name = stem if len(classes) == 1 else f"{stem}:{cls.__name__}"
        title: Any = cls.title  # or a property, which only an instance can tell
        yield Found(name, file, title if isinstance(title, str) else cls.__name__, as_facts(cls), cls=cls)


def _classes(file: str) -> list[type[Rollout]]:
    classes = _own(load(file))
    if not classes:
        hint = "Derive a class from depl.rollout.Rollout. A file whose name begins with _ needs none."
        raise ConfigurationError("The file has no rollout", file=file, hint=hint)
    return classes


def _own(module: ModuleType) -> list[type[Rollout]]:
    """The rollouts that a file defines; not those that it imports, and no bases that are nobody else's business."""
    values = dict.fromkeys(value for value in vars(module).values() if isinstance(value, type))
    own = [cls for cls in values if issubclass(cls, Rollout) and cls.__module__ == module.__name__]
    return [cls for cls in own if not cls.__name__.startswith("_")]


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < math.inf


def _is_watched(value: Any) -> bool:
    return callable(value) or isinstance(value, str) or hasattr(value, "changes_nothing")


# By attribute: what is sound, and in words.
_SOUND: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "title": (lambda value: isinstance(value, str), "a text"),
    "on_failure": (lambda value: value in ON_FAILURE, "rollback, stop or ask"),
    "on_interrupt": (lambda value: value in ON_INTERRUPT, "reverse, ask or resume"),
    "interval": (_is_time, "a number of seconds"),
    "valid": (_is_time, "a number of seconds"),
    "jobs": (lambda value: type(value) is int and value > 0, "a whole number of 1 or more"),
    "info": (lambda value: _is_list(value) and all(isinstance(one, str) for one in value), "a list of sentences"),
    "monitors": (
        lambda value: _is_list(value) and all(map(_is_watched, value)),
        "a list of callables, names of methods and tasks",
    ),
}


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))
