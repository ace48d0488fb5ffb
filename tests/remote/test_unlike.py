"""Hosts on which the same code does something else, found out before anything is changed; what code prints there."""

from __future__ import annotations

import pytest

WEB = """\
import os

from depl.component import Component
from depl.lib.file import File


class Web(Component):
    def configure(self):
        self += File("web.conf", content="a line\\n")
        if os.environ.get("SSH_CONNECTION", "").split()[2:3] == ["127.0.0.2"]:
            {only_there}
"""
PRINTING = """\
import os
import time

from depl.component import Component
from depl.lib.file import File


class Printing(Component):
    def verify(self):
        self.parent.assert_no_changes()

    def update(self):
        self.cmd("printf 'bytes \\\\377 and \\\\303\\\\274\\\\n'")
        print("printed by update")
        os.system("echo said by a child; echo grüße")
        time.sleep(0.3)


class Web(Component):
    title = "none"

    def configure(self):
        self += File("größe.txt", content="{{component.title}}\\n")
        self += File("kopie.txt", source="daten-ä.txt")
        self += Printing()
"""


@pytest.mark.parametrize(
    ("only_there", "sentences"),
    [
        ("raise ValueError('only there')", ["configure() raised ValueError: only there"]),
        ("import depl_t_nonsense", ["No module named 'depl_t_nonsense'"]),
        ("self += File('more', content='x')", ["not those that the coordinator configured: web/File(more) is not"]),
        ("self.require('more')", ["it asks for 'more', which it did not ask for at the coordinator"]),
        ("self.provide('more', 1)", ["it provides 'more', which it did not provide at the coordinator"]),
        ("os._exit(7)", ["the line to 127.0.0.2 was cut"]),
    ],
)
def test_what_a_host_configures_otherwise_is_an_error_before_anything_is_changed(only_there, sentences, site):
    site.write({"components/web/component.py": WEB.format(only_there=only_there)})
    site.environment("[hosts]\n127.0.0.1 = web\n127.0.0.2 = web\n")
    done = site.call("remote", "live")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for sentence in [*sentences, "127.0.0.2"]:
        assert sentence in done.stderr
    assert "live: failed after" in done.stdout
    for address in ("127.0.0.1", "127.0.0.2"):
        assert not (site.target(address) / "work").exists()


def test_what_code_prints_is_told_with_host_and_component_whatever_the_language_there(site):
    site.write({"components/web/component.py": PRINTING, "components/web/daten-ä.txt": "für {{component.title}}\n"})
    site.environment("[hosts]\n127.0.0.3 = web\n[component:web]\ntitle = weiß ☃\n")
    profile = site.sshd.home("127.0.0.3") / ".bashrc"
    profile.write_text("export LC_ALL=C LANG=C\n")
    try:
        done = site.call("remote", "live")
    finally:
        profile.unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("bytes \ufffd and ü", "printed by update", "said by a child", "grüße"):
        assert f"127.0.0.3: web/Printing | {line}\n" in done.stdout
    tree = site.tree("127.0.0.3")
    assert tree["work/web/größe.txt"][2] == "weiß ☃\n".encode()
    assert tree["work/web/kopie.txt"][2] == "für weiß ☃\n".encode()
