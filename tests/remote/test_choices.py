"""Which hosts and components take part, what a plan says beforehand, and what programs are told."""

from __future__ import annotations

import json

import pytest

WEB = """\
from depl.component import Component
from depl.lib.file import File


class Step(Component):
    def verify(self):
        self.parent.assert_no_changes()

    def update(self):
        self.cmd("echo done")


class Web(Component):
    title = "first"

    def configure(self):
        self.db = self.require_one("db")
        self += File("web.conf", content="{{component.title}} {{host.data.rack}} {{component.db}}\\n")
        self += Step()
"""
DB = """\
from depl.component import Component
from depl.lib.file import File


class Db(Component):
    def configure(self):
        self.provide("db", self.host.name)
        self += File("db.conf", content="a line\\n")
"""
EXTRA = """\
from depl.component import Component
from depl.lib.file import File


class Extra(Component):
    def configure(self):
        self += File("extra.conf", content="a line\\n")
"""
ENVIRONMENT = """\
[hosts]
web[21..23] = web
db = db, !extra
!old = web

[group:webs]
hosts = web[21..23], old
components = extra
data-rack = r1

[component:web]
title = of all

[host:web21]
address = 127.0.0.21

[host:web22]
address = 127.0.0.22
web.title = of one
data-rack = r2

[host:web23]
address = 127.0.0.23

[host:db]
address = 127.0.0.24
"""
ADDRESSES = {"web21": "127.0.0.21", "web22": "127.0.0.22", "web23": "127.0.0.23", "db": "127.0.0.24"}


@pytest.fixture
def racks(site):
    """Three web hosts by a range, a group, a word of its own for one of them, and a database."""
    site.write({f"components/{name}/component.py": text for name, text in PARTS.items()})
    site.environment(ENVIRONMENT)
    return site


PARTS = {"web": WEB, "db": DB, "extra": EXTRA}


def files(site):
    """What lies in work directories, by host."""
    found = {}
    for host, address in ADDRESSES.items():
        for name, (_, _, content, *_) in site.tree(address).items():
            if name.startswith("work/") and content is not None:
                found[f"{host}:{name}"] = content.decode()
    return found


def call(site, *arguments, status=0):
    done = site.call(*arguments)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def test_ranges_groups_and_what_hosts_say_for_themselves_come_to_the_hosts(racks):
    done = call(racks, "remote", "live")
    assert "live/old: skipped, the environment ignores this host" in done.stdout
    assert "on 4 of 4 hosts" in done.stdout
    assert files(racks) == {
        "web21:work/web/web.conf": "of all r1 db\n",
        "web21:work/extra/extra.conf": "a line\n",
        "web22:work/web/web.conf": "of one r2 db\n",
        "web22:work/extra/extra.conf": "a line\n",
        "web23:work/web/web.conf": "of all r1 db\n",
        "web23:work/extra/extra.conf": "a line\n",
        "db:work/db/db.conf": "a line\n",
    }


def test_hosts_and_components_are_chosen_by_globs_and_providers_are_shown(racks):
    connections = racks.sshd.connections()
    done = call(racks, "remote", "live", "--host", "web2[13]", "--component", "w*")
    assert "required, but not deployed now: db@db" in done.stdout
    assert set(files(racks)) == {"web21:work/web/web.conf", "web23:work/web/web.conf"}
    assert racks.sshd.connections() - connections == 2


def test_a_plan_touches_nothing_but_the_cache(racks):
    for address in ADDRESSES.values():
        home = racks.sshd.home(address)
        (home / ".cache").mkdir(exist_ok=True)  # theirs, whoever made it
    before = {host: outside_cache(racks, address) for host, address in ADDRESSES.items()}
    done = call(racks, "remote", "live", "--plan", "--exit-code", status=6)
    assert "nothing was touched" in done.stdout
    assert {host: outside_cache(racks, address) for host, address in ADDRESSES.items()} == before
    call(racks, "remote", "live")
    before = {host: outside_cache(racks, address) for host, address in ADDRESSES.items()}
    call(racks, "remote", "live", "--plan", "--exit-code")
    racks.environment(ENVIRONMENT.replace("of all", "of many"))
    call(racks, "remote", "live", "--plan", "--exit-code", status=6)
    assert {host: outside_cache(racks, address) for host, address in ADDRESSES.items()} == before


def outside_cache(site, address):
    return {name: seen for name, seen in site.everything(address).items() if not name.startswith(".cache")}


def changes(done):
    """The changes that a run with --json tells of, by host and component, in their order."""
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        (event["host"], event["component"]): event["data"]["changes"] for event in events if event["event"] == "changed"
    }


@pytest.mark.parametrize("second", [False, True], ids=["fresh", "changed"])
def test_a_plan_says_exactly_what_the_run_then_does(second, racks):
    if second:
        call(racks, "remote", "live")
        racks.environment(ENVIRONMENT.replace("of all", "of many"))
    planned = changes(call(racks, "remote", "live", "--plan", "--json"))
    done = changes(call(racks, "remote", "live", "--json"))
    assert planned.keys() == done.keys()
    for place, told in planned.items():
        if told[0]["verb"] == "call":  # what code of the project's own will do, nobody knows beforehand
            assert [change["verb"] for change in done[place]] == ["run"]
        else:
            assert told == done[place]


def test_every_line_for_programs_parses_and_says_its_schema_and_host(racks):
    for arguments in (["remote", "live", "--plan"], ["remote", "live"], ["remote", "live"], ["undo", "live"]):
        events = [json.loads(line) for line in call(racks, *arguments, "--json").stdout.splitlines()]
        assert {event["schema"] for event in events} == {1}
        tasks = [event for event in events if event["event"].startswith(("task_", "changed", "reversed", "output"))]
        assert all(event["host"] for event in tasks)
        hosts = {event["host"] for event in tasks if event["event"] != "host_skipped"}
        assert hosts <= {*ADDRESSES, "old"}
        assert (events[-1]["exit_status"], events[-1]["environment"]) == (0, "live")
