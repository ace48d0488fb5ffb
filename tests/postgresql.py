"""A private PostgreSQL on this machine: own files, own port, and no sync, as nothing in it has to last.

    python tests/postgresql.py start DIRECTORY    start it in the background; prints the address of a database
    python tests/postgresql.py stop DIRECTORY     end it

As root it runs as the user `postgres`, or as `nobody`: PostgreSQL refuses root.
"""

from __future__ import annotations

import glob
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

USER = "depl"
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "shared_buffers": "16MB",
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
}


def programs() -> str | None:
    """Where initdb and postgres are, of the newest version that is installed; Debian keeps them out of the PATH."""
    found = shutil.which("initdb")
    versions = glob.glob("/usr/lib/postgresql/*/bin/initdb") + ([found] if found else [])
    newest = max(versions, key=lambda path: [int(part) for part in path.split("/") if part.isdigit()], default=None)
    return newest and os.path.dirname(os.path.realpath(newest))


class Server:
    """A PostgreSQL that can be started, stopped and started again, on the same port. directory: for its files."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory).absolute()
        self._process: subprocess.Popen[bytes] | None = None
        self._count = itertools.count(1)
        self._port_file = self.directory / "port"

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self._port_file.read_text())

    def start(self) -> Server:
        """Start it; returns when it answers. RuntimeError: it does not."""
        bin = programs()
        if bin is None:
            raise RuntimeError("PostgreSQL is not installed")
        if not self._port_file.exists():
            self._make(bin)
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        with open(self.directory / "log", "ab") as log:
            command = [f"{bin}/postgres", "-D", str(self._data), "-p", str(self.port), *settings]
            self._process = self._popen(command, stdout=log, stderr=log)
        self._wait(lambda: "ready" in self._status())
        return self

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT in good order, SIGQUIT at once."""
        pid = self._pid()
        if pid is None:
            return
        os.kill(pid, how)
        if self._process is not None:
            self._process.wait(30)
            self._process = None
        self._wait(lambda: not self._status())

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of a new database."""
        name = f"test{next(self._count)}"
        self.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove one of its databases, whoever uses it, before much of it was written to the disk."""
        self.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        """Carry a statement out; the rows that come of it."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _make(self, bin: str) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            os.chown(self.directory, pwd.getpwnam(_user()).pw_uid, -1)
        command = [f"{bin}/initdb", "-D", str(self._data), "-U", USER, "-A", "trust", "-N", "--no-locale", "-E", "UTF8"]
        made = self._popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = made.communicate()[0]
        if made.returncode:
            raise RuntimeError(f"initdb failed:\n{said.decode(errors='replace')}")
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            self._port_file.write_text(str(listening.getsockname()[1]))

    def _popen(self, command: list[str], **how: Any) -> subprocess.Popen[bytes]:
        if os.getuid() == 0:
            how |= {"user": _user(), "group": pwd.getpwnam(_user()).pw_gid, "extra_groups": []}
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, cwd="/", **how)

    def _status(self) -> str:
        try:
            return (self._data / "postmaster.pid").read_text()
        except FileNotFoundError:
            return ""

    def _pid(self) -> int | None:
        return self._process.pid if self._process else int(self._status().split("\n")[0] or 0) or None

    def _wait(self, condition: Any) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            if time.monotonic() > deadline or (self._process is not None and self._process.poll() is not None):
                raise RuntimeError(f"PostgreSQL did not start:\n{(self.directory / 'log').read_text()}")
            time.sleep(0.02)


def served(directory: str | os.PathLike[str]) -> Iterator[Server]:
    """One that runs until the generator is closed, and then leaves nothing."""
    server = Server(directory)
    try:
        yield server.start()
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(server.directory, ignore_errors=True)


def _user() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def main(arguments: list[str]) -> int:
    """What the command line asks for."""
    if len(arguments) != 2 or arguments[0] not in ("start", "stop"):
        print(__doc__, file=sys.stderr)
        return 2
    server = Server(arguments[1])
    if arguments[0] == "start":
        print(server.start().url())
    else:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
