"""An environment: hosts, their root components and settings, as its file declares them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence, Union

from depl.elsewhere import RootElsewhere
from depl.errors import ConfigurationError, DeplError
from depl.host import Host, Override
from depl.layout import environment_file, environment_names
from depl.loading import Components, load_components
from depl.redact import Redactor
from depl.root import root_being_configured
from depl.secret_values import SecretFiles
from depl.settings import EnvironmentSettings, did_you_mean
from depl.surroundings import Caution
from depl.utils import Resolver, resolving
from depl.vfs import PathMap

if TYPE_CHECKING:
    from depl.component import Attempt, RootComponent
    from depl.homes import Site
    from depl.project import ProjectSettings
    from depl.secret_values import Secrets

PROJECT_VARIABLES = ("DEPL_DEPL_", "DEPL_NOTIFY_", "DEPL_WEB_")

__all__ = ["Caution", "Environment", "Service", "environment_names"]


@dataclass(frozen=True)
class Service:
    """The project, as components see it. components: the names of its component classes."""

    name: str
    base_dir: str
    components: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()


class Environment:
    """A named set of hosts, with their root components and settings.

    hosts: by name, in the order of the file. roots: host by host, in the order of their listing. overrides: root name
    -> attribute -> value, as the `[component:NAME]` sections say; `overrides_for` has all that counts for one root.
    mistakes, warnings: what loading found. platform: of hosts that have none of their own. sites: where things lie on
    hosts that this machine is not (see depl.homes). outside: names of root components that a slice left out, by host.
    secret_files: by name; secret_data: section -> key -> value; redact: the filter that hides them.
    """

    project: ProjectSettings
    resources: Any  # what components provide and require

    def __init__(
        self,
        name: str,
        base_dir: str = ".",
        platform: Optional[str] = None,
        *,
        settings: Optional[EnvironmentSettings] = None,
        workdir_base: Optional[str] = None,
    ) -> None:
        self.name = name
        self.base_dir = os.path.abspath(base_dir)
        self._workdir_base = os.path.abspath(workdir_base or os.path.join(self.base_dir, "work"))
        self.sites: dict[str, Site] = {}
        self.outside: dict[str, Sequence[str]] = {}
        self.settings = settings or EnvironmentSettings()
        default = self.settings.platform or self.settings.host_domain
        self.platform = default if platform is None else platform or None
        self.timeout = self.settings.timeout
        self.hosts: dict[str, Host] = {}
        self.roots: list[RootComponent] = []
        self.component_overrides: dict[str, dict[str, Override]] = {}
        self.paths = PathMap()
        self.resolver = Resolver({}, self.settings.require_v4, self.settings.require_v6)
        self.components = Components(self.base_dir)
        self.secret_files = SecretFiles({})
        self.secret_data: Mapping[str, Mapping[str, str]] = {}
        self.redact = Redactor()
        self.mistakes: list[DeplError] = []
        self.warnings: list[Caution] = []
        self.slicing: Any = None  # what is worked out once for the slices of all hosts
        self.attempt: Optional[Attempt] = None  # of the root component that is being deployed or predicted
        self._by_host: dict[str, dict[str, RootComponent]] = {}
        self._service: Optional[Service] = None  # as a slice says

    @classmethod
    def load(
        cls,
        name: str,
        base_dir: str = ".",
        platform: Optional[str] = None,
        *,
        workdir_base: Optional[str] = None,
        secrets: Optional[Secrets] = None,
        redact: Optional[Redactor] = None,
        overrides: Optional[Mapping[str, str]] = None,
    ) -> Environment:
        """Read an environment's file, load the component files and assign root components to hosts.

        name: `dev` or `dev.cfg`. platform: instead of the file's; an empty one is none. secrets: what is kept
        encrypted; redact: what hides it. overrides: `component.attribute` -> text, instead of what the file says. All
        mistakes are collected in `mistakes`; then the environment holds what could be understood.
        """
        base_dir = os.path.abspath(base_dir)
        name = re.sub(r"\.cfg$", "", name)
        try:
            file = environment_file(name, base_dir)
        except ConfigurationError as unknown:
            environment = cls(name, base_dir, platform, workdir_base=workdir_base)
            environment.mistakes.append(unknown)
            return environment
        from depl import ini  # a target has its slice instead of files, and saves importing this
        from depl.environment_file import Declared, declared_settings

        parsed = ini.read(file)
        mistakes: list[DeplError] = [*parsed.mistakes]
        settings = declared_settings(parsed, mistakes)
        environment = cls(name, base_dir, platform, settings=settings, workdir_base=workdir_base)
        environment.redact = Redactor(secrets.known() if secrets else ()) if redact is None else redact
        with resolving(environment.resolver):
            environment.components = load_components(base_dir)
        mistakes += [*_project_mistakes(environment), *environment.components.mistakes]
        environment.mistakes = mistakes
        if parsed.sections or not parsed.mistakes:
            Declared(environment, parsed, secrets, overrides or {}).read()
        return environment

    @property
    def overrides(self) -> dict[str, dict[str, str]]:
        """The values of the `[component:NAME]` sections."""
        return {
            root: {attribute: override.value for attribute, override in overrides.items()}
            for root, overrides in self.component_overrides.items()
        }

    @property
    def workdir_base(self) -> str:
        """Where the workdirs lie: on the host of the root component that is being configured."""
        site = self._site(None)
        return site.workdir_base if site else self._workdir_base

    def _site(self, host: Optional[Host]) -> Optional[Site]:
        if not self.sites:
            return None
        root = root_being_configured() if host is None else None
        host = root.host if root else host
        return self.sites.get(host.name) if host else None

    @property
    def service(self) -> Service:
        """The project that the environment belongs to."""
        if self._service:
            return self._service
        names = self.components.names
        return Service(self.project.name, self.base_dir, tuple(names), tuple(environment_names(self.base_dir)))

    @property
    def project_name(self) -> str:
        """The name of that project."""
        return self.project.name if _has_settings(self) else os.path.basename(self.base_dir)

    def add_host(self, host: Host) -> Host:
        """Make a host part of this environment."""
        host.environment = self
        self.hosts[host.name] = host
        return host

    def add_root(self, root: RootComponent) -> RootComponent:
        """Assign a root component to its host."""
        self.roots.append(root)
        self._by_host.setdefault(root.host.name, {})[root.name] = root
        return root

    def get_host(self, name: str) -> Host:
        """The host of a name. ConfigurationError if there is none."""
        if name not in self.hosts:
            message = f"There is no host {name!r} in the environment {self.name!r}"
            raise ConfigurationError(message, hint=did_you_mean(name, self.hosts))
        return self.hosts[name]

    def get_root(self, name: str, host: Union[Host, str]) -> RootComponent:
        """The root component of a name on a host (or the host of this name). ConfigurationError if there is none."""
        host = self.get_host(host if isinstance(host, str) else host.name)
        roots = self.components_for(host)
        if name not in roots:
            message = f"There is no component {name!r} on the host {host.name!r}"
            raise ConfigurationError(message, hint=did_you_mean(name, roots))
        root: Any = roots[name]
        if isinstance(root, RootElsewhere):
            raise root.out_of_reach()
        return root  # type: ignore[no-any-return]

    def components_for(self, host: Host) -> dict[str, RootComponent]:
        """The root components of a host by name, in the order of their listing."""
        roots: dict[str, Any] = {name: RootElsewhere(name, host) for name in self.outside.get(host.name, ())}
        return {**roots, **self._by_host.get(host.name, {})}

    def overrides_for(self, root_name: str, host: Host) -> Mapping[str, Override]:
        """What the environment says on the attributes of a root component: component, then groups, then host."""
        return {**self.component_overrides.get(root_name, {}), **host.overrides.get(root_name, {})}

    def map(self, path: str, platform: Optional[str] = None, host: Optional[Host] = None) -> str:
        """Where a path lies, as `[vfs]` says. platform: of the host that it is for; the environment's by default.

        host: that of the root component that is being configured by default.
        """
        site = self._site(host)
        if path.startswith("~"):
            path = site.expanduser(path) if site else os.path.expanduser(path)
        if not os.path.isabs(path):
            return path
        paths = site.paths if site else self.paths
        return paths(os.path.normpath(path), self.platform if platform is None else platform)

    def __getattr__(self, name: str) -> Any:
        # Made at their first use: not every use of an environment needs them, and importing them takes time.
        if name == "resources":
            from depl.resources import Resources

            self.resources = Resources()
        elif name == "project":
            from depl.project import ProjectSettings

            self.project = ProjectSettings.load(self.base_dir)
        elif name == "template_engine":
            from depl.template import Jinja2Engine

            self.template_engine = Jinja2Engine()
        else:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self.__dict__[name]

    def __repr__(self) -> str:
        return f"<Environment {self.name}>"


def _project_mistakes(environment: Environment) -> Sequence[DeplError]:
    return environment.project.mistakes if _has_settings(environment) else ()


def _has_settings(environment: Environment) -> bool:
    """Whether there are settings of the project: most have none, which saves importing what would read them."""
    exists = os.path.exists(os.path.join(environment.base_dir, "depl.cfg"))
    return exists or any(name.startswith(PROJECT_VARIABLES) for name in os.environ)
