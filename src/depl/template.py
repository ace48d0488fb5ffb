"""Templates: Jinja2, as batou speaks it, compiled once per source and kept compiled between runs.

A text without anything of Jinja in it is returned as it is and never imports Jinja.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional

from depl.errors import DeplError, TemplatingError
from depl.template_errors import explain, or_rather

if TYPE_CHECKING:
    from types import CodeType

    import jinja2

    from depl.compiled import CompiledTemplates

TEXT = "<text>"


class Jinja2Engine:
    """Renders templates: undefined names are errors, the trailing newline is kept, lines may be statements (`@@ if x`).

    compiled: where compiled templates are kept between runs; the user's cache directory unless given. It is only read,
    until flush() is called.
    """

    def __init__(self, compiled: Optional[str] = None) -> None:
        self._directory = compiled
        self._store: Optional[CompiledTemplates] = None
        self._environments: dict[tuple[str, ...], jinja2.Environment] = {}
        self._codes: dict[str, CodeType] = {}
        self._templates: dict[tuple[str, tuple[str, ...]], jinja2.Template] = {}
        self._hidden: set[str] = set()

    def expand(
        self,
        text: str,
        context: Mapping[str, Any],
        identifier: str = TEXT,
        *,
        directory: str = "",
        secret: bool = False,
    ) -> str:
        """The text, rendered.

        identifier: its file, for errors; `<...>` for a text that is in none. directory: where `{% include %}` and
        `{% import %}` look, before the definition directory of the context's component. secret: its source is not kept
        in the cache.
        """
        if not is_template(text):
            return text
        if secret:
            self._hidden.add(text)
        try:
            template = self._template(text, _search_path(context, directory))
            return "".join(template.root_render_func(template.new_context(dict(context))))
        except DeplError:
            raise
        except Exception as problem:  # noqa: BLE001 (whatever a template calls)
            explain(problem, text, context, identifier, secret)

    def template(self, path: str, context: Mapping[str, Any]) -> str:
        """The file at `path` (UTF-8), rendered."""
        return self.expand(_read(path), context, path, directory=os.path.dirname(path))

    def flush(self, redact: Optional[Callable[[str], str]] = None) -> None:
        """Keep what was compiled for the next run, except the sources that are secret or hold what `redact` hides."""
        if self._store is not None:
            hidden = self._hidden | {source for source in self._codes if redact and redact(source) != source}
            open_ones = {source: code for source, code in self._codes.items() if source not in hidden}
            self._store.save(open_ones, never=hidden)

    def _template(self, source: str, search_path: tuple[str, ...]) -> jinja2.Template:
        if not _looks_elsewhere(source):
            search_path = ()
        template = self._templates.get((source, search_path))
        if template is None:
            environment = self._environment(search_path, source)
            template = environment.template_class.from_code(environment, self._code(source, environment), {})
            self._templates[source, search_path] = template
        return template

    def _code(self, source: str, environment: jinja2.Environment) -> CodeType:
        """Compiled without a name, as equal sources of different files share it; whoever renders knows the name."""
        code = self._codes.get(source)
        if code is None:
            if self._store is None:
                self._store = _compiled_templates(self._directory)
            code = self._store.get(source) or environment.compile(source)
            self._codes[source] = code
        return code

    def _environment(self, search_path: tuple[str, ...], source: str) -> jinja2.Environment:
        """There is one environment; variants of it, sharing its caches, look for includes elsewhere or write CRLF."""
        variant = search_path + (("\r\n",) if "\r\n" in source else ())
        if variant not in self._environments:
            if not variant:
                self._environments[variant] = _new_environment()
            else:
                options: dict[str, Any] = {"newline_sequence": "\r\n"} if "\r\n" in source else {}
                if search_path:
                    options["loader"] = self._loader(search_path)
                self._environments[variant] = self._environment((), "").overlay(**options)
        return self._environments[variant]

    def _loader(self, search_path: tuple[str, ...]) -> jinja2.BaseLoader:
        def load(environment: jinja2.Environment, name: str, names: Any) -> jinja2.Template:
            path = _find(name, search_path)
            template = environment.template_class.from_code(environment, self._included(path), names or {})
            template.name = template.filename = path
            return template

        return _loader_by(load)

    def _included(self, path: str) -> CodeType:
        source = _read(path)
        try:
            return self._code(source, self._environment((), source))
        except DeplError:
            raise
        except Exception as problem:  # noqa: BLE001 (whatever a template calls)
            explain(problem, source, {}, path, False)


def is_template(text: str) -> bool:
    """Whether there is anything in a text that Jinja would look at."""
    return "{{" in text or "{%" in text or "{#" in text or "@@" in text


def _looks_elsewhere(source: str) -> bool:
    return any(word in source for word in ("include", "import", "extends"))


def _search_path(context: Mapping[str, Any], directory: str) -> tuple[str, ...]:
    defined = getattr(context.get("component"), "defdir", None)
    return tuple(place for place in (directory, defined) if isinstance(place, str) and place)


def _find(name: str, search_path: tuple[str, ...]) -> str:
    for directory in search_path:
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            return path
    import jinja2

    raise jinja2.TemplateNotFound(name)


def _read(path: str) -> str:
    try:
        # newline="": what the file has, so that CRLF survives.
        with open(path, encoding="utf-8", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        raise TemplatingError(f"The template {path} does not exist", file=path) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise TemplatingError(
            f"The template {path} cannot be read: {problem}",
            file=path,
            hint="Templates are UTF-8 text files.",
        ) from None


def _compiled_templates(directory: Optional[str]) -> CompiledTemplates:
    import jinja2

    from depl.compiled import CompiledTemplates

    return CompiledTemplates(f"jinja-{jinja2.__version__}", directory)


def _loader_by(
    load: Callable[[jinja2.Environment, str, Any], jinja2.Template],
) -> jinja2.BaseLoader:
    import jinja2

    class Loader(jinja2.BaseLoader):
        def load(self, environment: jinja2.Environment, name: str, globals: Any = None) -> jinja2.Template:
            return load(environment, name, globals)

    return Loader()


def _new_environment() -> jinja2.Environment:
    import jinja2
    from jinja2.utils import missing

    class Undefined(jinja2.StrictUndefined):
        """Strict, and helpful about attributes: the close matches among those that the object has."""

        __slots__ = ()

        @property
        def _undefined_message(self) -> str:
            message = str(super()._undefined_message)
            obj, name = self._undefined_obj, self._undefined_name
            if obj is missing or not isinstance(name, str):
                return message
            known = (
                list(map(str, obj)) if isinstance(obj, Mapping) else dir(type(obj)) + list(getattr(obj, "__dict__", ()))
            )
            return message + or_rather(name, known)

    return jinja2.Environment(  # noqa: S701 (configuration files, not HTML)
        undefined=Undefined,
        keep_trailing_newline=True,
        line_statement_prefix="@@",
        cache_size=-1,
        auto_reload=False,
    )
