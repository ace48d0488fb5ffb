"""Component files: found, executed as modules `depl.c.<directory>`, and searched for component classes.

A file that fails does not hinder the others; what is wrong is collected. Nothing is written beside the files. What was
loaded is kept, by the finder that the import system asks, until another project is loaded or a file changes.
"""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, Callable, Iterator, Optional, Sequence

from depl.component import Component, ComponentDefinition
from depl.errors import ConfigurationError, DeplError
from depl.import_mistakes import PACKAGE, import_mistake
from depl.settings import did_you_mean

CLASS = re.compile(r"^class\s+(\w+)", re.MULTILINE)


class Components:
    """The component classes of a project, by the names that environments use.

    found: name -> definitions, those of the project's own classes before mere building blocks of depl.
    unloaded: names that classes in files with mistakes would have had.
    """

    def __init__(self, base_dir: str) -> None:
        self.base_dir = base_dir
        self.found: dict[str, list[ComponentDefinition]] = {}
        self.unloaded: set[str] = set()
        self.mistakes: list[DeplError] = []

    @property
    def names(self) -> list[str]:
        """The names of the project's own component classes, sorted."""
        return sorted(name for name, found in self.found.items() if not _is_building_block(found[0].factory))

    def get(self, name: str) -> Optional[ComponentDefinition]:
        """The definition of a name.

        None if its file could not be loaded. ConfigurationError if there is none, or several different ones.
        """
        definitions = self.found.get(name, [])
        if len(definitions) == 1:
            return definitions[0]
        if len({definition.factory for definition in definitions}) > 1:
            raise self._ambiguous(name, definitions)
        if definitions:
            return min(definitions, key=lambda definition: _distance(definition, name))
        if name in self.unloaded:
            return None
        raise ConfigurationError(f"There is no component {name!r}", hint=self._hint(name))

    def _hint(self, name: str) -> str:
        if name.lower() in self.found:
            return f"Components are named in lower case: {name.lower()!r}."
        directory = os.path.join(self.base_dir, "components", name)
        beside = sorted(n for n in self.names if self.found[n][0].defdir == directory)
        if beside:
            return f"Components are named by their class; components/{name}/component.py has: {', '.join(beside)}."
        return did_you_mean(name, self.names) or "Component classes are written in components/NAME/component.py."

    def _ambiguous(self, name: str, definitions: Sequence[ComponentDefinition]) -> ConfigurationError:
        places = " and ".join(_place(definition, self.base_dir) for definition in definitions)
        hint = "Rename one of the classes."
        return ConfigurationError(f"The component {name!r} is defined more than once: in {places}", hint=hint)


def load_components(base_dir: str) -> Components:
    """Execute all component files of a project; those that were executed before and did not change are kept."""
    base_dir = os.path.abspath(base_dir)
    files = _component_files(base_dir)
    stamps = {path: _stamp(path) for path in files.values()}
    finder = next((finder for finder in sys.meta_path if isinstance(finder, ComponentFinder)), None)
    if finder is not None and finder.components.base_dir == base_dir and finder.stamps == stamps:
        return finder.components
    if finder is not None:
        finder.forget()
    finder = ComponentFinder(files, stamps, Components(base_dir))
    sys.meta_path.append(finder)
    for directory, path in files.items():
        _load(finder, directory, path)
    return finder.components


class ComponentFinder:
    """Answers the import system's questions for `depl.c.<directory>`; one a process, as an entry of sys.meta_path."""

    def __init__(self, files: dict[str, str], stamps: dict[str, tuple[int, ...]], components: Components) -> None:
        self.files, self.stamps, self.components = files, stamps, components

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        """The component file that a module name stands for."""
        package, _, directory = fullname.rpartition(".")
        if package != PACKAGE or directory not in self.files:
            return None
        file = self.files[directory]
        spec = ModuleSpec(fullname, _Loader(fullname, file), origin=file)
        spec.has_location = True  # sets __file__
        return spec

    def invalidate_caches(self) -> None:
        """There is nothing that `importlib.invalidate_caches()` would have to forget."""

    def forget(self) -> None:
        """Take back all that loading left in the import system."""
        sys.meta_path.remove(self)
        for name in [name for name in sys.modules if name.startswith(PACKAGE + ".")]:
            del sys.modules[name]
        package = sys.modules.get(PACKAGE)
        for directory in self.files:
            vars(package).pop(directory, None)


class _Loader(SourceFileLoader):
    """Compiles the source each time: neither reads nor writes `__pycache__`."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _component_files(base_dir: str) -> dict[str, str]:
    components = os.path.join(base_dir, "components")
    try:
        directories = sorted(os.listdir(components))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    paths = {name: os.path.join(components, name, "component.py") for name in directories if not name.startswith(".")}
    return {name: path for name, path in paths.items() if os.path.isfile(path)}


def _stamp(path: str) -> tuple[int, ...]:
    status = os.stat(path)
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _load(finder: ComponentFinder, directory: str, path: str) -> None:
    components = finder.components
    if "." in directory:
        message = f"The directory components/{directory} has a dot in its name, so it cannot be a module"
        components.mistakes.append(ConfigurationError(message, file=path))
        return
    try:
        module = import_module(f"{PACKAGE}.{directory}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 (it is the project's code)
        mistake = import_mistake(error, path, finder.files)
        if (mistake.file, mistake.message) not in {(known.file, known.message) for known in components.mistakes}:
            components.mistakes.append(mistake)
        components.unloaded.update(name.lower() for name in CLASS.findall(text_of(path)))
        return
    components.mistakes.extend(_defined_twice(path))
    own: dict[str, type[Component]] = {}
    for factory in _visible_classes(module):
        name = factory.__name__.lower()
        if name in own and factory is not own[name]:
            components.mistakes.append(_twice_in_one_file(own[name], factory, path))
            continue
        own[name] = factory
        _keep(components.found, ComponentDefinition(factory, path, os.path.dirname(path)))


def _visible_classes(module: ModuleType) -> Iterator[Any]:
    """The component classes that a file defines or imports; the project's own ones come first and win."""
    classes = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Component)]
    unique = [factory for factory in dict.fromkeys(classes) if factory is not Component]
    own = [factory for factory in unique if not _is_building_block(factory)]
    yield from own
    names = {factory.__name__.lower() for factory in own}
    for factory in unique:
        if _is_building_block(factory) and factory.__name__.lower() not in names:
            names.add(factory.__name__.lower())
            yield factory


def _keep(found: dict[str, list[ComponentDefinition]], definition: ComponentDefinition) -> None:
    known = found.setdefault(definition.name, [])
    if known and _is_building_block(known[0].factory) and not _is_building_block(definition.factory):
        known.clear()
    elif known and _is_building_block(definition.factory) and not _is_building_block(known[0].factory):
        return
    known.append(definition)


def _is_building_block(factory: Callable[[], Component]) -> bool:
    return factory.__module__ == "depl.component" or factory.__module__.startswith("depl.lib.")


def _distance(definition: ComponentDefinition, name: str) -> tuple[bool, bool]:
    """Of one class that several files see: the file that defines it comes first, then the directory of its name."""
    directory = os.path.basename(definition.defdir)
    return (definition.factory.__module__ != f"{PACKAGE}.{directory}", directory != name)


def _place(definition: ComponentDefinition, base_dir: str) -> str:
    line = _line_of(definition.factory.__name__, text_of(definition.filename))
    return f"{os.path.relpath(definition.filename, base_dir)}:{line}"


def _twice_in_one_file(first: type, second: type, path: str) -> ConfigurationError:
    text = text_of(path)
    line, other = _line_of(second.__name__, text), _line_of(first.__name__, text)
    classes = f"{first.__name__} (of {first.__module__}, line {other}) and {second.__name__} (of {second.__module__})"
    message = f"The classes {classes} are both the component {first.__name__.lower()!r}"
    return ConfigurationError(message, file=path, line=line, hint="Rename one of them: a root is named by its class.")


def _defined_twice(path: str) -> Iterator[ConfigurationError]:
    """The mistakes of classes that replace another one of their name, which no longer shows in the module."""
    text = text_of(path)
    names = CLASS.findall(text)
    if len(set(names)) == len(names):
        return
    import ast

    first: dict[str, int] = {}
    for node in ast.parse(text).body:  # those in a condition or a text do not count
        if isinstance(node, ast.ClassDef) and first.setdefault(node.name, node.lineno) != node.lineno:
            message = f"The class {node.name} is defined in line {first[node.name]} already"
            yield ConfigurationError(message, file=path, line=node.lineno, hint="Rename one of them.")


def _line_of(name: str, text: str) -> int:
    match = re.search(rf"^class\s+{name}\b", text, re.MULTILINE) or re.search(rf"\b{name}\b", text)
    return _line(text, match.start()) if match else 1


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def text_of(path: str) -> str:
    """The text of a file; nothing where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""
