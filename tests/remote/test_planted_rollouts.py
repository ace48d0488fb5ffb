"""Fifty secrets of all shapes in rollouts by hand, direct and queued, forward and back; then they are looked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import receivers
from planted import Planting, Processes, hits, searched_for

from depl.rollout.records import SIGNALS, path_of, recorded_rollouts

ROLLOUT = """
import base64
import json
import os
import urllib.parse

from depl.rollout import Parameter, Rollout
from depl.tasks import Approval, Command, Deploy, Parallel, PythonCall, Sequential, Task, Undo

DEPLOYED = {deployed!r}


def values():
    if not os.path.exists(DEPLOYED):
        return ["nothing is deployed"]
    with open(DEPLOYED, newline="") as file:
        return json.loads(file.read().rsplit("\\n", 2)[1])


def said(task):
    print("printed", values())
    task.log(" ".join(values()))
    task.warn(repr(values()))
    raise_if("said", "said %r" % values())


def unsaid(task):
    task.log(json.dumps(values()))


def raise_if(where, text):
    if os.path.exists("fails-" + where):
        raise RuntimeError(text)


class Talks(Task):
    environments = ["live"]

    @property
    def title(self):
        return "Talk of " + values()[0]

    def run(self):
        self.state["all"] = values()
        self.state["host"] = values()[1]
        self.state[values()[0]] = {{"task": values()[2]}}
        self.save()
        for value in values()[::9]:
            self.subprocess(["cat"], input=value + " " + urllib.parse.quote(value), env={{"PLANTED": value}})
        self.subprocess("cat %s; base64 %s; xxd -p %s 2>&1" % ((DEPLOYED,) * 3), check=False)

    def reverse(self):
        self.log(values())
        raise_if("back", "back: " + "; ".join(values()))


class Said(Rollout):
    word = Parameter(str, default="nothing")
    number = Parameter(int, default=0)
    deploys = Parameter(bool, default=True)
    where = Parameter(choices=["parameter", "command", "override"], default="parameter")

    interval = 0.5
    valid = 3600

    @property
    def title(self):
        return "It says " + values()[0]

    @property
    def info(self):
        return values()

    monitors = ["watch"]

    def watch(self):
        print("watching", values())
        raise_if("watch", "watched " + json.dumps(values()))

    def plan(self):
        if not os.path.exists(DEPLOYED) or self.word != "nothing":
            return Sequential(
                Deploy("live", overrides={{"planted.round": self.word}} if self.where == "override" else {{}}),
                Command(f"echo {{self.word}}" if self.where == "command" else "cat " + DEPLOYED),
            )
        return Sequential(
            Deploy("live", overrides={{"planted.round": "9"}}) if self.deploys else Command("true", undo="true"),
            Parallel(
                Command("cat %s %s" % (DEPLOYED, DEPLOYED), undo="cat %s >&2" % DEPLOYED),
                Talks(),
            ),
            PythonCall("rollouts/said.py:said", undo="rollouts/said.py:unsaid"),
            Approval("Is all well?"),
            Command("base64 %s; cat %s; test ! -e fails-end" % (DEPLOYED, DEPLOYED), undo="true"),
        )


class Back(Rollout):
    def plan(self):
        return Sequential(Command("cat " + DEPLOYED), Undo("live"))
"""
GATE = '"task started", "task": "4"'


class Rolling:
    """The project with rollouts that tell all, and those who hear of them."""

    def __init__(self, site: Any, web: tuple[str, list[Any]], mailbox: tuple[str, list[Any]]) -> None:
        self.planting, self.base = Planting(site), site.directory
        self.wanted = searched_for(self.planting)
        self._site, self._web, self._mails = site, web[1], mailbox[1]
        deployed = site.target("127.0.0.2") / "work" / "planted" / "everything"
        site.write({"rollouts/said.py": ROLLOUT.format(deployed=str(deployed))})
        targets = [f"webhook http://{web[0]}/", f"mail ops@example.com via smtp://{mailbox[0]}", "command cat >>heard"]
        self._notify = "\n    ".join(["[notify]", "targets =", *targets]).replace("    targets", "targets")
        self._printed: list[tuple[str, str]] = []
        self._nobody = site.directory.parent / "nobody"  # who has no key
        self._nobody.mkdir()

    def use(self, store: str) -> None:
        """Have this store."""
        self._site.write({"depl.cfg": f"[depl]\nstore = {store}\n{self._notify}\n"})

    def depl(self, status: int | None, *arguments: str, **more: str) -> str:
        found, command, printed = self.planting.call(status or 0, *arguments, **more)
        self._printed.append((command, printed))
        assert status is None or not found, f"{command}: {found + status}\n{printed[-4000:]}"
        return printed

    def say(self, what: str, secret: str, *, keyless: bool = True) -> None:
        """A signal whose reason repeats a secret."""
        more = {"HOME": str(self._nobody)} if keyless else {}
        command = ("approve", "latest") if what == "approve" else ("signal", "latest", what)
        found, printed = self.planting.call(0, "rollout", *command, "--reason", f"as {secret} is", **more)[::2]
        assert not found, printed

    @contextmanager
    def beside(self, status: int, *arguments: str) -> Iterator[None]:
        """Call it beside us, from where it waits for an answer."""
        before, ended = self.latest(), list[str]()
        thread = threading.Thread(target=lambda: ended.append(self.depl(status, *arguments)))
        thread.start()
        try:
            while thread.is_alive() and (self.latest() == before or GATE not in self.record()):
                time.sleep(0.05)
            yield
        except BaseException:
            self.say("terminate", "")
            raise
        finally:
            thread.join(120)
        assert ended, "it did not end as it should"

    def latest(self) -> str:
        return (recorded_rollouts(str(self.base / ".depl")) or [""])[0]

    def record(self) -> str:
        return Path(path_of(str(self.base / ".depl"), self.latest())).read_text()

    def fails(self, *where: str) -> None:
        """Let it fail there."""
        for name in ("said", "back", "watch", "end"):
            path = self.base / f"fails-{name}"
            path.touch() if name in where else path.unlink(missing_ok=True)

    def look(self) -> None:
        """Look at the latest rollout in all ways."""
        for arguments in ("show latest", "show latest --json", "show latest --output 2/1", "rollout follow latest"):
            self.depl(None, *arguments.split())
        self.depl(0, "rollouts", "--json")

    def leaks(self) -> Iterator[str]:
        """What is found in all that was printed, told and written."""
        for command, printed in self._printed:
            yield from (f"{command}: {leak}" for leak in hits(printed.encode(), self.wanted))
        assert self._web and self._mails, "nobody was told"
        told = [body for _, _, body in self._web] + [
            f"{mail['subject']}\n{mail.get_content()}" for _, mail in self._mails
        ]
        for text in told:
            yield from (f"a notice: {leak}" for leak in hits(text.encode(), self.wanted))
        for path in self.planting.files():
            if path.is_file():
                yield from (f"{path}: {leak}" for leak in hits(path.read_bytes(), self.wanted))


@pytest.fixture
def rolling(site: Any) -> Iterator[Rolling]:
    with receivers.web() as web, receivers.mailbox() as mailbox:
        yield Rolling(site, web, mailbox)


def test_no_secret_of_rollouts_by_hand_is_anywhere(rolling: Rolling, postgresql: Any) -> None:
    leaks, url = [], postgresql.new_database()
    rolling.use("sqlite:///.depl/depl.sqlite")
    with Processes(rolling.wanted) as processes:
        direct(rolling, rolling.planting.values[0])
        queued(rolling, rolling.planting.values[0])
        rolling.use(url)
        queued(rolling, rolling.planting.values[0])
        rolling.fails()
        rolling.depl(0, "rollout", "start", "said:Back", "--json")
    leaks += [f"PostgreSQL: {leak}" for leak in hits(content(url), rolling.wanted)]
    leaks += [f"a command line: {leak}" for leak in processes.found if "as " not in leak]  # but for the reasons given
    leaks += rolling.leaks()
    assert not leaks, "\n".join(dict.fromkeys(leaks))


def direct(rolling: Rolling, secrets: Mapping[str, str]) -> None:
    """Rollouts that a command drives: one to its end and back, one that fails."""
    rolling.depl(0, "rollout", "start", "said:Said", "--verbose")  # deploys what the others tell of
    with rolling.beside(0, "rollout", "start", "said:Said", "--json"):
        rolling.say("keep", secrets["word"])
        rolling.say("unkeep", secrets["unicode"], keyless=False)
        rolling.say("approve", secrets["quotes"])
    rolling.fails("back")
    assert "blocked" in rolling.depl(4, "rollout", "undo", "latest", "--verbose")
    rolling.say("retry", secrets["number"])
    assert secrets["number"] in Path(path_of(str(rolling.base / ".depl"), rolling.latest(), SIGNALS)).read_text()
    rolling.look()
    rolling.fails()
    rolling.depl(0, "rollout", "resume", "latest", "--json")
    with rolling.beside(3, "rollout", "start", "said:Said", "--set", "deploys=no", "--verbose"):
        rolling.fails("watch")
    rolling.look()
    rolling.depl(0, "hold", "live", "--reason", f"as {secrets['spaces']} is")
    rolling.depl(0, "release", "live")


def queued(rolling: Rolling, secrets: Mapping[str, str]) -> None:
    """One that workers drive, which fails at its end."""
    rolling.fails()
    rolling.depl(0, "rollout", "start", "said:Said", "--set", "deploys=no", "--queue", "--yes")
    rolling.depl(0, "worker", "--once", "--verbose")
    rolling.say("approve", secrets["random15"])
    rolling.fails("end")
    rolling.depl(0, "show", "latest", "--json")
    rolling.depl(0, "worker", "--once", "--json")
    rolling.look()


def content(url: str) -> bytes:
    """Every row of every table."""
    rows: list[str] = []
    with psycopg.connect(url) as connection:
        query = "select quote_ident(table_schema) || '.' || quote_ident(table_name) from information_schema.tables"
        tables = connection.execute(f"{query} where table_schema = 'public'").fetchall()
        assert len(tables) > 4
        for (table,) in tables:
            rows += [row[0] for row in connection.execute(f"select t::text from {table} t").fetchall()]
    return "\n".join(rows).encode()


def test_a_plan_that_would_hold_a_secret_is_refused(rolling: Rolling) -> None:
    secrets = rolling.planting.values[0]
    rolling.use("sqlite:///.depl/depl.sqlite")
    for name, given in {"word": secrets["word"], "number": secrets["number"]}.items():
        refused = rolling.depl(1, "rollout", "start", "said:Said", "--set", f"{name}={given}")
        assert f"The parameter '{name}' holds the secret planted.{name} #" in refused
    for where in ("command", "override"):
        given = ("--set", f"word={secrets['url']}", "--set", f"where={where}")
        refused = rolling.depl(1, "rollout", "new", "said:Said", *given, "--queue")
        assert "holds the secret planted.url #" in refused
        assert f"The argument '{where}{'s' * (where == 'override')}' of the task" in refused
    assert rolling.latest() == ""
    files = [path for path in rolling.base.glob(".depl/**/*") if path.is_file()]
    assert not [leak for path in files for leak in hits(path.read_bytes(), rolling.wanted)]
