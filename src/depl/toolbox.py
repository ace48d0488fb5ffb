"""What component methods have at hand: paths, templates, commands, messages."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Dict, Iterator, Mapping, Optional, Sequence, Tuple, Union

from depl.change.nodes import Absent
from depl.errors import ConfigurationError
from depl.places import calling_place
from depl.wiring import Wiring

if TYPE_CHECKING:
    from depl.component import Component

GENERATED_HEADER = "File managed by depl. Do not edit it by hand: changes are lost with the next deployment."


class Toolbox(Wiring):
    """The tools of a component."""

    _checksum: Any = None

    def map(self, path: Union[str, os.PathLike[str]]) -> str:
        """The absolute path for a path: `~` is the home directory, a relative one lies in the workdir.

        Absolute paths are rewritten as the environment's `[vfs]` says.
        """
        path = os.fspath(path)
        if path.startswith(("/", "~")):
            root = self.root
            path = root.environment.map(path, root.host.platform, root.host)
        return path if os.path.isabs(path) else os.path.normpath(os.path.join(self.workdir or self.root.workdir, path))

    def expand(self, text: str, component: Optional[Component] = None, **context: Any) -> str:
        """A text with its Jinja expressions replaced. component: what it calls so, this one by default."""
        engine = self._template_engine()
        return str(engine.expand(text, self._context(component, context), identifier=f"<text of {self.id}>"))

    def template(self, filename: str, component: Optional[Component] = None, **context: Any) -> str:
        """A template file, rendered. A relative name lies in the definition directory."""
        path = os.path.join(self.root.defdir, filename)
        return str(self._template_engine().template(path, self._context(component, context)))

    def _template_engine(self) -> Any:
        return self.root.environment.template_engine

    def _context(self, component: Any, extra: Mapping[str, Any]) -> Dict[str, Any]:
        root = self.root
        return {
            "host": root.host,
            "environment": root.environment,
            "component": component or self,
            "depl_generated_header": GENERATED_HEADER,
            "batou_generated_header": GENERATED_HEADER,
            **extra,
        }

    def cmd(
        self,
        cmd: Union[str, Sequence[str]],
        silent: bool = False,
        ignore_returncode: bool = False,
        communicate: bool = True,
        env: Optional[Mapping[str, str]] = None,
        expand: bool = True,
        timeout: Optional[float] = None,
        cwd: Optional[str] = None,
        input: Union[str, bytes, None] = None,
    ) -> Any:
        """Run a command: (stdout, stderr). Acts in update(), looks in verify().

        cmd: a text goes through Jinja and the shell, a list through neither. env: added to the environment. timeout: in
        seconds; `command_timeout` of the environment by default. communicate: False starts it and returns its Popen.
        """
        from depl.utils import cmd as start

        command = self.expand(cmd) if isinstance(cmd, str) and expand else cmd
        if timeout is None:
            timeout = self.root.settings.command_timeout
        if not communicate:
            return start(command, communicate=False, env=env, cwd=cwd, redact=self.environment.redact)
        how = {"env": env, "timeout": timeout, "cwd": cwd, "input": input}
        root = self.root
        if root.system is None:
            return self._run_in_configure(command, ignore_returncode, how)
        if root.attempt is not None and root.attempt.updating:
            _, out, err = root.system.run(command, check=not ignore_returncode, **how)
        else:
            _, out, err = root.system.ask(command, check=not ignore_returncode, **how)
        return out, err

    def _run_in_configure(self, command: Any, ignore_returncode: bool, how: Mapping[str, Any]) -> Tuple[str, str]:
        from depl.utils import cmd

        root = self.root
        file, line = calling_place() or (None, None)
        warning = ConfigurationError(
            "configure() runs a command, which happens on every machine that builds the model and cannot be undone",
            self,
            file=file,
            line=line,
            hint="Run it in verify() or update().",
        )
        if root.settings.strict:
            raise warning
        root.warnings.append(warning)
        out, err = cmd(command, ignore_returncode=ignore_returncode, redact=root.environment.redact, **how)
        return out, err

    def touch(self, filename: str) -> None:
        """Make an empty file, or give one that is there the time of now."""
        root = self.root
        path = os.path.abspath(os.path.expanduser(filename))
        if root.system is None or root.attempt is None:
            file, line = calling_place() or (None, None)
            raise ConfigurationError(
                "touch() cannot be used in configure(), which must change nothing", self, file=file, line=line
            )
        if root.attempt.predicting:
            if isinstance(root.system.look(path), Absent):
                root.system.write(path, b"")
            return
        root.attempt.product(path)
        with open(path, "ab"):
            os.utime(path)

    @contextmanager
    def chdir(self, path: str) -> Iterator[None]:
        """Be in another directory for a while."""
        before = os.getcwd()
        os.chdir(os.path.expanduser(path))
        try:
            yield
        finally:
            os.chdir(before)

    def log(self, message: str, *args: Any) -> None:
        """Say something: `log("%s of %s", 1, 2)`. What configure() says is shown once, when the model is final."""
        text = message % args if args else message
        root = self.root
        if root.attempt is None:
            root.log_lines.append((self.id, text))
        else:
            root.attempt.log(self, text)  # type: ignore[arg-type]

    def checksum(self, value: Union[str, bytes, None] = None) -> Optional[str]:
        """Add a value to a running SHA-256; without one: its hex digest."""
        if self._checksum is None:
            self._checksum = hashlib.sha256()
        if value is None:
            return str(self._checksum.hexdigest())
        self._checksum.update(value.encode("utf-8") if isinstance(value, str) else value)
        return None
