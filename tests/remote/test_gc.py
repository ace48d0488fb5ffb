"""What was made on hosts and is no longer declared: told by plans and at the end of runs, and removed where wanted."""

from __future__ import annotations

import json

import pytest

WEB = """\
import os

from depl.component import Component
from depl.lib.file import File


class Web(Component):
    file = "first"
    needs = ""  # by host the file without which it fails

    def configure(self):
        self.needed = os.path.join(self.workdir, self.needs.partition("=")[2])
        self += File(f"{self.file}.conf", content="a line\\n")
        if self.needs.startswith(self.host.name + "="):
            self += Guard()


class Guard(Component):
    def verify(self):
        assert os.path.exists(self.parent.needed)

    def update(self):
        self.cmd("echo it is not there >&2; false")
"""
OLD = """\
from depl.component import Component
from depl.lib.file import File


class Old(Component):
    def configure(self):
        self += File("conf.d", ensure="directory")
        self += File("conf.d/old.conf", content="an old line\\n")
"""
ADDRESSES = {"one": "127.0.0.25", "two": "127.0.0.26"}


class Scene:
    """Two hosts, and what is declared for them."""

    def __init__(self, site):
        self.site = site
        site.write({"components/web/component.py": WEB, "components/old/component.py": OLD})

    def declare(self, one="web", two="web", **of_web):
        hosts = "".join(f"[host:{name}]\naddress = {address}\n" for name, address in ADDRESSES.items())
        web = "".join(f"{name} = {value}\n" for name, value in of_web.items())
        self.site.environment(f"[hosts]\none = {one}\ntwo = {two}\n{hosts}[component:web]\n{web}")

    def depl(self, *arguments, status=0):
        done = self.site.call(*arguments)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def told(self, *arguments, status=0):
        """By host what a run tells of as no longer declared, and whether it removes that."""
        events = [
            json.loads(line) for line in self.depl(*arguments, "--json", status=status).splitlines() if line[0] == "{"
        ]
        found = [event for event in events if event["event"] == "undeclared"]
        return {
            event["host"]: ([one["what"].rpartition("/work/")[2] for one in event["data"]["things"]], removing)
            for event in found
            for removing in [event["data"]["removing"]]
        }

    def files(self):
        trees = {name: self.site.tree(address) for name, address in ADDRESSES.items()}
        return {
            name: sorted(path for path, what in tree.items() if path.startswith("work/") and what[0] != "d")
            for name, tree in trees.items()
        }

    def trees(self):
        kept = {}
        for name, address in ADDRESSES.items():
            tree = self.site.tree(address)
            kept[name] = {path: what for path, what in tree.items() if path.split("/")[0] != "project"}
        return kept


@pytest.fixture
def scene(site):
    return Scene(site)


OLD_THINGS = ["old", "old/conf.d", "old/conf.d/old.conf"]


def test_what_is_no_longer_declared_is_told_by_plans_and_runs_and_removed_only_where_wanted(scene):
    scene.declare("web, old", "web, old")
    scene.depl("remote", "live")
    before = scene.trees()
    scene.declare()
    planned = scene.depl("remote", "live", "--plan", "--exit-code")
    assert "old/conf.d/old.conf" in planned
    assert "no longer declared" in planned
    assert scene.told("remote", "live", "--plan") == {"one": (OLD_THINGS, False), "two": (OLD_THINGS, False)}
    idle = scene.depl("remote", "live")
    assert "nothing to do" in idle
    assert "no longer declared" in idle
    assert scene.trees() == before
    removal = scene.depl("remote", "live", "--plan", "--gc", "--exit-code", status=6)
    assert "old.conf" in removal
    assert scene.trees() == before
    assert scene.told("remote", "live", "--gc") == {"one": (OLD_THINGS, True), "two": (OLD_THINGS, True)}
    assert scene.files() == {"one": ["work/web/first.conf"], "two": ["work/web/first.conf"]}
    assert "work/old" not in scene.trees()["one"]
    assert "no longer declared" not in scene.depl("remote", "live", "--gc")
    after = scene.trees()
    scene.depl("undo", "live", "--yes")
    assert scene.trees() == before
    assert scene.told("remote", "live", "--plan") == {"one": (OLD_THINGS, False), "two": (OLD_THINGS, False)}
    undo = max(path.stem for path in (scene.site.directory / ".depl/rollouts").glob("*.jsonl"))
    scene.depl("undo", "live", undo, "--yes")
    assert scene.trees() == after


def test_each_host_is_judged_by_its_own_whole_model(scene):
    scene.declare("web, old", "web, old")
    scene.depl("remote", "live")
    scene.declare("web", "web, old")
    assert scene.told("remote", "live", "--host", "one") == {"one": (OLD_THINGS, False)}
    assert scene.told("remote", "live", "--component", "web", "--plan") == {}
    assert scene.told("remote", "live", "--component", "web") == {}
    scene.depl("remote", "live", "--gc", "--host", "two")
    assert len(scene.files()["one"]) == 2, "it did not take part"
    scene.declare("!web", "web, old")
    assert scene.told("remote", "live", "--plan") == {"one": (OLD_THINGS, False)}
    scene.depl("remote", "live", "--gc", "--host", "one")
    assert scene.files() == {"one": ["work/web/first.conf"], "two": ["work/old/conf.d/old.conf", "work/web/first.conf"]}


def test_removing_does_not_go_with_a_selection_of_components(scene):
    scene.declare()
    refused = scene.depl("remote", "live", "--gc", "--component", "web", status=2)
    assert "--gc judges by all components of a host, so it does not go with --component" in refused


def test_where_removing_fails_on_one_host_everything_is_taken_back_everywhere(scene):
    scene.declare("web, old", "web, old")
    scene.depl("remote", "live")
    before = scene.trees()
    scene.declare(file="second", needs="two=first.conf")
    failed = scene.depl("remote", "live", "--gc", status=3)
    assert "it is not there" in failed
    assert scene.trees() == before
    scene.declare(file="second")
    scene.depl("remote", "live", "--gc")
    assert scene.files() == {"one": ["work/web/second.conf"], "two": ["work/web/second.conf"]}
    scene.depl("undo", "live", "--yes")
    assert scene.trees() == before


def test_nothing_is_removed_anywhere_where_a_component_failed_on_one_host(scene):
    scene.declare("web, old", "web, old")
    scene.depl("remote", "live")
    before = scene.trees()
    scene.declare(needs="two=nothing.conf")
    assert scene.told("remote", "live", "--gc", status=3) == {}
    assert scene.trees() == before
