"""Telling people of a rollout who are not looking: `[notify]` of depl.cfg."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Mapping, Sequence
from threading import RLock, Thread
from typing import Any, Protocol

from depl.deploy.begin import utc
from depl.errors import DeplError
from depl.redact import Redactor
from depl.rollout.masking import masked, visible

KINDS = ("end", "failure", "gate", "blocked")
TIMEOUT = 10.0  # seconds for one notice
PATIENCE = 2.0  # seconds more for what is under way when everything else is done


class Settings(Protocol):
    """What is read of `[notify]`; see depl.project.NotifySettings."""

    @property
    def targets(self) -> Sequence[str]: ...

    @property
    def on(self) -> Sequence[str]: ...

    @property
    def smtp(self) -> str: ...

    @property
    def sender(self) -> str | None: ...


class Notifier:
    """Sends notices from threads, to each target in their order; whoever tells never waits, until close().

    base: the project's directory, where commands run. timeout: seconds for one notice. What fails becomes a sentence in
    warnings().
    """

    def __init__(self, settings: Settings, redact: Redactor, base: str, timeout: float = TIMEOUT) -> None:
        self._settings, self._redact, self._base, self._timeout = settings, redact, base, timeout
        self._threads: list[_Sending] | None = None
        self._warnings: list[str] = []
        self._lock = RLock()  # tasks in several threads may have something to tell

    def tell(self, kind: str, facts: Mapping[str, object]) -> None:
        """Tell all targets. kind: one of KINDS, told if the settings say so; any other one always is.

        facts: rollout, name, environments, who, state, reason, link, ..., as far as they are known; text: instead of
        the sentence made of them; targets: only those with one of these texts in their names.
        """
        if kind in KINDS and kind not in (self._settings.on or KINDS):
            return
        told = self._redact.data(masked({"kind": kind, "at": utc(), **facts}, self._redact))
        wanted: Any = told.pop("targets", None) or [""]
        notice = {**told, "text": " ".join(str(told.get("text") or "").split()) or sentence(told)}
        threads = self._started()
        for one in wanted:
            if one and not any(str(one) in thread.name for thread in threads):
                self._warn(f"nobody in [notify] is {one!r}, so they were not told of {told['kind']}")
        for thread in threads:
            if any(str(one) in thread.name for one in wanted):
                thread.notices.put(notice)

    def warnings(self) -> list[str]:
        """What could not be told to whom, since this was asked last."""
        with self._lock:
            said, self._warnings = self._warnings, []
        return said

    def close(self) -> list[str]:
        """Wait a little for what is under way; the last warnings."""
        until, threads = time.monotonic() + self._timeout + PATIENCE, self._threads or []
        for thread in threads:
            thread.notices.put(None)
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                thread.give_up()
                self._warn(f"{thread.name} did not take all notices in time")
        self._threads = None
        return self.warnings()

    def _started(self) -> list[_Sending]:
        with self._lock:
            if self._threads is None:
                self._threads = []
                for number, text in enumerate(self._settings.targets, 1):
                    try:
                        self._threads.append(_Sending(self._target(text), self))
                    except ValueError as error:
                        self._warn(f"target {number} of [notify] is not understood: {error}")
                for thread in self._threads:
                    thread.start()
            return self._threads

    def _target(self, text: str) -> Target:
        from depl.rollout.notice_targets import target_of

        return target_of(text, self._base, self._settings.smtp, self._settings.sender, self._timeout)

    def _warn(self, text: str) -> None:
        shown = visible(self._redact(visible(self._redact(text))))
        with self._lock:
            self._warnings.append(shown)


class Target(Protocol):
    """Where notices go."""

    @property
    def name(self) -> str:
        """As people may read it, without what grants access."""

    def send(self, notice: Mapping[str, Any]) -> None:
        """Send one. Errors: anything; NotTold with words that can be shown."""

    def give_up(self) -> None:
        """Nobody waits any longer, and nothing more is sent: leave nothing behind."""


class NotTold(DeplError):
    """A notice did not arrive."""


class _Sending(Thread):
    """Sends to one target, one notice after the other; None is the end."""

    def __init__(self, target: Target, notifier: Notifier) -> None:
        super().__init__(name=target.name, daemon=True)
        self.notices: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
        self._target, self._notifier = target, notifier
        self.give_up = target.give_up

    def run(self) -> None:
        while (notice := self.notices.get()) is not None:
            try:
                self._target.send(notice)
            except Exception as error:  # noqa: BLE001 - a notice that does not arrive is never more than a warning
                self._notifier._warn(f"{self.name} was not told of {notice['kind']}: {_why(error)}")


def sentence(facts: Mapping[str, Any]) -> str:
    """A notice for people, in one line: `production: rollout 2026... by alice@host failed: the reason`."""
    environments = facts.get("environments") or ()
    where = ", ".join(map(str, environments)) if isinstance(environments, (list, tuple)) else str(environments)
    name, state = facts.get("name"), str(facts.get("state") or facts.get("kind"))
    what = " ".join(str(one) for one in (name if name != where else "", facts.get("rollout")) if one)
    is_so = "waits" if facts.get("kind") == "gate" else f"{'has' if state == 'succeeded' else 'is'} {state}"
    parts = [
        f"{where}: " if where else "",
        f"rollout {what}" if what else "a rollout",
        f" by {facts['who']}" if facts.get("who") else "",
        f" {is_so}",
        f": {facts['reason']}" if facts.get("reason") else "",
    ]
    return " ".join("".join(parts).split())


def _why(error: Exception) -> str:
    """What was wrong; errors of libraries may repeat an address with all that it grants."""
    if isinstance(error, NotTold):
        return error.message
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    return type(error).__name__


def lines_of(facts: Mapping[str, Any]) -> str:
    """The facts of a notice, a line each, for mails."""
    shown = {key: value for key, value in facts.items() if key != "text" and value not in (None, "", [], ())}
    return "".join(f"{key}: {value if isinstance(value, str) else json.dumps(value)}\n" for key, value in shown.items())
