"""For those with a small screen, in the dark, without a mouse, or who do not see: the same pages."""

from __future__ import annotations

import pytest
from browsing import badly_made, plan_shown, planned, press, stands
from playwright.sync_api import Page, expect

PAGES = (
    *("/", "/environments/prod", "/new", "/new/steps:Hostile", "/deploy/dev", "/rollouts"),
    *("/account", "/people", "/people/ada", "/audit", "/nothing"),
)


@pytest.fixture(scope="module")
def seen() -> list[str]:
    """The pages of rollouts that were made once."""
    return []


@pytest.mark.parametrize("how", [{"phone": True}, {"dark": True}], ids=["phone", "dark"])
def test_every_page_is_well_made(visits, enter, seen, how):
    visits.expect("404")
    page = enter("grace", **how)
    if not seen:
        failed = f"/rollouts/{planned(page, 'steps:Fragile')}"
        press(page, "Start")
        stands(page, "blocked: failed")
        seen += [failed, f"{failed}/tasks/2", f"{failed}/tasks/2/log", f"/rollouts/{planned(page, 'steps:Hostile')}"]
    found = {}
    for path in [*PAGES, *seen]:
        page.goto(path)
        found[path] = badly_made(page)
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_a_rollout_is_started_by_keyboard_alone(team, visits):
    page = visits.new()
    page.goto("/sign-in")
    reach(page, "Name")
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type("correct horse battery staple")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").wait_for()
    page.keyboard.press("Tab")
    assert named(page) == "Skip to the content"
    page.keyboard.press("Enter")
    for link in ("New rollout", "One step after the other."):
        reach(page, link)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(link)
    reach(page, "tag")
    page.keyboard.type("d1")
    page.keyboard.press("Enter")
    plan_shown(page)
    reach(page, "Start")
    page.keyboard.press("Enter")
    stands(page, "running")
    (team.base / "go-d1").touch()
    stands(page, "succeeded")
    expect(page.locator("#tasks")).to_contain_text("Do d1")


def reach(page: Page, name: str) -> None:
    """Go on by the tabulator until something has the focus."""
    for _ in range(60):
        if named(page).startswith(name):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} cannot be reached")


def named(page: Page) -> str:
    """What has the focus; it must be seen to have it."""
    return page.evaluate(
        """() => {
            const one = document.activeElement;
            if (!one || one === document.body) return "";
            return (one.labels?.[0]?.textContent || one.getAttribute("aria-label") || one.textContent || "").trim();
        }"""
    )
