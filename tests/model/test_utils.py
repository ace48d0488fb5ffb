"""What component authors use beside components."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from depl import output, utils
from depl.errors import ConfigurationError, ConversionError
from depl.utils import (
    Address,
    BagOfAttributes,
    CmdExecutionError,
    NetLoc,
    Resolver,
    Timer,
    call_with_optional_args,
    cmd,
    dict_merge,
    resolve,
    resolve_v6,
    resolving,
)

GIVEN = Resolver({"web.example": ["10.0.0.1", "fd00::1"], "new.example": ["fd00::2"]}, require_v6="optional")


@pytest.mark.parametrize(
    ("given", "connect"),
    [
        (("web.example:80",), "web.example:80"),
        (("web.example", 80), "web.example:80"),
        (("web.example", "80"), "web.example:80"),
        (("[fd00::1]:80",), "[fd00::1]:80"),
        (("fd00::1", 80), "[fd00::1]:80"),
    ],
)
def test_an_address_is_written_with_its_port(given: tuple[str, ...], connect: str) -> None:
    assert str(Address(*given).connect) == str(Address(*given)) == connect


@pytest.mark.parametrize(
    "given", ["web.example", "web.example:", "fd00::1", "[fd00::1]", "web:http", "web:70000", "[::1"]
)
def test_an_address_needs_a_port_that_is_one(given: str) -> None:
    with pytest.raises(ConversionError) as caught:
        Address(given)
    assert repr(given) in str(caught.value)


def test_the_resolver_of_the_environment_comes_before_dns() -> None:
    with resolving(GIVEN):
        address = Address("web.example:80")
    assert str(address.listen) == "10.0.0.1:80"
    assert str(address.listen_v6) == "[fd00::1]:80"


def test_an_environment_may_be_given_outside_of_its_configuration() -> None:
    address = Address("web.example:80", environment=SimpleNamespace(resolver=GIVEN))
    assert str(address.listen) == "10.0.0.1:80"


def test_two_environments_do_not_know_of_each_other() -> None:
    other = Resolver({"web.example": ["10.9.9.9"]})
    with resolving(GIVEN):
        one = Address("web.example:80")
        with resolving(other):
            two = Address("web.example:80")
    assert (str(one.listen), str(two.listen)) == ("10.0.0.1:80", "10.9.9.9:80")


def test_nothing_is_looked_up_before_it_is_asked_for() -> None:
    assert Address("no-such-host.invalid:80").connect == NetLoc("no-such-host.invalid", 80)


def test_an_address_that_does_not_resolve_is_an_error_that_names_it_and_the_next_step() -> None:
    with pytest.raises(ConfigurationError, match=r"'no-such-host.invalid' has no IPv4 address") as caught:
        _ = Address("no-such-host.invalid:80").listen
    assert "[resolver]" in caught.value.hint


def test_ipv6_must_be_required_before_it_is_asked_for() -> None:
    with pytest.raises(ConfigurationError, match=r"IPv6 address of web.example:80 .* require_v6 is not set"):
        _ = Address("web.example:80").listen_v6


def test_what_is_optional_may_be_missing() -> None:
    assert Address("no-such-host.invalid:80", require_v4="optional").listen is None


def test_an_address_requires_something() -> None:
    with pytest.raises(ConfigurationError, match="neither"):
        Address("web.example:80", require_v4=False)


def test_addresses_have_an_order() -> None:
    texts = ["b:80", "a:100", "a:9"]
    assert [str(address) for address in sorted(map(Address, texts))] == ["a:9", "a:100", "b:80"]
    assert len({Address("a:1"), Address("a:1"), NetLoc("a", 1), NetLoc("a", 1)}) == 2


def test_a_netloc_may_have_no_port() -> None:
    assert str(NetLoc("web.example")) == "web.example"
    assert sorted([NetLoc("a", 10), NetLoc("a", 9), NetLoc("a")]) == [NetLoc("a"), NetLoc("a", 9), NetLoc("a", 10)]


def test_resolve_gives_one_address() -> None:
    assert resolve("localhost", 22) == "127.0.0.1"
    assert resolve("web", resolve_override={"web": "10.0.0.3"}) == "10.0.0.3"
    assert resolve_v6("web", resolve_override={"web": "fd00::3"}) == "fd00::3"
    with resolving(GIVEN):
        assert resolve_v6("new.example") == "fd00::2"


@pytest.mark.parametrize("name", ["sha_512", "sha512", "SHA512"])
def test_a_file_is_hashed_by_the_function_that_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "f").write_bytes(b"x")
    assert utils.hash(tmp_path / "f", name.lower()) == hashlib.sha512(b"x").hexdigest()


def test_an_unknown_hash_function_is_named(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    with pytest.raises(ConfigurationError, match="'md99'"):
        utils.hash(tmp_path / "f", "md99")


def test_dictionaries_are_merged_lists_are_joined_and_the_rest_is_replaced() -> None:
    base = {"a": {"b": 1, "c": [1]}, "d": 1}
    assert dict_merge(base, {"a": {"c": [2], "e": 3}, "d": 2}) == {"a": {"b": 1, "c": [1, 2], "e": 3}, "d": 2}
    assert base == {"a": {"b": 1, "c": [1]}, "d": 1}


def test_a_bag_gives_its_items_as_attributes() -> None:
    bag = BagOfAttributes(a=1)
    bag.b = 2
    assert (bag.a, bag["b"]) == (1, 2)
    with pytest.raises(AttributeError):
        _ = bag.c


def test_a_timer_adds_up_steps() -> None:
    timer = Timer("x")
    for _ in range(2):
        with timer.step("sleep"):
            time.sleep(0.01)
    assert timer.above_threshold(sleep=0.015) and not timer.above_threshold(sleep=100, other=0.1)
    assert timer.humanize("sleep", "other").startswith("sleep=0.0")


def test_functions_get_the_arguments_that_they_take() -> None:
    assert call_with_optional_args(lambda a: a, a=1, b=2) == 1
    assert call_with_optional_args(lambda **all_of_them: all_of_them, a=1, b=2) == {"a": 1, "b": 2}


def test_a_command_gives_its_output_and_fails_with_it() -> None:
    assert cmd("printf $A; echo e >&2", env={"A": "é"}) == ("é", "e\n")
    assert cmd([sys.executable, "-c", "print(input())"], input="$HOME\n") == ("$HOME\n", "")
    assert cmd("exit 3", acceptable_returncodes=[3]) == cmd("exit 3", ignore_returncode=True) == ("", "")
    with pytest.raises(CmdExecutionError) as caught:
        cmd("echo o; echo e >&2; exit 3")
    assert (caught.value.returncode, caught.value.stdout, caught.value.stderr) == (3, "o\n", "e\n")
    with pytest.raises(CmdExecutionError, match="cannot be started"):
        cmd(["/no/such/program"])


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    with pytest.raises(CmdExecutionError, match="timeout"):
        cmd(f"sleep 77 & echo $! > {tmp_path}/pid; wait", timeout=0.3)
    status = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
    until = time.monotonic() + 10
    while status.exists() and status.read_text().split()[2] != "Z" and time.monotonic() < until:
        time.sleep(0.01)
    assert time.monotonic() < until


def test_what_is_printed_goes_to_the_sink_while_there_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[str, dict[str, object]]] = []
    with output.writing_to(lambda text, style: seen.append((text, dict(style)))):
        output.line("one", red=True)
        output.annotate("two\nthree")
        output.tabular("key", 1)
    assert seen == [("one", {"red": True}), ("    two", {}), ("    three", {}), ("       key: 1", {})]
    output.line("plain")
    output.warn("odd")
    try:
        raise ValueError(os.sep)
    except ValueError:
        output.error("bad", exc_info=True)
    captured = capsys.readouterr()
    assert captured.out == "plain\n"
    assert captured.err.startswith("WARNING: odd\nERROR: bad\n") and "ValueError: /" in captured.err


def test_sections_are_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    output.section("Title")
    output.step("host", "begins")
    assert capsys.readouterr().out == " Title ".center(80, "=") + "\nhost: begins\n"
