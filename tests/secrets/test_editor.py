"""A text goes to the user's editor and comes back; nothing typed is lost, nothing is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from depl.errors import DeplError
from depl.secrets.editor import Editing

Editor = Callable[[str], dict[str, str]]
Content = TypeVar("Content", str, bytes)
# What comes out is written backwards, so that the file that tells is not one that holds the text.
ALONE = """\
import sys
from depl.secrets.editor import Editing
with Editing(sys.argv[1], ".cfg") as editing, open("backwards", "w") as file:
    file.write(editing.run().strip()[::-1])
"""


def edited(content: Content, suffix: str, environ: dict[str, str]) -> Content:
    """What comes out of one round."""
    with Editing(content, suffix, environ) as editing:
        return editing.run()


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    """The environment of somebody whose editor is a shell script; the file is "$1"."""

    def editor(script: str) -> dict[str, str]:
        path = tmp_path / "an editor"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return {**os.environ, "EDITOR": f"'{path}'", "HOME": str(tmp_path)}

    return editor


def test_what_the_editor_saved_comes_back(editor: Editor) -> None:
    assert edited("one\n", ".cfg", editor('echo two >> "$1"')) == "one\ntwo\n"


def test_bytes_stay_bytes(editor: Editor) -> None:
    assert edited(b"\xff\x00", "", editor('printf x >> "$1"')) == b"\xff\x00x"


def test_an_editor_may_put_another_file_in_its_place(editor: Editor) -> None:
    assert edited("one\n", ".cfg", editor('echo two > "$1.new"; mv "$1.new" "$1"')) == "two\n"


def test_the_editor_may_have_arguments(editor: Editor) -> None:
    environment = editor('echo "$1 $2" > "$3"')
    environment["EDITOR"] += " --wait 'a b'"
    assert edited("", ".cfg", environment) == "--wait a b\n"


def test_no_shell_looks_at_the_command(editor: Editor, tmp_path: Path) -> None:
    environment = editor('echo "$1" > "$2"')
    environment["EDITOR"] += " '$(touch owned)'"
    assert edited("", ".cfg", environment) == "$(touch owned)\n"


def test_visual_is_taken_where_there_is_no_editor(editor: Editor) -> None:
    environment = editor('echo two > "$1"')
    environment["VISUAL"] = environment.pop("EDITOR")
    assert edited("", ".cfg", environment) == "two\n"


def test_the_name_ends_as_editors_know_it(editor: Editor) -> None:
    assert edited("", ".cfg", editor('basename "$1" > "$1"')) == "secrets.cfg\n"


def test_files_of_the_editor_for_a_moment_are_in_the_same_place(editor: Editor) -> None:
    assert edited("", ".cfg", editor('test "$TMPDIR" = "$(dirname "$1")" && echo same > "$1"')) == "same\n"


def test_the_editor_inherits_nothing_that_is_open(editor: Editor) -> None:
    listed = edited("", ".cfg", editor('ls /proc/$$/fd > "$1"'))
    assert not [number for number in listed.split() if 3 <= int(number) < 10]


def test_an_editor_that_fails_is_told_and_keeps_what_was_typed(editor: Editor) -> None:
    with Editing("one\n", ".cfg", editor('echo typed >> "$1"; test $(wc -l < "$1") = 3')) as editing:
        with pytest.raises(DeplError, match="ended with status 1"):
            editing.run()
        assert editing.run() == "one\ntyped\ntyped\n"


def test_an_editor_that_is_killed_is_told(editor: Editor) -> None:
    with pytest.raises(DeplError, match="ended by SIGKILL"):
        edited("", ".cfg", editor("kill -9 $$"))


def test_an_editor_that_is_not_there_is_told() -> None:
    with pytest.raises(DeplError, match="no-such-editor cannot be found"):
        edited("", ".cfg", {**os.environ, "EDITOR": "no-such-editor --wait"})


def test_nothing_is_drawn_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DeplError, match="There is no terminal here"):
        edited("secret", ".cfg", {**os.environ, "EDITOR": "", "VISUAL": ""})


def test_an_editor_that_cannot_be_understood_is_told() -> None:
    with pytest.raises(DeplError, match="EDITOR cannot be understood"):
        edited("", ".cfg", {**os.environ, "EDITOR": "vim '"})


def test_text_that_is_not_utf8_can_be_mended(editor: Editor) -> None:
    script = 'if grep -q two "$1"; then echo good > "$1"; else printf "two\\n\\377" > "$1"; fi'
    with Editing("one\n", ".cfg", editor(script)) as editing:
        with pytest.raises(DeplError, match=r"not UTF-8 text \(line 2\)"):
            editing.run()
        assert editing.run() == "good\n"


def test_a_file_that_the_editor_removed_is_there_again(editor: Editor) -> None:
    script = 'if test -e "$HOME/before"; then cat "$1" >> "$1.new"; else touch "$HOME/before"; rm "$1"; exit; fi'
    script += '; echo two >> "$1.new"; mv "$1.new" "$1"'
    with Editing("one\n", ".cfg", editor(script)) as editing:
        with pytest.raises(DeplError, match="left no file"):
            editing.run()
        assert editing.run() == "one\ntwo\n"


def test_nothing_is_left_afterwards(editor: Editor) -> None:
    directory = edited("", ".cfg", editor('dirname "$1" > "$1"; touch "$1~"')).strip()
    assert directory
    assert not os.path.exists(directory)


def test_ctrl_c_is_the_editors(editor: Editor, tmp_path: Path) -> None:
    environment = editor('trap "echo mine > \\"$1\\"; exit 0" INT; touch "$HOME/runs"; while :; do sleep 0.05; done')
    process = subprocess.Popen([sys.executable, "-c", ALONE, ""], env=environment, cwd=tmp_path, start_new_session=True)
    while not (tmp_path / "runs").exists() and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait() == 0
    assert (tmp_path / "backwards").read_text() == "enim"


@pytest.mark.parametrize(
    ("program", "arguments", "settings", "content"),
    [
        ("vim", "-c 'normal iX' -c wq", ".vimrc", "set backup undofile backupdir=~ undodir=~ directory=~"),
        ("vi", "-c 'normal iX' -c wq", ".vimrc", "set backup undofile backupdir=~ undodir=~ directory=~"),
        ("vim.basic", "-c 'normal iX' -c wq", ".vimrc", "set backup undofile backupdir=~ undodir=~ viminfofile=~/info"),
        ("nvim", "-c 'normal iX' -c wq", ".config/nvim/init.vim", "set backup undofile backupdir=~ undodir=~"),
        (
            "emacs",
            "-nw --eval '(add-hook (quote emacs-startup-hook) (lambda () (insert ?X) (save-buffer) (kill-emacs)))'",
            ".emacs",
            """(setq make-backup-files t backup-directory-alist '(("." . "~/")))""",
        ),
    ],
)
def test_an_editor_puts_nothing_down_elsewhere(
    tmp_path: Path, program: str, arguments: str, settings: str, content: str
) -> None:
    found = shutil.which(program)
    if not found or not shutil.which("script"):
        pytest.skip(f"{program} is not here")
    (tmp_path / settings).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / settings).write_text(content)
    (tmp_path / "edit.py").write_text(ALONE)
    environment = {**os.environ, "HOME": str(tmp_path), "EDITOR": f"{found} {arguments}", "TERM": "xterm"}
    subprocess.run(
        ["script", "-qec", f"{sys.executable} edit.py SECRET", "/dev/null"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=False,
        timeout=60,
    )
    assert (tmp_path / "backwards").read_text() == "TERCESX"
    assert [path for path in tmp_path.rglob("*") if path.is_file() and b"SECRET" in path.read_bytes()] == []
