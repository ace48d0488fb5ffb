"""A failure after a step that cannot be undone, on two hosts over a real sshd."""

from __future__ import annotations

import json

COMPONENT = """\
from pathlib import Path

from depl.component import Component
from depl.lib.command import Command
from depl.lib.file import File


class Cfg(Component):
    def configure(self):
        self.provide("cfg", self)
        self += File("cfg", content="new")


class Alone(Component):
    def configure(self):
        self += File("alone", content="new")


class Db(Component):
    broken = "yes"

    def configure(self):
        self.require_one("cfg")
        self += File("before", content="new")
        self += Migration()
        if self.broken == "yes":
            self += Command("exit 3", unless="false")


class Migration(Component):
    irreversible = "the old rows are gone"

    def verify(self):
        assert Path("migrated").exists()

    def update(self):
        Path("migrated").write_text("yes")
"""
DB, OTHER = "127.0.0.21", "127.0.0.22"
HELD = f"{OTHER}: cfg, because db@{DB} needs it and is not put back"


def environment(site, broken):
    site.environment(f"[hosts]\n{DB} = db\n{OTHER} = cfg, alone\n[component:db]\nbroken = {broken}\n")


def test_what_the_step_came_after_stands_on_all_hosts_until_somebody_goes_on(site):
    site.write({"components/all/component.py": COMPONENT})
    environment(site, "yes")
    plan = site.call("remote", "live", "--plan")
    assert f"{DB}: from here on a failure leaves what was done before: db/Migration: the old" in plan.stdout
    assert f"{DB}: after db/Migration a failure also leaves cfg@{OTHER}" in plan.stdout
    failed = site.call("remote", "live", "--json")
    assert failed.returncode == 4, failed.stdout + failed.stderr
    outcome = json.loads(failed.stdout.splitlines()[-1])["outcome"]
    assert (outcome["status"], outcome["conflicts"]) == ("blocked", [])
    sentence = f"{DB}: db/Migration: update() of db/Migration cannot be undone: the old rows are gone"
    assert outcome["pivots"] == [sentence]
    assert sorted(outcome["standing"]) == [f"{DB}: db: 3 changes", HELD]
    assert sorted(path for path in site.tree(OTHER) if "/" in path) == ["work/cfg", "work/cfg/cfg"]
    shown = site.call("undo", "live", "--plan")
    assert "here it would stop: it cannot be undone" in shown.stdout
    assert f"stays as it is: db@{DB} needs it and stays" in shown.stdout
    assert "0 changes of rollout" in shown.stdout
    stopped = site.call("undo", "live")
    assert stopped.returncode == 4
    assert HELD in stopped.stdout and "undo live --keep\n" in stopped.stdout
    log = site.call("log", "live", DB)
    assert "    failed: db/Command(exit 3): the command `exit 3` exited with status 3\n" in log.stdout
    environment(site, "no")
    done = site.call("remote", "live")
    assert done.returncode == 0, done.stdout + done.stderr
    assert site.call("remote", "live").stdout.count("nothing to do") >= 1


def test_with_keep_all_but_the_step_itself_is_put_back_everywhere(site):
    site.write({"components/all/component.py": COMPONENT})
    environment(site, "yes")
    assert site.call("remote", "live").returncode == 4
    kept = site.call("undo", "live", "--keep")
    assert kept.returncode == 0, kept.stdout + kept.stderr
    assert sorted(site.tree(DB)) == ["work", "work/db", "work/db/migrated"]
    assert site.tree(OTHER) == {}
