"""A runner without machines: hosts are values, answers come in a random order that can be had again. For tests."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Optional

from depl.deploy.books import COLLECTED
from depl.errors import ChangeFailed, DeplError, Interrupted, Lost
from depl.protocol.failures import error_to_json
from depl.protocol.replies import Collected, Found, Repeated, Settled, TaskOver, TasksReversed, Undoing
from depl.rollout.graph import Task
from depl.rollout.script import Machine, Script

__all__ = ["FakeRunner", "Machine", "Script"]


class FakeRunner:
    """Does what its script says. asked: all that it was asked; log: what happened, as (what, id of a task).

    rollout, environment: what journals are headed with.
    """

    def __init__(
        self,
        machines: Mapping[str, Machine],
        script: Optional[Script] = None,
        *,
        rollout: str = "20260101-000000-0000",
        environment: str = "production",
    ) -> None:
        self.hosts: Sequence[str] = list(machines)
        self.machines, self.script = machines, script or Script()
        self.rollout, self.environment = rollout, environment
        self.asked: list[tuple[Any, ...]] = []
        self.log: list[tuple[str, str]] = []
        self.gone: set[str] = set()  # hosts that do not answer any more
        self._random = random.Random(self.script.seed)  # noqa: S311 no secret
        self._work: dict[str, deque[tuple[str, Callable[[], Any]]]] = {host: deque() for host in machines}
        self._turns: list[str] = []  # the hosts that have something to say
        self._late: deque[str] = deque()  # slow ones, likewise
        self._running: set[str] = set()
        self._told: set[str] = set()
        self._stopped: dict[str, str] = {}
        self._journals: dict[str, dict[str, Any]] = {}

    # -- what it is asked ------------------------------------------------------------------------------------

    def open(self) -> Sequence[DeplError]:
        """What the script says is in the way."""
        self.asked.append(("open",))
        return list(self.script.refuses.values())

    def start(self, host: str, tasks: Sequence[Task], last: bool) -> None:
        """Deploy."""
        self.asked.append(("start", host, tuple(tasks), last))
        for task in tasks:
            self.log.append(("sent", task.id))
            self._will(host, partial(self._deploy, task), task.id)

    def reverse(self, host: str, roots: Sequence[str], on_conflict: str) -> None:
        """Take back."""
        self.asked.append(("reverse", host, tuple(roots), on_conflict))
        self._will(host, lambda: self._reverse(host, roots, on_conflict))

    def repeat(self, host: str, roots: Sequence[str]) -> None:
        """Repeat reactions."""
        self.asked.append(("repeat", host, tuple(roots)))
        self._will(host, lambda: self._repeat(host, roots))

    def collect(self, host: str) -> None:
        """Remove what is no longer declared."""
        self.asked.append(("collect", host))
        self._will(host, lambda: self._collect(host))

    def check(self, host: str, roots: Sequence[str]) -> None:
        """Ask whether they are well."""
        self.asked.append(("check", host, tuple(roots)))
        self._will(host, lambda: self.script.checked(host, roots))

    def settle(self, host: str, outcome: str, whole: bool) -> None:
        """Settle."""
        self.asked.append(("settle", host, outcome, whole))
        self._will(host, lambda: self._settle(host, outcome))

    def plan(self, host: str, roots: Sequence[str]) -> None:
        """Predict."""
        self.asked.append(("plan", host, tuple(roots)))
        for root in roots:
            self._will(host, partial(self.script.predicted, host, root))

    def chains(self, host: str, rollout: Optional[str]) -> None:
        """Tell of the journals."""
        self.asked.append(("chains", host, rollout))
        self._will(host, lambda: Found([dict(journal) for journal in self.machines[host].journals]))

    def undo(self, host: str, rollout: str, plan: bool, on_conflict: str) -> None:
        """Open a journal."""
        self.asked.append(("undo", host, rollout, plan))
        self._will(host, lambda: self._open_journal(host, rollout, plan))

    def stop(self, host: str, how: str) -> None:
        """What waits does not begin any more."""
        self.asked.append(("stop", host, how))
        self._stopped[host] = how

    def reply(self, timeout: Optional[float]) -> Optional[tuple[str, Any]]:
        """The next answer. AssertionError where nobody has any: an engine that waits would wait for ever."""
        if self.script.patient and not self._turns and not self._late:
            time.sleep(min(timeout or 0, 0.01))
            return None
        host = self._speaker()
        id, act = self._work[host][0]
        if id in self._running and id not in self._told:
            self._told.add(id)
            self._turn(host)
            return host, self.script.told(id)
        answer = act()
        self._work[host].popleft()
        if isinstance(answer, DeplError):
            self._work[host].clear()
            self.gone.add(host)
        elif self._work[host]:
            self._begin(host)
        return host, answer

    def close(self, hosts: Optional[Iterable[str]] = None) -> None:
        """Only noted."""
        self.asked.append(("close", None if hosts is None else tuple(hosts)))

    # -- whose turn it is ------------------------------------------------------------------------------------

    def _will(self, host: str, act: Callable[[], Any], id: str = "") -> None:
        assert host not in self.gone, f"{host} is gone, and is asked again"
        self._work[host].append((id, act))
        if len(self._work[host]) == 1:
            self._begin(host)

    def _begin(self, host: str) -> None:
        id = self._work[host][0][0]
        if id and host not in self._stopped:
            self._running.add(id)
            self.log.append(("begin", id))
        self._turn(host)

    def _turn(self, host: str) -> None:
        (self._late if host in self.script.slow else self._turns).append(host)

    def _speaker(self) -> str:
        if not self._turns:
            assert self._late, "everybody waits for somebody who has nothing to say"
            return self._late.popleft()
        place = self._random.randrange(len(self._turns))
        self._turns[place], self._turns[-1] = self._turns[-1], self._turns[place]
        return self._turns.pop()

    # -- what happens ----------------------------------------------------------------------------------------

    def _deploy(self, task: Task) -> Any:
        if task.id not in self._running:
            self.log.append(("dropped", task.id))
            return TaskOver(0, task.root, began=False, dropped=True)
        self.log.append(("end", task.id))
        if task.id in self.script.unchanged:
            return TaskOver(0, task.root, began=False)
        self._write(task)
        if task.id in self.script.lost:
            return Lost(f"{task.host} does not answer any more")
        if task.id in self.script.fails:
            return self._failed(task, ChangeFailed(task.root, f"{task.id} does not work", task.root))
        if self._stopped.get(task.host) == "terminate":
            return self._failed(task, Interrupted("the run was interrupted", task.root))
        return TaskOver(0, task.root, 1)

    def _failed(self, task: Task, error: DeplError) -> TaskOver:
        self._stopped.setdefault(task.host, "hold")
        return TaskOver(0, task.root, 0, [error_to_json(error)], interrupted=isinstance(error, Interrupted))

    def _collect(self, host: str) -> Any:
        task = Task(f"{COLLECTED}@{host}", host, COLLECTED, 1000)
        self.log.append(("collect", task.id))
        if host not in self.script.undeclared:
            return Collected(0, began=False)
        self._write(task)
        if task.id in self.script.lost:
            return Lost(f"{host} does not answer any more")
        if task.id in self.script.fails:
            return Collected(0, errors=[error_to_json(ChangeFailed(task.root, f"{task.id} does not work"))])
        return Collected(0, 1)

    def _write(self, task: Task) -> None:
        journals = self.machines[task.host].journals
        if not journals or not journals[0]["unsettled"]:
            head = {"rollouts": [], "undos": [], "undone": [], "gone": [], "environments": [self.environment]}
            journals.insert(0, {**head, "unsettled": True, "outcome": "", "tasks": []})
        journal = self._journals[task.host] = journals[0]
        if self.rollout not in journal["rollouts"]:
            journal["rollouts"].append(self.rollout)
        others = [known for known in journal["tasks"] if known["root"] != task.root]
        fact = {"root": task.root, "order": task.order, "after": list(task.after)}
        journal["tasks"] = [*others, {**fact, "pivot": task.id in self.script.pivots}]

    def _reverse(self, host: str, roots: Sequence[str], on_conflict: str) -> Any:
        conflicts, failed, done = [], [], []
        held = self.script.held(host, self._journals[host]["tasks"]) if on_conflict != "keep" else set()
        for root in roots:
            id = f"{root}@{host}"
            if id in self.script.lost_back:
                return Lost(f"{host} does not answer any more")
            if root in held:
                continue
            if id in self.script.stuck:
                failed.append(f"{root} cannot be taken back")
            elif id in self.script.conflicts and on_conflict != "force":
                conflicts.append(f"{root}: something else is there now")
            else:
                done.append(root)
                self.log.append(("reverse", id))
        journal = self._journals[host]
        here, there = ("gone", "tasks") if self._redoes(journal) else ("tasks", "gone")
        journal[there] = journal.get(there, []) + [task for task in journal[here] if task["root"] in done]
        journal[here] = [task for task in journal[here] if task["root"] not in done]
        owed = [root for root in done if f"{root}@{host}" in self.script.owed]
        left = [root for root in roots if root not in done]
        pivots = ["it cannot be undone"] if held.intersection(roots) else []
        standing = [f"{root}: 1 change" for root in left if root in held]
        return TasksReversed(0, roots, len(done), (), conflicts, failed, (), owed, pivots, standing, left)

    def _repeat(self, host: str, roots: Sequence[str]) -> Repeated:
        self.log += [("repeat", f"{root}@{host}") for root in roots]
        return Repeated(0, roots)

    def _settle(self, host: str, outcome: str) -> Settled:
        self.log.append((outcome, host))
        journals = self.machines[host].journals
        journal = self._journals.get(host, journals[0] if journals else None)
        if journal is not None and journal["unsettled"]:
            journal.update(unsettled=False, outcome="succeeded" if self._redoes(journal) else outcome)
            if journal["outcome"] == "succeeded":
                journal["undone"] = []
        return Settled(0)

    def _redoes(self, journal: Mapping[str, Any]) -> bool:
        return bool(journal.get("undone")) and self.rollout in journal["rollouts"]

    def _open_journal(self, host: str, rollout: str, plan: bool) -> Undoing:
        named = [one for one in self.machines[host].journals if rollout in (*one["rollouts"], *one.get("undone", ()))]
        journal, again = named[0], rollout in named[0].get("undone", ())
        if not plan:
            self._journals[host] = journal
            for kind in ("rollouts",) if again else ("undos", "undone"):
                journal.setdefault(kind, []).append(self.rollout)
            journal["unsettled"] = True
        tasks = [dict(task) for task in journal["gone" if again else "tasks"]]
        steps = [{"component": task["root"], "shown": {}, "conflict": ""} for task in reversed(tasks)] if plan else []
        return Undoing(tasks, steps, rollouts=journal["rollouts"], again=again)
