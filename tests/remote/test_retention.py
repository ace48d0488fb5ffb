"""The settings of how long the way back is kept arrive on the hosts, and hold for the coordinator's records, too."""

from __future__ import annotations

import os

COMPONENT = """\
from depl.component import Component
from depl.lib.file import File


class Web(Component):
    title = ""

    def configure(self):
        self += File("web.conf", content="{{component.title}}\\n")
"""
SETTINGS = "keep_rollouts = 2\nkeep_days = 1\n"


def deployed(site, title: str, settings: str = SETTINGS) -> None:
    site.environment(
        f"[hosts]\nweb = web\n[host:web]\naddress = 127.0.0.1\n[component:web]\ntitle = {title}\n", settings=settings
    )
    done = site.call("remote", "live")
    assert done.returncode == 0, done.stdout + done.stderr


def journals(site) -> list[str]:
    """The rollouts whose journals are on the host, oldest first."""
    found = sorted((site.target("127.0.0.1") / ".depl/journal").glob("*.jsonl"))
    return [path.name.removesuffix(".jsonl").partition("-")[2] for path in found]


def aged(site) -> None:
    for directory in (site.target("127.0.0.1") / ".depl/journal", site.directory / ".depl/rollouts"):
        for path in directory.glob("*.jsonl"):
            os.utime(path, (1, 1))


def test_hosts_and_coordinator_keep_what_the_environment_says_and_the_rest_is_no_longer_reversible(site):
    site.write({"components/web/component.py": COMPONENT})
    for title in ("one", "two", "three"):
        deployed(site, title)
    rollouts = journals(site)
    assert len(rollouts) == 3, "they are young"
    aged(site)
    deployed(site, "four")
    left = journals(site)
    assert left[:-1] == rollouts[2:]
    assert sorted(path.stem for path in (site.directory / ".depl/rollouts").glob("*.jsonl")) == left
    refused = site.call("undo", "live", rollouts[0])
    assert refused.returncode == 1
    assert f"rollout {rollouts[0]} is no longer reversible on web" in refused.stderr
    told = site.call("log", "live", "web").stdout.splitlines()
    assert told[-2:] == [f"{one}  live  purged, no longer reversible" for one in (rollouts[1], rollouts[0])]
    for _ in left:
        undone = site.call("undo", "live")
        assert undone.returncode == 0, undone.stderr
    assert (site.target("127.0.0.1") / "work/web/web.conf").read_text() == "two\n"
    nothing = site.call("undo", "live")
    assert nothing.returncode == 1
    assert (
        "there is no rollout of live to undo; 2 older ones were purged after keep_rollouts/keep_days" in nothing.stderr
    )
