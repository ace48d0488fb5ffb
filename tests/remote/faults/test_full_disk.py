"""Targets that cannot be written to: full, read-only, or not ours."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager

import pytest

BIG = """
from depl.component import Component
from depl.lib.file import File


class Big(Component):
    def configure(self):
        self += File("small.conf", content="small")
        self += File("big.bin", content="0123456789abcdef" * 65536 * 4, is_template=False)
"""


@contextmanager
def file_system(directory, options):
    """A small file system on a directory."""
    if os.getuid() != 0:
        pytest.skip("file systems can only be mounted by root")
    directory.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(directory)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.decode()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def test_where_the_disk_is_full_the_component_fails_with_the_path_and_all_is_put_back(field):
    field.site.write({"components/big/component.py": BIG})
    field.hosts("web", "db", opened=["web", "db"], also={"web": "big"})
    with file_system(field.target("web"), "size=2m"):
        run = field.start("remote", "live")
        assert run.status() == 3, run.everything
        assert f"{field.target('web')}/work/big/big.bin" in run.everything
        assert "No space left" in run.everything
        assert not field.deployed("web")
        assert not field.deployed("db")
        assert os.listdir(field.target("web") / ".depl/stage") == []
        field.all_gone()


def test_a_target_that_is_read_only_is_refused_before_anything_is_changed(field):
    field.hosts("web", "db", opened=["web", "db"])
    with file_system(field.target("web"), "ro,size=1m"):
        run = field.start("remote", "live")
        assert run.status() == 3, run.everything
        assert str(field.target("web")) in run.everything
        assert "Read-only file system" in run.everything
        assert not field.deployed("db")
        assert field.ran("db") == []
        field.all_gone()


def test_a_part_of_the_target_that_is_read_only_fails_the_component_that_needs_it(field):
    field.hosts("web", "db", opened=["web", "db"])
    (field.target("web") / "work").mkdir(parents=True)
    with file_system(field.target("web") / "work/steps", "ro,size=1m"):
        run = field.start("remote", "live")
        assert run.status() == 3, run.everything
        assert f"{field.target('web')}/work/steps/before.conf" in run.everything
        assert "Read-only file system" in run.everything
        assert not field.deployed("db")
        field.all_gone()
