"""What a host is told: its own slice, and nothing of hosts that it has nothing to do with."""

from __future__ import annotations

import os
import re
import sys
import zlib
from pathlib import Path

import forked
import pytest

SECRET, KNOWN, ANSWER = "S3cret-of-A-kept-from-B", "known-to-B-alone", "answer-42000126"
A = """\
from depl.component import Component
from depl.lib.file import File


class A(Component):
    password = "unset"

    def configure(self):
        self.provide("a", f"answer-{6 * 7 * 1000003}")
        self += File("a.conf", content="{{component.password}}\\n", sensitive_data=True)
"""
B = """\
from depl.component import Component
from depl.lib.file import File


class B(Component):
    word = "unset"

    def configure(self):
        self += File("b.conf", content="{{component.word}}\\n")
"""
C = """\
from depl.component import Component
from depl.lib.file import File


class C(Component):
    def configure(self):
        self.a = self.require_one("a")
        self += File("c.conf", content="{{component.a}}\\n")
"""


@pytest.fixture
def told(tmp_path):
    """Deploys three hosts on this machine, and gives all that each agent read and wrote, also unpacked."""
    project = tmp_path / "project"
    hosts = ("one", "two", "three")
    settings = "[environment]\nconnect_method = local\n[hosts]\none = a\ntwo = b\nthree = c\n"
    settings += f"[component:a]\npassword = {SECRET}\n"
    for host in hosts:
        python = tmp_path / f"python-{host}"
        python.write_text(
            f'#!/bin/sh\ntee -a "{tmp_path}/{host}.in" | {sys.executable} "$@" | tee -a "{tmp_path}/{host}.out"\n'
        )
        python.chmod(0o755)
        settings += f"[host:{host}]\npython = {python}\ntarget_directory = {tmp_path}/t/{host}\n"
        settings += f"b.word = {KNOWN}\n" if host == "two" else ""
    files = {"environments/live/environment.cfg": settings}
    files |= {f"components/{name.lower()}/component.py": text for name, text in {"A": A, "B": B, "C": C}.items()}
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True)
        (project / name).write_text(text)

    def call(*arguments):
        surroundings = {key: value for key, value in os.environ.items() if not key.startswith(("DEPL_", "_DEPL"))}
        surroundings |= {"PYTHONPATH": str(Path(__file__).parents[2] / "src"), "HOME": str(tmp_path)}
        done = forked.depl(*arguments, cwd=project, env=surroundings)
        assert done.returncode == 0, done.stdout + done.stderr
        return {host: all_in((tmp_path / f"{host}.in").read_bytes()) for host in hosts}

    return call


def all_in(data):
    """Bytes, followed by whatever in them can be decompressed."""
    found = [data]
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        try:
            found.append(zlib.decompressobj().decompress(data[match.start() :]))
        except zlib.error:
            continue
    return b"\n".join(found)


@pytest.mark.parametrize("arguments", [["remote", "live"], ["remote", "live", "--plan"]], ids=["run", "plan"])
def test_no_host_is_told_what_another_one_keeps(arguments, told):
    heard = told(*arguments)
    if arguments[-1] != "--plan":
        heard = told("undo", "live")
    assert SECRET.encode() in heard["one"]
    assert KNOWN.encode() in heard["two"]
    for host in ("two", "three"):
        assert SECRET.encode() not in heard[host]
    for host in ("one", "three"):
        assert KNOWN.encode() not in heard[host]


def test_an_answer_goes_to_who_asked_and_to_nobody_else(told):
    heard = told("remote", "live")
    assert ANSWER.encode() in heard["three"]
    assert ANSWER.encode() not in heard["two"]
