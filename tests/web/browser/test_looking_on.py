"""The page of a rollout while it goes on, in a browser: what somebody else writes down is seen without a reload."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from browsing import Visits, is_marked, mark
from playwright.sync_api import Page, expect
from sqlalchemy import text

from depl.deploy.begin import utc
from depl.events import Event, What
from depl.project import WebSettings
from depl.rollout.plan import RolloutPlan
from depl.rollout.tree import Group, Leaf, Tree
from depl.web.visitors import COOKIE

LIST = "<h1>Is all well?</h1><p id=told></p><script>told.textContent = 'ticked by ' + location.pathname</script>"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the project keeps its checklists: another origin."""
    directory = tmp_path_factory.mktemp("elsewhere")
    (directory / "r").write_text(LIST)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def guess_type(self, path: Any) -> str:
            return "text/html"

        def log_message(self, *about: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def looker(serving: Callable[..., Any], chromium: Any, elsewhere: str) -> Iterator[Callable[..., tuple[Any, Page]]]:
    """looker(): a site whose rollouts we write down ourselves, and the page of an operator."""
    found: list[Visits] = []

    def enter() -> tuple[Any, Page]:
        site = serving(WebSettings(checklist_url=f"{elsewhere}/{{rollout}}", checklist_height=432))
        site.store.published.put("environment", "dev", {"settings": {"reversibility": "allow"}, "edges": []})
        site.sign_in("kim", "dev=operator")
        site.sign_in("ann", "dev=operator", "dev=approver")
        address = f"http://127.0.0.1:{site.server.port}"
        found.append(Visits(chromium, address))
        found[-1].expect(f"request to {elsewhere}")
        cookie = {"name": COOKIE, "value": site.store.people.sign_in("ann", address="127.0.0.1"), "url": address}
        page = found[-1].new()
        page.context.add_cookies([cookie])
        return site, page

    yield enter
    for visits in found:
        mistakes = visits.mistakes()
        visits.close()
        assert mistakes == []


def planned(site: Any, id: str, *tasks: str) -> None:
    leaves = {one: Leaf(one, "depl.tasks:Delay", title=f"Task {one}", environments=("dev",)) for one in tasks}
    tree = Tree(leaves, {"0": Group("0", list(tasks))}, "0")
    site.store.create(RolloutPlan(id, "release", tree, who="kim", title="Release", made=utc()))


def test_a_plan_that_is_made_anew_is_shown_before_it_can_be_started(looker) -> None:
    site, page = looker()
    planned(site, "r", "1")
    page.goto("/rollouts/r")
    mark(page)
    expect(page.get_by_text("Task 1")).to_be_visible()
    planned(site, "r", "1", "2")
    expect(page.get_by_text("Task 2")).to_be_visible()
    site.store.want_start("r", "kim")
    page.get_by_role("button", name="Approve and start").click()
    expect(page.locator("#rollout-state")).to_contain_text("queued")


def test_who_is_at_work_what_happened_and_the_list_kept_elsewhere(looker, elsewhere: str) -> None:
    site, page = looker()
    store = site.store
    planned(site, "r", "1", "2")
    store.start("r", "ann")
    log = store.log("r", store.claim("web1:4711").epoch)
    log.append([Event(What.STARTED), Event(What.TASK_STARTED, "1")])
    answer = page.goto("/rollouts/r")
    mark(page)

    policy = dict(one.partition(" ")[::2] for one in answer.headers["content-security-policy"].split("; "))
    assert policy["frame-src"] == elsewhere
    frame = page.locator("iframe")
    assert frame.bounding_box()["height"] == pytest.approx(432, abs=3)
    expect(page.frame_locator("iframe").get_by_text("ticked by /r")).to_be_visible()
    assert not {"allow-same-origin", "allow-top-navigation"} & set(frame.get_attribute("sandbox").split())

    heard = page.locator("#rollout-now .heard")
    expect(page.locator("#rollout-now")).to_contain_text("web1:4711, heard")
    expect(heard).to_have_text("heard 3 s ago")
    with store.database.writing() as connection:
        connection.execute(text("UPDATE rollouts SET heartbeat = heartbeat + 1"))
    expect(heard).to_have_text("heard 3 s ago")
    with store.database.writing() as connection:
        connection.execute(text("UPDATE rollouts SET heartbeat = heartbeat - 100"))
    expect(page.locator(".heard.is-late")).to_contain_text("heard 1 min")
    expect(page.get_by_text("Nobody is at work on it")).to_be_visible()

    page.get_by_text("What happened").click()
    story = page.locator("#story")
    expect(story.locator("li").first).to_contain_text("Task 1: begins")
    log.append([Event(What.TASK_DONE, "1"), Event(What.TASK_STARTED, "2")])
    expect(story.locator("li").first).to_contain_text("Task 2: begins")
    expect(story.locator("li").nth(1)).to_contain_text("Task 1: done")
    expect(page.locator("#story-count")).to_have_text("6 events")
    assert story.locator("li").count() == 6
    assert is_marked(page)


def test_hosts_come_to_the_rows_of_a_large_deployment_by_a_command(looker) -> None:
    site, page = looker()
    site.store.admit("r")
    log = site.store.log("r")
    log.append([Event(What.STARTED, data={"rollout": "r", "environment": "dev", "hosts": [], "who": "kim"})])
    log.append([Event(What.TASK_STARTED, f"c{at}", host=f"h{host}") for host in range(10) for at in range(30)])
    page.goto("/rollouts/r")
    log.append([Event(What.TASK_STARTED, "new", host=host) for host in ("h0", "later")])
    expect(page.locator("#rows > li").last).to_contain_text("later")
    expect(page.locator("#rows > li").last).to_contain_text("new")
    expect(page.locator("#rows > li").first).to_contain_text("of 31 done")
    closed = page.locator("#rows > li").nth(9)
    expect(closed.locator(".task")).to_have_count(1)
    closed.locator("summary").click()
    expect(closed.locator(".task")).to_have_count(31)
