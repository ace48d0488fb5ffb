"""Where in a project's files something was written: for messages, never for decisions."""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType, TracebackType
from typing import Optional, Tuple

Place = Tuple[str, int]  # file, line

PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_OURS = (PACKAGE, os.path.dirname(os.path.abspath(os.__file__)) + os.sep, "<")


def calling_place(stop: Optional[CodeType] = None) -> Optional[Place]:
    """The line outside of depl and the standard library that led here; None if `stop` is reached before."""
    frame: Optional[FrameType] = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(_OURS):
            return code.co_filename, frame.f_lineno
        if code is stop:
            return None
        frame = frame.f_back
    return None


def failing_place(trace: Optional[TracebackType], base_dir: str = "") -> Optional[Place]:
    """The innermost line of a traceback that lies in the project, else the innermost that is not depl's own."""
    inside: Optional[Place] = None
    outside: Optional[Place] = None
    within = os.path.join(os.path.abspath(base_dir), "") if base_dir else ""
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if not filename.startswith(_OURS):
            outside = filename, trace.tb_lineno
            if within and filename.startswith(within):
                inside = outside
        trace = trace.tb_next
    return inside or outside


def place_of_function(function: object) -> Optional[Place]:
    """Where a function or method was defined."""
    code = getattr(function, "__code__", None)
    return (code.co_filename, code.co_firstlineno) if isinstance(code, CodeType) else None


def place_of_class(cls: type) -> Optional[Place]:
    """Where a class was defined, as far as its source can be found."""
    import inspect

    try:
        return inspect.getsourcefile(cls) or "", inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):
        return None
