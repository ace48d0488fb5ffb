"""How rollouts stand, kept for those who look at them: each is read once, and then only what is new of it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from copy import copy
from typing import TypeVar

from depl.events import What
from depl.rollout.folding import State
from depl.rollout.log import Recorded
from depl.rollout.states import TaskState
from depl.rollout.task_status import TaskStatus, id_of
from depl.rollout.wording import moment
from depl.store.store import Store
from depl.web.watching import Update

Kept = TypeVar("Kept", State, TaskStatus)
MOST = 16  # rollouts that are kept in mind
EVENTS, SECONDS = 50, 5.0  # after so many, or after so long, there is a mark
DIGITS = 18  # of a number that somebody may have seen


class Known:
    """The rollouts of a store. For any thread. Errors: LogFailed, NothingRecorded."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[str, Folded] = OrderedDict()
        self._lock = threading.Lock()

    def now(self, rollout: str) -> Folded:
        """How one stands after all that the store has of it."""
        with self._lock:
            folded = self._kept.setdefault(rollout, Folded(rollout))
            self._kept.move_to_end(rollout)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        folded.catch_up(self._store)
        return folded

    def forget(self, rollout: str) -> None:
        """It is no more."""
        with self._lock:
            self._kept.pop(rollout, None)


class Folded:
    """How one rollout stands, and with which event each of its tasks was last touched. For any thread."""

    def __init__(self, rollout: str) -> None:
        self.rollout = rollout
        self._state = State()
        self._touched: dict[str, int] = {}
        self._known: dict[str, int] = {}  # by task with which event it was first heard of
        self._mark, self._marked = 0, 0.0
        self._wholly = 0  # when everything was
        self._alone = threading.Lock()

    @property
    def state(self) -> State:
        """Nobody changes it any more, nor may those who are given it."""
        return self._state

    def catch_up(self, store: Store) -> None:
        """Take in what has happened since. Errors: LogFailed, NothingRecorded."""
        with self._alone:
            new = store.log(self.rollout).read(self._state.number)
            self._take(new)

    def since(self, number: str) -> Update:
        """What is new to whoever has seen that event."""
        with self._alone:
            state = self._state
            seen = int(number) if number.isdecimal() and len(number) < DIGITS else 0
            everything = not max(1, self._wholly) <= seen <= state.number
            touched = [id for id, at in self._touched.items() if everything or at > seen]
            new = frozenset(id for id in touched if self._known.get(id, 0) > seen)
            mark = self._mark
        if everything:
            touched += [id for id in state.tasks if id not in self._touched]
        return Update(
            id=str(state.number),
            since=number,
            everything=everything,
            state=state,
            touched=[id for id in touched if id in state.tasks],
            gone=[] if everything else [id for id in touched if id not in state.tasks],
            mark=mark,
            new=new,
        )

    def _take(self, new: Iterable[Recorded]) -> None:
        state, touched, wholly = None, dict[str, int](), self._wholly
        for recorded in new:
            if state is None:
                state = copied(self._state)
            if recorded.event.what is What.PLANNED:
                wholly = recorded.number
            touched.update(dict.fromkeys(touches(state, recorded), recorded.number))
            state.add(recorded)
            at = moment(recorded.at) or 0.0
            if recorded.number - self._mark >= EVENTS or at - self._marked >= SECONDS:
                self._mark, self._marked = recorded.number, at
        if state is not None:
            self._state, self._wholly = state, wholly
            self._touched.update(touched)
            self._known.update((id, number) for id, number in touched.items() if id not in self._known)


def touches(state: State, recorded: Recorded) -> Iterable[str]:
    """The tasks of which an event tells something new. state: before it."""
    event = recorded.event
    tasks = state.tasks.items()
    if event.task:
        id = id_of(event)
        again = event.what is What.TASK_STARTED and id in state.tasks and state.tasks[id].attempt
        return [id, *(one for one, _ in tasks if one.startswith(f"{id}/"))] if again else [id]
    if event.what is What.OVER:
        return [id for id, status in tasks if status.state is TaskState.PENDING]
    if event.what is What.BLOCKED:
        return [id for id, status in tasks if status.asked]
    if event.what is What.SIGNALLED and event.data.get("name") == "terminate":
        return [id for id, status in tasks if status.state is TaskState.REVERSING]
    return ()


def copied(state: State) -> State:
    """One that stays as it is while the other goes on."""
    found = _apart(state)
    found.tasks = {id: _apart(status) for id, status in state.tasks.items()}
    return found


def _apart(one: Kept) -> Kept:
    found = copy(one)
    for name, value in vars(one).items():
        if isinstance(value, (dict, list, set)):
            setattr(found, name, copy(value))
    return found
