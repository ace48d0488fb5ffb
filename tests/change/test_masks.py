"""A diff shows no secret: neither one of today nor one that the file held before."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from depl.change.acting import ActingSystem
from depl.change.folds import left_to_undo
from depl.change.journal import Journal
from depl.change.journals import Journals
from depl.change.leads import AS_IT_WAS
from depl.change.masks import KEPT
from depl.change.predicting import PredictingSystem
from depl.change.records import Begin
from depl.redact import Redactor, mask

OLD, NEW, THIRD = "Hunter2-of-1999", "Correct-Horse-7", "Battery-Staple-8"
KEY = "-----BEGIN KEY-----\nMIIBVgIBADAN\nBgkqhkiG9w0B\n-----END KEY-----\n"
NEW_KEY = KEY.replace("MIIBVg", "QWERTY").replace("Bgkqhk", "ZXCVBN")
MARKS = {
    OLD: "app.password #a1b2",
    NEW: "app.password #c3d4",
    THIRD: "app.password #e5f6",
    KEY: "file key #1111",
    NEW_KEY: "file key #2222",
}
BEGIN = Begin(0, "r1", "test", "localhost", "app", 1, "tester", "", "boot", "now")


class Host:
    """A directory that is written to in runs, each of which knows some secrets."""

    def __init__(self, at: Path) -> None:
        self.at, self.path = at, str(at / "app.conf")
        self.masks = at / ".depl" / "masks.json"
        self.journal: Journal
        self.said = ""

    def write(self, content: str, *secrets: str, show: bool = True, name: str = "app.conf") -> str:
        """Write in a run of its own; the diff."""
        return self.run(lambda system: system.write(str(self.at / name), content.encode(), show=show), *secrets)

    def run(self, act: Callable[[ActingSystem], None], *secrets: str) -> str:
        self.journal = Journals(str(self.at / ".depl" / "journal")).open("r1")
        if not self.journal.exists:
            self.journal.will_begin(BEGIN)
        system = ActingSystem(str(self.at / ".depl"), self.journal, durability="journal", redact=known(*secrets))
        act(system)
        system.commit()
        self.journal.close()
        return self.told(system)

    def plan(self, content: str, *secrets: str) -> str:
        system = PredictingSystem(str(self.at / ".depl"), redact=known(*secrets))
        system.write(self.path, content.encode())
        return self.told(system)

    def told(self, system: Any) -> str:
        self.said += json.dumps([shown.as_json() for shown in system.shown], ensure_ascii=False)
        return "".join(shown.diff or "" for shown in system.shown)

    def undo(self, times: int = 1) -> None:
        """Take back the last changes."""

        def back(system: ActingSystem) -> None:
            for did in left_to_undo(system.journal.records)[:times]:
                system.put_back(did, system.look(did.change.path, content=True))
                system.commit()

        self.run(back)

    @property
    def entries(self) -> dict[str, list[dict[str, Any]]]:
        return json.loads(self.masks.read_text())


def known(*secrets: str) -> Redactor:
    return Redactor([(MARKS[secret], secret) for secret in secrets])


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    assert OLD not in host.said and NEW not in host.said and THIRD not in host.said
    if host.masks.exists():
        kept = host.masks.read_text()
        assert OLD not in kept and NEW not in kept and "Hunter" not in kept


def conf(password: str, more: str = "port = 8080\n") -> str:
    return f"host = example.org\npassword = {password}\n{more}"


def test_a_rotated_secret_shows_both_marks_and_all_other_lines(host):
    host.write(conf(OLD), OLD)
    diff = host.write(conf(NEW, "port = 8081\n"), NEW)
    assert f"-password = {mask(MARKS[OLD])}\n" in diff and f"+password = {mask(MARKS[NEW])}\n" in diff
    assert " host = example.org\n" in diff and "-port = 8080\n" in diff and "+port = 8081\n" in diff


def test_a_plan_shows_the_same_and_writes_nothing(host):
    host.write(conf(OLD), OLD)
    before = host.masks.stat()
    planned = host.plan(conf(NEW), NEW)
    assert host.masks.stat() == before
    assert planned == host.write(conf(NEW), NEW)


def test_a_new_file_is_shown_with_masks(host):
    assert f"+password = {mask(MARKS[NEW])}\n" in host.write(conf(NEW), NEW)


def test_a_secret_that_stays_is_no_difference(host):
    host.write(conf(OLD), OLD)
    diff = host.write(conf(OLD, "port = 8081\n"), OLD)
    assert f" password = {mask(MARKS[OLD])}\n" in diff


def test_a_file_that_loses_its_secret_is_masked(host):
    host.write(conf(OLD), OLD)
    diff = host.write("host = example.org\nport = 8080\n")
    assert f"-password = {mask(MARKS[OLD])}\n" in diff


@pytest.mark.parametrize(
    "line",
    [
        f"password = {OLD}",
        f"password={OLD}",
        f"password: {OLD}",
        f'  "password": "{OLD}",',
        f"#password = {OLD}",
        f"Password = '{OLD}'",
    ],
)
def test_what_is_unknown_is_hidden_where_the_secret_goes(host, line):
    Path(host.path).write_text(f"host = example.com\n{line}\nport = 8080\n")
    diff = host.write(conf(NEW), NEW)
    assert AS_IT_WAS in diff and f"+password = {mask(MARKS[NEW])}\n" in diff
    assert "-host = example.com\n" in diff and "+host = example.org\n" in diff and " port = 8080\n" in diff


def test_an_edited_file_is_hidden_where_its_secret_was(host):
    host.write(conf(OLD), OLD)
    Path(host.path).write_text(f"# by hand\nhost = example.com\npassword = {OLD}-mine\nport = 8080\n")
    diff = host.write(conf(NEW), NEW)
    assert f"-password = {AS_IT_WAS}\n" in diff and "-# by hand\n" in diff and "-host = example.com\n" in diff


def test_an_edited_file_that_loses_its_secret_is_hidden_where_it_was(host):
    host.write(conf(OLD), OLD)
    Path(host.path).write_text(conf(OLD, "port = 1\n"))
    diff = host.write("host = example.org\nport = 8080\n")
    assert f"-password = {AS_IT_WAS}\n" in diff and "-port = 1\n" in diff


def test_a_password_within_a_url_is_hidden_in_an_unknown_file(host):
    Path(host.path).write_text(f"url = postgres://app:{OLD}@db/app\n")
    diff = host.write(f"url = postgres://app:{NEW}@db/app\n", NEW)
    assert f"-url = postgres://app:{AS_IT_WAS}\n" in diff


def test_a_password_within_another_url_is_hidden_with_the_url(host):
    Path(host.path).write_text(f"url = postgres://admin:{OLD}@db/app\n")
    assert f"-url = {AS_IT_WAS}\n" in host.write(f"url = postgres://app:{NEW}@db/app\n", NEW)


def test_compact_json_is_hidden_in_an_unknown_file(host):
    Path(host.path).write_text(json.dumps({"host": "a", "password": OLD}))
    assert AS_IT_WAS in host.write(json.dumps({"host": "b", "password": NEW}), NEW)


def test_a_key_is_one_mask_on_either_side(host):
    host.write(KEY, KEY)
    diff = host.write(NEW_KEY, NEW_KEY)
    assert "MIIB" not in diff and "QWERTY" not in diff and "END KEY" not in diff
    assert f"-{mask(MARKS[KEY])}\n+{mask(MARKS[NEW_KEY])}\n" in diff


def test_an_unknown_key_is_hidden_as_a_whole(host):
    Path(host.path).write_text(KEY)
    diff = host.write(NEW_KEY, NEW_KEY)
    assert f"-{AS_IT_WAS}\n" in diff
    assert "MIIB" not in diff and "Bgkq" not in diff and "QWERTY" not in diff and "END KEY" not in diff


def test_a_secret_that_others_left_in_the_file_stays_hidden_when_a_part_is_edited(host):
    host.write(f"a = {OLD}\nb = {THIRD}\n", OLD, THIRD)
    diff = host.write(f"a = {NEW}\nb = {THIRD}\n", NEW)  # b is rotated as well, but not written yet
    assert f" b = {mask(MARKS[THIRD])}\n" in diff
    assert f"-b = {mask(MARKS[THIRD])}\n" in host.write(f"a = {NEW}\nb = x\n", NEW)


def test_a_secret_that_others_left_in_an_edited_file_is_hidden(host):
    host.write(f"aa = {OLD}\nbb = {THIRD}\n", OLD, THIRD)
    Path(host.path).write_text(f"# mine\naa = {OLD}\nbb = {THIRD}\n")
    assert f" bb = {AS_IT_WAS}\n" in host.write(f"# mine\naa = {NEW}\nbb = {THIRD}\n", NEW)


def test_what_was_put_back_is_still_known(host):
    host.write(conf(OLD), OLD)
    host.write(conf(NEW), NEW)
    host.undo()
    assert Path(host.path).read_text() == conf(OLD)
    assert f"-password = {mask(MARKS[OLD])}\n" in host.write(conf(THIRD), THIRD)


def test_a_moved_file_is_still_known(host):
    host.write(conf(OLD), OLD)
    (host.at / "app.conf").rename(host.at / "new.conf")
    assert f"-password = {mask(MARKS[OLD])}\n" in host.write(conf(NEW), NEW, name="new.conf")


def test_a_copied_file_is_known(host, tmp_path):
    (tmp_path / "source").write_text(conf(OLD))
    host.run(lambda system: system.copy(str(tmp_path / "source"), host.path), OLD)
    assert f"-password = {mask(MARKS[OLD])}\n" in host.write(conf(NEW), NEW)


def test_a_sensitive_file_is_known_when_it_is_shown_later(host):
    assert host.write(conf(OLD), OLD, show=False) == ""
    assert f"-password = {mask(MARKS[OLD])}\n" in host.write(conf(NEW), NEW)


def test_the_filter_of_the_run_learns_what_was_secret(host):
    host.write(conf(OLD), OLD)
    redact = known(NEW)
    PredictingSystem(str(host.at / ".depl"), redact=redact).write(host.path, conf(NEW).encode())
    assert redact(f"the password was {OLD}") == f"the password was {mask(MARKS[OLD])}"


def test_no_digest_of_a_secret_content_is_told(host):
    def digests() -> list[str]:
        told = [hashlib.sha256(conf(one).encode()).hexdigest()[:8] for one in (OLD, NEW)]
        return [one for one in told if one in host.said]

    host.write(conf(OLD), OLD)
    host.plan(conf(NEW), NEW)
    host.write(conf(NEW), NEW)
    host.undo()
    assert digests() == [] and host.said.count('"verb": "write"') == 4


def test_the_records_of_masks_are_private_and_hold_the_last_contents_of_a_path(host):
    for number in range(KEPT + 2):
        host.write(conf(OLD, f"port = {number}\n"), OLD)
    assert len(host.entries[host.path]) == KEPT
    assert stat.S_IMODE(host.masks.stat().st_mode) == 0o600
    assert stat.S_IMODE(host.masks.parent.stat().st_mode) == 0o700


def test_nothing_is_recorded_where_there_is_no_secret(host):
    host.write(conf("plain"))
    host.write(conf("plain"), OLD)
    host.write("nothing secret\n", OLD)
    assert not host.masks.exists()


def test_no_record_is_touched_where_nothing_changes(host):
    host.write(conf(OLD), OLD)
    before = host.masks.stat()
    assert host.write(conf(OLD), OLD) == ""
    assert host.masks.stat() == before


def test_a_secret_is_recorded_before_it_is_in_place(host):
    (host.at / "taken").mkdir()
    with pytest.raises(OSError, match="nothing follows"):
        host.run(refused, OLD)
    assert host.entries[host.path] and not Path(host.path).exists()


def refused(system: ActingSystem) -> None:
    """The journal cannot be written, which happens before anything is put in place."""

    def fail(*records: Any) -> None:
        raise OSError("nothing follows")

    system.journal.on_append = fail
    system.write(f"{system.directory}/../app.conf".replace("/.depl/..", ""), conf(OLD).encode())
    system.commit()


def test_damaged_records_leave_every_content_unknown(host):
    host.write(conf(OLD), OLD)
    host.masks.write_text('{"x": [')
    assert f"-password = {AS_IT_WAS}\n" in host.write(conf(NEW), NEW)
