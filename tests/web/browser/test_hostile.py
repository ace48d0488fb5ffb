"""Names, values and output that would be a script, if anybody let them."""

from __future__ import annotations

from browsing import plan_shown, planned, press, stands
from playwright.sync_api import expect

SCRIPT = "<script>alert('parameter')</script>"


def test_nothing_that_is_shown_is_ever_run(team, visits, enter):
    page = enter("ada")
    page.goto("/new")
    expect(page.get_by_role("main")).to_contain_text("Says <script>alert('title')</script>.")
    id = planned(page, "steps:Hostile", name=SCRIPT)
    expect(page.get_by_role("main")).to_contain_text(SCRIPT)
    press(page, "Start")
    stands(page, "succeeded")
    expect(page.get_by_role("main")).to_contain_text("Do <script>alert(1)</script>")
    expect(page.get_by_role("main")).to_contain_text(SCRIPT)
    for title in ("Do <script>", "Deploy dev"):
        page.goto(f"/rollouts/{id}")
        page.locator("#tasks").get_by_role("link", name=title).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(title)
        for more in page.get_by_text("what changes in it").all():
            more.click()
    page.goto(f"/rollouts/{id}/tasks/1/log")
    expect(page.locator("#log")).to_contain_text("<script>alert('log')</script>")
    expect(page.locator("#log")).to_contain_text("</pre></script><!--")
    for path in (
        "/",
        "/rollouts",
        f"/rollouts?parameter=name={SCRIPT}",
        f"/rollouts?who={SCRIPT}",
        "/environments/dev",
    ):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(f"/rollouts/{id}")
    press(page, "Undo")
    plan_shown(page)
    expect(page.get_by_role("main")).to_contain_text("<script>alert('a name')")
