"""What people ask in the web interface is answered by real workers: plans, ways back, drift, forms, pictures."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import forked
import planted
import pytest
from sqlalchemy import select

from depl.store import schema, schema_web
from depl.store.inquiries import Inquiry
from depl.store.store import open_store

LOCAL = "[environment]\nconnect_method = local\n"
FILES = {
    "environments/dev/environment.cfg": LOCAL + "four_eyes = yes\n[hosts]\nlocalhost = hello, asks\n",
    "environments/far/environment.cfg": "[environment]\ntimeout = 2\n"
    "[host:127.0.0.1]\ncomponents = hello, asks\nport = 1\n",
    "environments/odd/environment.cfg": LOCAL + "queue = east\n[hosts]\nlocalhost = odd\n",
    "components/hello/component.py": """\
from depl.component import Component
from depl.lib.file import File


class Hello(Component):
    greeting = "Hello!"

    def configure(self):
        self += File("hello.txt", content="{{component.greeting}}\\n")
        self.provide("greeting", self.greeting)
""",
    "components/asks/component.py": """\
from depl.component import Component


class Asks(Component):
    def configure(self):
        self.require("greeting")
""",
    "components/odd/component.py": "from depl.component import Component\n\n\nclass Odd(Component):\n"
    "    def configure(self):\n        raise SystemExit('no')\n",
    "rollouts/ship.py": """\
from depl.rollout import Parameter, Rollout
from depl.tasks import Command, Deploy, Sequential


class Ship(Rollout):
    '''Ship it.'''

    info = ["Tell the others first."]
    to = Parameter(choices=["dev", "far", "live"], help="where it goes")
    count = Parameter(int, default=1)
    note = Parameter(default="")

    def plan(self):
        return Sequential(Command(f"echo {self.note}", undo="true"), Deploy(self.to))
""",
    "rollouts/slow.py": """\
import os
import time

from depl.rollout import Rollout
from depl.tasks import Command


class Slow(Rollout):
    def plan(self):
        with open("slow.pid", "w") as file:
            file.write(str(os.getpid()))
        while not os.path.exists("go"):
            time.sleep(0.02)
        return Command("true", undo="true")
""",
}


class Project:
    """A project, its store, and workers in it. lease: seconds."""

    def __init__(self, base: Path, url: str, **more: str) -> None:
        self.base, self.workers = base, list[forked.Started]()
        for name, content in FILES.items():
            self.write(name, content)
        known = {key: value for key, value in os.environ.items() if not key.startswith(("DEPL_", "_DEPL"))}
        self.surroundings = {**known, "PYTHONPATH": str(forked.SOURCE), "DEPL_DEPL_STORE": url, **more}
        self.store = open_store(url, str(base), cluster="DEPL_DEPL_CLUSTER" in more)

    def write(self, name: str, content: str) -> None:
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def worker(self, *arguments: str) -> forked.Started:
        with open(self.base / "said", "ab") as said:
            how: dict[str, Any] = {"cwd": self.base, "env": self.surroundings, "said": said.fileno()}
            self.workers.append(forked.Started("worker", *arguments, **how))
        return self.workers[-1]

    def once(self) -> None:
        assert self.worker("--once").wait(60) == 0, self.said()

    def depl(self, *arguments: str) -> str:
        done = forked.depl(*arguments, cwd=self.base, env=self.surroundings)
        return done.stdout + done.stderr

    def ask(self, kind: str, **asked: Any) -> Inquiry:
        return self.store.inquiries.ask(kind, asked, who="ada")

    def answered(self, kind: str, **asked: Any) -> Inquiry:
        """What comes of a question, once it does."""
        id = self.ask(kind, **asked).id
        self.until(lambda: self.store.inquiries.get(id).is_over)
        return self.store.inquiries.get(id)

    def answer(self, kind: str, **asked: Any) -> Any:
        inquiry = self.answered(kind, **asked)
        assert inquiry.state == "answered", inquiry.error
        return inquiry.answer

    def carried_out(self, inquiry: Inquiry) -> str:
        """The state in which what was planned ends."""
        self.store.start(inquiry.rollout, "ada")
        self.until(lambda: self.store.header(inquiry.rollout).state.is_over)
        return self.store.header(inquiry.rollout).state.value

    def published(self, kind: str, name: str) -> Any:
        found = self.store.published.get(kind, name)
        return None if found is None else found.data

    def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, self.said()
            time.sleep(0.02)

    def at_work(self) -> int:
        """The process that plans the slow rollout, once it does."""
        path = self.base / "slow.pid"
        self.until(lambda: path.exists() and path.read_text())
        pid = int(path.read_text())
        path.unlink()
        return pid

    def said(self) -> str:
        return (self.base / "said").read_text()

    def close(self) -> None:
        (self.base / "go").touch()
        for process in self.workers:
            process.terminate()
        for process in self.workers:
            process.wait(60)
        self.store.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One with a worker, for all that leave it as it is."""
    base = tmp_path_factory.mktemp("asked") / "project"
    with closing(Project(base, f"sqlite:///{base}/.depl/depl.sqlite")) as project:
        project.worker("--name", "first", "--jobs", "2")
        yield project


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Project]:
    """One without a worker."""
    with closing(Project(tmp_path / "project", f"sqlite:///{tmp_path}/depl.sqlite")) as project:
        yield project


def test_a_plan_is_answered_with_what_would_change_and_stands_in_the_store(shared: Project) -> None:
    inquiry = shared.answered("plan", rollout="ship", parameters={"to": "dev", "count": "3"})
    assert inquiry.answer is not None, inquiry.error
    (change,) = inquiry.answer["changes"]["2"]
    assert change["host"] == "localhost" and change["component"].startswith("hello")
    assert "+Hello!" in change["changes"][0]["diff"]
    assert (inquiry.answer["counts"], inquiry.answer["error"]) == ({"2": 1}, None)
    header, plan = shared.store.header(inquiry.rollout), shared.store.plan(inquiry.rollout)
    assert (header.state.value, header.who, header.title) == ("planned", "ada", "Ship it.")
    assert plan is not None and plan.parameters["count"] == 3
    assert "Deploy dev" in shared.depl("rollout", "plan", header.id)
    assert "--queue" in shared.depl("rollout", "start", header.id, "--yes")


def test_mistakes_are_told_with_their_places_and_nothing_is_planned(shared: Project) -> None:
    known = len(shared.store.rollouts())
    wrong = shared.answered("plan", rollout="ship", parameters={"to": "mars", "count": "few"})
    assert wrong.state == "failed" and wrong.error is not None
    assert [one["message"].split(",")[0] for one in wrong.error["mistakes"]] == [
        "The parameter 'count' is 'few'",
        "The parameter 'to' is 'mars'",
    ]
    broken = shared.answered("deploy", environment="odd", hosts=[], components=[])
    assert broken.error is not None and "components/odd/component.py" in str(broken.error)
    staged = shared.answered("deploy", environment="dev", stages=["one"])
    assert staged.error is not None and "it has no stages" in staged.error["message"]
    unknown = shared.answered("deploy", environment="mars", hosts=[], components=[])
    assert unknown.error is not None and (unknown.error["file"], unknown.error["hint"][:9]) == (None, "Known are")
    assert "does not know what an inquiry of the kind 'dream' asks for" in str(shared.answered("dream").error)
    assert len(shared.store.rollouts()) == known


def test_whoever_may_plan_in_some_environments_gets_no_plan_of_others(shared: Project) -> None:
    known = len(shared.store.rollouts())
    refused = shared.answered("plan", rollout="ship", parameters={"to": "far"}, within=["dev"])
    assert refused.error is not None and refused.error["message"] == "ada may not plan far"
    assert len(shared.store.rollouts()) == known


def test_a_plan_made_anew_stays_within_what_it_was_about(shared: Project) -> None:
    made = shared.answered("plan", rollout="ship", parameters={"to": "dev"})
    again = shared.answered("replan", rollout=made.rollout, within=["dev"])
    assert again.state == "answered", again.error
    elsewhere = shared.answered("replan", rollout=made.rollout, within=["live"])
    assert elsewhere.error is not None
    assert elsewhere.error["message"] == "ada may not plan dev"


def test_where_hosts_cannot_be_asked_the_plan_stands(shared: Project) -> None:
    inquiry = shared.answered("plan", rollout="ship", parameters={"to": "far"})
    assert inquiry.answer is not None, inquiry.error
    assert "127.0.0.1" in inquiry.answer["error"]["message"]
    assert shared.store.header(inquiry.rollout).state.value == "planned"


def test_a_deployment_is_planned_carried_out_and_taken_back_where_others_changed_something(shared: Project) -> None:
    deployment = shared.answered("deploy", environment="dev", hosts=[], components=["hello"])
    header = shared.store.header(deployment.rollout)
    assert (header.name, header.title, header.environments) == ("depl:deploy", "Deploy hello of dev", ["dev"])
    assert shared.answer("replan", rollout=deployment.rollout)["counts"] == {"0": 1}
    assert shared.carried_out(deployment) == "succeeded"
    file = shared.base / "work/hello/hello.txt"
    file.write_text("by hand\n")
    assert shared.answer("look", environment="dev")["hosts"]["localhost"]
    assert shared.published("drift", "dev")["hosts"]["localhost"]
    stopped = shared.answer("undo", rollout=deployment.rollout, on_conflict="stop")
    assert stopped["tasks"] == ["0"]
    assert any("conflict" in step for step in stopped["steps"]["localhost"])
    forced = shared.answered("undo", rollout=deployment.rollout, on_conflict="force")
    header = shared.store.header(forced.rollout)
    assert (header.undoes, header.title) == (deployment.rollout, f"Undo {deployment.rollout}: Deploy hello of dev")
    assert shared.answer("replan", rollout=forced.rollout)["tasks"] == ["0"]
    assert shared.carried_out(forced) == "reversed"
    assert not file.exists()
    again = shared.answered("undo", rollout=deployment.rollout, on_conflict="stop")
    assert again.error is not None and "was taken back" in again.error["message"]


def test_a_deployment_is_planned_with_values_of_its_own_and_anew_with_the_same(shared: Project) -> None:
    own = {"overrides": ["hello.greeting = Hi, all"], "on_failure": "stop"}
    inquiry = shared.answered("deploy", environment="dev", **own)
    again = shared.answered("replan", rollout=inquiry.rollout)
    for one in (inquiry, again):
        assert one.answer is not None, one.error
        assert "+Hi, all" in str(one.answer["changes"])
    plan = shared.store.plan(inquiry.rollout)
    assert plan is not None and plan.on_failure == "stop"
    assert plan.given == {"environment": "dev", **own}


def test_what_a_command_deployed_is_taken_back_by_a_rollout_of_depls_own(shared: Project) -> None:
    shared.depl("local", "dev", "--component", "hello")
    shared.until(lambda: any(header.is_direct for header in shared.store.rollouts("dev")))
    (id,) = (header.id for header in shared.store.rollouts("dev") if header.is_direct)
    shared.until(lambda: shared.store.header(id).state.is_over)
    undo = shared.answered("undo", rollout=id, on_conflict="keep")
    assert undo.answer is not None, undo.error
    assert undo.answer["steps"]["localhost"] and undo.answer["again"] is False
    assert shared.store.header(undo.rollout).title == f"Undo {id} of dev"
    assert shared.carried_out(undo) == "succeeded"
    assert not (shared.base / "work/hello/hello.txt").exists()


def test_forms_and_pictures_are_published_and_follow_the_files(shared: Project) -> None:
    shared.until(lambda: shared.published("project", ""))
    assert [worker.name for worker in shared.store.workers.present()] == ["first"]
    form = shared.published("rollout", "ship")
    assert (form["title"], form["file"], form["info"]) == ("Ship it.", "rollouts/ship.py", ["Tell the others first."])
    assert [one["name"] for one in form["parameters"]] == ["to", "count", "note"]
    dev, odd = shared.published("environment", "dev"), shared.published("environment", "odd")
    assert [node["id"] for node in dev["nodes"]] == ["hello@localhost", "asks@localhost"]
    assert dev["edges"] == [["hello@localhost", "asks@localhost", "greeting"]]
    assert dev["nodes"][0]["provides"] == dev["nodes"][1]["requires"] == ["greeting"]
    assert dev["settings"]["four_eyes"] is True and dev["mistakes"] == []
    assert odd["hosts"] == [{"name": "localhost", "ignore": False}]
    assert odd["settings"]["queue"] == "east" and odd["mistakes"]
    shared.write("rollouts/later.py", "from depl.rollout import Rollout\n\n\nclass Later(Rollout)\n    pass\n")
    shared.until(lambda: shared.published("rollout", "later"))
    mistake = shared.published("rollout", "later")["mistake"]
    assert (mistake["file"], mistake["line"]) == ("rollouts/later.py", 4)
    (shared.base / "rollouts/later.py").unlink()
    shared.until(lambda: shared.published("rollout", "later") is None)


def test_an_environment_that_somebody_broke_stays_as_protected_as_it_was(shared: Project) -> None:
    fragile = "environments/fragile/environment.cfg"
    shared.write(fragile, LOCAL + "four_eyes = yes\nconfirm = yes\n[hosts]\nlocalhost = hello\n")
    shared.until(lambda: shared.published("environment", "fragile"))
    shared.write(fragile, "[environment]\nno such setting = yes\n")
    shared.until(lambda: shared.published("environment", "fragile")["mistakes"])
    settings = shared.published("environment", "fragile")["settings"]
    assert (settings["four_eyes"], settings["protected"]) == (True, True)
    (shared.base / fragile).unlink()


def test_another_worker_answers_where_one_was_killed(alone: Project) -> None:
    first = alone.worker("--name", "first")
    id = alone.ask("plan", rollout="slow").id
    pid = alone.at_work()
    first.kill()
    first.wait()
    alone.until(lambda: not Path(f"/proc/{pid}").exists())
    (alone.base / "go").touch()
    with alone.store.database.writing() as connection:  # as if nothing had been heard of it for long
        connection.execute(schema_web.inquiries.update().values(heartbeat=0))
    alone.once()
    inquiry = alone.store.inquiries.get(id)
    assert inquiry.state == "answered", inquiry.error
    assert [header.id for header in alone.store.rollouts()] == [inquiry.rollout]


def test_an_inquiry_holds_up_no_end_and_is_left_to_others(alone: Project) -> None:
    worker = alone.worker()
    id = alone.ask("plan", rollout="slow").id
    alone.at_work()
    worker.terminate()
    assert worker.wait(60) == 0
    inquiry = alone.store.inquiries.get(id)
    assert (inquiry.state, inquiry.owner, alone.store.workers.present()) == ("asked", "", [])


def test_an_inquiry_whose_process_is_lost_fails_with_a_sentence(alone: Project) -> None:
    alone.worker()
    id = alone.ask("plan", rollout="slow").id
    os.kill(alone.at_work(), signal.SIGKILL)
    alone.until(lambda: alone.store.inquiries.get(id).is_over)
    error = alone.store.inquiries.get(id).error
    assert error is not None and error["message"] == "nobody answered: its process was ended by SIGKILL"


def test_workers_answer_what_is_asked_in_their_own_queues_only(alone: Project) -> None:
    for queue in ("east", "west"):
        alone.store.inquiries.ask("look", {"environment": "dev"}, who="ada", queue=queue)
    assert alone.worker("--once", "--queue", "east").wait(60) == 0
    assert [(one.queue, one.state) for one in alone.store.inquiries.open()] == [("west", "asked")]


def test_workers_of_a_cluster_answer_too(postgresql: Any, tmp_path: Path) -> None:
    pytest.importorskip("procrastinate")
    url = postgresql.new_database()
    with closing(Project(tmp_path / "project", url, DEPL_DEPL_CLUSTER="yes")) as project:
        worker = project.worker()
        inquiry = project.answered("deploy", environment="dev", hosts=[], components=[])
        assert inquiry.answer is not None, inquiry.error
        assert inquiry.answer["counts"] == {"0": 1}
        project.until(lambda: project.published("project", ""))
        assert len(project.store.workers.present()) == 1
        project.ask("plan", rollout="slow")
        project.at_work()
        worker.terminate()
        assert worker.wait(60) == 0
        assert ([one.state for one in project.store.inquiries.open()], project.store.workers.present()) == (
            ["asked"],
            [],
        )
    postgresql.drop(url)


def test_no_value_of_a_secret_is_in_what_is_asked_answered_or_published(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with closing(Project(tmp_path / "project", f"sqlite:///{tmp_path}/depl.sqlite", HOME=str(home))) as project:

        def configured(text: str) -> None:
            project.write("environments/live/environment.cfg", LOCAL + text.replace("\n127.0.0.3 = ", ", "))

        site = SimpleNamespace(directory=project.base, home=home, environment=configured, write=None)
        site.write = lambda files: [project.write(name, content) for name, content in files.items()]
        planting = planted.Planting(site)
        project.worker()
        plan = project.answered("deploy", environment="live", hosts=[], components=[])
        assert plan.answer is not None, plan.error
        assert "‹secret planted." in json.dumps(plan.answer, ensure_ascii=False)
        word = planting.values[0]["word"]
        refused = project.answered("plan", rollout="ship", parameters={"to": "live", "note": f"so {word}"})
        assert "holds the secret" in str(refused.error)
        assert project.carried_out(plan) == "succeeded"
        project.answer("undo", rollout=plan.rollout, on_conflict="stop")
        planting.configure(fail="raises", round=2)
        project.answer("look", environment="live")
        project.until(lambda: (project.published("project", "") or {}).get("name"))
        tables = (schema_web.inquiries, schema_web.published, schema.events)
        with project.store.database.reading() as connection:
            rows = [list(row) for table in tables for row in connection.execute(select(table))]
        assert planted.hits(json.dumps(rows).encode(), planted.searched_for(planting)) == []
        assert planted.hits(json.dumps(rows, ensure_ascii=False).encode(), planted.searched_for(planting)) == []
