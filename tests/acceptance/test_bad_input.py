"""Whatever is wrong is told in sentences: place, cause and next step; the exit status says how bad it is."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

ENVIRONMENT = "[environment]\nconnect_method = local\n[hosts]\nlocalhost = app\n"
APP = """
class App(Component):
    number = 1
    flag: bool = False

    def configure(self):
        self += File("x", content="x")
"""


@pytest.mark.parametrize(
    ("text", "told"),
    {
        "unknown key": (
            "[environment]\ntimeot = 3\n[hosts]\nlocalhost = app\n",
            ["dev.cfg:2", "'timeot'", "'timeout'"],
        ),
        "unknown key of a host": (
            "[host:localhost]\ncomponents = app\nadress = x\n",
            ["dev.cfg:3", "'adress'", "[host:localhost]", "'address'"],
        ),
        "unknown section": (f"{ENVIRONMENT}[resolvr]\n", ["dev.cfg:5", "[resolvr]", "'resolver'"]),
        "unknown component": ("[hosts]\nlocalhost = ap\n", ["dev.cfg:2", "'ap'", "'app'"]),
        "overrides of an unknown component": (f"{ENVIRONMENT}[component:ap]\n", ["dev.cfg:5", "'ap'", "'app'"]),
        "unknown host": (
            f"{ENVIRONMENT}[group:all]\nhosts = locahost\ncomponents = app\n",
            ["dev.cfg:6", "'locahost'", "'localhost'"],
        ),
        "unknown attribute": (f"{ENVIRONMENT}[component:app]\nnumbr = 2\n", ["dev.cfg:6", "'numbr'", "'number'"]),
        "unknown attribute of one host": (
            f"{ENVIRONMENT}[host:localhost]\napp.numbr = 2\n",
            ["dev.cfg:6", "'numbr'", "'number'"],
        ),
        "a key twice": (f"{ENVIRONMENT}localhost = app\n", ["dev.cfg:5", "'localhost'", "line 4", "Remove"]),
        "a section twice": (f"{ENVIRONMENT}[hosts]\n", ["dev.cfg:5", "[hosts]", "line 3", "Join"]),
        "a component twice": ("[hosts]\nlocalhost = app, app\n", ["dev.cfg:2", "'app'", "'localhost'"]),
        "a wrong type": (
            "[environment]\njobs = many\n[hosts]\nlocalhost = app\n",
            ["dev.cfg:2", "'many'", "whole number"],
        ),
        "a wrong word": (
            "[environment]\nconnect_method = shh\n[hosts]\nlocalhost = app\n",
            ["dev.cfg:2", "'shh'", "ssh, local"],
        ),
        "a wrong type of an override": (
            f"{ENVIRONMENT}[component:app]\nflag = perhaps\n",
            ["dev.cfg:6", "'flag'", "'perhaps'", "true or false", "[component:app]"],
        ),
        "no key": (f"{ENVIRONMENT}nonsense\n", ["dev.cfg:5", "'nonsense'", "key = value"]),
        "no section": ("localhost = app\n[hosts]\nlocalhost = app\n", ["dev.cfg:1", "'localhost = app'", "section"]),
        "no hosts": ("", ["dev.cfg", "no hosts", "[hosts]"]),
    }.values(),
)
def test_a_mistake_in_an_environment_is_told_with_its_line_and_the_next_step(text, told, service):
    service.component(APP)
    service.environment(text)
    is_complete(service.mistakes(), told)
    assert service.local(status=1).err == service.mistakes()
    assert not service.work.exists()


def test_an_environment_that_is_no_text_is_told_with_its_line(service):
    service.component(APP)
    service.write("environments/dev.cfg", b"[hosts]\nlocalhost = \xff\n")
    is_complete(service.mistakes(), ["dev.cfg:2", "UTF-8"])


def test_project_settings_that_nobody_knows_are_told(service):
    service.component(APP)
    service.write("depl.cfg", "[depl]\nstor = x\n")
    is_complete(service.mistakes(), ["depl.cfg:2", "'stor'", "'store'"])


@pytest.mark.parametrize(
    ("body", "told"),
    {
        "does not compile": ("def configure(self:\n        pass", ["(self:", "not valid Python"]),
        "import": ("import no_such_module", ["no_such_module", "'no_such_module' is not installed", "requirements"]),
        "import of a name": ("from depl.lib.file import Fiel", ["Fiel", "'Fiel'", "'File'"]),
        "raises when it is loaded": ("x = {}['nothing']", ["nothing", "KeyError", "--verbose"]),
    }.values(),
)
def test_a_component_file_that_does_not_load_is_told_and_the_rest_is_still_checked(body, told, service, line_of):
    path = service.component(f"class App(Component):\n    {body}\n")
    service.component("class Other(Component):\n    def configure(self):\n        self.require('nowhere')\n", "other")
    service.hosts("localhost = app, other\n[component:other]\nx = 1")
    text, *words = told
    found = service.mistakes()
    is_complete(found, [f"line {line_of(path, text)}: ", "components/app/component.py", *words, "'nowhere'", "'x'"])
    assert "There is no component 'app'" not in found


@pytest.mark.parametrize(
    ("line", "told"),
    {
        "missing source": ("self += File('x', source='missing')", ["components/app/missing", "does not exist"]),
        "undefined in a text": ("self += File('x', content='{{component.numbr}}')", ["'numbr'", "'number'"]),
        "a text that is no template": ("self += File('x', content='{% if %}')", ["'{% if %}'", "does not compile"]),
        "an exception": ("{}['nothing']", ["KeyError: 'nothing'", "--verbose"]),
        "an unknown argument": ("self += File('x', contnt='')", ["'contnt'", "'content'"]),
        "no component": ("self += 'text'", ["'text'", "not a component"]),
        "an unknown host": ("self.require('x', host='locahost', strict=False)", ["'locahost'", "localhost"]),
        "a verb": ("self.system.remove('/x')", ["system.remove", "update()"]),
    }.values(),
)
def test_what_configure_does_wrong_is_told_with_its_line(line, told, service, line_of):
    path = service.component(f"class App(Component):\n    number = 1\n\n    def configure(self):\n        {line}\n")
    place = f"components/app/component.py:{line_of(path, line)}"
    is_complete(service.mistakes(), [place, "app", "on localhost", *told])
    assert not service.work.exists()


def test_where_configure_raised_is_shown_to_those_who_ask(service):
    path = service.component("class App(Component):\n    def configure(self):\n        {}['nothing']\n")
    running = service.start("check", "dev", "--verbose")
    _, err = running.communicate(timeout=60)
    assert running.returncode == 1
    assert f'File "{path}", line 8, in configure' in err


def test_an_undefined_name_in_a_template_is_told_with_the_line_of_the_template(service):
    service.component("class App(Component):\n    def configure(self):\n        self += File('motd')\n")
    service.write("components/app/motd", "Welcome\nto {{hots.name}}\n")
    is_complete(service.mistakes(), ["components/app/motd:2", "'hots'", "'host'"])


def test_a_root_that_needs_an_argument_is_told_with_its_class(service, line_of):
    path = service.component("class App(Component):\n    namevar = 'path'\n")
    place = f"components/app/component.py:{line_of(path, 'class App')}"
    is_complete(service.mistakes(), [place, "App needs its 'path'", "without arguments"])


def test_two_components_that_want_one_path_are_both_named(service, line_of):
    path = service.component(
        """
        class App(Component):
            def configure(self):
                self += File("x", content="one")
                self += File("x", content="two")
        """
    )
    first, second = line_of(path, '"one"'), line_of(path, '"two"')
    is_complete(service.mistakes(), [f"component.py:{first}", f"component.py:{second}", "work/app/x"])


def test_two_roots_that_want_one_path_are_both_named(service, tmp_path):
    text = f"class Name(Component):\n    def configure(self):\n        self += File('{tmp_path}/x', content='Name')\n"
    for name in ("One", "Two"):
        service.component(text.replace("Name", name), name.lower())
    service.hosts("localhost = one, two")
    is_complete(service.mistakes(), ["components/one/component.py:", "components/two/component.py:", f"{tmp_path}/x"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["local", "dev", "localhots"], ["'localhots'", "'localhost'"]),
        (["local", "dev", "--component", "ap"], ["'ap'", "'app'"]),
        (["local", "dve"], ["'dve'", "dev"]),
        (["undo", "dev", "no-such-rollout"], ["no-such-rollout"]),
    ],
)
def test_a_name_on_the_command_line_that_nothing_has_is_told(arguments, told, service):
    service.component(APP)
    service.local()
    done = service.depl(*arguments)
    assert done.status == 1, done
    for word in told:
        assert word in done.err
    assert done.err.startswith("error: ")


# What happens on the way.

STEP = """
class Step(Component):
    namevar = "name"
    command = "true"
    limit = None

    def verify(self):
        self.assert_file_is_current("done")

    def update(self):
        self.cmd(self.command, expand=False, timeout=self.limit)
        self.cmd("touch done")


"""


def step(service, arguments):
    """Let `app` make a file and then run a command."""
    text = "class App(Component):\n    def configure(self):\n"
    text += f"        self += File('before', content='x')\n        self += Step('step', {arguments})\n"
    return service.component(STEP + text)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("command='echo oh no; exit 7'", ["`echo oh no; exit 7` exited with status 7"]),
        ("command='kill -9 $$'", ["`kill -9 $$` exited with status -9"]),
        ("command='no-such-command'", ["`no-such-command` exited with status 127"]),
        ("command=['no-such-command', 'x']", ["`no-such-command x` cannot be started", "No such file"]),
        ("command='sleep 60 & sleep 60', limit=0.2", ["`sleep 60 & sleep 60` took longer than its timeout of 0.2 s"]),
    ],
)
def test_a_command_that_fails_is_told_with_its_line_and_everything_is_put_back(arguments, told, service, line_of):
    path = step(service, arguments)
    done = service.local(status=3)
    for word in [*told, "app/Step(step)", f"components/app/component.py:{line_of(path, 'self.cmd(self.command')}"]:
        assert word in done.err
    assert "is as it was before" in done.out
    assert not service.work.exists()


def test_what_a_command_printed_before_it_failed_is_shown(service):
    step(service, "command='echo oh no; exit 7'")
    assert "oh no" in service.local(status=3).out
    assert "oh no" in service.local("--quiet", status=3).err


def test_a_megabyte_of_output_comes_through_line_by_line(service):
    step(service, r"command='yes 0123456789abcdef | head -n 60000'")
    done = service.local()
    assert done.out.count("| 0123456789abcdef") == 60000


def test_a_megabyte_without_an_end_of_line_comes_through(service):
    step(service, r"command='head -c 1000000 /dev/zero | tr \"\\0\" x'")
    done = service.local()
    assert "nothing to do" not in done.out
    assert (service.work / "app/done").exists()


def test_of_a_megabyte_before_a_failure_the_last_lines_are_in_the_error(service):
    step(service, "command='seq 100000; exit 1'")
    told = service.local("--quiet", status=3).err
    assert "\n  100000\n" in told
    assert len(told.splitlines()) < 70


def test_bytes_that_are_no_text_do_no_harm(service):
    step(service, r"command='printf \"a\\377\\033[31mb\\n\"; exit 1'")
    out = service.local(status=3).out
    assert "a\ufffd" in out
    assert "\033" not in out


def test_a_full_disk_is_told_and_everything_is_put_back(service, small_disk):
    service.component(
        f"""
        class App(Component):
            def configure(self):
                self += File("{small_disk}/small", content="x")
                self += File("{small_disk}/large", content="x" * 1000000)
        """
    )
    done = service.local(status=3)
    for word in (f"{small_disk}/large", "No space left", "app/File", "hint: "):
        assert word in done.err, done.err
    assert list(small_disk.iterdir()) == []


def test_a_read_only_target_is_told_and_everything_is_put_back(service, small_disk):
    (small_disk / "x").write_text("old")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    text = "class App(Component):\n    def configure(self):\n        self += File('before', content='x')\n"
    service.component(f"{text}        self += File('{small_disk}/x', content='new')\n")
    done = service.local(status=3)
    for word in (f"{small_disk}/x", "Read-only", "app/File", "hint: "):
        assert word in done.err, done.err
    assert (small_disk / "x").read_text() == "old"
    assert not service.work.exists()


@pytest.mark.parametrize("path", ["file/x", "missing/x", "directory"])
def test_a_path_that_cannot_be_made_is_told_and_everything_is_put_back(path, service, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "directory").mkdir()
    text = "class App(Component):\n    def configure(self):\n        self += File('before', content='x')\n"
    service.component(f"{text}        self += File('{tmp_path}/{path}', content='x')\n")
    is_complete(service.local(status=3).err, [f"{tmp_path}/{path}", "app/File"])
    assert not service.work.exists()


def test_a_target_that_must_not_be_written_is_told(service):
    path = "/proc/sys/kernel/no_such_file"  # where even root may make nothing
    service.component(f"class App(Component):\n    def configure(self):\n        self += File('{path}', content='x')\n")
    done = service.local(status=3)
    for word in (path, "app/File", "hint: "):
        assert word in done.err, done.err
    assert not service.work.exists()


KILLED = """
class Slow(Component):
    seconds = "60"

    def verify(self):
        self.assert_file_is_current("slow")

    def update(self):
        self.cmd("echo $$ > started; sleep {{component.seconds}}; rm started; touch slow")


class App(Component):
    seconds = "60"

    def configure(self):
        self += File("there", content="new")
        self += File("made", content="new")
        self += Slow(seconds=self.seconds)
"""


@pytest.fixture
def killed(service):
    """A project whose first run was killed with its first files written and its command at work."""
    service.component(KILLED)
    service.write("work/app/there", "old")
    service.killed(service.work / "app/started", "local", "dev")
    assert (service.work / "app/there").read_text() == "new"
    process = int((service.work / "app/started").read_text())
    yield service
    os.killpg(os.getpgid(process), signal.SIGKILL)


def test_a_run_that_was_killed_can_be_undone(killed):
    done = killed.depl("undo", "dev")
    assert done.status == 0, done
    assert (killed.work / "app/there").read_text() == "old"
    assert not (killed.work / "app/made").exists()
    assert "echo $$ > started" in done.out  # what cannot be known is named


def test_a_run_that_was_killed_can_be_gone_over_by_a_new_one(killed):
    killed.overrides("seconds = 0")
    killed.local()
    assert sorted(path.name for path in (killed.work / "app").iterdir()) == ["made", "slow", "there"]
    assert "nothing to do" in killed.local().out


def test_a_new_run_after_a_kill_can_be_undone_to_what_was_before_both(killed):
    killed.overrides("seconds = 0")
    killed.local()
    killed.depl("undo", "dev")
    assert (killed.work / "app/there").read_text() == "old"
    assert not (killed.work / "app/made").exists()


def is_complete(told, words):
    """Whether a message has these words, and a next step."""
    for word in [*words, "hint: "]:
        assert word in told, told
