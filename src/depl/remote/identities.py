"""The keys to log in with: from files and from the agent of ssh, each loaded once for all connections of a run."""

from __future__ import annotations

import base64
import binascii
import copy
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from depl.remote.ssh_config import SshSettings

Ask = Callable[[str], str]

TIMES_ASKED = 3
AGENT_TIMEOUT = 60  # seconds; it may want a touch or a confirmation


@dataclass(frozen=True)
class Identity:
    """A key to try, or why it cannot be tried. label: for messages."""

    label: str
    key: Any = None
    problem: str = ""


class Identities:
    """The keys of whoever runs this. May be used by several threads.

    ask: for the passphrase of an encrypted key; it is asked for once a run. None: nobody can be asked.
    """

    def __init__(self, ask: Ask | None = None) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._loaded: dict[str, Identity] = {}
        self._public_halves: dict[str, bytes] = {}
        self._agents: dict[str, list[Any]] = {}

    def for_host(self, settings: SshSettings) -> Iterator[Identity]:
        """What to try, in this order: what the agent has of the named files, what else it has, what only files have.

        As in OpenSSH the agent's other keys are left out where IdentitiesOnly says so.
        """
        files = {path: self._public(path) for path in settings.identity_files}
        files = {path: blob for path, blob in files.items() if blob or os.path.exists(path)}
        in_agent = {key.asbytes(): key for key in self._agent_keys(settings)}
        for path, blob in files.items():
            if blob in in_agent:
                yield Identity(f"{path} (agent)", in_agent[blob])
        if not settings.identities_only:
            for blob, key in in_agent.items():
                if blob not in files.values():
                    yield Identity(f"{key.comment or key.get_name()} (agent)", key)
        for path, blob in files.items():
            if blob not in in_agent:
                yield from self._of_file(path, settings)

    def close(self) -> None:
        """Leave the agents."""
        with self._lock:
            for key in [key for keys in self._agents.values() for key in keys[:1]]:
                key.agent._close()
            self._agents = {}

    def _public(self, path: str) -> bytes:
        if path not in self._public_halves:
            self._public_halves[path] = _public_half(path)
        return self._public_halves[path]

    def _of_file(self, path: str, settings: SshSettings) -> Iterator[Identity]:
        """The key in a file, first with the certificates that it may have."""
        with self._lock:
            if path not in self._loaded:
                self._loaded[path] = self._load(path)
            identity = self._loaded[path]
        for certificate in (*settings.certificate_files, f"{path}-cert.pub"):
            if identity.key is not None and os.path.isfile(certificate):
                key = copy.copy(identity.key)
                try:
                    key.load_certificate(certificate)
                except Exception as error:  # noqa: BLE001 paramiko raises whatever comes
                    yield Identity(certificate, problem=f"is no certificate for {path} ({error})")
                else:
                    yield Identity(certificate, key)
        yield identity

    def _load(self, path: str) -> Identity:
        try:
            if not os.path.exists(path):
                return Identity(path, problem="is not there, only its public half, and the agent does not have it")
            key = _read_key(path, None)
            if key is None:
                return self._load_encrypted(path)
        except OSError as error:
            return Identity(path, problem=f"cannot be read: {error.strerror}")
        except ValueError as error:
            return Identity(path, problem=f"is not a key that can be used: {error}")
        return Identity(path, key)

    def _load_encrypted(self, path: str) -> Identity:
        if self._ask is None:
            return Identity(path, problem="is encrypted, and nobody can be asked for its passphrase (use ssh-add)")
        for _ in range(TIMES_ASKED):
            passphrase = self._ask(f"Passphrase for {path}")
            if not passphrase:
                break
            try:
                return Identity(path, _read_key(path, passphrase))
            except ValueError:
                continue
        return Identity(path, problem="is encrypted, and the passphrase is not this one")

    def _agent_keys(self, settings: SshSettings) -> list[Any]:
        path = settings.identity_agent or os.environ.get("SSH_AUTH_SOCK", "")
        if not path or path == "none":
            return []
        with self._lock:
            if path not in self._agents:
                self._agents[path] = _keys_in_agent(path)
            return self._agents[path]


def _read_key(path: str, passphrase: str | None) -> Any:
    """The key in a file; None: it is encrypted and there is no passphrase. Errors: ValueError, OSError."""
    import paramiko

    reasons = []
    for kind in _kinds_of(_public_half(path)):
        try:
            return kind.from_private_key_file(path, passphrase)
        except paramiko.PasswordRequiredException:
            return None
        except (paramiko.SSHException, ValueError, IndexError) as error:
            reasons.append(str(error))
    raise ValueError(reasons[-1])


def _kinds_of(public: bytes) -> Sequence[Any]:
    """The classes that may read a key: each try costs the stretching of the passphrase."""
    import paramiko

    kinds = {b"ssh-ed25519": paramiko.Ed25519Key, b"ecdsa-": paramiko.ECDSAKey, b"ssh-rsa": paramiko.RSAKey}
    return [kind for name, kind in kinds.items() if public[4:].startswith(name)] or list(kinds.values())


def _public_half(path: str) -> bytes:
    """What `path.pub` holds, or the file itself if it is public or holds both; nothing where it is not to be seen."""
    for candidate in (f"{path}.pub", path):
        try:
            with open(candidate, "rb") as file:
                text = file.read(64 * 1024)
            if text.startswith((b"ssh-", b"ecdsa-", b"sk-")):
                return base64.b64decode(text.split()[1], validate=True)
            if text.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----"):
                return _public_half_inside(base64.b64decode(b"".join(text.split(b"-----")[2].split())))
        except (OSError, binascii.Error, IndexError, struct.error):
            continue
    return b""


def _public_half_inside(data: bytes) -> bytes:
    """From OpenSSH's own format (PROTOCOL.key), where it is not encrypted."""
    at = len(b"openssh-key-v1\0")
    for _ in ("cipher", "derivation", "its options"):
        at += 4 + struct.unpack_from(">I", data, at)[0]
    at += 4  # the number of keys, which is one
    return data[at + 4 : at + 4 + struct.unpack_from(">I", data, at)[0]]


def _keys_in_agent(path: str) -> list[Any]:
    """The keys that an agent has; none where it does not answer."""
    import paramiko
    from paramiko.agent import AgentSSH

    class Agent(AgentSSH):  # type: ignore[misc]
        """One conversation with an agent, for all threads."""

        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.Lock()

        def _send_message(self, message: Any) -> Any:
            with self.lock:
                return super()._send_message(message)

    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(AGENT_TIMEOUT)
    agent = Agent()
    try:
        connection.connect(path)
        agent._connect(connection)
    except (OSError, paramiko.SSHException):
        pass
    if not agent.get_keys():
        connection.close()
    return list(agent.get_keys())
