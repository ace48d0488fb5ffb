"""Virtual environments and what is installed into them: VirtualEnv, Package, Requirements."""

from __future__ import annotations

import hashlib
import os
from typing import Any, Optional, Sequence

from depl.component import Component
from depl.errors import ComponentUsageError, ConfigurationError
from depl.lib.virtualenv import VirtualEnvPyBase, built

__all__ = ["Installed", "Package", "Requirements", "VirtualEnv", "VirtualEnvPyBase"]


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
        return built(self.base.directory)


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
    install_options: further arguments for the installer. check_package_is_module: accepted, as in batou, but of no
    effect; the installer knows whether it went well. Undone exactly, with its environment.
    """

    namevar = "package"
    package = ""
    version: Optional[str] = None
    dependencies = True
    install_options: Sequence[str] = ()
    check_package_is_module = True

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
