"""The sample service on three hosts: depl over a real sshd, with resources from one host to another."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
HOSTS = {"front": "127.0.0.11", "app": "127.0.0.12", "database": "127.0.0.13"}
PORTS = {"front": "8042", "app": "8043", "database": "8044"}
NOT_OURS = (".cache", "work/database/data", "work/processes/var", "work/processes/supervisor.sock")


class Project:
    """A copy of the sample with the environment `cluster`, with ports of its own."""

    def __init__(self, directory: Path, cluster_of) -> None:
        self.directory = directory
        for name in ("components", "environments"):
            shutil.copytree(REPOSITORY / name, directory / name)
        self.environment = directory / "environments/cluster/environment.cfg"
        self.ports = {host: free_port(address) for host, address in HOSTS.items()}
        text = self.environment.read_text()
        for host, port in PORTS.items():
            text = text.replace(f":{port}", f":{self.ports[host]}")
        self.environment.write_text(text)
        self.cluster = cluster_of(directory)

    def depl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "depl", *arguments],
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "HOME": str(self.directory.parent / "home")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def deploy(self, *options: str) -> str:
        done = self.depl("remote", "cluster", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def undo(self) -> str:
        done = self.depl("undo", "cluster")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def page(self, **form: str) -> str:
        """What the front answers: to a form, if one is given."""
        data = urllib.parse.urlencode(form).encode() if form else None
        with urllib.request.urlopen(f"http://{HOSTS['front']}:{self.ports['front']}/", data, timeout=10) as answer:
            return answer.read().decode()

    def work(self, host: str) -> Path:
        return self.cluster.home / host / "work"

    def entries(self) -> list[str]:
        """What lies in the database, on its host."""
        with closing(sqlite3.connect(self.work("database") / "database/data/entries.sqlite")) as database:
            return [text for (text,) in database.execute("SELECT text FROM entry ORDER BY id")]

    def processes(self) -> dict[str, str]:
        """The process ids of what runs on the hosts: host/program."""
        found = {}
        for host in HOSTS:
            processes = self.work(host) / "processes"
            ctl = [processes / "bin/supervisorctl", "-c", processes / "etc/supervisord.conf", "status"]
            status = subprocess.run(ctl, capture_output=True, text=True, timeout=60).stdout
            for name, pid in re.findall(r"^(\S+) +RUNNING +pid (\d+)", status, re.MULTILINE):
                found[f"{host}/{name}"] = pid
            found[f"{host}/supervisord"] = (processes / "var/supervisord.pid").read_text().strip()
        return found

    def tree(self) -> dict[str, tuple]:
        """All that was deployed, and depl's own records of it, with modes and times; not what the service writes."""
        found = {}
        for path in sorted(self.cluster.home.rglob("*")):
            name = str(path.relative_to(self.cluster.home))
            if not name.partition("/")[2].startswith(NOT_OURS) and not name.startswith(NOT_OURS):
                status = path.lstat()
                found[name] = (status.st_mode, status.st_mtime_ns, status.st_ino)
        return found

    def services(self) -> dict[str, tuple]:
        """The same without depl's own records: a project that has arrived may stay in their cache."""
        return {name: status for name, status in self.tree().items() if not name.partition("/")[2].startswith(".depl")}

    @contextmanager
    def edited(self, name: str, old: str, new: str):
        """While this lasts, a file of the project is another one."""
        file = self.directory / name
        original = file.read_text()
        assert old in original
        file.write_text(original.replace(old, new))
        try:
            yield
        finally:
            file.write_text(original)

    def leave(self) -> None:
        """Let no process behind, whatever the tests have done."""
        for pidfile in self.cluster.running():
            os.kill(int(pidfile.read_text()), signal.SIGTERM)
            for _ in range(300):
                if not pidfile.exists():
                    break
                time.sleep(0.1)
        self.cluster.stop()


def free_port(address: str) -> str:
    with socket.create_server((address, 0)) as free:
        return str(free.getsockname()[1])


@pytest.fixture(name="project", scope="module")
def _project():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY / "tests"))
        from cluster import Cluster
        from sshd import binary
    if binary() is None:
        pytest.skip("sshd is not installed (Debian: openssh-server)")
    directory = Path(tempfile.mkdtemp(prefix="depl-t-"))  # a short name: the path of a socket must not be long
    project = Project(directory / "p", Cluster)
    project.cluster.start()
    yield project
    project.leave()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(name="cluster")
def _cluster(project):
    """The guest book as `cluster` has it, deployed."""
    project.deploy()
    return project


def test_a_plan_says_what_would_be_done_on_each_host_and_writes_nothing(project):
    output = project.deploy("--plan")
    for host, component in {"front": "front", "app": "guestbook", "database": "database"}.items():
        assert f"{host}: {component}/Program({component})" in output
    assert project.tree() == {}


def test_what_visitors_write_at_the_front_arrives_in_the_database(cluster):
    assert "<h1>Guest book</h1>" in cluster.page()
    assert "Over three hosts." in cluster.page(name="Ada", text="Over three hosts.")
    assert "Over three hosts." in cluster.entries()
    assert not (cluster.work("app") / "guestbook/data").exists()


def test_each_host_gets_its_own_components_only(cluster):
    assert {host: sorted(path.name for path in cluster.work(host).iterdir()) for host in HOSTS} == {
        "front": ["front", "processes"],
        "app": ["guestbook", "processes"],
        "database": ["database", "processes"],
    }


def test_a_second_run_has_nothing_to_do_and_touches_nothing_anywhere(cluster):
    before, running = cluster.tree(), cluster.processes()
    output = cluster.deploy()
    assert "cluster: nothing to do (3 hosts, " in output
    assert cluster.tree() == before
    assert cluster.processes() == running


def test_another_address_of_the_database_reaches_the_application_and_restarts_it(cluster):
    cluster.page(name="Bob", text="I was here before.")
    before, other = cluster.processes(), free_port(HOSTS["database"])
    with cluster.edited("environments/cluster/environment.cfg", f":{cluster.ports['database']}", f":{other}"):
        cluster.deploy()
        assert (
            f"database = http://{HOSTS['database']}:{other}"
            in (cluster.work("app") / "guestbook/guestbook.ini").read_text()
        )
        assert "I was here before." in cluster.page()
        assert restarted(before, cluster.processes()) == {"app/guestbook", "database/database"}
    assert "take it back" not in cluster.undo()
    assert "I was here before." in cluster.page()
    assert "nothing to do" in cluster.deploy()


def test_a_failure_on_one_host_is_put_back_on_all(cluster):
    cluster.page(name="Cleo", text="I shall stay.")
    program = cluster.work("database") / "database/database.py"
    before, running = program.read_bytes(), cluster.processes()
    with (
        cluster.edited("components/database/database.py", "import json", "import json  # better"),
        cluster.edited("components/guestbook/guestbook.py", "import html", "import html, no_such_module"),
    ):
        done = cluster.depl("remote", "cluster")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "no_such_module" in done.stdout + done.stderr
    assert program.read_bytes() == before
    assert "I shall stay." in cluster.page()
    assert restarted(running, cluster.processes()) == {"app/guestbook", "database/database"}
    assert "nothing to do" in cluster.deploy()


def test_a_host_that_does_not_answer_is_named_before_anything_is_changed(cluster):
    before, running = cluster.services(), cluster.processes()
    with (
        cluster.edited("environments/cluster/environment.cfg", "address = 127.0.0.12\n", "address = 127.0.0.19\n"),
        cluster.edited("components/database/database.py", "import json", "import json  # better"),
    ):
        done = cluster.depl("remote", "cluster")
    assert done.returncode == 3, done.stdout + done.stderr
    assert re.search(r"error: .*\bapp\b", done.stderr), done.stderr
    assert (cluster.services(), cluster.processes()) == (before, running)


def test_undo_leaves_no_process_and_nothing_but_what_the_service_has_written(cluster):
    cluster.page(name="Dora", text="Do not forget me.")
    pids = cluster.processes()
    while (cluster.work("front") / "front").exists():  # every rollout that the other tests have left
        cluster.undo()
    with pytest.raises(urllib.error.URLError):
        cluster.page()
    assert not any(is_alive(pid) for pid in pids.values())
    left = [path for host in HOSTS for path in cluster.work(host).rglob("*") if path.is_file()]
    assert {str(path.relative_to(cluster.cluster.home)) for path in left if path.parent.name != "log"} == {
        "database/work/database/data/entries.sqlite"
    }
    assert "Do not forget me." in cluster.entries()
    cluster.deploy()
    assert "Do not forget me." in cluster.page()


def restarted(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name, pid in after.items() if before[name] != pid}


def is_alive(pid: str) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
