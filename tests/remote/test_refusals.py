"""Hosts that cannot take part, and hosts unlike others: what users of the command line hear, and what changes."""

from __future__ import annotations

import os
import pty
import pwd
import shutil
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

WEB = """\
from depl.component import Component
from depl.lib.file import File


class Web(Component):
    def configure(self):
        self += File("web.conf", content="a line\\n")
        self += File("key", content="a secret\\n", mode=0o600)
        self += File("open", content="for all\\n", mode=0o644)
        self += File("run.sh", content="#!/bin/sh\\n", mode=0o755)
"""
GOOD, BAD = "127.0.0.11", "127.0.0.12"
PASSWORD = "correct horse; depl-battery ' \" $HOME \\"
TOO_OLD = ["2.7.18", "3.6.15"]
ROOT = pytest.mark.skipif(os.getuid() != 0, reason="needs root")


@pytest.fixture
def two(site):
    """A host that is well, and one that is what a test makes of it. settings: of the bad one."""

    def make(settings="", general=""):
        site.write({"components/web/component.py": WEB})
        site.environment(f"[hosts]\n{GOOD} = web\n{BAD} = web\n[host:{BAD}]\n{settings}\n", settings=general)
        return site

    return make


def refused(site, *sentences, arguments=()):
    """The run fails before anything is changed anywhere, and says these sentences."""
    done = site.call("remote", "live", *arguments)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for sentence in sentences:
        assert sentence in done.stderr
    assert site.tree(GOOD) == site.tree(BAD) == {}
    return done


def deployed(site, *addresses, arguments=()):
    """The run succeeds, and everything is as it was declared."""
    done = site.call("remote", "live", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    for address in addresses or (GOOD, BAD):
        assert modes(site.target(address)) == DECLARED
    return done


DECLARED = {"web.conf": "rw-r--r--", "key": "rw-------", "open": "rw-r--r--", "run.sh": "rwxr-xr-x"}


def modes(target):
    directory = target / "work" / "web"
    return {name: stat.filemode((directory / name).lstat().st_mode)[1:] for name in DECLARED}


@pytest.fixture
def profile(running_sshd):
    """Writes what the shell of the bad host does first."""
    files = [running_sshd.home(BAD) / name for name in (".bashrc", ".profile")]

    def write(text):
        if not pwd.getpwuid(os.getuid()).pw_shell.endswith("bash"):
            pytest.skip("only of bash it is known that it reads a profile here")
        files[0].write_text(text)

    yield write
    for file in files:
        file.unlink(missing_ok=True)


@pytest.fixture
def script(running_sshd, tmp_path_factory):
    """Writes a program that can be a host's `python`; its path."""
    made = []

    def write(text):
        path = running_sshd.directory / f"python-{time.monotonic_ns()}"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        made.append(path)
        return path

    yield write
    for path in made:
        path.unlink()


def interpreter(version):
    """The path of a Python of pyenv; skips where there is none."""
    path = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions" / version / "bin" / "python"
    if not path.exists():
        pytest.skip(f"there is no Python {version} in {path.parents[2]}")
    return path


# -- the way there ----------------------------------------------------------------------------------------------------


def test_a_host_that_refuses_connections_is_named(two):
    refused(two("port = 1"), f"{BAD} refuses connections to port 1", "hint: Is sshd running there?")


def test_a_host_that_says_nothing_is_named_with_the_time(two):
    with socket.create_server((BAD, 0)) as silent:
        site = two(f"port = {silent.getsockname()[1]}", "timeout = 2")
        refused(site, f"{BAD} accepts connections to port ", "but sends nothing that sshd would send within 2 s")


def test_a_host_whose_key_nobody_knows_is_refused_with_what_to_do(two):
    site = two()
    config, known = site.directory / "ssh_config", site.directory / "environments/live/known_hosts"
    config.write_text(config.read_text().replace(str(site.sshd.known_hosts_file), "/dev/null"))
    known.write_text("".join(line for line in known.read_text().splitlines(True) if BAD not in line))
    refused(site, f"The key of {BAD} is not known; it shows ED25519 SHA256:", f"hint: Run `depl trust live {BAD}`.")
    trusted = site.call("trust", "live", BAD, "--yes")
    assert trusted.returncode == 0, trusted.stderr
    deployed(site)


def test_a_host_with_another_key_than_before_is_refused(two):
    site = two()
    other = site.directory / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    known = site.directory / "environments/live/known_hosts"
    lines = [line for line in known.read_text().splitlines() if BAD not in line]
    key = " ".join(other.with_suffix(".pub").read_text().split()[:2])
    known.write_text("\n".join([*lines, f"[{BAD}]:{site.sshd.port} {key}", ""]))
    refused(site, f"{BAD} shows the key ED25519 SHA256:", "Somebody may have taken its place.")


def test_a_user_whom_the_host_does_not_know_is_named(two):
    site = two()
    config = site.directory / "ssh_config"
    config.write_text(f"Host {BAD}\n    User depl-t-nobody\n{config.read_text()}")
    refused(site, f"{BAD} does not let depl-t-nobody in: tried ", "hint: Set User and IdentityFile")


# -- what is found there ----------------------------------------------------------------------------------------------


def test_what_a_profile_prints_does_no_harm(two, profile):
    profile("echo 'Welcome! {\"a\": 1}'; echo warning >&2; printf 'no newline'\n")
    deployed(two())


def test_a_strict_umask_changes_no_mode_that_was_declared(two, profile):
    profile("umask 077\n")
    site = two()
    site.call("remote", "live")
    assert modes(site.target(BAD)) == {**DECLARED, "web.conf": "rw-------"}
    assert "nothing to do" in site.call("remote", "live").stdout


@pytest.fixture
def guest(two, users):
    """A site whose bad host is logged in to as a new user; the site, the user's home, and where its target is."""

    def make(general="", **settings):
        user = users("guest")
        home = Path(pwd.getpwnam(user).pw_dir)
        lines = "\n".join(f"{key} = {value.format(home=home)}" for key, value in settings.items())
        site = two(lines, general)
        config = site.directory / "ssh_config"
        config.write_text(f"Host {BAD}\n    User {user}\n{config.read_text()}")
        return site, home, user

    return make


def test_where_the_home_is_read_only_the_agent_is_kept_in_the_target_directory(guest):
    site, home, user = guest(target_directory="{home}/srv")
    (home / "srv").mkdir()
    shutil.chown(home / "srv", user)
    shutil.chown(home, "root", "root")
    done = site.call("remote", "live")
    assert done.returncode == 0, done.stdout + done.stderr
    assert modes(home / "srv") == DECLARED
    assert list((home / "srv/.depl/cache/agents").iterdir())
    assert not (home / ".cache").exists()


def test_where_nothing_can_be_written_the_places_that_were_tried_are_named(guest):
    site, home, _ = guest(target_directory="{home}/srv")
    shutil.chown(home, "root", "root")
    refused(
        site,
        f"{BAD} has no place to keep the agent in",
        f"{home}/.cache/depl/agents: Permission denied; {home}/srv/.depl/cache/agents: Permission denied",
        "must be writable",
    )


def test_a_target_directory_that_cannot_be_made_is_named_with_its_host(two):
    refused(two("target_directory = /proc/nowhere"), f"{BAD}: the target directory /proc/nowhere cannot be made: ")


def test_a_target_directory_where_nothing_can_be_written_is_named_with_its_host(guest):
    site, home, _ = guest(target_directory="{home}/srv")
    (home / "srv").mkdir()
    refused(site, f"{BAD}: the lock {home}/srv/.depl/lock cannot be made: Permission denied")


@ROOT
def test_nothing_is_executed_in_tmp(two, script):
    remount = "mount --bind /tmp /tmp && mount -o remount,bind,noexec /tmp"
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "sh", "-c", remount]).returncode:
        pytest.skip("mounts cannot be changed here")
    inner = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    python = Path("/run") / f"depl-t-python-{os.getpid()}"
    python.write_text(f'#!/bin/sh\nexec unshare -m sh -c \'{remount} && exec {inner} "$@"\' sh "$@"\n')
    python.chmod(0o755)
    try:
        deployed(two(f"python = {python}"))
    finally:
        python.unlink()


def test_a_host_without_the_python_that_it_names_is_refused(two):
    refused(two("python = /nonexistent"), f"{BAD} has no /nonexistent, which its setting `python` names")


def test_a_host_without_any_python_is_refused(two, profile, running_sshd):
    bare = running_sshd.directory / "bare"
    bare.mkdir(exist_ok=True)
    if not (bare / "sh").exists():
        (bare / "sh").symlink_to("/bin/sh")
    profile(f"PATH={bare}\n")
    refused(two(), f"{BAD} has no Python (looked for python3, ", f" in {bare})", "hint: Install Python 3.9 or newer")


@pytest.mark.parametrize("version", TOO_OLD)
def test_a_python_that_is_too_old_is_refused(version, two):
    python = interpreter(version)
    refused(two(f"python = {python}"), f"(Python {version}) of {BAD} is too old: 3.9 is the oldest that will do")


def test_a_clock_that_is_a_day_off_is_worth_a_warning(two, script):
    if shutil.which("faketime") is None:
        pytest.skip("faketime is not installed")
    python = script(f'exec faketime -f +26h {shutil.which("python3", path="/usr/bin:/bin") or sys.executable} "$@"')
    done = deployed(two(f"python = {python}"))
    assert f"{BAD}: its clock is 26 hours ahead" in done.stdout + done.stderr


# -- other users ------------------------------------------------------------------------------------------------------


@pytest.fixture
def sudoers():
    """Adds lines to the sudoers, for the time of the test."""
    if os.getuid() != 0 or shutil.which("sudo") is None:
        pytest.skip("needs root and sudo")
    file = Path("/etc/sudoers.d") / f"depl-t-refusals-{os.getpid()}"

    def write(text):
        file.touch(mode=0o440)
        file.write_text(text + "\n")

    yield write
    file.unlink(missing_ok=True)


def test_the_files_of_a_service_user_are_its_own(two, users, sudoers):
    service = users("service")
    site = two(f"service_user = {service}")
    done = site.call("remote", "live")
    assert done.returncode == 0, done.stdout + done.stderr
    target = Path(pwd.getpwnam(service).pw_dir) / site.name
    assert modes(target) == DECLARED
    everything = [target, *target.rglob("*")]
    assert {path.lstat().st_uid for path in everything} == {pwd.getpwnam(service).pw_uid}
    assert not site.target(BAD).exists()
    assert "nothing to do" in site.call("remote", "live").stdout
    assert site.call("undo", "live").returncode == 0
    assert not (target / "work").exists()


def test_require_sudo_without_a_user_is_a_mistake(two):
    site = two("require_sudo = True")
    done = site.call("remote", "live")
    assert done.returncode in (1, 3)
    assert f"the host {BAD} has require_sudo = True, but no service_user says who to become" in done.stderr
    assert site.tree(GOOD) == {}


def test_sudo_that_is_required_is_used_for_the_same_user_too(two, sudoers, running_sshd):
    me = pwd.getpwuid(os.getuid())
    target = running_sshd.directory / f"sudo-{time.monotonic_ns()}"
    site = two(f"require_sudo = True\nservice_user = {me.pw_name}\ntarget_directory = {target}")
    done = site.call("remote", "live")
    assert done.returncode == 0, done.stdout + done.stderr
    assert modes(target) == DECLARED


@pytest.fixture
def wary(two, users, sudoers):
    """Both hosts are logged in to as a user whose sudo wants a password; the site and the service user's home."""
    alice, service = users("alice"), users("app")
    subprocess.run(["chpasswd"], input=f"{alice}:{PASSWORD}\n".encode(), check=True)
    sudoers(f"{alice} ALL=({service}) ALL")
    site = two(f"target_directory = ~/{BAD}", f"service_user = {service}")
    config = site.directory / "ssh_config"
    config.write_text(config.read_text().replace(f"User {site.sshd.user}\n", f"User {alice}\n"))
    return site, Path(pwd.getpwnam(service).pw_dir)


def at_terminal(site, *arguments, answer):
    """Call depl at a terminal where somebody answers whatever asks for a password; what was seen, and the status."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(site.directory)
        os.execve(sys.executable, [sys.executable, "-m", "depl", *arguments], site.surroundings(TERM="xterm"))
    seen, answered = b"", 0
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
        if seen.count(b"Password for sudo") > answered:
            answered += 1
            time.sleep(0.3)
            os.write(terminal, answer.encode() + b"\n")
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    return seen.decode(), os.waitstatus_to_exitcode(status)


def test_a_password_for_sudo_is_asked_for_once_a_run(wary):
    site, home = wary
    seen, status = at_terminal(site, "remote", "live", answer=PASSWORD)
    assert status == 0, seen
    assert seen.count("Password for sudo") == 1
    assert PASSWORD not in seen
    assert modes(home / site.name) == modes(home / BAD) == DECLARED


def test_a_wrong_password_for_sudo_is_refused(wary):
    site, home = wary
    seen, status = at_terminal(site, "remote", "live", answer="wrong")
    assert status == 3
    assert "did not take the password" in seen
    assert not (home / site.name / "work").exists()


def test_without_a_terminal_a_password_for_sudo_cannot_be_asked_for(wary):
    site, home = wary
    done = refused(site, "wants a password, and there is no terminal to ask for it", "NOPASSWD")
    assert "Traceback" not in done.stdout
    assert not (home / site.name / "work").exists()


# -- each Python ------------------------------------------------------------------------------------------------------

VERSIONS = {"3.9.18": 13, "3.10.13": 14, "3.11.7": 15, "3.12.1": 16, "3.13.0": 17}


@pytest.fixture(scope="module")
def pythons(new_site):
    """One environment with a host for each Python, deployed, deployed again and undone; what was seen at each step."""
    site = new_site()
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    there = {version: number for version, number in VERSIONS.items() if (versions / version).is_dir()}
    if not there:
        pytest.skip(f"there is no Python in {versions}")
    site.write({"components/web/component.py": WEB})
    hosts = "".join(f"127.0.0.{number} = web\n" for number in there.values())
    settings = "".join(
        f"[host:127.0.0.{number}]\npython = {versions}/{version}/bin/python3\n" for version, number in there.items()
    )
    site.environment(f"[hosts]\n{hosts}{settings}")
    steps = []
    for command in (["remote", "live"], ["remote", "live"], ["undo", "live"]):
        done = site.call(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        trees = {version: site.tree(f"127.0.0.{number}") for version, number in there.items()}
        steps.append((done.stdout, trees))
    return steps


@pytest.mark.parametrize("version", VERSIONS)
def test_every_python_that_is_new_enough_will_do(version, pythons):
    (_, first), (second, _), (_, last) = pythons
    if version not in first:
        pytest.skip(f"there is no Python {version}")
    assert first[version]["work/web/key"][:3] == ("-", "rw-------", b"a secret\n")
    assert f"127.0.0.{VERSIONS[version]}: nothing to do" in second
    assert last[version] == {}
