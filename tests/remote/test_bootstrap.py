"""The agent comes to a host and starts, or one sentence says why it does not."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from depl.errors import Unreachable
from depl.host import Host
from depl.remote.archive import Archive, Source, pack
from depl.remote.bootstrap import Agent, open_agent, sudo_user
from depl.remote.launch import command
from depl.remote.local import LocalConnection, LocalProcess

GOOD = ("3.9", "3.10", "3.11", "3.12", "3.13")
TOO_OLD = ("2.7", "3.6", "3.8")
SHELLS = ("sh", "bash", "dash", "zsh", "fish", "tcsh", "bsd-csh", "csh", "ksh")
DAY = 86400
ECHO = """
import json, os, sys

def main(first):
    umask = os.umask(0)
    os.umask(umask)
    facts = {"path": sys.path, "umask": umask, "directory": os.getcwd(), "argv": sys.argv, "file": __file__}
    facts["language"] = os.environ.get("LC_ALL")
    send(json.dumps(facts).encode() + b"\\n" + first)
    while True:
        piece = os.read(0, 65536)
        if not piece:
            break
        send(piece)

def send(data):
    while data:
        data = data[os.write(1, data):]
"""


def interpreter(version: str) -> str:
    """A Python of this version, or the test is skipped."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [*map(str, sorted((root / "versions").glob(f"{version}.*/bin/python"))), shutil.which(f"python{version}")]
    for candidate in found:
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    pytest.skip(f"there is no Python {version} here")


class Counting:
    """A process, and how many bytes were written to it."""

    def __init__(self, process: LocalProcess) -> None:
        self.process, self.written = process, 0

    def write(self, data: bytes) -> None:
        self.written += len(data)
        self.process.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.process, name)


class Machine(LocalConnection):
    """A login on a host with a home and a PATH of its own. before: what its profile does; shell: who logs in has it."""

    def __init__(self, directory: Path, before: str = "", shell: str = "/bin/sh", mask: int = 0o022) -> None:
        super().__init__("web1")
        self.home, self.bin = directory / "home", directory / "bin"
        self.before, self.shell, self.mask = before, shell, mask
        self.home.mkdir(parents=True)
        self.bin.mkdir()
        for name in ("sh", "env", "sleep", "yes"):
            (self.bin / name).symlink_to(shutil.which(name) or name)
        self.processes: list[Counting] = []

    def has(self, version: str, name: str = "python3") -> Machine:
        (self.bin / name).symlink_to(interpreter(version))
        return self

    def start(self, command: str) -> Any:
        variables = ["env", "-i", f"HOME={self.home}", f"PATH={self.bin}"]
        login = shlex.join([*variables, self.shell, "-c", f"{self.before}\n{command}" if self.before else command])
        self.processes.append(Counting(super().start(f"umask {self.mask:o}; exec {login}")))
        return self.processes[-1]

    @property
    def agents(self) -> Path:
        return self.home / ".cache" / "depl" / "agents"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    """A factory of hosts that have no Python yet."""
    made: list[Machine] = []

    def make(**how: Any) -> Machine:
        made.append(Machine(tmp_path / f"machine{len(made)}", **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def echo(tmp_path: Path) -> Archive:
    """An agent that tells where it is and repeats whatever it is told."""
    return packed(tmp_path / "echo", {"depl/__init__.py": "", "depl/agent/__init__.py": ECHO, "depl/x.txt": "x" * 100})


def packed(directory: Path, files: dict[str, str]) -> Archive:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return pack([Source(name, str(directory / name)) for name in files])


def host(**how: Any) -> Host:
    return Host("web1", own_target_directory=how.pop("target_directory", "~/deployment"), **how)


def read_all(agent: Agent, size: int) -> bytes:
    received = b""
    while len(received) < size:
        piece = agent.read(30)
        assert piece, agent.errors()
        received += piece
    return received


def facts_of(agent: Agent) -> dict[str, Any]:
    """What the agent says of itself; its first message is left out."""
    received = b""
    while b"\n" not in received:
        received += agent.read(30)
    return dict(json.loads(received.partition(b"\n")[0]))


def refused(machine: Machine, archive: Archive, **how: Any) -> Unreachable:
    with pytest.raises(Unreachable) as raised:
        open_agent(machine, how.pop("host", host()), b"first", archive=archive, **{"timeout": 20, **how})
    assert raised.value.hint
    assert "web1" in raised.value.message
    assert "Traceback" not in raised.value.message
    return raised.value


# ---- it starts


@pytest.mark.parametrize("version", GOOD)
def test_it_starts_under_every_python_that_will_do(machine: Any, echo: Archive, version: str) -> None:
    agent = open_agent(machine().has(version), host(), b"first", archive=echo, timeout=30)
    assert agent.greeting.version.startswith(version + ".")
    assert agent.greeting.shipped
    agent.write(b" more")
    received = b""
    while not received.endswith(b"\nfirst more"):
        received += agent.read(30)
    facts = json.loads(received.partition(b"\n")[0])
    assert facts["file"].startswith(facts["path"][0])
    assert not [path for path in facts["path"] if not path or "site-packages" in path or "dist-packages" in path]


@pytest.mark.parametrize("shell", SHELLS)
def test_it_starts_under_every_login_shell(machine: Any, echo: Archive, shell: str) -> None:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed")
    agent = open_agent(machine(shell=path).has("3.11"), host(), b"first", archive=echo, timeout=30)
    assert facts_of(agent)["argv"] == ["depl-agent"]


def test_what_comes_first_and_after_it_arrives_byte_by_byte(machine: Any, echo: Archive) -> None:
    first = bytes(range(256)) * 2000
    agent = open_agent(machine().has("3.11"), host(), first, archive=echo, timeout=30)
    rest = b"depl-agent-1 {}\n\0" * 20000
    threading.Thread(target=agent.write, args=(rest,), daemon=True).start()
    received = b""
    while b"\n" not in received:
        received += agent.read(30)
    _facts, _, received = received.partition(b"\n")
    received += read_all(agent, len(first) + len(rest) - len(received))
    assert received == first + rest


def test_the_second_start_ships_nothing(machine: Any, echo: Archive) -> None:
    target = machine().has("3.11")
    open_agent(target, host(), b"first", archive=echo, timeout=30).close()
    second = open_agent(target, host(), b"first", archive=echo, timeout=30)
    assert not second.greeting.shipped
    assert target.processes[0].written > target.processes[1].written + len(echo.content)
    assert target.processes[1].written < 4096


def test_the_real_agent_starts(machine: Any) -> None:
    target = machine().has("3.9")
    assert open_agent(target, host(), b"", timeout=60).greeting.shipped
    assert not open_agent(target, host(), b"", timeout=60).greeting.shipped


def test_it_takes_the_interpreter_that_the_host_names(machine: Any, echo: Archive) -> None:
    target = machine().has("3.11").has("3.12", "my python")
    agent = open_agent(target, host(own_python="~/../bin/my python"), b"", archive=echo, timeout=30)
    assert agent.greeting.version.startswith("3.12.")


@pytest.mark.parametrize("version", TOO_OLD)
def test_an_old_python_gives_way_to_a_newer_one_beside_it(machine: Any, echo: Archive, version: str) -> None:
    target = machine().has(version).has("3.12", "python3.12")
    (target.bin / "python3.13").write_text("#!/bin/sh\necho not installed; exit 127\n")
    (target.bin / "python3.13").chmod(0o755)
    agent = open_agent(target, host(), b"first", archive=echo, timeout=30)
    assert agent.greeting.version.startswith("3.12.")
    assert agent.greeting.shipped


def test_what_a_profile_prints_is_ignored(machine: Any, echo: Archive) -> None:
    before = 'echo "Welcome! Do not mind the depl-agent here."; echo {}; yes 0123456789 | head -c 300000'
    target = machine(before=f"{before}; echo oops >&2; echo -n no line end").has("3.11")
    (target.bin / "head").symlink_to(shutil.which("head") or "head")
    assert facts_of(open_agent(target, host(), b"x" * 300_000, archive=echo, timeout=30))


def test_modules_in_the_home_are_not_taken_for_pythons_own(machine: Any, echo: Archive) -> None:
    target = machine(before="cd").has("3.11")
    for name in ("os", "json", "zlib", "hashlib", "tempfile", "depl", "re"):
        (target.home / f"{name}.py").write_text("raise SystemExit('taken')\n")
    assert facts_of(open_agent(target, host(), b"", archive=echo, timeout=30))


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_nobody_else_can_read_or_change_the_agent(machine: Any, echo: Archive, mask: int) -> None:
    target = machine(mask=mask).has("3.11")
    assert facts_of(open_agent(target, host(), b"", archive=echo, timeout=30))["umask"] == mask
    made = [target.home / ".cache", *(target.home / ".cache").rglob("*")]
    modes = {(stat.S_ISDIR(path.lstat().st_mode), stat.S_IMODE(path.lstat().st_mode)) for path in made}
    assert modes == {(True, 0o700), (False, 0o600)}
    assert [path for path in made if path.suffix == ".pyc"]


# ---- the cache


def test_many_starts_at_once_do_not_disturb_each_other(machine: Any, echo: Archive) -> None:
    target = machine().has("3.11")
    agents: list[Agent] = []
    threads = [
        threading.Thread(target=lambda: agents.append(open_agent(target, host(), b"", archive=echo, timeout=60)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({facts_of(agent)["file"] for agent in agents}) == 1
    assert len(agents) == 6
    assert sorted(path.name for path in target.agents.iterdir()) == sorted([echo.digest, "lock"])


@pytest.mark.parametrize("damage", ["complete", "depl/x.txt", "depl/agent/__init__.py"])
@pytest.mark.parametrize("how", ["missing", "empty"])
def test_a_damaged_agent_is_replaced(machine: Any, echo: Archive, damage: str, how: str) -> None:
    target = machine().has("3.11")
    facts_of(open_agent(target, host(), b"", archive=echo, timeout=30))
    broken = target.agents / echo.digest / damage
    broken.unlink()
    if how == "empty":
        broken.write_text("")
    agent = open_agent(target, host(), b"", archive=echo, timeout=30)
    assert agent.greeting.shipped
    assert facts_of(agent)
    assert broken.stat().st_size > 0
    assert not open_agent(target, host(), b"", archive=echo, timeout=30).greeting.shipped


def test_an_agent_that_others_may_have_changed_is_replaced(machine: Any, echo: Archive) -> None:
    target = machine().has("3.11")
    open_agent(target, host(), b"", archive=echo, timeout=30).close()
    (target.agents / echo.digest).chmod(0o777)
    assert open_agent(target, host(), b"", archive=echo, timeout=30).greeting.shipped
    assert stat.S_IMODE((target.agents / echo.digest).stat().st_mode) == 0o700


def test_agents_that_nobody_used_for_long_go_when_another_one_comes(machine: Any, echo: Archive) -> None:
    target = machine().has("3.11")
    ages = {"old": 31 * DAY, "recent": 29 * DAY}
    for name, age in ages.items():
        (target.agents / name).mkdir(parents=True)
        (target.agents / name / "complete").write_text("[]")
        os.utime(target.agents / name / "complete", (time.time() - age, time.time() - age))
    (target.agents / "new-abandoned").mkdir()
    os.utime(target.agents / "new-abandoned", (1, 1))
    open_agent(target, host(), b"", archive=echo, timeout=30)
    assert {path.name for path in target.agents.iterdir()} == {"recent", echo.digest, "lock"}


def test_a_use_is_noted_once_a_day(machine: Any, echo: Archive) -> None:
    target = machine().has("3.11")
    open_agent(target, host(), b"", archive=echo, timeout=30)
    complete = target.agents / echo.digest / "complete"
    for age, noted in ((DAY / 2, False), (2 * DAY, True)):
        used = int(time.time() - age)
        os.utime(complete, (used, used))
        open_agent(target, host(), b"", archive=echo, timeout=30)
        assert (complete.stat().st_mtime != used) is noted


def test_the_target_directory_is_the_second_choice(machine: Any, echo: Archive, tmp_path: Path) -> None:
    target = machine().has("3.11")
    target.home.rmdir()
    target.home.write_text("not a directory")
    there = host(target_directory=str(tmp_path / "srv"))
    agent = open_agent(target, there, b"", archive=echo, timeout=30)
    assert facts_of(agent)["path"][0] == str(tmp_path / "srv" / ".depl" / "cache" / "agents" / echo.digest)
    assert not open_agent(target, there, b"", archive=echo, timeout=30).greeting.shipped


def test_a_host_without_any_place_for_it_says_which_were_tried(machine: Any, echo: Archive) -> None:
    target = machine().has("3.11")
    target.home.rmdir()
    target.home.write_text("not a directory")
    error = refused(target, echo)
    assert f"{target.home}/.cache/depl/agents: Not a directory" in error.message
    assert f"{target.home}/deployment/.depl/cache/agents: Not a directory" in error.message


def test_a_full_disk_is_said(machine: Any, echo: Archive) -> None:
    target = machine().has("3.11")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", target.home], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        assert "No space left on device" in refused(target, echo).message
        assert not [path for path in target.agents.iterdir() if path.is_dir()]
    finally:
        subprocess.run(["umount", "--lazy", target.home], check=True)


# ---- it does not start


def test_no_python_is_said_with_what_was_looked_for(machine: Any, echo: Archive) -> None:
    target = machine()
    error = refused(target, echo)
    assert error.message == (
        f"web1 has no Python (looked for python3, python3.9 to python3.14 and python in {target.bin})"
    )
    assert "python = " in error.hint


def test_an_interpreter_that_is_named_but_missing_is_said(machine: Any, echo: Archive) -> None:
    error = refused(machine().has("3.11"), echo, host=host(own_python="/opt/python"))
    assert error.message == "web1 has no /opt/python, which its setting `python` names"


@pytest.mark.parametrize("name", ["python3", "python"])
@pytest.mark.parametrize("version", TOO_OLD)
def test_a_python_that_is_too_old_is_said(machine: Any, echo: Archive, version: str, name: str) -> None:
    target = machine().has(version, name)
    message = refused(target, echo).message
    assert message.startswith(f"web1 has only {target.bin}/{name} (Python {version}.")
    assert message.endswith("which is too old: 3.9 is the oldest that will do")


def test_an_old_python_that_the_host_names_stays_the_one(machine: Any, echo: Archive) -> None:
    target = machine().has("3.6").has("3.12", "python3.12")
    assert "is too old" in refused(target, echo, host=host(own_python="python3")).message


def test_a_name_that_shells_could_misunderstand_is_refused(machine: Any, echo: Archive) -> None:
    for name in ("-c", "a'b", "a\nb", "a\\b", "wow!"):
        assert "python of the host web1 cannot be" in str(caught(machine(), host(own_python=name), echo))
        wrong = host(own_service_user=name, own_require_sudo=True)
        assert "service_user of the host web1 cannot be" in str(caught(machine(), wrong, echo))


def caught(machine: Machine, host: Host, archive: Archive) -> Unreachable:
    with pytest.raises(Unreachable) as raised:
        open_agent(machine, host, b"", archive=archive)
    return raised.value


def test_noise_without_end_is_said(machine: Any, echo: Archive) -> None:
    assert "web1 prints without end" in refused(machine(before="exec yes hello"), echo).message


def test_a_host_that_says_nothing_is_said(machine: Any, echo: Archive) -> None:
    error = refused(machine(before="echo waiting for Godot; sleep 60"), echo, timeout=0.5)
    assert error.message == "web1 did not answer within 0.5 s: waiting for Godot"


def test_noise_now_and_then_does_not_keep_it_waiting(machine: Any, echo: Archive) -> None:
    before = "while :; do echo tick; sleep 0.1; done"
    assert "did not answer within 1 s" in refused(machine(before=before), echo, timeout=1).message


def test_a_command_that_ends_is_said_with_its_last_words(machine: Any, echo: Archive) -> None:
    error = refused(machine(before="echo This account is currently not available.; exit 1"), echo)
    assert error.message == (
        "web1 ended the command that starts Python with status 1: This account is currently not available."
    )
    assert "with status 3: nope" in refused(machine(before="echo hi; echo nope >&2; exit 3"), echo).message
    assert "with status 0, and printed nothing" in refused(machine(before="exit 0"), echo).message


@pytest.mark.parametrize("answer", ["garbage", "[]", "{}", '{"wants": 1}', '{"failed": []}', "no"])
def test_an_answer_that_is_none_is_said(machine: Any, echo: Archive, answer: str) -> None:
    assert "an answer that is none" in refused(machine(before=f"echo 'depl-agent-1 {answer}'; sleep 1"), echo).message


def test_a_host_that_wants_everything_and_reads_nothing_is_said(machine: Any, echo: Archive) -> None:
    answer = '{"wants": true, "version": "3.11.2", "python": "/usr/bin/python3"}'
    target = machine(before=f"echo 'depl-agent-1 {answer}'; exit 0")
    assert "web1 ended" in refused(target, echo).message


def test_an_archive_that_arrives_as_another_one_is_said(machine: Any, echo: Archive) -> None:
    wrong = Archive("0" * 64, echo.content)
    target = machine().has("3.11")
    assert refused(target, wrong).message == "what web1 received is not the agent that was sent"
    assert not target.agents.exists()


def test_an_agent_that_cannot_be_imported_is_said(machine: Any, tmp_path: Path) -> None:
    broken = {"depl/__init__.py": "", "depl/agent/__init__.py": "import there_is_no_such_module\n"}
    error = refused(machine().has("3.11"), packed(tmp_path / "broken", broken))
    assert "No module named 'there_is_no_such_module'" in error.message


# ---- who it runs as (what sudo does is in test_sudo.py)


def test_sudo_is_for_becoming_somebody_else() -> None:
    assert sudo_user(host(), "alice") is None
    assert sudo_user(host(own_service_user="app"), "alice") == "app"
    assert sudo_user(host(own_service_user="app"), "app") is None
    assert sudo_user(host(own_service_user="app", own_require_sudo=True), "app") == "app"
    assert sudo_user(host(own_service_user="app", own_require_sudo=False), "alice") is None


def test_sudo_without_a_service_user_is_a_mistake() -> None:
    with pytest.raises(Unreachable, match="no service_user says who to become"):
        sudo_user(host(own_require_sudo=True), "alice")


def test_the_command_is_short_and_holds_nothing_that_shells_differ_in() -> None:
    for given in (host(), host(own_python="~/bin/python3")):
        for user in (None, "app"):
            text = command(given, user, with_password=True)
            assert len(text) < 1500
            assert not set("!\n") & set(text)
            assert [word for word in text.split("'")[1::2] if "\\" in word.replace("\\n", "")] == []
