"""The files of a new project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from depl import __version__
from depl.errors import ReportBug


class ProjectFile(NamedTuple):
    """A file of a new project; `name` is its path in it."""

    name: str
    content: str
    executable: bool = False


def files(directory: Path) -> list[ProjectFile]:
    """What a project in this directory needs; without the sample where it has components or environments already."""
    sample = (
        [] if any((directory / room).exists() for room in ("environments", "components")) else _sample(directory.name)
    )
    return [
        ProjectFile("depl", packaged("launcher", "depl"), executable=True),
        ProjectFile("requirements.lock", packaged("requirements.lock", "requirements.lock")),
        ProjectFile("depl.source", SOURCE.format(requirement=own_requirement())),
        ProjectFile(".gitignore", GITIGNORE),
        *sample,
    ]


def packaged(name: str, in_checkout: str) -> str:
    """A file that lies at the top of depl's repository and beside this module where depl is installed."""
    here = Path(__file__).resolve()
    for path in (here.with_name(name), here.parents[3] / in_checkout):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise ReportBug(f"{in_checkout} is missing from this installation of depl")


def own_requirement() -> str:
    """Where this depl comes from, as pip takes it: a checkout, the address that it was installed from, or a version."""
    from importlib.metadata import PackageNotFoundError, distribution

    checkout = Path(__file__).resolve().parents[3]
    if (checkout / "pyproject.toml").is_file() and (checkout / "src" / "depl").is_dir():
        return f"depl @ {checkout.as_uri()}"
    try:
        origin = json.loads(distribution("depl").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        origin = {}
    if not origin.get("url"):
        return f"depl=={__version__}"
    version_control = origin.get("vcs_info")
    if version_control:
        return f"depl @ {version_control['vcs']}+{origin['url']}@{version_control['commit_id']}"
    return f"depl @ {origin['url']}"


def _sample(name: str) -> list[ProjectFile]:
    return [
        ProjectFile("depl.cfg", SETTINGS.format(name=name)),
        ProjectFile("README.rst", README.format(name=name, line="=" * len(name))),
        ProjectFile("environments/dev/environment.cfg", ENVIRONMENT),
        ProjectFile("components/hello/component.py", COMPONENT),
        ProjectFile("components/hello/hello.txt", TEMPLATE),
    ]


SOURCE = """\
# Where the launcher gets depl itself, as pip takes it. Everything else is in requirements.lock.
{requirement}
"""

GITIGNORE = """\
/work/
/.depl/
__pycache__/
"""

SETTINGS = """\
[depl]
name = {name}
"""

README = """\
{name}
{line}

Show what would change, do it, and take it back::

    ./depl local dev --plan
    ./depl local dev
    ./depl undo dev

``environments/`` says which host runs what, ``components/`` how. What is deployed here lies in ``work/``.
"""

ENVIRONMENT = """\
[environment]
connect_method = local

# HOST = COMPONENT, COMPONENT, ...
[hosts]
localhost = hello

# What is different in this environment.
[component:hello]
name = developer
"""

COMPONENT = '''\
from depl.component import Component
from depl.lib.file import File


class Hello(Component):
    """Greets somebody in a file."""

    name = "world"  # environments may say otherwise, see [component:hello]

    def configure(self):
        self += File("hello.txt", source="hello.txt")  # a template, written to work/hello/hello.txt
'''

TEMPLATE = """\
Hello, {{component.name}}! This is {{host.name}} in the environment {{environment.name}}.
"""
