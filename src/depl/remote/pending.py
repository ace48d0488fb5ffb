"""What a host was asked and has not answered, so that it can be asked again after the line was cut."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from depl.deploy.books import COLLECTED
from depl.errors import Lost
from depl.protocol import replies, requests
from depl.protocol.failures import error_to_json
from depl.protocol.requests import Start

LOOK = "Look there for what ended it (memory, a restart, a kill)."
ANSWERS: Mapping[Any, Any] = {
    requests.Reverse: replies.TasksReversed,
    requests.Repeat: replies.Repeated,
    requests.Collect: replies.Collected,
    requests.Check: replies.Checked,
    requests.Settle: replies.Settled,
    requests.Chains: replies.Found,
    requests.Undo: replies.Undoing,
}


class Pending:
    """Requests without an answer, in their order; of Start each task on its own. done: the roots that went through."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self._requests: list[Any] = []
        self._lock = threading.Lock()

    def add(self, request: Any) -> None:
        """Something is asked."""
        with self._lock:
            if isinstance(request, Start):
                last = len(request.tasks) - 1
                for number, task in enumerate(request.tasks):
                    self._requests.append(Start([task], request.last and number == last))
            else:
                self._requests.append(request)

    def answered(self, reply: Any) -> None:
        """Forget the request that this is the answer to, if there is one."""
        with self._lock:
            found = next((request for request in self._requests if _answers(reply, request)), None)
            if found is not None:
                self._requests.remove(found)
            if isinstance(reply, replies.TaskOver) and not reply.errors and not reply.dropped:
                self.done.append(reply.task)

    def all(self) -> Sequence[Any]:
        """What is still without an answer."""
        with self._lock:
            return list(self._requests)

    def lost_collecting(self, host: str, begun: Collection[str]) -> Sequence[replies.Collected]:
        """What is to be believed of an agent that ended while it removed what is no longer declared."""
        if COLLECTED not in begun or not any(isinstance(request, requests.Collect) for request in self.all()):
            return ()
        error = Lost(f"the agent on {host} ended while it removed what is no longer declared", hint=LOOK)
        return (replies.Collected(0, errors=[error_to_json(error)]),)

    def died_in(self, begun: Collection[str]) -> Mapping[str, bool]:
        """Where the agent ended in the middle of a task, those without an answer, and whether they had begun.

        begun: the tasks that the host's journal knows. Empty if it ended between two tasks.
        """
        tasks = [str(request.tasks[0]["root"]) for request in self.all() if isinstance(request, Start)]
        found = {task: task in begun for task in tasks}
        return found if any(found.values()) else {}


def lost_tasks(host: str, tasks: Mapping[str, bool]) -> Iterator[replies.TaskOver]:
    """What is to be believed of tasks whose agent did not get to the end; how far it came is in the journal."""
    for root, began in tasks.items():
        if began:
            error = Lost(
                f"the agent on {host} ended in the middle of {root}",
                root,
                hint=LOOK,
            )
            yield replies.TaskOver(0, root, errors=[error_to_json(error)])
        else:
            yield replies.TaskOver(0, root, began=False, dropped=True)


def _answers(reply: Any, request: Any) -> bool:
    if isinstance(request, Start):
        task = str(request.tasks[0]["root"])
        return isinstance(reply, (replies.TaskOver, replies.Planned)) and reply.task == task
    return isinstance(reply, ANSWERS.get(type(request), ()))
