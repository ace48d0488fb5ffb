"""Drives a rollout by hand in this process: its locks, its record, its tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from depl.cli.environment_claim import heed_hold
from depl.cli.fleet import records
from depl.cli.notifying import is_question, notifier_of, notify_of
from depl.cli.project_store import is_over, needed, records_of
from depl.cli.rollout_showing import shown, tell_end
from depl.cli.session import Session
from depl.cli.signals import STOPPING, heeded
from depl.cli.store_sharing import sharing
from depl.deploy.begin import utc, who
from depl.events import Event, Output, What
from depl.report.next_steps import next_steps
from depl.report.rollout import step_lines
from depl.rollout.folding import State, fold
from depl.rollout.keeping import forget_old_records
from depl.rollout.locks import EnvironmentLocks, Held
from depl.rollout.log import Log
from depl.rollout.plan import RolloutPlan
from depl.rollout.record_log import RecordLog
from depl.rollout.records import SIGNALS, path_of
from depl.rollout.signals import Signal, SignalFile, Signals
from depl.rollout.states import RolloutState
from depl.settings import EnvironmentSettings

if TYPE_CHECKING:
    from depl.rollout.notices import Notifier
    from depl.store.shared_run import SharedRun
    from depl.tasks.deployer import Deployer
    from depl.tasks.hands import TaskHands

_R = RolloutState
_TOLD = (What.BLOCKED, What.OVER)

Prepare = Callable[[State, Log], State]  # what is written down before anybody drives it


def drive_here(
    session: Session, plan: RolloutPlan, deployer: Deployer, prepare: Prepare, *, wait: bool = False
) -> State:
    """Drive a rollout until it is over, or blocked where nobody is at a terminal; its last words and exit status.

    prepare: is given the state as recorded (empty for a new one), once nobody else can write to it. Errors: Locked.
    """
    directory = records(session)
    with _locked(session, plan, wait=wait) as (held, shared):
        log = RecordLog(directory, plan.rollout, session.printer.redact)
        try:
            state = prepare(fold(log.read()), log)
            if shared is not None:
                with needed():
                    shared.bring()
            held.begin()
            if held.taken_over:
                from depl.cli.taken_over import write_last_words

                write_last_words(session, held.taken_over, plan.rollout)
            _drive(session, plan, state, log, deployer, shared.leaving if shared is not None else lambda: False)
        finally:
            log.close()
        if state.state is _R.BLOCKED:
            held.leave(_R.BLOCKED.value)
        elif state.state.is_over:
            held.release()
            forget_old_records(log.path, EnvironmentSettings.keep_rollouts, EnvironmentSettings.keep_days)
        if shared is not None:
            shared.stands(state.state)
    tell_end(session, state)
    return state


def recorded(state: State, log: Log, *events: Event) -> State:
    """The state after some more events, which are on the disk then. Errors: LogFailed, IllegalTransition."""
    for one in log.append(events, durable=True):
        state.add(one)
    return state


@contextmanager
def _locked(session: Session, plan: RolloutPlan, *, wait: bool) -> Iterator[tuple[Held, SharedRun | None]]:
    """The environments of a rollout; an error before it begins leaves written there what was, a later one our own."""

    def tell(sentence: str) -> None:
        session.complain_of_warnings([sentence])

    for name in plan.environments:
        heed_hold(session, name)  # before the locks say whose they are
    how: dict[str, Any] = {"wait": None if wait else 0.0, "tell": tell}
    held = EnvironmentLocks(records(session)).take(
        plan.environments,
        plan.rollout,
        who(),
        over=lambda rollout: is_over(session, rollout),
        command=f"rollout {plan.name}",
        **how,
    )
    for name, owner in held.taken_over.items():
        tell(f"rollout {owner.rollout} did not come to its end on {name}; this one goes on from what stands there")
    try:
        for name in plan.environments:
            heed_hold(session, name)
        with sharing(session, plan.environments, plan.rollout, alone=held.names, **how) as shared:
            if held.taken_over:
                from depl.cli.taken_over import end_taken_over

                end_taken_over(session, held.taken_over)
            yield held, shared
    finally:
        held.put_back()


def _drive(
    session: Session, plan: RolloutPlan, state: State, log: Log, deployer: Deployer, leaving: Callable[[], bool]
) -> None:
    """Until it is over or blocked; state is kept up to date."""
    from depl.rollout.engine import drive
    from depl.tasks.making import monitors_of, rebuild

    redact = session.printer.redact
    monitors = monitors_of(rebuild(plan, session.base), session.base, redact) if plan.monitors else {}
    notifier = notifier_of(session)
    hands = hands_of(session, plan, state, deployer, notifier)
    signals = SignalFile(path_of(records(session), plan.rollout, SIGNALS), redact)
    wishes = _Wishes(signals, state)
    stays = session.printer.interactive and not session.as_json
    with session.at_work(), shown(session, plan) as show, heeded(wishes, wishes.says):

        def emit(event: Event | Output) -> None:
            show(event)
            if isinstance(event, Event) and (event.what in _TOLD or is_question(event)):
                notify_of(notifier, state)
            if stays and isinstance(event, Event) and event.what is What.BLOCKED:
                session.show(step_lines(next_steps(state, session.command)))

        try:
            how: dict[str, Any] = {"monitors": monitors, "stay_blocked": stays, "leaving": leaving}
            drive(plan, state, log, hands, signals, emit=emit, **how)
        except _Left:
            pass
        finally:
            if notifier is not None:
                session.complain_of_warnings(notifier.close())


class _Left(BaseException):
    """Somebody wants us to end, and cannot wait until it is over: it can be gone on with."""


class _Wishes:
    """Ctrl-C as a signal like all others, so that the record tells who ended it.

    The way back is not taken back: there the first one pauses it, the second one leaves it to whoever resumes it.
    """

    def __init__(self, signals: Signals, state: State) -> None:
        self._signals, self._state = signals, state

    def says(self) -> str:
        """What abort() does now."""
        if self._state.state is _R.BLOCKED:
            return "leaving it blocked, as it is"
        if self._state.state is _R.REVERSING:
            return "putting nothing more back after what runs now (Ctrl-C again: leaving it as it is)"
        return STOPPING

    def abort(self) -> None:
        """End after what runs now."""
        self._post("abort")

    def terminate(self) -> None:
        """End at once."""
        self._post("terminate")

    def _post(self, name: str) -> None:
        reversing = self._state.state is _R.REVERSING
        if self._state.state is _R.BLOCKED or (reversing and name == "terminate"):
            raise _Left
        try:
            self._signals.post(Signal("pause_rollback" if reversing else name, who(), utc()))
        except OSError as error:  # such as a full disk: it can be said in no other way
            raise _Left from error


def refuse_driven(session: Session, rollout: str) -> None:
    """Errors: Locked where somebody is at work on a rollout."""
    from depl.errors import Locked

    if records_of(session).is_driven(rollout):
        hint = f"Look at it with `depl rollout follow {rollout}`."
        raise Locked(f"somebody is at work on rollout {rollout}", hint=hint)


def hands_of(
    session: Session, plan: RolloutPlan, state: State, deployer: Deployer, notifier: Notifier | None
) -> TaskHands:
    """Who carries the tasks of a rollout out: threads of this process."""
    from depl.tasks.hands import TaskHands

    return TaskHands(
        deployer,
        notifier,
        session.printer.redact,
        session.base,
        rollout=plan.rollout,
        on_failure=lambda: "stop" if state.keep or plan.on_failure == "stop" else "rollback",
        output_instead=session.output_instead,
    )


def project_deployer(session: Session) -> Deployer:
    """Who deploys and undoes the environments of the project."""
    from depl.cli.deployer import ProjectDeployer

    return ProjectDeployer(session)
