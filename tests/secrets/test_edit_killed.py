"""`depl secrets edit` killed at any moment: the old secrets or the new ones, and nothing readable anywhere."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pyrage
import pytest

from depl.secrets.identities import Identities
from depl.secrets.scratch import Scratch
from depl.secrets.vault import Vault

PLACE = ("component:hello", "password")
PATIENCE = 60
# What is typed is told by the environment, so that it is in no file but the edited one.
EDITOR = """\
#!/bin/sh
echo $$ > "$NOTES/editor"
sleep "$BEFORE"
sed "s/^password = .*/password = $TYPED/" "$1" > "$1.new" && mv "$1.new" "$1"
echo "# $TYPED" >> "$1"
echo "$TYPED" > "$1~"
touch "$NOTES/done"
sleep "$AFTER"
"""


class Round:
    """An environment with a secret, and one `depl secrets edit` in it."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.marker = directory, uuid.uuid4().hex
        self.notes = directory / "notes"
        self.old, self.typed = f"{self.marker}-old", f"{self.marker}-new"
        for name in ("notes", "home", "tmp", "project/environments/production", "project/components/hello"):
            (directory / name).mkdir(parents=True)
        project, key = directory / "project", pyrage.x25519.Identity.generate()
        (project / "environments/production/environment.cfg").write_text("[hosts]\nlocalhost = hello\n")
        (project / "components/hello/component.py").write_text(
            "from depl.component import Component\n\n\nclass Hello(Component):\n    password = ''\n"
        )
        (directory / "editor").write_text(EDITOR)
        (directory / "editor").chmod(0o755)
        self.identity = directory / "identity"
        self.identity.write_text(f"{key}\n")
        self.identity.chmod(0o600)
        vault = Vault(str(project), "production")
        vault.set_recipients([str(key.to_public())], {}, rotate=False)
        vault.set(PLACE, self.old)
        vault.save()
        self.path = Path(vault.path)
        self.before = self.path.read_bytes()

    @contextlib.contextmanager
    def editing(self, before: float = 0, after: float = 0) -> Iterator[subprocess.Popen[bytes]]:
        """While depl runs. before, after: how long the editor takes before it saves, and until it ends."""
        surroundings = {key: value for key, value in os.environ.items() if not key.startswith(("DEPL_", "XDG_"))}
        surroundings |= {
            "DEPL_AGE_IDENTITY": str(self.identity),
            "HOME": str(self.directory / "home"),
            "TMPDIR": str(self.directory / "tmp"),
            "EDITOR": f"'{self.directory / 'editor'}'",
            "NOTES": str(self.notes),
            "TYPED": self.typed,
            "BEFORE": str(before),
            "AFTER": str(after),
        }
        with (self.directory / "output").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "depl", "secrets", "edit", "production"],
                cwd=self.directory / "project",
                env=surroundings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            try:
                yield process
            finally:
                process.kill()
                process.wait()
                self._end_editor()

    def reaches(self, note: str, process: subprocess.Popen[bytes]) -> None:
        """Wait until the editor left a note."""
        becomes_true(lambda: (self.notes / note).exists() or process.poll() is not None)
        assert (self.notes / note).exists(), (self.directory / "output").read_text()

    def _end_editor(self) -> None:
        """Wait until an orphaned editor has written what it wants, and is gone."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            editor = int((self.notes / "editor").read_text())
            if not becomes_true(lambda: not lives(editor)):
                os.kill(editor, signal.SIGKILL)

    def assert_sound(self, process: subprocess.Popen[bytes]) -> None:
        """The old secrets or the new ones, nobody locked out, and nothing readable anywhere."""
        content = self.path.read_bytes()
        vault = Vault(str(self.directory / "project"), "production")
        assert vault.mistakes == []
        vault.open(Identities(None, {"DEPL_AGE_IDENTITY": str(self.identity)}, str(self.directory / "home")))
        assert vault.value(PLACE) == (self.old if content == self.before else self.typed)
        with vault.locked():
            pass
        assert becomes_true(lambda: not any(files for path in self.left_by(process) for *_, files in os.walk(path)))
        assert self.holding_plaintext() == []
        with Scratch({}):  # sweeps an empty directory that was killed before its watchdog was at its post
            assert becomes_true(lambda: not self.left_by(process))

    def left_by(self, process: subprocess.Popen[bytes]) -> list[Path]:
        name = f"depl-secrets-{os.geteuid()}-{process.pid}-*"
        return [path for place in (Path("/dev/shm"), self.directory / "tmp") for path in place.glob(name)]

    def holding_plaintext(self) -> list[Path]:
        """The files in which the secret can be read, old or new."""
        found = []
        for place in (self.directory, Path("/dev/shm")):
            for directory, _, names in os.walk(place):
                for path in (Path(directory, name) for name in names):
                    with contextlib.suppress(OSError):
                        if path.is_file() and self.marker.encode() in path.read_bytes():
                            found.append(path)
        return found


def becomes_true(question: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not question() and time.monotonic() < deadline:
        time.sleep(0.01)
    return question()


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    with contextlib.suppress(OSError):
        return status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return not Path("/proc/self").exists()


@pytest.fixture
def round_(tmp_path: Path) -> Round:
    return Round(tmp_path)


def killed_at_a_random_moment(round_: Round, seed: int) -> None:
    chance = random.Random(seed)
    if seed % 3 == 0:  # any time, from the start of the process
        with round_.editing(after=0.2) as process:
            time.sleep(chance.uniform(0, 1.5))
            process.kill()
    elif seed % 3 == 1:  # while the editor runs: it writes later
        with round_.editing(before=0.4, after=0.2) as process:
            round_.reaches("editor", process)
            time.sleep(chance.uniform(0, 0.6))
            process.kill()
    else:  # while it is encrypted and saved
        with round_.editing() as process:
            round_.reaches("done", process)
            time.sleep(chance.uniform(0, 0.15))
            process.kill()
    round_.assert_sound(process)


@pytest.mark.parametrize("seed", range(21))
def test_a_killed_edit_leaves_the_old_or_the_new_and_nothing_readable(round_: Round, seed: int) -> None:
    killed_at_a_random_moment(round_, seed)


@pytest.mark.long
@pytest.mark.parametrize("start", range(21, 301, 28))
def test_a_killed_edit_leaves_the_old_or_the_new_at_many_more_moments(tmp_path: Path, start: int) -> None:
    for seed in range(start, start + 28):
        killed_at_a_random_moment(Round(tmp_path / str(seed)), seed)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_while_the_editor_runs_leaves_the_old_and_nothing_readable(round_: Round, name: str) -> None:
    with round_.editing(before=0.5) as process:
        round_.reaches("editor", process)
        process.send_signal(getattr(signal, name))
    round_.assert_sound(process)


def test_an_edit_that_nobody_kills_leaves_the_new_and_nothing_readable(round_: Round) -> None:
    with round_.editing() as process:
        assert process.wait() == 0, (round_.directory / "output").read_text()
    round_.assert_sound(process)
    assert round_.path.read_bytes() != round_.before
