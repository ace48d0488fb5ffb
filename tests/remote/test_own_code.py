"""`depl undo` over a real sshd of what only a component's own reverse() can take back."""

from __future__ import annotations

import shutil
from pathlib import Path

TABLE = """\
import os
from depl.component import Attribute, Component
from depl.errors import UpdateNeeded
from depl.lib.file import File


class Table(Component):
    namevar = "lies_in"
    word = ""

    def verify(self):
        if not os.path.exists(self.lies_in + "/rows"):
            raise UpdateNeeded("no rows")

    def capture(self):
        return {"before": sorted(os.listdir(self.lies_in))}

    def update(self):
        open(self.lies_in + "/rows", "w").write("rows")
        if os.path.exists(self.lies_in + "/fail"):
            raise RuntimeError("half way")

    def reverse(self, captured):
        self.system.write(self.map("note"), b"going")
        self.cmd(f"cat note; echo the word is {self.word}", expand=False)
        with open(self.lies_in + "/calls", "a") as file:
            file.write(f"{captured} {self.word}\\n")
        if os.path.exists(self.lies_in + "/rows"):
            os.unlink(self.lies_in + "/rows")
        if os.path.exists(self.lies_in + "/kill"):
            os.unlink(self.lies_in + "/kill")
            os.kill(os.getpid(), 9)
        self.system.remove(self.map("note"))


class Db(Component):
    lies_in = ""
    word = ""

    def configure(self):
        self += File("a", content="1")
        self += Table(self.lies_in, word=self.word)
"""
WEB = """\
from depl.component import Component
from depl.lib.file import File


class Web(Component):
    def configure(self):
        self += File("web.conf", content="web")
"""
ADDRESSES = ("127.0.0.1", "127.0.0.2")
HOSTS = "[hosts]\none = db\ntwo = web\n[host:one]\naddress = 127.0.0.1\n[host:two]\naddress = 127.0.0.2\n"


def written(site, place, word="plain"):
    site.write({"components/db/component.py": TABLE, "components/web/component.py": WEB})
    site.environment(f"{HOSTS}[component:db]\nlies_in = {place}\n" + (f"word = {word}\n" if word else ""))


def deployed(site, place, **how):
    place.mkdir()
    written(site, place, **how)
    done = site.call("remote", "live")
    assert done.returncode == 0, done.stdout + done.stderr


def projects(site, address):
    return sorted((site.target(address) / ".depl/projects").iterdir())


def cached(site, address):
    """The projects that were brought there without becoming the one that is deployed."""
    return sorted((Path(site.sshd.home(address)) / ".cache/depl/projects").glob("*/components"))


def test_the_host_that_needs_it_gets_the_model_and_the_others_get_nothing(site, new_site, tmp_path, vault_of):
    place = tmp_path / "place"
    vault = vault_of(site)
    vault.set(("component:db", "word"), "open sesame")
    vault.save()
    deployed(site, place, word="")
    other = new_site()
    shutil.copytree(site.directory, other.directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".depl"))
    (other.directory / "components/web/data").write_text("another state of the project, which no host has")
    before = {address: (projects(site, address), cached(site, address)) for address in ADDRESSES}

    planned = other.call("undo", "live", "--plan")
    assert planned.returncode == 0, planned.stderr
    assert "not possible" not in planned.stdout
    assert [cached(site, address) for address in ADDRESSES] == [before[address][1] for address in ADDRESSES]
    undone = other.call("undo", "live", "--verbose")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert (place / "calls").read_text() == "{'before': []} open sesame\n"
    assert not (place / "rows").exists()
    assert site.tree("127.0.0.1") == site.tree("127.0.0.2") == {}
    assert "going" in undone.stdout
    assert "open sesame" not in undone.stdout + undone.stderr
    journals = site.target("127.0.0.1").glob(".depl/journal/*.jsonl")
    assert not any("open sesame" in path.read_text() for path in journals)
    assert [len(cached(site, address)) - len(before[address][1]) for address in ADDRESSES] == [1, 0]
    assert [projects(site, address) for address in ADDRESSES] == [before[address][0] for address in ADDRESSES]
    assert other.call("undo", "live").returncode == 1, "it is taken back already"


def test_an_agent_that_is_killed_in_reverse_is_followed_by_one_that_calls_it_again(site, tmp_path):
    place = tmp_path / "place"
    deployed(site, place)
    (place / "kill").touch()
    undone = site.call("undo", "live")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert (place / "calls").read_text() == "{'before': []} plain\n" * 2
    assert site.tree("127.0.0.1") == site.tree("127.0.0.2") == {}


def test_without_the_component_or_the_model_nothing_is_touched_unless_it_is_to_be_kept(site, tmp_path):
    place = tmp_path / "place"
    deployed(site, place)
    trees = [site.everything(address) for address in ADDRESSES]

    def refused():
        done = site.call("undo", "live")
        assert done.returncode != 0
        found = [site.everything(address) for address in ADDRESSES]
        for tree in (*found, *trees):
            for name in [name for name in tree if name.startswith(".cache") or name.endswith(("/lock", "/.depl", "."))]:
                del tree[name]
        assert found == trees
        return " ".join(done.stderr.split())

    model = (site.directory / "components/db/component.py").read_text()
    site.write({"components/db/component.py": model.replace("self += Table(", "Table(")})
    said = refused()
    assert f"db/Table({place}) on one must be reversed by its own code, and the model has it no more" in said
    planned = site.call("undo", "live", "--plan")
    assert "  not possible now: it must be reversed by its own code, and the model has it no more" in planned.stdout
    assert ", 1 conflict; nothing was touched" in planned.stdout
    assert "conflict;" not in site.call("undo", "live", "--plan", "--keep").stdout
    assert "Check out " in said and "--keep" in said
    site.write({"components/db/component.py": "nonsense("})
    said = refused()
    assert (
        f"db/Table({place}) on one must be reversed by its own code, and the model of live cannot be made here" in said
    )
    assert "components/db/component.py:1" in said and "--keep" in said

    kept = site.call("undo", "live", "--keep")
    assert kept.returncode == 0, kept.stdout + kept.stderr
    assert "what update() of db/Table" in kept.stdout
    assert (place / "rows").exists() and not (place / "calls").exists()
    assert site.tree("127.0.0.2") == {}


def test_where_a_host_refuses_the_model_keep_goes_on_without_it(site, tmp_path):
    place = tmp_path / "place"
    deployed(site, place)
    model = (site.directory / "components/db/component.py").read_text()
    refusing = "if '.cache' in __file__:\n    raise RuntimeError('not on a host')\n"
    site.write({"components/db/component.py": refusing + model})
    refused = site.call("undo", "live")
    assert refused.returncode == 1 and "not on a host" in refused.stderr, refused.stdout + refused.stderr
    assert site.tree("127.0.0.2") != {}
    kept = site.call("undo", "live", "--keep")
    assert kept.returncode == 0, kept.stdout + kept.stderr
    assert "without the components' own code, as " in " ".join((kept.stdout + kept.stderr).split())
    assert "what update() of db/Table" in kept.stdout
    assert (place / "rows").exists() and not (place / "calls").exists()
    assert site.tree("127.0.0.2") == {}


def test_a_rollout_that_was_cut_off_is_taken_back_like_that(site, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    written(site, place)
    (place / "fail").touch()
    stopped = site.call("remote", "live", "--on-failure", "stop")
    assert stopped.returncode != 0
    undone = site.call("undo", "live")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert (place / "calls").read_text() == "{'before': ['fail']} plain\n"
    assert site.tree("127.0.0.1") == site.tree("127.0.0.2") == {}
