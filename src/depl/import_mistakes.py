"""What went wrong when a component file was executed, as a mistake with its cause, its place and the next step."""

from __future__ import annotations

import os
import re
import sys
from typing import Mapping

from depl.errors import ConfigurationError, DeplError
from depl.settings import did_you_mean

PACKAGE = "depl.c"
WHERE = "`--verbose` shows the traceback."
Line = tuple[str, int]  # directory, line: a line of a component file that was being executed


def import_mistake(error: BaseException, path: str, files: Mapping[str, str]) -> DeplError:
    """The mistake behind what the execution of the component file `path` raised.

    files: all component files of the project, by directory.
    """
    lines = _lines(error, files)
    directory, line = lines[-1] if lines else ("", None)
    file = files.get(directory, path)
    if isinstance(error, SyntaxError) and os.path.isfile(error.filename or ""):
        message = f"The file is not valid Python: {error.msg}"
        hint = "Correct this line or the one above."
        return ConfigurationError(message, file=error.filename, line=error.lineno, hint=hint)
    cycle = _cycle(error, lines)
    if cycle:
        return _cyclic(cycle, files)
    if isinstance(error, ImportError):
        message, hint = _import(error, files)
    elif isinstance(error, DeplError):
        if error.file is None:
            error.file, error.line = file, line
        return error
    elif isinstance(error, SystemExit):
        message, hint = "The file ends the program when it is loaded", "Component files only define classes."
    else:
        message, hint = f"The file fails when it is loaded: {type(error).__name__}: {error}", WHERE
    mistake = ConfigurationError(message, file=file, line=line, hint=hint or None)
    mistake.__cause__ = error
    return mistake


def _lines(error: BaseException, files: Mapping[str, str]) -> list[Line]:
    directories = {file: directory for directory, file in files.items()}
    found, trace = [], error.__traceback__
    while trace is not None:
        directory = directories.get(trace.tb_frame.f_code.co_filename)
        if directory is not None:
            found.append((directory, trace.tb_lineno))
        trace = trace.tb_next
    return found


def _cycle(error: BaseException, lines: list[Line]) -> list[Line]:
    """The lines of files that wait for one another, if the last one wants a name of a file that is not through yet."""
    wanted = getattr(error, "name", None) if isinstance(error, ImportError) else None
    if isinstance(error, AttributeError):
        match = re.match(r"(?:partially initialized )?module '([^']+)'(?: from '[^']*')? has no attribute", str(error))
        wanted = match[1] if match else None
    begun = [directory for directory, _ in lines]
    directory = (wanted or "").rpartition(f"{PACKAGE}.")[2]
    if not (wanted or "").startswith(f"{PACKAGE}.") or directory not in begun[:-1]:
        return []
    return lines[begun.index(directory) :]


def _cyclic(cycle: list[Line], files: Mapping[str, str]) -> ConfigurationError:
    first = cycle.index(min(cycle))  # the same mistake, whichever file was loaded first
    cycle = cycle[first:] + cycle[:first]
    names = [directory for directory, _ in cycle]
    message = f"Component files import each other in a circle: {' -> '.join([*names, names[0]])}"
    hint = f"Use `depl.c.{names[1]}.NAME` inside of methods only, and import nothing from there at the top."
    return ConfigurationError(message, file=files[names[0]], line=cycle[0][1], hint=hint)


def _import(error: ImportError, files: Mapping[str, str]) -> tuple[str, str]:
    name = error.name or ""
    attribute = re.match(r"cannot import name '([^']+)'", str(error))
    if attribute and name != PACKAGE:
        names = vars(sys.modules[name]) if name in sys.modules else {}
        public = names.get("__all__") or [one for one in names if not one.startswith("_")]
        known = {*public, *(() if "__all__" in names else _modules_of(name))}
        return f"{name} has no {attribute[1]!r}", did_you_mean(attribute[1], known)
    if attribute or name.startswith(PACKAGE + "."):
        directory = attribute[1] if attribute else name[len(PACKAGE) + 1 :]
        return f"There is no components/{directory}/component.py", did_you_mean(directory, files)
    if not isinstance(error, ModuleNotFoundError):
        return f"An import fails: {error}", WHERE
    package = name.partition(".")[0]
    if package == "batou":
        return f"The module {name!r} is not installed", "Replace `batou` by `depl` in the imports."
    if package == "depl" or package in sys.modules:
        above, _, last = name.rpartition(".")
        return f"There is no module {name!r}", did_you_mean(last, _modules_of(above), above and above + ".")
    hint = "Name its package in requirements.txt, then run: depl requirements install"
    return f"The module {package!r} is not installed for Python {sys.version_info[0]}.{sys.version_info[1]}", hint


def _modules_of(package: str) -> list[str]:
    paths: list[str] = list(getattr(sys.modules.get(package), "__path__", None) or ())
    files = [file for path in paths if os.path.isdir(path) for file in os.listdir(path)]
    matches = [re.fullmatch(r"([a-z]\w*)(\.py)?", file) for file in files]
    return [match[1] for match in matches if match]
