"""What can be said to a rollout, by whom, and when: what is neither legal nor allowed has no button."""

from __future__ import annotations

from browsing import planned, press, stands, task_stands
from playwright.sync_api import Page, expect


def offered(page: Page) -> set[str]:
    """What can be done about a rollout, as its page has it."""
    return set(page.locator("#rollout-actions button").all_inner_texts())


def test_pausing_keeping_aborting_and_terminating(team, enter):
    page, looker = enter("ada"), enter("vera")
    id = planned(page, "steps:Steps", tag="a1")
    looker.goto(f"/rollouts/{id}")
    expect(looker.get_by_role("heading", level=1)).to_contain_text("steps:Steps")
    assert offered(looker) == set()
    assert offered(page) == {"Start", "Plan anew", "Cancel"}
    press(page, "Start")
    task_stands(page, "Do a1", "at work")
    assert offered(page) == {"Pause", "Abort", "Terminate", "Keep"}
    press(page, "Pause")
    stands(page, "paused")
    (team.base / "go-a1").touch()
    task_stands(page, "Do a1", "done")
    task_stands(page, "Do left", "pending")
    press(page, "Resume")
    stands(page, "succeeded")
    stands(looker, "succeeded")

    id = planned(page, "steps:Steps", tag="a2")
    press(page, "Start")
    task_stands(page, "Do a2", "at work")
    press(page, "Keep")
    expect(page.get_by_role("button", name="Unkeep")).to_be_visible()
    press(page, "Terminate", why="it takes too long")
    stands(page, "kept")

    planned(page, "steps:Steps", tag="a3")
    press(page, "Start")
    task_stands(page, "Do a3", "at work")
    press(page, "Abort")
    stands(page, "stopping")
    (team.base / "go-a3").touch()
    stands(page, "reversed")
    task_stands(page, "Do first", "reversed")
    task_stands(page, "Do last", "cancelled")


def test_four_eyes_from_the_start_to_the_last_item_of_a_checklist(team, enter):
    asks, other, looker = enter("ben"), enter("grace"), enter("vera")
    id = planned(asks, "steps:Release")
    assert "Start" not in offered(asks)
    press(asks, "Ask for approval")
    stands(asks, "its start waits for approval")
    assert not {"Start", "Approve and start"} & offered(asks)
    other.goto("/")
    other.get_by_role("region", name="Waits for you").get_by_role("link", name="Look at the plan").click()
    press(other, "Approve and start")
    stands(other, "waiting for approval")
    stands(asks, "waiting for approval")
    looker.goto(f"/rollouts/{id}")
    for page in (asks, looker):
        assert not {"Approve", "Reject"} & offered(page)
    press(other, "Approve")
    stands(other, "waiting for its checklist")
    press(other, "the phone is quiet")
    expect(other.get_by_role("button", name="the phone is quiet")).to_have_count(0)
    press(other, "the <i>shop</i> sells")
    stands(other, "succeeded")
    expect(asks.locator("#rollout-head")).to_contain_text("grace")


def test_what_failed_is_tried_again_and_passed_over(team, enter):
    page = enter("ada")
    planned(page, "steps:Fragile")
    press(page, "Start")
    stands(page, "blocked: failed")
    trouble = page.get_by_role("region", name="First error")
    expect(trouble.locator(".log")).to_contain_text("the vase broke")
    (team.base / "repaired").touch()
    press(page, "Retry")
    task_stands(page, "Do fragile", "done")
    task_stands(page, "Do never", "failed")
    expect(trouble.locator(".log")).to_contain_text("cannot be done")
    expect(page.locator("#rollout-actions").get_by_role("link", name="Do never")).to_be_visible()
    press(page, "Skip", why="it may be left out")
    stands(page, "succeeded")
    task_stands(page, "Do never", "skipped")


def test_what_is_not_for_somebody_does_not_exist_for_them(team, visits, enter):
    visits.expect("404")
    page, stranger = enter("ada"), enter("olga")
    id = planned(page, "steps:Steps", tag="b1")
    stranger.goto(f"/rollouts/{id}")
    expect(stranger.get_by_role("heading", level=1)).to_have_text("Not found")
    stranger.goto("/environments/dev")
    expect(stranger.get_by_role("heading", level=1)).to_have_text("Not found")
    press(page, "Cancel")
    stands(page, "cancelled")
