"""Secrets in a model: where they get to, and to whom."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from depl import ini
from depl.configure import configure
from depl.errors import Mistakes
from depl.homes import as_on_hosts
from depl.secret_values import Secrets
from depl.sliced import configure_slice, environment_of
from depl.slices import slice_of, with_homes

FILE = "secrets.cfg.age"


def secrets(text: str, files: Mapping[str, Any] | None = None) -> Secrets:
    parsed = ini.parse(text, FILE)
    marks = {(name, key): f"{name}.{key} #0000" for name, section in parsed.sections.items() for key in section.entries}
    return Secrets(parsed, marks, files or {}, {name: f"file {name} #0000" for name in files or {}})


@pytest.mark.parametrize("value", ["plain", "{{ 7 * 7 }}", "{# gone #}", "{% raw", "@@ if", "a = b", '"quoted"'])
def test_a_secret_reaches_its_attribute_as_it_is(files, value):
    environment = files.load(secrets=secrets(f"[component:web]\nname = {value}"))
    environment.roots[0].prepare()
    assert environment.roots[0].component.name == value


def test_an_attribute_that_is_set_in_clear_is_still_a_template(files):
    environment = files.load("[hosts]\none = web\n[component:web]\nname = {{host.name}}\n")
    environment.roots[0].prepare()
    assert environment.roots[0].component.name == "one"


def test_a_secret_is_converted_as_any_override_is(files):
    files.component("web", "class Web(Component):\n    port: int = 80\n")
    environment = files.load(secrets=secrets("[component:web]\nport = 8080"))
    environment.roots[0].prepare()
    assert environment.roots[0].component.port == 8080


def test_secrets_of_a_host_are_its_data_and_overrides(files):
    text = "[host:one]\ndata-token = abcdef\nweb.name = ghijkl"
    environment = files.load("[hosts]\none = web\ntwo = web\n", secrets=secrets(text))
    for root in environment.roots:
        root.prepare()
    assert environment.hosts["one"].data == {"token": "abcdef"}
    assert environment.hosts["one"].secret_keys == {"token"}
    assert [root.component.name for root in environment.roots] == ["ghijkl", "web"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[component:wbe]\nname = x", "'wbe'"),
        ("[component:web]\nnmae = x", "has no attribute 'nmae'"),
        ("[component:web]\nconfigure = x", "'configure' is a method"),
        ("[host:noe]\ndata-x = y", "secrets for the host 'noe', which the environment does not have | Did you mean"),
        ("[host:one]\naddress = y", "'address'"),
        ("[host:one]\nwbe.name = y", "'wbe'"),
        ("[host:one]\nweb.nmae = y", "has no attribute 'nmae'"),
        ("[group:all]\ndata-x = y", "[group:all]"),
    ],
)
def test_secrets_for_what_is_not_there_are_mistakes(files, text, said):
    (mistake,) = files.mistakes(secrets=secrets(text))
    assert mistake.startswith(f"{FILE}:")
    assert said in mistake


@pytest.mark.parametrize(
    ("clear", "hidden", "line"),
    [
        ("[component:web]\nname = x", "[component:web]\nname = y", 4),
        ("[host:one]\ndata-x = x", "[host:one]\ndata-x = y", 4),
        ("[host:one]\nweb.name = x", "[host:one]\nweb.name = y", 4),
    ],
)
def test_a_key_in_clear_and_as_a_secret_is_a_mistake_with_both_places(files, clear, hidden, line):
    (mistake,) = files.mistakes(f"[hosts]\none = web\n{clear}\n", secrets=secrets(hidden))
    assert mistake.startswith(f"{FILE}:2: ")
    assert "is given twice" in mistake
    assert f"in clear in environments/dev/environment.cfg:{line}" in mistake


def test_the_word_of_a_host_counts_more_than_that_of_a_component(files):
    text = "[hosts]\none = web\n[host:one]\nweb.name = own\n"
    environment = files.load(text, secrets=secrets("[component:web]\nname = for all"))
    environment.roots[0].prepare()
    assert environment.roots[0].component.name == "own"


def test_nothing_that_holds_a_secret_shows_it(files):
    found = secrets("[component:web]\nname = hunter22", {"key": "hunter23"})
    environment = files.load(secrets=found)
    shown = [found, environment.component_overrides, environment.secret_files, environment, environment.roots]
    assert "hunter2" not in repr(shown)


def test_the_name_of_a_component_holds_no_secret_where_it_is_written_down(files):
    source = """
        class Web(Component):
            name = "web"

            def configure(self):
                self += Note(f"say {self.name}")


        class Note(Component):
            namevar = "text"

            def configure(self):
                self += Inner("inner")


        class Inner(Component):
            namevar = "name"
    """
    files.component("web", source)
    environment = files.load(secrets=secrets("[component:web]\nname = hunter22"))
    environment.roots[0].prepare()
    (note,) = environment.roots[0].component.sub_components
    assert note.id == "web/Note(say ‹secret component:web.name #0000›)"
    assert note.sub_components[0].id == f"{note.id}/Inner(inner)"
    assert note.true_id == "web/Note(say hunter22)"


def test_a_secret_that_is_called_like_a_component_changes_no_name(files):
    environment = files.load(secrets=secrets("[host:one]\ndata-x = webserver"))
    files.component("web", "class Webserver(Component):\n    pass\n")
    environment = files.load("[hosts]\none = webserver\n", secrets=secrets("[host:one]\ndata-x = webserver"))
    environment.roots[0].prepare()
    assert environment.roots[0].component.id == "webserver"


READER = """
    class Web(Component):
        def configure(self):
            self.key = self.environment.secret_files["key"]
"""


def test_a_secret_file_is_read_by_its_name(files):
    files.component("web", READER)
    environment = files.load(secrets=secrets("", {"key": "line 1\nline 2\n", "blob": b"\xff\x00"}))
    environment.roots[0].prepare()
    assert environment.roots[0].component.key == "line 1\nline 2\n"
    assert environment.secret_files["blob"] == b"\xff\x00"
    assert sorted(environment.secret_files) == ["blob", "key"]
    assert environment.secret_files.get("other") is None
    assert environment.secret_files.read_by(environment.roots[0].id) == ["key"]


def test_a_secret_file_that_is_not_there_names_those_that_are(files):
    files.component("web", READER)
    environment = files.load(secrets=secrets("", {"kye": "abcdef"}))
    with pytest.raises(Mistakes) as caught:
        configure(environment)
    (mistake,) = caught.value.mistakes
    assert "There is no secret file 'key'" in mistake.message
    assert "kye" in mistake.hint


# -- who gets to know them ------------------------------------------------------------------------------------------

FLEET = """
    class Db(Component):
        password = "unset"

        def configure(self):
            self.provide("db", f"postgresql://app:{self.password}@{self.host.name}/")


    class App(Component):
        key = "unset"

        def configure(self):
            self.db = self.require_one("db")
            self.file = self.environment.secret_files["app-file"]


    class Other(Component):
        token = "unset"


    class Live(Component):
        pin = "unset"

        def configure(self):
            self.provide("live", self)


    class Looker(Component):
        def configure(self):
            self.require_one("live")
"""
HOSTS = "[hosts]\ndb = db\napp = app\nother = other, live\nlooker = looker\nbare = web\n"
VALUES = {
    "db-password": "db/pass word",
    "app-key": "{{app key}}",
    "other-token": "other-token-value",
    "live-pin": "4711471147",
    "data": "data of the host db",
    "app-file": "content of\nthe app file",
    "spare": "content of a spare file",
}
TEXT = f"""
[component:db]
password = {VALUES["db-password"]}
[component:app]
key = {VALUES["app-key"]}
[component:other]
token = {VALUES["other-token"]}
[component:live]
pin = {VALUES["live-pin"]}
[host:db]
data-x = {VALUES["data"]}
"""


def fleet(files: Any) -> Any:
    files.component("fleet", FLEET)
    found = secrets(TEXT, {"app-file": VALUES["app-file"], "spare": VALUES["spare"]})
    environment = files.load(HOSTS, secrets=found)
    as_on_hosts(environment)
    return configure(environment)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("db", {"db-password", "data"}),
        ("app", {"db-password", "app-key", "app-file"}),
        ("other", {"other-token", "live-pin"}),
        ("looker", {"live-pin"}),
        ("bare", set()),
    ],
)
def test_a_host_gets_the_secrets_of_its_slice_and_no_others(files, host, known):
    slice = slice_of(fleet(files), host)
    text = json.dumps(slice)
    assert {name for name, value in VALUES.items() if json.dumps(value)[1:-1] in text} == known
    assert {text for _, text in slice["secrets"]} == {VALUES[name] for name in known}


def test_a_host_hides_what_its_slice_holds(files):
    model = fleet(files)
    slice = json.loads(json.dumps(slice_of(model, "app")))
    environment = environment_of(with_homes(slice, {"app": "/home/app"}), str(files.base), "/srv")
    assert environment.secret_files["app-file"] == VALUES["app-file"]
    sliced = configure_slice(environment, with_homes(slice, {"app": "/home/app"}))
    assert sliced.roots[0].component.key == VALUES["app-key"]
    said = environment.redact(f"{VALUES['app-key']} {VALUES['db-password']} {VALUES['other-token']}")
    assert said == ("‹secret component:app.key #0000› ‹secret component:db.password #0000› other-token-value")


def test_a_host_does_not_learn_the_rest_of_a_secret_by_having_a_part_of_it(files):
    files.component("fleet", FLEET)
    found = secrets("", {"app-file": "first line\nsecond line\nthird line"})
    text = "[hosts]\nother = other\n[component:other]\ntoken = the second line\n"
    slice = slice_of(configure(files.load(text, secrets=found)), "other")
    assert [text for _, text in slice["secrets"]] == ["second line"]
