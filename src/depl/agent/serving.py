"""One agent from the first word to the last: requests are taken one by one, tasks done one after the other."""

from __future__ import annotations

import os
import signal
from collections import deque
from importlib import import_module
from typing import Any, Callable, Deque, Mapping, Tuple

from depl.agent.line import Line
from depl.agent.streams import Printed, take_line
from depl.errors import ConfigurationError, DeplError, Locked, Lost, Mistakes, ProtocolError, ReportBug
from depl.protocol.failures import error_to_json
from depl.protocol.replies import Bye, Refused, Said, TaskOver
from depl.protocol.requests import VERSION, Goodbye, Hello, Start

SIDES = {  # by mode: module and class; each needs other modules, and importing them takes time
    "act": ("acting", "Acting"),
    "plan": ("planning", "Planning"),
    "undo": ("undoing", "Undoing"),
    "look": ("undoing", "Looking"),
}


def serve(initial: bytes) -> None:
    """Serve the coordinator to the end, and end this process."""
    line = Line(*take_line(), initial)
    serving = Serving(line)
    printed = Printed(lambda stream, text: line.send(Said(0, serving.component, stream, text)), line.redact)
    serving.say_the_rest = printed.end
    try:
        serving.run()
    except DeplError as error:
        serving.say_the_rest()
        line.send(Refused(_status(error), [error_to_json(error, line.redact)]))
    except Exception as error:  # noqa: BLE001 the coordinator must hear of it in its own words
        serving.say_the_rest()
        line.send(Said(0, serving.component, "stderr", line.redact(_traceback())))
        line.send(Refused("failed", [error_to_json(_bug(error), line.redact)]))
    finally:
        try:
            serving.close()
        finally:
            line.close()
            os._exit(0)  # whatever threads component code may have left


class Serving:
    """The loop. component: the one that is at work, as far as that is known.

    say_the_rest: says what was printed and held back, as a secret might have begun in it.
    """

    say_the_rest: Callable[[], None]

    def __init__(self, line: Line) -> None:
        self.say_the_rest = lambda: None
        self._line = line
        self._side: Any = None
        self._tasks: Deque[Tuple[Mapping[str, Any], bool]] = deque()
        self._over = self._stopped = False

    @property
    def component(self) -> Any:
        return self._side.at_work() if self._side is not None else None

    def run(self) -> None:
        """Until the coordinator says goodbye, the line is cut, or somebody takes over."""
        for ignored in (signal.SIGINT, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda number, frame: self._line.interrupt())
        hello = self._line.next()
        if hello is None:
            return
        if not isinstance(hello, Hello) or hello.version != VERSION:
            raise ProtocolError(f"the coordinator does not speak version {VERSION} of the protocol")
        self._line.beat = hello.beat
        if hello.mode not in SIDES:
            raise ProtocolError(f"an agent cannot {hello.mode!r}")
        module, name = SIDES[hello.mode]
        side = self._side = getattr(import_module(f"depl.agent.{module}"), name)(hello, self._line)
        self._line.on_stop = self._stop
        side.begin()
        while not self._over and not self._line.cut and not self._line.interrupted:
            request = self._line.next(block=not self._tasks)
            if request is not None:
                self._take(request)
            else:
                self._carry_out()
        if self._line.interrupted and not self._line.cut:
            raise side.taken_over() or Lost("somebody wants this agent to leave", hint="Look there for who that is.")

    def close(self) -> None:
        """Release everything."""
        if self._side is not None:
            self._side.close()

    def _take(self, request: Any) -> None:
        if isinstance(request, Goodbye):
            self._over = True
            self._side.forget_kept()
            self.say_the_rest()
            self._line.send(Bye())
        elif isinstance(request, Start):
            for number, task in enumerate(request.tasks, 1):
                last = request.last and number == len(request.tasks)
                self._tasks.append((task, last))
            if self._stopped:  # the word to stop overtook this request
                self._drop()
        else:
            handle = self._side.handlers.get(type(request))
            if handle is None:
                raise ProtocolError(f"{type(request).__name__} makes no sense to an agent that is to {self._side.mode}")
            handle(request)

    def _carry_out(self) -> None:
        try:
            task, last = self._tasks.popleft()
        except IndexError:  # dropped a moment ago
            return
        goes_on = self._side.task(task, last)
        self.say_the_rest()
        if not goes_on:
            self._drop()

    def _drop(self) -> None:
        """What waits does not begin; the coordinator is told, as it cannot know how far we were."""
        while self._tasks:
            try:
                task, _ = self._tasks.popleft()
            except IndexError:
                return
            self._line.send(TaskOver(0, str(task["root"]), began=False, dropped=True))

    def _stop(self, how: str) -> None:
        """Called by the thread that reads, while a task may be at work."""
        self._stopped = True
        self._drop()
        self._side.stop_by(how)


def _status(error: DeplError) -> str:
    if isinstance(error, Locked):
        return "locked"
    if isinstance(error, Lost):
        return "lost"
    return "wrong" if isinstance(error, (ConfigurationError, Mistakes)) else "failed"


def _traceback() -> str:
    import traceback

    return traceback.format_exc()


def _bug(error: Exception) -> DeplError:
    import traceback

    where = traceback.extract_tb(error.__traceback__)[-1]
    return ReportBug(
        f"the agent met {type(error).__name__}: {error} ({os.path.basename(where.filename)}:{where.lineno})"
    )
