"""Somebody with a browser, in which nothing may go wrong that a test does not expect.

    page = visits.new()                     a browser of their own, as it comes
    page = visits.new(phone=True, dark=True, scripts=False)
    visits.expect("ERR_CONNECTION")         from here on this is no mistake

At the end of a test, all that went wrong in any of them fails it: what the console calls an error, violations of the
content security policy, dialogs, requests to anywhere else, answers that begin with 5.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
PATIENCE = 30_000  # milliseconds until a test gives up
TELLS_OF_VIOLATIONS = """
    addEventListener("securitypolicyviolation", (found) =>
        console.error("forbidden by policy: " + found.violatedDirective + " " + found.blockedURI + found.sample));
"""
NAMED = frozenset(
    {"button", "checkbox", "combobox", "link", "listbox", "radio", "searchbox", "spinbutton", "switch", "textbox"}
)
WELL_MADE = """() => {
    const found = [];
    const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map((one) => Number(one.localName[1]));
    if (headings.filter((level) => level === 1).length !== 1) found.push("not one h1: " + headings);
    headings.forEach((level, at) => {
        if (level > (headings[at - 1] ?? 0) + 1) found.push("a level of headings is left out: " + headings);
    });
    const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
    const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
    if (twice.length) found.push("ids that are there twice: " + twice);
    if (!document.documentElement.lang) found.push("no language");
    if (!document.title.trim()) found.push("no title");
    if (document.querySelectorAll("main").length !== 1) found.push("not one main");
    for (const one of document.querySelectorAll("[style], img:not([alt]), table:not(:has(th)), [tabindex]")) {
        if (one.getAttribute("style") !== null) found.push("style in " + one.outerHTML.slice(0, 120));
        else if (one.localName === "img") found.push("no words for " + one.outerHTML.slice(0, 120));
        else if (one.localName === "table") found.push("no headers in " + one.outerHTML.slice(0, 120));
        else if (one.tabIndex > 0) found.push("an order of its own for " + one.outerHTML.slice(0, 120));
    }
    const wide = document.documentElement.scrollWidth;
    if (wide > innerWidth) {
        const out = [...document.querySelectorAll("main *")].filter(
            (one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".log, .diff, .scrolls"));
        found.push(`${wide} pixels wide where there are ${innerWidth}: ${out[0]?.outerHTML.slice(0, 160)}`);
    }
    return found;
}"""


def program() -> str | None:
    """The browser of the distribution, if it is installed."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def started() -> Iterator[Browser]:
    """One browser, without a window; it is ended when the generator is."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=flags)
        yield browser
        browser.close()


class Visits:
    """All browsers that a test opens at one site."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser, self.address = browser, address
        self._contexts: list[BrowserContext] = []
        self._wrong: list[str] = []
        self._expected: list[str] = []

    def new(self, *, phone: bool = False, dark: bool = False, scripts: bool = True, known: Any = None) -> Page:
        """A new one. known: what another one knew, such as who it is; nothing unless given."""
        context = self._browser.new_context(
            base_url=self.address,
            viewport=PHONE if phone else DESK,  # type: ignore[arg-type]
            has_touch=phone,
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            timezone_id="Asia/Kolkata",
            locale="en-GB",
            reduced_motion="reduce",
            storage_state=known,
        )
        context.set_default_timeout(PATIENCE)
        context.add_init_script(TELLS_OF_VIOLATIONS)
        context.on("console", lambda said: self._said(said.type, said.text))
        context.on("weberror", lambda error: self._wrong.append(f"script: {error.error}"))
        context.on("dialog", self._dialog)
        context.on("request", lambda request: self._requested(request.url))
        context.on("response", lambda response: self._answered(response.status, response.url))
        self._contexts.append(context)
        return context.new_page()

    def expect(self, *texts: str) -> None:
        """What is no mistake from here on: texts as the console has them."""
        self._expected += texts

    def mistakes(self) -> list[str]:
        """What went wrong so far."""
        for context in self._contexts:
            for page in context.pages:
                page.evaluate("1") if not page.is_closed() else None  # what it still has to tell is told before
        return [text for text in self._wrong if not any(one in text for one in self._expected)]

    def close(self) -> None:
        """Close all of them."""
        for context in self._contexts:
            context.close()

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "assert") or re.search("Refused to|Content Security Policy", text):
            self._wrong.append(f"console: {text}")

    def _dialog(self, dialog: Any) -> None:
        self._wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _requested(self, url: str) -> None:
        if not url.startswith((f"{self.address}/", "about:", "blob:" + self.address)):
            self._wrong.append(f"request to {url}")

    def _answered(self, status: int, url: str) -> None:
        if status >= 500:
            self._wrong.append(f"answer {status} of {url}")


def badly_made(page: Page) -> list[str]:
    """What is wrong with how a page is made for those who do not look at it with a mouse and a large screen."""
    return [*page.evaluate(WELL_MADE), *_nameless(page)]


def _nameless(page: Page) -> list[str]:
    """Controls that a screen reader has no words for."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    told = [
        (node.get("role", {}).get("value"), (node.get("name", {}).get("value") or "").strip())
        for node in nodes
        if not node.get("ignored")
    ]
    return [f"a {role} without a name" for role, name in told if role in NAMED and not name]


def planned(page: Page, rollout: str, **given: str) -> str:
    """Make a plan of a rollout with its form; its id, once its page is there."""
    page.goto(f"/new/{rollout}")
    for label, value in given.items():
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Make the plan").click()
    return plan_shown(page)


def plan_shown(page: Page) -> str:
    """The id of the rollout whose page is to come, once a worker has answered."""
    from playwright.sync_api import TimeoutError as TooLate

    try:
        page.wait_for_url(re.compile(r"/rollouts/[^/?]+$"), timeout=90_000, wait_until="commit")
    except TooLate as late:
        raise AssertionError(f"no plan came: {page.locator('main').inner_text()}") from late
    return page.url.rpartition("/")[2]


def stands(page: Page, state: str) -> None:
    """Wait until a rollout is shown to stand so."""
    from playwright.sync_api import expect

    expect(page.locator("#rollout-state")).to_contain_text(state)


def task_stands(page: Page, title: str, state: str) -> None:
    """Wait until one of its tasks is shown to stand so."""
    from playwright.sync_api import expect

    expect(page.locator("#tasks .task").filter(has_text=title).first).to_contain_text(state)


def press(page: Page, button: str, why: str = "") -> None:
    """Use one of the buttons that say what can be done, with a reason; what is dangerous is asked once more."""
    form = page.locator("main form").filter(has=page.get_by_role("button", name=button, exact=True)).first
    if why:
        form.get_by_label(f"Why: {button}").fill(why)
    pressed = form.get_by_role("button", name=button, exact=True)
    is_asked = pressed.get_attribute("data-confirm") is not None
    pressed.click()
    if is_asked:
        page.get_by_role("dialog").get_by_role("button", name=button, exact=True).click()


def mark(page: Page) -> None:
    """Leave a mark that does not survive when a page is loaded again."""
    page.evaluate("window.isMarked = true")


def is_marked(page: Page) -> bool:
    """Whether the page is still the one that was marked."""
    return bool(page.evaluate("window.isMarked === true"))
