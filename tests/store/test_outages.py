from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from depl.events import Event, What
from depl.rollout.log import LogFailed
from depl.rollout.plan import RolloutPlan
from depl.rollout.states import RolloutState
from depl.store.store import open_store

STARTED, BEGUN = Event(What.STARTED), Event(What.TASK_STARTED, "1")

# As on a full disk: no file may grow beyond what the largest one has now.
FULL = """
import resource
store = open_store(*sys.argv[1:3])
log = store.log("r")
log.append([Event(What.STARTED)])
path = sys.argv[1].removeprefix("sqlite:///")
size = max(os.stat(path).st_size, os.stat(path + "-wal").st_size)
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
big = Event(What.LOG, data={"text": "x" * 4_000_000})
for attempt in range(2):
    try:
        log.append([big])
    except LogFailed as error:
        print(error.hint)
print(len(list(log.read())))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print([one.number for one in log.append([big])])
"""


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A PostgreSQL of its own, which may be ended."""
    module = sys.modules["postgresql"]
    if module.programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    import tempfile

    yield from module.served(tempfile.mkdtemp(prefix="depl-t-pg-"))


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_a_full_disk_is_said_and_nothing_is_lost_when_there_is_room_again(
    store_url: str, tmp_path: Path, plan: Callable[..., RolloutPlan], python
) -> None:
    store = open_store(store_url, str(tmp_path))
    store.create(plan("r"))
    said = python(FULL).communicate(timeout=120)[0].split("\n")
    assert said == [*["Is there room on the disk, and may the file and its directory be written?"] * 2, "2", "[3]", ""]
    store.log("r").append([BEGUN])
    assert [one.number for one in store.log("r").read()] == [1, 2, 3, 4]
    store.close()


def test_a_server_that_vanishes_is_said_and_all_goes_on_when_it_is_back(
    server, tmp_path: Path, plan: Callable[..., RolloutPlan]
) -> None:
    store = open_store(server.new_database(), str(tmp_path))
    store.create(plan("r"), RolloutState.QUEUED)
    claim = store.claim("one")
    assert claim
    log = store.log("r", claim.epoch)
    log.append([STARTED])
    server.stop(signal.SIGQUIT)
    for ask in (lambda: log.append([BEGUN]), lambda: store.beat(claim), store.rollouts, lambda: store.claim("two")):
        with pytest.raises(LogFailed, match="cannot be used"):
            ask()
    server.start()
    assert [one.number for one in log.append([BEGUN])] == [4]
    assert store.beat(claim)
    assert [one.number for one in log.read()] == [1, 2, 3, 4]
    store.close()
