"""From a rollout by hand to its frozen plan."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from depl.errors import ConfigurationError, DeplError, Mistakes
from depl.rollout.byhand import find, known
from depl.rollout.plan import PlanOutdated, RolloutPlan
from depl.tasks.deployer import Foreseen, Part
from depl.tasks.making import assert_fresh, monitors_of, plan_of, rebuild

RELEASE = """
from depl.rollout import Rollout, Parameter
from depl.tasks import Delay, Deploy, HttpProbe, Sequential, Task, Undo

class Release(Rollout):
    '''Canary first, then the rest.'''
    version = Parameter()
    hosts = Parameter(multiple=True, default=["web1"])
    on_failure = "ask"
    info = ["one"]
    {more}

    def plan(self):
        {body}
"""
DEPLOY = "Deploy('production', hosts=self.hosts, overrides={'app.version': self.version})"
BODY = f"return Sequential({DEPLOY}, Delay(seconds=5))"


@dataclass
class FakeDeployer:
    """Foresees what it is told to; anything else is a mistake."""

    foreseen: Callable[[Part], Foreseen] = lambda part: Foreseen("d1", ["app@web1"])
    asked: list[Part] = field(default_factory=list)

    def foresee(self, part: Part) -> Foreseen:
        self.asked.append(part)
        return self.foreseen(part)


@pytest.fixture
def release(tmp_path: Path) -> Callable[..., Any]:
    """The instance of a release in a project of its own: release(body="return ...", more="jobs = 3")."""
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "production.cfg").touch()
    (tmp_path / "environments" / "staging.cfg").touch()
    (tmp_path / "rollouts").mkdir()

    def made(body: str = BODY, more: str = "", **given: str) -> Any:
        text = RELEASE.format(more=textwrap.indent(more, " " * 4).lstrip(), body=body)
        (tmp_path / "rollouts" / "release.py").write_text(text)
        return find(str(tmp_path), "release")(**{"version": "2.1", **given})

    return made


@pytest.fixture
def planned(tmp_path: Path) -> Callable[..., RolloutPlan]:
    def plan(rollout: Any, deployer: Any = None) -> RolloutPlan:
        made: RolloutPlan = plan_of(
            rollout, deployer or FakeDeployer(), rollout_id="r1", who="ada", revision="abc", base=str(tmp_path)
        )
        return made

    return plan


def mistake(of: Callable[[], object]) -> DeplError:
    with pytest.raises(ConfigurationError) as caught:
        of()
    return caught.value


def test_a_plan_holds_all_that_was_decided(release, planned) -> None:
    deployer = FakeDeployer()
    plan = planned(release(hosts="web1,web2"), deployer)
    assert (plan.rollout, plan.name, plan.who, plan.revision) == ("r1", "release", "ada", "abc")
    assert plan.parameters == {"version": "2.1", "hosts": ["web1", "web2"]}
    assert (plan.title, plan.on_failure, plan.valid, plan.info) == ("Canary first, then the rest.", "ask", 300, ["one"])
    assert plan.environments == ["production"]
    assert [leaf.title for leaf in plan.tree.leaves.values()][1] == "Delay for 5 seconds"
    assert [(part.environment, list(part.hosts), dict(part.overrides)) for part in deployer.asked] == [
        ("production", ["web1", "web2"], {"app.version": "2.1"})
    ]


def test_a_plan_is_the_same_after_it_was_recorded(release, planned) -> None:
    plan = planned(release())
    recorded = json.dumps(plan.as_json())
    again = RolloutPlan.from_json(json.loads(recorded))
    assert again.digest == plan.digest
    assert json.dumps(again.as_json()) == recorded


def test_what_a_plan_does_to_its_parameters_stays_with_it(release, planned) -> None:
    assert planned(release("self.hosts.append('web9'); " + BODY)).parameters["hosts"] == ["web1"]


@pytest.mark.parametrize(
    ("foreseen", "way_back", "reason"),
    [
        ({}, "exact", ""),
        (
            {"unknown": ["app: nobody said how update() is undone"]},
            "unknown",
            "app: nobody said how update() is undone",
        ),
        ({"unknown": ["b"], "irreversible": ["a: mail is sent"]}, "unknown", "a: mail is sent (and 1 more)"),
    ],
)
def test_a_deployment_is_as_reversible_as_its_steps(
    release, planned, foreseen: Mapping, way_back: str, reason: str
) -> None:
    plan = planned(release(), FakeDeployer(lambda part: Foreseen("d1", [], **foreseen)))
    deploy = next(iter(plan.tree.leaves.values()))
    assert (deploy.way_back, deploy.reason) == (way_back, reason)


TWO = "return Sequential(Deploy('staging'), Deploy('production', hosts=['web1']), Deploy('production'))"


def test_digests_are_kept_by_environment_and_by_task_where_they_differ(release, planned) -> None:
    plan = planned(release(TWO), FakeDeployer(lambda part: Foreseen(f"{part.environment} {len(part.hosts)}", [])))
    assert plan.digests == {"staging": "staging 0", "production": "production 1", "production 3": "production 0"}
    assert planned(release(TWO)).digests == {"staging": "d1", "production": "d1"}


def test_a_plan_may_be_started_while_it_is_fresh(release, planned, tmp_path: Path) -> None:
    plan = replace(planned(release()), made="2026-03-01T12:00:00Z")
    assert_fresh(plan, "2026-03-01T12:05:00Z", FakeDeployer(), str(tmp_path))
    with pytest.raises(PlanOutdated, match="it was valid for 300 s") as caught:
        assert_fresh(plan, "2026-03-01T12:05:01Z", FakeDeployer(), str(tmp_path))
    assert caught.value.hint == "Make it anew: depl rollout plan r1"


def test_a_plan_must_be_made_anew_when_what_it_deploys_has_changed(release, planned, tmp_path: Path) -> None:
    plan = planned(release(TWO))
    changed = FakeDeployer(lambda part: Foreseen("d2" if part.hosts else "d1", []))
    with pytest.raises(PlanOutdated, match="What would be deployed to production has changed"):
        assert_fresh(plan, plan.made, changed, str(tmp_path))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return {}['x']", "plan() of Release fails: KeyError: 'x'"),
        ("return None", "plan() of Release returns nothing, not a task"),
        ("return [Delay(seconds=1)]", "plan() of Release returns list"),
        ("return Deploy('prodction')", "There is no environment 'prodction'"),
        ("return Undo('prodction')", "There is no environment 'prodction'"),
        ("self.monitors = [print]; return Delay(seconds=1)", "plan() of Release sets the monitors"),
        ("self.jobs = 0; return Delay(seconds=1)", "'jobs' of the rollout Release is 0"),
    ],
)
def test_a_plan_that_cannot_be_made_is_a_mistake_with_its_place(
    release, planned, tmp_path: Path, body: str, message: str
) -> None:
    wrong = mistake(lambda: planned(release(body)))
    assert wrong.message.startswith(message)
    assert wrong.file == str(tmp_path / "rollouts" / "release.py")
    assert wrong.line in (13, 14)


def test_a_rollout_without_a_plan_says_so(tmp_path: Path, planned) -> None:
    (tmp_path / "rollouts").mkdir()
    (tmp_path / "rollouts" / "bare.py").write_text("from depl.rollout import Rollout\nclass Bare(Rollout): pass\n")
    wrong = mistake(lambda: planned(find(str(tmp_path), "bare")()))
    assert wrong.message == "Bare does not say what it is to do"


def test_mistakes_in_a_model_are_told_as_they_are(release, planned) -> None:
    def foresee(part: Part) -> Foreseen:
        raise Mistakes([ConfigurationError("There is no component 'app'", file="environments/production.cfg", line=3)])

    wrong = mistake(lambda: planned(release(), FakeDeployer(foresee)))
    assert isinstance(wrong, Mistakes)
    assert wrong.mistakes[0].place == "environments/production.cfg:3"


def test_a_rollout_is_made_again_from_its_plan_without_planning_it(release, planned, tmp_path: Path) -> None:
    plan = planned(release(hosts="web2"))
    release("raise RuntimeError()")
    again = rebuild(plan, str(tmp_path))
    assert (again.version, again.hosts) == ("2.1", ["web2"])


MONITORS = """
def watch(self):
    raise RuntimeError(f"{self.version} is not well")

def count(rollout):
    rollout.looked = True

monitors = ["watch", count, count, HttpProbe("http://127.0.0.1:9/")]
"""


def test_monitors_are_named_in_the_plan_and_look_once_each(release, planned, tmp_path: Path) -> None:
    rollout = release(more=MONITORS)
    plan = planned(rollout)
    monitors = monitors_of(rebuild(plan, str(tmp_path)), str(tmp_path))
    assert list(monitors) == plan.monitors
    assert plan.monitors[:3] == ["watch", "count", "count (2)"]
    assert "http://127.0.0.1:9/" in plan.monitors[3]
    with pytest.raises(RuntimeError, match=r"2\.1 is not well"):
        monitors["watch"]()
    monitors["count"]()
    with pytest.raises(DeplError, match=r"127\.0\.0\.1"):
        monitors[plan.monitors[3]]()


PROPERTIES = """
@property
def title(self):
    return f"Release {self.version}"

@property
def monitors(self):
    return [HttpProbe(f"http://127.0.0.1:9/{self.version}")]
"""


def test_title_and_monitors_may_depend_on_parameters(release, planned, tmp_path: Path) -> None:
    plan = planned(release(more=PROPERTIES))
    assert (plan.title, plan.monitors) == ("Release 2.1", ["Look at http://127.0.0.1:9/2.1"])
    assert list(monitors_of(rebuild(plan, str(tmp_path)), str(tmp_path))) == plan.monitors
    assert [found.title for found in known(str(tmp_path))] == ["Release"]


def test_a_monitor_that_changes_something_is_refused(release) -> None:
    wrong = mistake(lambda: release(more="monitors = [Undo('production')]"))
    assert "cannot be a monitor" in wrong.message


def test_the_sample_rollouts_can_be_planned(project: Path) -> None:
    wait = plan_of(find(str(project), "wait")(), FakeDeployer(), rollout_id="", who="", revision="", base=str(project))
    assert [leaf.title for leaf in wait.tree.leaves.values()] == ["Delay for 15 seconds"]
    assert wait.environments == []
    release = find(str(project), "release")(version="2")
    plan = plan_of(release, FakeDeployer(), rollout_id="", who="", revision="", base=str(project))
    names = [leaf.task.rpartition(":")[2] for leaf in plan.tree.leaves.values()]
    assert names == ["Deploy", "Delay", "Approval", "Deploy", "HttpProbe"]
    assert plan.environments == ["cluster"]


def test_what_is_wrong_with_deployments_is_told_together_with_the_place_of_plan(release, planned) -> None:
    def foreseen(part: Part) -> Foreseen:
        if part.hosts == ("nope",):
            raise ConfigurationError("there is no host nope")
        raise Mistakes([ConfigurationError("in a file", file="component.py", line=3), ConfigurationError("override")])

    body = "return Sequential(Deploy('production', hosts=['nope']), Deploy('production'))"
    found = mistake(lambda: planned(release(body), FakeDeployer(foreseen)))
    assert isinstance(found, Mistakes)
    assert {(Path(one.file or "").name, one.line, one.message) for one in found.mistakes} == {
        ("component.py", 3, "in a file"),
        ("release.py", 13, "override"),
        ("release.py", 13, "there is no host nope"),
    }
