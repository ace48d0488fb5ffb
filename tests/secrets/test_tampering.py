"""Damage to the encrypted file: always told, with its place, and never a wrong value."""

from __future__ import annotations

import re
from pathlib import Path

import pyrage
import pytest

from depl.errors import DeplError
from depl.secrets.identities import Identities
from depl.secrets.sealed import written
from depl.secrets.vault import Vault

MINE = pyrage.x25519.Identity.generate()
TEXT = "# a comment\n[component:cafe]\ncookie = value one\ntoken = 2\n\n[host:web1]\ndata-key = three\n"
LINE_OF = {"cookie": "'cookie' in [component:cafe]", "token": "'token' in [component:cafe]", "data-key": "[host:web1]"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    vault = Vault(str(tmp_path), "dev")
    vault.set_recipients([f"{MINE.to_public()} me"], {}, rotate=False)
    vault.take(TEXT)
    vault.save()
    return Path(vault.path)


def read(path: Path) -> tuple[object, list[DeplError]]:
    """All that can be read, and what is told."""
    vault = Vault(str(path.parents[2]), "dev")
    told = list(vault.mistakes)
    values: dict[object, object] = {}
    try:
        vault.open(Identities(None, {"DEPL_AGE_IDENTITY": str(MINE)}, home="/nonexistent"))
    except DeplError as error:
        return values, [*told, *getattr(error, "mistakes", [error])]
    told = list(vault.mistakes)
    for place in vault.places:
        try:
            values[place] = vault.value(place)
        except DeplError as error:
            told.append(error)
    return values, [*told, *vault.damages()]


def check(path: Path, intact: object) -> list[DeplError]:
    values, told = read(path)
    assert told or values == intact
    assert all(intact[place] == value for place, value in values.items()), "a wrong value"
    for error in told:
        assert error.file, error
        assert not any(secret in repr(error.facts) for secret in ("value one", "three", "a comment", "SECRET-KEY"))
    return told


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.long)], ids=["some", "all"])
def test_every_byte_that_is_flipped_is_an_error_or_changes_nothing(path, step):
    intact, told = read(path)
    assert told == [] and len(intact) == 3
    content = path.read_bytes()
    readable = [at for at, byte in enumerate(content) if byte in b"[]=#:\n -"]  # what gives it its form: always all
    for position in sorted({*range(0, len(content), step), *readable}):
        flipped = bytearray(content)
        flipped[position] ^= 1 << (position % 8)
        path.write_bytes(flipped)
        check(path, intact)


def test_every_flipped_byte_of_what_is_encrypted_is_an_error_that_names_section_and_key(path):
    intact, _ = read(path)
    content = path.read_bytes()
    for match in re.finditer(rb"(key|public|cookie|token|data-key) = \S+", content):
        key = match[1].decode()
        for position in range(match.start() + len(match[1]) + 3, match.end(), 7):
            flipped = bytearray(content)
            flipped[position] ^= 1
            path.write_bytes(flipped)
            told = check(path, intact)
            wanted = LINE_OF.get(key, f"'{key}'")
            assert any(wanted in error.message for error in told), (position, [str(error) for error in told])
            assert {error.line for error in told} == {content.count(b"\n", 0, match.start()) + 1}


def test_every_flipped_byte_of_a_recipient_is_an_error(path):
    content = path.read_bytes()
    start = content.index(b"    age1") + 4
    for position in range(start, content.index(b" me\n")):
        flipped = bytearray(content)
        flipped[position] ^= 1
        path.write_bytes(flipped)
        told = read(path)[1]
        assert told[0].line in {3, 4, 5}
        assert "recipients" in told[0].message


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.long)], ids=["some", "all"])
def test_every_flipped_byte_of_a_whole_file_is_an_error_that_names_it(path, step):
    vault = Vault(str(path.parents[2]), "dev")
    vault.open(Identities(None, {"DEPL_AGE_IDENTITY": str(MINE)}, home="/nonexistent"))
    vault.set_file("tls", b"private key")
    vault.save()
    secret = path.parent / "secret-tls.age"
    content = secret.read_bytes()
    for position in range(0, len(content), step):
        flipped = bytearray(content)
        flipped[position] ^= 1 << (position % 8)
        secret.write_bytes(flipped)
        (error,) = read(path)[1]
        assert "tls" in error.message or "secret-tls" in str(error.file)


def test_a_value_that_was_moved_is_an_error_that_tells_from_where(path):
    text = path.read_text()
    sealed = dict(re.findall(r"^(\S+) = (age:\S+)$", text, re.MULTILINE))
    path.write_text(
        text.replace(sealed["token"], "MOVED")
        .replace(sealed["data-key"], sealed["token"])
        .replace("MOVED", sealed["data-key"])
    )
    told = {error.message for error in read(path)[1]}
    assert told == {
        "The value of 'token' in [component:cafe] does not belong there: it was encrypted as 'data-key' of [host:web1]",
        "The value of 'data-key' in [host:web1] does not belong there: it was encrypted as 'token' of [component:cafe]",
    }


def test_a_value_is_not_taken_for_a_comment_nor_a_comment_for_a_value(path):
    text = path.read_text()
    comment = re.search(r"^# (age:\S+)", text, re.MULTILINE)[1]
    value = re.search(r"^token = (age:\S+)", text, re.MULTILINE)[1]
    path.write_text(text.replace(value, comment))
    assert "encrypted as a comment" in read(path)[1][0].message
    path.write_text(text.replace(comment, value))
    assert "encrypted as 'token' of [component:cafe]" in read(path)[1][0].message


def test_a_text_of_another_form_is_not_shown_as_a_place(path):
    public = pyrage.x25519.Recipient.from_str(re.search(r"public = (\S+)", path.read_text())[1])
    value = re.search(r"^token = (age:\S+)", path.read_text(), re.MULTILINE)[1]
    path.write_text(path.read_text().replace(value, written(pyrage.encrypt(b"hunter2\nx\ny", [public]))))
    assert read(path)[1][0].message.endswith("it was encrypted as something else")


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        (r"^token = .*", "token = hunter2", 12, "'token' in [component:cafe] is not encrypted"),
        (r"^token = .*", "token = age:", 12, "is not base64"),
        (r"^(token = .*).$", r"\1", 12, "is not base64"),
        (r"^token", "<<<<<<< HEAD\ntoken", 12, "a merge that is not done"),
        (r"^token", "=======\ntoken", 12, "a merge that is not done"),
        (r"^token.*", "#\\g<0>", 12, "holds something encrypted"),
        (r"^# age:", "# agd:", 9, "A comment holds something encrypted"),
        (r"^# age:Y", "# age:y", 9, "A comment was changed or cut off"),
        (r"^cookie", "password", 11, "does not belong there: it was encrypted as 'cookie'"),
        (r"^\[host:web1\]", "[host:web2]", 15, "does not belong there: it was encrypted as 'data-key' of [host:web1]"),
        (r"^\[host:web1\]", "[hosts:web1]", 14, "cannot hold secrets"),
        (r"^\[host:web1\]", "[host:web1] # x", 14, "Something stands behind"),
        (r"^\[host:web1\]", "[cafe]\ntoken = !command ls\n[host:web1]", 15, "is there already, in line 12"),
        (r"^format = 1", "format = 2", 3, "has the format '2'; known is 1"),
        (r"^format = 1", "", 2, "does not tell its format"),
        (r"^format", "formad = 1\nformat", 3, "knows no key 'formad'"),
        (r"^public.*", "", 7, "not both of 'public' and 'key'"),
        (r"^key.*", "", 6, "not both of 'public' and 'key'"),
        (r"^public.*", "public = age1x", 6, "'public' in [depl] does not belong to 'key'"),
        (r"^recipients =\n.*", "", 6, "has a key, but no recipients"),
        (r"^\[depl\](.|\n)*?\n\n", "", 2, "no key in [depl]"),
        (r"^    age1.*", "    age1abc", 5, "In 'recipients' of [depl]: "),
        (r"^    age1.*", "\\g<0>\n    https://example.org/x.keys", 6, "are not in 'resolved'"),
        (r"^public", "resolved = https://example.org/x.keys age1x\npublic", 6, "not among the recipients"),
    ],
)
def test_what_hands_do_to_the_file_is_told_in_a_sentence_with_its_line(path, old, new, line, said):
    text = path.read_text()
    changed = re.sub(old, new, text, count=1, flags=re.MULTILINE)
    assert changed != text
    path.write_text(changed)
    told = read(path)[1]
    assert (line, True) in [(error.line, said in error.message) for error in told], [(e.line, str(e)) for e in told]
    assert all(error.hint for error in told)
    assert "hunter2" not in repr([error.facts for error in told])


def test_a_file_that_was_cut_off_is_an_error_or_lacks_whole_lines(path):
    intact, _ = read(path)
    content = path.read_bytes()
    for length in range(content.index(b"[component"), len(content), 3):
        path.write_bytes(content[:length])
        values, told = read(path)
        assert told or set(values.items()) <= set(intact.items())
        check_end = content[length - 1 : length + 1]
        assert told or b"\n" in check_end


def test_a_file_that_is_not_text_is_told_with_its_line(path):
    path.write_bytes(path.read_bytes().replace(b"token", b"tok\xffen"))
    (error, *_) = read(path)[1]
    assert (error.message, error.line) == ("The file is not UTF-8 text", 12)


def test_nothing_is_written_over_what_was_not_understood(path):
    path.write_text(path.read_text() + "[component:cafe]\ntoken = x\n")
    before = path.read_text()
    vault = Vault(str(path.parents[2]), "dev")
    vault.open(Identities(None, {"DEPL_AGE_IDENTITY": str(MINE)}, home="/nonexistent"))
    for change in (lambda: vault.set(("cafe", "token"), "x"), lambda: vault.take(TEXT), vault.text):
        with pytest.raises(DeplError):
            change()
    assert path.read_text() == before


def test_a_damaged_value_can_be_set_anew(path):
    path.write_text(re.sub(r"token = age:.*", "token = age:AAAA", path.read_text()))
    vault = Vault(str(path.parents[2]), "dev")
    vault.open(Identities(None, {"DEPL_AGE_IDENTITY": str(MINE)}, home="/nonexistent"))
    vault.set(("component:cafe", "token"), "new")
    assert vault.save() and read(path)[1] == []
