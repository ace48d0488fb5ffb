"""The journal on disk: what is torn, damaged, of the future, or cannot be written."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import tracemalloc
import zlib

import pytest

from depl.change.changes import Put
from depl.change.ends import note_ends
from depl.change.journal import read, read_last
from depl.change.journals import Journals
from depl.change.nodes import Absent, Link
from depl.change.records import Begin, Did, Made, Settled
from depl.errors import JournalError

BEGIN = Begin(0, "r1", "test", "localhost", "app", 1, "tester", "", "boot", "now")


def did(name: str = "x") -> Did:
    return Did(0, f"app/File({name})", Put(f"/{name}", Absent(), Link("to")))


@pytest.fixture
def journals(tmp_path):
    return Journals(str(tmp_path / ".depl" / "journal"))


@pytest.fixture
def journal(journals):
    journal = journals.open("r1")
    yield journal
    journal.close()


def test_nothing_is_made_before_the_first_record(journals, tmp_path):
    journals.open("r1").close()
    assert list(tmp_path.iterdir()) == []


def test_the_beginning_is_written_with_the_first_record_and_all_are_numbered(journals, journal):
    journal.will_begin(BEGIN)
    assert journal.next_number == 2
    journal.append(did())
    journal.append(Made(0), did("y"), durable=True)
    found = read(journals.paths()[0])
    assert [record.n for record in found] == [1, 2, 3, 4]
    assert found == journal.records
    assert read_last(journal.path) == found[-1]


def test_only_its_owner_can_read_it(journal):
    journal.append(did())
    assert os.stat(journal.path).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(journal.path)).st_mode & 0o777 == 0o700


@pytest.mark.parametrize("length", [1, 7, 9, 40, -1])
def test_a_torn_end_is_ignored_and_cut_off_before_the_next_record(journals, journal, length):
    journal.append(did())
    journal.append(did("y"))
    content = open_bytes(journal.path)
    second = content.index(b"\n") + 1
    write_bytes(journal.path, content[: second + length] if length > 0 else content[:-1])
    assert read_last(journal.path).n == 1
    assert [record.n for record in read(journal.path)] == [1]
    again = journals.open("r1")
    again.append(did("z"))
    again.close()
    assert [(record.n, record.component) for record in read(journal.path)] == [(1, "app/File(x)"), (2, "app/File(z)")]


def test_a_torn_only_line_is_as_nothing(journals, journal):
    journal.append(did())
    write_bytes(journal.path, open_bytes(journal.path)[:20])
    assert read(journal.path) == []
    assert read_last(journal.path) is None
    again = journals.open("a-name-that-sorts-before-r1")
    again.append(did("z"))
    again.close()
    assert journals.paths()[-1] == again.path


def test_a_damaged_line_in_the_middle_is_an_error_that_names_it(journals, journal):
    journal.append(did(), did("y"), did("z"))
    lines = open_bytes(journal.path).splitlines(keepends=True)
    lines[1] = lines[1].replace(b"File(y)", b"File(Y)")
    write_bytes(journal.path, b"".join(lines))
    with pytest.raises(JournalError, match=":2 is damaged") as caught:
        journals.open("r2")
    assert (caught.value.file, caught.value.line) == (journal.path, 2)


def test_a_damaged_last_line_that_was_written_whole_is_an_error(journals, journal):
    journal.append(did())
    write_bytes(journal.path, open_bytes(journal.path).replace(b"File(x)", b"File(X)"))
    with pytest.raises(JournalError, match=":1 is damaged"):
        read(journal.path)


def test_records_behind_a_torn_one_are_an_error_that_names_the_line(journals, journal):
    journal.append(did(), did("y"), did("z"))
    lines = open_bytes(journal.path).splitlines(keepends=True)
    write_bytes(journal.path, lines[0] + lines[1][:30] + lines[2])
    with pytest.raises(JournalError, match=":2 is damaged"):
        journals.open("r2")


@pytest.mark.parametrize(
    "text",
    [
        '{"is":"of the future","n":2}',
        '{"is":"made","n":2,"more":1}',
        '{"is":"did","n":2,"component":"app","change":{"is":"beam","to":"mars"}}',
        '{"is":"ended","n":2,"component":"app","after":["a list"]}',
        '{"is":"begin","n":2,"schema":"x"}',
        "[]",
        "no JSON",
    ],
)
def test_a_record_that_only_a_newer_depl_understands_is_told_with_its_place_and_the_next_step(journals, journal, text):
    journal.append(did())
    line = b"%08x %s\n" % (zlib.crc32(text.encode()), text.encode())
    write_bytes(journal.path, open_bytes(journal.path) + line)
    for act in (lambda: read(journal.path), lambda: read_last(journal.path), lambda: journals.open("r2")):
        with pytest.raises(JournalError, match=re.escape(journal.path)) as caught:
            act()
        assert caught.value.file == journal.path
        assert "newer" in caught.value.hint


def test_the_end_of_a_huge_journal_is_read_without_the_rest(journal, tmp_path):
    journal.append(*[did("x" * 1000)] * 2000)
    ledger = {"versions": {"x" * 50_000: [[1, 1]]}}
    (last,) = journal.append(Settled(0, "r1", whole=False, ledger=ledger))
    tracemalloc.start()
    try:
        assert read_last(journal.path) == last
        assert tracemalloc.get_traced_memory()[1] < os.path.getsize(journal.path) / 4
    finally:
        tracemalloc.stop()


def test_where_a_journal_ends_is_not_believed_of_one_that_was_written_to_since(journals, journal):
    journal.append(did())
    journal.append(Settled(0, "r1", whole=True))
    note_ends(journals.directory)
    assert journals.open("r2").path != journal.path
    journal.append(did("y"))
    assert journals.open("r2").path == journal.path
    for content in (b"", b"0" * 50, open_bytes(os.path.join(journals.directory, "ends"))[:-5]):
        write_bytes(os.path.join(journals.directory, "ends"), content)
        assert journals.open("r2").number == journal.number


def test_a_journal_of_a_newer_depl_is_refused(journals, journal):
    journal.will_begin(Begin(0, "r1", "test", "localhost", "app", 1, "me", "", "boot", "now", schema=99))
    journal.append(did())
    with pytest.raises(JournalError, match="newer depl"):
        journals.open("r2")


def test_an_append_that_fails_leaves_no_half_record_and_forgets_nothing(journal):
    """The file may not grow any more: as on a full disk, a part of the records is written."""
    journal.will_begin(BEGIN)
    limit, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
        with pytest.raises(JournalError, match="cannot be written: File too large"):
            journal.append(did())
        assert open_bytes(journal.path) == b""
        assert (journal.records, journal.exists) == ([], False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    journal.append(did())
    assert [type(record) for record in read(journal.path)] == [Begin, Did]


def test_a_full_disk_is_an_error_with_the_next_step(mounted):
    full = mounted("size=64k")
    journal = Journals(str(full / "journal")).open("r1")
    journal.append(did())
    size = os.path.getsize(journal.path)
    fill(full / "filler")
    with pytest.raises(JournalError, match="No space left") as caught:
        journal.append(*[did("x" * 1000)] * 10, durable=True)
    assert "Nothing was changed" in caught.value.hint
    assert os.path.getsize(journal.path) == size
    os.remove(full / "filler")
    journal.append(did("y"))
    journal.close()
    assert [record.n for record in read(journal.path)] == [1, 2]


def test_an_unsettled_journal_is_continued_and_a_settled_one_is_not(journals, journal):
    journal.will_begin(BEGIN)
    journal.append(did())
    assert journals.open("r2").path == journal.path
    journal.append(Settled(0, "r1", whole=True))
    after = journals.open("r2")
    assert after.path != journal.path
    assert (after.number, after.exists, after.ledger.roots) == (4, False, set())


def test_numbers_grow_over_all_journals_even_where_an_older_one_was_continued(journals, journal):
    journal.will_begin(BEGIN)
    journal.append(did(), Settled(0, "r1", whole=True))
    second = journals.open("r2")
    second.will_begin(BEGIN)
    second.append(did("y"), Settled(0, "r2", whole=True))
    second.close()
    older = journals.open_at(journal.path)
    older.append(Settled(0, "r3", whole=False, outcome="reversed"))
    older.close()
    numbers = [record.n for path in journals.paths() for record in read(path)]
    assert sorted(numbers) == list(range(1, 8))
    assert journals.open("r4").number == 8


def fill(path) -> None:
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def open_bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def write_bytes(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
