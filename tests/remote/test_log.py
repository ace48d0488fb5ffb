"""`depl log ENV HOST` over a real sshd."""

from __future__ import annotations

WEB = """\
from depl.component import Component
from depl.lib.file import File


class Web(Component):
    title = "first"

    def configure(self):
        self += File("web.conf", content="{{component.title}}\\n")
"""


def test_what_was_done_on_a_host_is_told_from_any_checkout(site, new_site):
    site.write({"components/web/component.py": WEB})
    site.environment("[hosts]\n127.0.0.1 = web\n")
    assert site.call("remote", "live").returncode == 0
    assert site.call("undo", "live").returncode == 0
    assert site.call("remote", "live").returncode == 0

    other = new_site()
    other.name = site.name
    other.environment("[hosts]\n127.0.0.1 = web\n")
    done = other.call("log", "live", "127.0.0.1")
    assert done.returncode == 0, done.stderr
    newest, undo, undone = done.stdout.splitlines()
    assert "  live/127.0.0.1  " in newest
    assert f"takes back {undone.split()[1]}" in undo
    assert f"undone by {undo.split()[1]}" in undone

    told = other.call("log", "live", "127.0.0.1", "work/web/web.conf")
    path = site.target("127.0.0.1") / "work/web/web.conf"
    assert told.stdout.count(f"write   {path}: nothing -> a file (0644") == 2
    assert f"undo: remove  {path}: a file (0644" in told.stdout


def test_a_journal_that_is_damaged_is_named_and_the_others_are_told(site):
    site.write({"components/web/component.py": WEB})
    for title in ("first", "second"):
        site.environment(f"[hosts]\n127.0.0.1 = web\n[component:web]\ntitle = {title}\n")
        assert site.call("remote", "live").returncode == 0
    oldest = min((site.target("127.0.0.1") / ".depl/journal").glob("*.jsonl"))
    oldest.write_bytes(b"00000000" + oldest.read_bytes()[8:])
    done = site.call("log", "live", "127.0.0.1")
    assert done.returncode == 3
    assert f"{oldest}:1 is damaged" in done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_a_path_that_no_journal_knows_is_a_sentence(site):
    site.environment("[hosts]\n127.0.0.1 = web\n")
    done = site.call("log", "live", "127.0.0.1", "/etc/nginx")
    assert done.returncode == 1
    assert "nothing is recorded about /etc/nginx on 127.0.0.1" in done.stderr
