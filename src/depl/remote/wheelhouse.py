"""Wheels for another Python and another machine than ours, fetched by pip and kept."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from depl.compiled import cache_home
from depl.errors import ConfigurationError, ProtocolError
from depl.loading import text_of

if TYPE_CHECKING:
    from depl.remote.requirements import Lines

SHOWN = 12  # last lines of what pip printed
UNREACHED = re.compile(
    r"connection (?:broken|error|timed out)|There was a problem confirming the ssl|: [54]0[1237] \w+ Error"
)
MISSING = re.compile(r"No matching distribution found for ([^\n]+)")

# pip asks the Python that it runs on which of the packages' own requirements hold ("; python_version < '3.10'").
# They have to hold for the host.
PIP = """\
import json, sys
host = json.loads(sys.argv.pop(1))
try:
    from pip._vendor.packaging import markers
    here = markers.default_environment
    markers.default_environment = lambda: {**here(), **host}
except (ImportError, AttributeError):
    pass
from pip._internal.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@dataclass(frozen=True)
class Platform:
    """A Python on a machine. libc: `glibc 2.36`, `musl 1.2`, `macos 14.0`, or nothing. flags: `t` without the GIL."""

    python: str
    machine: str
    libc: str = ""
    flags: str = ""

    @property
    def feature(self) -> str:
        """Major and minor version of Python."""
        return ".".join(self.python.split(".")[:2])

    @property
    def name(self) -> str:
        """As part of a file name."""
        return "-".join(filter(None, (self.feature + self.flags, self.machine, self.libc.replace(" ", ""))))

    @property
    def words(self) -> str:
        """As people say it."""
        return f"Python {self.feature}{self.flags} on {self.machine}" + (f" with {self.libc}" if self.libc else "")

    @property
    def tags(self) -> list[str]:
        """What wheels for it may be called, the best first."""
        kind, _, version = self.libc.partition(" ")
        if not version:
            return ["any"]
        major, minor = (int(part) for part in version.split("."))
        if kind == "macos":
            return [f"macosx_{major}_{minor}_{self.machine}"]
        if kind == "musl":
            return [*(f"musllinux_{major}_{n}_{self.machine}" for n in range(minor, -1, -1)), f"linux_{self.machine}"]
        named = ["manylinux2014", "manylinux2010", "manylinux1"] if minor >= 17 else []
        return [
            *(f"manylinux_{major}_{n}_{self.machine}" for n in range(minor, 4, -1)),
            *(f"{one}_{self.machine}" for one in named),
            f"linux_{self.machine}",
        ]

    @property
    def markers(self) -> dict[str, str]:
        """What the conditions in packages' requirements see of it."""
        is_mac = self.libc.startswith("macos")
        return {
            "python_version": self.feature,
            "python_full_version": self.python,
            "implementation_version": self.python,
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "platform_machine": self.machine,
            "platform_system": "Darwin" if is_mac else "Linux",
            "sys_platform": "darwin" if is_mac else "linux",
            "os_name": "posix",
        }


def platform_of(items: Sequence[Any]) -> Platform:
    """The platform that a host tells of. Errors: ProtocolError for what is none."""
    wanted = (r"\d+\.\d+\.\d+", r"\w+", r"((glibc|musl|macos) \d{1,3}\.\d{1,3})?", r"t?")
    texts = [str(item) for item in items]
    if len(texts) != len(wanted) or not all(map(re.fullmatch, wanted, texts)):
        raise ProtocolError(f"a host wants wheels for {texts!r}, which is not a Python and a machine")
    return Platform(*texts)


class Wheelhouse:
    """Wheels by requirements and platform, in `wheels` of the user's cache."""

    def __init__(self, cache: str | None = None) -> None:
        self._directory = os.path.join(cache or os.path.join(cache_home(), "depl"), "wheels")

    def fetch(self, key: str, platform: Platform, lines: Lines, base_dir: str) -> str:
        """A directory with the wheels, complete. They are fetched if they are not there yet."""
        directory = os.path.join(self._directory, f"{key}-{platform.name}")
        if os.path.isdir(directory):
            return directory
        os.makedirs(self._directory, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=self._directory) as room:
            wheels = os.path.join(room, "wheels")
            os.mkdir(wheels)
            self._download(platform, lines, room, base_dir)
            foreign = [name for name in os.listdir(wheels) if not name.endswith(".whl")]
            if foreign:
                raise _no_wheel(foreign[0], platform, "")
            try:
                os.rename(wheels, directory)
            except OSError:
                if not os.path.isdir(directory):  # somebody else was faster
                    raise
        return directory

    def _download(self, platform: Platform, lines: Lines, room: str, base_dir: str) -> None:
        import json

        arguments = ["download", "--disable-pip-version-check", "--no-input", "--no-color"]
        arguments += ["--dest", os.path.join(room, "wheels"), "--only-binary=:all:", "--implementation", "cp"]
        arguments += ["--python-version", platform.python, "--abi", _abi(platform)]
        for tag in platform.tags:
            arguments += ["--platform", tag]
        log = os.path.join(room, "log")  # only there pip says why an index gave nothing
        arguments += ["--log", log, *written(room, lines.wanted, lines.binding)]
        command = [python_with_pip(), "-P", "-c", PIP, json.dumps(platform.markers), *arguments]
        done = ran(command, base_dir)
        if done.returncode:
            raise _mistake(explained(done), text_of(log), platform)


def written(room: str, wanted: Sequence[str], binding: Sequence[str]) -> list[str]:
    """Requirements and constraints as files in a room, and the arguments by which pip finds them."""
    arguments = []
    for option, lines in (("-r", wanted), ("-c", binding)):
        path = os.path.join(room, f"{option}.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        arguments += [option, path]
    return arguments


def ran(
    command: Sequence[str], directory: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A run of pip in a directory, to its end; it can ask nobody anything."""
    return subprocess.run(
        command,
        cwd=directory,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def python_with_pip() -> str:
    """This Python if it has pip, else one in a virtual environment in the user's cache, made for this."""
    from importlib.util import find_spec

    if find_spec("pip"):
        return sys.executable
    version = ".".join(map(str, sys.version_info[:3]))
    environment = os.path.join(cache_home(), "depl", f"pip-{version}")
    python = os.path.join(environment, "bin", "python")
    if not _has_pip(python):
        shutil.rmtree(environment, ignore_errors=True)
        make = [os.path.realpath(sys.executable), "-I", "-m", "venv", environment]
        done = subprocess.run(make, capture_output=True, text=True, check=False)
        if done.returncode or not _has_pip(python):
            raise ConfigurationError(
                f"{sys.executable} has no pip to fetch what requirements.txt names, and cannot make it",
                hint="Install pip for it (Debian: apt install python3-pip python3-venv).",
            )
    return python


def _has_pip(python: str) -> bool:
    if not os.path.exists(python):
        return False
    return subprocess.run([python, "-I", "-c", "import pip"], capture_output=True, check=False).returncode == 0


def _abi(platform: Platform) -> str:
    return "cp" + platform.feature.replace(".", "") + platform.flags


def _mistake(said: str, log: str, platform: Platform) -> ConfigurationError:
    missing = MISSING.search(said)
    if UNREACHED.search(log):
        return ConfigurationError(
            f"What requirements.txt names cannot be fetched, because pip does not reach its package index:\n{said}",
            hint="Check the network and pip's configuration (pip config list). What was fetched once is kept.",
        )
    if missing:
        return _no_wheel(missing[1].strip(), platform, said)
    return ConfigurationError(f"pip cannot fetch what requirements.txt names, for {platform.words}:\n{said}")


def _no_wheel(name: str, platform: Platform, said: str) -> ConfigurationError:
    return ConfigurationError(
        f"There is no wheel of {name} for {platform.words}" + (f":\n{said}" if said else ""),
        hint="Name a version in requirements.txt that has one, or build it (pip wheel) and add a line "
        "`--find-links DIRECTORY` there. Nothing is compiled on hosts.",
    )


def explained(done: subprocess.CompletedProcess[str]) -> str:
    """Why pip failed: the end of what it said, indented."""
    conflict = done.stdout.find("The conflict is caused by:")
    text = (
        f"{done.stdout[conflict:].partition('To fix this')[0] if conflict >= 0 else ''}\n{done.stderr or done.stdout}"
    )
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-SHOWN:])
