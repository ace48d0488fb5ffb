"""What a run costs on the line: connections and channels in sshd's log, turns and bytes by a proxy in between."""

from __future__ import annotations

import pytest

MANY = """\
from depl.component import Component
from depl.lib.file import File


class Many(Component):
    count = 5

    def configure(self):
        for number in range(int(self.count)):
            self += File(f"{number}.conf", content=f"number {number}, a line for a file\\n")
"""
LONG = "60"  # seconds of --timeout: signs of life come seldom enough to stay out of the count
TURNS = 12
WARM = 200 * 1024


@pytest.fixture
def through_proxy(site, proxy):
    """A host behind a proxy, and a component with so many files there."""

    def make(count=5, roots=1):
        between = proxy("127.0.0.1")
        names = [f"many{number}" for number in range(roots)]
        site.environment(
            f"[hosts]\nweb = {', '.join(names)}\n[host:web]\naddress = 127.0.0.1\nport = {between.port}\n"
            + "".join(f"[component:{name}]\ncount = {count}\n" for name in names)
        )
        known = site.directory / "environments/live/known_hosts"
        known.write_text(known.read_text().replace(f"[127.0.0.1]:{site.sshd.port}", f"[127.0.0.1]:{between.port}"))
        site.write({f"components/{name}/component.py": MANY.replace("Many(", f"{name.title()}(") for name in names})
        return between

    return make


def run(site, *arguments):
    done = site.call("remote", "live", "--timeout", LONG, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("count", "roots"), [(5, 1), (100, 1), (5, 20)])
def test_a_run_that_changes_nothing_takes_few_turns_however_much_there_is(count, roots, site, through_proxy):
    between = through_proxy(count, roots)
    run(site)
    for _ in range(3):  # on a busy machine signs of life come in between, and pieces of one message cross others
        between.reset()
        assert "web: nothing to do" in run(site)
        assert between.connections == 1
        assert between.up <= WARM
        if between.turns <= TURNS:
            break
    assert between.turns <= TURNS, between.log


def test_the_agent_is_sent_once_and_a_change_takes_as_many_turns_however_much_changes(site, through_proxy):
    turns = []
    for count in (5, 100):
        between = through_proxy(count)
        run(site, "--plan")
        between.reset()
        run(site)
        assert between.connections == 1
        assert between.up <= WARM
        turns.append(between.turns)
    assert max(turns) <= TURNS + 6, turns


def test_what_is_no_longer_declared_is_told_without_another_turn(site, through_proxy):
    through_proxy(roots=2)
    run(site)
    between = through_proxy(roots=1)
    run(site)  # the project travels
    for _ in range(3):
        between.reset()
        told = run(site)
        assert "nothing to do" in told
        assert "no longer declared" in told
        if between.turns <= TURNS:
            break
    assert between.turns <= TURNS, between.log
