"""The sample service of this repository, deployed for real: a virtual environment, supervisord, gunicorn, SQLite."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


class Project:
    """A copy of the sample in a directory of its own, with ports of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.work = directory / "work"
        self.ports = dict(zip(("8042", "8043"), free_ports(2), strict=True))
        shutil.copytree(REPOSITORY / "components", directory / "components")
        shutil.copytree(REPOSITORY / "environments", directory / "environments")
        for file in sorted(directory.glob("environments/*/environment.cfg")):
            file.write_text(re.sub(r"\b804[23]\b", lambda match: self.ports[match[0]], file.read_text()))

    def depl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "depl", *arguments],
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def deploy(self, environment: str = "dev") -> str:
        done = self.depl("local", environment, "localhost")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def page(self, path: str = "/", **form: str) -> str:
        """What the front answers: to a form, if one is given."""
        data = urllib.parse.urlencode(form).encode() if form else None
        with urllib.request.urlopen(f"http://localhost:{self.ports['8042']}{path}", data, timeout=10) as answer:
            return answer.read().decode()

    def processes(self) -> dict[str, str]:
        """The process ids of what supervisord keeps running, and its own."""
        ctl = [self.work / "processes/bin/supervisorctl", "-c", self.work / "processes/etc/supervisord.conf"]
        status = subprocess.run([*ctl, "status"], capture_output=True, text=True, timeout=60).stdout
        running = dict(re.findall(r"^(\S+) +RUNNING +pid (\d+)", status, re.MULTILINE))
        return {**running, "supervisord": (self.work / "processes/var/supervisord.pid").read_text().strip()}

    def tree(self) -> dict[str, tuple]:
        """All that was deployed, with modes and times; not what the service itself writes."""
        found = {}
        for path in sorted(self.work.rglob("*")):
            name = str(path.relative_to(self.work))
            if not is_written_by_the_service(name):
                status = path.lstat()
                found[name] = (status.st_mode, status.st_mtime_ns, status.st_ino)
        return found


def free_ports(count: int) -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def is_written_by_the_service(name: str) -> bool:
    return name.startswith(("guestbook/data", "processes/var")) or name == "processes/supervisor.sock"


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("sample") / "p")
    yield project
    stop(project)


@pytest.fixture(name="service")
def _service(project):
    """The guest book as `dev` has it, deployed."""
    project.deploy()
    return project


def stop(project: Project) -> None:
    """Leave no process behind, whatever the tests have done."""
    pidfile = project.work / "processes/var/supervisord.pid"
    if pidfile.exists():
        os.kill(int(pidfile.read_text()), signal.SIGTERM)
        for _ in range(300):
            if not pidfile.exists():
                break
            time.sleep(0.1)


def test_the_page_answers_and_keeps_what_visitors_write(service):
    assert "<h1>Guest book</h1>" in service.page()
    assert "background" in service.page("/style.css")
    assert "It was lovely." in service.page(name="Ada", text="It was lovely.")
    assert "It was lovely." in service.page()


def test_a_second_run_has_nothing_to_do_and_touches_nothing(service):
    before, running = service.tree(), service.processes()
    output = service.deploy()
    assert "nothing to do" in output.lower()
    assert service.tree() == before
    assert service.processes() == running


def test_an_edited_template_restarts_exactly_what_depends_on_it(service):
    service.page(name="Bob", text="I was here before.")
    before = service.processes()
    template = service.directory / "components/guestbook/guestbook.ini"
    original = template.read_text()
    template.write_text(original.replace("{{ component.title }}", "{{ component.title }} for all"))
    try:
        service.deploy()
        assert "<h1>Guest book for all</h1>" in service.page()
        assert "I was here before." in service.page()
        changed = {name for name, pid in service.processes().items() if before[name] != pid}
        assert changed == {"guestbook"}
    finally:
        template.write_text(original)


def test_a_changed_static_file_restarts_only_the_front(service):
    before = service.processes()
    file = service.directory / "components/front/static/style.css"
    original = file.read_text()
    file.write_text(original + "h1 { color: teal; }\n")
    try:
        service.deploy()
        assert "teal" in service.page("/style.css")
        changed = {name for name, pid in service.processes().items() if before[name] != pid}
        assert changed == {"front"}
    finally:
        file.write_text(original)


def test_a_change_that_fails_its_health_check_is_rolled_back(service):
    service.page(name="Cleo", text="I shall stay.")
    configuration = (service.work / "guestbook/guestbook.ini").read_bytes()
    before = service.processes()
    done = service.depl("local", "broken", "localhost")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "no/such/directory" in done.stdout + done.stderr
    assert (service.work / "guestbook/guestbook.ini").read_bytes() == configuration
    assert "<h1>Guest book</h1>" in service.page()
    assert "I shall stay." in service.page()
    assert service.processes()["guestbook"] != before["guestbook"]
    assert "nothing to do" in service.deploy().lower()


def test_a_port_in_use_is_named_with_the_process_that_holds_it(service):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        file = service.directory / "environments/dev/environment.cfg"
        original = file.read_text()
        file.write_text(original.replace(f"127.0.0.1:{service.ports['8043']}", f"127.0.0.1:{port}"))
        try:
            done = service.depl("local", "dev", "localhost")
        finally:
            file.write_text(original)
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"127.0.0.1:{port}" in done.stdout + done.stderr
    assert f"process {os.getpid()}" in done.stdout + done.stderr
    assert "<h1>Guest book</h1>" in service.page()


def test_undo_stops_the_service_and_keeps_what_it_has_written(service):
    service.page(name="Dora", text="Do not forget me.")
    pids = service.processes()
    outputs = []
    while (service.work / "front").exists():  # every rollout that the other tests have left
        done = service.depl("undo", "dev")
        assert done.returncode == 0, done.stdout + done.stderr
        outputs.append(done.stdout)
    with pytest.raises(urllib.error.URLError):
        service.page()
    assert not any(is_alive(pid) for pid in pids.values())
    left = sorted(str(path.relative_to(service.work)) for path in service.work.rglob("*") if path.is_file())
    assert "guestbook/data/guestbook.sqlite" in left
    assert all(name == "guestbook/data/guestbook.sqlite" or name.startswith("processes/var/log/") for name in left)
    assert "guestbook/data" in outputs[-1]
    service.deploy()
    assert "Do not forget me." in service.page()


def test_the_tutorial_writes_one_file_and_takes_it_back(tmp_path):
    project = Project(tmp_path / "p")
    before = project.depl("local", "tutorial", "--plan")
    assert before.returncode == 0, before.stdout + before.stderr
    assert not project.work.exists()
    project.deploy("tutorial")
    assert (project.work / "hello/hello.txt").read_text() == "Hello, tutorial!\n"
    assert "nothing to do" in project.deploy("tutorial").lower()
    done = project.depl("undo", "tutorial")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not project.work.exists()


def is_alive(pid: str) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
