"""A version control program, called so that it never asks, with what goes wrong told in sentences."""

from __future__ import annotations

import re
import time
from typing import Any, Mapping, Optional, Sequence

from depl.change.changes import WayBack
from depl.change.invocations import NOT_STARTED
from depl.component import Component
from depl.errors import CmdExecutionError, DeploymentError

NOTHING_ELSE = "it only writes into the new checkout"

# What the programs say (any of these), what that means, the next step, and whether it may pass by itself.
MEANINGS: Sequence[tuple[Sequence[str], str, str, bool]] = (
    (
        ("could not resolve host", "name or service not known", "failure in name resolution", "nodename nor servname"),
        "{url} cannot be reached: its server is not known",
        "Is the name right, and does this host have a name server?",
        True,
    ),
    (
        ("connection refused", "timed out", "failed to connect", "network is unreachable", "no route to host"),
        "{url} cannot be reached",
        "Can this host reach the server? Proxies are taken from the environment.",
        True,
    ),
    (
        ("hung up unexpectedly", "early eof", "connection reset", "connection was reset", "rpc failed", "error: 50"),
        "the connection to {url} ended before everything was there",
        "Does the server say why, in its log?",
        True,
    ),
    (
        ("host key verification failed", "no matching host key"),
        "the host key of the server of {url} is not known, or not the one that is known",
        "Add it to the known_hosts of the user that deploys on this host.",
        False,
    ),
    (
        ("authentication failed", "could not read username", "authorization", "unauthorized", "permission denied"),
        "{url} does not let this host in",
        "Give user and password in the URL (from a secret), or an SSH key to the user that deploys on this host.",
        False,
    ),
    (
        ("dubious ownership", "not trusting file"),
        "the checkout at {target} belongs to another user",
        "Deploy as that user, or remove it.",
        False,
    ),
    (
        ("be a git repository", "not a git repository", "not found", "does not exist", "no such file or directory"),
        "there is no repository at {url}, or this host may not read it",
        "Is the URL right? Try it by hand, as the user that deploys on this host.",
        False,
    ),
)


class Passing(DeploymentError):
    """A server could not be reached, but perhaps can be later."""


class Tool:
    """Calls a program on behalf of the component of a checkout.

    name: of the program. options: that come before each of its commands. env, input: for each of them. called: what
    people see of the name.
    """

    def __init__(
        self,
        component: Component,
        name: str,
        options: Sequence[str] = (),
        env: Optional[Mapping[str, str]] = None,
        input: Optional[str] = None,
        called: str = "",
    ) -> None:
        self._component: Any = component
        self._called = called or name
        self._name, self._options, self._env, self._input = name, list(options), dict(env or {}), input

    def look(self, *arguments: str, check: bool = True) -> str:
        """What a command that only looks says; nothing where it fails and that is no error."""
        try:
            status, output, _ = self._component.system.ask(
                self._command(arguments),
                cwd="/",
                env=self._env,
                timeout=self._component.timeout,
                input=self._input,
                check=check,
            )
        except CmdExecutionError as error:
            raise self.told(error) from None
        return output if status == 0 else ""

    def look_far(self, *arguments: str) -> str:
        """The same, of a command that asks a server: tried again where what went wrong may pass."""
        return str(self._patiently(lambda: self.look(*arguments)))

    def act(self, *arguments: str, check: bool = True) -> bool:
        """Run a command that writes into the new checkout; whether it succeeded."""
        try:
            status, _, _ = self._component.system.run(
                self._command(arguments),
                way_back=WayBack.EXACT,
                reason=NOTHING_ELSE,
                cwd="/",
                env=self._env,
                timeout=self._component.timeout,
                input=self._input,
                check=check,
                shown=self._in_short(arguments),
            )
        except CmdExecutionError as error:
            raise self.told(error) from None
        return bool(status == 0)

    def act_far(self, *arguments: str) -> None:
        """The same, of a command that asks a server."""
        self._patiently(lambda: self.act(*arguments))

    def told(self, error: CmdExecutionError) -> DeploymentError:
        """What went wrong, in a sentence."""
        component, name = self._component, self._name
        if error.returncode == NOT_STARTED:
            hint = f"Install {name} on this host, for example by the package manager of its distribution."
            return DeploymentError(f"{name} cannot be started: is it installed?", component, hint=hint)
        facts = {"url": component.address.url, "target": component.target}
        if error.returncode is None:
            hint = f"Give it more time by `timeout=`, or look whether {component.address.url} answers."
            return DeploymentError(str(error.args[0]), component, hint=hint)
        for patterns, meaning, hint, passing in MEANINGS:
            if any(words in error.stderr.lower() for words in patterns):
                said = _reason(error.stderr)
                kind = Passing if passing else DeploymentError
                return kind(f"{meaning.format(**facts)} ({said})", component, hint=hint)
        return error

    def _in_short(self, arguments: Sequence[str]) -> str:
        """A command as people see it, without options: `git fetch origin`."""
        return " ".join([self._called, *(one for one in arguments if not one.startswith(("-", "+")))])

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [self._name, *self._options, *arguments]

    def _patiently(self, act: Any) -> Any:
        component = self._component
        pause = component.interval
        for left in range(component.retries, -1, -1):
            try:
                return act()
            except Passing as error:
                if not left:
                    raise
                component.log("%s; trying again in %g s", error, pause)
                time.sleep(pause)
                pause *= 2
        return None


def _reason(text: str) -> str:
    """What a program says that is more than advice."""
    said = re.search(r"\b(fatal|abort|error): .*", text)
    return (said[0] if said else " ".join(text.split()))[:200]
