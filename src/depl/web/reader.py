"""What happens in the rollouts that somebody looks at: read from the store by one thread for all who look."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import Any

from depl.errors import DeplError
from depl.rollout.folding import State
from depl.rollout.records import is_driven, path_of
from depl.rollout.states import ACTIVE
from depl.store.store import Store
from depl.store.watching import Version
from depl.web.folded import Known
from depl.web.sharing import Shared
from depl.web.watching import Kind, Update, Watch

IDLE = 5.0  # seconds between looks at the records of commands while nobody looks
AT_ONCE = 131_072  # characters of a log that are sent in one piece


class Reader:
    """The one thread, and what it knows. See depl.web.live.

    tick: seconds between its looks at the store; it takes none while nobody watches. patience: after which streams see
    whether they are still welcome; beat: after which one that had nothing to say says so.
    """

    def __init__(self, store: Store, tick: float = 0.5, *, patience: float = 5.0, beat: float = 15.0) -> None:
        self.tick, self.patience, self.beat = tick, patience, beat
        self.away = ""  # why the store cannot be read, if so
        self.is_ending = False
        self.shared, self.visitors = Shared(), Shared()
        self._store, self._known = store, Known(store)
        self._topics: dict[Watch, Topic] = {}
        self._changed, self._ended = threading.Condition(), threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._directory = os.path.join(store.base, ".depl", "rollouts")
        self._records: Sequence[tuple[str, int, int]] = []

    @asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """While the process serves."""
        self._loop = asyncio.get_running_loop()
        thread = threading.Thread(target=self._run, name="reader", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.end()
            self._loop = None

    def end(self) -> None:
        """Let all streams end now: whoever serves calls it when it is to end, which waits for them. For any thread."""
        self.is_ending = True
        self._ended.set()
        with self._changed:
            self._changed.notify_all()
        for topic in self._all():
            self._wake(topic)

    # -- for any thread --------------------------------------------------------------------------------------

    def state(self, rollout: str) -> State:
        """How a rollout stands now; it is shared, nobody may change it. Errors: LogFailed."""
        return self._known.now(rollout).state

    def stamp(self) -> str:
        """What is another one when anything that is listed has changed. Errors: LogFailed."""
        return str(self._store.stamp())

    def update(self, watch: Watch, since: str) -> Update:
        """What is new to a page that has seen `since`. Errors: LogFailed."""
        if watch.kind is Kind.ROLLOUT:
            return self._known.now(watch.rollout).since(since)
        if watch.kind is Kind.LISTS:
            return Update(self.stamp(), since)
        return self._printed(watch, since)

    def _printed(self, watch: Watch, since: str) -> Update:
        end = self._store.ends(watch.rollout, [watch.task]).get(watch.task, 0)
        is_known = since.isdecimal() and len(since) < 18 and int(since) <= end
        begin = max(int(since) if is_known else 0, end - AT_ONCE)
        return Update(str(end), since, everything=not is_known, begin=begin)

    # -- for streams, in their loop --------------------------------------------------------------------------

    @contextmanager
    def looking_at(self, watch: Watch) -> Iterator[Topic]:
        """Watch something for a while."""
        key = Watch(watch.kind, watch.rollout, watch.task)
        with self._changed:
            topic = self._topics.setdefault(key, Topic(key))
            topic.watchers += 1
            self._changed.notify_all()
        try:
            yield topic
        finally:
            with self._changed:
                topic.watchers -= 1
                if not topic.watchers:
                    del self._topics[key]

    # -- the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self.is_ending:
            begun = time.monotonic()
            try:
                self.look()
                self._tell("")
            except (DeplError, OSError) as error:
                self._tell(str(error))
            with self._changed:
                if not self._topics and not self.is_ending:
                    self._changed.wait(IDLE)
            self._ended.wait(max(self.tick / 5, begun + self.tick - time.monotonic()))

    def _all(self) -> list[Topic]:
        with self._changed:
            return list(self._topics.values())

    def look(self) -> None:
        """At all that is watched, in as many queries as there are kinds of things. Errors: LogFailed."""
        self._take_in()
        topics = self._all()
        rollouts = [topic for topic in topics if topic.watch.kind is Kind.ROLLOUT]
        if rollouts:
            versions = self._store.versions({topic.watch.rollout for topic in rollouts})
            for topic in rollouts:
                version = versions.get(topic.watch.rollout)
                known = version and replace(version, heartbeat=0.0, silent=0.0)
                self._compare(topic, (known, self._is_driven(topic.watch.rollout, version)))
                self._heard(topic, version)
        lists = [topic for topic in topics if topic.watch.kind is Kind.LISTS]
        if lists:
            self._compare(lists[0], self.stamp())
        outputs = [topic for topic in topics if topic.watch.kind is Kind.OUTPUT]
        for rollout in {topic.watch.rollout for topic in outputs}:
            its = [topic for topic in outputs if topic.watch.rollout == rollout]
            ends = self._store.ends(rollout, [topic.watch.task for topic in its])
            for topic in its:
                self._compare(topic, ends.get(topic.watch.task, 0))

    def _is_driven(self, rollout: str, version: Version | None) -> bool:
        """Whether a command of this directory is at work on one; for workers the store answers."""
        if version is None or version.owner or version.state not in ACTIVE or self._store.database.is_server:
            return False
        return is_driven(path_of(os.path.dirname(self._directory), rollout))

    def _take_in(self) -> None:
        """What commands of this directory wrote down, where they write into no store themselves."""
        if self._store.database.is_server:
            return
        seen = stamp_of(self._directory)
        if seen != self._records:
            self._store.take_in()
            self._records = seen

    def _compare(self, topic: Topic, found: object) -> None:
        if found != topic.found:
            topic.found = found
            topic.turn += 1
            self._wake(topic)

    def _heard(self, topic: Topic, version: Version | None) -> None:
        """That somebody is at work, which is told at once, and without all the rest."""
        if version is not None and version.owner and version.heartbeat != topic.heartbeat:
            topic.heartbeat, topic.silent = version.heartbeat, version.silent
            self._wake(topic)

    def _tell(self, away: str) -> None:
        if away != self.away:
            self.away = away
            for topic in self._all():
                self._wake(topic)

    def _wake(self, topic: Topic) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody is left
                self._loop.call_soon_threadsafe(topic.wake)


class Topic:
    """Something that is watched. found: what the last look saw of it; turn: how often that was something else.

    heartbeat: the last one of whoever drives it; silent: how many seconds ago that was when it was seen.
    """

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.watchers = 0
        self.found: object = None
        self.turn = 0
        self.heartbeat, self.silent = 0.0, 0.0
        self.woken = asyncio.Event()

    def wake(self) -> None:
        """All who wait for it. Those who come now wait for the next time."""
        woken, self.woken = self.woken, asyncio.Event()
        woken.set()


def stamp_of(directory: str) -> Sequence[tuple[str, int, int]]:
    """Differs where a file has come, grown or gone."""
    try:
        with os.scandir(directory) as found:
            return sorted((one.name, one.stat().st_size, one.stat().st_mtime_ns) for one in found)
    except OSError:
        return []
