"""The encrypted file: what is written, what stays, what is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest

from depl.errors import ConfigurationError, DeplError, Mistakes
from depl.secrets.identities import Identities
from depl.secrets.places import has_secrets
from depl.secrets.vault import Vault

TEXT = """\
# old-password: hunter1
[component:guestbook]
password = hunter2
token = !command pass show guestbook/token

# on one host
[host:web1]
data-apikey = two
    lines
guestbook.password = other
"""
PASSWORD = ("component:guestbook", "password")


class Member:
    """Somebody with a key of their own."""

    def __init__(self, name: str) -> None:
        self._identity = pyrage.x25519.Identity.generate()
        self.line = f"{self._identity.to_public()} {name}"

    def identities(self) -> Identities:
        return Identities(None, {"DEPL_AGE_IDENTITY": str(self._identity)}, home="/nonexistent")


class Counting(Identities):
    """Counts how often the key of a member is used."""

    count = 0

    def decrypted(self, *args, **kwargs):
        self.count += 1
        return super().decrypted(*args, **kwargs)


@pytest.fixture
def alice() -> Member:
    return Member("alice")


@pytest.fixture
def bob() -> Member:
    return Member("bob")


@pytest.fixture
def path(tmp_path: Path, alice: Member) -> Path:
    """A file with a few secrets that alice can read."""
    vault = Vault(str(tmp_path), "production")
    vault.set_recipients([alice.line], {}, rotate=False)
    vault.take(TEXT)
    assert vault.save()
    return Path(vault.path)


def opened(path: Path, member: Member) -> Vault:
    vault = Vault(str(path.parents[2]), path.parent.name)
    vault.open(member.identities())
    return vault


def values(vault: Vault) -> dict[tuple[str, str], str]:
    return {place: vault.command(place) or vault.value(place) for place in vault.places}


def changed_lines(before: str, after: str) -> list[tuple[str, str]]:
    """The keys of lines that went and came."""
    old, new = before.splitlines(), after.splitlines()
    gone = [("-", line.partition(" =")[0]) for line in old if line not in new]
    return gone + [("+", line.partition(" =")[0]) for line in new if line not in old]


def test_secrets_are_read_as_they_were_written(path, alice):
    vault = opened(path, alice)
    assert vault.text() == TEXT
    assert values(vault) == {
        PASSWORD: "hunter2",
        ("component:guestbook", "token"): "pass show guestbook/token",
        ("host:web1", "data-apikey"): "two\nlines",
        ("host:web1", "guestbook.password"): "other",
    }


def test_sections_keys_and_commands_stand_in_clear_and_nothing_else(path):
    text = path.read_text()
    for clear in ("[component:guestbook]", "password = age:", "token = !command pass show", "[host:web1]", " alice\n"):
        assert clear in text
    for secret in ("hunter", "old-password", "two", "other", "on one host"):
        assert secret not in text


def test_what_stands_in_clear_is_known_without_a_key(path, alice):
    vault = Vault(str(path.parents[2]), "production")
    assert vault.exists and vault.mistakes == [] and vault.recipients == [alice.line]
    assert vault.keys == [alice.line.split()[0]]
    assert {path.read_text().splitlines()[line - 1].partition(" =")[0] for line in vault.places.values()} == {
        "password", "token", "data-apikey", "guestbook.password",
    }  # fmt: skip
    assert vault.command(("component:guestbook", "token")) == "pass show guestbook/token"
    assert vault.command(PASSWORD) is None


def test_without_a_change_nothing_is_written(path, alice):
    before = path.read_bytes(), path.stat()
    vault = opened(path, alice)
    vault.take(vault.text())
    vault.set(PASSWORD, "hunter2")
    assert not vault.save()
    assert (path.read_bytes(), path.stat()) == before


def test_only_the_line_of_a_changed_value_changes(path, alice):
    before = path.read_text()
    vault = opened(path, alice)
    vault.take(TEXT.replace("hunter2", "new"))
    assert vault.save()
    assert changed_lines(before, path.read_text()) == [("-", "password"), ("+", "password")]
    assert opened(path, alice).value(PASSWORD) == "new"


def test_what_is_changed_and_changed_back_is_no_change(path, alice):
    vault = opened(path, alice)
    vault.take(TEXT.replace("hunter2", "new").replace("hunter1", "old"))
    vault.take(TEXT)
    assert not vault.save()


def test_lines_that_were_formatted_by_hand_stay(path, alice):
    text = (
        path.read_text()
        .replace("token = ", "token=")
        .replace("\n\n# ", "\n   \n; by hand\n# ")
        .replace("    age1", "  age1")
    )
    path.write_text(text)
    vault = opened(path, alice)
    vault.set(PASSWORD, "new")
    vault.save()
    assert changed_lines(text, path.read_text()) == [("-", "password"), ("+", "password")]
    vault.set_recipients([*vault.recipients, Member("bob").line], {}, rotate=False)
    vault.save()
    assert "\n  age1" in path.read_text() and " bob\n" in path.read_text()


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_line_ends_and_the_mark_of_windows_stay(path, alice, end, mark):
    path.write_text(mark + path.read_text().replace("\n", end), newline="")
    vault = opened(path, alice)
    assert vault.mistakes == [] and vault.text() == TEXT and not vault.save()
    vault.set(PASSWORD, "new")
    vault.save()
    content = path.read_bytes()
    assert content.count(b"\n") == content.count(end.encode()) and content.startswith(mark.encode() + b"# Secrets")
    assert opened(path, alice).value(PASSWORD) == "new"


def test_a_value_becomes_a_command_and_the_other_way_round(path, alice):
    vault = opened(path, alice)
    vault.take("[guestbook]\npassword = !command pass show x\ntoken = abc\n")
    vault.save()
    vault = opened(path, alice)
    assert (vault.command(PASSWORD), vault.value(("component:guestbook", "token"))) == ("pass show x", "abc")


def test_values_are_set_and_removed_one_by_one(path, alice):
    vault = opened(path, alice)
    vault.set(("guestbook", "port"), "1")
    vault.set(("host:web 2!", "data-ключ"), " ")
    vault.set(("component:odd name", "key"), "ls -l", command=True)
    vault.remove(("host:web1", "data-apikey"))
    vault.remove(("host:web1", "guestbook.password"))
    vault.save()
    assert opened(path, alice).text() == (
        "# old-password: hunter1\n[component:guestbook]\npassword = hunter2\n"
        "token = !command pass show guestbook/token\nport = 1\n\n# on one host\n"
        '\n[host:web 2!]\ndata-ключ = !text " "\n\n[component:odd name]\nkey = !command ls -l\n'
    )


@pytest.mark.parametrize(
    "place",
    [("group:x", "a"), ("component:", "a"), ("x", "a b"), ("x", "#a"), ("x", ""), ("x\n[y]", "a"), ("host:h", "a")],
)
def test_a_place_that_the_file_cannot_hold_is_refused(path, alice, place):
    with pytest.raises(ConfigurationError):
        opened(path, alice).set(place, "value")


def test_all_mistakes_of_an_edited_text_are_told_and_nothing_changes(path, alice):
    vault = opened(path, alice)
    with pytest.raises(Mistakes) as raised:
        vault.take("[group:x]\n[a]\nb = !command\nb = 1\n", file="edited")
    assert [mistake.place for mistake in raised.value.mistakes] == ["edited:1", "edited:3", "edited:4"]
    assert not vault.save() and vault.text() == TEXT


def test_any_value_can_be_kept(path, alice):
    odd = ["", "\0", "\r\n", "ü\ud800", "x" * 70000, "age:AAAA", "!command x", "[a]\n#"]
    vault = opened(path, alice)
    for number, value in enumerate(odd):
        vault.set(("component:a", f"k{number}"), value)
    vault.save()
    vault = opened(path, alice)
    assert [vault.value(("component:a", f"k{number}")) for number in range(len(odd))] == odd
    vault.take(vault.text())
    assert not vault.save()


def test_who_is_added_reads_everything_and_no_value_changes(path, alice, bob):
    before = path.read_text()
    vault = opened(path, alice)
    vault.set_recipients([alice.line, bob.line], {}, rotate=False)
    vault.save()
    assert changed_lines(before, path.read_text()) == [("-", "key"), ("+", bob.line.join(["    ", ""])), ("+", "key")]
    assert opened(path, bob).text() == TEXT


def test_who_is_removed_reads_nothing_that_is_written_from_then_on(path, alice, bob):
    vault = opened(path, alice)
    vault.set_recipients([alice.line, bob.line], {}, rotate=False)
    vault.set_file("tls.key", b"private")
    vault.save()
    key_of_bob = opened(path, bob)
    vault.set_recipients([alice.line], {}, rotate=True)
    vault.save()
    with pytest.raises(DeplError):
        opened(path, bob)
    ring = key_of_bob._body.ring
    assert all(ring.unseal(word) is None for word in path.read_text().split() if word.startswith("age:"))
    assert ring.decrypted((path.parent / "secret-tls.key.age").read_bytes()) is None
    after = opened(path, alice)
    assert (after.text(), after.file("tls.key"), after.stale) == (TEXT, b"private", [])


def test_what_a_merge_brings_from_before_a_rotation_is_read_and_told(path, alice):
    other = path.read_text()
    for _ in range(3):
        vault = opened(path, alice)
        vault.set_recipients([alice.line], {}, rotate=True)
        vault.save()
    lines = {line.partition(" =")[0]: line for line in other.splitlines()}
    merged = [lines["password"] if line.startswith("password") else line for line in path.read_text().splitlines()]
    path.write_text("\n".join(merged) + "\n")
    vault = opened(path, alice)
    assert (vault.stale, vault.text()) == ([PASSWORD], TEXT)
    vault.set_recipients([alice.line], {}, rotate=True)
    assert vault.stale == []


def test_a_secret_file_from_before_a_rotation_is_told(path, alice):
    vault = opened(path, alice)
    vault.set_file("tls.key", b"private")
    vault.save()
    file = path.parent / "secret-tls.key.age"
    before = file.read_bytes()
    vault.set_recipients([alice.line], {}, rotate=True)
    vault.save()
    assert opened(path, alice).stale_files == []
    file.write_bytes(before)
    vault = opened(path, alice)
    assert (vault.stale_files, vault.file("tls.key")) == (["tls.key"], b"private")


def test_keys_behind_an_address_are_kept_with_it(path, alice, bob):
    url = "https://example.org/bob.keys"
    vault = opened(path, alice)
    with pytest.raises(ConfigurationError, match="were not fetched"):
        vault.set_recipients([alice.line, url], {}, rotate=False)
    vault.set_recipients([alice.line, url], {url: [bob.line.split()[0]]}, rotate=False)
    vault.save()
    vault = opened(path, bob)
    assert (vault.recipients, vault.resolved) == ([alice.line, url], {url: [bob.line.split()[0]]})
    vault.set_recipients([bob.line], {}, rotate=False)
    vault.save()
    assert "resolved" not in path.read_text()


def test_recipients_that_were_written_in_by_hand_are_a_mistake_until_somebody_means_it(path, alice, bob):
    path.write_text(path.read_text().replace("    age1", f"    {bob.line}\n    age1"))
    vault = opened(path, alice)
    (mistake,) = vault.mistakes
    assert (
        mistake.line == 4 and "recipients" in mistake.message and "reencrypt --environments production" in mistake.hint
    )
    assert vault.value(PASSWORD) == "hunter2"
    with pytest.raises(ConfigurationError):
        vault.set_recipients(vault.recipients, {}, rotate=False)
    vault.set_recipients(vault.recipients, {}, rotate=True)
    assert vault.mistakes == [] and vault.save()
    assert opened(path, bob).mistakes == []


def test_nobody_left_is_refused(path, alice):
    with pytest.raises(ConfigurationError, match="Nobody"):
        opened(path, alice).set_recipients([], {}, rotate=True)


def test_there_must_be_somebody_before_a_value_can_be_encrypted(tmp_path, alice):
    vault = Vault(str(tmp_path), "dev")
    with pytest.raises(ConfigurationError) as raised:
        vault.take("[a]\nb = 1\n")
    assert "depl secrets add RECIPIENT --environments ENV" in raised.value.hint
    with pytest.raises(ConfigurationError):
        vault.set_file("x", b"")
    assert not vault.save() and not (tmp_path / "environments").exists()


def test_commands_need_neither_key_nor_cryptography(tmp_path):
    code = """if True:
        import sys
        from depl.secrets.vault import Vault
        from depl.secrets.identities import Identities
        vault = Vault(sys.argv[1], "dev")
        vault.take("[a]\\nb = !command pass show b\\n")
        assert vault.save()
        vault = Vault(sys.argv[1], "dev")
        vault.open(Identities(None))
        assert vault.command(("component:a", "b")) == "pass show b" and not vault.mistakes
        vault.set(("component:a", "c"), "ls", command=True)
        assert vault.save()
        print({"pyrage", "cryptography"} & set(sys.modules))
    """
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    text = (tmp_path / "environments/dev/secrets.cfg.age").read_text()
    assert text.endswith("[depl]\nformat = 1\n\n[component:a]\nb = !command pass show b\nc = !command ls\n")


def test_a_file_of_commands_that_was_written_by_hand_is_taken_and_gets_recipients(tmp_path, alice):
    path = tmp_path / "environments/dev/secrets.cfg.age"
    path.parent.mkdir(parents=True)
    path.write_text("# by hand\n[a]\nb = !command ls")
    vault = opened(path, alice)
    assert vault.mistakes == [] and vault.text() == "# by hand\n[a]\nb = !command ls\n" and not vault.save()
    vault.set_recipients([alice.line], {}, rotate=False)
    vault.set(("component:a", "c"), "1")
    vault.save()
    assert opened(path, alice).text() == "# by hand\n[a]\nb = !command ls\nc = 1\n"


def test_whole_files_are_kept_and_found(path, alice):
    vault = opened(path, alice)
    vault.set_file("tls.key", b"\x00\xff")
    assert vault.files == ["tls.key"] and vault.file("tls.key") == b"\x00\xff" and vault.save()
    vault = opened(path, alice)
    vault.set_file("tls.key", b"\x00\xff")
    assert vault.file("tls.key") == b"\x00\xff" and not vault.save()
    with pytest.raises(ConfigurationError):
        vault.set_file("../x", b"")


def test_a_file_that_somebody_made_with_age_is_read(tmp_path, alice):
    secret = tmp_path / "environments/dev/secret-a.txt.age"
    secret.parent.mkdir(parents=True)
    recipient = pyrage.x25519.Recipient.from_str(alice.line.split()[0])
    secret.write_bytes(pyrage.encrypt(b"content", [recipient], armored=True))
    assert has_secrets(str(tmp_path), "dev") and not has_secrets(str(tmp_path), "other")
    vault = opened(secret, alice)
    assert (vault.exists, vault.files, vault.file("a.txt")) == (False, ["a.txt"], b"content")


def test_any_number_of_values_takes_one_use_of_the_key_of_a_member(path, alice):
    vault = opened(path, alice)
    vault.take("[a]\n" + "".join(f"k{number} = {number}\n" for number in range(500)))
    vault.save()
    vault = Vault(str(path.parents[2]), "production")
    mine = Counting(None, {"DEPL_AGE_IDENTITY": str(alice._identity)}, home="/nonexistent")
    vault.open(mine)
    assert len(values(vault)) == 500 and mine.count == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("secrets.cfg.gpg", b"\x85"),
        ("secrets.cfg.age-diffable", b"[batou]\n"),
        ("secrets.cfg.age", b"[batou]\nmembers = a\n"),
        ("secrets.cfg.age", b"age-encryption.org/v1\n-> X25519 \xff"),
        ("secrets.cfg.age", b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n"),
    ],
)
def test_a_file_of_batous_is_to_be_imported(tmp_path, alice, name, content):
    directory = tmp_path / "environments/dev"
    directory.mkdir(parents=True)
    (directory / name).write_bytes(content)
    assert has_secrets(str(tmp_path), "dev")
    vault = Vault(str(tmp_path), "dev")
    (mistake,) = vault.mistakes
    assert name in mistake.message and mistake.hint.startswith("`depl secrets import dev`")
    for call in (lambda: vault.open(alice.identities()), vault.text, lambda: vault.set(PASSWORD, "x")):
        with pytest.raises(Mistakes):
            call()
    vault = Vault(str(tmp_path), "dev", replaces_batou=True)
    vault.set_recipients([alice.line], {}, rotate=False)
    vault.take(TEXT)
    vault.save()
    assert opened(Path(vault.path), alice).text() == TEXT


def test_nothing_that_shows_itself_shows_a_value(path, alice):
    vault = opened(path, alice)
    vault.text()
    shown = repr([vault, vault._body.lines, vault._body.plain_lines(), vault._body.ring, vars(vault._document)])
    assert "hunter" not in shown and "AGE-SECRET" not in shown
    assert os.path.basename(vault.path) == "secrets.cfg.age"
