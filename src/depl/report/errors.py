"""Errors as text: a sentence, where to look, what to do next."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from depl.errors import CmdExecutionError, DeplError, Mistakes
from depl.redact import Redactor
from depl.report.lines import Line
from depl.rollout.wording import counted

TAIL = 50  # lines of output that a failure shows


def error_lines(error: DeplError, base: str = "", shown: Sequence[str] = ()) -> list[Line]:
    """An error as lines; a model's mistakes are listed by file.

    base: paths below it are shown relative to it. shown: output that was printed already and need not be repeated.
    """
    if isinstance(error, Mistakes):
        if len(error.mistakes) == 1 and not error.hint:
            return error_lines(error.mistakes[0], base)
        return list(_mistakes(error, base))
    return [
        Line(f"error: {error.message}", "red"),
        *(Line(f"  {line}", "dim") for line in failed_output(error, shown)),
        *_details(error, base, "  "),
    ]


def warning_lines(warnings: Iterable[object], base: str = "", redact: Redactor | None = None) -> list[Line]:
    """The warnings of a model: sentences, or errors that are none."""
    lines = []
    for given in warnings:
        warning = filtered(given, redact) if redact and isinstance(given, DeplError) else given
        if isinstance(warning, DeplError):
            lines += [Line(f"warning: {warning.message}", "yellow"), *_details(warning, base, "  ")]
        else:
            lines.append(Line(f"warning: {warning}", "yellow"))
            where = _place(getattr(warning, "file", None), getattr(warning, "line", None), base)
            lines += [Line(f"  at {where}")] if where else []
    return lines


def cause_lines(cause: BaseException) -> list[Line]:
    """The traceback of an error, and of those behind it; one text, in which a value is found whatever its lines."""
    import traceback

    return [Line("".join(traceback.format_exception(cause)).rstrip(), "dim")]


def filtered(error: DeplError, redact: Redactor, *, output: str = "") -> DeplError:
    """A copy of an error as it may be shown: what is made of it may be shortened and indented.

    output: what stands there instead of all that a failed command printed, if that must not be shown.
    """
    copy = type(error).__new__(type(error))
    vars(copy).update(vars(error))
    for name in _TEXTS:
        if isinstance(text := getattr(copy, name, None), str):
            setattr(copy, name, redact(text))
    if isinstance(copy, CmdExecutionError) and output:
        copy.stdout, copy.stderr = "", output
    if isinstance(copy, Mistakes):
        copy.mistakes = [filtered(mistake, redact, output=output) for mistake in copy.mistakes]
    return copy


def failed_output(error: DeplError, shown: Sequence[str] = ()) -> list[str]:
    """The last lines that a failed command printed, unless they stand on the screen already."""
    if not isinstance(error, CmdExecutionError):
        return []
    printed = [line for text in (error.stdout, error.stderr) for line in str(text).splitlines()]
    tail = printed[-TAIL:]
    if set(tail) <= set(shown):
        return []
    return [counted(len(printed) - TAIL, "line") + " before ...", *tail] if len(printed) > TAIL else tail


def _mistakes(error: Mistakes, base: str) -> Iterator[Line]:
    number = 0
    for file, mistakes in groupby(error.mistakes, key=lambda mistake: mistake.file or ""):
        yield Line(_place(file, None, base) or error.where or "in the model", "bold")
        for mistake in mistakes:
            number += 1
            where = f"line {mistake.line}: " if mistake.line else ""
            yield Line(f"  {number}. {where}{_indented(mistake.message, '     ')}", "red")
            yield from _details(mistake, base, "     ", place=False)
    yield Line(f"error: {error.message}", "red")
    if error.hint:
        yield Line(f"  {error.hint}", "cyan")


def _details(error: DeplError, base: str, indent: str, place: bool = True) -> Iterator[Line]:
    where = _place(error.file, error.line, base)
    if place and where:
        yield Line(f"{indent}at {where}")
    if error.component:
        yield Line(f"{indent}in {error.component}")
    if error.hint:
        yield Line(f"{indent}hint: {_indented(error.hint, indent + '      ')}", "cyan")


def _indented(text: str, indent: str) -> str:
    return text.replace("\n", "\n" + indent)


def place_in(base: str, place: str) -> str:
    """A place in the project, be it the copy of it on a host, relative to the project; another one as it is."""
    if not base:
        return place
    if place.startswith(base + os.sep):
        return place[len(base) + 1 :]
    copied = _COPY.match(place)
    if copied and os.path.exists(os.path.join(base, copied["file"])):
        return copied["file"] + copied["line"]
    return place


def _place(file: str | None, line: int | None, base: str) -> str:
    if not file:
        return ""
    return place_in(base, f"{file}:{line}" if line else file)


_TEXTS = ("message", "component", "hint", "cmd", "stdout", "stderr", "who")
_COPY = re.compile(r".*/(?:project|\.depl/(?:cache/)?projects/[^/]+)/(?P<file>.*?)(?P<line>(?::\d+)?)$")
