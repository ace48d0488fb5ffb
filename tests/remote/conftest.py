"""What the tests of remote work share: a real, private sshd, projects that use it, and extra users."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import forked
import pytest

from depl.agent.projects import Projects
from depl.protocol.framing import Decoder, encode
from depl.protocol.replies import REPLIES, Wants
from depl.protocol.requests import REQUESTS, Given
from depl.remote.connection import Dialer
from depl.remote.transfer import Transfer


def load_sshd() -> ModuleType:
    """tests/sshd.py, which is a script and so in no package."""
    if "sshd" not in sys.modules:
        spec = importlib.util.spec_from_file_location("sshd", Path(__file__).parents[1] / "sshd.py")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules["sshd"] = module
        spec.loader.exec_module(module)
    return sys.modules["sshd"]


@pytest.fixture(scope="session")
def new_sshd() -> Iterator[Callable[..., Any]]:
    """A factory of sshds, each with its own directory, not yet started: `new_sshd(options=[...])`."""
    module = load_sshd()
    if module.binary() is None:
        pytest.skip("sshd is not installed (Debian: openssh-server)")
    made: list[Any] = []

    def make(**how: Any) -> Any:
        directory = tempfile.mkdtemp(prefix="depl-t-sshd-")  # other users must reach it, which pytest's own forbid
        os.chmod(directory, 0o755)
        made.append(module.Sshd(directory, **how))
        return made[-1]

    yield make
    for sshd in made:
        sshd.stop()
        shutil.rmtree(sshd.directory, ignore_errors=True)


@pytest.fixture(scope="session")
def running_sshd(new_sshd: Callable[..., Any]) -> Any:
    """An sshd on 127.0.0.1 to 127.0.0.40 for the whole session."""
    return new_sshd(addresses=[f"127.0.0.{n}" for n in range(1, 41)]).start()


@pytest.fixture
def sshd(running_sshd: Any) -> Any:
    """The sshd on 127.0.0.1 to 127.0.0.40, with empty homes."""
    running_sshd.clear()
    return running_sshd


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A project without anything in it but the environment `test`."""
    (tmp_path / "project" / "environments" / "test").mkdir(parents=True)
    return tmp_path / "project"


@pytest.fixture
def ssh_project(base: Path, sshd: Any) -> Path:
    """A project whose ssh_config and known hosts are those of the sshd."""
    (base / "ssh_config").write_text(sshd.ssh_config)
    (base / "environments" / "test" / "known_hosts").write_text(sshd.known_hosts)
    return base


@pytest.fixture
def dialer(base: Path) -> Iterator[Callable[..., Dialer]]:
    """A factory: a dialer for the environment `test` of the project."""
    made: list[Dialer] = []

    def make(**how: Any) -> Dialer:
        made.append(Dialer(str(base), "test", **{"timeout": 10, "jobs": 20, **how}))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def users() -> Iterator[Callable[[str], str]]:
    """A factory of unix users: `users("service")` is the name of a new one, with a home; all are removed afterwards."""
    if os.getuid() != 0:
        pytest.skip("users can only be made by root")
    made: list[str] = []

    def make(name: str) -> str:
        user = f"depl-t-{name}-{os.getpid()}"
        home = tempfile.mkdtemp(prefix="depl-t-home-")
        made.append(user)
        command = ["useradd", "--home-dir", home, "--shell", "/bin/sh", "--password", "*", "--no-log-init", user]
        subprocess.run(command, check=True, capture_output=True)
        shutil.chown(home, user)
        os.chmod(home, 0o755)
        return user

    yield make
    import pwd

    for user in made:
        home = pwd.getpwnam(user).pw_dir
        subprocess.run(["userdel", "--force", user], capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


class Wire:
    """Brings projects to a directory as to a host: each message goes through its bytes, which are counted."""

    def __init__(self, directory: Path) -> None:
        self.projects = Projects(str(directory / "target" / "projects"))
        self.clone = directory / "target" / "clone"
        self.sent = 0
        self.wanted: list[str] = []

    def bring(self, transfer: Transfer) -> Path:
        """The directory of the project; sent and wanted tell of this time only."""
        self.sent, self.wanted = 0, []

        def ask(wants: Wants) -> Iterator[Given]:
            self.wanted.append(wants.kind)
            (arrived,) = Decoder(REPLIES).feed(encode(wants))
            for given in transfer.answer(arrived):
                frame = encode(given)
                self.sent += len(frame)
                yield from Decoder(REQUESTS).feed(frame)

        return Path(self.projects.fetch(transfer.key, transfer.method, transfer.revision, ask))


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """A coordinator and a host that have seen no project yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Wire(tmp_path)


class Proxy:
    """Stands between a coordinator and an sshd, on a port of its own of the same address, and counts what passes.

    turns: how often the client began to speak. up, down: bytes. log: (direction, size), piece by piece.
    """

    def __init__(self, address: str, port: int) -> None:
        self._to = (address, port)
        self._lock = threading.Lock()
        self.reset()
        self._listening = socket.create_server((address, 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self) -> None:
        """Count from nothing."""
        self.connections = 0
        self.log: list[tuple[str, int]] = []

    @property
    def turns(self) -> int:
        sides = [side for side, _ in self.log]
        return sum(side == "up" and before == "down" for before, side in zip(["down", *sides], sides, strict=False))

    @property
    def up(self) -> int:
        return sum(size for side, size in self.log if side == "up")

    @property
    def down(self) -> int:
        return sum(size for side, size in self.log if side == "down")

    def close(self) -> None:
        """Accept nobody any more."""
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._to) as server:
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answering = threading.Thread(target=self._pass_on, args=(server, client, "down"), daemon=True)
            answering.start()
            self._pass_on(client, server, "up")
            answering.join()

    def _pass_on(self, source: socket.socket, sink: socket.socket, side: str) -> None:
        try:
            while piece := source.recv(1 << 20):
                with self._lock:
                    self.log.append((side, len(piece)))
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Site:
    """A project with its coordinator's command line, and the hosts of the sshd, each with a target directory `~/NAME`.

    Homes are not emptied between tests (the agent there is unpacked once); target directories have a name of their own.
    """

    def __init__(self, directory: Path, sshd: Any, home: Path) -> None:
        self.directory, self.sshd, self.home = directory, sshd, home
        self.name = f"t-{directory.parent.name}-{time.monotonic_ns()}"

    def write(self, files: Mapping[str, str]) -> None:
        """Write files into the project."""
        for name, content in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content))

    def environment(self, hosts: str, *, settings: str = "", name: str = "live") -> None:
        """Write an environment. hosts: from its section [hosts] on. settings: lines of [environment]."""
        head = f"[environment]\ntarget_directory = ~/{self.name}\n"
        self.write({f"environments/{name}/environment.cfg": f"{head}{textwrap.dedent(settings)}\n{hosts}"})
        (self.directory / "environments" / name / "known_hosts").write_text(self.sshd.known_hosts)
        (self.directory / "ssh_config").write_text(self.sshd.ssh_config)

    def call(self, *arguments: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        """Call `depl` in the project."""
        return forked.depl(*arguments, cwd=cwd or self.directory, env=self.surroundings(**more))

    def surroundings(self, **more: str) -> dict[str, str]:
        """What the command line finds in its environment."""
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("DEPL_", "_DEPL", "SSH_", "XDG"))
        }
        source = str(Path(__file__).resolve().parents[2] / "src")
        return kept | {"PYTHONPATH": source, "COLUMNS": "120", "HOME": str(self.home), **more}

    def target(self, address: str) -> Path:
        """The target directory of a host."""
        return Path(self.sshd.home(address)) / self.name

    def tree(self, address: str) -> dict[str, tuple[Any, ...]]:
        """What is in a target directory, `.depl` aside: path -> kind, mode, contents."""
        return {
            name: shown[:3]
            for name, shown in listed(self.target(address)).items()
            if not name.startswith(".depl") and name != "."
        }

    def everything(self, address: str) -> dict[str, tuple[Any, ...]]:
        """All that is in the home of a host, with times to the nanosecond."""
        return listed(Path(self.sshd.home(address)))


def listed(directory: Path) -> dict[str, tuple[Any, ...]]:
    """All that is in a directory: path -> kind, mode, contents, time of its last change."""
    found = {}
    for path in sorted([directory, *directory.rglob("*")]):
        try:
            status = path.lstat()
            content: Any = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        except FileNotFoundError:
            continue
        kind = stat.filemode(status.st_mode)
        found[str(path.relative_to(directory))] = (kind[0], kind[1:], content, status.st_mtime_ns)
    return found


@pytest.fixture(scope="module")
def coordinator_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of whoever calls depl."""
    return tmp_path_factory.mktemp("coordinator")


@pytest.fixture(scope="module")
def new_site(tmp_path_factory: pytest.TempPathFactory, running_sshd: Any, coordinator_home: Path) -> Callable[[], Site]:
    """A factory of empty projects whose hosts are those of the sshd."""

    def make() -> Site:
        directory = tmp_path_factory.mktemp("site") / "project"
        directory.mkdir()
        return Site(directory, running_sshd, coordinator_home)

    return make


@pytest.fixture
def site(new_site: Callable[[], Site]) -> Site:
    """An empty project whose hosts are those of the sshd."""
    return new_site()


@pytest.fixture(scope="session")
def vault_of() -> Callable[[Site], Any]:
    """The secrets of the environment `live` of a site, which whoever calls depl there can read."""
    import pyrage

    from depl.secrets.identities import Identities
    from depl.secrets.vault import Vault

    def vault_of(site: Site) -> Vault:
        key = site.home / ".config" / "depl" / "age"
        if not key.exists():
            key.parent.mkdir(parents=True)
            key.touch(0o600)
            key.write_text(f"{pyrage.x25519.Identity.generate()}\n")
        public = pyrage.x25519.Identity.from_str(key.read_text().strip()).to_public()
        (site.directory / "environments" / "live").mkdir(parents=True, exist_ok=True)
        vault = Vault(str(site.directory), "live")
        vault.open(Identities(None, {}, str(site.home)))
        vault.set_recipients([str(public)], {}, rotate=False)
        return vault

    return vault_of


@pytest.fixture
def proxy(running_sshd: Any) -> Iterator[Callable[[str], Proxy]]:
    """A factory: a proxy in front of the sshd at an address."""
    made: list[Proxy] = []

    def make(address: str) -> Proxy:
        made.append(Proxy(address, running_sshd.port))
        return made[-1]

    yield make
    for one in made:
        one.close()
