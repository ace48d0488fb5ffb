"""What is wrong with a template, in our words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, NoReturn, Optional

from depl.errors import TemplatingError

if TYPE_CHECKING:
    from types import TracebackType


def explain(
    problem: Exception,
    text: str,
    context: Mapping[str, Any],
    identifier: str,
    secret: bool,
) -> NoReturn:
    """Jinja's errors in our words."""
    import re

    import jinja2

    file, line = _place(problem, identifier)
    reason = str(problem) or type(problem).__name__
    hint = None
    if isinstance(problem, jinja2.TemplateSyntaxError):
        said = f"does not compile: {problem.message}"
        hint = "Correct it; what is not meant for Jinja stands between {% raw %} and {% endraw %}."
    elif isinstance(problem, jinja2.UndefinedError):
        said = f"uses what is not defined: {reason}"
        name = re.match(r"'(\w+)' is undefined$", reason)
        if name:
            said += or_rather(name.group(1), [str(known) for known in context])
            hint = f"Here are defined: {', '.join(sorted(map(str, context))) or 'nothing'}."
        else:
            hint = "Correct the name in the template, or give the attribute to what it is looked for in."
    elif isinstance(problem, jinja2.TemplateNotFound):
        said = f"includes {reason!r}, which does not exist"
        hint = "Included files are looked for beside the template and in the definition directory."
    elif isinstance(problem, jinja2.TemplateError):
        said = f"does not render: {reason}"
    else:
        said = f"does not render: {type(problem).__name__}: {problem}"
        hint = "`--verbose` shows the traceback."
    # A text has no place where one could look, so that it is shown itself.
    nowhere = file.startswith("<")
    what = f"The template {file}, line {line or '?'},"
    if nowhere and not secret:
        redact = getattr(context.get("environment"), "redact", str)
        what = f"The text {_shortened(redact(text))!r}"
    component = context.get("component")
    if nowhere:
        raise TemplatingError(f"{what} {said}", component, hint=hint) from problem
    raise TemplatingError(f"{what} {said}", component, file=file, line=line, hint=hint) from problem


def _place(problem: Exception, identifier: str) -> tuple[str, Optional[int]]:
    """File and line of the template that was at work when this happened: the innermost one, if it included others."""
    file, line = identifier, getattr(problem, "lineno", None)
    trace: Optional[TracebackType] = problem.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            file = template.name or identifier
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return file, line


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def or_rather(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, sorted({word for word in known if not word.startswith("_")}))
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
