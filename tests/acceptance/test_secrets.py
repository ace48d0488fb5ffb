"""Secrets as whole commands meet them: what is imported, how often something is decrypted, and who is refused."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest

from depl.secrets.identities import Identities
from depl.secrets.vault import Vault

APP = """
class App(Component):
    password = "unset"

    def configure(self):
        self += File("app.conf", content="password = {{component.password}}")
"""
FILE = "environments/dev/secrets.cfg.age"
COMMANDS = "[depl]\nformat = 1\n\n[component:app]\npassword = !command printf %s Pass-Wort-9x1\n"
CRYPTOGRAPHY = {"pyrage", "cryptography", "bcrypt", "nacl"}
COUNTS = """
import collections, json, sys
counts = collections.Counter()
def count(frame, event, called):
    if event == "c_call" and called.__name__ == "decrypt":
        counts["decrypt"] += 1
    elif event == "call" and frame.f_code.co_name == "opened" and frame.f_code.co_filename.endswith("age_file.py"):
        counts["members"] += 1
sys.setprofile(count)
from depl.cli.main import main
status = main(["check", "dev"], standalone_mode=False)
sys.setprofile(None)
print(json.dumps([status or 0, counts]), file=sys.stderr)
"""


class Member:
    """Somebody with a key of her own."""

    def __init__(self) -> None:
        identity = pyrage.x25519.Identity.generate()
        self.key, self.public = str(identity), str(identity.to_public())
        self.environ = {"DEPL_AGE_IDENTITY": self.key}

    def vault(self, service, environment: str = "dev") -> Vault:
        """The secrets of an environment, open."""
        vault = Vault(str(service.base), environment)
        vault.open(Identities(None, {"DEPL_AGE_IDENTITY": self.key}, str(service.base)))
        return vault


@pytest.fixture
def member() -> Member:
    return Member()


def done(service, *arguments: str, **more: str) -> tuple[int, str]:
    """Exit status and all that a command prints, in a process of its own."""
    process = service.start(*arguments, **more)
    out, err = process.communicate(timeout=100)
    return process.returncode, out + err


def imported(service, *arguments: str, **more: str) -> set[str]:
    """The packages that a command imports, itself and in all its Python children."""
    status, said = done(service, *arguments, PYTHONPROFILEIMPORTTIME="1", **more)
    assert status == 0, said
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in said.splitlines() if "import time:" in line}


@pytest.mark.parametrize(
    "command", ["--help", "secrets --help", "check dev", "local dev --plan", "local dev", "undo dev"]
)
@pytest.mark.parametrize("secrets", ["", COMMANDS], ids=["none", "commands"])
def test_whoever_needs_no_key_imports_no_cryptography(service, command, secrets):
    service.component(APP)
    if secrets:
        service.write(FILE, secrets)
    if command == "undo dev":
        assert done(service, "local", "dev")[0] == 0
    found = imported(service, *command.split())
    assert "depl" in found and not found & CRYPTOGRAPHY


def test_whoever_needs_a_key_imports_what_reads_it_and_nothing_else(service, member):
    service.component(APP)
    written(service, member, 1)
    assert imported(service, "local", "dev", **member.environ) & CRYPTOGRAPHY == {"pyrage"}


def written(service, member: Member, count: int) -> None:
    """Secrets of this number of components."""
    vault = member.vault(service)
    vault.set_recipients([member.public], {}, rotate=False)
    vault.set(("component:app", "password"), "Pass-Wort-9x1")
    for number in range(count - 1):
        vault.set(("host:localhost", f"data-k{number}"), f"value-{number}")
    vault.save()


@pytest.mark.parametrize("count", [10, 100])
def test_a_command_decrypts_each_value_once_and_uses_the_key_of_a_member_once(service, member, count):
    service.component(APP)
    written(service, member, count)
    surroundings = {"PYTHONPATH": str(Path(__file__).parents[2] / "src"), "HOME": str(service.base), **member.environ}
    command = [sys.executable, "-c", COUNTS]
    ended = subprocess.run(command, cwd=service.base, env=surroundings, capture_output=True, text=True)
    status, counts = json.loads(ended.stderr.splitlines()[-1])
    assert status == 0, ended.stderr
    assert counts == {"decrypt": count + 1, "members": 1}


def test_a_flipped_byte_stops_a_run_before_anything_is_done(service, member):
    service.component(APP)
    written(service, member, 3)
    text = (service.base / FILE).read_text()
    place = text.index("password = age:") + 200
    service.write(FILE, text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :])
    line = text[:place].count("\n") + 1
    status, said = done(service, "local", "dev", **member.environ)
    assert status == 1
    assert "'password' in [component:app]" in said and f"{FILE}:{line}" in said
    assert not service.work.exists()


def test_whoever_was_removed_can_neither_read_nor_deploy(service, member):
    service.component(APP)
    written(service, member, 2)
    other = Member()
    assert done(service, "secrets", "add", other.public, **member.environ)[0] == 0
    assert done(service, "local", "dev", **other.environ)[0] == 0
    assert done(service, "secrets", "remove", other.public, **member.environ)[0] == 0
    for command in (["local", "dev"], ["secrets", "show", "dev"], ["secrets", "reencrypt"]):
        status, said = done(service, *command, **other.environ)
        assert status != 0 and re.search("none of your keys can read", said), said
    for sealed in re.findall("age:([A-Za-z0-9+/=]+)", (service.base / FILE).read_text()):
        with pytest.raises(pyrage.DecryptError):
            pyrage.decrypt(base64.b64decode(sealed), [pyrage.x25519.Identity.from_str(other.key)])


def test_whoever_reads_one_environment_cannot_deploy_another(service, member):
    service.component(APP)
    written(service, member, 1)
    other = Member()
    service.environment((service.base / "environments/dev.cfg").read_text(), "production")
    assert done(service, "secrets", "add", other.public, "--environments", "production", **other.environ)[0] == 0
    vault = other.vault(service, "production")
    vault.set(("component:app", "password"), "Other-Wort-7k2")
    vault.save()
    assert done(service, "local", "production", "--plan", **other.environ)[0] == 0
    status, said = done(service, "local", "production", "--plan", **member.environ)
    assert status != 0 and "none of your keys can read" in said
    assert done(service, "local", "dev", "--plan", **member.environ)[0] == 0
