"""The agent that deploys: root components one after the other, and back."""

from __future__ import annotations

from typing import Any, Callable, Collection, List, Mapping, Optional

from depl.agent.line import Line
from depl.agent.model import SliceSide
from depl.deploy.begin import begin
from depl.deploy.forward import Result
from depl.deploy.own_code import reverse_by
from depl.deploy.undone import Undone
from depl.deploy.work import Work
from depl.errors import DeplError, Interrupted
from depl.events import Event, What
from depl.protocol import requests
from depl.protocol.failures import error_to_json
from depl.protocol.replies import Checked, Collected, Repeated, Settled, TaskOver, TasksReversed


class Acting(SliceSide):
    """Deploys what the slice declares; everything is journalled, and can be taken back on request."""

    mode = "act"

    def __init__(self, hello: requests.Hello, line: Line) -> None:
        super().__init__(hello, line)
        self.work: Optional[Work] = None
        self.named: Callable[[str], str] = str  # what an id was called when the project lay behind its link
        self._finished = False
        self.handlers.update(
            {
                requests.Reverse: self._reverse,
                requests.Repeat: self._repeat,
                requests.Collect: self._collect,
                requests.Check: self._check,
                requests.Settle: self._settle,
            }
        )

    def locked(self) -> None:
        hello = self.hello
        work = self.open_work(hello.host, hello.undoes)
        if not hello.resume:
            self.forget_others()
            for text in work.warnings:
                self.emit(Event(What.WARNING, data={"text": text}))
        self.prepare()

    def open_work(self, host: str, undoes: Optional[str], journal_path: Optional[str] = None) -> Work:
        """Open the journal of this rollout; of an undo, the one that it takes back. The lock is held."""
        assert self.lock is not None
        hello = self.hello
        head = begin(hello.rollout, hello.environment, host, hello.who, hello.revision, undoes, project=hello.project)
        self.work = Work(
            self.target,
            self.lock,
            head,
            self.emit,
            self.stop,
            durability=hello.durability,
            change_limit=hello.change_limit,
            command_timeout=hello.command_timeout,
            redact=self.redact,
            reversible_only=hello.reversible_only,
            journal_path=journal_path,
            of=hello.of,
        )
        return self.work

    def configured(self) -> None:
        if not self.hello.selected:
            assert self.work is not None
            self.work.judge(self.environment, self.roots)

    def switch(self, link: str, to: str) -> None:
        assert self.work is not None
        self.work.switch_project(link, to)
        self._switched = True

    def task(self, task: Mapping[str, Any], last: bool) -> bool:
        assert self.work is not None
        root = self.root(str(task["root"]))
        result = self.work.deploy(root, int(task["order"]), [str(one) for one in task.get("after", ())])
        errors = result.errors
        if last and not errors:
            errors = self._finish()
            if not errors and not self.hello.gc:
                self._tell_undeclared()
        interrupted = any(isinstance(error, Interrupted) for error in errors) or (self.stop.terminated and bool(errors))
        facts = [error_to_json(error, self.redact) for error in errors]
        self.line.send(TaskOver(0, root.name, result.changed, facts, result.began, interrupted))
        return not errors

    def _finish(self) -> List[DeplError]:
        assert self.work is not None
        self._take_over_what_is_done()
        self._finished = True
        return self.work.finish(self.environment)

    def _tell_undeclared(self) -> None:
        assert self.work is not None
        rows = self.work.undeclared()
        if rows:
            self.emit(Event(What.UNDECLARED, data={"things": rows, "removing": False}))

    def _collect(self, request: requests.Collect) -> None:
        """Remove what is no longer declared. What was done here before may have been that of another agent."""
        assert self.work is not None
        if self.stop.aborted:
            result = Result(0, [Interrupted("the run was interrupted")], False)
        else:
            errors = [] if self._finished else self._finish()
            result = Result(0, errors, True) if errors else self.work.collect()
        interrupted = any(isinstance(error, Interrupted) for error in result.errors)
        facts = [error_to_json(error, self.redact) for error in result.errors]
        interrupted |= self.stop.terminated and bool(facts)
        self.line.send(Collected(0, result.changed, facts, result.began, interrupted))

    def _check(self, request: requests.Check) -> None:
        """Ask what was deployed some time ago whether it is well."""
        assert self.work is not None
        red, errors = [], []
        for name in request.tasks:
            found = self.work.check(self.root(name))
            red += [name] if found else []
            errors += [error_to_json(error, self.redact) for error in found]
        self.line.send(Checked(0, request.tasks, red, errors, self.stop.aborted and bool(red)))

    def _take_over_what_is_done(self) -> None:
        """What agents before this one brought to its end in the same rollout."""
        assert self.work is not None
        known = {root.name for root in self.work.done}
        self.work.done += [self.root(name) for name in self.hello.done if name not in known]

    def at_work(self) -> Optional[str]:
        return (self.work.component if self.work is not None else None) or super().at_work()

    def close(self) -> None:
        if self.work is not None:
            self.work.close()
        super().close()

    # -- back --------------------------------------------------------------------------------------------------

    def _reverse(self, request: requests.Reverse) -> None:
        assert self.work is not None
        undone = self.work.reverse(
            request.tasks,
            request.on_conflict,
            reverse_by(lambda: self.roots, self.named),
            self.stop.from_now_on(),
        )
        self.line.send(reversed_reply(request.tasks, undone, self.work.owed()))

    def _repeat(self, request: requests.Repeat) -> None:
        assert self.work is not None
        failed = self.work.repeat(request.tasks, self.stop.from_now_on())
        self.line.send(Repeated(0, request.tasks, failed))

    def _settle(self, request: requests.Settle) -> None:
        assert self.work is not None
        errors: List[DeplError] = []
        try:
            if request.outcome == "succeeded":
                self._take_over_what_is_done()
                self.work.settle([root.name for root in self.roots], request.whole)
                self.forget_old()
                self.remove_old_projects()
            else:
                # What was tried again and worked is no failure any more: the journal knows what is left.
                rest = Undone()
                self.work.settle_back(rest)
                errors += [DeplError(sentence) for sentence in (*rest.conflicts, *rest.failed, *rest.pivots)]
                if self.hello.mode == "undo" and rest.whole:
                    self.forget_old()
        except DeplError as error:
            errors.append(error)
        self.line.send(Settled(0, [error_to_json(error, self.redact) for error in errors]))

    def forget_old(self) -> None:
        """Purge what is kept no longer, if this run changed something."""
        assert self.work is not None
        if self.work.journal.exists:
            from depl.deploy.retention import purge

            hello = self.hello
            purge(self.target, hello.environment, hello.keep_rollouts, hello.keep_days, self.emit)


def reversed_reply(tasks: Collection[str], undone: Undone, owed: List[str]) -> TasksReversed:
    """What came of a reversal, as a message."""
    return TasksReversed(
        0,
        list(tasks),
        undone.reversed,
        undone.kept,
        undone.conflicts,
        undone.failed,
        undone.unknown,
        owed,
        undone.pivots,
        undone.standing,
        undone.left,
    )
