"""What comes from the hosts: what they tell is passed on, what they answer is handed out, who is gone is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Optional, Union

from depl.errors import DeplError, Lost
from depl.events import Emit, Event, Output, What
from depl.protocol.replies import Said, Told
from depl.rollout.runner import Runner

POLL = 0.2  # seconds after which somebody's wish to stop is heeded, at the latest
OWN = (What.STARTED, What.REVERSING, What.OVER)  # events that are the coordinator's to tell


class Hosts:
    """The hosts of a rollout: passes on what they tell, and knows which of them are gone.

    lost: by host why.
    """

    def __init__(self, runner: Runner, emit: Emit) -> None:
        self.runner, self.emit = runner, emit
        self.lost: dict[str, DeplError] = {}

    def next(self, *kinds: type[Any]) -> Optional[tuple[str, Any]]:
        """The next answer, None where none came in a while. A host that is gone, or makes no sense, is an error."""
        answer = self.runner.reply(POLL)
        if answer is None:
            return None
        host, reply = answer
        if host in self.lost:
            return None
        if isinstance(reply, DeplError):
            self.lost[host] = reply
            return answer
        if isinstance(reply, (Told, Said)):
            return self._tell(host, reply)
        if isinstance(reply, kinds):
            return answer
        return host, self.refuse(host, f"it answered {type(reply).__name__}, which nobody asked for")

    def _tell(self, host: str, reply: Union[Told, Said]) -> Optional[tuple[str, DeplError]]:
        try:
            event = _event(host, reply)
        except ValueError:
            return host, self.refuse(host, "it told of something that cannot happen")
        if not isinstance(event, Event) or event.what not in OWN:
            self.emit(event)
        return None

    def refuse(self, host: str, reason: str) -> DeplError:
        """Talk no more to a host that makes no sense."""
        self.runner.close([host])
        self.lost[host] = Lost(f"{host} is not understood: {reason}")
        return self.lost[host]

    def gather(self, hosts: Iterable[str], ask: Callable[[str], None], kind: type[Any]) -> dict[str, Any]:
        """One answer of each host that is not gone before it comes."""
        answers: dict[str, Any] = {}
        asked = [host for host in hosts if host not in self.lost]
        waiting = set(asked)
        for host in asked:
            ask(host)
        while waiting:
            answer = self.next(kind)
            if answer is not None:
                waiting.discard(answer[0])
                if not isinstance(answer[1], DeplError):
                    answers[answer[0]] = answer[1]
        return {host: answers[host] for host in asked if host in answers}


def _event(host: str, reply: Union[Told, Said]) -> Union[Event, Output]:
    if isinstance(reply, Said):
        return Output(reply.component, reply.stream, reply.text, host)
    return Event(What(reply.what), reply.task, reply.component, reply.data, host)


class Wishes:
    """Tells hosts at work to stop, each word once."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._how = ""

    def tell(self, hosts: Iterable[str], how: str) -> None:
        if how != self._how:
            self._how = how
            for host in list(hosts):
                self._runner.stop(host, how)
