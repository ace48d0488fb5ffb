"""What a host needs of a model: as data, and configured again on the host."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from depl import slices
from depl.configure import Model, configure
from depl.environment import Environment
from depl.errors import ConfigurationError, DeplError, Mistakes
from depl.homes import Moved, as_on_hosts
from depl.sliced import Sliced, configure_slice, environment_of
from depl.slices import hosts_named_in, live_roots, slice_of, with_homes

PROVIDER = """
import dataclasses

@dataclasses.dataclass
class Backend:
    address: object
    weight: int = 1

class Db(Component):
    password = "unset"
    public = "public"

    def configure(self):
        self.provide("db", Backend(self.host.name + ":5432"))
        self.provide("db:path", self.map("~/data"))
        self.provide("db:files", [self.workdir, self.defdir + "/schema.sql", b"in " + self.defdir.encode()])
"""
CONSUMER = """
class App(Component):
    title = "untitled"

    def configure(self):
        self.backends = self.require("db")
        self.paths = self.require("db:path")
        self.files = self.require("db:files")
        self.text = self.expand("{{component.title}} on {{host.name}}: {{component.paths}} {{component.backends}}")
"""
ENVIRONMENT = """
    [hosts]
    one = app
    two = db

    [component:app]
    title = The app

    [component:db]
    password = topsecret
"""


class Fleet:
    """A project whose hosts are directories: deployed nowhere, but configured on each."""

    def __init__(self, files: Any, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files, self.base, self._monkeypatch = files, base, monkeypatch

    def model(self, text: str = ENVIRONMENT) -> Model:
        """The model at the coordinator."""
        self._monkeypatch.undo()
        environment = self.files.load(text)
        as_on_hosts(environment)
        try:
            return configure(environment)
        except Mistakes as wrong:
            print(*map(shown, wrong.mistakes), sep="\n")
            raise

    def slices(self, text: str = ENVIRONMENT) -> dict[str, Any]:
        """The slices of all hosts, as they come over the wire."""
        model = self.model(text)
        made = {name: slice_of(model, name) for name in model.environment.hosts}
        return json.loads(json.dumps(made))

    def home(self, host: str) -> str:
        return str(self.base / "homes" / host)

    def arrived(self, slice: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The environment of a slice on its host, which has got the project; and the slice with homes."""
        self._monkeypatch.setenv("HOME", self.home(slice["host"]))
        target = Path(self.home(slice["host"]), "deployment")
        if not target.exists():
            shutil.copytree(self.files.base / "components", target / "project" / "components")
        told = with_homes(slice, {name: self.home(name) for name in hosts_named_in(slice)})
        return environment_of(told, str(target / "project"), str(target)), told

    def configured(self, host: str, text: str = ENVIRONMENT, change: Callable[[Path], Any] | None = None) -> Sliced:
        """What is configured on a host. change: of the project on the host."""
        environment, slice = self.arrived(self.slices(text)[host])
        if change:
            change(Path(environment.base_dir))
            environment, slice = self.arrived(slice)
        return configure_slice(environment, slice)

    def mistakes(self, host: str, text: str = ENVIRONMENT, change: Callable[[Path], Any] | None = None) -> list[str]:
        """What is wrong with that, as `component: file:line: message`."""
        with pytest.raises(Mistakes) as caught:
            self.configured(host, text, change)
        return [shown(mistake) for mistake in caught.value.mistakes]


def shown(mistake: DeplError) -> str:
    return f"{mistake.component}: {Path(mistake.file or '').name}:{mistake.line}: {mistake.message}"


@pytest.fixture
def fleet(files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    files.base = tmp_path / "project"
    files.component("db", PROVIDER)
    files.component("app", CONSUMER)
    return Fleet(files, tmp_path, monkeypatch)


def replaced(file: str, old: str, new: str) -> Callable[[Path], Any]:
    """A change of a component file on a host."""

    def change(project: Path) -> None:
        path = project / "components" / file / "component.py"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return change


class TestRoundTrip:
    def test_a_host_configures_what_the_coordinator_did(self, fleet: Fleet) -> None:
        app = fleet.configured("one").roots[0].component
        home = fleet.home("two")
        assert [backend.address for backend in app.backends] == ["two:5432"]
        assert app.paths == [f"{home}/data"]
        assert app.text == f"The app on one: ['{home}/data'] [Backend(address='two:5432', weight=1)]"

    def test_paths_of_the_project_are_those_of_the_host_that_provides(self, fleet: Fleet) -> None:
        target = f"{fleet.home('two')}/deployment"
        directory = f"{target}/project/components/db"
        files = [f"{target}/work/db", f"{directory}/schema.sql", f"in {directory}".encode()]
        assert fleet.configured("one").roots[0].component.files == [files]

    def test_the_host_that_provides_sees_the_same(self, fleet: Fleet) -> None:
        configured = fleet.configured("two")
        assert (configured.differences, configured.warnings) == ([], [])
        assert configured.roots[0].component.password == "topsecret"
        assert configured.roots[0].workdir == f"{fleet.home('two')}/deployment/work/db"

    def test_roots_keep_their_order_features_and_ignore(self, fleet: Fleet) -> None:
        fleet.files.component("both", "class First(Component):\n    def configure(self):\n        self.require('k')\n")
        fleet.files.component(
            "more", "class Last(Component):\n    def configure(self):\n        self.provide('k', 1)\n"
        )
        roots = fleet.configured("one", "[hosts]\none = first:a, first:b, !last\n").roots
        assert [(root.name, root.features, root.ignore) for root in roots] == [
            ("last", [], True),
            ("first", ["a", "b"], False),
        ]

    def test_overrides_know_where_they_stand(self, fleet: Fleet) -> None:
        text = ENVIRONMENT + "\n    [host:one]\n    app.title = Another\n"
        root = fleet.configured("one", text).roots[0]
        override = root.overrides["title"]
        assert root.component.title == "Another"
        assert (override.line, override.origin) == (13, "[host:one]")
        assert override.file == f"{root.environment.base_dir}/environments/dev/environment.cfg"

    def test_settings_and_surroundings_are_the_same(self, fleet: Fleet) -> None:
        text = """
            [environment]
            host_domain = example.com
            stages = 1, 50%
            timeout = 7
            [hosts]
            one = app
            two = db
            [host:two]
            data-size = 5
            aliases = www
            address = 10.0.0.2
            service_user = dbs
            platform = nix
            [resolver]
            two.example.com = 10.0.0.2
        """
        here = fleet.model(text).environment
        there, _ = fleet.arrived(fleet.slices(text)["one"])
        for name in ("name", "platform", "timeout", "settings", "overrides"):
            assert getattr(there, name) == getattr(here, name), name
        assert there.resolver.names == here.resolver.names
        assert there.service.environments == here.service.environments == ("dev",)
        assert (there.service.name, there.service.base_dir) == (here.service.name, there.base_dir)
        for name in ("name", "fqdn", "data", "aliases", "address", "service_user", "platform", "ignore"):
            assert getattr(there.hosts["two"], name) == getattr(here.hosts["two"], name), name

    def test_python_3_9_configures_it_with_nothing_installed(self, fleet: Fleet) -> None:
        root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
        found = [*root.glob("versions/3.9.*/bin/python3"), shutil.which("python3.9")]
        works = (one for one in found if one and subprocess.run([one, "-c", ""], capture_output=True).returncode == 0)
        old = next(works, None)  # what is found first may be a shim that leads nowhere
        if old is None:
            pytest.skip("there is no Python 3.9 here")
        fleet.files.component("app", CONSUMER.replace("self.text", "return\n        self.text"))
        environment, slice = fleet.arrived(fleet.slices()["one"])
        source = str(Path(slices.__file__).parents[1])
        script = f"""
import json, sys
sys.path.insert(0, {source!r})
from depl.sliced import configure_slice, environment_of
slice = json.load(sys.stdin)
environment = environment_of(slice, {environment.base_dir!r}, {os.path.dirname(environment.base_dir)!r})
app = configure_slice(environment, slice).roots[0].component
print(json.dumps([app.title, app.paths, [backend.address for backend in app.backends]]))
"""
        done = subprocess.run(
            [old, "-I", "-S", "-B", "-c", script], input=json.dumps(slice), capture_output=True, text=True
        )
        assert done.stderr == ""
        assert json.loads(done.stdout) == ["The app", [f"{fleet.home('two')}/data"], ["two:5432"]]


class TestPaths:
    PLACES = """
    class Places(Component):
        def configure(self):
            env = self.environment
            self.places = [self.map("x"), self.map("~/x"), self.map("/etc/x"), env.map("/etc/x"), env.map("~"),
                           env.workdir_base, self.workdir]
    """

    def test_at_the_coordinator_they_are_those_of_each_host(self, fleet: Fleet) -> None:
        fleet.files.component("places", self.PLACES)
        text = (
            "[hosts]\none = places\ntwo = places\n[host:two]\ntarget_directory = /srv/x\n[vfs]\nsandbox = Developer\n"
        )
        model = fleet.model(text)
        one, two = (model.get(f"places@{name}").component.places for name in ("one", "two"))
        home = "/.depl-home/one/home"
        work = f"{home}/deployment/work"
        assert one == [
            f"{work}/places/x",
            f"{work}/_{home}/x",
            f"{work}/_/etc/x",
            f"{work}/_/etc/x",
            f"{work}/_{home}",
            work,
            f"{work}/places",
        ]
        assert [two[0], two[2], two[5]] == ["/srv/x/work/places/x", "/srv/x/work/_/etc/x", "/srv/x/work"]

    def test_on_the_host_they_are_its_own(self, fleet: Fleet) -> None:
        fleet.files.component("places", self.PLACES)
        text = "[hosts]\none = places\n[vfs]\nsandbox = Map\n/etc = ~/etc\n"
        home = fleet.home("one")
        work = f"{home}/deployment/work"
        assert fleet.configured("one", text).roots[0].component.places == [
            f"{work}/places/x",
            f"{home}/x",
            f"{home}/etc/x",
            f"{home}/etc/x",
            home,
            work,
            f"{work}/places",
        ]

    def test_the_developer_sandbox_lies_in_the_hosts_work_directory(self, fleet: Fleet) -> None:
        fleet.files.component("places", self.PLACES)
        text = "[hosts]\none = places\n[vfs]\nsandbox = Developer\n"
        component = fleet.configured("one", text).roots[0].component
        assert component.places[2:4] == [f"{fleet.home('one')}/deployment/work/_/etc/x"] * 2

    def test_homes_are_found_within_any_text(self) -> None:
        token = "/.depl-home/web-1.example/home"
        slice = {
            "given": [f"x={token}/a:{token}", {"k": [f"{token}-old, {token}."]}, os.path.relpath(f"{token}/b", "/etc")],
            "hosts": {},
            "settings": {},
        }
        assert hosts_named_in(slice) == {"web-1.example"}
        told = with_homes(slice, {"web-1.example": '/home/\u00e9"\\1'})
        home = '/home/\u00e9"\\1'
        assert told["given"] == [f"x={home}/a:{home}", {"k": [f"{home}-old, {home}."]}, f"..{home}/b"]

    def test_homes_may_become_known_one_after_the_other(self, fleet: Fleet) -> None:
        made = fleet.slices("[hosts]\none = app\ntwo = db\nthree = db\n")["one"]
        told = with_homes(made, {"two": "/home/two"})
        assert hosts_named_in(told) == {"three"}
        assert environment_of(told, str(fleet.base), str(fleet.base)).mistakes[0].message == (
            "The home on the host 'three' is not known"
        )

    def test_only_homes_that_are_in_it_are_asked_for(self, fleet: Fleet) -> None:
        made = fleet.slices("[hosts]\none = app\ntwo = db\nthree = db\nfour = app\n")
        assert hosts_named_in(made["one"]) == {"two", "three"}
        assert hosts_named_in(made["two"]) == {"two"}

    def test_the_home_of_an_unknown_account_is_a_mistake(self, fleet: Fleet) -> None:
        with pytest.raises(Mistakes) as caught:
            fleet.model("[hosts]\none = db\n[host:one]\ntarget_directory = ~nobody-here/x\n")
        told = [mistake.message for mistake in caught.value.mistakes]
        assert any("'~nobody-here/x' of the host 'one' is in the home" in message for message in told)

    @pytest.mark.parametrize(
        ("text", "moved"),
        [
            ("/srv/app", "T"),
            ("/srv/app/x /srv/app: /srv/app.", "T/x T: T."),
            ("file:///srv/app/x", "file://T/x"),
            ("/srv/application /old/srv/app /srv/app.bak /srv/app-2", None),
        ],
    )
    def test_the_project_is_found_as_a_whole_path(self, text: str, moved: str | None) -> None:
        assert Moved("/srv/app", "T")(text) == (moved or text)


LIVE = """
class Registry(Component):
    secret = "unset"

    def configure(self):
        self.names = self.require("name", strict=False)
        self.lies = [self.map("~/r"), self.workdir, self.host.fqdn]
        self.provide("registry", self)

class Named(Component):
    password = "unset"

    def configure(self):
        self.provide("name", self.host.name)

class User(Component):
    def configure(self):
        self.registry = self.require_one("registry")
        self.seen = [self.registry.secret, self.registry.names, self.registry.lies]
"""
LIVE_ENVIRONMENT = """
    [hosts]
    one = user
    two = registry
    three = named
    four = named

    [host:two]
    target_directory = ~/elsewhere
    registry.secret = sharedsecret

    [component:named]
    password = hiddensecret
"""


class TestLiveRoots:
    @pytest.fixture(autouse=True)
    def _live(self, fleet: Fleet) -> None:
        fleet.files.component("live", LIVE)

    def test_what_is_not_data_brings_its_root_along(self, fleet: Fleet) -> None:
        made = fleet.slices(LIVE_ENVIRONMENT)
        assert {name: live_roots(slice) for name, slice in made.items()} == {
            "one": ["registry@two"],
            "two": [],
            "three": [],
            "four": [],
        }

    def test_it_is_configured_with_the_paths_of_its_own_host(self, fleet: Fleet) -> None:
        configured = fleet.configured("one", LIVE_ENVIRONMENT)
        home = fleet.home("two")
        place = [f"{home}/r", f"{home}/elsewhere/work/registry", "two"]
        assert configured.roots[0].component.seen == ["sharedsecret", ["four", "three"], place]

    def test_it_is_not_among_what_is_deployed(self, fleet: Fleet) -> None:
        assert [root.id for root in fleet.configured("one", LIVE_ENVIRONMENT).roots] == ["user@one"]

    def test_what_only_it_needs_comes_as_data_if_it_is(self, fleet: Fleet) -> None:
        made = json.dumps(fleet.slices(LIVE_ENVIRONMENT)["one"])
        assert "sharedsecret" in made
        assert "hiddensecret" not in made

    def test_a_live_root_that_needs_a_live_one_brings_it(self, fleet: Fleet) -> None:
        fleet.files.component(
            "live", LIVE.replace('self.provide("name", self.host.name)', 'self.provide("name", self)')
        )
        made = fleet.slices(LIVE_ENVIRONMENT)["one"]
        assert live_roots(made) == ["named@four", "named@three", "registry@two"]

    def test_answers_of_live_roots_and_of_data_are_in_one_order(self, fleet: Fleet) -> None:
        fleet.files.component(
            "mixed",
            """
            class Mixed(Component):
                def configure(self):
                    self.provide("mixed", self.host.name if self.host.name != "two" else len)
                    self.provide("mixed", self.host.name + "!")

            class Asker(Component):
                def configure(self):
                    self.answer = self.require("mixed")
            """,
        )
        text = "[hosts]\none = mixed\ntwo = mixed\nthree = mixed\nfour = mixed, asker\n"
        answer = fleet.configured("four", text).roots[1].component.answer
        assert answer == ["four", "four!", "one", "one!", "three", "three!", len, "two!"]


class TestSecrecy:
    def test_overrides_of_a_host_go_nowhere_else(self, fleet: Fleet) -> None:
        made = fleet.slices()
        assert "topsecret" not in json.dumps(made["one"])
        assert "The app" not in json.dumps(made["two"])

    def test_what_is_required_goes_where_it_is_required(self, fleet: Fleet) -> None:
        fleet.files.component("db", PROVIDER + '        self.provide("db:password", self.password)\n')
        fleet.files.component(
            "tool", "class Tool(Component):\n    def configure(self):\n        self.require('db:password')\n"
        )
        made = fleet.slices(ENVIRONMENT.replace("two = db", "two = db\n    three = tool"))
        assert ["topsecret" in json.dumps(made[name]) for name in ("one", "two", "three")] == [False, True, True]

    def test_secret_data_of_a_host_is_its_own(self, fleet: Fleet) -> None:
        environment = fleet.files.load(
            ENVIRONMENT + "\n    [host:two]\n    data-key = hushhush\n    data-size = five\n"
        )
        environment.hosts["two"].secret_keys.add("key")
        as_on_hosts(environment)
        model = configure(environment)
        assert slice_of(model, "one")["hosts"]["two"]["data"] == {"size": "five"}
        assert slice_of(model, "two")["hosts"]["two"]["data"] == {"key": "hushhush", "size": "five"}
        assert "hushhush" not in json.dumps(slice_of(model, "one"))


class TestQuestions:
    def asked(self, fleet: Fleet, code: str, provide: str = "1") -> Any:
        """What `self.found = {code}` finds on host one, where host two and three provide `k`."""
        fleet.files.component(
            "p", f"class P(Component):\n    def configure(self):\n        self.provide('k', {provide})\n"
        )
        fleet.files.component("q", f"class Q(Component):\n    def configure(self):\n        self.found = {code}\n")
        return fleet.configured("one", "[hosts]\none = q\ntwo = p\nthree = p\n").roots[0].component.found

    @pytest.mark.parametrize(
        ("code", "found"),
        [
            ("self.require('k')", ["three", "two"]),
            ("self.require('k', host='two'), self.require('k', strict=False)", (["two"], ["three", "two"])),
            ("[self.require_one('k', host=self.environment.hosts[n]) for n in ('two', 'three')]", ["two", "three"]),
            ("self.require('none', strict=False), self.require('k')", ([], ["three", "two"])),
            ("self.require_one('none', strict=False) or self.require('k')", ["three", "two"]),
            ("self.require('k', reverse=True)", ["three", "two"]),
            ("self.require('k', dirty=True)", ["three", "two"]),
        ],
    )
    def test_each_way_to_ask_is_answered(self, fleet: Fleet, code: str, found: Any) -> None:
        assert self.asked(fleet, code, "self.host.name") == found

    def test_hosts_are_values(self, fleet: Fleet) -> None:
        found = self.asked(fleet, "[h is self.environment.hosts[h.name] for h in self.require('k')]", "self.host")
        assert found == [True, True]

    def test_information_that_goes_round_comes_to_rest(self, fleet: Fleet) -> None:
        fleet.files.component(
            "round",
            """
            class A(Component):
                def configure(self):
                    self.found = self.require("b", reverse=True, strict=False)
                    self.provide("a", "a of " + self.host.name)

            class B(Component):
                def configure(self):
                    self.found = sorted(self.require("a") + self.require("c"))
                    self.provide("b", ", ".join(self.found))

            class C(Component):
                def configure(self):
                    self.provide("c", "c")
                    self.own = self.require("c", host=self.host)
            """,
        )
        roots = fleet.configured("one", "[hosts]\none = a, b\ntwo = a, c\n").roots
        assert {root.name: root.component.found for root in roots} == {
            "b": ["a of one", "a of two", "c"],
            "a": ["a of one, a of two, c"],
        }

    def test_a_question_that_the_coordinator_does_not_know_is_a_mistake(self, fleet: Fleet) -> None:
        change = replaced("app", 'self.require("db")', 'self.require("dbs")')
        assert fleet.mistakes("one", change=change) == [
            "app on one: component.py:9: it asks for 'dbs', which it did not ask for at the coordinator"
        ]

    def test_so_is_a_lenient_one_and_one_to_another_host(self, fleet: Fleet) -> None:
        change = replaced(
            "app", 'self.require("db")', 'self.require("db", host="two") + self.require("x", strict=False)'
        )
        assert fleet.mistakes("one", change=change) == [
            "app on one: component.py:9: it asks for 'db' on host 'two', which it did not ask for at the coordinator",
            "app on one: component.py:9: it asks for 'x', which it did not ask for at the coordinator",
        ]

    def test_what_follows_from_one_is_not_told(self, fleet: Fleet) -> None:
        change = replaced("app", 'self.require("db")', 'self.require("dbs")[0]')
        assert len(fleet.mistakes("one", change=change)) == 1

    def test_a_question_without_an_answer_is_a_mistake(self, fleet: Fleet) -> None:
        text = "[hosts]\none = app, db\n"
        change = replaced("db", 'self.provide("db:path", self.map("~/data"))', "pass")
        assert fleet.mistakes("one", text, change) == [
            "app on one: component.py:10: the resource 'db:path' is required, but nobody provides it"
        ]

    def test_a_failing_configure_is_a_mistake(self, fleet: Fleet) -> None:
        change = replaced("app", "self.text =", "1 / 0 #")
        assert fleet.mistakes("one", change=change) == [
            "app on one: component.py:12: configure() raised ZeroDivisionError: division by zero"
        ]

    def test_a_root_that_does_not_come_to_rest_is_a_mistake(self, fleet: Fleet) -> None:
        fleet.files.component(
            "flap",
            "class Flap(Component):\n    def configure(self):\n"
            "        self.require('f', strict=False)\n        self.provide('f', 1)\n",
        )
        (mistake,) = fleet.mistakes("one", "[hosts]\none = flap\n", replaced("flap", "'f', 1", "'f', object()"))
        assert "the configuration does not come to rest" in mistake

    def test_a_key_that_is_not_data_is_a_mistake_at_the_coordinator(self, fleet: Fleet) -> None:
        fleet.files.component(
            "odd", "class Odd(Component):\n    def configure(self):\n        self.provide(len, 1); self.require(len)\n"
        )
        with pytest.raises(ConfigurationError, match="a key has to be data") as caught:
            fleet.slices("[hosts]\none = odd\n")
        assert (Path(caught.value.file or "").name, caught.value.line) == ("component.py", 6)

    def test_a_value_whose_class_is_not_there_is_a_mistake(self, fleet: Fleet) -> None:
        (mistake,) = fleet.mistakes("one", change=replaced("db", "Backend", "Renamed"))[:1]
        assert "What db on two provides as 'db' cannot be made on this host: there is no class Backend" in mistake


class TestOutside:
    @pytest.mark.parametrize(
        "code", ["self.environment.get_root('db', 'two')", "self.host_two.components['db'].workdir"]
    )
    def test_a_root_outside_of_the_slice_names_require(self, fleet: Fleet, code: str) -> None:
        property = "    @property\n    def host_two(self):\n        return self.environment.hosts['two']\n"
        fleet.files.component("app", CONSUMER + f"        self.other = {code}\n{property}")
        with pytest.raises(Mistakes) as caught:
            fleet.configured("one")
        (mistake,) = caught.value.mistakes
        assert shown(mistake) == "app on one: component.py:13: db on two is not part of what this host needs"
        assert "`require`" in mistake.hint

    def test_which_components_a_host_has_is_known(self, fleet: Fleet) -> None:
        environment = fleet.configured("one").environment
        assert {name: list(host.components) for name, host in environment.hosts.items()} == {
            "one": ["app"],
            "two": ["db"],
        }
        with pytest.raises(ConfigurationError, match="There is no component 'nothing' on the host 'two'"):
            environment.get_root("nothing", "two")


class TestComponents:
    FILES = """
    from depl.lib.file import File

    class Web(Component):
        def configure(self):
            self += File("a", content="a")
            self += File("~/b", content="b")
            self.provide("web", self.map("~/b"))
    """
    TEXT = "[hosts]\none = web\ntwo = user\n"

    @pytest.fixture(autouse=True)
    def _files(self, fleet: Fleet) -> None:
        fleet.files.component("web", self.FILES)
        fleet.files.component("user", "class User(Component):\n    def configure(self):\n        self.require('web')\n")

    def test_the_same_components_in_another_home_are_the_same(self, fleet: Fleet) -> None:
        configured = fleet.configured("one", self.TEXT)
        assert [file.path for file in configured.roots[0].component.sub_components] == [
            f"{fleet.home('one')}/deployment/work/web/a",
            f"{fleet.home('one')}/b",
        ]
        assert configured.differences == []

    @pytest.mark.parametrize(
        ("old", "new", "line", "what"),
        [
            ('File("a"', 'File("c"', 9, "web/File(c) is another one there"),
            ('self += File("a", content="a")', "pass", 10, "web/File(~/b) is another one there"),
            ('self.provide("web"', 'self += File("c", content=""); self.provide("web"', 11, "web/File(c) is not there"),
            ('self += File("~/b", content="b")', "pass", 9, "there are 3 there and 2 here"),
            ('File("a", content="a")', "Component()", 9, "web/Component is another one there"),
        ],
    )
    def test_other_components_are_a_mistake(self, fleet: Fleet, old: str, new: str, line: int, what: str) -> None:
        name = "web/File(a)" if what.startswith("there") else what.split(maxsplit=1)[0]
        expected = f"the components are not those that the coordinator configured: {what}"
        assert fleet.mistakes("one", self.TEXT, replaced("web", old, new)) == [
            f"{name} on one: component.py:{line}: {expected}"
        ]

    def test_other_contents_are_fine(self, fleet: Fleet) -> None:
        configured = fleet.configured("one", self.TEXT, replaced("web", 'content="a"', 'content="other"'))
        assert configured.differences == []

    def test_other_values_that_others_were_told_are_a_difference(self, fleet: Fleet) -> None:
        configured = fleet.configured("one", self.TEXT, replaced("web", 'self.map("~/b")', 'self.map("~/c")'))
        (difference,) = configured.differences
        assert difference.startswith("web on one provides 'web' (components/web/component.py:11) otherwise than at")

    def test_the_home_of_the_coordinator_makes_no_other_component(self, fleet: Fleet) -> None:
        fleet.files.component("web", self.FILES.replace('"~/b"', '__import__("os").path.expanduser("~/b")'))
        environment, slice = fleet.arrived(fleet.slices(self.TEXT)["one"])
        assert len(configure_slice(environment, slice).roots) == 1

    def test_conflicting_files_are_a_mistake(self, fleet: Fleet) -> None:
        change = replaced("web", '"~/b", content="b"', '"a", content="b"')
        assert any("is wanted differently by" in mistake for mistake in fleet.mistakes("one", self.TEXT, change))

    def test_a_component_file_that_only_others_need_may_fail(self, fleet: Fleet) -> None:
        configured = fleet.configured(
            "one", self.TEXT, replaced("user", "class User", "import nothing_of_the_kind\nclass User")
        )
        assert "A component file that is not needed here cannot be loaded" in str(configured.warnings[0])

    def test_one_that_is_needed_may_not(self, fleet: Fleet) -> None:
        (mistake,) = fleet.mistakes(
            "one", self.TEXT, replaced("web", "class Web", "import nothing_of_the_kind\nclass Web")
        )
        assert "nothing_of_the_kind" in mistake


class TestCost:
    COUNTED = """
    class Counted(Component):
        calls = []

        def configure(self):
            self.calls.append(self.host.name)
            self.provide("counted", self.host.name)
            self.first = self.require("counted", host="h001")

    class All(Component):
        def configure(self):
            Counted.calls.append("all")
            self.found = self.require("counted")
    """

    def test_configuring_a_host_does_not_depend_on_the_number_of_others(self, fleet: Fleet) -> None:
        fleet.files.component("counted", self.COUNTED)
        calls = []
        for count in (3, 300):
            text = f"[hosts]\nh[001..{count:03}] = counted\none = all\n"
            configured = fleet.configured("one", text)
            assert len(configured.roots[0].component.found) == count
            calls.append(sys.modules["depl.c.counted"].Counted.calls[:])
            shutil.rmtree(fleet.home("one"))
        assert calls[0] == calls[1] == ["all"]

    MANY = """
    import dataclasses

    @dataclasses.dataclass(eq=False)
    class Read:
        number: int = 0
        times = [0]

        def __getattribute__(self, name):
            if name == "number":
                Read.times[0] += 1
            return object.__getattribute__(self, name)

    READ = Read()
    """

    def test_slices_of_many_hosts_read_each_value_once(self, fleet: Fleet) -> None:
        made = (
            f"class C{number}(Component):\n    def configure(self):\n        self.provide('k{number}', READ)\n"
            f"        self.first = self.require('k{number}', strict=False, host='h001')\n"
            "        self.require(f'k%s', host=self.host)\n" % number
            for number in range(10)
        )
        fleet.files.component("many", dedent(self.MANY) + "".join(made))
        model = fleet.model("[hosts]\nh[001..100] = " + ", ".join(f"c{number}" for number in range(10)) + "\n")
        times = sys.modules["depl.c.many"].Read.times
        times[0] = 0
        assert len([slice_of(model, host) for host in model.environment.hosts]) == 100
        assert 10 <= times[0] <= 2 * 10  # hasattr and getattr, for each that others require


def test_live_and_own_roots_of_one_name_keep_their_overrides(fleet: Fleet) -> None:
    fleet.files.component(
        "peer",
        """
        class Peer(Component):
            size = "0"
            def configure(self):
                self.provide("peer", self)

        class Sum(Component):
            def configure(self):
                self.sizes = [peer.size for peer in self.require("peer")]
        """,
    )
    text = """
        [hosts]
        a = peer
        b = peer, sum
        c = peer
        [component:peer]
        size = 1
        [host:c]
        peer.size = 3
        [host:b]
        peer.size = 2
    """
    roots = fleet.configured("b", text).roots
    assert {root.name: getattr(root.component, "sizes", None) for root in roots} == {
        "peer": None,
        "sum": ["1", "2", "3"],
    }


@pytest.mark.parametrize("method", ["local", "ssh"])
def test_hosts_that_would_lock_each_other_out_are_a_mistake(tmp_path, method):
    (tmp_path / "components" / "app").mkdir(parents=True)
    source = "from depl.component import Component\n\n\nclass App(Component): pass\n\n\nclass Db(Component): pass\n"
    (tmp_path / "components" / "app" / "component.py").write_text(source)
    (tmp_path / "environments" / "live").mkdir(parents=True)
    settings = f"[environment]\nconnect_method = {method}\n[host:one]\ncomponents = app\naddress = 127.0.0.1\n"
    settings += "[host:two]\ncomponents = db\naddress = 127.0.0.1\n"
    (tmp_path / "environments" / "live" / "environment.cfg").write_text(settings)
    environment = Environment.load("live", str(tmp_path))
    as_on_hosts(environment)
    (mistake,) = environment.mistakes
    assert "same machine with the same target directory, ~/deployment" in mistake.message
    assert "[host:two]" in mistake.hint
