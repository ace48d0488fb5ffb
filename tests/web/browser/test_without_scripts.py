"""A browser that runs no scripts: everything can be read and done, only not without loading pages again."""

from __future__ import annotations

import re
import time

from browsing import badly_made, press, task_stands
from playwright.sync_api import Page, expect


def again_until(page: Page, text: str) -> None:
    """Load a page again until it says something."""
    until = time.monotonic() + 60
    while text not in page.locator("#rollout-state").inner_text():
        assert time.monotonic() < until, "it never came to that"
        page.reload()


def test_a_rollout_is_planned_started_answered_and_read_without_scripts(team, enter):
    asks, page = enter("ben", scripts=False), enter("grace", scripts=False)
    asks.goto("/new/steps:Release")
    asks.get_by_role("button", name="Make the plan").click()
    until = time.monotonic() + 60
    while "/inquiries/" in asks.url:
        assert time.monotonic() < until, "it never came to that"
        asks.get_by_role("link", name=re.compile("^Look ")).click()
    press(asks, "Ask for approval")
    again_until(asks, "its start waits for approval")
    page.goto(asks.url)
    press(page, "Approve and start")
    again_until(page, "waiting for approval")
    assert badly_made(page) == []
    press(page, "Approve")
    again_until(page, "waiting for its checklist")
    press(page, "Tick all")
    again_until(page, "succeeded")
    task_stands(page, "Do announce", "done")
    page.goto(page.get_by_role("link", name="Do announce").get_attribute("href") + "/log")
    expect(page.locator("#log")).to_contain_text("did announce")
    page.goto("/")
    expect(page.get_by_role("region", name="prod")).to_contain_text("succeeded")
