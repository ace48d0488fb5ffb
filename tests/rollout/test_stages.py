"""Stages of a deployment as a table: which hosts come when, how many may fail, and what is a mistake."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from depl.errors import ConfigurationError
from depl.rollout.graph import Plan
from depl.rollout.stages import along_with, needs_later, stages_of, staging_of, tolerated
from depl.settings import EnvironmentSettings

WEB = [f"web{number}" for number in range(1, 7)]


@pytest.mark.parametrize(
    ("words", "hosts", "stages"),
    [
        ((), WEB, []),
        (("one", "half", "all"), WEB, [["web1"], ["web2", "web3"], ["web4", "web5", "web6"]]),
        (("one", "half", "all"), WEB[:3], [["web1"], ["web2"], ["web3"]]),
        (("one", "half", "all"), WEB[:1], [["web1"]]),
        (("one",), WEB[:3], [["web1"], ["web2", "web3"]]),
        (("2", "3"), WEB, [["web1", "web2"], ["web3", "web4", "web5"], ["web6"]]),
        (("20%", "50%", "100%"), WEB, [["web1", "web2"], ["web3"], ["web4", "web5", "web6"]]),
        (("db*", "web2", "all"), ["web1", "web2", "db1", "db2"], [["db1", "db2"], ["web2"], ["web1"]]),
        (("db*", "half"), ["web1", "web2", "db1", "db2"], [["db1", "db2"], ["web1", "web2"]]),
        (("web1", "db1"), ["web1"], [["web1"]]),
    ],
)
def test_words_become_stages_of_hosts(words: Sequence[str], hosts: Sequence[str], stages: list[list[str]]) -> None:
    assert stages_of(words, hosts, ["db1", "db2", *WEB]) == stages


def test_a_name_that_means_no_host_is_a_mistake_that_names_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"no host is called 'wbe\*'") as raised:
        stages_of(["wbe*", "all"], WEB, WEB)
    assert "web1, web2" in raised.value.hint


def test_hosts_of_a_stage_that_need_those_of_a_later_one_are_a_mistake(plan: Callable[..., Plan]) -> None:
    wanted = plan({"db@two": [], "web@one": ["db@two"], "more@one": ["db@two"]})
    (mistake,) = needs_later(wanted, [["one"], ["two"]])
    assert mistake.message == "web@one belongs to stage 1 of the deployment, and needs db@two, which belongs to stage 2"
    assert not list(needs_later(wanted, [["two"], ["one"]]))
    assert not list(needs_later(wanted, []))


@pytest.mark.parametrize(("wanted", "hosts", "may"), [(0, 10, 0), (2, 10, 2), ("10%", 25, 2), ("10%", 9, 0)])
def test_a_share_of_hosts_that_may_fail_is_rounded_down(wanted: int | str, hosts: int, may: int) -> None:
    assert tolerated(wanted, hosts) == may


def test_whoever_needs_a_host_that_failed_goes_back_with_it(plan: Callable[..., Plan]) -> None:
    wanted = plan({"db@one": [], "app@two": ["db@one"], "web@three": ["app@two"], "mail@four": []})
    assert along_with(["one"], wanted) == {"one", "two", "three"}
    assert along_with(["three"], wanted) == {"three"}


def test_a_gate_needs_several_stages(plan: Callable[..., Plan]) -> None:
    wanted, hosts = plan({"web@one": [], "web@two": []}), ["one", "two"]
    settings = EnvironmentSettings(stages=("one", "all"), gate="approval", soak=60, max_failures="50%")
    staging = staging_of(settings, wanted, hosts, hosts)
    assert (staging.stages, staging.gate, staging.soak, staging.max_failures) == ([["one"], ["two"]], True, 60.0, 1)
    assert not staging_of(EnvironmentSettings(gate="approval"), wanted, hosts, hosts).gate
    assert list(staging.lines()) == [
        "stage 1 of 2: one; then soaking for 60 s, then an approval",
        "stage 2 of 2: two; then soaking for 60 s",
    ]
