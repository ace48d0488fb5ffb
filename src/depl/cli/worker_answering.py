"""Answers one inquiry for a worker, in this process, which may be ended at any time: whatever happens is an answer."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from depl.cli import worker_plans, worker_publishing
from depl.cli.session import Session
from depl.cli.worker_coordinators import WISHES, Question
from depl.cli.worker_facts import error_facts, shown_facts
from depl.errors import DeplError, ReportBug
from depl.rollout.log import LogFailed
from depl.rollout.plan import RolloutPlan

if TYPE_CHECKING:
    from depl.store.inquiries import Inquiry
    from depl.store.store import Store

LONGEST = 4_000_000  # characters of an answer with diffs
LEFT_OUT = "(left out here, as there is so much of it)"
AGAIN = 1.0  # seconds until a store that is away is tried again; the worker ends us when that takes too long

Answer = tuple[Mapping[str, Any], RolloutPlan | None]  # and what it leaves in the store, planned


class Ended(BaseException):
    """Somebody wants us to end."""


def answer(session: Session, store: Store, question: Question, parent: int) -> None:
    """Answer, or publish the project. parent: whose child this process is as long as its worker lives.

    Nothing that goes wrong is an error of ours.
    """
    _silence()
    threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()
    with suppress(Ended):
        for number in WISHES:
            signal.signal(number, _heed)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WISHES)
        if question.inquiry:
            _Answering(session, store, question).run()
        else:
            worker_publishing.publish(session, store)


@dataclass
class _Answering:
    session: Session
    store: Store
    question: Question

    def run(self) -> None:
        inquiry = self.store.inquiries.get(self.question.inquiry)
        try:
            told, plan = self._fitting(inquiry)
            self._patiently(lambda: self._end(inquiry, told, plan))
        except LogFailed:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whoever asked is to hear of it
            bug = ReportBug(f"unexpected {type(error).__name__}: {error}".rstrip(": "))
            facts = error_facts(self.session, error if isinstance(error, DeplError) else bug)
            asked = shown_facts(self.session, inquiry.asked)
            self._patiently(lambda: self.store.inquiries.fail(inquiry.id, inquiry.owner, facts, asked))

    def _fitting(self, inquiry: Inquiry) -> Answer:
        """The answer as it may be shown, without diffs where it would be too long."""
        kind = KINDS.get(inquiry.kind)
        if kind is None:
            message = f"This worker does not know what an inquiry of the kind {inquiry.kind!r} asks for"
            raise DeplError(message, hint="Use the newer depl for the worker, too.")
        told, plan = kind(self.session, self.store, inquiry)
        told = shown_facts(self.session, told)
        if len(json.dumps(told)) > LONGEST:
            told = shown_facts(self.session, told, instead=LEFT_OUT)
        return told, plan

    def _end(self, inquiry: Inquiry, told: Mapping[str, Any], plan: RolloutPlan | None) -> None:
        inquiries, owner = self.store.inquiries, self.question.owner
        if not inquiries.beat(inquiry.id, owner):
            return  # another worker answers, and plans
        if plan is not None:
            self.store.create(plan, redact=self.session.printer.redact)
        asked = shown_facts(self.session, inquiry.asked)
        inquiries.answer(inquiry.id, owner, told, plan.rollout if plan is not None else "", asked)

    def _patiently(self, tell: Callable[[], object]) -> None:
        while True:
            try:
                tell()
                return
            except LogFailed:
                time.sleep(AGAIN)


def _publish(session: Session, store: Store, inquiry: Inquiry) -> Answer:
    worker_publishing.publish(session, store)
    return {}, None


KINDS: Mapping[str, Callable[[Session, Store, Inquiry], Answer]] = {
    "publish": _publish,
    "look": worker_publishing.look,
    "plan": worker_plans.plan,
    "deploy": worker_plans.deploy,
    "replan": worker_plans.replan,
    "undo": worker_plans.undo,
}


def _silence() -> None:
    """What components print while they are looked at is of interest to nobody."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)


def _heed(*_: object) -> None:
    for number in WISHES:
        signal.signal(number, signal.SIG_IGN)
    raise Ended


def _end_with(parent: int) -> None:
    """End as soon as the worker is gone: nobody bounds our time any more."""
    while os.getppid() == parent:
        time.sleep(1)
    os.killpg(os.getpid(), signal.SIGKILL)
