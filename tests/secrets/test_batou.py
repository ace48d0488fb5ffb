"""Secrets of batou's become depl's own, for the same members; nothing is lost on the way."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pyrage
import pytest

from depl.errors import ConfigurationError, DeplError, Mistakes
from depl.secrets import batou
from depl.secrets.identities import Identities
from depl.secrets.vault import Vault

INI = """\
[batou]
members =
    {member},
    # bob has left
    03C7E67FC9FD9364
secret_provider = age

# the word
[hello]
magic_word = deploy often
[component:database]
password = 100% $sure !text
url = postgres://u:p=1@h
certificate =
    -----BEGIN-----
    # bob's
    abc
    -----END-----
pipe = !command rm -rf /
[host:web1]
data-token = one
plain = two
"""


@pytest.fixture(scope="module")
def key() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


@pytest.fixture
def member(key: pyrage.x25519.Identity) -> str:
    return str(key.to_public())


@pytest.fixture
def identities(key: pyrage.x25519.Identity, tmp_path: Path) -> Identities:
    """The member's own keys."""
    return Identities(None, {"DEPL_AGE_IDENTITY": str(key)}, str(tmp_path / "home"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The directory of the environment production."""
    place = tmp_path / "project" / "environments" / "production"
    place.mkdir(parents=True)
    (place / "environment.cfg").write_text("[environment]\n")
    return place


@pytest.fixture
def base(place: Path) -> str:
    return str(place.parent.parent)


@pytest.fixture
def sealed(key: pyrage.x25519.Identity) -> Callable[..., bytes]:
    def sealed(content: str, armoured: bool = False) -> bytes:
        return bytes(pyrage.encrypt(content.encode(), [key.to_public()], armored=armoured))

    return sealed


@pytest.fixture(scope="module")
def gpg() -> Iterator[Callable[[bytes, Path], None]]:
    """Encrypts for somebody whose key gpg has, by gpg."""
    if not shutil.which("gpg"):
        pytest.skip("gpg is not here")
    import tempfile

    with tempfile.TemporaryDirectory() as home:  # a short path: gpg-agent has its socket there
        os.chmod(home, 0o700)
        environment = {**os.environ, "GNUPGHOME": home}

        def run(*arguments: str, content: bytes = b"") -> None:
            subprocess.run(
                ["gpg", "--batch", *arguments], input=content, env=environment, check=True, capture_output=True
            )

        def encrypt(content: bytes, path: Path) -> None:
            run("--trust-model", "always", "-r", "alice@example.org", "-o", str(path), "--encrypt", content=content)

        run("--passphrase", "", "--quick-generate-key", "alice@example.org", "default", "default", "never")
        before = os.environ.get("GNUPGHOME")
        os.environ["GNUPGHOME"] = home
        yield encrypt
        subprocess.run(["gpgconf", "--kill", "all"], env=environment, check=True)
        os.environ.pop("GNUPGHOME")
        os.environ.update({} if before is None else {"GNUPGHOME": before})


def imported(base: str, identities: Identities, *recipients: str) -> tuple[batou.Imported, Vault, list[str]]:
    """Import, and read again what was written."""
    read = batou.read(base, "production", identities)
    removed = batou.into(Vault(base, "production", replaces_batou=True), read, recipients)
    vault = Vault(base, "production")
    assert vault.mistakes == []
    vault.open(identities)
    return read, vault, sorted(os.path.relpath(path, base) for path in removed)


def values(vault: Vault) -> dict[tuple[str, str], str]:
    return {place: vault.value(place) for place in vault.places if vault.command(place) is None}


EXPECTED = {
    ("component:hello", "magic_word"): "deploy often",
    ("component:database", "password"): "100% $sure !text",
    ("component:database", "url"): "postgres://u:p=1@h",
    ("component:database", "certificate"): "\n-----BEGIN-----\nabc\n-----END-----",
    ("component:database", "pipe"): "!command rm -rf /",
    ("host:web1", "data-token"): "one",
    ("host:web1", "data-plain"): "two",
}


@pytest.mark.parametrize("armoured", [False, True])
def test_a_file_encrypted_by_age_as_a_whole_is_taken_over(
    place: Path, base: str, identities: Identities, member: str, sealed: Callable[..., bytes], armoured: bool
) -> None:
    (place / "secrets.cfg.age").write_bytes(sealed(INI.format(member=member), armoured))
    (place / "secret-tls.key.age").write_bytes(sealed("KEY\n", armoured))
    read, vault, removed = imported(base, identities)
    assert values(vault) == EXPECTED
    assert vault.file("tls.key") == b"KEY\n"
    assert vault.recipients == [member]
    assert removed == []
    assert len(read.warnings) == 1
    assert "03C7E67FC9FD9364 is the id of a GPG key" in read.warnings[0]


def test_what_is_taken_over_no_longer_needs_the_members_own_keys_for_files(
    place: Path, base: str, identities: Identities, member: str, sealed: Callable[..., bytes]
) -> None:
    (place / "secrets.cfg.age").write_bytes(sealed(INI.format(member=member)))
    before = sealed("KEY\n")
    (place / "secret-tls.key.age").write_bytes(before)
    imported(base, identities)
    assert (place / "secret-tls.key.age").read_bytes() != before


def test_comments_stay(
    place: Path, base: str, identities: Identities, member: str, sealed: Callable[..., bytes]
) -> None:
    (place / "secrets.cfg.age").write_bytes(sealed(INI.format(member=member)))
    _, vault, _ = imported(base, identities)
    assert "# the word\n[component:hello]\nmagic_word = deploy often\n" in vault.text()
    assert "# bob's" in vault.text()
    assert "bob has left" not in vault.text()


def base64_of_binary(content: bytes) -> str:
    return base64.b64encode(content).decode()


def armour_in_one_line(content: bytes) -> str:
    """As batou wrote it at first."""
    lines = base64.encodebytes(content).decode().replace("\n", "\\n")
    return f"-----BEGIN AGE ENCRYPTED FILE-----\\n{lines}-----END AGE ENCRYPTED FILE-----\\n"


@pytest.mark.parametrize("form", [base64_of_binary, armour_in_one_line])
def test_values_that_are_encrypted_one_by_one_are_taken_over(
    place: Path,
    base: str,
    identities: Identities,
    member: str,
    sealed: Callable[..., bytes],
    form: Callable[[bytes], str],
) -> None:
    (place / "secrets.cfg.age-diffable").write_text(
        f"[batou]\nmembers = {member}\n# a word\n[hello]\nword = {form(sealed('deploy often'))}\n"
        f"lines = {form(sealed(chr(10) + 'a' + chr(10) + 'b'))}\n[host:web1]\ntoken = {form(sealed('!text one'))}\n"
    )
    (place / "secret-other.age").write_bytes(sealed("file"))
    (place / "age_keys.txt").write_text("# ssh key file from https://example.org/a.keys\n")
    read, vault, removed = imported(base, identities)
    assert values(vault) == {
        ("component:hello", "word"): "deploy often",
        ("component:hello", "lines"): "\na\nb",
        ("host:web1", "data-token"): "!text one",
    }
    assert vault.file("other") == b"file"
    assert read.warnings == []
    assert removed == ["environments/production/secrets.cfg.age-diffable"]
    assert "# a word" in vault.text()


def test_a_damaged_value_is_told_with_its_place_and_without_its_content(
    place: Path, base: str, identities: Identities, member: str
) -> None:
    (place / "secrets.cfg.age-diffable").write_text(f"[batou]\nmembers = {member}\n[hello]\nword = cGxhaW50ZXh0\n")
    with pytest.raises(ConfigurationError, match=r"'word' in \[hello\] is not encrypted as batou does it") as caught:
        batou.read(base, "production", identities)
    assert caught.value.line == 4
    assert "cGxh" not in str(caught.value.facts)


def test_files_of_gpg_are_taken_over_for_those_who_are_named(
    place: Path, base: str, identities: Identities, member: str, gpg: Callable[[bytes, Path], None]
) -> None:
    gpg(INI.format(member="alice@example.org").encode(), place / "secrets.cfg.gpg")
    gpg(b"\xff\x00", place / "secret-tls.p12.gpg")
    read, vault, removed = imported(base, identities, f"{member} alice")
    assert values(vault) == EXPECTED
    assert vault.file("tls.p12") == b"\xff\x00"
    assert vault.recipients == [f"{member} alice"]
    assert any("alice@example.org is a mail address" in warning for warning in read.warnings)
    assert removed == ["environments/production/secret-tls.p12.gpg", "environments/production/secrets.cfg.gpg"]
    assert sorted(os.listdir(place)) == ["environment.cfg", "secret-tls.p12.age", "secrets.cfg.age"]


def test_without_anybody_to_encrypt_for_everything_stays(
    place: Path, base: str, identities: Identities, gpg: Callable[[bytes, Path], None]
) -> None:
    gpg(INI.format(member="alice@example.org").encode(), place / "secrets.cfg.gpg")
    read = batou.read(base, "production", identities)
    with pytest.raises(ConfigurationError, match="none of batou's members") as caught:
        batou.into(Vault(base, "production", replaces_batou=True), read)
    assert "--recipient" in caught.value.hint
    assert sorted(os.listdir(place)) == ["environment.cfg", "secrets.cfg.gpg"]


def test_a_file_for_somebody_elses_gpg_key_is_told(
    place: Path, base: str, identities: Identities, gpg: Callable[[bytes, Path], None], tmp_path: Path
) -> None:
    gpg(b"[batou]\n", place / "secrets.cfg.gpg")
    home, mine = tmp_path / "g", os.environ["GNUPGHOME"]
    home.mkdir(mode=0o700)
    os.environ["GNUPGHOME"] = str(home)
    try:
        with pytest.raises(DeplError, match=r"gpg cannot decrypt the file: .*(No secret key|failed)"):
            batou.read(base, "production", identities)
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], check=True)
        os.environ["GNUPGHOME"] = mine


def test_the_layout_of_long_ago_is_known(
    place: Path, base: str, identities: Identities, member: str, gpg: Callable[[bytes, Path], None]
) -> None:
    old = Path(base) / "secrets"
    old.mkdir()
    gpg(INI.format(member=member).encode(), old / "production.cfg")
    gpg(b"content", old / "production-foo.yaml")
    for other in ("production-b.cfg", "production-b-bar", "other.cfg"):
        (old / other).write_bytes(b"\x85")
    _, vault, removed = imported(base, identities)
    assert values(vault) == EXPECTED
    assert vault.files == ["foo.yaml"]
    assert removed == ["secrets/production-foo.yaml", "secrets/production.cfg"]


def test_a_file_from_elsewhere_stays_where_it_is(
    base: str, identities: Identities, member: str, sealed: Callable[..., bytes], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "old"
    elsewhere.mkdir()
    (elsewhere / "secrets.cfg.age").write_bytes(sealed(INI.format(member=member)))
    (elsewhere / "secret-a.age").write_bytes(sealed("file"))
    read = batou.read(base, "production", identities, str(elsewhere / "secrets.cfg.age"))
    vault = Vault(base, "production", replaces_batou=True)
    assert batou.into(vault, read) == []
    assert sorted(os.listdir(elsewhere)) == ["secret-a.age", "secrets.cfg.age"]
    assert vault.files == ["a"]


def test_the_keys_that_batou_noted_do_for_an_address_that_does_not_answer(
    place: Path, base: str, identities: Identities, member: str, sealed: Callable[..., bytes]
) -> None:
    url = "https://localhost:1/alice.keys"
    (place / "secrets.cfg.age").write_bytes(sealed(f"[batou]\nmembers = {url}, {member}\n[hello]\nword = often\n"))
    noted = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIACZ8++sQADp8fztgumfw2i+WSgzMHB7MgSpkM2y5pHi"
    (place / "age_keys.txt").write_text(f"# ssh key file from {url}\n{noted} alice\n# plain age public key\n{member}\n")
    read, vault, removed = imported(base, identities)
    assert vault.recipients == [url, member]
    assert set(vault.keys) == {noted, member}
    assert any("the keys that batou noted" in warning for warning in read.warnings)
    assert removed == ["environments/production/age_keys.txt"]


def test_an_address_of_which_nothing_is_known_stops_the_import(
    place: Path, base: str, identities: Identities, member: str, sealed: Callable[..., bytes]
) -> None:
    before = sealed(f"[batou]\nmembers = https://localhost:1/alice.keys, {member}\n[hello]\nword = often\n")
    (place / "secrets.cfg.age").write_bytes(before)
    read = batou.read(base, "production", identities)
    with pytest.raises(DeplError, match="localhost:1"):
        batou.into(Vault(base, "production", replaces_batou=True), read)
    assert (place / "secrets.cfg.age").read_bytes() == before


def test_keys_become_those_that_batou_took_them_for(
    place: Path, base: str, identities: Identities, member: str, sealed: Callable[..., bytes]
) -> None:
    (place / "secrets.cfg.age").write_bytes(sealed(f"[batou]\nMembers = {member}\n[host:a]\ndata-ApiKey = x\n"))
    read, vault, _ = imported(base, identities)
    assert values(vault) == {("host:a", "data-apikey"): "x"}
    assert read.warnings == [
        "'data-ApiKey' in [host:a] is 'data-apikey' now: batou reads the keys of secrets in lower case"
    ]


def test_a_mistake_in_the_file_is_told_with_its_line_and_without_values(
    place: Path, base: str, identities: Identities, member: str, sealed: Callable[..., bytes]
) -> None:
    (place / "secrets.cfg.age").write_bytes(sealed("[hello]\nword = hunter2\nword = hunter3\nhunter4\n[x]\nno way = 1"))
    with pytest.raises(Mistakes) as caught:
        batou.read(base, "production", identities)
    assert [mistake.line for mistake in caught.value.mistakes] == [3, 4, 6]
    assert "hunter" not in str([mistake.facts for mistake in caught.value.mistakes])


def test_secrets_of_depls_own_are_not_replaced(
    place: Path, base: str, identities: Identities, member: str, sealed: Callable[..., bytes]
) -> None:
    (place / "secrets.cfg.age").write_bytes(sealed(INI.format(member=member)))
    imported(base, identities)
    with pytest.raises(ConfigurationError, match="are depl's already"):
        batou.read(base, "production", identities)
    (place / "secrets.cfg.age-diffable").write_text(f"[batou]\nmembers = {member}\n")
    with pytest.raises(ConfigurationError, match="There are secrets of depl's already"):
        batou.read(base, "production", identities)


def test_an_environment_without_secrets_has_nothing_to_take_over(base: str, identities: Identities) -> None:
    with pytest.raises(ConfigurationError, match="no secrets for production"):
        batou.read(base, "production", identities)


def test_two_files_of_batous_are_one_too_many(
    place: Path, base: str, identities: Identities, sealed: Callable[..., bytes]
) -> None:
    (place / "secrets.cfg.age").write_bytes(sealed("[batou]\n"))
    (place / "secrets.cfg.gpg").write_bytes(b"\x85")
    with pytest.raises(ConfigurationError, match=r"secrets.cfg.gpg, too"):
        batou.read(base, "production", identities)


def test_a_file_that_is_not_encrypted_is_not_taken(base: str, identities: Identities, tmp_path: Path) -> None:
    (tmp_path / "secrets.cfg").write_text("[hello]\nword = hunter2\n")
    with pytest.raises(ConfigurationError, match="no file that batou encrypted"):
        batou.read(base, "production", identities, str(tmp_path / "secrets.cfg"))
