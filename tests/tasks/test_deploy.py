"""A deployment as a task: a rollout of its own, known before it starts, and taken back by its name."""

from __future__ import annotations

import pytest

from depl.errors import ConfigurationError, DeploymentError
from depl.events import Event, Output, What
from depl.rollout.options import Outcome
from depl.tasks import Deploy, Undo
from depl.tasks.deployer import Part


def test_its_rollout_is_written_down_before_it_starts(bench) -> None:
    seen = []
    bench.deployer.on_deploy = lambda emit: seen.append(bench.saved["rollouts"])
    bench.run(Deploy("live", hosts=["web1"], overrides={"app.version": "2"}))
    kind, part, rollout, on_failure = bench.deployer.asked[0]
    assert (kind, part, on_failure) == ("deploy", Part("live", ("web1",), (), {"app.version": "2"}), "rollback")
    assert seen == [[rollout]]


def test_its_stages_are_those_that_settings_could_have() -> None:
    assert Deploy("live", stages="one, 50%").part.stages == Deploy("live", stages=["one", "50%"]).part.stages
    with pytest.raises(ConfigurationError, match="Deploy takes stages as a list of one, half, all, counts"):
        Deploy("live", stages=[0])


def test_it_is_taken_back_by_its_rollout(bench) -> None:
    task = Deploy("live")
    bench.run(task)
    [rollout] = bench.saved["rollouts"]
    assert bench.reverse(task, bench.saved).what is What.TASK_REVERSED
    assert bench.deployer.asked[-1] == ("undo", "live", rollout, "stop")


def test_what_changed_nothing_is_unchanged(bench) -> None:
    bench.deployer.outcomes = [Outcome("nothing")]
    assert bench.run(Deploy("live")).what is What.TASK_UNCHANGED


def test_where_hosts_know_nothing_of_it_there_is_nothing_to_take_back(bench) -> None:
    assert bench.reverse(Deploy("live"), {"rollouts": ["never"]}).what is What.TASK_REVERSED
    assert bench.reverse(Deploy("live")).what is What.TASK_REVERSED


def test_one_that_others_have_built_on_is_a_conflict(bench) -> None:
    bench.deployer.stands = {"a": "done"}
    event = bench.reverse(Deploy("live"), {"rollouts": ["a"]})
    assert (event.what, event.data["kind"]) == (What.TASK_NOT_REVERSED, "conflict")


def test_an_earlier_try_is_not_forgotten_where_the_next_finds_nothing_to_do(bench) -> None:
    bench.deployer.stands = {"half-1": "half done"}
    bench.deployer.outcomes = [Outcome("nothing")]
    assert bench.run(Deploy("live"), {"rollouts": ["half-1"]}, attempt=2).what is What.TASK_DONE


def test_one_that_went_back_failed_with_its_error(bench) -> None:
    error = DeploymentError("the disk is full", "web > File", file="component.py", line=3)
    bench.deployer.outcomes = [Outcome("reversed", "x", error=error)]
    event = bench.run(Deploy("live"))
    assert event.what is What.TASK_FAILED
    assert (event.data["error"]["message"], event.data["error"]["line"]) == ("the disk is full", 3)


def test_one_that_was_ended_early_is_interrupted(bench) -> None:
    bench.deployer.outcomes = [Outcome("reversed", "x", interrupted=True)]
    assert bench.run(Deploy("live")).data["error"]["class"] == "Interrupted"


def test_after_a_crash_the_hosts_are_asked_first(bench) -> None:
    bench.deployer.stands = {"done-1": "done", "half-1": "half done"}
    assert bench.run(Deploy("live"), {"rollouts": ["done-1"]}, attempt=2).what is What.TASK_DONE
    assert bench.deployer.asked == [("look", "live", "done-1")]
    bench.run(Deploy("live"), {"rollouts": ["new-1"]}, attempt=2)
    assert bench.deployer.asked[-1][2] == "new-1"
    bench.run(Deploy("live"), {"rollouts": ["half-1"]}, attempt=2)
    assert bench.saved["rollouts"] == ["half-1", bench.deployer.asked[-1][2]]
    assert bench.deployer.asked[-1][2] != "half-1"


def test_all_tries_are_taken_back_the_newest_first(bench) -> None:
    bench.deployer.known = {"a", "b"}
    bench.reverse(Deploy("live"), {"rollouts": ["a", "b"]})
    assert [asked[2] for asked in bench.deployer.asked] == ["b", "a"]


def test_what_is_blocked_on_the_way_back_is_a_conflict_until_it_is_forced(bench) -> None:
    bench.deployer.known = {"a"}
    bench.deployer.outcomes = [Outcome("blocked", "x", conflicts=["/etc/motd was changed since"])]
    event = bench.reverse(Deploy("live"), {"rollouts": ["a"]})
    assert (event.what, event.data["kind"]) == (What.TASK_NOT_REVERSED, "conflict")
    assert "/etc/motd was changed since" in event.data["reason"]
    assert bench.reverse(Deploy("live"), {"rollouts": ["a"]}, force=True).what is What.TASK_REVERSED
    assert bench.deployer.asked[-1][3] == "force"


def test_what_happens_inside_is_told_as_its_part(bench) -> None:
    def tell(emit) -> None:
        emit(Event(What.STARTED, data={"rollout": "x"}))
        emit(Event(What.TASK_STARTED, "web", host="host1"))
        emit(Event(What.LOG, data={"text": "hello"}))
        emit(Event(What.SIGNALLED, data={"name": "approve"}))
        emit(Event(What.BLOCKED, data={"block": "conflict"}))
        emit(Output("web > Command", "stdout", "building\n", "host1"))
        emit(Event(What.TASK_DONE, "web", host="host1"))
        emit(Event(What.OVER, data={"outcome": "succeeded"}))

    bench.deployer.on_deploy = tell
    bench.run(Deploy("live"))
    told = [(one.what.value, one.task, one.host) for one in bench.heard if isinstance(one, Event)]
    assert told == [
        ("task saved", "1", None),
        ("task started", "1/web", "host1"),
        ("log", "1", None),
        ("task done", "1/web", "host1"),
        ("task done", "1", None),
    ]
    assert Output("1/web > Command", "stdout", "building\n", "host1") in bench.heard


def test_how_much_of_a_deployment_is_through_is_told(bench) -> None:
    def tell(emit) -> None:
        emit(Event(What.STARTED, data={"rollout": "x", "tasks": 2}))
        for host in ("host1", "host2"):
            emit(Event(What.TASK_STARTED, "web", host=host))
            emit(Event(What.TASK_DONE, "web", host=host, data={"changed": 1}))

    bench.deployer.on_deploy = tell
    bench.run(Deploy("live"))
    far = [one.data for one in bench.heard if isinstance(one, Event) and one.what is What.PROGRESS]
    assert (far[0], far[-1]) == ({"done": 0, "total": 2}, {"done": 2, "total": 2})


def test_an_undo_keeps_its_own_rollout_and_is_done_again_by_it(bench) -> None:
    bench.deployer.known = {"r7"}
    task = Undo("live", rollout="r7")
    assert bench.run(task).what is What.TASK_DONE
    assert bench.saved == {"undo": "undo-1", "undoes": "r7"}
    assert bench.reverse(task, bench.saved).what is What.TASK_REVERSED
    assert bench.deployer.asked[-1] == ("undo", "live", "undo-1", "stop")


def test_an_undo_that_was_through_is_not_done_twice(bench) -> None:
    bench.deployer.stands = {"undo-1": "done"}
    assert bench.run(Undo("live"), {"undo": "undo-1", "undoes": "r7"}, attempt=2).what is What.TASK_DONE
    assert [asked[0] for asked in bench.deployer.asked] == ["look"]


def test_an_undo_of_nothing_fails(bench) -> None:
    event = bench.run(Undo("live", rollout="r7"))
    assert event.what is What.TASK_FAILED and event.data["error"]["class"] == "NothingToUndo"
