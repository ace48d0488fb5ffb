from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from depl import ini
from depl.errors import ConfigurationError, ConversionError, DeplError
from depl.project import ProjectSettings
from depl.settings import EnvironmentSettings, convert_section, find_project


def settings(text: str) -> tuple[EnvironmentSettings, list[DeplError]]:
    mistakes: list[DeplError] = []
    parsed = ini.parse(f"[environment]\n{text}\n", "x.cfg")
    return convert_section(EnvironmentSettings, parsed.entries("environment"), "environment", mistakes), mistakes


def test_what_is_not_set_has_its_default() -> None:
    found, mistakes = settings("")
    assert mistakes == []
    assert (found.connect_method, found.update_method, found.target_directory) == ("ssh", "snapshot", "~/deployment")
    assert (found.jobs, found.on_failure, found.reversibility, found.durability) == (20, "rollback", "allow", "full")
    assert (found.keep_rollouts, found.keep_days, found.change_limit) == (10, 30, 256 * 1024 * 1024)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("connect_method = local", "local"),
        ("connect_method = vagrant", "vagrant"),
        ("connect_method = kitchen", "kitchen"),
        ("update_method = rsync", "snapshot"),
        ("update_method = rsync-ext", "snapshot"),
        ("update_method = git-bundle", "git-bundle"),
        ("branch = main", "main"),
        ("branch =", None),
        ("require_sudo = False", False),
        ("require_sudo = yes", True),
        ("host_domain = .example.com", "example.com"),
        ("timeout = 5", 5),
        ("command_timeout = 1.5 min", 90),
        ("soak = 2.5", 2.5),
        ("soak = 2 h", 7200),
        ("jobs = 4", 4),
        ("require_v4 = optional", "optional"),
        ("require_v6 = True", True),
        ("confirm = on", True),
        ("stages = one, half\n  all", ("one", "half", "all")),
        ("stages = 1, 10%, web*", ("1", "10%", "web*")),
        ("max_failures = 2", 2),
        ("max_failures = 10%", "10%"),
        ("gate = approval", "approval"),
        ("on_interrupt = resume", "resume"),
        ("change_limit = 64 KiB", 65536),
        ("change_limit = 1G", 1 << 30),
        ("durability = journal", "journal"),
    ],
)
def test_a_setting_is_converted(line: str, value: object) -> None:
    found, mistakes = settings(line)
    assert (getattr(found, line.partition(" ")[0]), mistakes) == (value, [])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("connect_method = telnet", "'telnet' in [environment] is not ssh, local, vagrant or kitchen"),
        ("require_sudo = perhaps", "'perhaps' in [environment] is not True or False"),
        ("require_v4 = perhaps", "'perhaps' in [environment] is not True, False or optional"),
        ("timeout = soon", "'soon' in [environment] is not a number of seconds, such as 30, 5 min or 2 h"),
        ("jobs = 0", "'0' in [environment] is not a whole number of 1 or more"),
        ("jobs =", "'' in [environment] is not a whole number of 1 or more"),
        ("keep_days = -1", "'-1' in [environment] is not a whole number of 0 or more"),
        ("max_failures = 120%", "is not a number of hosts or a percentage, such as 2 or 10%"),
        ("stages = one, 0", "is not a list of one, half, all, counts, percentages or hosts"),
        ("stages =", "is not a list with at least one item"),
        ("gate = closed", "'closed' in [environment] is not approval"),
        ("change_limit = big", "'big' in [environment] is not a size, such as 4096, 64 KiB or 256 MiB"),
    ],
)
def test_a_wrong_value_is_a_mistake_that_says_what_was_expected(line: str, message: str) -> None:
    found, mistakes = settings(line)
    assert [(type(m), m.file, m.line) for m in mistakes] == [(ConversionError, "x.cfg", 2)]
    assert str(mistakes[0]).endswith(message)
    assert found == EnvironmentSettings()


def test_an_unknown_key_is_a_mistake_with_close_matches() -> None:
    _, mistakes = settings("jobs = 2\nservice_usr = me")
    assert [(str(m), m.line, m.hint) for m in mistakes] == [
        ("The key 'service_usr' in [environment] is not known", 3, "Did you mean 'service_user'?")
    ]


def test_all_mistakes_are_collected() -> None:
    _, mistakes = settings("jobs = x\nsoak = y\nz = 1")
    assert [m.line for m in mistakes] == [2, 3, 4]


def test_every_setting_has_a_conversion() -> None:
    assert all("convert" in item.metadata for item in fields(EnvironmentSettings))


def project(tmp_path: Path, text: str, **environ: str) -> ProjectSettings:
    (tmp_path / "depl.cfg").write_text(text)
    return ProjectSettings.load(str(tmp_path), environ)


def test_a_project_without_settings_is_named_after_its_directory(tmp_path: Path) -> None:
    found = ProjectSettings.load(str(tmp_path), {})
    assert (found.name, found.depl.store, found.web.port) == (tmp_path.name, "sqlite:///.depl/depl.sqlite", 5000)
    assert found.mistakes == []


def test_a_project_has_typed_settings(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        "[depl]\nname = shop\n[web]\nport = 80\ndebug = True\n[notify]\ntargets =\n  mail a@b\n  command c, d\n",
    )
    assert (found.name, found.web.port, found.web.debug, found.notify.targets) == (
        ("shop", 80, True, ("mail a@b", "command c, d"))
    )


def test_a_target_of_notices_that_nobody_knows_is_a_mistake_and_is_not_repeated(tmp_path: Path) -> None:
    found = project(tmp_path, "[notify]\ntargets =\n  mail a@b\n  slack https://hooks/secret\non = end, gat\n")
    assert [(str(mistake), mistake.line) for mistake in found.mistakes] == [
        ("on = 'end, gat' in [notify] is not a list of end, failure, gate or blocked", 5),
        ("This target in [notify] is not known", 4),
    ]


def test_the_process_environment_comes_before_the_file(tmp_path: Path) -> None:
    found = project(tmp_path, "[web]\nport = 80\n", DEPL_WEB_PORT="81", DEPL_DEPL_NAME="shop", DEPL_NOTIFY_TARGETS="")
    assert (found.web.port, found.name, found.notify.targets, found.mistakes) == (81, "shop", (), [])


def test_a_wrong_or_unknown_variable_is_a_mistake(tmp_path: Path) -> None:
    found = project(tmp_path, "", DEPL_WEB_PORT="many", DEPL_WEB_ADRESS="::1", DEPL_DEBUG="1")
    assert [(str(m), m.hint) for m in found.mistakes] == [
        ("The environment variable DEPL_WEB_ADRESS is not known", "Did you mean 'DEPL_WEB_ADDRESS'?"),
        ("The environment variable DEPL_WEB_PORT='many' is not a whole number from 0 to 65535", ""),
    ]


def test_an_unknown_section_of_a_project_is_a_mistake(tmp_path: Path) -> None:
    found = project(tmp_path, "[wbe]\nport = 80\n")
    assert [(str(m), m.line, m.hint) for m in found.mistakes] == [
        ("The section [wbe] is not known", 1, "Did you mean 'web'?")
    ]


def test_a_store_that_is_no_database_is_a_mistake(tmp_path: Path) -> None:
    found = project(tmp_path, "[depl]\nstore = mysql://x\n")
    assert [str(m) for m in found.mistakes] == [
        "store = 'mysql://x' in [depl] is not sqlite:///PATH or postgresql://..."
    ]


def test_a_project_that_wants_another_version_is_a_mistake(tmp_path: Path) -> None:
    found = project(tmp_path, "[depl]\nrequires = >=999.1\n")
    assert [(m.line, str(m).partition(",")[0]) for m in found.mistakes] == [(2, "The project wants depl >=999.1")]


def test_a_project_that_wants_this_version_is_content(tmp_path: Path) -> None:
    assert project(tmp_path, "[depl]\nrequires = >=0.0.1, <999\n").mistakes == []


def test_requires_must_be_versions(tmp_path: Path) -> None:
    found = project(tmp_path, "[depl]\nrequires = newest\n")
    assert [str(m) for m in found.mistakes] == ["requires = 'newest' in [depl] is not versions, such as `>=1.2, <2`"]


@pytest.mark.parametrize("mark", ["depl.cfg", "environments/dev.cfg"])
def test_the_project_is_the_nearest_directory_upwards(tmp_path: Path, mark: str) -> None:
    (tmp_path / mark).parent.mkdir(exist_ok=True)
    (tmp_path / mark).touch()
    (tmp_path / "components" / "web").mkdir(parents=True)
    assert find_project(str(tmp_path / "components" / "web")) == str(tmp_path)


def test_where_there_is_no_project_the_next_step_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^There is no project in .* or above it$") as caught:
        find_project(str(tmp_path))
    assert "depl init" in caught.value.hint
