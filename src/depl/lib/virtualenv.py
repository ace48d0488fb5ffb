"""How a virtual environment comes to be: built beside under a name of its own, then links are switched to it.

It cannot be moved (its scripts hold its path), and one that pip changes in place cannot be put back. So the name
contains a hash of everything that goes into it; undoing switches the links back, and the former environment is still
whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from typing import TYPE_CHECKING, Any, Iterator, Optional

from depl.change.changes import WayBack
from depl.change.nodes import Absent, Directory, File, Link
from depl.component import Component
from depl.errors import DeploymentError, UpdateNeeded

if TYPE_CHECKING:
    from depl.lib.python import VirtualEnv

LINKED = ("bin", "include", "lib", "pyvenv.cfg")  # what makes a directory look like a virtual environment
MARKER = "depl-venv.json"  # written last: an environment without it was not built completely
CLEAN = {"PYTHONPATH": "", "PIP_USER": "0"}  # nothing of the user who deploys gets into an environment
NOTHING_ELSE = "it only writes into the new virtual environment"


class VirtualEnvPyBase(Component):
    """Builds the environment of the VirtualEnv that it lies in."""

    verify_after_update = True
    predictable = True

    parent: VirtualEnv

    @property
    def interpreter(self) -> str:
        """The interpreter that the environment is made with. Errors: DeploymentError if it is not found."""
        wanted = self._wanted
        found = shutil.which(os.path.expanduser(wanted))
        if found is None and _is_this_python(wanted):
            found = getattr(sys, "_base_executable", None) or sys.executable
        if found is None:
            raise DeploymentError(
                f"there is no {wanted} on this host for the virtual environment at {self.parent.path}",
                self,
                hint="Install it, or name another one: VirtualEnv(version, executable=...).",
            )
        return os.path.realpath(found)

    @property
    def _wanted(self) -> str:
        return self.parent.executable or f"python{self.parent.version}"

    @property
    def digest(self) -> str:
        """A hash of all that goes into the environment."""
        # The interpreter by its name, as where it is found depends on whose PATH it is looked for in.
        parts = [self._wanted, *(one.identity for one in self.parent.wanted)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def prefix(self) -> str:
        """What the names of all generations of this environment begin with."""
        path = self.parent.path
        return (os.path.join(path, "venv") if self._in_place else path) + "-"

    @property
    def directory(self) -> str:
        """Where the environment is built and stays."""
        return f"{self.prefix}{self.digest[:12]}"

    def verify(self) -> None:
        directory = self.directory
        try:
            installed = json.loads(self.system.read(os.path.join(directory, MARKER)))["installed"]
        except (OSError, ValueError, KeyError, TypeError):
            raise UpdateNeeded("it is not built, or not completely") from None
        gone = sorted(set(installed) - set(self._installed(directory)))
        if gone:
            raise UpdateNeeded(f"{', '.join(gone)} went missing")
        if not self._has_interpreter():
            raise UpdateNeeded("its interpreter went missing")
        for path, to in self._links():
            if self.system.look(path) != Link(to):
                raise UpdateNeeded(f"{path} leads elsewhere")

    def update(self) -> None:
        if not self._is_whole():
            self._build()
        self._make_way()
        for path, to in self._links():
            self.system.link(path, to)
        self._forget_old_ones()

    def _is_whole(self) -> bool:
        """Whether just the links are wrong, as after going back to an environment that is still there."""
        try:
            marker = json.loads(self.system.read(os.path.join(self.directory, MARKER)))
        except (OSError, ValueError):
            return False
        return self._has_interpreter() and set(marker["installed"]) <= set(self._installed(self.directory))

    def _has_interpreter(self) -> bool:
        """Whether its link to the interpreter that it was made with still leads to one."""
        return os.path.exists(os.path.join(self.directory, "bin", "python"))

    def _build(self) -> None:
        directory = self.directory
        self.system.remove(directory)
        self._make_parents(os.path.dirname(directory))
        self.system.build(directory)
        for command, options in self._commands(directory):
            self.system.run(command, way_back=WayBack.EXACT, reason=NOTHING_ELSE, **options)
        if not self.system.predicting:  # a plan has no environment that a marker could be written into
            marker = {"schema": 1, "digest": self.digest, "installed": self._installed(directory)}
            self.system.write(os.path.join(directory, MARKER), json.dumps(marker, indent=1).encode())

    def _commands(self, directory: str) -> Iterator[tuple[list[str], dict[str, Any]]]:
        """The commands that build it, each with its options for run()."""
        venv, python = self.parent, os.path.join(directory, "bin", "python")
        uv = shutil.which("uv") if venv.installer != "pip" else None
        if uv is None and venv.installer == "uv":
            raise DeploymentError("there is no uv on this host", self, hint="Install uv, or use installer='auto'.")
        options: dict[str, Any] = {"timeout": venv.timeout}
        if uv is not None:
            yield [uv, "venv", "--quiet", "--python", self.interpreter, directory], options
            install = [uv, "pip", "install", "--quiet", "--python", python]
        else:
            pip = self._pip(python) if venv.wanted else []
            bare = [] if pip and pip[0] == python else ["--without-pip"]
            yield [self.interpreter, "-I", "-m", "venv", *bare, directory], options
            install = [*pip, "install", "-qq", "--no-input", "--disable-pip-version-check"]
        for one in venv.wanted:
            how = {"timeout": one.timeout or venv.timeout, "env": {**CLEAN, **(one.env or {})}}
            yield [*install, *one.arguments], how

    def _pip(self, python: str) -> list[str]:
        """The pip of the interpreter, if it can install elsewhere: a pip of its own takes longer than all the rest."""
        pip = [self.interpreter, "-I", "-m", "pip"]
        _, version, _ = self.system.ask([*pip, "--version"])
        found = re.match(r"pip (\d+)\.(\d+)", version)
        if found and (int(found[1]), int(found[2])) >= (22, 3):
            return [*pip, "--python", python]
        return [python, "-I", "-m", "pip"]

    def _links(self) -> list[tuple[str, str]]:
        """The links that make the environment appear where it is wanted."""
        path, name = self.parent.path, os.path.basename(self.directory)
        if not self._in_place:
            return [(path, name)]
        return [(os.path.join(path, one), os.path.join(name, one)) for one in LINKED]

    @property
    def _in_place(self) -> bool:
        return self.parent.path == self.workdir

    def _make_way(self) -> None:
        """A virtual environment that was built right at this place goes (it can be taken back)."""
        path = self.parent.path
        if not isinstance(self.system.look(os.path.join(path, "pyvenv.cfg")), File):
            return
        if not self._in_place and isinstance(self.system.look(path), Directory):
            self.system.remove(path)
        elif self._in_place:
            for name in (*LINKED, "lib64"):
                self.system.remove(os.path.join(path, name))

    def _make_parents(self, path: str) -> None:
        if isinstance(self.system.look(path), Absent):
            self._make_parents(os.path.dirname(path))
            self.system.make_dir(path)

    def _installed(self, directory: str) -> list[str]:
        """The distributions in an environment, by the names of their directories: no process is needed for that."""
        lib = os.path.join(directory, "lib")
        for name in self.system.names(lib):
            if name.startswith("python"):
                found = self.system.names(os.path.join(lib, name, "site-packages"))
                return [one for one in found if one.endswith(".dist-info")]
        return []

    def _forget_old_ones(self) -> None:
        """Former environments go to the trash, but for the `keep` newest."""
        place, start = os.path.split(self.prefix)
        pattern = re.compile(re.escape(start) + "[0-9a-f]{12}$")
        current = os.path.basename(self.directory)
        former = [name for name in self.system.names(place) if pattern.match(name) and name != current]
        former.sort(key=lambda name: (built(os.path.join(place, name)) or 0.0, name), reverse=True)
        for name in former[self.parent.keep :]:
            self.system.remove(os.path.join(place, name))


def built(directory: str) -> Optional[float]:
    """When an environment was built; None where none was, or not completely."""
    try:
        return os.stat(os.path.join(directory, MARKER)).st_mtime
    except OSError:
        return None


def _is_this_python(name: str) -> bool:
    major, minor = sys.version_info[:2]
    return name in ("python", f"python{major}", f"python{major}.{minor}")
