"""Stage by stage forwards: after each its checks are watched for a while, and somebody may have to approve."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from depl.errors import DeplError, Interrupted
from depl.events import Event, What
from depl.protocol.failures import error_from_json
from depl.protocol.replies import Checked
from depl.rollout.back import WayBack, back
from depl.rollout.drive import Course, forward, stopping
from depl.rollout.ending import settle
from depl.rollout.graph import Plan
from depl.rollout.hearing import POLL, Hosts, Wishes
from depl.rollout.stages import FIRST_PAUSE, Staging, along_with
from depl.rollout.states import Hold
from depl.rollout.wishes import Heard


@dataclass
class Borne:
    """What failed and did not end the rollout. hosts: where; those that need them are among them.

    began: the tasks there that may have changed something; way: how it went back.
    """

    hosts: set[str] = field(default_factory=set)
    began: set[str] = field(default_factory=set)
    errors: list[DeplError] = field(default_factory=list)
    way: WayBack = field(default_factory=WayBack)


class Staged:
    """One way forward through all stages. course: how it goes; borne: what it did not stop for.

    approve: the command that opens a gate.
    """

    def __init__(
        self, plan: Plan, staging: Staging, hosts: Hosts, jobs: int, back_jobs: int, heard: Heard, approve: str
    ) -> None:
        self.plan, self.staging, self.hosts, self.heard = plan, staging, hosts, heard
        self.jobs, self.back_jobs, self.approve = jobs, back_jobs, approve
        self.course, self.borne = Course(), Borne()

    def run(self) -> Course:
        """All stages, one after the other, until something fails."""
        stages = self.staging.stages or [list(self.plan.by_host)]
        for number, stage in enumerate(stages, 1):
            if len(stages) > 1:
                self._log(f"stage {number} of {len(stages)}: {', '.join(stage)}")
            self._go_through(set(stage), self.staging.max_failures if number > 1 or len(stages) == 1 else 0)
            if number < len(stages):
                self.soak()
                self._wait_at_gate(number)
            if self.course.errors:
                break
        return self.course

    @property
    def left(self) -> list[str]:
        """The hosts that did not fail."""
        return [host for host in self.hosts.runner.hosts if host not in self.borne.hosts]

    # -- a stage ---------------------------------------------------------------------------------------------------

    def _go_through(self, stage: set[str], max_failures: int) -> None:
        def bears(course: Course) -> bool:
            failed = along_with(self.borne.hosts | course.failed, self.plan)
            return not self.heard.aborted and len(failed) <= max_failures

        course = self.course
        while True:
            tasks = self.plan.tasks
            here = {id for id in self.plan.after if tasks[id].host in stage - self.borne.hosts} - course.through
            if self.heard.aborted and here:
                self._end(Interrupted(self.heard.interruption))
                return
            forward(self.plan.only(here), self.hosts, self.jobs, self.heard, course, self.plan, bears)
            if not course.errors or not bears(course):
                return
            self._bear()

    def _bear(self) -> None:
        """Put the hosts that failed back, and go on without them."""
        course, borne, heard = self.course, self.borne, self.heard
        failed = along_with(course.failed, self.plan) - borne.hosts
        shown = ", ".join(sorted(failed))
        self._log(f"{shown}: put back, and the run goes on without {'it' if len(failed) == 1 else 'them'}")
        began = {id for id in course.began if self.plan.tasks[id].host in failed}
        way = back(self.plan.only(began), self.hosts, self.back_jobs, "stop", heard.stop.again(), lambda: False)
        good = [host for host in sorted(failed) if host not in way.bad and host not in self.hosts.lost]
        borne.errors += [*course.errors, *settle(self.hosts, good, "reversed", whole=False)[0]]
        borne.way += way
        borne.hosts |= failed
        borne.began |= began
        course.began -= began
        course.through = {id for id in course.through if self.plan.tasks[id].host not in failed}
        course.errors, course.failed, course.interrupted = [], set(), False
        for host in failed:
            del course.changes[host]

    # -- between two stages ------------------------------------------------------------------------------------------

    def soak(self) -> None:
        """Watch for a while whether all that was deployed stays well, if anything changed."""
        staging, heard = self.staging, self.heard
        if not staging.soak or not self.course.began or self.course.errors:
            return
        self._log(f"soaking for {staging.soak:g} s: {len(self.course.through)} components are watched")
        until, pause = time.monotonic() + staging.soak, FIRST_PAUSE
        while not self.course.errors and (left := until - time.monotonic()) > 0:
            self._wait(min(left, pause))
            pause = min(pause * 2, staging.interval)
            if heard.aborted:
                self._end(Interrupted(heard.interruption))
            elif not self.course.errors:
                self._check()

    def _wait(self, seconds: float) -> None:
        """Let time pass, and notice when a host is lost meanwhile."""
        until, lost = time.monotonic() + seconds, set(self.hosts.lost)
        while time.monotonic() < until and not self.heard.aborted:
            self.hosts.idle(until - time.monotonic())
            for host in self.hosts.lost.keys() - lost:
                self._end(self.hosts.lost[host])
                return

    def _check(self) -> None:
        wishes = Wishes(self.hosts.runner)

        def heed(waiting: Iterable[str]) -> None:
            if self.heard.aborted:
                wishes.tell(waiting, "terminate" if self.heard.terminated else "abort")

        roots: dict[str, list[str]] = {}
        for id in self.plan.after:
            if id in self.course.through:
                roots.setdefault(self.plan.tasks[id].host, []).append(self.plan.tasks[id].root)
        runner, lost = self.hosts.runner, set(self.hosts.lost)
        answers = self.hosts.gather(roots, lambda host: runner.check(host, roots[host]), Checked, heed)
        for host, checked in answers.items():
            red = [root for root in roots[host] if root in checked.red]
            for root in red if not self.heard.aborted else ():
                text = "its check has turned red, so everything is put back"
                self.hosts.emit(Event(What.LOG, root, data={"text": text}, host=host))
            for facts in checked.errors:
                self._end(error_from_json(facts), f"{red[0]}@{host}" if red else "")
        for host in self.hosts.lost.keys() - lost:
            self._end(self.hosts.lost[host])

    def _wait_at_gate(self, number: int) -> None:
        """Wait until somebody approves, if anything changed."""
        heard = self.heard
        if not self.staging.gate or not heard.can_be_heard or not self.course.began or self.course.errors:
            return
        heard.hold(Hold.APPROVAL, f"stage {number} is through; go on with: {self.approve}")
        self._log(f"stage {number} is through and waits for an approval; go on with: {self.approve}")
        while not (answer := heard.answer()) and not heard.aborted and not self.course.errors:
            self._wait(POLL)
        heard.release(Hold.APPROVAL)
        if heard.aborted:
            self._end(Interrupted(heard.interruption))
        elif answer is not None and answer.name == "reject":
            hint = "Correct what was wrong with it, and deploy again."
            self._end(DeplError(f"{answer.who} rejected it after stage {number}: {answer.reason}", hint=hint))

    # -- telling -----------------------------------------------------------------------------------------------------

    def _end(self, error: DeplError, cause: str = "") -> None:
        if not self.course.errors:
            self.course.interrupted = isinstance(error, Interrupted) or self.heard.aborted
        self.course.errors.append(error)
        stopping(self.hosts, self.heard, self.course, error.message, cause)

    def _log(self, text: str) -> None:
        self.hosts.emit(Event(What.LOG, data={"text": text}))


def tell_stages(staging: Staging, emit_to: Hosts) -> None:
    """Say what will come in which stage."""
    for text in staging.lines():
        emit_to.emit(Event(What.LOG, data={"text": text}))
