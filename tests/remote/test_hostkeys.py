"""Which keys of hosts are let through, and how new ones are learned."""

from __future__ import annotations

import base64
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from depl.errors import HostKeyRefused, Unreachable
from depl.host import Host
from depl.remote.connection import Dialer
from depl.remote.hostkeys import KnownHosts, Offered, algorithms_for, names_of, remember
from depl.remote.known_hosts import read_known_hosts

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")

KEY, OTHER = b"\0key", b"\0other"
KIND = "ssh-ed25519"
WEB = ["web"]


def line(names: str, key: bytes = KEY, kind: str = KIND) -> str:
    return f"{names} {kind} {base64.b64encode(key).decode()} a comment\n"


@pytest.fixture
def known(base: Path, tmp_path: Path) -> Callable[..., Any]:
    """A factory: whether KEY of `names` is let through, with these texts as the environment's and the user's file."""

    def known(own: str = "", user: str = "", names: list[str] = WEB, key: bytes = KEY, kind: str = KIND) -> None:
        (base / "environments" / "test" / "known_hosts").write_text(own)
        (tmp_path / "user").write_text(user)
        offered = Offered(names[0], kind, key)
        KnownHosts(str(base), "test").check("web", names, [str(tmp_path / "user")], offered, trust="web1")

    return known


@pytest.mark.parametrize(
    ("names", "own"),
    [
        (["web"], line("web")),
        (["web"], line("db,web")),
        (["web"], line("Web")),
        (["web.example.com"], line("*.example.com,!db.example.com")),
        (["[web]:2222"], line("[web]:2222")),
        (["[web]:2222"], line("web")),
        (["[10.0.0.7]:2222", "[web]:2222"], line("[web]:2222")),
        (["web"], "# a comment\n\nnonsense\nweb ssh-ed25519 no-base64!\n" + line("web")),
        (["web"], line("web", OTHER) + line("web")),
        (["web"], line("web", OTHER, "ssh-rsa") + line("web")),
    ],
)
def test_a_known_key_is_let_through(known: Callable[..., None], names: list[str], own: str) -> None:
    known(own, names=names)
    known(user=own, names=names)


def test_a_hashed_entry_is_understood(known: Callable[..., None], tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    kind, key = (tmp_path / "key.pub").read_text().split()[:2]
    hashed = tmp_path / "hashed"
    hashed.write_text(f"web {kind} {key}\n[web]:2222 {kind} {key}\n")
    subprocess.run(["ssh-keygen", "-H", "-f", hashed], check=True, capture_output=True)
    assert "web" not in hashed.read_text()
    known(hashed.read_text(), key=base64.b64decode(key))
    known(hashed.read_text(), key=base64.b64decode(key), names=["[web]:2222"])
    with pytest.raises(HostKeyRefused):
        known(hashed.read_text(), key=base64.b64decode(key), names=["db"])


def test_an_unknown_key_is_refused_with_its_fingerprint_and_what_to_do(known: Callable[..., None]) -> None:
    with pytest.raises(HostKeyRefused, match="The key of web is not known; it shows ED25519 SHA256:") as caught:
        known(line("db"))
    assert caught.value.hint == "Run `depl trust test web1`."


def test_a_changed_key_is_refused_with_both_fingerprints_and_the_place(known: Callable[..., None], base: Path) -> None:
    with pytest.raises(HostKeyRefused) as caught:
        known("\n" + line("web", OTHER))
    shown, before = Offered("", KIND, KEY).fingerprint, Offered("", KIND, OTHER).fingerprint
    place = f"{base}/environments/test/known_hosts:2"
    assert str(caught.value) == f"web shows the key ED25519 {shown}, but {place} knows ED25519 {before}"
    assert "depl trust test web1" in caught.value.hint


def test_a_key_of_another_kind_than_the_known_one_is_a_changed_key(known: Callable[..., None]) -> None:
    with pytest.raises(HostKeyRefused, match=r"but .* knows RSA"):
        known(line("web", OTHER, "ssh-rsa"))


def test_what_the_environment_says_decides(known: Callable[..., None]) -> None:
    known(line("web"), line("web", OTHER))
    with pytest.raises(HostKeyRefused, match="knows ED25519"):
        known(line("web", OTHER), line("web"))


def test_a_key_under_the_name_without_port_does_not_weaken_what_is_known_with_it(known: Callable[..., None]) -> None:
    known(user=line("web"), names=["[web]:2222"])
    with pytest.raises(HostKeyRefused, match="knows ED25519"):
        known(line("[web]:2222", OTHER), line("web"), names=["[web]:2222"])


def test_a_revoked_key_is_refused_wherever_it_is_revoked(known: Callable[..., None]) -> None:
    for own, user in [
        ("@revoked " + line("*"), line("web")),
        (line("web"), "@revoked " + line("web")),
        (line("web") + "@revoked " + line("web"), ""),
        ("@revoked " + line("web") + line("web", OTHER), ""),
    ]:
        with pytest.raises(HostKeyRefused, match=r"known_hosts:\d+ revokes|user:1 revokes"):
            known(own, user)


def test_keys_of_certificate_authorities_open_nothing(known: Callable[..., None]) -> None:
    with pytest.raises(HostKeyRefused, match=r"certificates, which .*:1 speaks of"):
        known("@cert-authority " + line("*"))
    known("@cert-authority " + line("*"), line("web"))


def test_a_host_on_another_port_is_another_host(known: Callable[..., None]) -> None:
    with pytest.raises(HostKeyRefused, match="is not known"):
        known(line("web", OTHER), names=["[web]:2222"])
    with pytest.raises(HostKeyRefused, match="is not known"):
        known(line("[web]:2222"), names=["web"])


def test_names_carry_the_port_where_it_is_not_that_of_ssh() -> None:
    assert names_of(["10.0.0.7", "Web", "web"], 22, None) == ["10.0.0.7", "web"]
    assert names_of(["10.0.0.7", "web"], 2222, None) == ["[10.0.0.7]:2222", "[web]:2222"]
    assert names_of(["10.0.0.7", "web"], 2222, "alias") == ["alias"]


def test_known_kinds_are_asked_for_first() -> None:
    every = ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"]
    assert algorithms_for([], every) == every
    assert algorithms_for(["ssh-rsa"], every) == ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519", "ecdsa-sha2-nistp256"]


def test_what_is_remembered_replaces_what_was_known_of_that_host_only(base: Path) -> None:
    path = base / "environments" / "test" / "known_hosts"
    rest = "# the web tier\n" + line("*.example.com") + "@revoked " + line("[web]:2222") + line("web")
    path.write_text(rest + line("[web]:2222", OTHER) + line("db,[web]:2222", OTHER))
    assert remember(str(base), "test", Offered("[web]:2222", KIND, KEY)) == str(path)
    kept = [f"{entry.marker}{','.join(entry.names)} {entry.key!r}" for entry in read_known_hosts(str(path))]
    assert kept == [
        f"*.example.com {KEY!r}",
        f"@revoked[web]:2222 {KEY!r}",
        f"web {KEY!r}",
        f"db {OTHER!r}",
        f"[web]:2222 {KEY!r}",
    ]
    assert path.read_text().startswith("# the web tier\n")


def test_remembering_needs_no_file_and_leaves_nothing_else(base: Path) -> None:
    shutil.rmtree(base / "environments" / "test")
    path = Path(remember(str(base), "test", Offered("web", KIND, KEY)))
    assert path.read_text() == f"web {KIND} {base64.b64encode(KEY).decode()}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(path.parent) == ["known_hosts"]


def test_a_host_is_trusted_and_then_connected_to(ssh_project: Path, sshd: Any, dialer: Callable[..., Dialer]) -> None:
    known = ssh_project / "environments" / "test" / "known_hosts"
    (ssh_project / "ssh_config").write_text(sshd.ssh_config.replace("UserKnownHostsFile", "#"))
    known.unlink()
    host = Host("web", address="127.0.0.2", port=sshd.port)
    with pytest.raises(HostKeyRefused, match="The key of web is not known"):
        connect(dialer(), host)
    offered = dialer().offered(host)
    said = subprocess.run(["ssh-keygen", "-lf", sshd.directory / "host_key.pub"], capture_output=True, text=True)
    assert offered.fingerprint in said.stdout
    assert not offered.known
    remember(str(ssh_project), "test", offered)
    assert known.read_text() == sshd.known_hosts.splitlines()[1] + "\n"
    assert dialer().offered(host).known
    connect(dialer(), host)


def connect(dialer: Dialer, host: Host) -> None:
    dialer.connect(host).close()


def test_a_changed_key_ends_the_connection_before_anybody_logs_in(
    ssh_project: Path, sshd: Any, new_sshd: Callable[..., Any], dialer: Callable[..., Dialer]
) -> None:
    other = new_sshd(addresses=["127.0.0.1"], port=sshd.port)
    known = ssh_project / "environments" / "test" / "known_hosts"
    known.write_text(sshd.known_hosts.replace(sshd.known_hosts.split()[2], key_of(other)))
    logins = sshd.log().count("Accepted publickey")
    with pytest.raises(HostKeyRefused, match=r"known_hosts:3 knows ED25519") as caught:
        connect(dialer(), Host("127.0.0.3"))
    assert isinstance(caught.value, Unreachable)
    assert sshd.log().count("Accepted publickey") == logins


def key_of(sshd: Any) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", sshd.directory / "host_key"], check=True)
    return str((sshd.directory / "host_key.pub").read_text().split()[1])


def test_the_host_is_asked_for_the_kind_of_key_that_is_known(
    base: Path, new_sshd: Callable[..., Any], dialer: Callable[..., Dialer]
) -> None:
    sshd = new_sshd(addresses=["127.0.0.1"])
    ecdsa = sshd.directory / "ecdsa"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", ecdsa], check=True)
    sshd.options = [f"HostKey {ecdsa}"]
    with sshd:
        (base / "ssh_config").write_text(sshd.ssh_config)
        for path in (sshd.directory / "host_key", ecdsa):
            key = " ".join(path.with_suffix(".pub").read_text().split()[:2])
            (base / "environments" / "test" / "known_hosts").write_text(f"[127.0.0.1]:{sshd.port} {key}\n")
            connect(dialer(), Host("127.0.0.1"))
