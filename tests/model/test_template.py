"""Templates: what they may say, what is said where they are wrong, what is kept between runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from depl.errors import ConversionError, TemplatingError
from depl.redact import Redactor
from depl.template import Jinja2Engine


@pytest.fixture
def engine(tmp_path: Path) -> Jinja2Engine:
    return Jinja2Engine(str(tmp_path / "cache"))


def test_names_are_replaced(engine: Jinja2Engine) -> None:
    assert engine.expand("Hello {{name}}!", {"name": "world"}) == "Hello world!"


def test_the_trailing_newline_is_kept(engine: Jinja2Engine) -> None:
    assert engine.expand("{{name}}\n", {"name": "x"}) == "x\n"


def test_a_line_that_begins_with_the_prefix_is_a_statement(engine: Jinja2Engine) -> None:
    assert engine.expand("@@ if on\nyes\n@@ endif\nend\n", {"on": True}) == "yes\nend\n"


def test_windows_line_ends_survive(engine: Jinja2Engine) -> None:
    assert engine.expand("a {{x}}\r\nb\r\n", {"x": 1}) == "a 1\r\nb\r\n"


def test_a_default_may_be_given_for_what_is_undefined(engine: Jinja2Engine) -> None:
    assert engine.expand("{{x | default('none')}} {{y is defined}}", {}) == "none False"


def test_a_text_without_jinja_is_returned_as_it_is_and_jinja_is_not_imported() -> None:
    program = (
        "import sys; from depl.template import Jinja2Engine; text = 'a { b } % #\\r\\n'; "
        "assert Jinja2Engine().expand(text, {}) == text; "
        "print([m for m in ('jinja2', 'asyncio', 're', 'difflib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "jinja2" not in done.stdout and "asyncio" not in done.stdout


def test_files_beside_the_template_can_be_included(engine: Jinja2Engine, tmp_path: Path) -> None:
    (tmp_path / "part.conf").write_text("port {{port}}\n")
    (tmp_path / "macros").write_text("{% macro twice(x) %}{{x}}{{x}}{% endmacro %}")
    (tmp_path / "main.conf").write_text("{% include 'part.conf' %}{% from 'macros' import twice %}{{twice('a')}}\n")
    assert engine.template(str(tmp_path / "main.conf"), {"port": 80}) == "port 80\naa\n"


def test_texts_include_from_the_definition_directory_of_their_component(engine: Jinja2Engine, tmp_path: Path) -> None:
    for name in "one", "two":
        (tmp_path / name).mkdir()
        (tmp_path / name / "part").write_text(name)
    included = [
        engine.expand("{% include 'part' %}", {"component": SimpleNamespace(defdir=str(tmp_path / name))})
        for name in ("one", "two", "one")
    ]
    assert included == ["one", "two", "one"]


def test_templates_can_extend_others(engine: Jinja2Engine, tmp_path: Path) -> None:
    (tmp_path / "base").write_text("<{% block inner %}{% endblock %}>")
    (tmp_path / "leaf").write_text("{% extends 'base' %}{% block inner %}{{x}}{% endblock %}")
    assert engine.template(str(tmp_path / "leaf"), {"x": 1}) == "<1>"


def failure(engine: Jinja2Engine, text: str, context: dict[str, Any], *where: str, **how: Any) -> TemplatingError:
    with pytest.raises(TemplatingError) as caught:
        engine.expand(text, context, *where, **how)
    return caught.value


def test_an_undefined_name_is_an_error_with_file_line_and_close_matches(engine: Jinja2Engine) -> None:
    error = failure(engine, "a\nb\n{{adress}}\n", {"address": 1, "host": 2}, "/defs/web/nginx.conf")
    assert error.place == "/defs/web/nginx.conf:3"
    assert "'adress' is undefined (did you mean 'address'?)" in str(error)
    assert error.hint == "Here are defined: address, host."


def test_an_undefined_attribute_names_close_matches_of_the_object(engine: Jinja2Engine) -> None:
    assert "did you mean 'port'?" in str(failure(engine, "{{web.prt}}", {"web": SimpleNamespace(port=80)}))
    assert "did you mean 'port'?" in str(failure(engine, "{{web.prt}}", {"web": {"port": 80}}))


def test_a_syntax_error_names_file_and_line(engine: Jinja2Engine) -> None:
    error = failure(engine, "a\n{% if x %}\n", {}, "nginx.conf")
    assert error.place == "nginx.conf:2"
    assert "does not compile" in str(error)


def test_an_error_in_an_included_file_names_that_file(engine: Jinja2Engine, tmp_path: Path) -> None:
    (tmp_path / "part").write_text("fine\n{{nothing}}\n")
    (tmp_path / "broken").write_text("\n\n{{")
    error = failure(engine, "\n\n\n{% include 'part' %}", {}, "main", directory=str(tmp_path))
    assert error.place == f"{tmp_path / 'part'}:2"
    error = failure(engine, "\n\n\n{% include 'broken' %}", {}, "main", directory=str(tmp_path))
    assert error.place == f"{tmp_path / 'broken'}:3"


def test_a_missing_include_is_named_with_the_place_of_the_statement(engine: Jinja2Engine, tmp_path: Path) -> None:
    error = failure(engine, "\n{% include 'gone' %}", {}, "main", directory=str(tmp_path))
    assert error.place == "main:2"
    assert "'gone'" in str(error)


def test_an_error_in_code_that_the_template_calls_names_the_line_of_the_template(engine: Jinja2Engine) -> None:
    error = failure(engine, "a\n{{1 // zero}}", {"zero": 0}, "sums")
    assert error.place == "sums:2"
    assert "ZeroDivisionError" in str(error)


def test_errors_of_depl_pass_through(engine: Jinja2Engine) -> None:
    def complain() -> None:
        raise ConversionError("not a number")

    with pytest.raises(ConversionError):
        engine.expand("{{complain()}}", {"complain": complain})


def test_a_text_is_shown_in_its_errors_unless_it_is_secret(engine: Jinja2Engine) -> None:
    assert "{{nothing}} s3cret" in str(failure(engine, "{{nothing}} s3cret", {}))
    assert "s3cret" not in str(failure(engine, "{{nothing}} s3cret", {}, secret=True))


def test_equal_sources_keep_their_own_names_in_errors(engine: Jinja2Engine) -> None:
    for name in "one", "two":
        assert failure(engine, "{{nothing}}", {}, name).place == f"{name}:1"


def test_a_missing_or_unreadable_template_is_an_error_that_names_it(engine: Jinja2Engine, tmp_path: Path) -> None:
    with pytest.raises(TemplatingError, match="does not exist"):
        engine.template(str(tmp_path / "gone"), {})
    (tmp_path / "latin").write_bytes(b"\xe4")
    with pytest.raises(TemplatingError, match="cannot be read"):
        engine.template(str(tmp_path / "latin"), {})


def test_nothing_is_written_until_the_engine_is_told_so(engine: Jinja2Engine, tmp_path: Path) -> None:
    engine.expand("{{1}}", {})
    assert not (tmp_path / "cache").exists()
    engine.flush()
    assert len(list((tmp_path / "cache").iterdir())) == 1


def kept(tmp_path: Path) -> bytes:
    (file,) = (tmp_path / "cache").iterdir()
    return file.read_bytes()


def test_a_secret_source_is_never_kept(engine: Jinja2Engine, tmp_path: Path) -> None:
    engine.expand("{{1}} open text", {})
    engine.expand("{{1}} marked text", {}, secret=True)
    engine.expand("{{1}} value text", {})
    engine.flush(Redactor([("web.name #0000", "value text")]))
    assert b"open text" in kept(tmp_path)
    assert b"marked text" not in kept(tmp_path) and b"value text" not in kept(tmp_path)


def test_what_becomes_secret_is_dropped_from_what_was_kept(tmp_path: Path) -> None:
    for secret in False, True:
        engine = Jinja2Engine(str(tmp_path / "cache"))
        engine.expand("{{1}} some text", {}, secret=secret)
        engine.flush()
    assert b"some text" not in kept(tmp_path)


def test_what_one_run_compiled_the_next_one_finds(tmp_path: Path) -> None:
    for text in "{{1}} first", "{{1}} second":
        engine = Jinja2Engine(str(tmp_path / "cache"))
        engine.expand(text, {})
        engine.flush()
    before = kept(tmp_path)
    again = Jinja2Engine(str(tmp_path / "cache"))
    assert again.expand("{{1}} first", {}) == "1 first" and again.expand("{{1}} second", {}) == "1 second"
    again.flush()
    assert kept(tmp_path) == before and b"first" in before and b"second" in before


@pytest.mark.parametrize("where", [0, 20, 40, -20, -1])
def test_a_damaged_cache_is_as_good_as_none(tmp_path: Path, where: int) -> None:
    engine = Jinja2Engine(str(tmp_path / "cache"))
    engine.expand("{{name}}!", {"name": "x"})
    engine.flush()
    (file,) = (tmp_path / "cache").iterdir()
    content = bytearray(file.read_bytes())
    content[where] ^= 0xFF
    for damaged in bytes(content), bytes(content[:where]), b"":
        file.write_bytes(damaged)
        again = Jinja2Engine(str(tmp_path / "cache"))
        assert again.expand("{{name}}!", {"name": "y"}) == "y!"
        again.flush()
        assert Jinja2Engine(str(tmp_path / "cache")).expand("{{name}}!", {"name": "z"}) == "z!"


def test_a_cache_that_others_may_write_is_not_trusted(tmp_path: Path) -> None:
    engine = Jinja2Engine(str(tmp_path / "cache"))
    engine.expand("{{1}} old", {})
    engine.flush()
    (file,) = (tmp_path / "cache").iterdir()
    file.chmod(0o666)
    again = Jinja2Engine(str(tmp_path / "cache"))
    again.expand("{{1}} new", {})
    again.flush()
    assert b"old" not in kept(tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    engine = Jinja2Engine(str(tmp_path / "file" / "cache"))
    assert engine.expand("{{1}}", {}) == "1"
    engine.flush()


def test_the_cache_lies_in_the_cache_directory_of_the_user(tmp_path: Path) -> None:
    program = "from depl.template import Jinja2Engine as E; e = E(); e.expand('{{1}}', {}); e.flush()"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert len(list((tmp_path / "depl" / "templates").iterdir())) == 1
