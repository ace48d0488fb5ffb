"""Virtual environments: VirtualEnv, Package, Requirements.

A virtual environment cannot be moved (its scripts hold its path), and one that pip changes in place cannot be put back.
So it is built beside, under a name that contains a hash of everything that goes into it, and then links are switched:
undoing switches them back, and the former environment is still whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from typing import Any, Iterator, Optional

from depl.change.changes import WayBack
from depl.change.nodes import Absent, Directory, File, Link
from depl.component import Component
from depl.errors import ComponentUsageError, ConfigurationError, DeploymentError, UpdateNeeded

LINKED = ("bin", "include", "lib", "pyvenv.cfg")  # what makes a directory look like a virtual environment
MARKER = "depl-venv.json"  # written last: an environment without it was not built completely
CLEAN = {"PYTHONPATH": "", "PIP_USER": "0"}  # nothing of the user who deploys gets into an environment
NOTHING_ELSE = "it only writes into the new virtual environment"


class VirtualEnv(Component):
    """A virtual environment with the packages that are added to it.

        self.venv = VirtualEnv("3.11")
        self += self.venv
        self.venv += Requirements("requirements.lock")
        self.venv += Package("gunicorn", version="23.0.0")

    version: of Python, as in `python3.11`; "3" takes the host's `python3`. executable: another interpreter instead.
    path: where it appears; "." (default) gives the working directory its `bin` and `lib`, any other path becomes a
    link to the environment. installer: "uv", "pip", or "auto" (default: uv where the host has it). timeout: seconds for
    each command. keep: how many former environments stay beside it.

    It is built again where the interpreter, a requirement or the content of a requirements file changes, or where
    something that was installed is gone. Undone exactly. Errors: DeploymentError where there is no such interpreter.
    """

    namevar = "version"
    version = "3"
    executable: Optional[str] = None
    path = "."
    installer = "auto"
    timeout: Optional[float] = None
    keep = 1

    def configure(self) -> None:
        if self.installer not in ("auto", "uv", "pip"):
            raise ComponentUsageError(f"the installer of a VirtualEnv is auto, uv or pip, not {self.installer!r}", self)
        self.path = self.map(self.path)
        self.base = VirtualEnvPyBase()
        self += self.base

    @property
    def python(self) -> str:
        """The interpreter of this environment, under a name that stays when it is built again."""
        return os.path.join(self.path, "bin", "python")

    @property
    def wanted(self) -> list[Installed]:
        """What is installed into it, in order."""
        return [one for one in self.sub_components if isinstance(one, Installed)]

    def last_updated(self, **options: Any) -> Optional[float]:
        try:
            return os.stat(os.path.join(self.base.directory, MARKER)).st_mtime
        except OSError:
            return None


class VirtualEnvPyBase(Component):
    """Builds the environment of the VirtualEnv that it lies in."""

    verify_after_update = True
    predictable = True

    parent: VirtualEnv

    @property
    def interpreter(self) -> str:
        """The interpreter that the environment is made with. Errors: DeploymentError if it is not found."""
        wanted = self.parent.executable or f"python{self.parent.version}"
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
    def digest(self) -> str:
        """A hash of all that goes into the environment."""
        parts = [self.interpreter, *(one.identity for one in self.parent.wanted)]
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
        former.sort(key=lambda name: (_built(os.path.join(place, name)), name), reverse=True)
        for name in former[self.parent.keep :]:
            self.system.remove(os.path.join(place, name))


class Installed(Component):
    """Something that is installed into the VirtualEnv that it is added to, when that is built."""

    timeout: Optional[float] = None
    env: Optional[dict[str, str]] = None

    def configure(self) -> None:
        if not isinstance(self.parent, VirtualEnv):
            raise ComponentUsageError(
                f"a {type(self).__name__} is added to a VirtualEnv, not to a {type(self.parent).__name__}",
                self,
                hint="self.venv = VirtualEnv('3'); self += self.venv; self.venv += Package(...)",
            )

    @property
    def identity(self) -> str:
        """Two environments with equal identities in the same order are the same."""
        raise NotImplementedError

    @property
    def arguments(self) -> list[str]:
        """What is said to the installer."""
        raise NotImplementedError


class Package(Installed):
    """A package from the package index.

    version: the one to install; None (default) takes the newest when the environment is built. dependencies: whether
    to install what it needs, too. env: added to the environment of the installer. timeout: seconds.
    install_options: further arguments for the installer. Undone exactly, with its environment.
    """

    namevar = "package"
    package = ""
    version: Optional[str] = None
    dependencies = True
    install_options: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        return " ".join(self.arguments)

    @property
    def arguments(self) -> list[str]:
        wanted = self.package if self.version is None else f"{self.package}=={self.version}"
        return [*self.install_options, *([] if self.dependencies else ["--no-deps"]), wanted]


class Requirements(Installed):
    """All packages of a requirements file, which lies beside the component file.

    The file should give a hash for each package (`package==1.0 --hash=sha256:...`, as `uv pip compile
    --generate-hashes` writes it): then nothing else can be installed. Undone exactly, with its environment.
    Errors: ConfigurationError if the file does not exist.
    """

    namevar = "source"
    source = "requirements.txt"

    def configure(self) -> None:
        super().configure()
        self.source = os.path.join(self.defdir, self.source)
        try:
            with open(self.source, "rb") as file:
                self.content = file.read()
        except OSError as error:
            raise ConfigurationError(
                f"the requirements file {self.source} cannot be read: {error.strerror}",
                self,
                hint="Its path is relative to the directory of the component file.",
            ) from error

    @property
    def identity(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def arguments(self) -> list[str]:
        hashed = ["--require-hashes"] if b"--hash=" in self.content else []
        return [*hashed, "-r", self.source]


def _is_this_python(name: str) -> bool:
    major, minor = sys.version_info[:2]
    return name in ("python", f"python{major}", f"python{major}.{minor}")


def _built(directory: str) -> float:
    try:
        return os.stat(os.path.join(directory, MARKER)).st_mtime
    except OSError:
        return 0.0
