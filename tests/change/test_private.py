"""The directory where depl keeps its own."""

from __future__ import annotations

import stat
import subprocess

from depl.change.private import make_private


def test_what_depl_keeps_is_for_the_owner_only(tmp_path):
    make_private(str(tmp_path / ".depl" / "blobs"))
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in (".depl", ".depl/blobs")]
    assert modes == [0o700, 0o700]


def test_git_leaves_alone_what_depl_keeps(tmp_path):
    make_private(str(tmp_path / ".depl" / "blobs"))
    (tmp_path / ".depl" / "blobs" / "1").write_text("the password of yesterday")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "add", "."], check=True)
    staged = subprocess.run(["git", "-C", str(tmp_path), "ls-files"], capture_output=True, text=True, check=True)
    assert staged.stdout == ""
