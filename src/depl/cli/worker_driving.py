"""Drives one rollout of the store for a worker, in this process: under a lease that ends with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from depl.cli.fleet import records
from depl.cli.session import Session
from depl.cli.taken_over import end_taken_over, write_last_words
from depl.cli.worker_loop import AGAIN, heeded
from depl.errors import DeplError, Locked
from depl.events import Event, What
from depl.report.lines import Line
from depl.rollout.folding import State, fold
from depl.rollout.locks import EnvironmentLocks, Held
from depl.rollout.log import Fenced, LogFailed
from depl.rollout.put_aside import is_left, waiting_for, wake_of
from depl.rollout.states import RolloutState
from depl.store.heartbeat import Gone, Lease, LeaseClock
from depl.store.leases import Claim
from depl.tasks.recovering import driving, end_left, settled

if TYPE_CHECKING:
    from depl.rollout.notices import Notifier
    from depl.rollout.plan import RolloutPlan
    from depl.store.store import Store
    from depl.tasks.deployer import Deployer

_R = RolloutState

LATER = 60.0  # seconds until somebody goes on with what failed in a way that nobody foresaw


def drive_claimed(session: Session, store: Store, claim: Claim, parent: int) -> None:
    """Drive a rollout until it is over, waits for somebody, or is to be left to another worker.

    parent: whose child this process is as long as its worker lives. Nothing that happens to the rollout is an error of
    ours.
    """
    lease = Lease(store, claim, parent)
    wake: float | None = None
    with heeded(lease.end):
        try:
            with lease:
                wake = _Driving(session, store, claim, lease).run()
        except Fenced as error:
            session.complain_of_warnings([f"{error.message}; nothing more is done here"])
            return
        except Gone:
            wake = 0.0
        except Exception as error:  # noqa: BLE001 - somebody has to go on with it
            wake = LATER
            if isinstance(error, DeplError):
                session.fail(error)
            else:
                session.fail_unexpectedly(error)
        with suppress(LogFailed):  # then the lease expires
            store.let_go(claim, wake)


def prepare(session: Session) -> None:
    """Import what driving needs, and find the store in order, so that processes forked from this one need not."""
    from depl import wrapped  # noqa: F401
    from depl.cli import deployer, project_store, rollout_driving, rollout_planning, undo, worker_answering  # noqa: F401
    from depl.rollout import engine  # noqa: F401
    from depl.secrets import places  # noqa: F401
    from depl.tasks import hands, making  # noqa: F401

    with suppress(DeplError):  # then each sees for itself
        project_store.open_project_store(session).close()  # no connection is left open


class _Driving:
    """run(): seconds after which the rollout is to be looked at again, None where somebody has to say something."""

    def __init__(self, session: Session, store: Store, claim: Claim, lease: Lease) -> None:
        self.session, self.store, self.claim, self.lease = session, store, claim, lease
        self.redact = session.printer.redact
        self.log = store.log(claim.rollout, claim.epoch, self.redact)
        self.signals = store.signals(claim.rollout, self.redact)

    def run(self) -> float | None:
        state = fold(self.log.read())
        plan = state.plan
        if plan is None or state.state.is_over:
            return None
        was_here = end_left(self.session.base, plan.rollout)
        with driving(self.session.base, plan.rollout):
            try:
                held = self._locked(plan)
            except Locked:
                self._give_back(state)
                return AGAIN
            try:
                if held.taken_over:
                    end_taken_over(self.session, held.taken_over)
                    write_last_words(self.session, held.taken_over, plan.rollout)
                return self._held(plan, state, held, was_here)
            finally:
                held.give_back()
                if self.notifier is not None:
                    self.session.complain_of_warnings(self.notifier.close())
                with suppress(Fenced):
                    self.log.close()

    def _locked(self, plan: RolloutPlan) -> Held:
        from depl.cli.project_store import is_over

        return EnvironmentLocks(records(self.session)).take(
            plan.environments,
            plan.rollout,
            plan.who,
            over=lambda rollout: is_over(self.session, rollout),
            command=f"rollout {plan.name}",
        )

    def _give_back(self, state: State) -> None:
        if not state.started:
            self.store.locks.give_back(state.rollout)

    def _held(self, plan: RolloutPlan, state: State, held: Held, was_here: bool) -> float | None:
        from depl.cli.rollout_driving import project_deployer
        from depl.cli.rollout_planning import know_secrets

        know_secrets(self.session, plan)
        deployer, number = project_deployer(self.session), state.number
        if state.state is _R.QUEUED and self._is_cancelled(plan, state, deployer):
            held.release()
            return None
        try:
            if is_left(plan, state, lost=bool(self.claim.lost)):
                self._settle(plan, state, deployer, was_here)
            self._drive(plan, state, deployer)
        finally:
            if state.state.is_over:
                held.release()
            else:
                held.leave(waiting_for(state))
        if state.number > number:
            self._tell(state)
        return 0.0 if self.lease.leaving() else wake_of(plan, state)

    def _tell(self, state: State) -> None:
        """Those who look on, and those who do not."""
        from depl.cli.notifying import notify_of
        from depl.rollout.asking import shown

        notify_of(self.notifier, state)
        reason = f": {state.reason}" if state.reason else ""
        self.session.show([Line(f"rollout {state.rollout} ({state.name}) is {shown(state)}{reason}")])

    @cached_property
    def notifier(self) -> Notifier | None:
        """Who tells those who are not looking."""
        from depl.cli.notifying import notifier_of

        return notifier_of(self.session)

    # -- what comes before -----------------------------------------------------------------------------------

    def _is_cancelled(self, plan: RolloutPlan, state: State, deployer: Deployer) -> bool:
        """Whether a queued rollout never begins: somebody wants that, or what it would deploy has changed since."""
        from depl.cli.project_store import records_of
        from depl.deploy.begin import utc
        from depl.rollout.byhand_undo import assert_still_there
        from depl.tasks.making import assert_fresh, rebuild

        events = []
        reason = ""
        for signal in self.signals.new(state.last_signal):
            if signal.name == "abort":
                facts = {"number": signal.number, "name": signal.name, "who": signal.who, "reason": signal.reason}
                events.append(Event(What.SIGNALLED, data=facts))
                reason = f"cancelled by {signal.who}"
        if not reason:
            try:
                with self.session.prints_apart():
                    assert_fresh(replace(plan, valid=math.inf), utc(), deployer, self.session.base)
                    if plan.undoes:
                        assert_still_there(records_of(self.session), plan)
                    if plan.monitors:
                        rebuild(plan, self.session.base)
                return False
            except DeplError as error:
                reason = error.message
        over = Event(What.OVER, data={"outcome": _R.CANCELLED.value, "reason": reason})
        self._note(state, *events, over)
        self._tell(state)
        return True

    def _settle(self, plan: RolloutPlan, state: State, deployer: Deployer, was_here: bool) -> None:
        if self.claim.lost and not was_here:
            text = f"{self.claim.lost} drove it on another machine; commands that it left running there are not ended"
            self._note(state, Event(What.WARNING, data={"text": text}))
        who, epoch = self.claim.owner, self.claim.epoch
        settled(self.session.base, plan, state, self.log, deployer, who=who, epoch=epoch)

    # -- driving ---------------------------------------------------------------------------------------------

    def _drive(self, plan: RolloutPlan, state: State, deployer: Deployer) -> None:
        from depl.cli.notifying import heeding
        from depl.cli.rollout_driving import hands_of
        from depl.cli.rollout_showing import shown
        from depl.rollout.engine import drive

        hands = hands_of(self.session, plan, state, deployer, self.notifier)
        with shown(self.session, plan) as emit:
            drive(
                plan,
                state,
                self.log,
                hands,
                self.signals,
                emit=heeding(emit, lambda: self._tell(state), shows_all=self.session.verbose or self.session.as_json),
                clock=LeaseClock(self.lease.leaving),
                monitors=self._monitors(plan, state),
                may_put_aside=True,
                stay_blocked=False,
                leaving=self.lease.leaving,
            )

    def _monitors(self, plan: RolloutPlan, state: State) -> Mapping[str, Callable[[], None]]:
        """Those of a plan. Where it waits for somebody, each looks now: then the rollout is put aside again."""
        from depl.tasks.making import monitors_of, rebuild

        if not plan.monitors or state.state not in (_R.QUEUED, _R.RUNNING):
            return {}
        try:
            with self.session.prints_apart():
                found = monitors_of(rebuild(plan, self.session.base), self.session.base, self.redact)
                for look in found.values() if state.holds else ():
                    look()
        except Exception as error:  # noqa: BLE001 - it trips by raising, whatever it is
            said = self.redact(str(error) or type(error).__name__)
            self._note(state, Event(What.STOPPING, data={"reason": f"monitor: {said}", "cause": ""}))
            return {}
        return found

    def _note(self, state: State, *events: Event) -> None:
        for recorded in self.log.append(events, durable=True):
            state.add(recorded)
