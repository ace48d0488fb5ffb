"""The same model gives the same result, the same plan and the same messages, whatever the order of Python's sets."""

from __future__ import annotations

import os
import re
import subprocess
import sys

SOUND = """
from depl.lib.file import Directory, JSONContent, Symlink


class Hook(HookComponent):
    namevar = "name"
    key = "hook"


class Provider(Component):
    def configure(self):
        self.provide("address", self.host.name)
        self.provide("names", {"one", "two"})
        for name in ("a", "b"):
            self += Hook(name)


class Consumer(Component):
    def configure(self):
        self.log("%s", self.require("address"))
        hooks = [hook.name for hook in self.require("hook")]
        self += File("found", content=f"{self.require('address')} {hooks}")
        self += JSONContent("data", data={"b": sorted(self.require("names")[0]), "a": 1})
        self += Directory("tree", source="tree")
        self += Symlink("link", source="found")
        File("forgotten", content="")


class Last(Component):
    def configure(self):
        self.require("address", reverse=True, dirty=True)
        self += File("last", content="{{environment.hosts|list}}")
"""
BROKEN = """
class Provider(Component):
    first: int = 1
    second: int = 2

    def configure(self):
        for name in ("one", "two", "three"):
            self.provide(name, 1)
            self.require("no " + name)
        self += File("x", content="1")
        self += File("x", content="2", mode=0o600)


class Consumer(Component):
    def configure(self):
        File("x", contnt="", mod=1, ownr=2)


class Last(Component):
    def configure(self):
        self += File("y", content="{{nothing}} {{nobody}}")


class Left(Component):
    def configure(self):
        self.provide("left", 1)
        self.require("right")
        self.require("far")


class Right(Component):
    def configure(self):
        self.provide("right", 1)
        self.require("left")


class Far(Component):
    def configure(self):
        self.provide("far", 1)
        self.require("left")
"""
HOSTS = "[environment]\n{more}[hosts]\nlocalhost = {here}\none = {there}\ntwo = {there}\n"
SCRIPT = """
import sys
from click.testing import CliRunner
from depl.cli.main import main

for line in ("check sound --json", "local sound localhost --here --plan --verbose", "check broken", "check odd"):
    done = CliRunner().invoke(main, line.split())
    print(line, done.exit_code, done.stdout, done.stderr)
"""
ENDS = {"check sound --json": 0, "local sound localhost --here --plan --verbose": 0, "check broken": 1, "check odd": 1}


def test_everything_is_the_same_for_twenty_hash_seeds(service, project):
    service.component(SOUND)
    for number in range(9):
        service.write(f"components/app/tree/{number}", "x")
    service.component(BROKEN.replace("class ", "class Broken"), "broken")
    here, there = "consumer, last, provider", "provider, last"
    service.environment(HOSTS.format(more="", here=here, there=there), "sound")
    broken = {
        "here": "brokenleft, brokenright, brokenfar, brokenlast, brokenconsumer, brokenprovider",
        "there": "brokenprovider, brokenlast",
    }
    service.environment(HOSTS.format(more="", **broken), "broken")
    unknown = "[component:brokenprovider]\nfirst = a\nsecond = b\nthird = c\nforth = d\n[a]\n[b]\n[component:c]\n"
    service.environment(
        HOSTS.format(more="jbos = 1\njobs = x\n", here="nobody, nowhere", there="last, brokenprovider") + unknown, "odd"
    )
    outputs = list(run_with_seeds(service.base, project, range(20)))
    for line, status in ENDS.items():
        assert f"{line} {status} " in outputs[0]
    assert "mistakes in the configuration" in outputs[0]
    assert [number for number, output in enumerate(outputs) if output != outputs[0]] == [], outputs


def run_with_seeds(directory, project, seeds):
    """What the script prints for each seed, without times; two at the same time."""
    waiting = list(seeds)
    while waiting:
        runs = [start(directory, project, seed) for seed in waiting[:2]]
        waiting = waiting[2:]
        for run in runs:
            out, _ = run.communicate(timeout=60)
            assert run.returncode == 0, out
            yield re.sub(r"\d+\.\d+ s\b|\d+-\d+-\d+T[0-9:.+]+", "TIME", out)


def start(directory, project, seed):
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("DEPL_")}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=directory,
        env={**surroundings, "PYTHONPATH": str(project / "src"), "PYTHONHASHSEED": str(seed)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
