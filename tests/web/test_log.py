from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import event
from streams import Stream

from depl.events import Event, Output, What
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import RolloutState
from depl.rollout.tree import Group, Leaf, Tree
from depl.store import schema
from depl.web.pages.log import LARGEST, WINDOW
from depl.web.views.log_text import LINE, parts, readable


@pytest.fixture(scope="module")
def long(running) -> str:
    """A task that printed 100 MB; where its log is."""
    _run(running.store, "long")
    text = "".join(f"{number:06} {'x' * 56}\n" for number in range(512))  # 32 KiB
    count = 100_000_000 // len(text)
    rows = [{"offset": at * len(text), "text": text} for at in range(count)]
    fixed = {"rollout": "long", "task": "1", "stream": "stdout", "host": "", "at": "2026-01-02T03:04:05Z"}
    with running.store.database.writing() as connection:
        for start in range(0, count, 500):
            connection.execute(schema.output.insert(), [{**fixed, **row} for row in rows[start : start + 500]])
    return "/rollouts/long/tasks/1/log"


@pytest.fixture
def ann(sign_in: Callable[..., Any]) -> Any:
    return sign_in("ann", "*=viewer")


@pytest.fixture
def said(running) -> Callable[..., Any]:
    """Makes a rollout whose task prints something."""

    def make(id: str, *texts: str | Output, task: str = "1") -> Any:
        log = _run(running.store, id)
        log.output([one if isinstance(one, Output) else Output(task, "stdout", one) for one in texts])
        return log

    return make


def _run(store: Any, id: str) -> Any:
    leaves = {"1": Leaf("1", "depl.tasks:Delay", environments=(f"of-{id}",))}
    store.create(
        RolloutPlan(id, "release", Tree(leaves, {"0": Group("0", ("1",))}, "0"), who="ann"), RolloutState.QUEUED
    )
    log = store.log(id, store.claim_this(id, "worker").epoch)
    log.append([Event(What.STARTED), Event(What.TASK_STARTED, "1")])
    return log


@pytest.fixture
def statements(running) -> Iterator[list[str]]:
    """Those that are executed."""
    found: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement != "BEGIN":
            found.append(statement)

    event.listen(running.store.database.engine, "before_cursor_execute", note)
    yield found
    event.remove(running.store.database.engine, "before_cursor_execute", note)


def _text(page: str) -> str:
    """What stands in the log of a page."""
    found = re.search(r'<pre class="log".*?>(.*?)</pre>', page, re.DOTALL)
    assert found
    return re.sub("<[^>]*>", "", found[1])


def test_the_end_of_a_long_log_is_shown_in_few_queries_and_bytes(ann, long: str, statements: list[str]) -> None:
    page = ann.get(long)
    assert page.status == 200
    assert len(page.body) < WINDOW + 20_000
    assert len(statements) < 16
    assert _text(page.text).endswith(f"000511 {'x' * 56}\n")
    assert "Earlier" in page.text
    assert "Later" not in page.text


def test_any_part_of_it_can_be_reached(ann, long: str) -> None:
    total = int(ann.get(f"{long}?offset=0&limit=1&format=text").headers["x-depl-total"])
    middle = ann.get(f"{long}?offset={total // 2}")
    ways = {word: path for path, word in re.findall(r'<a href="([^"]*)">(Start|Earlier|Later|End)</a>', middle.text)}
    assert list(ways) == ["Start", "Earlier", "Later", "End"]
    assert _text(ann.get(ways["Start"]).text).startswith("000000 xxx")
    after = ann.get(f"{long}?offset={total // 2 + WINDOW}&format=text").text
    assert _text(ann.get(ways["Later"]).text) == after
    assert len(ann.get(f"{long}?offset=0&limit=99999999&format=text").text) == LARGEST


def test_all_of_it_can_be_taken_home_in_pieces(ann, long: str, running, statements: list[str]) -> None:
    answer = ann.get(f"{long}/download")
    assert answer.headers["content-disposition"] == 'attachment; filename="long-1.log"'
    assert len(answer.body) == running.store.ends("long", ["1"])["1"] > 99_000_000
    assert len(statements) > 3 * 100_000_000 / 1_000_000  # never much of it at once


def test_what_is_found_leads_to_its_place(ann, said) -> None:
    said("found", "start\n" * 20_000, "here it \x1b[31mis\x1b[0m: Needle one\n", "end\n" * 20_000, "a needle again\n")
    page = ann.get("/rollouts/found/tasks/1/log?q=needle").text
    hits = re.findall(r'<li><a href="([^"]*)"><span class="mono">([^<]*)</span>', page)
    assert [line for _, line in hits] == ["here it is: Needle one", "a needle again"]
    place = ann.get(hits[0][0].partition("#")[0].replace("&amp;", "&")).text
    assert '<span id="hit"></span><mark>Needle</mark>' in place
    assert "Not found" in ann.get("/rollouts/found/tasks/1/log?q=straw").text


def test_what_was_printed_cannot_do_anything_in_the_page(ann, said) -> None:
    said("bad", "<script>alert(1)</script> </pre>\x1b]0;title\x07 \x1b[2J\x00\x08 <hx-partial hx-target='body'>\r\n")
    page = ann.get("/rollouts/bad/tasks/1/log?q=%3Cscript%3E").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "<hx-partial" not in page
    assert not re.search(r"[\x00\x07\x08\x1b\r]", page)


def test_tasks_of_deployments_have_slashes_in_their_names(ann, said) -> None:
    said("inner", "said\n", task="2/web@host1")
    for name in ("2/web@host1", quote("2/web@host1", safe="")):
        assert _text(ann.get(f"/rollouts/inner/tasks/{name}/log").text) == "said\n"
        assert ann.get(f"/rollouts/inner/tasks/{name}/log/download").text == "said\n"
    assert (
        "inner-2-web@host1.log"
        in ann.get("/rollouts/inner/tasks/2/web@host1/log/download").headers["content-disposition"]
    )


def test_a_log_is_followed_from_where_the_page_is(ann, running, said) -> None:
    log = said("follow", "one\n")
    path = re.search(r'hx-sse:connect="([^"]*)"', ann.get("/rollouts/follow/tasks/1/log").text)[1]  # type: ignore[index]
    assert path.endswith("?after=4")
    cookie = next(iter(ann.cookies.values()))
    page = Stream(running.server.port, path, cookie)
    log.output([Output("1", "stderr", "two <b>\n")])
    message = page.next()
    assert (message.id, 'beforeend"><span class="error">two &lt;b&gt;\n</span></hx-partial>' in message.data) == (
        "12",
        True,
    )
    log.output([Output("1", "stdout", f"{'y' * 99}\n" * 3000)])
    message = page.next()
    while message.id != "300012":
        message = page.next()
    page.close()
    page = Stream(running.server.port, path, cookie, "12")
    message = page.next()
    assert f"{300_000 - 131_072} characters are left out" in message.data
    assert len(message.data) < 140_000
    page.close()


def test_the_log_of_a_rollout_that_they_may_not_see_is_not_there(sign_in, said) -> None:
    said("hidden", "secret\n")
    other = sign_in("olga", "elsewhere=admin")
    for end in ("", "/download", "/live?poll=1"):
        assert other.get(f"/rollouts/hidden/tasks/1/log{end}").status == 404


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m\n", "red\n"),
        ("10%\r50%\r100%\n", "100%\n"),
        ("dos\r\n", "dos\n"),
        ("link \x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\\n", "link text\n"),
        ("tab\tbell\x07 \u202eturned\n", "tab\tbell turned\n"),
        ("z" * (LINE + 5) + "\n", "z" * LINE + "… (5 more characters)\n"),
    ],
)
def test_logs_are_readable(printed: str, shown: str) -> None:
    assert readable(printed) == shown


def test_pieces_of_one_stream_are_shown_as_one() -> None:
    pieces = [Output("1", stream, text) for stream, text in (("stdout", "a"), ("stdout", "b"), ("stderr", "c"))]
    assert [(one.text, one.is_error) for one in parts(pieces)] == [("ab", False), ("c", True)]


def test_what_others_made_is_as_they_made_it() -> None:
    static = resources.files("depl.web").joinpath("static")
    for package in json.loads(static.joinpath("vendored.json").read_text()).values():
        assert package["version"] in static.joinpath("htmx.min.js").read_text()
        for name, about in package["files"].items():
            assert hashlib.sha256(static.joinpath(name).read_bytes()).hexdigest() == about["sha256"], name
