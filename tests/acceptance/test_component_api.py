"""What component authors rely on, on real projects and by the command line: running a host."""

from __future__ import annotations

import grp
import gzip
import os
import pwd
import signal

import pytest

HELLO = """
class App(Component):
    def configure(self):
        self += File("hello", content="Hello!\\n")
"""
RECORDING = '''
class Step(Component):
    """Notes what happens to it beside the work directory."""

    namevar = "name"
    current = False
    always = False

    def note(self, what):
        with open(self.environment.base_dir + "/notes", "a") as notes:
            notes.write(f"{what} {self.name}\\n")

    def verify(self):
        self.note("verify")
        if not self.current:
            self.assert_file_is_current(self.name)

    def update(self):
        self.note("update")
        self.cmd("touch " + self.name)
'''


@pytest.fixture
def notes(service):
    """What the steps noted since it was asked for last."""

    def notes():
        path = service.base / "notes"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    return notes


def test_a_first_run_deploys_and_a_second_one_touches_nothing(service):
    service.component(HELLO)
    service.local()
    assert (service.work / "app/hello").read_text() == "Hello!\n"
    before = service.tree()
    assert service.local().out.startswith("dev/localhost: nothing to do")
    assert service.tree() == before


def test_children_come_in_order_of_addition_and_before_their_parent(service, notes):
    service.component(
        RECORDING
        + """
class Parent(Step):
    def configure(self):
        self += Step("first")
        self += Step("second")


class App(Component):
    def configure(self):
        self += Parent("parent")
        self += Step("last")
"""
    )
    service.local()
    assert notes() == [
        f"{what} {name}" for name in ("first", "second", "parent", "last") for what in ("verify", "update")
    ]


def test_a_parent_that_asks_for_it_is_updated_just_when_a_child_was(service, notes):
    service.component(
        RECORDING
        + """
class App(Component):
    version = 1
    name = "app"
    note = Step.note

    def configure(self):
        self += File("child", content=str(self.version))
        self += Step("other", current=True)

    def verify(self):
        self.assert_no_subcomponent_changes()

    def update(self):
        self.note("update")
"""
    )
    service.local()
    assert notes() == ["verify other", "update app"]
    service.local()
    assert notes() == ["verify other"]
    service.overrides("version = 2")
    service.local()
    assert notes() == ["verify other", "update app"]


@pytest.mark.parametrize("look", ["raise UpdateNeeded('old')", "assert False, 'old'", "raise AssertionError('old')"])
def test_an_assertion_of_verify_asks_for_one_update(look, service, notes):
    service.component(
        RECORDING
        + f"""
class App(Step):
    namevar = None
    name = "app"

    def verify(self):
        {look}
"""
    )
    done = service.local()
    assert notes() == ["update app"]
    assert "old" in done.out


def test_any_other_exception_of_verify_fails_the_run_by_name(service, line_of):
    path = service.component(
        """
class Broken(Component):
    namevar = "name"

    def verify(self):
        {}["nothing"]


class App(Component):
    def configure(self):
        self += File("before", content="x")
        self += Broken("one")
"""
    )
    done = service.local(status=3)
    assert "KeyError: 'nothing'" in done.err
    assert "app/Broken(one)" in done.err
    assert "localhost" in done.out + done.err
    assert f"components/app/component.py:{line_of(path, 'nothing')}" in done.err
    assert "everything is as it was before" in done.out
    assert not service.work.exists()


DEPENDENT = """
class Dependent(Component):
    def verify(self):
        with open("first") as first:
            assert first.read() == "second"

    def update(self):
        self.cmd("cp first second")


class App(Component):
    content = "one\\n"

    def configure(self):
        self += File("first", content=self.content)
        self += Dependent()
"""


def test_a_plan_shows_what_a_run_would_do_and_leaves_no_trace(service):
    service.component(DEPENDENT)
    planned = service.local("--plan", "--verbose")
    assert not service.work.exists()
    assert not (service.base / ".depl").exists()
    done = service.local("--verbose")
    for told in ("app/File(first): there is nothing, not a file", "work/app/first (4 B, 0644", "+one", "app/Dependent"):
        assert told in planned.out, told
        assert told in done.out, told


def test_a_plan_goes_on_where_a_look_needs_what_is_not_there_yet(service):
    service.component(DEPENDENT)
    assert "depends on app/File(first)" in service.local("--plan").out


def test_a_plan_shows_the_difference_that_the_run_then_makes(service):
    service.component(DEPENDENT.replace("self += Dependent()", ""))
    service.local()
    service.overrides("content = two")
    before = service.tree()
    planned = service.local("--plan").out
    assert service.tree() == before
    done = service.local().out
    for text in ("-one\n", "+two"):
        assert text in planned
        assert text in done


@pytest.mark.parametrize("name", ["dve", "dve.cfg", "", "../dev"])
def test_an_unknown_environment_is_named_with_the_known_ones(name, service):
    service.component(HELLO)
    for command in ("local", "check"):
        done = service.depl(command, name)
        assert done.status == 1
        assert "There is no environment" in done.err
        assert "dev" in done.err


def test_an_environment_may_be_named_by_its_file(service):
    service.component(HELLO)
    assert service.depl("local", "dev.cfg").status == 0
    assert service.depl("undo", "dev.cfg").status == 0


def test_what_configure_logs_appears_once(service):
    service.hosts("localhost = app, other")
    service.component(
        """
class App(Component):
    def configure(self):
        self.log("%s found", len(self.require("key")))


class Other(Component):
    def configure(self):
        self.provide("key", 1)
"""
    )
    out = service.local().out
    assert out.count("1 found") == 1
    assert "0 found" not in out


PLATFORM = """
class App(Component):
    def configure(self):
        self += File("base", content="x")


@platform("special", App)
class Special(Component):
    def configure(self):
        self += File("special", content="x")
"""


def changed(out):
    """The files that a run made, in order."""
    lines = [line.split() for line in out.splitlines()]
    return [words[1].rsplit("/", 1)[1] for words in lines if words[:1] == ["new"] and "/" in words[1]]


def test_the_platform_of_a_host_counts_before_that_of_the_environment(service):
    service.component(PLATFORM)
    service.environment(
        """\
        [environment]
        connect_method = local
        platform = other
        [host:localhost]
        components = app
        platform = special
        """
    )
    assert [name for name in changed(service.local().out) if name != "app"] == ["base", "special"]


def test_the_platform_can_be_switched_off(service):
    service.component(PLATFORM)
    service.environment("[environment]\nconnect_method = local\nplatform = special\n[hosts]\nlocalhost = app\n")
    service.local("--platform", "")
    assert [path.name for path in sorted(service.work.rglob("*")) if path.is_file()] == ["base"]
    service.local()
    assert (service.work / "app/special").exists()


HANDLER = """
class Handling(Component):
    @handle_event("before-update", "precursor")
    def stop(self, component):
        with open(self.environment.base_dir + "/notes", "a") as notes:
            notes.write("stop for " + component.path.rsplit("/", 1)[1] + "\\n")


class App(Component):
    early = "1"
    late = "1"

    def configure(self):
        self += File("early", content=self.early)
        self += Handling()
        self += File("late", content=self.late)
"""


def test_a_precursor_handler_is_called_for_earlier_siblings_only(service, notes):
    service.component(HANDLER)
    service.local("--plan")
    assert notes() == []
    service.local()
    assert notes() == ["stop for early"]
    service.overrides("late = 2")
    service.local()
    assert notes() == []
    service.overrides("late = 2\nearly = 2")
    service.local()
    assert notes() == ["stop for early"]


@pytest.mark.parametrize("mode", ["0o640", "'0640'", "'640'", "416", "'rw-r-----'"])
def test_a_mode_may_be_written_in_many_ways(mode, service):
    service.component(
        f"class App(Component):\n    def configure(self):\n        self += File('x', content='', mode={mode})\n"
    )
    service.local()
    assert (service.work / "app/x").stat().st_mode & 0o7777 == 0o640


def test_owner_and_group_are_given_by_name(service):
    owner, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    service.component(
        f"class App(Component):\n    def configure(self):\n"
        f"        self += File('x', content='', owner='{owner}', group='{group}')\n"
    )
    service.local()
    assert (service.work / "app/x").owner() == owner


def test_what_is_no_template_keeps_its_braces(service):
    service.component(
        "class App(Component):\n    def configure(self):\n"
        "        self += File('x', content='{{braces}}', is_template=False)\n"
    )
    service.local()
    assert (service.work / "app/x").read_text() == "{{braces}}"


def test_a_missing_source_is_a_mistake_of_the_model(service, line_of):
    path = service.component("class App(Component):\n    def configure(self):\n        self += File('missing.conf')\n")
    told = service.mistakes()
    assert f"components/app/component.py:{line_of(path, 'missing.conf')}" in told
    assert "missing.conf" in told


def test_empty_content_empties_a_file(service):
    service.component("class App(Component):\n    def configure(self):\n        self += File('x', content='')\n")
    service.write("work/app/x", "full\n")
    assert "-full" in service.local().out
    assert (service.work / "app/x").read_bytes() == b""


def test_a_second_run_at_the_same_time_is_refused_until_the_first_is_dead(service):
    service.component(
        """
class App(Component):
    wait = "sleep 60"

    def verify(self):
        self.assert_file_is_current("done")

    def update(self):
        self.cmd("echo $$ > started; {{component.wait}}; touch done")
"""
    )
    running = service.begun(service.work / "app/started", "local", "dev")
    refused = service.local(status=5)
    assert "at work on" in refused.err
    command = int((service.work / "app/started").read_text())
    running.kill()
    running.communicate()
    os.killpg(command, signal.SIGKILL)
    service.overrides("wait = true")
    service.local()
    assert (service.work / "app/done").exists()


COMPRESSED = """
class CompressedFile(Component):
    namevar = "path"
    content = ""
    level: int = 6

    def configure(self):
        self.path = self.map(self.path)
        self.raw = self.path + ".raw"
        self += File(self.raw, content=self.content)

    def verify(self):
        self.assert_file_is_current(self.path, [self.raw])

    def update(self):
        self.cmd("gzip -{{component.level}} -c {{component.raw}} > {{component.path}}")


class App(Component):
    content = "one\\n"

    def configure(self):
        self += CompressedFile("text.gz", content=self.content)
"""


def test_the_component_of_the_reference_is_deployed_left_alone_redone_and_undone(service):
    service.component(COMPRESSED)
    path = service.work / "app/text.gz"
    service.local()
    assert gzip.decompress(path.read_bytes()) == b"one\n"

    first = service.tree()
    assert "nothing to do" in service.local().out
    assert service.tree() == first

    service.overrides("content = two")
    service.local()
    assert gzip.decompress(path.read_bytes()) == b"two"

    assert service.depl("undo", "dev").status == 0
    assert gzip.decompress(path.read_bytes()) == b"one\n"
    assert (service.work / "app/text.gz.raw").read_text() == "one\n"
    assert service.depl("undo", "dev").status == 0
    assert not service.work.exists()
