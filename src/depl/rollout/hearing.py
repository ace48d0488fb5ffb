"""What comes from the hosts: what they tell is passed on, what they answer is handed out, who is gone is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Optional, Union

from depl.change.changes import WayBack
from depl.errors import DeplError, Lost, ProtocolError
from depl.events import Emit, Event, Output, What
from depl.protocol.replies import Said, Told
from depl.rollout.facts import assert_sound
from depl.rollout.runner import Runner
from depl.rollout.telling import Telling

POLL = 0.2  # seconds after which somebody's wish to stop is heeded, at the latest
OF_HOSTS = frozenset(  # the other events are the coordinator's to tell
    {
        What.CHANGED,
        What.TASK_STARTED,
        What.TASK_UNCHANGED,
        What.TASK_DONE,
        What.TASK_SKIPPED,
        What.TASK_FAILED,
        What.LOG,
        What.WARNING,
        What.REVERSED,
        What.REPEATED,
        What.KEPT,
        What.UNDECLARED,
        What.CONFLICT,
    }
)


class Hosts:
    """The hosts of a rollout: passes on what they tell, and knows which of them are gone.

    lost: by host why. pivots: the tasks of which it was heard that they did something that cannot be undone. undoing:
    all tasks were done, by another rollout.
    """

    def __init__(self, runner: Runner, emit: Emit, *, undoing: bool = False) -> None:
        self.runner, self.emit = runner, Telling(emit, undoing=undoing)
        self.lost: dict[str, DeplError] = {}
        self.pivots: set[str] = set()

    def next(self, *kinds: type[Any], timeout: float = POLL) -> Optional[tuple[str, Any]]:
        """The next answer, None where none came in a while. A host that is gone, or makes no sense, is an error."""
        answer = self.runner.reply(timeout)
        if answer is None:
            return None
        host, reply = answer
        if host in self.lost:
            return None
        if isinstance(reply, DeplError):
            self.lost[host] = reply
            return answer
        try:
            assert_sound(reply)
            if isinstance(reply, (Told, Said)):
                self._tell(host, reply)
                return None
        except ProtocolError as error:
            return host, self.refuse(host, error.message)
        except Exception as error:  # noqa: BLE001 whatever one host says, the run goes on for the others
            return host, self.refuse(host, f"what it told cannot be passed on ({type(error).__name__}: {error})")
        if isinstance(reply, kinds):
            return answer
        return host, self.refuse(host, f"it answered {type(reply).__name__}, which nobody asked for")

    def _tell(self, host: str, reply: Union[Told, Said]) -> None:
        event = _event(host, reply)
        if isinstance(event, Event) and event.what is What.CHANGED and _is_pivot(event):
            self.pivots.add(f"{event.task}@{host}")
        if not isinstance(event, Event) or event.what in OF_HOSTS:
            self.emit(event)

    def refuse(self, host: str, reason: str) -> DeplError:
        """Talk no more to a host that makes no sense."""
        self.runner.close([host])
        self.lost[host] = Lost(f"{host} is not understood: {reason}")
        return self.lost[host]

    def idle(self, seconds: float) -> None:
        """Let a moment pass; who is gone meanwhile is known."""
        self.next(timeout=min(seconds, POLL))

    def gather(
        self,
        hosts: Iterable[str],
        ask: Callable[[str], None],
        kind: type[Any],
        heed: Callable[[Iterable[str]], None] = lambda waiting: None,
    ) -> dict[str, Any]:
        """One answer of each host that is not gone before it comes. heed: called with those that are still asked."""
        answers: dict[str, Any] = {}
        asked = [host for host in hosts if host not in self.lost]
        waiting = set(asked)
        for host in asked:
            ask(host)
        while waiting:
            heed(waiting)
            answer = self.next(kind)
            if answer is not None:
                waiting.discard(answer[0])
                if not isinstance(answer[1], DeplError):
                    answers[answer[0]] = answer[1]
        return {host: answers[host] for host in asked if host in answers}


def _is_pivot(event: Event) -> bool:
    return any(change.get("way_back") == WayBack.IRREVERSIBLE.value for change in event.data.get("changes", ()))


def _event(host: str, reply: Union[Told, Said]) -> Union[Event, Output]:
    if isinstance(reply, Said):
        return Output(reply.component, reply.stream, reply.text, host)
    return Event(What(reply.what), reply.task, reply.component, reply.data, host)


class Wishes:
    """Tells hosts at work to stop, each word once for all that a host was sent so far."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._told: dict[str, str] = {}

    def tell(self, hosts: Iterable[str], how: str) -> None:
        """Say a word to those that have not heard it."""
        for host in hosts:
            if self._told.get(host) != how:
                self._told[host] = how
                self._runner.stop(host, how)

    def sent(self, host: str) -> None:
        """A host was sent more: what it was told before was not about that."""
        self._told.pop(host, None)
