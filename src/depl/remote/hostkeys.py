"""The keys of hosts: those that are known, whether one that a host shows is among them, and learning new ones.

`environments/ENV/known_hosts` decides about the hosts that it names; about others those of ssh do. What is unknown is
refused, whatever StrictHostKeyChecking says.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from depl.errors import HostKeyRefused
from depl.remote.known_hosts import Known, KnownHostsFile, read_known_hosts, replace_key

_SHORT_NAMES = {"ssh-ed25519": "ED25519", "ssh-rsa": "RSA"}


@dataclass(frozen=True)
class Offered:
    """The key that a host shows. name: as known_hosts has it. known: it needs no trust any more."""

    name: str
    kind: str
    key: bytes
    known: bool = False

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.key)

    def __str__(self) -> str:
        return f"{kind_of(self.kind)} {self.fingerprint}"


class KnownHosts:
    """Files of known hosts, each read once. May be used by several threads."""

    def __init__(self, base_dir: str, environment: str) -> None:
        self._environment = environment
        self._own = known_hosts_file(base_dir, environment)
        self._files: dict[str, KnownHostsFile] = {}

    def kinds(self, names: Sequence[str], files: Sequence[str]) -> list[str]:
        """The kinds of keys that are known of a host, such as `ssh-ed25519`."""
        return [entry.kind for entry in self._known(names, files) or self._known(_without_ports(names), files)]

    def is_known(self, names: Sequence[str], files: Sequence[str], key: bytes) -> bool:
        """Whether a key is one that the host is known to have; without any, its name without a port counts too."""
        known = self._known(names, files) or self._known(_without_ports(names), files)
        return any(entry.key == key for entry in known) and self._revoked(names, files, key) is None

    def check(self, host: str, names: Sequence[str], files: Sequence[str], offered: Offered, trust: str) -> None:
        """Let through a key that is known.

        names: of the host, as known_hosts has them. trust: the host of the environment to name to `depl trust`.
        Errors: HostKeyRefused.
        """
        if self.is_known(names, files, offered.key):
            return
        revoked = self._revoked(names, files, offered.key)
        if revoked:
            raise HostKeyRefused(
                f"{host} shows the key {offered}, which {revoked.place} revokes",
                hint="Somebody may have taken its place. Ask who runs it; give it a new key.",
            )
        command = f"depl trust {self._environment} {trust}"
        known = self._known(names, files)
        if known:
            other = next((entry for entry in known if entry.kind == offered.kind), known[0])
            message = f"{host} shows the key {offered}, but {other.place} knows {kind_of(other.kind)} "
            raise HostKeyRefused(
                message + fingerprint(other.key),
                hint="Somebody may have taken its place. If it really has a new key, compare the fingerprint there "
                f"(ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub) and run `{command}`.",
            )
        signed = [entry.place for entry in self._about(names, [self._own, *files]) if entry.marker == "@cert-authority"]
        more = f" (of certificates, which {signed[0]} speaks of, depl knows nothing)" if signed else ""
        raise HostKeyRefused(f"The key of {host} is not known; it shows {offered}{more}", hint=f"Run `{command}`.")

    def _known(self, names: Sequence[str], files: Sequence[str]) -> list[Known]:
        """What decides: the first of a host's names that is known, in the environment's file or else in the others."""
        for group in ([self._own], files):
            for name in names:
                found = [entry for entry in self._about([name], group) if not entry.marker]
                if found:
                    return found
        return []

    def _revoked(self, names: Sequence[str], files: Sequence[str], key: bytes) -> Known | None:
        entries = self._about([*names, *_without_ports(names)], [self._own, *files])
        return next((entry for entry in entries if entry.marker == "@revoked" and entry.key == key), None)

    def _about(self, names: Iterable[str], files: Iterable[str]) -> list[Known]:
        return [entry for file in files for name in names for entry in self._file(file).about(name)]

    def _file(self, path: str) -> KnownHostsFile:
        if path not in self._files:
            self._files[path] = KnownHostsFile(read_known_hosts(path))
        return self._files[path]


def remember(base_dir: str, environment: str, offered: Offered) -> str:
    """Write a key to the environment's known_hosts, in place of what was known of that host; returns the file's path.

    offered: what Dialer.offered(host) returned, of the host itself or of one on the way to it.
    """
    path = known_hosts_file(base_dir, environment)
    replace_key(path, offered.name, offered.kind, offered.key)
    return path


def known_hosts_file(base_dir: str, environment: str) -> str:
    """The file with the keys of an environment's hosts."""
    return os.path.join(base_dir, "environments", environment, "known_hosts")


def names_of(addresses: Iterable[str], port: int, alias: str | None) -> list[str]:
    """What a host is called in known_hosts; an alias stands for everything, the port included."""
    if alias:
        return [alias.lower()]
    plain = list(dict.fromkeys(address.lower() for address in addresses))
    return plain if port == 22 else [f"[{name}]:{port}" for name in plain]


def algorithms_for(kinds: Sequence[str], all_algorithms: Sequence[str]) -> list[str]:
    """The algorithms for host keys in the order to ask for them: those of known keys first, as OpenSSH does."""
    wanted = {name for kind in kinds for name in (("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,))}
    return sorted(all_algorithms, key=lambda name: name not in wanted)


def fingerprint(key: bytes) -> str:
    """SHA256:..., as OpenSSH shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def kind_of(name: str) -> str:
    """ED25519, RSA, ECDSA: how OpenSSH calls them."""
    return "ECDSA" if name.startswith("ecdsa-") else _SHORT_NAMES.get(name, name)


def _without_ports(names: Iterable[str]) -> list[str]:
    return [name[1:].rpartition("]:")[0] for name in names if name.startswith("[")]
