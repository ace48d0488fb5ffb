"""One person, no users, the sample of this repository: from an empty store to a service that was taken back."""

from __future__ import annotations

import re

from browsing import is_marked, mark, plan_shown, press, stands, task_stands
from playwright.sync_api import expect


def test_a_first_rollout_from_the_link_to_its_log(alone, visits, owner):
    visits.expect("401")
    page = visits.new()
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("There are no users yet")
    page = owner()
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    page.get_by_role("link", name="New rollout").click()
    page.get_by_role("link", name="wait").click()
    page.get_by_role("button", name="Make the plan").click()
    plan_shown(page)
    expect(page.locator("#tasks, main")).to_contain_text(["Delay for 15 seconds"])
    mark(page)
    press(page, "Start")
    stands(page, "running")
    mark(page)
    left = page.locator("#tasks [data-until]")
    expect(left).to_have_text(re.compile(r"^\d+ s left$"))
    seen = [int(left.inner_text().split()[0])]
    while len(seen) < 4:
        expect(left).not_to_have_text(f"{seen[-1]} s left")
        seen.append(int(left.inner_text().split()[0]))
    assert seen == sorted(seen, reverse=True)
    stands(page, "succeeded")
    task_stands(page, "Delay for 15 seconds", "done")
    assert is_marked(page), "it was loaded again"
    page.locator("#tasks").get_by_role("link", name="Delay for 15 seconds").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Delay for 15 seconds")


def test_the_sample_is_deployed_breaks_is_put_back_and_taken_back(alone, owner):
    page = owner()
    page.goto("/deploy/dev")
    page.get_by_role("button", name="Make the plan").click()
    good = plan_shown(page)
    page.locator("details:not([open]) > summary").evaluate_all("all => all.forEach(one => one.click())")
    expect(page.locator(".diff .add").first).to_be_visible()
    press(page, "Start")
    stands(page, "running")
    mark(page)
    task_stands(page, "guestbook", "at work")
    stands(page, "succeeded")
    assert is_marked(page)
    page.goto("/deploy/broken")
    page.get_by_role("button", name="Make the plan").click()
    plan_shown(page)
    press(page, "Start")
    stands(page, "running")
    mark(page)
    stands(page, "reversed")
    trouble = page.get_by_role("region", name="First error")
    expect(trouble).to_contain_text("no/such/directory")
    assert is_marked(page)
    edited = alone.base / "work/guestbook/guestbook.ini"
    before = edited.read_text()
    edited.write_text("[mine]\n")
    page.goto(f"/rollouts/{good}")
    press(page, "Undo")
    plan_shown(page)
    conflicts = page.get_by_role("region", name="conflict")
    expect(conflicts).to_contain_text("guestbook.ini")
    expect(page.get_by_role("region", name="in this order")).to_contain_text("supervisord")
    edited.write_text(before)
    press(page, "Plan anew")
    page.wait_for_url(re.compile("/inquiries/"))
    plan_shown(page)
    expect(conflicts).to_have_count(0)
    press(page, "Start")
    stands(page, "taken back")
    assert not edited.exists()
    page.goto(f"/rollouts/{good}")
    expect(page.locator("#rollout-head")).to_contain_text("Taken back by")
