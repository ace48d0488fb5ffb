"""A private sshd on this machine: own port, own keys, logins only to loopback addresses, no root needed.

    python tests/sshd.py start DIRECTORY    start it in the background; everything that it needs lies in DIRECTORY
    python tests/sshd.py stop DIRECTORY     end it

Each address is a host of its own: a login to 127.0.0.2 has its home in DIRECTORY/homes/127.0.0.2. DIRECTORY/ssh_config
and DIRECTORY/known_hosts are what a client needs: `ssh -F DIRECTORY/ssh_config 127.0.0.2`.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ADDRESSES = tuple(f"127.0.0.{n}" for n in range(1, 10))
ADDRESSES_OF_ONE = 16  # sshd listens on no more; what is more goes to a second one, on the same port


def binary() -> str | None:
    """Where sshd is, if it is installed; it insists on being called by its full path."""
    return shutil.which(
        "sshd", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    )


class Sshd:
    """A running sshd.

    directory: for its files; must be readable by whoever shall log in. addresses: loopback addresses to listen on.
    options: lines of sshd_config, before all others. homes: whether each address has a home of its own (for the user
    who starts it; others have theirs). variables: what sessions find in their environment. key: the client's key.
    inside: a command that starts it, such as `ip netns exec NAME`.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        addresses: Sequence[str] = ADDRESSES,
        port: int | None = None,
        *,
        options: Sequence[str] = (),
        homes: bool = True,
        variables: Mapping[str, str] | None = None,
        inside: Sequence[str] = (),
    ) -> None:
        self.directory = Path(directory).absolute()
        self.addresses = tuple(addresses)
        self.inside = tuple(inside)
        self.options, self.homes, self.variables = tuple(options), homes, dict(variables or {})
        self.user = getpass.getuser()
        self.key = self.directory / "client_key"
        self.known_hosts_file = self.directory / "known_hosts"
        self.ssh_config_file = self.directory / "ssh_config"
        self._log_file = self.directory / "sshd.log"
        self._pids_file = self.directory / "pids.json"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.directory.mkdir(parents=True, exist_ok=True)
        port_file = self.directory / "port"
        if port is None:
            port = int(port_file.read_text()) if port_file.exists() else free_port()
        self.port = port
        port_file.write_text(str(port))

    def start(self) -> Sshd:
        """Start it; returns when it answers. RuntimeError: it does not."""
        self._write_files()
        for number in range(0, len(self.addresses), ADDRESSES_OF_ONE):
            self._start(number, self.addresses[number : number + ADDRESSES_OF_ONE])
        self._pids_file.write_text(json.dumps([process.pid for process in self._processes]))
        return self

    def stop(self) -> None:
        """End it, and every session in it; it can be started again."""
        recorded = json.loads(self._pids_file.read_text()) if self._pids_file.exists() else []
        ours = [pid for pid in recorded if self._is_ours(pid)]
        for pid in [*descendants(ours), *ours]:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        for process in self._processes:
            process.wait(10)
        self._processes = []
        deadline = time.monotonic() + 10
        while any(map(self._is_ours, ours)) and time.monotonic() < deadline:  # those that another process has started
            time.sleep(0.05)
        self._pids_file.unlink(missing_ok=True)

    def __enter__(self) -> Sshd:
        return self.start()

    def __exit__(self, *ignored: object) -> None:
        self.stop()

    def log(self) -> str:
        """What it wrote so far."""
        return self._log_file.read_text(errors="replace") if self._log_file.exists() else ""

    def connections(self) -> int:
        """How many connections there were so far."""
        return self.log().count("\nConnection from ")

    def sessions(self) -> int:
        """How many commands or shells were started so far."""
        return self.log().count("\nStarting session: ")

    def home(self, address: str) -> Path:
        """The home of logins to an address."""
        return self.directory / "homes" / address if self.homes else Path.home()

    def clear(self) -> None:
        """Empty all homes."""
        for address in self.addresses if self.homes else ():
            for entry in self.home(address).iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    subprocess.run(["chmod", "-R", "u+rwX", str(entry)], check=False)
                    shutil.rmtree(entry)
                else:
                    entry.unlink()

    @property
    def known_hosts(self) -> str:
        """A known_hosts file for all of its addresses."""
        key = " ".join((self.directory / "host_key.pub").read_text().split()[:2])
        return "".join(f"[{address}]:{self.port} {key}\n" for address in self.addresses)

    @property
    def ssh_config(self) -> str:
        """An ssh_config for all of its addresses."""
        return f"""\
Host 127.0.0.*
    Port {self.port}
    User {self.user}
    IdentityFile "{self.key}"
    IdentitiesOnly yes
    UserKnownHostsFile "{self.known_hosts_file}"
"""

    def _write_files(self) -> None:
        for name in ("host_key", "client_key"):
            if not (self.directory / name).exists():
                make_key(self.directory / name)
        (self.directory / "authorized_keys").write_text((self.directory / "client_key.pub").read_text())
        (self.directory / "authorized_keys").chmod(0o644)
        for address in self.addresses if self.homes else ():
            self.home(address).mkdir(parents=True, exist_ok=True)
        self.known_hosts_file.write_text(self.known_hosts)
        self.ssh_config_file.write_text(self.ssh_config)
        if os.getuid() == 0:  # where sshd, started by root, locks itself in before the login
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)

    def _start(self, number: int, addresses: Sequence[str]) -> None:
        program = binary()
        if program is None:
            raise RuntimeError("sshd is not installed")
        config = self.directory / f"sshd_config.{number}"
        config.write_text(self._config(number, addresses))
        already = self.log().count("Server listening on")
        with self._log_file.open("ab") as log:
            command = [*self.inside, program, "-D", "-e", "-f", str(config)]
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._processes.append(process)
        deadline = time.monotonic() + 10
        while self.log().count("Server listening on") < already + len(addresses):
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"sshd did not start:\n{self.log()}")
            time.sleep(0.01)

    def _config(self, number: int, addresses: Sequence[str]) -> str:
        lines = [
            *self.options,
            *(f"ListenAddress {address}:{self.port}" for address in addresses),
            f'HostKey "{self.directory / "host_key"}"',
            f'AuthorizedKeysFile "{self.directory / "authorized_keys"}"',
            f'PidFile "{self.directory / f"sshd.{number}.pid"}"',
            "AuthenticationMethods publickey",
            "StrictModes no",
            "UsePAM no",
            "PermitRootLogin prohibit-password",
            "PrintMotd no",
            "PrintLastLog no",
            "LogLevel VERBOSE",
            "MaxStartups 100:30:200",
            "MaxSessions 10",
            "UseDNS no",
            "Subsystem sftp internal-sftp",
        ]
        for address in addresses:
            variables = dict(self.variables)
            if self.homes:
                variables.setdefault("HOME", str(self.home(address)))
            if variables:
                settings = " ".join(f'"{name}={value}"' for name, value in variables.items())
                lines += [f"Match LocalAddress {address} User {self.user}", f"    SetEnv {settings}"]
        return "\n".join(lines) + "\n"

    def _is_ours(self, pid: int) -> bool:
        """Whether a pid that was recorded is still the sshd of this directory."""
        if any(process.pid == pid for process in self._processes):
            return True
        said = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True).stdout
        return f"{self.directory}/sshd_config." in said


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def make_key(path: Path, *, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new key pair: `path` and `path.pub`."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def descendants(pids: Sequence[int]) -> list[int]:
    """The processes below these, the deepest first."""
    table = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for line in table.splitlines():
        pid, parent = map(int, line.split())
        children.setdefault(parent, []).append(pid)
    found, waiting = [], list(pids)
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found[::-1]


def main(arguments: Sequence[str]) -> int:
    """What the command line asks for."""
    if len(arguments) != 2 or arguments[0] not in ("start", "stop"):
        print(__doc__, file=sys.stderr)
        return 2
    sshd = Sshd(arguments[1])
    sshd.stop()
    if arguments[0] == "stop":
        return 0
    if binary() is None:
        print("sshd is not installed (Debian: apt-get install openssh-server).", file=sys.stderr)
        return 1
    sshd.start()
    print(f"sshd answers on port {sshd.port} of {sshd.addresses[0]} to {sshd.addresses[-1]}, for {sshd.user}. Try:")
    print(f"  ssh -F {sshd.ssh_config_file} {sshd.addresses[0]} hostname")
    print(f"For depl, copy {sshd.ssh_config_file} into the project as ssh_config. End it with:")
    print(f"  {sys.executable} {sys.argv[0]} stop {sshd.directory}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
