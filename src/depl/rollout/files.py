"""The files in `rollouts/` as modules, for rollouts and for tasks of the project's own.

A module is known to the import system by the path of its file, which no import can clash with; a file that has changed
is executed anew. Nothing is written beside the files.
"""

from __future__ import annotations

import os
import sys
import threading
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from types import CodeType, ModuleType

from depl.errors import ConfigurationError, DeplError
from depl.import_mistakes import import_mistake

DIRECTORY = "rollouts"
_at_once = threading.RLock()  # tasks are made in threads, all from one module


def rollout_files(base: str) -> dict[str, str]:
    """The files of a project's rollouts, by name, sorted; those that begin with `_` or `.` are not meant."""
    directory = os.path.join(os.path.abspath(base), DIRECTORY)
    try:
        entries = sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    names = [entry.removesuffix(".py") for entry in entries if entry.endswith(".py") and entry[0] not in "._"]
    paths = {name: os.path.join(directory, name + ".py") for name in names}
    return {name: path for name, path in paths.items() if os.path.isfile(path)}


def load(path: str) -> ModuleType:
    """The module that a file is, executed if it was not yet, or has changed since.

    Errors: ConfigurationError with the place of what is wrong in it.
    """
    path = os.path.abspath(path)
    with _at_once:
        try:
            stamp = _stamp(path)
        except OSError as error:
            raise ConfigurationError(f"The file cannot be read: {error.strerror}", file=path) from None
        known = sys.modules.get(path)
        if known is not None and known.__spec__ is not None and known.__spec__.loader_state == stamp:
            return known
        return _execute(path, stamp)


def file_of(cls: type) -> str:
    """The file in `rollouts/` that a class is from; nothing for a class from elsewhere."""
    return cls.__module__ if os.path.isabs(cls.__module__) else ""


def _execute(path: str, stamp: tuple[int, ...]) -> ModuleType:
    spec = ModuleSpec(path, _Loader(path, path), origin=path, loader_state=stamp)
    spec.has_location = True  # sets __file__
    module = module_from_spec(spec)
    before = sys.modules.get(path)
    sys.modules[path] = module  # dataclasses look there for the module of a class
    try:
        _Loader(path, path).exec_module(module)
    except BaseException as error:
        del sys.modules[path]
        if before is not None:
            sys.modules[path] = before
        if isinstance(error, (Exception, SystemExit)):  # it is the project's code
            raise _mistake(error, path) from error
        raise
    return module


def _mistake(error: BaseException, path: str) -> DeplError:
    mistake = import_mistake(error, path, {os.path.basename(path).removesuffix(".py"): path})
    if isinstance(error, SystemExit):
        mistake.hint = "Files in rollouts/ only define classes."
    return mistake


class _Loader(SourceFileLoader):
    """Compiles the source each time: neither reads nor writes `__pycache__`."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _stamp(path: str) -> tuple[int, ...]:
    status = os.stat(path)
    return (status.st_mtime_ns, status.st_size, status.st_ino)
