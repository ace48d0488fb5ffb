"""What ssh_config says about a host: whose word counts, and what OpenSSH would make of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from depl.errors import ConfigurationError
from depl.host import Host
from depl.remote.connection import Dialer
from depl.remote.ssh_config import SshConfig, SshSettings

Look = Callable[..., SshSettings]

client = pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed (Debian: openssh-client)")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def look(base: Path, home: Path) -> Look:
    """A factory: what a project's ssh_config says about a host; other keywords are those of settings_for."""

    def look(text: str, *names: str, **how: Any) -> SshSettings:
        (base / "ssh_config").write_text(text)
        return SshConfig(str(base), "test").settings_for(names or ["web"], **how)

    return look


def test_without_configuration_it_is_what_ssh_does(look: Look, home: Path) -> None:
    found = look("")
    assert (found.address, found.port, found.proxy_jump, found.proxy_command) == ("web", 22, (), None)
    assert found.identity_files == tuple(f"{home}/.ssh/id_{kind}" for kind in ("ed25519", "ecdsa", "rsa"))
    assert not found.identities_only
    assert f"{home}/.ssh/known_hosts" in found.known_hosts_files


def test_all_that_counts_is_read(look: Look, home: Path) -> None:
    found = look("""
        Host web
            HostName web.example.com
            User deploy
            Port=2222
            IdentityFile ~/.ssh/one
            IdentityFile "%d/.ssh/two of %r"
            IdentitiesOnly yes
            IdentityAgent ~/agent
            CertificateFile ~/.ssh/one-cert.pub
            ProxyJump admin@bastion:23,inner
            ServerAliveInterval 1m
            ConnectTimeout 7
            UserKnownHostsFile ~/.ssh/a ~/.ssh/b
            HostKeyAlias web-alias
    """)
    assert (found.address, found.user, found.port) == ("web.example.com", "deploy", 2222)
    assert found.identity_files == (f"{home}/.ssh/one", f"{home}/.ssh/two of deploy")
    assert (found.identities_only, found.identity_agent) == (True, f"{home}/agent")
    assert found.certificate_files == (f"{home}/.ssh/one-cert.pub",)
    assert found.proxy_jump == ("admin@bastion:23", "inner")
    assert (found.alive_interval, found.connect_timeout) == (60, 7)
    assert found.known_hosts_files[:2] == (f"{home}/.ssh/a", f"{home}/.ssh/b")
    assert found.host_key_alias == "web-alias"


def test_the_environments_file_comes_before_the_projects_and_that_before_the_users(base: Path, home: Path) -> None:
    (home / ".ssh" / "config").write_text("Host *\n  User user\n  Port 1\n  ConnectTimeout 3\n")
    (base / "ssh_config").write_text("Host *\n  User project\n  Port 2\n")
    (base / "ssh_config_test").write_text("Host web\n  User environment\n")
    found = SshConfig(str(base), "test").settings_for(["web"])
    assert (found.user, found.port, found.connect_timeout) == ("environment", 2, 3)
    assert SshConfig(str(base), "other").settings_for(["web"]).user == "project"


def test_what_a_file_says_at_its_end_does_not_leak_into_the_next_one(base: Path, home: Path) -> None:
    (base / "ssh_config").write_text("Host other\n")
    (home / ".ssh" / "config").write_text("User user\n")
    assert SshConfig(str(base), "test").settings_for(["web"]).user == "user"


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("Host web.example.com\n User long\nHost web\n User short\n", "long"),
        ("Host *\n User all\nHost web\n User short\n", "all"),
        ("Host web\n User short\nHost *\n User all\n", "short"),
        ("Host *.example.com\n User domain\n", "domain"),
        ("Host 10.0.*\n User address\n", "address"),
        ("Host w?b !web\n User other\nHost 10.0.0.7\n User address\n", "address"),
        ("Match host web\n User matched\n", "matched"),
    ],
)
def test_a_host_is_looked_up_by_the_name_that_the_configuration_speaks_of(look: Look, text: str, user: str) -> None:
    assert look(text, "web.example.com", "web", "10.0.0.7").user == user


def test_the_environments_address_and_port_win(look: Look) -> None:
    text = "Host web\n HostName elsewhere\n Port 2222\n ProxyCommand nc %h %p as %r on %n, %%h\n User me\n"
    found = look(text, "web", address="10.0.0.7", port=2200)
    assert (found.address, found.port) == ("10.0.0.7", 2200)
    assert found.proxy_command == "nc 10.0.0.7 2200 as me on web, %h"


def test_a_host_name_may_be_made_from_the_name(look: Look) -> None:
    assert look("Host web\n HostName %h.example.com\n").address == "web.example.com"


@pytest.mark.parametrize(
    ("text", "jump", "command"),
    [
        ("ProxyJump a\nProxyCommand b\n", ("a",), None),
        ("ProxyCommand b\nProxyJump a\n", (), "b"),
        ("ProxyJump none\n", (), None),
        ("Host web\n ProxyCommand none\nHost *\n ProxyJump a\n", (), None),
    ],
)
def test_of_jump_and_command_the_first_one_counts(
    look: Look, text: str, jump: tuple[str, ...], command: str | None
) -> None:
    assert (look(text).proxy_jump, look(text).proxy_command) == (jump, command)


def test_no_agent_is_a_word_of_its_own(look: Look) -> None:
    assert look("IdentityAgent none\n").identity_agent == "none"
    assert look("IdentityAgent SSH_AUTH_SOCK\n").identity_agent is None


def test_comments_and_quotes_are_no_values(look: Look) -> None:
    found = look('# Host *\nUser "some one"\nPort 2222 # not the usual one\n')
    assert (found.user, found.port) == ("some one", 2222)


def test_an_include_stands_for_the_files_in_it(look: Look, home: Path, tmp_path: Path) -> None:
    (home / ".ssh" / "more").write_text("Host web\n Port 2222\n")
    (tmp_path / "absolute").write_text("User included\n")
    found = look(f"Include more missing*\nInclude {tmp_path}/abs*\nUser own\n")
    assert (found.port, found.user) == (2222, "included")


@client
def test_what_only_the_client_knows_it_is_asked_for(look: Look, tmp_path: Path) -> None:
    found = look(
        "Host web\n ProxyJump gate:24\n IdentityFile /keys/%r\n"
        "Match exec true\n User executed\n Port 2200\nMatch exec false\n ConnectTimeout 99\n"
    )
    assert (found.user, found.port, found.connect_timeout) == ("executed", 2200, None)
    assert found.proxy_jump == ("gate:24",)
    assert "/keys/executed" in found.identity_files


@client
def test_an_include_below_a_host_holds_for_that_host_only(look: Look, tmp_path: Path) -> None:
    (tmp_path / "more").write_text("Port 2222\n")
    text = f"Host web\n Include {tmp_path}/more\n"
    assert look(text, "web").port == 2222
    assert look(text, "other").port == 22


@client
@pytest.mark.parametrize(
    "text",
    [
        "Host web\n User a\nHost *\n User b\n Port 2222\n",
        "Host !web *\n User a\nHost *\n User b\n",
        "Match originalhost web user root\n Port 2222\nMatch user nobody\n Port 2223\n",
        "Host web\n HostName x.example.com\nMatch host x.example.com\n User matched\n",
        "Match !host web\n User a\nHost web\n User b\n",
        "IdentityFile /a\nHost web\n IdentityFile /b\n IdentitiesOnly yes\n",
    ],
)
def test_it_reads_what_openssh_reads(look: Look, base: Path, text: str) -> None:
    found = look(text)
    said = subprocess.run(
        ["ssh", "-G", "-F", str(base / "ssh_config"), "web"], check=True, capture_output=True, text=True
    ).stdout
    theirs = [line.partition(" ")[::2] for line in said.splitlines()]
    assert (found.address, found.user, str(found.port)) == tuple(dict(theirs)[k] for k in ("hostname", "user", "port"))
    if "IdentityFile" in text:
        assert list(found.identity_files) == [value for key, value in theirs if key == "identityfile"]


def test_a_line_that_is_none_is_named(look: Look, base: Path) -> None:
    with pytest.raises(ConfigurationError, match="'Nonsense' is not understood") as caught:
        look("User a\nNonsense\n")
    assert caught.value.place == f"{base}/ssh_config:2"


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_named(look: Look, base: Path) -> None:
    (base / "ssh_config_test").write_text("User a\n")
    (base / "ssh_config_test").chmod(0)
    with pytest.raises(ConfigurationError, match="ssh_config_test cannot be read"):
        look("")


def test_a_host_is_known_by_its_full_name_first(base: Path, home: Path, dialer: Callable[..., Dialer]) -> None:
    (base / "ssh_config").write_text("Host web\n User web\n Port 2222\n")
    found = dialer().settings_for(Host("web", address="10.0.0.7", port=2200))
    assert (found.address, found.port, found.user) == ("10.0.0.7", 2200, "web")
