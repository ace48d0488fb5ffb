"""Small things that component authors use: addresses, merging, hashing, commands outside of a component."""

from __future__ import annotations

from contextlib import contextmanager
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Iterator,
    Mapping,
    Optional,
    Sequence,
    Union,
)

from depl.address import Address, NetLoc, Resolver, resolve, resolve_v6, resolving
from depl.errors import CmdExecutionError, ConfigurationError

if TYPE_CHECKING:
    import os

__all__ = [
    "Address",
    "BagOfAttributes",
    "CmdExecutionError",
    "NetLoc",
    "Resolver",
    "Timer",
    "call_with_optional_args",
    "cmd",
    "dict_merge",
    "hash",
    "resolve",
    "resolve_v6",
    "resolving",
]


def hash(path: Union[str, os.PathLike[str]], function: str = "sha_512") -> str:
    """The digest of a file's content, in hex. function: as hashlib calls it, `sha_512` is `sha512`."""
    import hashlib

    name = function if function in hashlib.algorithms_available else function.replace("_", "").replace("-", "")
    try:
        digest = hashlib.new(name)
    except ValueError:
        known = ", ".join(sorted(hashlib.algorithms_guaranteed))
        raise ConfigurationError(f"There is no hash function {function!r}", hint=f"There are: {known}.") from None
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(1024 * 1024), b""):
            digest.update(chunk)
    return digest.hexdigest()


def dict_merge(a: Any, b: Any) -> Any:
    """`b` laid over `a`: dictionaries are merged at all depths, lists are joined, anything else is replaced."""
    from copy import deepcopy

    if not isinstance(b, Mapping) or not isinstance(a, Mapping):
        return deepcopy(b)
    merged = deepcopy(dict(a))
    for key, value in b.items():
        if isinstance(merged.get(key), Mapping):
            merged[key] = dict_merge(merged[key], value)
        elif isinstance(merged.get(key), list) and isinstance(value, (list, tuple)):
            merged[key] = merged[key] + deepcopy(list(value))
        else:
            merged[key] = deepcopy(value)
    return merged


class BagOfAttributes(dict):  # type: ignore[type-arg]
    """A dictionary whose items are attributes, too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None


class Timer:
    """Takes the time of steps: `with timer.step("verify"): ...`; `durations` holds seconds by step, added up."""

    def __init__(self, tag: Optional[str] = None) -> None:
        self.tag = tag
        self.durations: dict[str, float] = {}

    @contextmanager
    def step(self, note: str) -> Iterator[None]:
        """Adds the time until the block's end to the step."""
        import time

        started = time.monotonic()
        try:
            yield
        finally:
            self.durations[note] = self.durations.get(note, 0.0) + time.monotonic() - started

    def above_threshold(self, **thresholds: float) -> bool:
        """Whether a step took longer than the seconds given for it."""
        return any(self.durations.get(step, 0.0) > limit for step, limit in thresholds.items())

    def humanize(self, *steps: str) -> str:
        """The steps (all of them unless given) as `verify=0.12s, update=3.40s`."""
        return ", ".join(
            f"{step}={self.durations[step]:.2f}s" for step in steps or self.durations if step in self.durations
        )


def call_with_optional_args(func: Callable[..., Any], **kwargs: Any) -> Any:
    """Calls the function with those of the arguments that it takes."""
    import inspect

    parameters = inspect.signature(func).parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        taken = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        kwargs = {name: value for name, value in kwargs.items() if name in taken}
    return func(**kwargs)


def cmd(
    cmd: Union[str, Sequence[str]],
    silent: bool = False,  # noqa: ARG001
    ignore_returncode: bool = False,
    communicate: bool = True,
    env: Optional[Mapping[str, str]] = None,
    acceptable_returncodes: Sequence[int] = (0,),
    encoding: str = "utf-8",  # noqa: ARG001
    timeout: Optional[float] = None,
    cwd: Optional[str] = None,
    input: Optional[str] = None,
    redact: Callable[[str], str] = str,
) -> Any:
    """Runs a command outside of a component's care: nothing is recorded, nothing can be undone.

    A text goes through the shell, a list does not. env is added to the environment. Returns stdout and stderr as UTF-8,
    or the running process if communicate is False. Raises CmdExecutionError; on timeout (seconds) the whole process
    group is ended. silent and encoding have no effect. redact: hides secrets in errors; a text with secrets is kept
    from the arguments of the shell, which everybody on the machine can read.
    """
    from depl.change.process import execute, shown
    from depl.change.spawning import holds_secret, spawn

    hidden = holds_secret(cmd, redact)
    if not communicate:
        import os
        import subprocess

        return spawn(
            cmd,
            hidden,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if env is None else {**os.environ, **env},
            cwd=cwd,
        )
    try:
        result = execute(cmd, cwd=cwd, env=env, timeout=timeout, input=input, hidden=hidden)
    except OSError as problem:
        reason = f"cannot be started: {redact(str(problem.strerror or problem))}"
        raise CmdExecutionError(shown(cmd, redact), None, reason=reason) from None
    if result.reason or (result.status not in acceptable_returncodes and not ignore_returncode):
        raise CmdExecutionError(
            shown(cmd, redact),
            result.status,
            redact(result.stdout),
            redact(result.stderr),
            reason=result.reason,
        )
    return result.stdout, result.stderr
