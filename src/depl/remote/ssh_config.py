"""What the configuration of ssh says about a host: the project's own files first, then the user's and the system's.

Read by paramiko's parser; where a file has what that does not know (`Match exec`, `Include` below a `Host`, canonical
names), `ssh -G` is asked instead, which costs a process for each host.
"""

from __future__ import annotations

import fnmatch
import getpass
import os
import re
import shlex
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from depl.errors import ConfigurationError
from depl.remote import ssh_files

DEFAULT_PORT = 22
DEFAULT_IDENTITIES = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
USER_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
GLOBAL_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")

_SEVERAL = {"identityfile", "certificatefile"}


@dataclass(frozen=True)
class SshSettings:
    """How to reach and enter one host.

    name: what was looked up. identity_agent: a socket; "none": no agent; None: as the environment says. proxy_jump:
    hosts to go through, in this order. Intervals and timeouts in seconds; alive_interval 0: none.
    """

    name: str
    address: str
    port: int
    user: str
    identity_files: tuple[str, ...]
    identities_only: bool
    identity_agent: str | None
    certificate_files: tuple[str, ...]
    proxy_jump: tuple[str, ...]
    proxy_command: str | None
    alive_interval: int
    connect_timeout: float | None
    known_hosts_files: tuple[str, ...]
    host_key_alias: str | None


class SshConfig:
    """The configuration for an environment: `ssh_config_ENV`, `ssh_config`, ~/.ssh/config, /etc/ssh/ssh_config.

    As in OpenSSH the first value wins. Errors: ConfigurationError for a file that cannot be read or understood.
    """

    def __init__(self, base_dir: str, environment: str) -> None:
        own = [os.path.join(base_dir, f"ssh_config_{environment}"), os.path.join(base_dir, "ssh_config")]
        candidates = [*own, os.path.expanduser("~/.ssh/config"), "/etc/ssh/ssh_config"]
        self.files = [path for path in candidates if os.path.isfile(path)]
        written = ssh_files.read(self.files)
        self._needs_client = written.needs_client
        self._text = "\n".join(written.lines) + "\n"
        self._blocks: list[Any] | None = None  # the text, parsed when it is first needed
        self._patterns = list(_patterns_in(written.lines))

    def settings_for(
        self, names: Sequence[str], address: str | None = None, port: int | None = None, user: str | None = None
    ) -> SshSettings:
        """What holds for a host.

        names: what it is called (name with domain, short name, address); the first one that a `Host` other than `*`
        speaks of is looked up, else the very first. address, port, user: win over the configuration.
        """
        name = next((name for name in names if self._speaks_of(name)), names[0])
        given = {"hostname": address, "port": port, "user": user}
        head = {key: str(value) for key, value in given.items() if value is not None}
        found = self._asked_client(name, head) if self._needs_client else self._parsed(name, head)
        return _settings(name, found, default_address=address or names[0])

    def _speaks_of(self, name: str) -> bool:
        for patterns in self._patterns:
            matching = [pattern for pattern in patterns if fnmatch.fnmatchcase(name, pattern.removeprefix("!"))]
            if matching and not any(pattern.startswith("!") for pattern in matching):
                return True
        return False

    def _parsed(self, name: str, head: Mapping[str, str]) -> dict[str, Any]:
        from paramiko.config import SSHConfig

        class Parser(SSHConfig):  # type: ignore[misc]
            TOKENS_BY_CONFIG_KEY: Mapping[str, Sequence[str]] = {}  # they are expanded here, all of them

        if self._blocks is None:
            self._blocks = Parser.from_text(self._text)._config
        parser = Parser()
        parser._config = [{"host": ["*"], "config": dict(head)}, *self._blocks]
        return dict(parser.lookup(name))

    def _asked_client(self, name: str, head: Mapping[str, str]) -> dict[str, Any]:
        from tempfile import NamedTemporaryFile

        with NamedTemporaryFile("w", prefix="depl-ssh-config-") as combined:
            combined.writelines(f'Include "{path}"\n' for path in self.files)
            combined.flush()
            options = [word for key, value in head.items() for word in ("-o", f"{key}={value}")]
            command = ["ssh", "-G", "-F", combined.name, *options, "--", name]
            try:
                ended = subprocess.run(
                    command, check=False, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise ConfigurationError(
                    f"{self._needs_client[0]}, which only the OpenSSH client can resolve, and `ssh -G` fails: {error}",
                    hint="Install the OpenSSH client, or write the configuration without it.",
                ) from None
        if ended.returncode:
            said = ended.stderr.strip().splitlines()
            raise ConfigurationError(f"`ssh -G {name}` fails: {said[0] if said else ended.returncode}")
        found: dict[str, Any] = {}
        for line in ended.stdout.splitlines():
            key, _, value = line.partition(" ")
            if key in _SEVERAL:
                found.setdefault(key, []).append(value)
            else:
                found.setdefault(key, value)
        return found


def _patterns_in(lines: Sequence[str]) -> Iterator[list[str]]:
    """What each `Host` and `Match` is about, but for those that are about all hosts."""
    for line in lines:
        key, _, value = line.partition(" ")
        if key in ("host", "match"):
            yield [pattern for pattern in re.split(r"[\s,\"]+", value) if pattern.strip("*")]


def _settings(name: str, found: Mapping[str, Any], default_address: str) -> SshSettings:
    user = found.get("user") or getpass.getuser()
    port = _number(found.get("port"), DEFAULT_PORT)
    tokens = {"h": name, "n": name, "p": str(port), "r": user, "u": getpass.getuser(), "d": os.path.expanduser("~")}
    tokens |= {"i": str(os.getuid()), "l": socket.gethostname(), "L": socket.gethostname().split(".")[0], "%": "%"}
    found_address = found.get("hostname", name)  # which is the name where nothing else is said
    tokens["h"] = address = default_address if found_address == name else _expanded(found_address, tokens)
    alias = found.get("hostkeyalias")
    tokens["k"] = alias or name
    jump, command = _proxies(found)
    known = (
        *_words(found.get("userknownhostsfile"), USER_KNOWN_HOSTS),
        *_words(found.get("globalknownhostsfile"), GLOBAL_KNOWN_HOSTS),
    )
    return SshSettings(
        name=name,
        address=address,
        port=port,
        user=user,
        identity_files=_paths(_list(found.get("identityfile")) or DEFAULT_IDENTITIES, tokens),
        identities_only=str(found.get("identitiesonly")).lower() in ("yes", "true"),
        identity_agent=_agent(found.get("identityagent"), tokens),
        certificate_files=_paths(_list(found.get("certificatefile")), tokens),
        proxy_jump=tuple(_expanded(hop.strip(), tokens) for hop in jump.split(",") if hop.strip()),
        proxy_command=_expanded(command, tokens) if command else None,
        alive_interval=_number(found.get("serveraliveinterval"), 0),
        connect_timeout=float(_number(found.get("connecttimeout"), 0)) or None,
        known_hosts_files=_paths(known, tokens),
        host_key_alias=alias,
    )


def _proxies(found: Mapping[str, Any]) -> tuple[str, str]:
    """ProxyJump and ProxyCommand; the first of both that is set wins."""
    for key in found:
        if key in ("proxyjump", "proxycommand"):
            value = found[key] or ""
            value = "" if value.lower() == "none" else value
            return (value, "") if key == "proxyjump" else ("", value)
    return "", ""


def _agent(value: str | None, tokens: Mapping[str, str]) -> str | None:
    if not value or value == "SSH_AUTH_SOCK":
        return None
    return next(iter(_paths([value], tokens)), "none")


def _paths(values: Sequence[str], tokens: Mapping[str, str]) -> tuple[str, ...]:
    """Paths with what stands for something else replaced, and without `none`."""
    expanded = [os.path.expanduser(_expanded(value.strip('"'), tokens)) for value in values]
    return tuple(os.path.expandvars(path) for path in expanded if path.lower() != "none")


def _expanded(value: str, tokens: Mapping[str, str]) -> str:
    return re.sub(r"%(.)", lambda match: tokens.get(match.group(1), match.group(0)), value)


def _words(value: str | None, default: Sequence[str]) -> Sequence[str]:
    return shlex.split(value) if value else default


def _list(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _number(value: Any, default: int) -> int:
    """A number, or a time as OpenSSH writes it (`90`, `1m30s`); what is none is the default."""
    text = str(value or "").lower()
    if not re.fullmatch(r"(\d+[smhdw]?)+", text):
        return default
    parts = re.findall(r"(\d+)([smhdw]?)", text)
    return sum(int(count) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[unit] for count, unit in parts)
