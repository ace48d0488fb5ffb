"""The keys of whoever sits here: real ones, made by ssh-keygen, in a home of their own."""

from __future__ import annotations

import base64
import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pyrage
import pytest

from depl.errors import ConfigurationError, DeplError
from depl.secrets import recipients
from depl.secrets.identities import Identities

PASSPHRASE = "correct horse ☂"
OFTEN_LOCKED = pyrage.x25519.Identity.generate()  # locking takes a second, so it is done once


class Person:
    """Somebody with a home, who types what the test says when asked for a passphrase."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environ: dict[str, str] = {"HOME": str(home)}
        self.asked: list[str] = []
        self.types: list[str] = []

    def key(self, name: str, kind: str, *options: str, passphrase: str = "") -> str:
        """A key in ~/.ssh, another one for each name and kind; its public line."""
        private, public = made_key(name, kind, *options, passphrase=passphrase)
        self.file(f".ssh/{name}.pub", public, 0o644)
        self.file(f".ssh/{name}", private)
        (self.home / ".ssh").chmod(0o700)
        return public.strip()

    def identity(self, path: str, *keys: pyrage.x25519.Identity, passphrase: str = "") -> str:
        """An identity file of age below the home; the path."""
        content = "".join(f"# public key: {key.to_public()}\n{key}\n" for key in keys).encode()
        return self.file(path, locked(content, passphrase) if passphrase else content)

    def file(self, path: str, content: bytes | str, mode: int = 0o600) -> str:
        full = self.home / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(content if isinstance(content, bytes) else content.encode())
        full.chmod(mode)
        return str(full)

    def identities(self, *typed: str) -> Identities:
        self.types = list(typed)
        return Identities(self._type, self.environ)

    def alone(self) -> Identities:
        """Where nobody can be asked."""
        return Identities(None, self.environ)

    def _type(self, prompt: str) -> str:
        self.asked.append(prompt)
        if not self.types:
            raise EOFError
        return self.types.pop(0)


@functools.cache
def made_key(name: str, kind: str, *options: str, passphrase: str) -> tuple[bytes, str]:
    """What ssh-keygen makes, once for all tests: the private and the public file.

    Locked ones take a single round of bcrypt, unless the options say otherwise: many cost every test its time.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, name)
        words = ["ssh-keygen", "-q", "-C", f"{name}@laptop", "-f", str(path)]
        if kind == "rsa" and (options or passphrase):  # the same one in another form
            path.touch(0o600)
            path.write_bytes(made_key(name, kind, passphrase="")[0])
            words += ["-p", "-P", "", "-N", passphrase, "-a", "1", *options]
        else:
            words += ["-t", kind, "-N", passphrase, "-a", "1", *options]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        shown = subprocess.run(
            ["ssh-keygen", "-y", "-P", passphrase, "-f", str(path)], check=True, capture_output=True, text=True
        ).stdout
        return path.read_bytes(), shown


@functools.cache
def locked(content: bytes, passphrase: str) -> bytes:
    return pyrage.passphrase.encrypt(content, passphrase)


@pytest.fixture
def me(tmp_path: Path) -> Person:
    home = tmp_path / "home"
    home.mkdir()
    return Person(home)


@pytest.fixture
def age_key() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


def for_keys(*lines: object) -> bytes:
    return recipients.encrypted(b"hello", [str(line) for line in lines])


def armoured_form(content: bytes) -> bytes:
    return b"-----BEGIN AGE ENCRYPTED FILE-----\n%b-----END AGE ENCRYPTED FILE-----\n" % base64.encodebytes(content)


def refusal(identities: Identities, content: bytes, to: Sequence[str] = (), **words: str) -> DeplError:
    with pytest.raises(DeplError) as caught:
        identities.decrypted(content, to, **words)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ed25519", ["-a", "16"]),  # as many rounds as ssh-keygen takes unless told otherwise
        ("rsa", []),
        ("rsa", ["-m", "PEM"]),
        ("rsa", ["-m", "PKCS8"]),
    ],
    ids=["ed25519", "rsa", "rsa PEM", "rsa PKCS8"],
)
@pytest.mark.parametrize("passphrase", ["", PASSPHRASE], ids=["plain", "with a passphrase"])
def test_a_key_of_ssh_reads_what_is_for_it(me: Person, kind: str, options: list[str], passphrase: str) -> None:
    line = me.key(f"id_{kind}", kind, *options, passphrase=passphrase)

    assert me.identities(passphrase).decrypted(for_keys(line), [recipients.usable(line)]) == b"hello"
    assert me.asked == ([f"Passphrase of ~/.ssh/id_{kind}: "] if passphrase else [])


@pytest.mark.parametrize("form", ["PEM", "PKCS8"])
def test_a_locked_key_without_its_public_file_is_tried_where_it_may_fit(me: Person, form: str) -> None:
    line = me.key("id_rsa", "rsa", "-m", form, passphrase=PASSPHRASE)
    (me.home / ".ssh/id_rsa.pub").unlink()

    assert me.identities(PASSPHRASE).decrypted(for_keys(line)) == b"hello"


def test_an_age_key_is_read_from_the_variable_itself(me: Person, age_key: pyrage.x25519.Identity) -> None:
    me.environ["DEPL_AGE_IDENTITY"] = f"# created: today\n # public key: {age_key.to_public()}\n {age_key}\n"

    assert me.alone().decrypted(for_keys(age_key.to_public())) == b"hello"


def test_a_key_of_ssh_may_stand_in_the_variable_itself(me: Person) -> None:
    line = me.key("id_ed25519", "ed25519")
    path = me.home / ".ssh/id_ed25519"
    me.environ["DEPL_AGE_IDENTITY"] = path.read_text().strip()
    path.unlink()

    assert me.alone().decrypted(for_keys(line)) == b"hello"


def test_the_variable_leaves_the_environment_at_once(me: Person, age_key: pyrage.x25519.Identity) -> None:
    me.environ["DEPL_AGE_IDENTITY"] = str(age_key)
    identities = me.alone()

    assert "DEPL_AGE_IDENTITY" not in me.environ
    assert str(age_key) not in repr(identities)


def test_no_child_inherits_the_variable(monkeypatch: pytest.MonkeyPatch, age_key: pyrage.x25519.Identity) -> None:
    monkeypatch.setenv("DEPL_AGE_IDENTITY", str(age_key))
    identities = Identities(None)

    shown = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    assert "AGE" not in shown.replace("PAGER", "").replace("LANGUAGE", "")
    assert identities.decrypted(for_keys(age_key.to_public())) == b"hello"


@pytest.mark.parametrize("separator", [",", os.pathsep, ", "])
def test_the_variable_names_several_files(me: Person, age_key: pyrage.x25519.Identity, separator: str) -> None:
    me.identity("first", pyrage.x25519.Identity.generate())
    second = me.identity("second.txt", pyrage.x25519.Identity.generate(), age_key)
    me.environ["DEPL_AGE_IDENTITY"] = f"~/first{separator}{second}"

    assert me.alone().decrypted(for_keys(age_key.to_public())) == b"hello"


def test_a_file_that_the_variable_names_must_be_there(me: Person, age_key: pyrage.x25519.Identity) -> None:
    me.environ["DEPL_AGE_IDENTITY"] = "~/nowhere"

    with pytest.raises(ConfigurationError, match="DEPL_AGE_IDENTITY names ~/nowhere, but there is no such file"):
        me.alone().decrypted(for_keys(age_key.to_public()))


@pytest.mark.parametrize("path", [".config/depl/age", ".config/depl/age/laptop.txt"], ids=["file", "directory"])
def test_keys_are_found_in_the_configuration(me: Person, age_key: pyrage.x25519.Identity, path: str) -> None:
    me.identity(path, age_key)

    assert me.alone().decrypted(for_keys(age_key.to_public())) == b"hello"


def test_the_configuration_may_lie_elsewhere(me: Person, age_key: pyrage.x25519.Identity) -> None:
    me.identity("elsewhere/depl/age", age_key)
    me.environ["XDG_CONFIG_HOME"] = str(me.home / "elsewhere")

    assert me.alone().decrypted(for_keys(age_key.to_public())) == b"hello"


@pytest.mark.parametrize("armoured", [False, True], ids=["binary", "armoured"])
def test_an_identity_file_may_have_a_passphrase(me: Person, armoured: bool) -> None:
    path = me.identity(".config/depl/age", OFTEN_LOCKED, passphrase=PASSPHRASE)
    if armoured:
        me.file(path, armoured_form(Path(path).read_bytes()))

    assert me.identities("no", PASSPHRASE).decrypted(for_keys(OFTEN_LOCKED.to_public())) == b"hello"
    assert me.asked == ["Passphrase of ~/.config/depl/age: ", "This is not it. Passphrase of ~/.config/depl/age: "]


def test_a_passphrase_is_asked_for_once(me: Person) -> None:
    line = me.key("id_ed25519", "ed25519", passphrase=PASSPHRASE)
    identities = me.identities(PASSPHRASE)

    assert [identities.decrypted(for_keys(line)) for _ in range(3)] == [b"hello"] * 3
    assert len(me.asked) == 1


def test_nobody_is_asked_where_a_key_without_passphrase_fits(me: Person, age_key: pyrage.x25519.Identity) -> None:
    line = me.key("id_ed25519", "ed25519", passphrase=PASSPHRASE)
    me.identity(".config/depl/age", age_key)

    assert me.identities().decrypted(for_keys(line, age_key.to_public())) == b"hello"
    assert me.asked == []


def test_nobody_is_asked_for_a_key_that_is_no_recipient(me: Person) -> None:
    me.key("id_ed25519", "ed25519", passphrase=PASSPHRASE)
    line = me.key("id_other", "ed25519", passphrase=PASSPHRASE)

    assert me.identities(PASSPHRASE).decrypted(for_keys(line)) == b"hello"
    assert me.asked == ["Passphrase of ~/.ssh/id_other: "]


def test_a_key_is_asked_for_once_even_if_the_variable_names_it_too(me: Person) -> None:
    line = me.key("id_ed25519", "ed25519", passphrase=PASSPHRASE)
    me.environ["DEPL_AGE_IDENTITY"] = "~/.ssh/id_ed25519"
    refusal(me.identities("a", "b", "c", "d"), for_keys(line))

    assert len(me.asked) == 3


def test_after_three_wrong_passphrases_a_key_is_left_out_for_good(me: Person) -> None:
    line = me.key("id_ed25519", "ed25519", passphrase=PASSPHRASE)
    identities = me.identities("one", "two", "three", "four", "five")

    assert "~/.ssh/id_ed25519 stayed locked: 3 times another passphrase" in str(refusal(identities, for_keys(line)))
    assert "stayed locked" in str(refusal(identities, for_keys(line)))
    assert "with the passphrase of ~/.ssh/id_ed25519" in refusal(identities, for_keys(line)).hint
    assert len(me.asked) == 3


def test_an_empty_passphrase_leaves_a_key_out_and_goes_on_to_the_next(me: Person) -> None:
    first = me.key("id_a", "ed25519", passphrase=PASSPHRASE)
    second = me.key("id_b", "ed25519", passphrase=PASSPHRASE)

    assert me.identities("", PASSPHRASE).decrypted(for_keys(first, second)) == b"hello"
    assert me.asked == ["Passphrase of ~/.ssh/id_a: ", "Passphrase of ~/.ssh/id_b: "]


@pytest.mark.parametrize("how", ["nobody", "end of input"])
def test_where_nobody_can_be_asked_the_error_says_which_key_needs_a_passphrase(me: Person, how: str) -> None:
    line = me.key("id_ed25519", "ed25519", passphrase=PASSPHRASE)
    identities = me.alone() if how == "nobody" else me.identities()

    error = refusal(identities, for_keys(line), what="secrets.cfg.age")

    assert str(error) == (
        "secrets.cfg.age cannot be read: ~/.ssh/id_ed25519 needs a passphrase, and nobody can be asked here"
    )
    assert "terminal" in error.hint
    assert "DEPL_AGE_IDENTITY" in error.hint


def test_if_no_key_fits_all_are_told_with_the_reason(me: Person, age_key: pyrage.x25519.Identity) -> None:
    me.key("id_ed25519", "ed25519")
    me.key("id_ecdsa", "ecdsa")
    me.identity(".config/depl/age/a", pyrage.x25519.Identity.generate())
    me.file(".config/depl/age/b", "no key\n")
    me.file(".config/depl/age/c", "")
    me.file(".config/depl/age/d", f"{age_key}x\n")
    me.file(".config/depl/age/e", "AGE-PLUGIN-YUBIKEY-1QQQ\n")

    error = refusal(me.alone(), for_keys(age_key.to_public()), what="secrets.cfg.age")

    assert str(error).split(": ", 1)[1].split("; ") == [
        "~/.config/depl/age/a is not among its recipients",
        "~/.config/depl/age/b holds something that is not a key of age",
        "~/.config/depl/age/c holds no key",
        "~/.config/depl/age/d holds a key of age that is incomplete, mistyped or of another kind",
        "~/.config/depl/age/e holds a key of a plugin of age, which depl cannot use",
        "~/.ssh/id_ecdsa is an ECDSA key, which age cannot use",
        "~/.ssh/id_ed25519 is not among its recipients",
    ]


def test_the_hint_has_the_command_that_a_member_should_run(me: Person, age_key: pyrage.x25519.Identity) -> None:
    me.key("id_ecdsa", "ecdsa")
    line = me.key("id_ed25519", "ed25519", passphrase=PASSPHRASE)

    hint = refusal(me.alone(), for_keys(age_key.to_public()), environment="production").hint

    assert hint == f"Ask a member to run `depl secrets add '{line}' --environments production`."


def test_an_armoured_file_is_read_as_well(me: Person, age_key: pyrage.x25519.Identity) -> None:
    me.identity(".config/depl/age", age_key)
    content = armoured_form(for_keys(age_key.to_public()))

    assert me.alone().decrypted(b"\n" + content.replace(b"\n", b"\r\n")) == b"hello"
    assert "is damaged" in str(refusal(me.alone(), content.replace(b"a", b"!")))


def test_who_has_no_key_at_all_is_told_how_to_make_one(me: Person, age_key: pyrage.x25519.Identity) -> None:
    error = refusal(me.alone(), for_keys(age_key.to_public()), what="secrets.cfg.age")

    assert "there is no key here that could read secrets.cfg.age" in str(error)
    assert "ssh-keygen -t ed25519" in error.hint


def test_a_key_with_a_problem_may_be_mended(me: Person, age_key: pyrage.x25519.Identity) -> None:
    me.file(".config/depl/age", "no key\n")

    assert refusal(me.alone(), for_keys(age_key.to_public())).hint.startswith("Mend that, or make a key by")


def test_a_file_that_cannot_be_read_is_told_apart_from_a_part_that_is_damaged(
    me: Person, age_key: pyrage.x25519.Identity
) -> None:
    me.identity(".config/depl/age", age_key)
    what = {"what": "'key' of secrets.cfg.age", "file": "secrets.cfg.age"}
    other = pyrage.x25519.Identity.generate()

    assert "'key' of secrets.cfg.age is" in str(refusal(me.alone(), b"no age file", **what))
    assert "can read secrets.cfg.age: " in str(refusal(me.alone(), for_keys(other.to_public()), **what))


@pytest.mark.parametrize("kind", ["ecdsa", "ecdsa PEM", "ecdsa PKCS8"])
def test_keys_that_age_cannot_use_are_neither_asked_for_nor_offered(me: Person, kind: str) -> None:
    options = ["-m", kind.split()[1]] if " " in kind else []
    me.key("id_ecdsa", "ecdsa", *options, passphrase=PASSPHRASE)
    line = me.key("id_gone", "ed25519")
    (me.home / ".ssh/id_gone").unlink()

    error = refusal(me.identities(PASSPHRASE), for_keys(line))

    assert me.asked == []
    assert "~/.ssh/id_ecdsa is an ECDSA key, which age cannot use" in str(error)
    assert "ecdsa-" not in error.hint


def test_a_key_that_others_may_read_is_left_out(me: Person) -> None:
    line = me.key("id_ed25519", "ed25519")
    (me.home / ".ssh/id_ed25519").chmod(0o644)

    error = refusal(me.alone(), for_keys(line))

    assert "~/.ssh/id_ed25519 may be read by others (mode 0644): chmod 600 ~/.ssh/id_ed25519" in str(error)


def test_a_damaged_key_is_told(me: Person, age_key: pyrage.x25519.Identity) -> None:
    me.file(".ssh/id_rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
    me.file(".ssh/id_old", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n")
    me.file(".ssh/id_cut", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n")

    told = str(refusal(me.alone(), for_keys(age_key.to_public())))

    assert "~/.ssh/id_rsa is damaged" in told
    assert "~/.ssh/id_cut is damaged" in told
    assert "~/.ssh/id_old is damaged" in told


@pytest.mark.parametrize("at", range(0, 200, 7))
def test_every_damage_of_an_age_file_is_an_error(me: Person, age_key: pyrage.x25519.Identity, at: int) -> None:
    me.identity(".config/depl/age", age_key)
    key = str(age_key.to_public())
    content = bytearray(for_keys(key))
    content[at] ^= 1

    error = refusal(me.alone(), bytes(content), [key], what="secrets.cfg.age")

    assert "secrets.cfg.age is damaged" in str(error) or "is not an age file" in str(error)


def test_a_file_that_is_cut_off_is_damaged_also_for_those_who_could_not_read_it(me: Person) -> None:
    me.key("id_ed25519", "ed25519")
    content = for_keys(pyrage.x25519.Identity.generate().to_public())

    assert "is damaged" in str(refusal(me.alone(), content[:90]))
    assert "is not an age file" in str(refusal(me.alone(), b"plain text"))


def test_a_file_that_is_encrypted_with_a_passphrase_is_told_apart(me: Person) -> None:
    error = refusal(me.alone(), locked(b"x", "y"))

    assert "is encrypted with a passphrase" in str(error)


SEEN = """
import sys
from depl.secrets.identities import Identities
identities = Identities(lambda prompt: sys.argv[2])
print({name.split(".")[0] for name in sys.modules} & {"pyrage", "cryptography", "urllib", "ssl"} or "nothing")
identities.decrypted(bytes.fromhex(sys.argv[1]))
print({name.split(".")[0] for name in sys.modules} & {"pyrage", "cryptography"})
"""


@pytest.mark.parametrize("passphrase", ["", "geheim"])
def test_cryptography_is_loaded_for_locked_keys_only(me: Person, passphrase: str) -> None:
    line = me.key("id_ed25519", "ed25519", passphrase=passphrase)
    words = [sys.executable, "-c", SEEN, for_keys(line).hex(), passphrase]
    source = Path(__file__).parents[2] / "src"
    environ = {**os.environ, "HOME": str(me.home), "PYTHONPATH": str(source)}
    said = subprocess.run(words, env=environ, capture_output=True, text=True, check=True).stdout

    before, after = said.splitlines()
    assert before == "nothing"
    assert ("cryptography" in after) == bool(passphrase)
    assert "pyrage" in after


def test_constructing_looks_at_no_file(tmp_path: Path) -> None:
    Identities(None, {"HOME": str(tmp_path / "gone"), "DEPL_AGE_IDENTITY": "/nowhere"})


def test_what_is_typed_may_be_anything(me: Person) -> None:
    line = me.key("id_ed25519", "ed25519", passphrase=PASSPHRASE)
    typed: Callable[[str], str] = iter(["\udce4", "\0", PASSPHRASE]).__next__  # type: ignore[assignment]

    identities = Identities(lambda prompt: typed(), {"HOME": str(me.home)})  # type: ignore[call-arg]

    assert identities.decrypted(for_keys(line)) == b"hello"
