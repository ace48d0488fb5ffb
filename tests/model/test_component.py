"""Components: constructors, trees, names, places, tools, assertions."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from depl.change.fake import FakeSystem
from depl.component import Attribute, Component, HookComponent, handle_event, platform
from depl.configure import Model
from depl.errors import ComponentUsageError, ConfigurationError, UpdateNeeded
from depl.facts import facts_of

Prepared = Callable[..., Any]


class Thing(Component):
    namevar = "path"
    path: str
    content = ""
    options = []  # noqa: RUF012

    def configure(self) -> None:
        self.path = self.map(self.path)

    def start(self) -> None: ...


class Plain(Component):
    colour = "red"


def here() -> int:
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None
    return frame.f_back.f_lineno


class TestConstructor:
    def test_the_first_argument_is_the_namevar(self) -> None:
        assert Thing("a").path == "a"

    def test_the_namevar_may_be_given_by_name(self) -> None:
        assert Thing(path="a").path == "a"

    def test_keywords_are_attributes(self) -> None:
        assert Thing("a", content="x").content == "x"

    def test_an_unknown_keyword_names_class_argument_close_matches_and_line(self) -> None:
        with pytest.raises(ComponentUsageError) as caught:
            Thing("a", contents="x")
        line = here() - 1
        assert caught.value.message == "Thing has no attribute 'contents'"
        assert "'content'" in caught.value.hint
        assert (caught.value.file, caught.value.line) == (__file__, line)

    def test_a_method_cannot_be_given(self) -> None:
        with pytest.raises(ComponentUsageError, match="'start' as an argument: it is a method"):
            Thing("a", start=1)

    def test_what_belongs_to_the_framework_cannot_be_given(self) -> None:
        with pytest.raises(ComponentUsageError, match="has no attribute 'parent'"):
            Thing("a", parent=1)

    def test_a_missing_namevar_is_an_error(self) -> None:
        with pytest.raises(ComponentUsageError, match="Thing needs its 'path' as first argument"):
            Thing()

    def test_a_superfluous_name_is_an_error(self) -> None:
        with pytest.raises(ComponentUsageError, match="Plain takes no unnamed argument, but was given 'a'"):
            Plain("a")

    def test_two_names_are_an_error(self) -> None:
        with pytest.raises(ComponentUsageError, match="takes one unnamed argument, 'path'"):
            Thing("a", "b")
        with pytest.raises(ComponentUsageError, match="takes one unnamed argument, 'path'"):
            Thing("a", path="b")

    def test_all_components_accept_reacts_to(self) -> None:
        other = Plain()
        assert Plain(reacts_to=[other]).reacts_to == [other]

    def test_mutable_defaults_are_not_shared(self) -> None:
        first, second = Thing("a"), Thing("b")
        first.options.append(1)
        assert (second.options, Thing.options) == ([], [])

    def test_an_attribute_that_is_set_on_the_class_later_is_known(self) -> None:
        class Late(Component):
            pass

        Late()
        Late.added = 1  # type: ignore[attr-defined]
        assert Late(added=2).added == 2  # type: ignore[attr-defined]

    def test_names_that_every_component_has_are_not_to_be_used(self) -> None:
        class Numbered(Component):
            id = 3  # type: ignore[assignment]

        with pytest.raises(
            ComponentUsageError, match=r"Numbered has an attribute 'id', which is a name that depl needs"
        ):
            Numbered()

    def test_what_is_captured_must_be_taken_back_by_something(self) -> None:
        class Half(Component):
            def capture(self) -> dict[str, str]:
                return {}

        class Whole(Half):
            def reverse(self, captured: dict[str, str]) -> None:
                pass

        assert Whole()
        with pytest.raises(ComponentUsageError, match=r"Half has a capture\(\), but no reverse\(\)"):
            Half()

    def test_a_property_with_a_setter_is_set_through_it(self) -> None:
        class Doubling(Component):
            @property
            def size(self) -> int:
                return self._size

            @size.setter
            def size(self, value: int) -> None:
                self._size = value * 2

        assert Doubling(size=2).size == 4

    def test_arguments_of_check_are_accepted_where_there_is_one(self) -> None:
        class Checked(Component):
            def check(self) -> None: ...

        assert Checked(retries=3).retries == 3
        with pytest.raises(ComponentUsageError):
            Plain(retries=3)


class TestTree:
    def test_sub_components_are_configured_at_once_in_order_of_addition(self, prepared: Prepared) -> None:
        class Web(Component):
            def configure(self) -> None:
                self += Thing("a")
                self.seen = self._.path
                self += Thing("b")

        web = prepared(Web)
        assert web.seen == os.path.join(web.workdir, "a")
        assert [child.id for child in web.sub_components] == ["web/Thing(a)", "web/Thing(b)"]
        assert web._ is web.sub_components[1]

    def test_none_is_accepted(self, prepared: Prepared) -> None:
        class Web(Component):
            def configure(self) -> None:
                self += None
                self |= None

        assert prepared(Web).sub_components == []

    def test_or_configures_without_adding(self, prepared: Prepared) -> None:
        class Web(Component):
            def configure(self) -> None:
                self |= Thing("a")

        web = prepared(Web)
        assert web.sub_components == []
        assert web._.path == os.path.join(web.workdir, "a")

    def test_equal_siblings_are_numbered(self, prepared: Prepared) -> None:
        class Web(Component):
            def configure(self) -> None:
                self += Thing("a")
                self += Thing("a")

        assert [child.id for child in prepared(Web).sub_components] == ["web/Thing(a)", "web/Thing(a)#2"]

    def test_a_name_in_the_workdir_is_shown_relative_to_it(self, prepared: Prepared) -> None:
        class Web(Component):
            def configure(self) -> None:
                self += Thing(os.path.join(self.workdir, "etc", "a"))
                self += Thing("/opt/a")

        assert [child.id for child in prepared(Web).sub_components] == ["web/Thing(etc/a)", "web/Thing(/opt/a)"]

    def test_what_is_not_a_component_cannot_be_added(self, prepared: Prepared) -> None:
        class Web(Component):
            def configure(self) -> None:
                self += "file"  # type: ignore[operator]

        with pytest.raises(ComponentUsageError, match="'file' is not a component"):
            prepared(Web)

    def test_a_component_cannot_contain_itself(self, prepared: Prepared) -> None:
        class Web(Component):
            def configure(self) -> None:
                self += self

        with pytest.raises(ComponentUsageError, match="cannot be added to itself"):
            prepared(Web)

    def test_a_component_is_configured_once_even_if_it_moves(self, prepared: Prepared) -> None:
        calls = []

        class Once(Component):
            def configure(self) -> None:
                calls.append(1)

        class Web(Component):
            def configure(self) -> None:
                self |= Once()
                self += self._

        web = prepared(Web)
        assert calls == [1]
        assert [child.id for child in web.sub_components] == ["web/Once"]

    def test_recursive_sub_components_come_before_what_they_contain(self, prepared: Prepared) -> None:
        class Pair(Component):
            namevar = "name"

            def configure(self) -> None:
                self += Thing("x")

        class Web(Component):
            def configure(self) -> None:
                self += Pair("1")
                self += Pair("2")

        found = [one.id for one in prepared(Web).recursive_sub_components]
        assert found == ["web/Pair(1)", "web/Pair(1)/Thing(x)", "web/Pair(2)", "web/Pair(2)/Thing(x)"]

    def test_a_component_knows_its_surroundings(self, prepared: Prepared, tmp_path: Path) -> None:
        class Web(Component):
            def configure(self) -> None:
                self += Thing("a")

        web = prepared(Web)
        child = web.sub_components[0]
        assert (child.parent, child.root, child.host.name) == (web, web.root, "localhost")
        assert (child.environment.name, child.defdir) == ("test", str(tmp_path))
        assert child.workdir == str(tmp_path / "work" / "web")
        assert child._breadcrumbs == "web > Web > Thing('a')"

    def test_a_component_notes_where_it_was_made(self, prepared: Prepared) -> None:
        class Web(Component):
            def configure(self) -> None:
                self += Thing("a")
                self.line = here() - 1

        web = prepared(Web)
        assert web.sub_components[0].place == (__file__, web.line)

    def test_a_root_is_placed_at_its_class(self, prepared: Prepared) -> None:
        assert prepared(Plain).place == (__file__, inspect.getsourcelines(Plain)[1])

    def test_components_can_be_added_after_configuration(self, prepared: Prepared, tmp_path: Path) -> None:
        directories = []

        class Late(Component):
            def configure(self) -> None:
                directories.append(os.getcwd())

        web = prepared(Plain)
        web += Late()
        assert directories == [str(tmp_path)]

    def test_the_platforms_component_comes_last_and_holds_for_subclasses(self, prepared: Prepared) -> None:
        class Base(Component):
            def configure(self) -> None:
                self += Thing("a")

        class Derived(Base):
            pass

        @platform("nixos", Base)
        class OnNixos(Component):
            pass

        class Web(Component):
            def configure(self) -> None:
                self.host.own_platform = "nixos"
                self += Derived()

        names = [type(one).__name__ for one in prepared(Web).sub_components[0].sub_components]
        assert names == ["Thing", "OnNixos"]

    def test_a_platform_belongs_to_one_class(self) -> None:
        class Base(Component):
            pass

        platform("nixos", Base)(type("First", (Component,), {"__module__": "one"}))
        with pytest.raises(ComponentUsageError, match=r"platform 'nixos' of Base is taken by one\.First"):
            platform("nixos", Base)(type("Second", (Component,), {"__module__": "two"}))

    def test_a_hook_component_provides_itself(self, prepared: Prepared) -> None:
        class Hook(HookComponent):
            key = "hooks"

        hook = prepared(Hook)
        assert hook.environment.resources.answer("hooks") == [hook]


class TestConfigure:
    def test_it_runs_in_the_definition_directory_and_returns(self, prepared: Prepared, tmp_path: Path) -> None:
        before = os.getcwd()

        class Web(Component):
            def configure(self) -> None:
                self.seen = os.getcwd()

        assert prepared(Web).seen == str(tmp_path)
        assert os.getcwd() == before

    def test_verbs_are_refused_by_name(self, prepared: Prepared) -> None:
        class Web(Component):
            def configure(self) -> None:
                self.system.write("/etc/motd", b"")

        with pytest.raises(ConfigurationError, match=r"self\.system\.write cannot be used in configure\(\)") as caught:
            prepared(Web)
        assert caught.value.file == __file__

    def test_touch_is_refused(self, prepared: Prepared) -> None:
        class Web(Component):
            def configure(self) -> None:
                self.touch("x")

        with pytest.raises(ConfigurationError, match=r"touch\(\) cannot be used in configure\(\)"):
            prepared(Web)

    def test_a_command_runs_with_a_warning(self, model: Callable[..., Model]) -> None:
        class Web(Component):
            def configure(self) -> None:
                self.out, _ = self.cmd("echo hello")

        found = model({"localhost": [Web]})
        assert found.roots[0].component.out == "hello\n"
        (warning,) = found.warnings
        assert "configure() runs a command" in warning.message
        assert warning.component == "web on localhost"
        assert warning.file == __file__

    def test_what_it_logs_is_kept(self, prepared: Prepared) -> None:
        class Web(Component):
            def configure(self) -> None:
                self.log("%s of %s", 1, 2)

        assert prepared(Web).root.log_lines == [("web", "1 of 2")]


class TestTools:
    def test_map(self, prepared: Prepared) -> None:
        web = prepared(Plain)
        assert web.map("a/../b") == os.path.join(web.workdir, "b")
        assert web.map("/etc/x") == "/etc/x"
        assert web.map("~/x") == os.path.expanduser("~/x")

    def test_expand_knows_its_context(self, prepared: Prepared) -> None:
        web = prepared(Plain)
        text = web.expand("{{component.colour}} {{host.name}} {{environment.name}} {{more}}", more="x")
        assert text == "red localhost test x"

    def test_template_reads_from_the_definition_directory(self, prepared: Prepared, tmp_path: Path) -> None:
        (tmp_path / "x.txt").write_text("{{component.colour}}\n")
        assert prepared(Plain).template("x.txt") == "red\n"

    def test_checksum_is_running(self, prepared: Prepared) -> None:
        one, other = prepared(Plain), prepared(Plain)
        one.checksum("a")
        one.checksum(b"b")
        other.checksum(b"ab")
        assert one.checksum() == other.checksum()

    def test_chdir_returns(self, prepared: Prepared, tmp_path: Path) -> None:
        before = os.getcwd()
        with prepared(Plain).chdir(str(tmp_path)):
            assert os.getcwd() == str(tmp_path)
        assert os.getcwd() == before

    def test_last_updated_is_for_subclasses(self, prepared: Prepared) -> None:
        with pytest.raises(NotImplementedError, match="Plain"):
            prepared(Plain).last_updated()


class Asked:
    """An attempt that answers as it is told."""

    predicting = False

    def __init__(self, *changed: str) -> None:
        self.names, self.products, self.updating = changed, [], False  # type: ignore[var-annotated]

    def changed(self, asked: Component) -> bool:
        return asked.id in self.names

    def is_half_done(self, component: Component) -> bool:
        return False

    def product(self, path: str) -> None:
        self.products.append(path)

    def log(self, component: Component, text: str) -> None: ...


class TestAssertions:
    @pytest.fixture
    def web(self, prepared: Prepared) -> Any:
        class Web(Component):
            def configure(self) -> None:
                self += Thing("a")

        web = prepared(Web)
        web.root.system = FakeSystem()
        web.root.attempt = web.root.environment.attempt = Asked()
        os.makedirs(web.workdir)
        return web

    def test_nothing_changed(self, web: Any) -> None:
        web.assert_no_changes()
        web.assert_no_subcomponent_changes()
        assert not web.changed

    def test_a_changed_sub_component_asks_for_an_update(self, web: Any) -> None:
        web.root.attempt = web.root.environment.attempt = Asked("web/Thing(a)")
        with pytest.raises(UpdateNeeded, match=r"Thing\('a'\) changed"):
            web.assert_no_subcomponent_changes()
        with pytest.raises(UpdateNeeded):
            web.assert_no_changes()

    def test_a_missing_file_asks_for_an_update_and_is_a_product(self, web: Any) -> None:
        with pytest.raises(UpdateNeeded, match="out is missing"):
            web.assert_file_is_current("out")
        assert web.root.attempt.products == [os.path.join(web.workdir, "out")]

    def test_a_file_is_current_until_a_requirement_is_newer(self, web: Any) -> None:
        for name, time in (("out", 10), ("old", 10), ("new", 11)):
            Path(web.map(name)).touch()
            os.utime(web.map(name), (time, time))
        web.assert_file_is_current("out", ["old"])
        with pytest.raises(UpdateNeeded, match="out is older than new"):
            web.assert_file_is_current("out", ["old", "new"])

    def test_a_missing_requirement_is_an_error(self, web: Any) -> None:
        Path(web.map("out")).touch()
        with pytest.raises(FileNotFoundError):
            web.assert_file_is_current("out", ["missing"])

    def test_a_component_is_current_until_another_is_newer(self, web: Any) -> None:
        class Dated(Component):
            namevar = "date"

            def last_updated(self, **how: Any) -> Any:
                return self.date  # type: ignore[attr-defined]

        class Never(Component):
            def last_updated(self, **how: Any) -> Any:
                return None

        Dated(2).assert_component_is_current([Dated(1), Dated(2), Never()])
        with pytest.raises(UpdateNeeded):
            Dated(2).assert_component_is_current(Dated(3))
        with pytest.raises(UpdateNeeded):
            Never().assert_component_is_current(Dated(3))


class TestFacts:
    def test_the_class_that_defines_verify_is_believed(self) -> None:
        class Library(Component):
            verify_after_update = staged = predictable = True

            def verify(self) -> None: ...
            def update(self) -> None: ...

        class Inheriting(Library):
            pass

        class OwnVerify(Library):
            def verify(self) -> None: ...

        class Saying(Library):
            verify_after_update = False

        assert facts_of(Inheriting).verify_after_update
        assert facts_of(Inheriting).staged
        assert not facts_of(OwnVerify).verify_after_update
        assert not facts_of(OwnVerify).staged
        assert facts_of(OwnVerify).predictable
        assert not facts_of(Saying).verify_after_update

    def test_update_without_verify_always_updates(self) -> None:
        class Blind(Component):
            def update(self) -> None: ...

        assert facts_of(Blind).always_updates
        assert not facts_of(Plain).always_updates

    def test_the_predicting_flag_is_seen(self) -> None:
        class Flagged(Component):
            def verify(self, predicting: bool = False) -> None: ...

        assert facts_of(Flagged).takes_predicting
        assert not facts_of(Plain).takes_predicting

    def test_context_managers_are_seen(self) -> None:
        class Managed(Component):
            def __enter__(self) -> Any: ...

        assert facts_of(Managed).enters
        assert not facts_of(Plain).enters

    def test_handlers_are_found_without_evaluating_properties(self) -> None:
        class Handling(Component):
            @property
            def costly(self) -> Any:
                raise RuntimeError

            @handle_event("before-update", "precursor")
            def stop(self, component: Component) -> None: ...

        class More(Handling):
            pass

        (handler,) = facts_of(More).handlers
        assert (handler.event, handler.scope, handler.method) == ("before-update", "precursor", "stop")

    def test_an_unknown_scope_is_an_error(self) -> None:
        with pytest.raises(ComponentUsageError):
            handle_event("before-update", "everything")

    def test_a_check_that_wants_arguments_is_not_ours(self) -> None:
        class Helper(Component):
            def check(self, what: str) -> None: ...  # type: ignore[override]

        class Data(Component):
            check = Attribute(default="x")  # type: ignore[assignment]

        assert not facts_of(Helper).checks
        assert not facts_of(Data).checks
