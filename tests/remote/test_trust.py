"""`depl trust`, against a real sshd."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forked
import pytest

ENVIRONMENT = "[hosts]\nweb = app\n[host:web]\naddress = 127.0.0.2\nport = {port}\n"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIHQQGnBMFZMlxVvqGLHBNRnaKSOrE4lTrS3ZV9dNGvD"


@pytest.fixture
def ssh_base(base: Path, sshd: Any) -> Path:
    """A project with one host, whose key nobody knows."""
    lines = [line for line in sshd.ssh_config.splitlines() if "KnownHostsFile" not in line]
    (base / "ssh_config").write_text("\n".join([*lines, ""]))
    (base / "environments/test/environment.cfg").write_text(ENVIRONMENT.format(port=sshd.port))
    (base / "components").mkdir()
    return base


@pytest.fixture
def known_hosts(ssh_base: Path) -> Path:
    return ssh_base / "environments/test/known_hosts"


@pytest.fixture
def trust(ssh_base: Path, project: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def trust(*arguments: str) -> subprocess.CompletedProcess[str]:
        surroundings = {"PATH": os.environ["PATH"], "PYTHONPATH": str(project / "src"), "HOME": str(tmp_path)}
        return forked.depl("trust", "test", "web", *arguments, cwd=ssh_base, env=surroundings)

    return trust


def shown(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout.splitlines()[1].split()[1]


def test_a_key_is_shown_but_not_trusted_without_an_answer(trust, known_hosts, sshd):
    done = trust()
    assert done.returncode == 2, done.stderr
    assert f"[127.0.0.2]:{sshd.port} (for web) shows the key\n  ED25519 SHA256:" in done.stdout
    assert "--fingerprint" in done.stderr
    assert not known_hosts.exists()


def test_a_key_is_trusted_by_its_fingerprint(trust, known_hosts, sshd):
    done = trust("--fingerprint", shown(trust()))
    assert done.returncode == 0, done.stderr
    assert known_hosts.read_text().startswith(f"[127.0.0.2]:{sshd.port} ssh-ed25519 ")
    assert "written to environments/test/known_hosts" in done.stdout
    assert "it is known already" in trust().stdout


def test_a_key_with_another_fingerprint_is_not_trusted(trust, known_hosts):
    done = trust("--yes", "--fingerprint", "SHA256:Yw3OMYBpZhYBc1dD2ZpPu8UVwTo5WZ9IWEdPWwRoT1E")
    assert done.returncode == 1
    assert "another fingerprint" in done.stderr
    assert not known_hosts.exists()


def test_a_changed_key_is_replaced_and_that_is_said(trust, known_hosts, sshd):
    known_hosts.write_text(f"[127.0.0.2]:{sshd.port} {OTHER}\nelsewhere {OTHER}\n")
    done = trust("--yes")
    assert done.returncode == 0, done.stderr
    assert "ANOTHER key than it was" in done.stdout
    first, second = known_hosts.read_text().splitlines()
    assert first == f"elsewhere {OTHER}"
    assert OTHER not in second


def test_a_key_that_whoever_asks_knows_already_is_shared_with_the_others(trust, ssh_base, known_hosts, sshd):
    (ssh_base / "ssh_config").write_text(sshd.ssh_config)
    done = trust()
    assert done.returncode == 0, done.stderr
    assert "your own known_hosts" in done.stdout
    assert known_hosts.read_text().startswith(f"[127.0.0.2]:{sshd.port} ssh-ed25519 ")


def test_a_host_that_does_not_answer_is_named(trust, ssh_base):
    (ssh_base / "environments/test/environment.cfg").write_text(ENVIRONMENT.format(port=1))
    done = trust("--timeout", "2")
    assert done.returncode == 3
    assert "127.0.0.2" in done.stderr
