"""Two sites that are looked at with a real browser: `alone` is the sample of this repository without users, `team`
a small project with users, of which one wants four eyes. Each has its server and its worker, both real."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import browsing
import pytest
from serving import Served

if TYPE_CHECKING:
    from browsing import Visits
    from playwright.sync_api import Browser, Page

PASSWORD = "correct horse battery staple"
USERS = {
    "grace": ["*=admin"],
    "ada": ["*=operator"],
    "ben": ["*=operator", "*=approver"],
    "vera": ["*=viewer"],
    "olga": ["other=operator"],
}
FILES = {
    "depl.cfg": """\
        [depl]
        name = Shop
        """,
    "environments/dev/environment.cfg": """\
        [environment]
        connect_method = local
        [hosts]
        localhost = hello
        """,
    "environments/prod/environment.cfg": """\
        [environment]
        connect_method = local
        four_eyes = True
        [hosts]
        localhost = note
        """,
    "environments/other/environment.cfg": """\
        [environment]
        connect_method = local
        [hosts]
        localhost = other
        """,
    "components/hello/component.py": """\
        from depl.component import Component
        from depl.lib.file import File


        class Hello(Component):
            text = "<script>alert('a value')</script>"

            def configure(self):
                self += File("<script>alert('a name')", content="<img src=x onerror=alert('content')>\\n")
                self += File("hello.txt", content="{{component.text}}\\n")
        """,
    "components/note/component.py": """\
        from depl.component import Component
        from depl.lib.file import File


        class Note(Component):
            text = "first"

            def configure(self):
                self += File("note.txt", content="{{component.text}}\\n")
        """,
    "components/other/component.py": """\
        from depl.component import Component
        from depl.lib.file import File


        class Other(Component):
            def configure(self):
                self += File("other.txt", content="other\\n")
        """,
    "rollouts/steps.py": """\
        from depl.rollout import Parameter, Rollout
        from depl.tasks import Approval, Checklist, Command, Deploy, Parallel, Sequential


        def did(name, more="true"):
            task = Command(f"echo 'did {name}'; {more}", undo=f"echo 'undid {name}'")
            task.title = f"Do {name}"
            return task


        def until(name):
            return did(name, f"n=0; while [ ! -e go-{name} ]; do n=$((n+1)); echo line $n; sleep 0.1; done")


        class Steps(Rollout):
            \"\"\"One step after the other.\"\"\"

            tag = Parameter(str, help="names the file that is waited for")

            def plan(self):
                return Sequential(did("first"), until(self.tag), Parallel(did("left"), did("right")), did("last"))


        class Release(Rollout):
            \"\"\"Somebody else has to agree.\"\"\"

            info = ["Ask in the <b>channel</b> first."]

            def plan(self):
                return Sequential(
                    Deploy("prod", overrides={"note.text": "second"}),
                    Approval("Does it look <script>alert('asked')</script> well?"),
                    Checklist(["the phone is quiet", "the <i>shop</i> sells"]),
                    did("announce"),
                )


        class Fragile(Rollout):
            \"\"\"Fails until the file `repaired` is there.\"\"\"

            on_failure = "ask"

            def plan(self):
                return Sequential(
                    did("before"),
                    did("fragile", "test -e repaired || { echo the vase broke >&2; exit 3; }"),
                    did("never", "echo cannot be done >&2; false"),
                    did("after"),
                )


        class Hostile(Rollout):
            \"\"\"Says <script>alert('title')</script>.\"\"\"

            name = Parameter(str, help="<script>alert('help')</script>", default="<script>alert('default')</script>")

            def plan(self):
                return Sequential(
                    did("<script>alert(1)</script>", "cat hostile.txt"),
                    Deploy("dev"),
                )
        """,
    "hostile.txt": """\
        <script>alert('log')</script>
        <img src=x onerror=alert('log')>
        \x1b[31mred\x1b[0m "quotes" & 'more' </pre></script><!--
        """,
}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A browser, which all tests share."""
    if browsing.program() is None:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    pytest.importorskip("playwright", reason="playwright is not installed")
    yield from browsing.started()


@pytest.fixture(scope="session")
def sample(project: Path, chromium: Browser) -> Callable[..., AbstractContextManager[Served]]:
    """sample(directory): the sample service there, with ports of its own, and nothing deployed yet; served."""

    @contextmanager
    def sample(base: Path, **surroundings: str) -> Iterator[Served]:
        site = Served(base, **surroundings)
        for name in ("components", "environments", "rollouts"):
            shutil.copytree(project / name, base / name)
        ports = dict(zip(("8042", "8043"), _free_ports(2), strict=True))
        for file in sorted(base.glob("environments/*/environment.cfg")):
            file.write_text(re.sub(r"\b804[23]\b", lambda match: ports[match[0]], file.read_text()))
        try:
            site.serve()
            site.work()
            yield site
        finally:
            site.close()
            _end_service(base / "work/processes/var/supervisord.pid")

    return sample


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory, sample: Callable[..., AbstractContextManager[Served]]):
    """The sample, where nobody has a password."""
    with sample(tmp_path_factory.mktemp("alone") / "guestbook") as site:
        yield site


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Served]:
    """A small project, and people with different roles."""
    site = Served(tmp_path_factory.mktemp("team") / "shop")
    site.write(FILES)
    for name, roles in USERS.items():
        granted = [word for role in roles for word in ("--role", role)]
        site.depl("user", "add", name, *granted, "--password-stdin", input=PASSWORD + "\n")
    site.serve()
    site.work()
    yield site
    site.close()


@pytest.fixture
def visits(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Visits]:
    """Browsers at the site that the test uses; nothing may have gone wrong in any of them."""
    name = next(name for name in ("team", "drawn", "alone") if name in request.fixturenames)
    site = request.getfixturevalue(name)
    found = browsing.Visits(chromium, site.address)
    yield found
    mistakes = found.mistakes()
    found.close()
    assert mistakes == [], site.said[-5000:]


@pytest.fixture(scope="session")
def remembered() -> dict[str, dict]:
    """What browsers know of those who have signed in once."""
    return {}


@pytest.fixture
def owner(alone: Served, visits: Visits, remembered: dict[str, dict]) -> Callable[..., Page]:
    """owner(): the page of whoever came by the link, in a browser of their own; options as of visits.new."""

    def enter(**options: bool) -> Page:
        if "" in remembered:
            return visits.new(known=remembered[""], **options)
        page = visits.new(**options)
        page.goto(alone.link)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Sign out").wait_for()
        remembered[""] = page.context.storage_state()
        return page

    return enter


@pytest.fixture
def enter(team: Served, visits: Visits, remembered: dict[str, dict]) -> Callable[..., Page]:
    """enter("ada"): the page of somebody who has signed in, in a browser of their own; options as of visits.new."""

    def enter(name: str, **options: bool) -> Page:
        if name in remembered:
            return visits.new(known=remembered[name], **options)
        page = visits.new(**options)
        page.goto("/sign-in")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Sign out").wait_for()
        remembered[name] = page.context.storage_state()
        return page

    return enter


def _free_ports(count: int) -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _end_service(pidfile: Path) -> None:
    """What was deployed, whatever the tests have done."""
    with suppress(ProcessLookupError, FileNotFoundError):
        os.kill(int(pidfile.read_text()), signal.SIGTERM)
        until = time.monotonic() + 30
        while pidfile.exists() and time.monotonic() < until:
            time.sleep(0.05)
