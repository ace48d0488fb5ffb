"""Files of secrets on the disk: the old one or the new one at any moment, and one who changes them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyrage
import pytest

from depl.errors import ConfigurationError, Locked
from depl.secrets.identities import Identities
from depl.secrets.vault import Vault

MINE = pyrage.x25519.Identity.generate()
PLACE = ("component:a", "b")


def opened(base: Path) -> Vault:
    vault = Vault(str(base), "dev")
    vault.open(Identities(None, {"DEPL_AGE_IDENTITY": str(MINE)}, home="/nonexistent"))
    return vault


@pytest.fixture
def base(tmp_path: Path) -> Path:
    vault = Vault(str(tmp_path), "dev")
    vault.set_recipients([str(MINE.to_public())], {}, rotate=False)
    vault.set(PLACE, "0")
    vault.set_file("one", b"content")
    vault.set_file("two", b"content")
    vault.save()
    return tmp_path


SAVING = """if True:
    import itertools, os, sys
    from depl.secrets.vault import Vault
    from depl.secrets.identities import Identities
    vault = Vault(sys.argv[1], "dev")
    vault.open(Identities(None))
    print("ready", flush=True)
    for number in itertools.count(int(vault.value(("component:a", "b"))) + 1):
        vault.set(("component:a", "b"), str(number))
        vault.set_recipients(vault.recipients, {}, rotate=number % 2 == 0)
        vault.save()
"""
HOLDING = "import sys\nfrom depl.secrets.vault import Vault\nwith Vault(sys.argv[1], 'dev').locked():"


def test_who_reads_while_all_is_encrypted_anew_finds_what_fits_together(base):
    environ = {**os.environ, "DEPL_AGE_IDENTITY": str(MINE)}
    process = subprocess.Popen([sys.executable, "-c", SAVING, str(base)], stdout=subprocess.PIPE, env=environ)
    try:
        assert process.stdout.readline()
        for _ in range(150):
            vault = opened(base)
            assert (vault.mistakes, vault.file("one"), vault.file("two")) == ([], b"content", b"content")
    finally:
        process.kill()
        process.communicate()


def test_who_is_killed_while_saving_leaves_what_was_or_what_is_to_be(base):
    directory = base / "environments/dev"
    last = 0
    for _ in range(12):
        environ = {**os.environ, "DEPL_AGE_IDENTITY": str(MINE)}
        writer = subprocess.Popen([sys.executable, "-c", SAVING, str(base)], stdout=subprocess.PIPE, env=environ)
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(random.uniform(0, 0.08))
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        vault = opened(base)
        assert vault.mistakes == [] and vault.damages() == []
        assert (vault.file("one"), vault.file("two")) == (b"content", b"content")
        assert int(vault.value(PLACE)) >= last
        last = int(vault.value(PLACE))
    assert last > 0
    vault.set(PLACE, "end")
    vault.save()
    assert sorted(os.listdir(directory)) == ["secret-one.age", "secret-two.age", "secrets.cfg.age"]


def test_files_that_interrupted_rotations_left_behind_stay_readable(base):
    secret = base / "environments/dev/secret-one.age"
    left = secret.read_bytes()
    for _ in range(6):
        vault = opened(base)
        vault.set_recipients(vault.recipients, {}, rotate=True)
        vault.save()
        secret.write_bytes(left)
    assert opened(base).file("one") == b"content"


def test_what_a_killed_writer_left_is_removed_by_the_next_save_and_nothing_else(base):
    directory = base / "environments/dev"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for name in (f".secrets.cfg.age.{dead.pid}.new", f".secret-one.age.{dead.pid}.new"):
        (directory / name).touch()
    kept = {f".secrets.cfg.age.{os.getppid()}.new", f".mine.{dead.pid}.new", ".secrets.cfg.age.swp"}
    for name in kept:
        (directory / name).touch()
    vault = opened(base)
    vault.set(PLACE, "1")
    vault.save()
    assert {name for name in os.listdir(directory) if name.startswith(".")} == kept


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o600])
def test_the_mode_of_a_file_is_kept_and_a_new_one_can_be_read_by_all(base, mode):
    path = base / "environments/dev/secrets.cfg.age"
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(mode)
    vault = opened(base)
    vault.set(PLACE, "1")
    vault.save()
    assert path.stat().st_mode & 0o777 == mode


def test_a_link_stays_one(base):
    path = base / "environments/dev/secrets.cfg.age"
    path.rename(base / "elsewhere")
    path.symlink_to("../../elsewhere")
    vault = opened(base)
    vault.set(PLACE, "1")
    vault.save()
    assert path.is_symlink() and opened(base).value(PLACE) == "1"


def test_a_link_to_nothing_is_not_taken_for_no_secrets(base):
    path = base / "environments" / "dev" / "secrets.cfg.age"
    path.rename(base / "elsewhere.age")
    path.symlink_to(base / "gone.age")
    with pytest.raises(ConfigurationError, match="leads to nothing"):
        Vault(str(base), "dev")


def test_two_do_not_change_secrets_at_once(base):
    first, second = opened(base), opened(base)
    with first.locked(), pytest.raises(Locked, match="somebody else is editing the secrets of dev"), second.locked():
        pass
    with second.locked():
        pass


def test_the_lock_of_a_process_that_was_killed_is_free(base):
    code = f"{HOLDING}\n print(flush=True)\n input()"
    holder = subprocess.Popen([sys.executable, "-c", code, str(base)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()
    with pytest.raises(Locked), Vault(str(base), "dev").locked():
        pass
    holder.kill()
    holder.communicate()
    with Vault(str(base), "dev").locked():
        pass


def test_a_lock_makes_the_directory_and_leaves_no_empty_one(tmp_path):
    with Vault(str(tmp_path), "new").locked():
        assert (tmp_path / "environments/new").is_dir()
    assert not (tmp_path / "environments/new").exists()


def test_what_changed_before_the_lock_is_read_again(base):
    late = Vault(str(base), "dev")
    vault = opened(base)
    vault.set(PLACE, "1")
    vault.save()
    with late.locked():
        late.open(Identities(None, {"DEPL_AGE_IDENTITY": str(MINE)}, home="/nonexistent"))
        assert late.value(PLACE) == "1"


def test_what_somebody_else_wrote_meanwhile_is_not_overwritten(base):
    late, vault = opened(base), opened(base)
    vault.set(PLACE, "1")
    vault.save()
    with pytest.raises(Locked, match="meanwhile"), late.locked():
        pass
    late.set(PLACE, "2")
    with pytest.raises(Locked, match="meanwhile"):
        late.save()
    assert opened(base).value(PLACE) == "1"


def test_several_changes_can_be_saved_one_after_the_other(base):
    vault = opened(base)
    for number in range(3):
        vault.set(PLACE, str(number + 1))
        assert vault.save() and not vault.save()
        assert opened(base).value(PLACE) == str(number + 1)
