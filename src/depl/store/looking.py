"""What can be seen in the store, by people and by those who show it to them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from sqlalchemy import Connection, select

from depl.errors import NothingRecorded
from depl.events import What
from depl.rollout.log import Recorded
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import RolloutState
from depl.store import finding, headers, outputs, watching
from depl.store.database import Database
from depl.store.headers import Header
from depl.store.outputs import Found, Window
from depl.store.schema import events
from depl.store.watching import Version
from depl.store.writing import read_task


class Looking:
    """The half of Store that only reads. lease: seconds. Errors: LogFailed."""

    def __init__(self, database: Database, lease: float) -> None:
        self.database, self._lease = database, lease

    # -- rollouts --------------------------------------------------------------------------------------------

    def rollouts(
        self,
        environment: str | None = None,
        state: RolloutState | Collection[RolloutState] | None = None,
        before: str | None = None,
        limit: int = 50,
        *,
        who: str = "",
        name: str = "",
        since: str = "",
        until: str = "",
        parameter: tuple[str, str] | None = None,
        undoes: str = "",
        sees: Callable[[Sequence[str]], bool] | None = None,
    ) -> list[Header]:
        """The newest first. state: one or several; before: the id of the last one on the page before.

        who: a part of who planned, started or approved it. since, until: made from then on and before then, UTC or the
        beginning of it. parameter: its name (any, if it is empty) and a part of its value. undoes: what it takes back.
        sees: which are shown, by their environments.
        """
        states = [state] if isinstance(state, RolloutState) else state
        wanted = finding.Wanted(environment, states, before, limit, who, name, since, until, parameter, undoes, sees)
        with self.database.reading() as connection:
            return finding.find(connection, self._expired(connection), wanted)

    def header(self, rollout: str) -> Header:
        """That of one rollout. Errors: NothingRecorded."""
        with self.database.reading() as connection:
            found = headers.header(connection, self._expired(connection), rollout)
        if found is None:
            raise NothingRecorded(f"The store knows no rollout {rollout}", hint="Look with `depl rollouts`.")
        return found

    def plan(self, rollout: str) -> RolloutPlan | None:
        """The plan of a rollout; nothing where it is one of a model, or unknown."""
        with self.database.reading() as connection:
            query = select(events.c.data).where(events.c.rollout == rollout, events.c.what == What.PLANNED.value)
            found = connection.execute(query.order_by(events.c.number.desc()).limit(1)).scalar()
        return None if found is None else RolloutPlan.from_json(found)

    def seconds_of(self, name: str, environments: Collection[str]) -> list[float]:
        """How long the last ones of that name took that succeeded there, the newest first.

        name: empty for those of `depl remote`.
        """
        with self.database.reading() as connection:
            return watching.seconds_of(connection, name, sorted(environments))

    def of_task(self, rollout: str, task: str, limit: int = 1000) -> list[Recorded]:
        """What happened in one task, as `web@host1`, without its parts; the last ones, if there are too many."""
        with self.database.reading() as connection:
            return read_task(connection, rollout, task, limit)

    # -- whether anything is new -----------------------------------------------------------------------------

    def stamp(self) -> str:
        """Another one as soon as any list of rollouts, locks, holds, inquiries, workers or published things differs."""
        with self.database.reading() as connection:
            return watching.stamp(connection, self.database, self._lease)

    def versions(self, rollouts: Collection[str]) -> dict[str, Version]:
        """How far some are, those that are known."""
        with self.database.reading() as connection:
            return watching.versions(connection, self.database, self._lease, rollouts)

    # -- what tasks printed ----------------------------------------------------------------------------------

    def output(self, rollout: str, task: str, offset: int = 0, limit: int = 65536) -> Window:
        """Characters of what a task printed; from the end where the offset is negative."""
        with self.database.reading() as connection:
            return outputs.window(connection, rollout, task, offset, limit)

    def ends(self, rollout: str, tasks: Collection[str]) -> dict[str, int]:
        """How many characters some tasks have printed."""
        with self.database.reading() as connection:
            return watching.ends(connection, rollout, list(tasks))

    def search(self, rollout: str, task: str, text: str, limit: int = 100, after: int = 0) -> Found:
        """Where a text stands in what a task printed, in small letters or large ones.

        It goes so far as one may wait for it: to look on, give Found.after as `after`.
        """
        with self.database.reading() as connection:
            return outputs.search(connection, rollout, task, text, after, limit)

    def _expired(self, connection: Connection) -> float:
        return self.database.now(connection) - self._lease
