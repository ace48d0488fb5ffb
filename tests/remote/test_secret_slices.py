"""Real hosts get the secrets of their slices: in memory, in files that are for their owners, and nowhere else."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

DB, APP, OTHER, BARE = "127.0.0.21", "127.0.0.22", "127.0.0.23", "127.0.0.24"
COMPONENTS = """
import os

from depl.component import Component
from depl.lib.file import File


class Db(Component):
    password = "unset"

    def configure(self):
        self.provide("db", f"postgresql://app:{self.password}@db.example.com/")
        self += File("db.conf", content="# for the database\\npassword = {{component.password}}\\nport = 5432\\n")
        for number in range(20):
            self += File(f"{number}.conf", content=self.host.data["token"])
        self += Waits("waits")


class App(Component):
    def configure(self):
        self.db, self.live = self.require_one("db"), self.require_one("live")
        self += File("app.conf", content="{{component.db}} {{component.live.pin}}")
        self += File("key.pem", content=self.environment.secret_files["key.pem"], is_template=False)
        self += Waits("waits")


class Live(Component):
    pin = "unset"

    def configure(self):
        self.provide("live", self)


class Other(Component):
    word = "unset"

    def configure(self):
        self += File("other.conf", content="{{component.word}}")
        self += Waits("waits")


class Bare(Component):
    def configure(self):
        self += Waits("waits")


class Waits(Component):
    namevar = "name"

    def verify(self):
        assert os.path.exists("passed")

    def update(self):
        gate = self.host.data["gate"]
        name = self.host.name
        self.cmd(f"touch {gate}/{name}; until test -e {gate}/{name}.open; do sleep 0.1; done; touch passed")
"""
SECRETS = {
    ("component:db", "password"): "Db-Pass-Wort-9x1",
    ("host:db", "data-token"): "Token-of-the-host-7k2",
    ("component:live", "pin"): "Pin-471108150815",
    ("component:other", "word"): "Other-Word-3q8",
}
PASSWORD, TOKEN, PIN, WORD = SECRETS.values()
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n"
LINE, SPARE = KEY.splitlines()[1], "nobody-reads-this-file-5t6"
NEXT, HEX = "Db-Pass-Next-2y4", "[0-9a-f]{4}"
ALL = {NEXT, PASSWORD, TOKEN, PIN, WORD, LINE, SPARE}
KNOWN = {"db": {PASSWORD, TOKEN}, "app": {PASSWORD, PIN, LINE}, "other": {PIN, WORD}, "bare": set[str]()}
PATIENCE = 60.0
ADDRESSES = {"db": DB, "app": APP, "other": OTHER, "bare": BARE}


class Opened(threading.Thread):
    """Looks again and again for files in a directory that more than their owner may read."""

    def __init__(self, directory: Path) -> None:
        super().__init__(daemon=True)
        self.directory, self.over = directory, threading.Event()
        self.seen, self.open = set[str](), set[str]()
        self.start()

    def run(self) -> None:
        while not self.over.wait(0.0005):
            with suppress(OSError), os.scandir(self.directory) as entries:
                for entry in entries:
                    with suppress(OSError):
                        mode = entry.stat(follow_symlinks=False).st_mode
                        self.seen.add(entry.name)
                        if mode & 0o077 and not entry.is_dir():
                            self.open.add(f"{entry.name}: {oct(mode)}")

    def ended(self) -> set[str]:
        self.over.set()
        self.join()
        return self.open


class Fleet:
    """Four hosts with secrets of their own, and a run that waits in the middle of each."""

    def __init__(self, site: Any, vault: Any, gate: Path) -> None:
        self.site, self.vault, self.gate = site, vault, gate
        self.temporary = gate / "tmp"
        self.temporary.mkdir()
        hosts = {"db": "db", "app": "app", "other": "other, live", "bare": "bare"}
        sections = [
            f"[host:{name}]\naddress = {ADDRESSES[name]}\ncomponents = {components}\ndata-gate = {gate}\n"
            for name, components in hosts.items()
        ]
        site.environment("".join(sections))
        site.write({"components/fleet/component.py": COMPONENTS})
        for place, value in SECRETS.items():
            vault.set(place, value)
        vault.set_file("key.pem", KEY.encode())
        vault.set_file("spare", SPARE.encode())
        vault.save()
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Deploy."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "depl", "remote", "live", "--verbose"],
            cwd=self.site.directory,
            env=self.site.surroundings(TMPDIR=str(self.temporary)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            umask=0o022,
        )

    def waits(self, host: str) -> None:
        """Go on until a command waits there."""
        assert self.process
        end = time.monotonic() + PATIENCE
        while not (self.gate / host).exists():
            assert self.process.poll() is None, self.process.communicate()[0]
            assert time.monotonic() < end
            time.sleep(0.02)

    def open(self, *hosts: str) -> None:
        """Let the commands go on that wait there."""
        for host in hosts:
            (self.gate / f"{host}.open").touch()

    def ended(self) -> str:
        """What the run printed in the end."""
        assert self.process
        printed, _ = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, printed
        return printed

    def agent(self, host: str) -> int:
        """The process of the agent of a host."""
        home = f"HOME={self.site.sshd.home(ADDRESSES[host])}".encode()
        (found,) = [
            pid
            for pid in processes()
            if home in read(f"/proc/{pid}/environ").split(b"\0") and b"python" in arguments(pid)[0]
        ]
        return found

    def files_with_secrets(self) -> dict[Path, set[str]]:
        """Those on both sides, but what is deployed and the images of what was there before."""
        return {path: found for path in self._kept() if (found := secrets_in(read(path)))}

    def _kept(self) -> Iterator[Path]:
        homes = [Path(self.site.sshd.home(address)) for address in ADDRESSES.values()]
        for base in (self.site.directory.parent, self.site.home, self.temporary, *homes):
            for directory, names, files in os.walk(base):
                if directory.endswith("/.depl"):
                    names[:] = [name for name in names if name != "blobs"]
                if ".depl" in names and directory != str(self.site.directory):
                    names[:] = [name for name in names if name != "work"]
                yield from (Path(directory, name) for name in files)

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.open(*ADDRESSES)
            self.process.kill()
            self.process.communicate()


def processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def arguments(pid: int) -> list[bytes]:
    return read(f"/proc/{pid}/cmdline").split(b"\0")


def read(path: str | Path) -> bytes:
    with suppress(OSError):
        return Path(path).read_bytes()
    return b""


def memory(pid: int) -> bytes:
    """All that a process has in its memory, by piece."""
    pieces = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for line in maps:
            span, rights = line.split()[:2]
            start, end = (int(one, 16) for one in span.split("-"))
            if "r" in rights and "w" in rights:
                with suppress(OSError, OverflowError, ValueError):
                    file.seek(start)
                    pieces.append(file.read(end - start))
    return b"\0".join(pieces)


def secrets_in(content: bytes) -> set[str]:
    """The secrets that stand there, in clear, in base64 or in hex."""
    return {value for value in ALL if any(form in content for form in forms(value))}


def forms(value: str) -> list[bytes]:
    data = value.encode()
    shifted = [base64.b64encode(b"x" * n + data)[4 if n else 0 : -4] for n in range(3)]
    return [data, data.hex().encode(), *shifted]


@dataclass
class Seen:
    """What was seen while the fleet was deployed."""

    fleet: Fleet
    known: dict[str, set[str]]
    processes: set[str]
    files: dict[Path, set[str]]
    readable: set[str]
    watched: set[str]
    printed: str


@pytest.fixture(scope="module")
def seen(new_site: Callable[[], Any], vault_of: Callable[[Any], Any]) -> Iterator[Seen]:
    if os.getuid() != 0:
        pytest.skip("only root may look into other processes")
    gate = Path(tempfile.mkdtemp(prefix="depl-t-gate-"))
    site = new_site()
    fleet = Fleet(site, vault_of(site), gate)
    try:
        yield deployed(fleet)
    finally:
        fleet.close()
        shutil.rmtree(gate, ignore_errors=True)


def deployed(fleet: Fleet) -> Seen:
    """Deploy, and look around meanwhile."""
    known = {}
    opened = Opened(fleet.site.target(DB) / "work" / "db")
    fleet.start()
    for host in ("db", "other", "bare", "app"):  # app needs what the others provide
        fleet.waits(host)
        content = memory(fleet.agent(host))
        known[host] = {value for value in ALL if value.encode() in content}
        if host == "bare":
            fleet.open("db", "other")
    told = [read(f"/proc/{pid}/{name}") for pid in processes() for name in ("cmdline", "environ", "comm")]
    files = fleet.files_with_secrets()
    fleet.open("app", "bare")
    printed = fleet.ended()
    files |= fleet.files_with_secrets()
    return Seen(fleet, known, secrets_in(b"\n".join(told)), files, opened.ended(), opened.seen, printed)


def test_an_agent_has_the_secrets_of_its_slice_in_memory_and_no_others(seen: Seen) -> None:
    assert seen.known == KNOWN


def test_no_secret_is_among_the_arguments_or_in_the_environment_of_any_process(seen: Seen) -> None:
    assert seen.processes == set()


def test_no_secret_is_in_any_file_but_the_deployed_ones(seen: Seen) -> None:
    assert seen.files == {}


def test_no_secret_is_printed(seen: Seen) -> None:
    assert secrets_in(seen.printed.encode()) == set()


def test_secrets_arrive_as_they_are(seen: Seen) -> None:
    app = seen.fleet.site.target(APP) / "work" / "app"
    assert (app / "key.pem").read_text() == KEY
    assert (app / "app.conf").read_text() == f"postgresql://app:{PASSWORD}@db.example.com/ {PIN}"


def test_files_with_secrets_are_for_their_owner_from_the_first_moment(seen: Seen) -> None:
    assert {"db.conf", *(f"{number}.conf" for number in range(20))} <= seen.watched
    assert {one for one in seen.readable if not one.startswith("passed")} == set()


def test_a_rotation_is_shown_with_both_masks_and_all_other_lines(seen: Seen) -> None:
    seen.fleet.vault.set(("component:db", "password"), NEXT)
    seen.fleet.vault.save()
    expected = rf"-password = ‹secret db.password #({HEX})›\n.*\+password = ‹secret db.password #({HEX})›\n"
    tags = set()
    for arguments in (["--plan"], []):
        done = seen.fleet.site.call("remote", "live", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert secrets_in(done.stdout.encode() + done.stderr.encode()) == set()
        assert " # for the database\n" in done.stdout and " port = 5432\n" in done.stdout
        found = re.search(expected, done.stdout)
        assert found and found[1] != found[2], done.stdout
        tags.add(found.groups())
    assert len(tags) == 1
