"""The pages around rollouts: overview, environments, forms, inquiries, history; and what all pages have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from importlib import resources
from typing import Any

import pytest
from rollouts_by_hand import one, tree

from depl.deploy.begin import utc
from depl.events import Event, What
from depl.project import WebSettings
from depl.rollout.holds import HoldFiles
from depl.rollout.plan import RolloutPlan
from depl.rollout.tree import Tree
from depl.web.app import routes
from depl.web.site import Site
from depl.web.views.states import SHAPES

HOSTILE = "<script>alert('x')</script>"
SETTINGS = {
    "protected": True,
    "four_eyes": True,
    "queue": "",
    "reversibility": "ask",
    "stages": ["1", "all"],
    "gate": "",
}
PARAMETERS = [
    {"name": "version", "type": "str", "required": True, "help": f"Such as 1.4 {HOSTILE}"},
    {"name": "count", "type": "int", "default": 3},
    {"name": "where", "type": "str", "choices": ["here", "there"], "default": "here"},
    {"name": "servers", "type": "str", "choices": ["a", "b"], "multiple": True, "default": []},
    {"name": "careful", "type": "bool", "default": True, "advanced": True},
]
NOTHING = {"choices": None, "default": None, "help": "", "advanced": False, "multiple": False, "required": False}
ERROR = {
    "message": "The parameter 'version' is '9', of which there is no tag",
    "hint": "Push it.",
    "file": "r.py",
    "line": 7,
}


def publish(site: Site, name: str, **more: Any) -> None:
    nodes = [
        {"id": f"web@{name}1", "root": "web", "host": f"{name}1", "ignore": False, "provides": [], "requires": ["db"]},
        {"id": f"db@{name}1", "root": "db", "host": f"{name}1", "ignore": False, "provides": ["db"], "requires": []},
    ]
    told = {"hosts": [{"name": f"{name}1", "ignore": False}], "nodes": nodes, "settings": SETTINGS, "mistakes": []}
    edges = [[f"db@{name}1", f"web@{name}1", "db"]]
    site.store.published.put("environment", name, {**told, "edges": edges, **more})


def rollout(site: Site, id: str, environment: str, *events: Event, **how: Any) -> str:
    found = tree(one("1", "2"))
    leaves = {key: type(leaf)(**{**vars(leaf), "environments": (environment,)}) for key, leaf in found.leaves.items()}
    about = {"name": "release", "title": "Release", "who": "kim", "made": utc(), **how}
    site.store.create(RolloutPlan(id, tree=Tree(leaves, found.groups, found.root), **about))
    if events:
        site.store.start(id, about["who"])
        site.store.log(id).append([Event(What.STARTED, data={"who": about["who"]}), *events])
    return id


def over(outcome: str = "succeeded", seconds: float = 4.0) -> Event:
    return Event(What.OVER, data={"outcome": outcome, "seconds": seconds, "changed": 2})


ALL = [
    Event(What.TASK_STARTED, "1"),
    Event(What.TASK_DONE, "1"),
    Event(What.TASK_STARTED, "2"),
    Event(What.TASK_DONE, "2"),
]
BLOCKED = [
    Event(What.TASK_STARTED, "1"),
    Event(What.TASK_FAILED, "1", data={"error": {"message": f"it broke {HOSTILE}"}}),
    Event(What.BLOCKED, data={"block": "failed", "reason": "it broke"}),
]


@pytest.fixture(scope="module")
def full(running: Any) -> Mapping[str, str]:
    """A store with something of everything; the ids of what is in it."""
    site = running.site
    publish(site, "dev")
    publish(site, "production")
    publish(site, "odd", mistakes=[{"message": f"There is no component {HOSTILE}", "file": "e.cfg", "line": 3}])
    form = {"title": f"Release {HOSTILE}", "parameters": [{**NOTHING, **one} for one in PARAMETERS], "info": HOSTILE}
    site.store.published.put("rollout", "release", {"mistake": None, "file": "rollouts/release.py", **form})
    broken = {"title": "", "parameters": [], "mistake": {"message": f"no module {HOSTILE}", "file": "x.py", "line": 1}}
    site.store.published.put("rollout", "broken", {"info": None, "file": "x.py", **broken})
    ids = {
        "first": rollout(site, "r-first", "dev", *ALL, over(), parameters={"version": "1.4", "count": 5}),
        "second": rollout(site, "r-second", "dev", *ALL, over(seconds=40), parameters={"version": f"1.5 {HOSTILE}"}),
        "hidden": rollout(site, "r-hidden", "production", *ALL, over(), who="sam", title="Hidden"),
        "blocked": rollout(site, "r-blocked", "dev", *BLOCKED, title=f"Blocked {HOSTILE}"),
        "wanted": rollout(site, "r-wanted", "production", title="Wanted", who="bob"),
    }
    site.store.want_start("r-wanted", "bob")
    failed = site.store.inquiries.ask("plan", {"rollout": "release", "parameters": {"version": "9"}}, who="root")
    site.store.inquiries.claim("w", None)
    site.store.inquiries.fail(failed.id, "w", {"class": "Mistakes", "message": "1 mistake", "mistakes": [ERROR]})
    site.store.published.put("drift", "dev", {"hosts": {"dev1": {"web": 2}}, "error": None})
    return {**ids, "failed": failed.id}


@pytest.fixture(scope="module")
def root(running: Any, full: Mapping[str, str]) -> Any:
    """Whoever may do everything."""
    return running.sign_in("root", "*=admin")


# -- overview ----------------------------------------------------------------------------------------------------


def test_an_empty_store_says_what_to_do_next(serving: Callable[..., Any]) -> None:
    somebody = serving().sign_in("ann", "*=admin")
    assert "Nothing has happened here yet" in somebody.get("/").text
    assert "depl worker" in somebody.get("/").text
    assert "Nothing was rolled out yet" in somebody.get("/rollouts").text
    assert "Workers tell of those" in somebody.get("/new").text


def test_a_checklist_that_is_kept_elsewhere_is_shown_with_a_rollout_and_pages_ask_as_often_as_wanted(
    serving: Callable[..., Any],
) -> None:
    address = "https://lists.example.com/{rollout}?a"
    own = serving(WebSettings(checklist_url=address, checklist_height=321, refresh=2))
    rollout(own.site, "r-1", "dev", ALL[0])
    answer = own.sign_in("ann", "*=viewer").get("/rollouts/r-1")
    assert '<iframe src="https://lists.example.com/r-1?a" height="321"' in answer.text
    assert "frame-src https://lists.example.com" in answer.headers["content-security-policy"]
    assert 'data-refresh="2' in answer.text


def test_the_overview_tells_how_each_environment_stands(root: Any) -> None:
    text = root.get("/").text
    assert all(f'href="/environments/{name}"' in text for name in ("dev", "production", "odd"))
    assert "2 changes on 1 host" in text
    assert "1 mistake in its model" in text
    assert "blocked: failed" in text
    assert 'href="/rollouts/r-second"' in text  # runs in dev


def test_what_waits_is_shown_to_those_who_can_do_something_about_it(running: Any, full: Mapping[str, str]) -> None:
    approver, asker = running.sign_in("ann", "*=approver"), running.sign_in("bob", "*=admin")
    assert "bob wants to start it" in approver.get("/").text
    assert "bob wants to start it" not in asker.get("/").text  # four eyes
    assert "Decide" in asker.get("/").text
    assert "Waits for you" not in running.sign_in("vic", "*=viewer").get("/").text


def test_who_has_no_role_anywhere_sees_no_forms(running: Any, full: Mapping[str, str]) -> None:
    nobody, viewer = running.sign_in("nora"), running.sign_in("vera", "dev=viewer")
    for path in ("/new", "/api/v1/forms"):
        assert ["release" in one.get(path).text for one in (nobody, viewer)] == [False, True], path
    assert [one.get("/new/release").status for one in (nobody, viewer)] == [404, 200]


def test_nobody_sees_anything_of_environments_that_are_not_for_them(running: Any, full: Mapping[str, str]) -> None:
    dev = running.sign_in("dora", "dev=operator")
    pages = [dev.get(path) for path in ("/", "/rollouts", "/new", "/environments/dev")]
    assert [page.status for page in pages] == [200, 200, 200, 200]
    assert not [page for page in pages if "production" in page.text or "r-hidden" in page.text]
    paths = ["/environments/production", "/environments/nowhere", "/deploy/production", f"/inquiries/{full['failed']}"]
    paths += ["/inquiries/nothing", "/rollouts/compare?a=r-first&b=r-hidden", "/environments/production/live?poll=1"]
    assert [dev.get(path).status for path in paths] == [404] * len(paths)
    posts = ["/environments/production/hold", "/environments/production/look", "/deploy/production"]
    assert [dev.post(path, {"reason": "x"}).status for path in posts] == [404, 404, 404]


def test_lists_go_on_by_themselves(root: Any) -> None:
    stamp = re.search(r'data-live="/live\?after=([^"]*)"', root.get("/").text)
    assert stamp
    assert root.get(f"/live?poll=1&after={stamp[1]}").status == 204  # nothing is new
    for path, target in (
        ("/live", "overview"),
        ("/rollouts/live?name=release", "list"),
        ("/environments/dev/live", "past"),
    ):
        assert f'hx-target="#{target}"' in root.get(f"{path}{'&' if '?' in path else '?'}poll=1").text


# -- environments ------------------------------------------------------------------------------------------------


def test_an_environment_is_shown_with_its_picture_and_the_same_in_words(root: Any) -> None:
    text = root.get("/environments/dev").text
    assert text.count('class="node') == 2
    assert "The picture in words" in text
    assert "dev1" in text
    assert "somebody else has to agree" in text
    assert "There is no component" in root.get("/environments/odd").text


def test_an_environment_is_held_until_it_is_released(running: Any, root: Any) -> None:
    files = HoldFiles(f"{running.site.base}/.depl")
    assert root.post("/environments/odd/hold", {"reason": "the fair\nis on", "hours": "2"}).status == 303
    held = files.of("odd")
    assert held is not None
    assert (held.who, held.reason, bool(held.until)) == ("root", "the fair is on", True)
    assert "the fair is on" in root.get("/environments/odd").text
    assert root.post("/environments/odd/hold", {"reason": "again"}).status == 409
    assert root.post("/environments/odd/release").status == 303
    assert files.of("odd") is None
    done = [(one.what, one.outcome) for one in running.store.audit.entries() if one.environment == "odd"]
    assert done == [("release", "done"), ("hold", "failed"), ("hold", "done")]


@pytest.mark.parametrize(
    ("sent", "wrong"), [({"reason": " "}, "reason"), ({"reason": "why", "hours": "soon"}, "hours")]
)
def test_a_hold_that_cannot_be_is_corrected_in_its_form(root: Any, sent: Mapping[str, str], wrong: str) -> None:
    answer = root.post("/environments/dev/hold", sent)
    assert answer.status == 422
    assert f'id="field-{wrong}-mistake"' in answer.text
    assert f'value="{sent["reason"].strip()}"' in answer.text


def test_who_only_looks_is_offered_nothing_and_can_do_nothing(running: Any, full: Mapping[str, str]) -> None:
    viewer = running.sign_in("vera", "dev=viewer")
    texts = [viewer.get(path).text for path in ("/environments/dev", "/new/release", "/deploy/dev")]
    assert not [text for text in texts if "Make the plan" in text or "Look now" in text or "Hold dev" in text]
    posts = ["/environments/dev/hold", "/environments/dev/release", "/environments/dev/look", "/deploy/dev"]
    assert [viewer.post(path, {"reason": "x"}).status for path in posts] == [403] * 4
    assert viewer.post("/new/release", {"set-version": "1"}).status == 403
    assert not HoldFiles(f"{running.site.base}/.depl").of("dev")


def test_to_look_for_drift_is_asked_of_a_worker(running: Any, root: Any) -> None:
    answer = root.post("/environments/dev/look")
    asked = running.store.inquiries.get(answer.headers["location"].rpartition("/")[2])
    assert (asked.kind, asked.asked, asked.environments) == ("look", {"environment": "dev"}, ["dev"])
    assert "has it looked at" in root.get("/environments/dev").text


# -- forms and inquiries -----------------------------------------------------------------------------------------


def test_a_form_has_what_the_rollout_asks_for(root: Any) -> None:
    text = root.get("/new/release").text
    assert re.search(r'name="set-version"[^>]* required', text)
    assert re.search(r'type="number"[^>]*name="set-count" value="3"', text)
    assert '<option value="here" selected>' in text
    assert text.index("<summary>Advanced") < text.index('name="set-careful"')
    assert "no module" in root.get("/new").text  # of one that cannot be read


def test_a_form_is_filled_in_as_last_time(root: Any) -> None:
    assert 'name="set-version" value="1.4"' in root.get("/new/release?rollout=r-first").text
    assert 'name="set-count" value="5"' in root.get("/new/release?rollout=r-first").text
    assert 'name="set-version" value="1.5 &lt;' in root.get("/new/release?last=1").text


def test_mistakes_stand_beside_their_fields_and_what_was_given_is_kept(root: Any) -> None:
    answer = root.post("/new/release", {"set-version": "", "set-count": "many", "set-where": "there"})
    assert answer.status == 422
    assert 'id="set-version-mistake"' in answer.text
    assert 'id="set-count-mistake"' in answer.text
    assert 'value="many"' in answer.text
    assert '<option value="there" selected>' in answer.text


def test_a_form_that_is_sent_becomes_an_inquiry_which_is_awaited(running: Any, root: Any) -> None:
    answer = root.post("/new/release", {"set-version": "2", "set-servers": ["a", "b"]})
    asked = running.store.inquiries.get(answer.headers["location"].rpartition("/")[2])
    assert asked.asked["rollout"] == "release"
    assert asked.asked["parameters"]["version"] == "2"
    assert asked.asked["parameters"]["servers"] == ["a", "b"]
    page = root.get(f"/inquiries/{asked.id}").text
    assert "waiting for a worker" in page
    assert "No worker is there" in page
    running.store.workers.beat("w1", None, 1)
    assert "No worker is there" not in root.get(f"/inquiries/{asked.id}").text
    while (claimed := running.store.inquiries.claim("w1", None)) is not None and claimed.id != asked.id:
        pass
    assert "w1 is at it" in root.get(f"/inquiries/{asked.id}").text
    running.store.inquiries.answer(asked.id, "w1", {}, rollout="r-first")
    assert root.get(f"/inquiries/{asked.id}").headers["location"] == "/rollouts/r-first"
    running.store.workers.gone("w1")


def test_an_inquiry_that_failed_leads_back_to_the_form_with_what_was_given(root: Any, full: Mapping[str, str]) -> None:
    page = root.get(f"/inquiries/{full['failed']}").text
    assert "r.py:7" in page
    assert "Push it." in page
    back = f"/new/release?inquiry={full['failed']}"
    assert f'href="{back}"' in page
    form = root.get(back).text
    assert 'name="set-version" value="9"' in form
    assert 'id="set-version-mistake"' in form


def test_a_deployment_is_of_all_or_of_what_is_ticked(running: Any, root: Any) -> None:
    answer = root.post("/deploy/dev", {"hosts": ["dev1"], "components": ["web"]})
    asked = running.store.inquiries.get(answer.headers["location"].rpartition("/")[2])
    assert asked.asked == {"environment": "dev", "hosts": ["dev1"], "components": ["web"]}
    wrong = root.post("/deploy/dev", {"hosts": ["elsewhere"], "components": ["web"]})
    assert wrong.status == 422
    assert re.search(r'name="components" value="web" checked', wrong.text)


def test_a_deployment_has_stages_and_overrides_of_its_own_where_they_are_given(running: Any, root: Any) -> None:
    given = {"stages": "one, 50%,all", "on_failure": "stop", "overrides": "web.port = 8080\r\n\r\ndb.words = a, b"}
    answer = root.post("/deploy/dev", given)
    asked = running.store.inquiries.get(answer.headers["location"].rpartition("/")[2]).asked
    assert asked == {
        "environment": "dev",
        "stages": ["one", "50%", "all"],
        "on_failure": "stop",
        "overrides": ["web.port = 8080", "db.words = a, b"],
    }


@pytest.mark.parametrize(
    ("field", "text", "mistake"),
    [
        ("stages", "0", "The stages must be a list of one, half, all, counts, percentages or hosts."),
        ("stages", "one, elsewhere", "No host is called &#39;elsewhere&#39;"),
        ("on_failure", "panic", "There is only rollback or stop."),
        ("overrides", "web.port", "The overrides must be lines such as `web.port = 8080`"),
        ("overrides", "mail.port = 1", "There is no component mail."),
    ],
)
def test_a_mistake_in_how_to_deploy_stands_beside_its_field(root: Any, field: str, text: str, mistake: str) -> None:
    answer = root.post("/deploy/dev", {field: text})
    assert answer.status == 422
    assert mistake in answer.text[answer.text.index(f'id="{field}-mistake"') :][:300]


def test_an_environment_on_this_machine_has_no_stages(running: Any, root: Any) -> None:
    publish(running.site, "here", settings={**SETTINGS, "connect_method": "local"})
    assert 'name="stages"' not in root.get("/deploy/here").text
    assert root.post("/deploy/here", {"stages": "one"}).status == 422


def test_a_deployment_is_run_again_with_what_it_had_and_its_page_shows_nothing_empty(
    serving: Callable[..., Any],
) -> None:
    running = serving()
    root = running.sign_in("ann", "*=operator")
    publish(running.site, "dev")
    had = {
        "environment": "dev",
        "hosts": ["dev*"],
        "components": [],
        "stages": ["1", "all"],
        "overrides": ["web.a = 1"],
    }
    about = {"name": "depl:deploy", "title": "Deploy dev", "parameters": {**had, "on_failure": None}}
    rollout(running.site, "r-deployed", "dev", *ALL, over(), **about)
    page = root.get("/rollouts/r-deployed").text
    assert "<dt>stages</dt>" in page
    assert "<dt>components</dt>" not in page and "<dt>on_failure</dt>" not in page
    assert 'href="/deploy/dev?rollout=r-deployed"' in page
    form = root.get("/deploy/dev?rollout=r-deployed").text
    assert 'name="hosts" value="dev1" checked' in form
    assert 'name="stages" value="1, all"' in form
    assert ">web.a = 1</textarea>" in form
    rollout(running.site, "r-undo", "dev", undoes="r-deployed", **about)
    assert "<h1>Take back Deploy dev</h1>" in root.get("/rollouts/r-undo").text


# -- history -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("environment=production", {"r-hidden", "r-wanted"}),
        ("state=not-good", {"r-blocked"}),
        ("state=planned", {"r-wanted"}),
        ("who=sam", {"r-hidden"}),
        ("parameter=version%3D1.4", {"r-first"}),
        ("parameter=1.5", {"r-second"}),
        ("until=2001-01-01", set()),
        ("environment=dev&state=succeeded", {"r-first", "r-second"}),
    ],
)
def test_the_history_shows_what_is_looked_for(root: Any, query: str, found: set[str]) -> None:
    assert set(re.findall(r'name="id" value="([^"]*)"', root.get(f"/rollouts?{query}").text)) == found


def test_a_day_that_is_none_is_said_beside_its_field(root: Any) -> None:
    assert 'id="field-since-mistake"' in root.get("/rollouts?since=yesterday").text


def test_the_history_has_pages(serving: Callable[..., Any]) -> None:
    own = serving(name="paged")
    for number in range(70):
        rollout(own.site, f"p-{number:03}", "dev" if number % 7 else "production")
    somebody = own.sign_in("ann", "dev=viewer")
    first = somebody.get("/rollouts?environment=dev").text
    older = re.search(r'href="(/rollouts\?environment=dev&amp;before=[^"]*)"', first)
    assert older
    second = somebody.get(older[1].replace("&amp;", "&")).text
    ids = [re.findall(r'name="id" value="([^"]*)"', text) for text in (first, second)]
    assert [len(one) for one in ids] == [50, 10]
    assert sorted(ids[0] + ids[1]) == [f"p-{number:03}" for number in range(70) if number % 7]
    assert 'rel="next"' not in second


def test_two_rollouts_are_compared_with_what_differs_marked(root: Any) -> None:
    text = root.get("/rollouts/compare?id=r-second&id=r-first").text
    differs = re.findall(r'<tr class="differs"><th scope="row">(\w+)', text)
    assert {"version", "count"} <= set(differs)
    assert "By" not in differs
    assert root.get("/rollouts/compare?id=r-first").status == 422


# -- all pages ---------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What is wrong with a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.inputs: list[dict[str, Any]] = []
        self.references: set[str] = set()
        self.headings: list[int] = []
        self.wrong: list[str] = []
        self._labels = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        self.ids += [about["id"] or ""] if "id" in about else []
        self.wrong += [f"{name} in <{tag}>" for name in about if name == "style" or name.startswith("on")]
        for name in ("aria-labelledby", "aria-describedby", "form"):
            self.references |= set((about.get(name) or "").split())
        if tag == "label":
            self._labels += 1
            self.labels.add(about.get("for") or "")
        is_seen = about.get("type") != "hidden" and "hidden" not in about
        if tag in ("input", "select", "textarea") and is_seen and not self._labels:
            self.inputs.append(about)
        if tag == "script" and "src" not in about:
            self.wrong.append("a script in the page")
        if tag == "style":
            self.wrong.append("styles in the page")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        self._labels -= tag == "label"

    def mistakes(self) -> list[str]:
        twice = {id for id in self.ids if self.ids.count(id) > 1}
        nameless = [one for one in self.inputs if one.get("id") not in self.labels and "aria-label" not in one]
        steps = [pair for pair in zip(self.headings, self.headings[1:], strict=False) if pair[1] > pair[0] + 1]
        return [
            *self.wrong,
            *(f"id {id} twice" for id in twice),
            *(f"no label for {one.get('name')}" for one in nameless),
            *(f"nothing has the id {id}" for id in self.references - set(self.ids)),
            *(f"heading {after} after {before}" for before, after in steps),
            *([] if self.headings[:1] == [1] and self.headings.count(1) == 1 else [f"headings {self.headings}"]),
        ]


def paths(full: Mapping[str, str]) -> list[str]:
    """Of all pages, each once; those of rollouts for several."""
    found = []
    for route in routes():
        path, methods = getattr(route, "path", ""), getattr(route, "methods", None) or ()
        is_page = "GET" in methods and not re.search("^/(api|static)|(live|download|rows)$", path)
        if not is_page or path in ("/sign-in", "/sign-in/link"):
            continue
        names = {
            "/people/{name}": ["root"],
            "/environments/{name}": ["dev", "odd"],
            "/new/{name}": ["release", "broken"],
        }
        path = path.replace("{task:path}", "1").replace("compare", "compare?a=r-first&b=r-second&all=1")
        ids = [full["failed"]] if path.startswith("/inquiries") else ["r-first", "r-blocked", "r-wanted"]
        for name in names.get(path, ["dev"]):
            found += [path.format(name=name, id=id) for id in (ids if "{id}" in path else ids[:1])]
    return found


def test_all_pages_are_sound_html_and_run_nothing_that_is_shown(
    root: Any, full: Mapping[str, str], client: Callable[..., Any]
) -> None:
    wrong = {}
    for path in paths(full):
        answer = root.get(path)
        assert answer.status == 200, path
        wrong[path] = Page(answer.text).mistakes()
    for path in ("/sign-in", "/nothing"):
        wrong[path] = Page(client().get(path).text).mistakes()
    assert {path: found for path, found in wrong.items() if found} == {}


def test_the_page_of_a_name_that_nobody_foresaw_is_not_found(root: Any) -> None:
    hostile = "%3Cscript%3Ealert(1)%3C%2Fscript%3E"
    for path in (f"/new/{hostile}", f"/environments/{hostile}", f"/inquiries/{hostile}", f"/rollouts?before={hostile}"):
        answer = root.get(path)
        assert answer.status in (200, 404)
        assert "<script>alert" not in answer.text


# -- the look ----------------------------------------------------------------------------------------------------


def static(name: str) -> str:
    return resources.files("depl.web").joinpath("static", name).read_text()


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_all_texts_stand_out_from_their_ground_in_light_and_dark() -> None:
    blocks = re.findall(r":root \{(.*?)\}", static("depl.css"), re.DOTALL)
    values = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks]
    assert len(values) == 2
    tones = ("off", "busy", "good", "warn", "bad", "back")
    grounds = ("ground", "card", "inset")
    pairs = [(tone, ground) for tone in tones for ground in (f"{tone}-soft", *grounds)]
    pairs += [(text, ground) for text in ("text", "muted", "accent") for ground in grounds]
    pairs += [(text, f"{tone}-soft") for text in ("text", "muted", "accent") for tone in tones]
    pairs += [("on-accent", "accent"), ("on-accent", "accent-strong")]
    faint = [
        (word, text, ground, round(contrast(colours[text], colours[ground]), 2))
        for word, colours in zip(("light", "dark"), values, strict=True)
        for text, ground in pairs
        if contrast(colours[text], colours[ground]) < 4.5
    ]
    assert faint == []
    assert all(contrast(colours["edge"], colours["card"]) >= 3 for colours in values)  # of fields and buttons


def test_every_shape_is_there() -> None:
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', static("icons.svg")))
    used = set(SHAPES)
    for template in resources.files("depl.web").joinpath("templates").iterdir():
        used |= set(re.findall(r'icon\("([\w-]+)"', template.read_text()))
    assert used <= drawn


def test_what_browsers_load_is_small() -> None:
    assert len(static("depl.css")) < 30_000
    assert len(static("app.js")) < 8_000
