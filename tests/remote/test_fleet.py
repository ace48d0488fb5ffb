"""Ten hosts over a real sshd, by the command line: deployed, left alone, changed, put back; and in the right order."""

from __future__ import annotations

import json
import shutil

import pytest

TEN = [f"127.0.0.{number}" for number in range(1, 11)]
WEB = """\
from depl.component import Component
from depl.lib.file import File, Symlink


class Web(Component):
    title = "first"
    broken = False

    def configure(self):
        self += File("etc", ensure="directory")
        self += File("etc/web.conf", content="{{component.title}} on {{host.name}}\\n", mode=0o640)
        self += File("key", content="secret {{component.title}}\\n", mode=0o600)
        self += Symlink("current", source="etc/web.conf")
        self += File("site.txt", source="site.txt")
        if self.broken == "yes":
            self += Fail()


class Fail(Component):
    def verify(self):
        assert False

    def update(self):
        self.cmd("echo so far; exit 3")
"""


def environment(site, title, more=""):
    site.environment(f"[hosts]\n127.0.0.[1..10] = web\n[component:web]\ntitle = {title}\n{more}")


@pytest.fixture(scope="module")
def ten(new_site):
    """A project that is deployed to ten hosts; each test leaves it as it was."""
    site = new_site()
    site.write({"components/web/component.py": WEB, "components/web/site.txt": "a site\n"})
    environment(site, "first")
    done = site.call("remote", "live")
    assert done.returncode == 0, done.stdout + done.stderr
    site.said = done.stdout
    return site


def trees(site):
    return {address: site.tree(address) for address in TEN}


def test_a_first_deployment_reaches_all_hosts(ten):
    assert "live: 50 components changed on 10 of 10 hosts" in ten.said
    for address, tree in trees(ten).items():
        assert tree["work/web/etc/web.conf"][:3] == ("-", "rw-r-----", f"first on {address}\n".encode())
        assert tree["work/web/key"][:3] == ("-", "rw-------", b"secret first\n")
        assert tree["work/web/current"][0] == "l"
        assert tree["work/web/site.txt"][2] == b"a site\n"


def test_where_nothing_is_to_do_each_host_sees_one_connection_and_one_channel_and_is_left_as_it_was(ten):
    before = {address: ten.everything(address) for address in TEN}
    connections, sessions = ten.sshd.connections(), ten.sshd.sessions()
    done = ten.call("remote", "live")
    assert done.returncode == 0, done.stderr
    assert "live: nothing to do (10 hosts, " in done.stdout
    assert (ten.sshd.connections() - connections, ten.sshd.sessions() - sessions) == (10, 10)
    for address in TEN:
        assert ten.everything(address) == before[address]


def test_a_change_is_made_everywhere_and_undone_from_a_checkout_that_never_saw_it(ten, tmp_path):
    before = trees(ten)
    environment(ten, "second")
    (ten.directory / "components/web/site.txt").write_text("another site\n")
    done = ten.call("remote", "live")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ten.tree(TEN[9])["work/web/etc/web.conf"][2] == b"second on 127.0.0.10\n"
    assert ten.tree(TEN[9])["work/web/site.txt"][2] == b"another site\n"
    other = tmp_path / "other"
    shutil.copytree(ten.directory, other, ignore=shutil.ignore_patterns(".depl"))
    undone = ten.call("undo", "live", cwd=other)
    assert undone.returncode == 0, undone.stdout + undone.stderr
    environment(ten, "first")
    (ten.directory / "components/web/site.txt").write_text("a site\n")
    assert trees(ten) == before
    again = ten.call("remote", "live")
    assert "live: nothing to do" in again.stdout, again.stdout + again.stderr


def test_an_undo_is_taken_back_on_all_hosts_and_undone_again(ten):
    before = trees(ten)
    environment(ten, "once more")
    assert ten.call("remote", "live").returncode == 0
    after = trees(ten)
    undone = ten.call("undo", "live", "--json")
    assert trees(ten) == before, undone.stderr
    name = json.loads(undone.stdout.splitlines()[-1])["outcome"]["rollout"]
    plan = ten.call("undo", "live", name, "--plan")
    assert "would be made again; nothing was touched" in plan.stdout, plan.stdout + plan.stderr
    assert trees(ten) == before
    redone = ten.call("undo", "live", name)
    assert redone.returncode == 0, redone.stdout + redone.stderr
    assert "changes made again in" in redone.stdout
    assert trees(ten) == after
    assert ten.call("undo", "live").returncode == 0
    assert trees(ten) == before
    environment(ten, "first")


def test_a_failure_on_one_host_puts_all_ten_back(ten):
    before = trees(ten)
    environment(ten, "third", "[host:127.0.0.7]\nweb.broken = yes\n")
    done = ten.call("remote", "live")
    environment(ten, "first")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "127.0.0.7: the command `echo so far; exit 3` exited with status 3" in done.stderr
    assert trees(ten) == before


PAIR = """\
import time

from depl.component import Component


class Timed(Component):
    times = ""
    wait = ""

    def verify(self):
        assert False

    def update(self):
        self.note("begin")
        deadline = time.monotonic() + 60
        while self.wait and self.wait not in self.noted() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.02)
        self.note("end")

    def note(self, what):
        with open(self.times, "a") as file:
            file.write(f"{self.root.name}@{self.host.name} {what}\\n")

    def noted(self):
        with open(self.times) as file:
            return file.read()


"""
ROOT = """
class {name}(Component):
    times = ""
    wait = ""

    def configure(self):
        {first}
        self += Timed(times=self.times, wait=self.wait)
"""
TIERS = {
    "Db": 'self.provide("db", self.host.name)',
    "App": 'self.require_one("db"); self.provide("app", self.host.name)',
    "Web": 'self.require("app")',
    "Alone": "pass",
}


@pytest.fixture
def tiers(site, tmp_path):
    """A database, two applications that need it, a front that needs those, and three who need nobody."""

    def make(settings="", waits=None):
        times = tmp_path / "times"
        times.write_text("")
        site.write(
            {
                f"components/{name.lower()}/component.py": PAIR + ROOT.format(name=name, first=first)
                for name, first in TIERS.items()
            }
        )
        hosts = "127.0.0.1 = db\n127.0.0.[2..3] = app\n127.0.0.4 = web\n127.0.0.[6..8] = alone\n"
        overrides = "".join(f"[component:{name.lower()}]\ntimes = {times}\n" for name in TIERS) + "".join(
            f"[host:{host}]\n{root}.wait = {what}\n" for host, (root, what) in (waits or {}).items()
        )
        site.environment(f"[hosts]\n{hosts}{overrides}", settings=settings)
        return times

    return make


def assert_order(times, hosts):
    lines = times.read_text().splitlines()
    assert len(lines) == 2 * hosts
    ended = {word: lines.index(f"{word} end") for word in (line.split()[0] for line in lines)}
    for consumer, providers in {"app": ["db"], "web": ["app"]}.items():
        begun = min(lines.index(f"{word} begin") for word in ended if word.startswith(f"{consumer}@"))
        assert all(ended[word] < begun for word in ended if word.split("@")[0] in providers)


@pytest.mark.parametrize("jobs", [1, 3, 20])
@pytest.mark.parametrize("runs", [5, pytest.param(50, marks=pytest.mark.long)])
def test_who_provides_is_done_before_who_requires_begins(runs, jobs, site, tiers):
    times = tiers()
    for _ in range(runs):
        times.write_text("")
        done = site.call("remote", "live", "--jobs", str(jobs), "--host", "127.0.0.[1-4]")
        assert done.returncode == 0, done.stdout + done.stderr
        assert_order(times, 4)


def test_hosts_that_need_nothing_of_each_other_are_at_work_at_the_same_time(site, tiers):
    times = tiers(
        waits={
            "127.0.0.6": ("alone", "alone@127.0.0.7 begin"),
            "127.0.0.7": ("alone", "alone@127.0.0.8 begin"),
            "127.0.0.8": ("alone", "alone@127.0.0.6 begin"),
        }
    )
    done = site.call("remote", "live", "--host", "127.0.0.[678]")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = times.read_text().splitlines()
    assert all(line.endswith(" begin") for line in lines[:3])


def test_a_slow_host_holds_nobody_but_those_who_need_it(site, tiers):
    times = tiers(waits={"127.0.0.6": ("alone", "web@127.0.0.4 end")})
    done = site.call("remote", "live")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = times.read_text().splitlines()
    assert lines.index("web@127.0.0.4 end") < lines.index("alone@127.0.0.6 end")
    assert_order(times, 7)
