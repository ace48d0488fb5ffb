from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from depl.environment import Environment, environment_names
from depl.errors import ConfigurationError
from depl.host import Host, expand_range
from depl.vfs import PathMap

NO_NAME = "is not the name of a host (letters, digits, dots, dashes, underscores)"
IGNORED = "An ignored host is written `!name`."
LIST = "List them, add it to a group that has some, or write `!` before its name."
TWICE = "A component can be on a host once; it may have several features."
OTHER = """
class Db(Component):
    size = 1

class Cache(Component):
    size = 1
"""


def summary(environment: Environment) -> dict[str, list[str]]:
    """Host -> its root components, features and ignores shown."""
    shown: dict[str, list[str]] = {name: [] for name in environment.hosts}
    for root in environment.roots:
        features = "".join(f":{feature}" for feature in root.features)
        shown[root.host.name].append(("!" if root.ignore else "") + root.name + features)
    return shown


# Hosts and components.


def test_hosts_and_their_components_come_in_the_order_of_the_file(files: Any) -> None:
    files.component("other", OTHER)
    environment = files.load("[host:b]\ncomponents = db\n[hosts]\nz = web\na = db, web\n  cache\n")
    assert summary(environment) == {"b": ["db"], "z": ["web"], "a": ["db", "web", "cache"]}
    assert environment.mistakes == []


def test_commas_and_lines_may_be_mixed_in_a_list(files: Any) -> None:
    files.component("other", OTHER)
    environment = files.load("[hosts]\none =\n  web\n  # not this\n  db, cache,\n")
    assert (summary(environment), environment.mistakes) == ({"one": ["web", "db", "cache"]}, [])


def test_features_are_collected(files: Any) -> None:
    environment = files.load("[hosts]\none = web:a, web:b\ntwo = web, !web:c\n")
    assert (summary(environment), environment.mistakes) == ({"one": ["web:a:b"], "two": ["!web:c"]}, [])


def test_an_ignored_host_or_component_stays_in_the_model(files: Any) -> None:
    environment = files.load("[hosts]\n!one = web\ntwo = !web\n[host:three]\ncomponents = web\nignore = True\n")
    assert [host.ignore for host in environment.hosts.values()] == [True, False, True]
    assert summary(environment) == {"one": ["web"], "two": ["!web"], "three": ["web"]}


def test_a_range_stands_for_several_hosts(files: Any) -> None:
    environment = files.load("[hosts]\n!web[08..10] = web\n")
    assert {name: host.ignore for name, host in environment.hosts.items()} == {
        "web08": True,
        "web09": True,
        "web10": True,
    }


def test_a_host_of_a_range_may_have_a_section_of_its_own(files: Any) -> None:
    environment = files.load("[hosts]\nweb[1..3] = web\n[host:web2]\nport = 2222\ndata-x = 1\n")
    assert [(host.port, host.data) for host in environment.hosts.values()] == [
        (None, {}),
        (2222, {"x": "1"}),
        (None, {}),
    ]
    assert environment.mistakes == []


def test_ranges_multiply_and_keep_their_zeros() -> None:
    assert expand_range("r[1..2]-n[09..10].x") == ["r1-n09.x", "r1-n10.x", "r2-n09.x", "r2-n10.x"]


def test_a_host_has_the_settings_of_its_section(files: Any) -> None:
    environment = files.load(
        """
        [environment]
        host_domain = example.com
        service_user = service
        target_directory = /srv/d
        [hosts]
        one = web
        [host:two]
        components = web
        platform = debian
        service_user = me
        require_sudo = False
        address = 10.0.0.2
        port = 23
        target_directory = /x
        python = python3.12
        aliases = www, api = api.example.org
        data-color = blue
        """
    )
    one, two = environment.hosts.values()
    assert environment.mistakes == []
    assert (one.fqdn, one.platform, one.service_user, one.require_sudo) == (
        "one.example.com",
        "example.com",
        "service",
        None,
    )
    assert (one.target_directory, one.address, one.data) == ("/srv/d", None, {})
    assert (two.platform, two.service_user, two.require_sudo, two.address, two.port) == (
        "debian",
        "me",
        False,
        "10.0.0.2",
        23,
    )
    assert (two.target_directory, two.python, two.data) == ("/x", "python3.12", {"color": "blue"})
    assert (two.aliases.www, two.aliases.api) == ("www.example.com", "api.example.org")


def test_the_platform_of_the_environment_can_be_replaced_and_switched_off(files: Any) -> None:
    text = "[environment]\nplatform = a\n[hosts]\none = web\n[host:two]\ncomponents = web\nplatform = b\n"
    assert [host.platform for host in files.load(text).hosts.values()] == ["a", "b"]
    assert [host.platform for host in files.load(text, platform="c").hosts.values()] == ["c", "b"]
    assert [host.platform for host in files.load(text, platform="").hosts.values()] == [None, "b"]


def test_an_environment_may_be_one_file_and_be_named_with_its_suffix(files: Any) -> None:
    files.write("environments/flat.cfg", "[hosts]\none = web\n")
    files.load()
    assert Environment.load("flat.cfg", str(files.base)).mistakes == []
    assert Environment.load("dev.cfg", str(files.base)).mistakes == []
    assert environment_names(str(files.base)) == ["dev", "flat"]


def test_secrets_and_other_files_beside_are_no_mistake(files: Any) -> None:
    for name in ("secrets.cfg.age", "secrets.cfg.gpg", "secret-key.age", "known_hosts", "hostmap.json"):
        files.write(f"environments/dev/{name}", "x")
    assert files.mistakes() == []


def test_hosts_and_roots_are_found_by_name(files: Any) -> None:
    environment = files.load()
    host = environment.get_host("one")
    root = environment.get_root("web", host)
    assert (root.name, root.host, root.workdir) == ("web", host, str(files.base / "work" / "web"))
    assert environment.get_root("web", "one") is root
    assert environment.components_for(host) == host.components == {"web": root}


def test_an_unknown_host_or_root_names_close_matches(files: Any) -> None:
    environment = files.load("[hosts]\nfrontend = web\n")
    with pytest.raises(ConfigurationError, match=r"^There is no host 'fronted' in the environment 'dev'$") as caught:
        environment.get_host("fronted")
    assert caught.value.hint == "Did you mean 'frontend'?"
    with pytest.raises(ConfigurationError, match=r"^There is no component 'wev' on the host 'frontend'$"):
        environment.get_root("wev", "frontend")


def test_the_service_knows_components_and_environments(files: Any) -> None:
    files.write("depl.cfg", "[depl]\nname = shop\n")
    service = files.load().service
    assert (service.name, service.base_dir) == ("shop", str(files.base))
    assert (service.components, service.environments) == (("web",), ("dev",))


def test_loading_one_environment_leaves_another_as_it_was(files: Any) -> None:
    first = files.load("[environment]\nrequire_v6 = True\n[hosts]\none = web\n[component:web]\nport = 1\n")
    second = files.load()
    assert (first.resolver.require_v6, second.resolver.require_v6) == (True, False)
    assert (first.overrides, second.overrides) == ({"web": {"port": "1"}}, {})


def test_loading_writes_nothing(files: Any) -> None:
    files.write("environments/dev/environment.cfg", "[hosts]\none = web\n[vfs]\nsandbox = Developer\n")
    before = sorted(files.base.rglob("*"))
    environment = Environment.load("dev", str(files.base))
    environment.map("/etc/passwd")
    assert sorted(files.base.rglob("*")) == before


# Groups and overrides.


def test_a_group_gives_its_hosts_components_and_data(files: Any) -> None:
    files.component("other", OTHER)
    environment = files.load(
        """
        [hosts]
        a[1..2] = cache
        b =
        [group:all]
        hosts = a[1..2], b
        components = web:x, db
        data-zone = north
        data-rack = 1
        [host:a2]
        data-zone = south
        """
    )
    assert environment.mistakes == []
    assert summary(environment) == {
        "a1": ["web:x", "db", "cache"],
        "a2": ["web:x", "db", "cache"],
        "b": ["web:x", "db"],
    }
    assert [host.data for host in environment.hosts.values()] == [
        {"zone": "north", "rack": "1"},
        {"zone": "south", "rack": "1"},
        {"zone": "north", "rack": "1"},
    ]


def test_a_host_may_ignore_what_its_group_gives_it(files: Any) -> None:
    environment = files.load("[hosts]\none = !web\ntwo = web:x\n[group:g]\nhosts = one, two\ncomponents = web\n")
    assert (summary(environment), environment.mistakes) == ({"one": ["!web"], "two": ["web:x"]}, [])


def test_the_host_overrides_the_group_and_the_group_the_component(files: Any) -> None:
    environment = files.load(
        """
        [hosts]
        a = web
        b = web
        c = web
        [component:web]
        port = 1
        name = x
        [group:g]
        hosts = b, c
        web.port = 2
        [host:c]
        web.port = 3
        """
    )
    found = {name: environment.overrides_for("web", host) for name, host in environment.hosts.items()}
    assert environment.mistakes == []
    assert {name: (own["port"].value, own["name"].value) for name, own in found.items()} == {
        "a": ("1", "x"),
        "b": ("2", "x"),
        "c": ("3", "x"),
    }
    origins = [(own["port"].origin, own["port"].line, Path(own["port"].file).name) for own in found.values()]
    assert origins == [
        ("[component:web]", 7, "environment.cfg"),
        ("[group:g]", 11, "environment.cfg"),
        ("[host:c]", 13, "environment.cfg"),
    ]


def test_a_component_that_is_on_no_host_may_be_overridden(files: Any) -> None:
    files.component("other", OTHER)
    assert files.mistakes("[hosts]\none = web\n[component:db]\nsize = 2\n") == []


# Paths and names.


def test_the_developer_sandbox_lies_in_the_work_directory(files: Any) -> None:
    environment = files.load("[hosts]\none = web\n[vfs]\nsandbox = Developer\n")
    sandbox = files.base / "work" / "_"
    assert environment.map("/etc/passwd") == str(sandbox / "etc/passwd")
    assert environment.map("/") == str(sandbox)
    assert environment.map(environment.map("/etc/passwd")) == str(sandbox / "etc/passwd")
    assert environment.map(str(files.base / "work/web/x")) == str(files.base / "work/web/x")


def test_paths_are_mapped_by_the_longest_rule_and_by_whole_parts(files: Any) -> None:
    environment = files.load("[hosts]\none = web\n[vfs]\nsandbox = Map\n/etc = /tmp/e\n/etc/nginx = ~/n\n")
    assert environment.map("/etc/passwd") == "/tmp/e/passwd"
    assert environment.map("/etc/nginx/x") == os.path.expanduser("~/n/x")
    assert environment.map("/etc") == "/tmp/e"
    assert environment.map("/etcetera/x") == "/etcetera/x"
    assert environment.map("~/x") == os.path.expanduser("~/x")
    assert environment.map("relative") == "relative"


def test_rules_of_a_platform_come_first(files: Any) -> None:
    text = "[hosts]\none = web\n[vfs]\nsandbox = Map\n/etc/nginx = /n\n[vfs:nix]\n/etc = /x\n"
    environment = files.load(text)
    assert environment.mistakes == []
    assert [environment.map("/etc/nginx/a", platform) for platform in (None, "nix")] == ["/n/a", "/x/nginx/a"]
    assert files.load(text, platform="nix").map("/etc/nginx/a") == "/x/nginx/a"


def test_a_path_that_went_below_its_own_rule_goes_no_further() -> None:
    paths = PathMap({"/": "/tmp/sandbox"})
    assert paths(paths("/etc/x")) == "/tmp/sandbox/etc/x"


def test_the_resolver_has_the_addresses_that_are_given(files: Any) -> None:
    environment = files.load("[hosts]\none = web\n[resolver]\none = 10.0.0.1, fd00::1\ntwo =\n  10.0.0.2\n")
    assert environment.mistakes == []
    assert environment.resolver.names == {"one": ["10.0.0.1", "fd00::1"], "two": ["10.0.0.2"]}


# Mistakes, each with its place and what to do.


def test_an_unknown_environment_names_the_known_ones(files: Any) -> None:
    files.load()
    files.write("environments/live.cfg", "")
    (mistake,) = Environment.load("prod", str(files.base)).mistakes
    assert (mistake.message, mistake.hint) == ("There is no environment 'prod'", "Known are: dev, live.")


@pytest.mark.parametrize("name", ["", ".", "..", "../dev", "dev/"])
def test_a_name_that_is_a_path_is_an_unknown_environment(files: Any, name: str) -> None:
    files.load()
    (mistake,) = Environment.load(name, str(files.base)).mistakes
    assert mistake.message == f"There is no environment {name!r}"


def test_a_directory_without_environment_file_is_told(files: Any) -> None:
    files.write("environments/empty/secrets.cfg.age", "")
    (mistake,) = Environment.load("empty", str(files.base)).mistakes
    assert mistake.hint == "environments/empty/ lacks its environment.cfg."


def test_an_environment_that_is_described_twice_is_a_mistake(files: Any) -> None:
    files.write("environments/dev.cfg", "")
    (mistake,) = files.mistakes()
    assert mistake.startswith("dev.cfg:None: The environment 'dev' is described twice")


def test_mistakes_of_depl_cfg_are_reported_too(files: Any) -> None:
    files.write("depl.cfg", "[depl]\nnam = x\n")
    assert files.mistakes() == ["depl.cfg:2: The key 'nam' in [depl] is not known | Did you mean 'name'?"]


def test_an_environment_without_hosts_is_a_mistake(files: Any) -> None:
    assert files.mistakes("") == ["environment.cfg:None: The environment 'dev' has no hosts | List them in [hosts]."]


DEFAULT = " | Correct it, or remove the key: it has a default."


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[hots]\nx = 1", "3: The section [hots] is not known | Did you mean 'hosts'?"),
        ("[component:]\nx = 1", "3: The section [component:] is not known | Did you mean 'component:NAME'?"),
        ("[environment]\njops = 1", "4: The key 'jops' in [environment] is not known | Did you mean 'jobs'?"),
        ("[environment]\njobs = no", "4: jobs = 'no' in [environment] is not a whole number of 1 or more" + DEFAULT),
        ("[hosts]\ntwo = web", "3: The section [hosts] is there already, in line 1 | Join the two."),
        (
            "[host:one]\ncomponents = web",
            (
                "4: The host 'one' is there twice: its components are listed in line 2 already"
                " | Its other settings can stand in [host:NAME]."
            ),
        ),
        ("[host:one]\nprot = 1", "4: The key 'prot' in [host:one] is not known | Did you mean 'port'?"),
        ("[host:one]\nport = x", "4: port = 'x' in [host:one] is not a whole number from 1 to 65535" + DEFAULT),
        ("[host:one]\nignore = x", "4: ignore = 'x' in [host:one] is not True or False" + DEFAULT),
        (
            "[host:one]\naliases = a = ",
            "4: 'a =' in the aliases of [host:one] is neither `alias` nor `alias = full name`",
        ),
        (
            "[host:one]\nwebb.port = 1",
            "4: There is no component 'webb'; 'webb.port' in [host:one] overrides it | Did you mean 'web'?",
        ),
        (
            "[host:one]\nweb.prot = 1",
            "4: The component 'web' has no attribute 'prot' ('web.prot' in [host:one]) | Did you mean 'port'?",
        ),
        ("[group:g]\ncomponents = web", "3: The group 'g' has no hosts | List them: `hosts = web[01..10], db`."),
        ("[group:g]\nhosts = on", "4: The group 'g' names the host 'on', which is not known | Did you mean 'one'?"),
        (
            "[group:g]\nhosts = one\nplatfrm = x",
            (
                "5: The key 'platfrm' in [group:g] is not known"
                " | Known are: COMPONENT.ATTRIBUTE, components, data-KEY, hosts."
            ),
        ),
        ("[group:g]\nhosts = one[2..1]", "4: The range [2..1] in 'one[2..1]' runs backwards"),
        (
            "[component:wep]\nport = 1",
            "3: There is no component 'wep'; [component:wep] overrides it | Did you mean 'web'?",
        ),
        (
            "[component:Web]\nport = 1",
            "3: There is no component 'Web'; [component:Web] overrides it | Components are named in lower case: 'web'.",
        ),
        ("[component:web]\nprot = 1", "4: The component 'web' has no attribute 'prot' | Did you mean 'port'?"),
        (
            "[component:web]\nport = 1\nport = 2",
            "5: The key 'port' in [component:web] is there already, in line 4 | Remove one.",
        ),
        ("[vfs]\nsandbox = Dev", "4: sandbox = 'Dev' in [vfs] is not Developer or Map"),
        (
            "[vfs]\n/etc = /x",
            "3: [vfs] does not say which sandbox it is | Write `sandbox = Developer` or `sandbox = Map`.",
        ),
        ("[vfs]\nsandbox = Map\netc = /x", "5: The key 'etc' in [vfs] is not known | Known are: /PATH, sandbox."),
        ("[vfs]\nsandbox = Map\n/etc = x", "5: /etc = 'x' in [vfs] is not an absolute path"),
        ("[resolver]\none = 10.0.0", "4: '10.0.0' at 'one' in [resolver] is not an IP address"),
        ("[resolver]\none =", "4: 'one' in [resolver] has no addresses"),
    ],
)
def test_a_section_that_is_wrong_is_a_mistake(files: Any, text: str, mistake: str) -> None:
    assert files.mistakes(f"[hosts]\none = web\n{text}\n") == [f"environment.cfg:{mistake}"]


@pytest.mark.parametrize(
    ("line", "mistake"),
    [
        ("one =", f"The host 'one' has no components | {LIST}"),
        ("one = wep", "There is no component 'wep'; 'one' in [hosts] lists it | Did you mean 'web'?"),
        (
            "one = Web",
            "There is no component 'Web'; 'one' in [hosts] lists it | Components are named in lower case: 'web'.",
        ),
        ("one = web,,", "There is nothing between two commas at 'one' in [hosts] | Remove a comma."),
        ("one = ,web", "There is nothing between two commas at 'one' in [hosts] | Remove a comma."),
        ("one = web, web", f"The component 'web' is listed twice at 'one' in [hosts] | {TWICE}"),
        ("one = web:a, !web:a", f"The component 'web:a' is listed twice at 'one' in [hosts] | {TWICE}"),
        ("!!one = web", f"'!!one' is not the name of a host | {IGNORED}"),
        ("one! = web", f"'one!' {NO_NAME} | {IGNORED}"),
        ("! = web", f"'' {NO_NAME} | {IGNORED}"),
        ("-oProxy = web", f"'-oProxy' {NO_NAME}"),
        ("one[1-2] = web", "'one[1-2]' holds a range that is not written like [01..10]"),
        ("one[1..99999] = web", "'one[1..99999]' stands for 99999 names, more than 10000"),
    ],
)
def test_a_host_that_is_wrong_is_a_mistake(files: Any, line: str, mistake: str) -> None:
    assert files.mistakes(f"[hosts]\n{line}\n") == [f"environment.cfg:2: {mistake}"]


@pytest.mark.parametrize("item", ["web:", "!", "web !x", "we b", "web:!x"])
def test_an_item_that_is_no_component_is_a_mistake(files: Any, item: str) -> None:
    (mistake,) = files.mistakes(f"[hosts]\none =\n  web\n  {item}\n")
    assert mistake.startswith(f"environment.cfg:4: {item!r} at 'one' in [hosts] is not a component | Write `component`")


def test_a_host_that_two_ranges_name_is_a_mistake(files: Any) -> None:
    (mistake,) = files.mistakes("[hosts]\nweb[1..2] = web\nweb2 = web\n")
    assert mistake.startswith("environment.cfg:3: The host 'web2' is there twice: its components are listed in line 2")


def test_an_unknown_component_of_a_range_is_reported_once(files: Any) -> None:
    assert len(files.mistakes("[hosts]\nweb[1..9] = wep\n")) == 1


def test_a_component_that_is_named_like_its_directory_gets_its_name_told(files: Any) -> None:
    files.component("backend", "class Postgres(Component):\n    pass\n")
    (mistake,) = files.mistakes("[hosts]\none = backend\n")
    assert mistake.endswith(" | Components are named by their class; components/backend/component.py has: postgres.")


@pytest.mark.parametrize("attribute", ["configure", "verify", "map", "url"])
def test_a_method_cannot_be_overridden(files: Any, attribute: str) -> None:
    (mistake,) = files.mistakes(f"[hosts]\none = web\n[component:web]\n{attribute} = 1\n")
    assert mistake.startswith(
        f"environment.cfg:4: {attribute!r} is a method of the component 'web' and cannot be overridden"
    )


@pytest.mark.parametrize("attribute", ["namevar", "workdir", "parent", "_root", "__doc__"])
def test_what_belongs_to_depl_cannot_be_overridden(files: Any, attribute: str) -> None:
    (mistake,) = files.mistakes(f"[hosts]\none = web\n[component:web]\n{attribute} = 1\n")
    assert mistake.startswith(f"environment.cfg:4: {attribute!r} of the component 'web' belongs to depl")


def test_an_override_for_a_component_that_the_host_does_not_have_is_a_mistake(files: Any) -> None:
    files.component("other", OTHER)
    assert files.mistakes("[hosts]\none = web\n[host:one]\ndb.size = 1\n") == [
        (
            "environment.cfg:4: 'db.size' in [host:one] has no effect: the host 'one' does not have the component 'db'"
            " | Known are: web."
        )
    ]


def test_groups_that_disagree_are_a_mistake_unless_the_host_has_its_own_word(files: Any) -> None:
    text = (
        "[hosts]\none = web\n[group:g]\nhosts = one\nweb.port = 1\ndata-x = 1\n"
        "[group:h]\nhosts = one\nweb.port = 2\ndata-x = 2\n"
    )
    assert files.mistakes(text) == [
        (
            "environment.cfg:9: The groups of host 'one' disagree on web.port: [group:g] in line 5 says otherwise"
            " | Give the host its own word: web.port in [host:one]."
        ),
        (
            "environment.cfg:10: The groups of host 'one' disagree on data-x: another one says '1'"
            " | Give the host its own word: data-x in [host:one]."
        ),
    ]
    assert files.mistakes(text + "[host:one]\nweb.port = 3\ndata-x = 3\n") == []


def test_one_root_for_two_hosts_in_one_directory_is_a_mistake(files: Any) -> None:
    text = "[hosts]\none = web\ntwo = web\n[host:two]\naddress = one\n"
    (mistake,) = files.mistakes(text)
    assert mistake == (
        "environment.cfg:3: The component 'web' is on the hosts 'one' and 'two', which are the same machine with the "
        "same target directory, ~/deployment | Give one of them another target_directory in [host:two]."
    )
    assert files.mistakes(text + "target_directory = /x\n") == []


def test_provisioners_are_ignored_with_one_warning(files: Any) -> None:
    environment = files.load(
        "[hosts]\none = web\n[provisioner:default]\nmethod = fc\nhost = x\n[host:two]\ncomponents = web\n"
        "provisioner = none\nprovision-dynamic-hostname = True\n"
    )
    assert environment.mistakes == []
    assert [str(warning) for warning in environment.warnings] == [
        (
            "depl does not provision machines, so this is ignored: [provisioner:default] (line 3), "
            "provisioner in [host:two] (line 8), provision-dynamic-hostname in [host:two] (line 9)"
        )
    ]
    assert (Path(environment.warnings[0].file or "").name, environment.warnings[0].line) == ("environment.cfg", 3)


def test_all_mistakes_are_reported_together(files: Any) -> None:
    files.component("broken", "class Broken(Component):\n    x = = 1\n")
    files.write("depl.cfg", "[nope]\n")
    mistakes = files.mistakes("[environment]\njobs = x\n[hosts]\none = nope\n[component:web]\nnope = 1\n[nope]\n")
    assert [mistake.split(": ")[0] for mistake in mistakes] == [
        "component.py:5",
        "depl.cfg:1",
        "environment.cfg:2",
        "environment.cfg:4",
        "environment.cfg:6",
        "environment.cfg:7",
    ]


def test_components_of_a_file_that_does_not_load_are_not_reported_as_unknown(files: Any) -> None:
    files.component("broken", "class Broken(Component):\n    oops oops\n")
    mistakes = files.mistakes("[hosts]\none = broken\n[component:broken]\nx = 1\n")
    assert [mistake.split(":")[0] for mistake in mistakes] == ["component.py"]


def test_an_environment_can_be_made_without_files(tmp_path: Path) -> None:
    environment = Environment("test", str(tmp_path))
    host = environment.add_host(Host("localhost"))
    assert (environment.get_host("localhost"), host.fqdn, host.platform) == (host, "localhost", None)
    assert environment.workdir_base == str(tmp_path / "work")


def test_a_large_environment_is_read_whole(files: Any) -> None:
    files.component("many", "\n".join(f"class C{n}(Component):\n    x = 1\n" for n in range(10)))
    components = ", ".join(f"c{n}" for n in range(10))
    environment = files.load(f"[hosts]\nh[001..200] = {components}\n[group:all]\nhosts = h[001..200]\nc1.x = 2\n")
    assert (len(environment.roots), environment.mistakes) == (2000, [])


def test_hosts_that_are_realised_here_share_a_directory(files: Any) -> None:
    text = "[environment]\nconnect_method = local\n[hosts]\none = web\ntwo = {}web\n"
    (mistake,) = files.mistakes(text.format(""))
    assert mistake.startswith("environment.cfg:5: The component 'web' is on the hosts 'one' and 'two'")
    assert files.mistakes(text.format("!")) == []
