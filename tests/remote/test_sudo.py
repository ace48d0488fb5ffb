"""The agent runs as another user by a real sudo, or one sentence says why it does not."""

from __future__ import annotations

import json
import os
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from depl.errors import Unreachable
from depl.host import Host
from depl.remote.archive import Archive, Source, pack
from depl.remote.bootstrap import Agent, SudoPasswordWanted, open_agent
from depl.remote.local import LocalConnection, LocalProcess

PASSWORD = "correct horse; depl-battery ' \" $HOME \\ ü"
WHO = """
import getpass, json, os

def main(first):
    facts = {"user": getpass.getuser(), "home": os.environ["HOME"], "language": os.environ.get("LC_ALL")}
    facts.update(here=os.getcwd(), first=first.decode(), rest=os.read(0, 100).decode(), file=__file__)
    facts["environment"] = dict(os.environ)
    os.write(1, json.dumps(facts).encode())
"""


def works() -> bool:
    """Whether sudo, and a Python that every user may run, are here."""
    if os.getuid() != 0 or shutil.which("sudo") is None or shutil.which("runuser") is None:
        return False
    test = "import sys; sys.exit(sys.version_info < (3, 9))"
    path = "/usr/local/bin:/usr/bin:/bin"
    python = shutil.which("python3", path=path)
    return python is not None and subprocess.run([python, "-c", test]).returncode == 0


pytestmark = pytest.mark.skipif(not works(), reason="needs root, sudo, and a Python 3.9 in /usr")


class Login(LocalConnection):
    """What a user who logged in can do."""

    def __init__(self, user: str, path: str = "/usr/local/bin:/usr/bin:/bin", language: str = "") -> None:
        super().__init__("web1")
        self.user, self._path, self._language = user, path, language
        self.commands: list[str] = []

    def start(self, command: str) -> LocalProcess:
        self.commands.append(command)
        home = pwd.getpwnam(self.user).pw_dir
        variables = ["env", "-i", f"HOME={home}", f"PATH={self._path}", f"USER={self.user}"]
        variables += [f"LC_ALL={self._language}"] if self._language else []
        login = shlex.join(["runuser", "-u", self.user, "--", *variables, "/bin/sh", "-c", command])
        return super().start(f"cd {home} && exec {login}")


@pytest.fixture
def sudoers(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Adds lines to the sudoers, for the time of the test."""
    file = Path("/etc/sudoers.d") / f"depl-t-{os.getpid()}"

    def write(text: str) -> None:
        checked = tmp_path / "sudoers"
        checked.write_text(text + "\n")
        subprocess.run(["visudo", "-c", "-f", checked], check=True, capture_output=True)
        shutil.copy(checked, file)
        file.chmod(0o440)

    yield write
    file.unlink(missing_ok=True)


@pytest.fixture
def alice(users: Callable[[str], str]) -> str:
    """Somebody who can log in, and has a password."""
    user = users("alice")
    subprocess.run(["chpasswd"], input=f"{user}:{PASSWORD}\n".encode(), check=True)
    os.chmod(pwd.getpwnam(user).pw_dir, 0o700)
    return user


@pytest.fixture
def login(alice: str) -> Iterator[Callable[..., Login]]:
    """A factory of logins as alice."""
    made: list[Login] = []

    def make(**how: str) -> Login:
        made.append(Login(alice, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def service(users: Callable[[str], str]) -> str:
    return users("app")


@pytest.fixture
def who(tmp_path: Path) -> Archive:
    """An agent that says who it is."""
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "agent.py").write_text(WHO)
    return pack([Source(f"depl/{name}", str(tmp_path / name)) for name in ("__init__.py", "agent.py")])


def facts_of(agent: Agent) -> dict[str, Any]:
    agent.write(b"rest")
    received = b""
    while piece := agent.read(20):
        received += piece
    return dict(json.loads(received))


def refused(login: Login, service: str, archive: Archive, password: str | None = None) -> Unreachable:
    with pytest.raises(Unreachable) as raised:
        open_agent(login, Host("web1", own_service_user=service), b"", archive=archive, password=password, timeout=20)
    assert raised.value.hint
    assert PASSWORD not in raised.value.message + raised.value.hint
    return raised.value


def test_without_a_password_where_that_is_allowed(
    login: Any, alice: str, service: str, sudoers: Any, who: Archive
) -> None:
    sudoers(f"{alice} ALL=({service}) NOPASSWD: ALL")
    agent = open_agent(login(), Host("web1", own_service_user=service), b"first", archive=who, timeout=20)
    facts = facts_of(agent)
    home = pwd.getpwnam(service).pw_dir
    assert (facts["user"], facts["home"], facts["here"], facts["language"]) == (service, home, home, None)
    assert (facts["first"], facts["rest"]) == ("first", "rest")
    assert facts["file"].startswith(home)


def test_the_language_stays_what_it_was(login: Any, alice: str, service: str, sudoers: Any, who: Archive) -> None:
    sudoers(f"{alice} ALL=({service}) NOPASSWD: ALL")
    one = login(language="C.UTF-8")
    agent = open_agent(one, Host("web1", own_service_user=service), b"", archive=who, timeout=20)
    assert facts_of(agent)["language"] == "C.UTF-8"


def test_a_password_is_asked_for_and_taken(login: Any, alice: str, service: str, sudoers: Any, who: Archive) -> None:
    sudoers(f"{alice} ALL=({service}) ALL")
    one, host = login(), Host("web1", own_service_user=service)
    with pytest.raises(SudoPasswordWanted, match="asks for a password to become"):
        open_agent(one, host, b"first", archive=who, timeout=20)
    facts = facts_of(open_agent(one, host, b"first", archive=who, password=PASSWORD, timeout=20))
    assert (facts["user"], facts["first"], facts["rest"]) == (service, "first", "rest")
    assert PASSWORD not in "".join([*one.commands, *facts["environment"].values()])


def test_a_password_that_sudo_does_not_want_does_no_harm(
    login: Any, alice: str, service: str, sudoers: Any, who: Archive
) -> None:
    sudoers(f"{alice} ALL=({service}) NOPASSWD: ALL")
    host = Host("web1", own_service_user=service)
    facts = facts_of(open_agent(login(), host, b"first", archive=who, password=PASSWORD, timeout=20))
    assert (facts["user"], facts["first"], facts["rest"]) == (service, "first", "rest")


def test_a_host_that_needs_no_sudo_hears_no_password(login: Any, alice: str, who: Archive) -> None:
    host = Host("web1", own_service_user=alice)
    facts = facts_of(open_agent(login(), host, b"first", archive=who, password=PASSWORD, timeout=20))
    assert (facts["user"], facts["first"], facts["rest"]) == (alice, "first", "rest")


def test_a_wrong_password_is_one_sentence(login: Any, alice: str, service: str, sudoers: Any, who: Archive) -> None:
    sudoers(f"{alice} ALL=({service}) ALL")
    error = refused(login(), service, who, password="wrong")
    assert error.message == "sudo on web1 did not take the password"
    assert not isinstance(error, SudoPasswordWanted)


def test_a_password_is_one_line(login: Any, alice: str, service: str, sudoers: Any, who: Archive) -> None:
    sudoers(f"{alice} ALL=({service}) ALL")
    assert "did not take the password" in refused(login(), service, who, password="two\nlines").message


def test_who_is_not_in_the_sudoers_hears_it(login: Any, service: str, who: Archive) -> None:
    error = refused(login(), service, who, password=PASSWORD)
    assert error.message == f"sudo on web1 does not allow the user who logs in to become {service}"


def test_who_may_become_somebody_else_only_hears_it(
    login: Any, alice: str, service: str, sudoers: Any, who: Archive
) -> None:
    sudoers(f"{alice} ALL=(nobody) NOPASSWD: ALL")
    error = refused(login(), service, who, password=PASSWORD)
    assert error.message == f"sudo on web1 does not allow the user who logs in to become {service}"


def test_a_service_user_that_does_not_exist_is_said(login: Any, alice: str, sudoers: Any, who: Archive) -> None:
    sudoers(f"{alice} ALL=(ALL) NOPASSWD: ALL")
    error = refused(login(), "depl-t-nobody-is-called-this", who)
    assert error.message == "web1 has no user depl-t-nobody-is-called-this, who the agent is to run as"


def test_a_sudo_that_wants_a_terminal_is_said(login: Any, alice: str, service: str, sudoers: Any, who: Archive) -> None:
    sudoers(f"Defaults:{alice} requiretty\n{alice} ALL=({service}) NOPASSWD: ALL")
    assert refused(login(), service, who).message == "sudo on web1 wants a terminal (requiretty in its sudoers)"


def test_a_host_without_sudo_is_said(login: Any, alice: str, service: str, who: Archive, users: Any) -> None:
    empty = Path(pwd.getpwnam(alice).pw_dir) / "bin"
    empty.mkdir(mode=0o755)
    (empty / "sh").symlink_to("/bin/sh")
    shutil.chown(empty, alice)
    error = refused(login(path=str(empty)), service, who)
    assert error.message == f"web1 has no sudo to become {service} by (looked in {empty})"


def test_no_python_is_said_behind_sudo_too(login: Any, alice: str, service: str, sudoers: Any, who: Archive) -> None:
    sudoers(f"{alice} ALL=({service}) NOPASSWD: ALL")
    host = Host("web1", own_service_user=service, own_python="/opt/no/python")
    with pytest.raises(Unreachable, match="web1 has no /opt/no/python"):
        open_agent(login(), host, b"", archive=who, timeout=20)


def test_a_home_that_cannot_be_written_leaves_the_target_directory(
    login: Any, alice: str, service: str, sudoers: Any, who: Archive, tmp_path: Path
) -> None:
    sudoers(f"{alice} ALL=({service}) NOPASSWD: ALL")
    home = pwd.getpwnam(service).pw_dir
    shutil.chown(home, "root")
    error = refused(login(), service, who)
    assert f"{home}/.cache/depl/agents: Permission denied" in error.message
    assert f"{home}/deployment/.depl/cache/agents: Permission denied" in error.message
    (Path(home) / "srv").mkdir()
    shutil.chown(Path(home) / "srv", service)
    host = Host("web1", own_service_user=service, own_target_directory="~/srv")
    agent = open_agent(login(), host, b"", archive=who, timeout=20)
    assert facts_of(agent)["file"].startswith(f"{home}/srv/.depl/cache/agents/{who.digest}/")
