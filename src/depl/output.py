"""What component authors print: `from depl import output`.

Texts go to the sink of the run that is at work (set by the engine, one for each context), else to the terminal as they
are. A style (`red=True, bold=True`) is passed on to the sink, which may ignore it.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Callable, Iterator, Mapping, Optional

Style = Mapping[str, Any]
Sink = Callable[[str, Style], None]

_sink: ContextVar[Optional[Sink]] = ContextVar("sink", default=None)


@contextmanager
def writing_to(sink: Sink) -> Iterator[None]:
    """While this lasts, what authors print goes to `sink(text, style)`; the text has no newline at its end."""
    token = _sink.set(sink)
    try:
        yield
    finally:
        _sink.reset(token)


def line(message: str, **style: Any) -> None:
    """A line of text."""
    sink = _sink.get()
    if sink is not None:
        sink(message, style)
    else:
        print(message, file=sys.stderr if style.get("stderr") else sys.stdout)


def annotate(message: str, **style: Any) -> None:
    """A line about the one before, indented."""
    for text in message.split("\n"):
        line(f"    {text}" if text else "", **style)


def tabular(key: str, value: object, separator: str = ": ", **style: Any) -> None:
    """A key, right-aligned to ten columns, and its value."""
    line(f"{key.rjust(10)}{separator}{value}", **style)


def section(title: str, **style: Any) -> None:
    """The title of what comes next."""
    sep("=", title, **{"bold": True, **style})


def sep(sep: str, title: str = "", width: int = 80, **style: Any) -> None:
    """A line drawn of `sep`, with a title in its middle."""
    line(f" {title} ".center(width, sep) if title else sep * width, **style)


def step(context: str, message: str, **style: Any) -> None:
    """What is done now, and where."""
    line(f"{context}: {message}", **style)


def warn(message: str, **style: Any) -> None:
    """Something that should not stay as it is."""
    line(f"WARNING: {message}", **{"yellow": True, "stderr": True, **style})


def error(message: str, exc_info: Optional[Any] = None, **style: Any) -> None:
    """Something that went wrong. exc_info: True or as from sys.exc_info(), for the traceback."""
    line(f"ERROR: {message}", **{"red": True, "stderr": True, **style})
    if exc_info:
        import traceback

        caught = exc_info if isinstance(exc_info, tuple) else sys.exc_info()
        annotate(
            "".join(traceback.format_exception(*caught)).rstrip("\n"),
            **{"red": True, "stderr": True, **style},
        )
