"""The pictures in docs/web.rst, made of the sample service where that is wanted: with DEPL_SCREENSHOTS=1."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from browsing import plan_shown, planned, press, stands, task_stands
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.skipif(not os.environ.get("DEPL_SCREENSHOTS"), reason="runs with DEPL_SCREENSHOTS=1")
PLACE = Path("/srv/shop")  # it is seen in the pictures
PASSWORD = "correct horse battery staple"
MOST = 200_000  # bytes


@pytest.fixture
def drawn(sample):
    """The sample in a place that could be anybody's."""
    PLACE.mkdir()
    try:
        with sample(PLACE / "guestbook", PATH="/usr/bin:/bin", HOME=str(PLACE)) as site:
            site.depl("user", "add", "ada", "--role", "*=admin", "--password-stdin", input=PASSWORD + "\n")
            yield site
    finally:
        shutil.rmtree(PLACE)


@pytest.fixture
def picture(project: Path) -> Callable[[Page, str], None]:
    """picture(page, "live"): keep how a page looks."""
    directory = project / "docs" / "web"
    directory.mkdir(exist_ok=True)

    def take(page: Page, name: str) -> None:
        page.mouse.move(0, 0)
        page.screenshot(path=directory / f"{name}.png")
        assert (directory / f"{name}.png").stat().st_size < MOST

    return take


def test_the_main_pages_are_drawn(drawn, visits, picture):
    page = visits.new()
    page.goto("/sign-in")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()
    good = deploy(page, "dev")
    task_stands(page, "guestbook", "at work")
    picture(page, "live")
    stands(page, "succeeded")
    planned(page, "wait")
    press(page, "Start")
    stands(page, "succeeded")
    deploy(page, "broken")
    stands(page, "reversed")
    picture(page, "failed")
    failed, settings = page.url, drawn.base / "environments/dev/environment.cfg"
    settings.write_text(settings.read_text().replace("guestbook]\n", "guestbook]\ntitle = Our visitors\n"))
    page.goto("/deploy/dev")
    picture(page, "form")
    page.get_by_role("button", name="Make the plan").click()
    plan_shown(page)
    page.locator("details:not([open]) > summary").evaluate_all("all => all.forEach(one => one.click())")
    picture(page, "plan")
    edited = drawn.base / "work/guestbook/guestbook.ini"
    edited.write_text(edited.read_text().replace("Guest book", "Visitors"))
    page.goto(f"/rollouts/{good}")
    press(page, "Undo")
    plan_shown(page)
    expect(page.get_by_role("region", name="conflict")).to_be_visible()
    picture(page, "undo")
    planned(page, "wait")
    press(page, "Start")
    stands(page, "running")
    for path, name in (("/", "dashboard"), ("/environments/dev", "environment"), ("/rollouts", "history")):
        page.goto(path)
        expect(page.locator(".state").filter(has_text="succeeded").first).to_be_visible()
        picture(page, name)
    known = page.context.storage_state()
    for name, how in (("dark", {"dark": True}), ("phone", {"phone": True})):
        page = visits.new(known=known, **how)
        page.goto(failed)
        picture(page, name)


def deploy(page: Page, environment: str) -> str:
    """Plan and start it; its id."""
    page.goto(f"/deploy/{environment}")
    page.get_by_role("button", name="Make the plan").click()
    id = plan_shown(page)
    press(page, "Start")
    stands(page, "running")
    return id
