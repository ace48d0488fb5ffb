"""The web server is killed while somebody looks on."""

from __future__ import annotations

import re

from browsing import is_marked, mark, planned, press, stands, task_stands
from playwright.sync_api import expect


def test_a_rollout_goes_on_without_the_server_and_an_open_page_catches_up(team, visits, enter):
    visits.expect("net::ERR_", "htmx:sse:error", "htmx:error")
    page, log = enter("ada"), enter("ada")
    id = planned(page, "steps:Steps", tag="c1")
    press(page, "Start")
    task_stands(page, "Do c1", "at work")
    task = page.get_by_role("link", name="Do c1").get_attribute("href")
    log.goto(f"{task}/log")
    expect(log.locator("#log")).to_contain_text("line 3")
    mark(page)
    mark(log)
    team.kill()
    (team.base / "go-c1").touch()
    team.wait(lambda: '"succeeded"' in team.depl("show", id, "--json").stdout)
    team.serve()
    stands(page, "succeeded")
    for title in ("Do first", "Do c1", "Do left", "Do right", "Do last"):
        task_stands(page, title, "done")
    assert is_marked(page), "it was loaded again"
    expect(log.locator("#log")).to_contain_text(re.compile(r"line \d+\s*$"))
    first, *lines = log.locator("#log").inner_text().splitlines()
    assert first == "did c1"
    assert lines == [f"line {number}" for number in range(1, len(lines) + 1)]
    assert is_marked(log)
