"""What depl encrypts the age program reads, and the other way round."""

from __future__ import annotations

import functools
import os
import pty
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from depl.secrets import recipients
from depl.secrets.identities import Identities

pytestmark = pytest.mark.skipif(
    not (shutil.which("age") and shutil.which("age-keygen")), reason="needs the program age (apt install age)"
)


@pytest.fixture(params=["age", "ed25519", "rsa"])
def key(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A private key and its public line."""
    path = tmp_path / "key"
    path.touch(0o600)
    private, public = made_key(request.param)
    path.write_bytes(private)
    return path, public


@functools.cache
def made_key(kind: str) -> tuple[bytes, str]:
    """One of each kind for all tests: an RSA key takes a second."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "key")
        if kind == "age":
            subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
            shown = subprocess.run(["age-keygen", "-y", path], check=True, capture_output=True, text=True).stdout
        else:
            subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
            shown = path.with_suffix(".pub").read_text()
        return path.read_bytes(), shown


def identities(tmp_path: Path, key: Path, *typed: str) -> Identities:
    answers = iter(typed)
    return Identities(lambda prompt: next(answers), {"HOME": str(tmp_path), "DEPL_AGE_IDENTITY": str(key)})


def test_age_reads_what_depl_encrypts(key: tuple[Path, str]) -> None:
    content = recipients.encrypted(b"hello \xff\n", [key[1]])

    read = subprocess.run(["age", "--decrypt", "-i", key[0]], input=content, capture_output=True, check=True)
    assert read.stdout == b"hello \xff\n"


@pytest.mark.parametrize("options", [[], ["--armor"]], ids=["binary", "armoured"])
def test_depl_reads_what_age_encrypts(key: tuple[Path, str], options: list[str], tmp_path: Path) -> None:
    words = ["age", "--encrypt", "-r", key[1].strip(), *options]
    content = subprocess.run(words, input=b"hello \xff\n", capture_output=True, check=True).stdout

    assert identities(tmp_path, key[0]).decrypted(content) == b"hello \xff\n"


@pytest.mark.parametrize(
    ("options", "typed"), [([], ["falsch", "geheim"]), (["--armor"], ["geheim"])], ids=["binary", "armoured"]
)
def test_depl_reads_with_an_identity_file_that_age_encrypted(
    tmp_path: Path, options: list[str], typed: list[str]
) -> None:
    plain, locked = tmp_path / "plain", tmp_path / "locked"
    subprocess.run(["age-keygen", "-o", plain], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", plain], check=True, capture_output=True, text=True).stdout
    encrypted_by_passphrase(plain, locked, "geheim", *options)

    content = recipients.encrypted(b"hello", [public])

    assert identities(tmp_path, locked, *typed).decrypted(content) == b"hello"


def encrypted_by_passphrase(plain: Path, locked: Path, passphrase: str, *options: str) -> None:
    """Run `age -p`, which asks twice and at a terminal only."""
    terminal, theirs = pty.openpty()
    words = ["setsid", "--ctty", "--wait", "age", "-p", *options, "-o", str(locked), str(plain)]
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, umask=0o077) as age:
        os.close(theirs)
        for _ in range(2):
            shown = b""
            while not shown.rstrip().endswith(b":"):
                shown += os.read(terminal, 1024)
            os.write(terminal, passphrase.encode() + b"\n")
        try:
            while os.read(terminal, 1024):
                pass
        except OSError:
            pass  # its end
    os.close(terminal)
    assert age.returncode == 0
