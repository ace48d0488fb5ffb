"""Supervisor and its programs: what is written for supervisord, and a real one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from depl.events import What
from depl.lib.file import File
from depl.lib.ports import obstacle
from depl.lib.supervisor import Eventlistener, Program, Supervisor
from depl.lib.supervisord import look_at
from depl.rollout.live import check_live
from depl.rollout.local import realise

Made = Callable[..., Any]

# Says in a file which content it was started with, then waits.
SERVICE = """\
#!/bin/sh
cat config >>seen
echo started
exec sleep 1000
"""


@pytest.fixture
def supervised(project: Made) -> Iterator[Any]:
    """A project whose supervisord is gone at the end."""
    made = project()
    yield made
    pidfile = made.work / "var/supervisord.pid"
    if pidfile.exists():
        os.kill(int(pidfile.read_text()), signal.SIGTERM)
        for _ in range(100):
            if not pidfile.exists():
                break
            time.sleep(0.1)


def service(content: str = "one\n", **options: Any) -> Callable[[Any], None]:
    def configure(self: Any) -> None:
        self += Supervisor()
        self.config = File("config", content=content)
        self += self.config
        self.script = File("service.sh", content=SERVICE, mode=0o755)
        self += self.script
        how = {"dependencies": [self.config, self.script], **options}
        self += Program("service", command="service.sh", **how)

    return configure


def status(made: Any) -> str:
    ctl = [made.work / "bin/supervisorctl", "-c", made.work / "etc/supervisord.conf", "status"]
    return subprocess.run(ctl, capture_output=True, text=True, timeout=60).stdout


def seen(made: Any) -> list[str]:
    return (made.work / "seen").read_text().split()


def test_a_program_is_started_restarted_when_needed_and_stopped(supervised: Any) -> None:
    supervised.configure = service()
    assert supervised.plan().error == ""
    assert not supervised.work.exists()
    assert supervised.deploy().error == ""
    assert "RUNNING" in status(supervised)
    assert supervised.deploy().changed == []
    assert seen(supervised) == ["one"]

    supervised.configure = service("two\n")
    result = supervised.deploy()
    assert (result.error, result.changed) == ("", ["File(config)", "Program(service)"])
    assert seen(supervised) == ["one", "two"]

    supervised.configure = service("two\n", environment_variables={"COLOUR": 'a "b" 100%'})
    assert supervised.deploy().error == ""
    assert seen(supervised) == ["one", "two", "two"]

    subprocess.run(
        [supervised.work / "bin/supervisorctl", "-c", supervised.work / "etc/supervisord.conf", "stop", "all"]
    )
    assert supervised.deploy().changed == ["Program(service)"]
    assert "RUNNING" in status(supervised)

    supervised.configure = service("two\n", enable=False)
    assert "program service" in (supervised.base / ".depl/receipts.json").read_text()
    assert supervised.deploy().error == ""
    assert "program service" not in (supervised.base / ".depl/receipts.json").read_text()
    assert status(supervised) == ""
    assert supervised.deploy().changed == []
    assert supervised.undo().status == 0
    assert "RUNNING" in status(supervised)

    for _ in range(4):
        assert supervised.undo().status == 0
    assert sorted(path.name for path in supervised.work.rglob("*") if path.is_file()) == [
        "seen",
        "service.log",
        "supervisord.log",
    ]
    assert look_at(str(supervised.work / "supervisor.sock")) is None


def test_a_program_that_does_not_stay_up_shows_what_it_said_and_is_gone_again(supervised: Any) -> None:
    def configure(self: Any) -> None:
        self += Supervisor()
        self += Program("broken", command="/bin/sh", args="-c 'echo I am broken; exit 3'", options={"startretries": 0})

    supervised.configure = configure
    result = supervised.deploy()
    assert result.status == 3
    assert "supervisorctl restart broken" in result.error and "FATAL" in result.error
    assert "I am broken" in result.errors[0].stderr
    assert not (supervised.work / "etc").exists()


def test_a_cold_program_does_not_run_while_things_change(supervised: Any) -> None:
    class Witness(File):
        """Notes whether the service runs while it is updated."""

        staged = False
        predictable = False
        verify_after_update = False

        def verify(self) -> None:
            super().verify()

        def update(self) -> None:
            super().update()
            note = (
                "RUNNING"
                in subprocess.run(
                    [f"{self.workdir}/bin/supervisorctl", "-c", f"{self.workdir}/etc/supervisord.conf", "status"],
                    capture_output=True,
                    text=True,
                ).stdout
            )
            Path(self.workdir, "witness").write_text(str(note))

    def cold(content: str) -> Callable[[Any], None]:
        def configure(self: Any) -> None:
            self += Supervisor()
            self += File("service.sh", content=SERVICE, mode=0o755)
            self += Witness("config", content=content)
            self += Program("service", command="service.sh", deployment="cold")

        return configure

    supervised.configure = cold("one\n")
    assert supervised.deploy().error == ""
    supervised.configure = cold("two\n")
    assert supervised.deploy().error == ""
    assert (supervised.work / "witness").read_text() == "False"
    assert "RUNNING" in status(supervised)
    assert seen(supervised) == ["one", "two"]


def test_the_entry_says_what_supervisord_needs(project: Made) -> None:
    def configure(self: Any) -> None:
        self += Supervisor()
        self.program = Program(
            "web",
            command="bin/{{component.name}}",
            args="--port 80",
            options={"startsecs": 3},
            environment_variables={"B": "2", "A": "100%"},
        )
        self += self.program
        self.listener = Eventlistener("ears", command="bin/ears", events=["PROCESS_STATE"])
        self += self.listener

    made = project(configure)
    made.root()
    work, program, listener = made.work, made.component.program, made.component.listener
    assert program.config.content.decode() == (
        "[program:web]\n"
        f"command = {work}/bin/web --port 80\n"
        f"directory = {work}\n"
        "priority = 10\n"
        "autorestart = true\n"
        "redirect_stderr = true\n"
        f"stdout_logfile = {work}/var/log/web.log\n"
        "stdout_logfile_maxbytes = 10MB\n"
        "stdout_logfile_backups = 5\n"
        'environment = A="100%%",B="2"\n'
        "startsecs = 3\n"
    )
    assert listener.config.content.decode().startswith("[eventlistener:ears]\n")
    assert "events = PROCESS_STATE\n" in listener.config.content.decode()


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (lambda: Program("web"), "has no command"),
        (lambda: Program("web", command="x", deployment="warm"), "hot or cold, not 'warm'"),
        (lambda: Eventlistener("ears", command="x", events=()), "names no events"),
        (
            lambda: Program("web", command="x", environment_variables={"A": "\"'"}),
            "cannot pass on the environment variable A",
        ),
    ],
)
def test_a_program_that_cannot_be_meant_so_is_a_mistake(program: Any, message: str, project: Made) -> None:
    def configure(self: Any) -> None:
        self += Supervisor()
        self += program()

    result = project(configure).deploy()
    assert result.status == 1
    assert message in result.error


def test_a_program_that_is_not_waited_for_may_still_be_starting(supervised: Any) -> None:
    def configure(self: Any) -> None:
        self += Supervisor(wait_for_running=False)
        self.program = Program("slow", command="/bin/sleep", args="1000", options={"startsecs": 3600})
        self += self.program

    supervised.configure = configure
    assert supervised.deploy().error == ""
    assert "STARTING" in status(supervised)
    assert supervised.deploy().changed == []

    subprocess.run([supervised.work / "bin/supervisorctl", "-c", supervised.work / "etc/supervisord.conf", "shutdown"])
    for _ in range(100):
        if not (supervised.work / "var/supervisord.pid").exists():
            break
        time.sleep(0.1)
    (unwell,) = check_live(supervised.model(), "localhost", lambda event: None)
    assert "supervisor does not know slow" in str(unwell)
    assert supervised.deploy().error == ""  # starts supervisord, which starts the program
    assert "STARTING" in status(supervised)


def test_what_batou_s_projects_say_is_understood(project: Made) -> None:
    def configure(self: Any) -> None:
        self += Supervisor(
            deployment_mode="cold", logrotate=True, nagios=True, max_startup_delay=30, supervisor_conf="own.conf"
        )
        self.supervisor = self._
        self.own = Program("own", command="bin/own", program_section="[program:{{component.name}}]\n", options=None)
        self += self.own
        self.hot = Program("hot", command="bin/hot", deployment="hot", dependencies=(), args=None)
        self += self.hot
        self.ears = Eventlistener("ears", command="bin/ears", args=None)
        self += self.ears
        self.eyes = Eventlistener("eyes", command="bin/eyes", events="TICK_5,TICK_60")
        self += self.eyes

    made = project(configure)
    made.file("own.conf", "[supervisord]\nloglevel = {{component.loglevel}}\n")
    root = made.root()
    component = made.component
    assert component.supervisor.config.content == b"[supervisord]\nloglevel = info\n"
    assert component.own.config.content == b"[program:own]\n"
    assert (component.own.deployment, component.hot.deployment) == ("cold", "hot")
    assert b"\nevents = TICK_60\n" in component.ears.config.content
    assert b"\nevents = TICK_5,TICK_60\n" in component.eyes.config.content
    assert [text.partition(":")[0] for _, text in root.log_lines] == ["logrotate has no effect", "nagios has no effect"]


def test_an_event_listener_lies_with_the_supervisor(project: Made) -> None:
    def configure(self: Any) -> None:
        self += Supervisor(workdir=f"{self.workdir}/elsewhere")
        self.ears = Eventlistener("ears", command="bin/{{component.name}}")
        self += self.ears

    made = project(configure)
    made.root()
    assert made.component.ears.command == f"{made.work}/elsewhere/bin/ears"


def test_a_supervisor_is_hot_or_cold(project: Made) -> None:
    result = project(lambda self: Supervisor(deployment_mode="warm")).deploy()
    assert result.status == 1
    assert "deployment_mode of a Supervisor is hot or cold, not 'warm'" in result.error


def test_a_socket_path_that_the_system_does_not_allow_is_a_mistake(project: Made) -> None:
    result = project(lambda self: Supervisor(socketpath="/tmp/" + "x" * 100)).deploy()
    assert result.status == 1
    assert "longer than 96 bytes" in result.error


def test_processes_are_read_from_what_supervisord_answers(tmp_path: Path) -> None:
    members = {
        "name": ("string", "w_0"),
        "group": ("string", "w"),
        "statename": ("string", "BACKOFF"),
        "pid": ("int", "0"),
    }
    members["spawnerr"] = ("string", "can't find &lt;x&gt;")
    xml = "".join(
        f"<member>\n<name>{name}</name>\n<value><{kind}>{value}</{kind}></value>\n</member>\n"
        for name, (kind, value) in members.items()
    )
    body = f"<?xml version='1.0'?>\n<methodResponse><array><data><struct>{xml}</struct></data></array></methodResponse>"
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(f"HTTP/1.0 200 OK\r\n\r\n{body}".encode())

        thread = threading.Thread(target=answer)
        thread.start()
        found = look_at(path)
        thread.join()
    assert found is not None
    (process,) = found["w"]
    assert (process.name, process.state, process.pid, process.why) == ("w_0", "BACKOFF", 0, "can't find <x>")


def test_nobody_at_the_socket_is_no_supervisord(tmp_path: Path) -> None:
    assert look_at(str(tmp_path / "missing")) is None


def test_a_port_in_use_is_an_obstacle_with_the_name_of_the_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        assert f"(process {os.getpid()})" in str(obstacle(address))
        assert obstacle(address, own={os.getpgid(0)}) is None
    assert obstacle(address) is None


def test_programs_and_their_supervisor_are_ended_before_their_files_go_and_run_again_once_they_are_back(
    supervised: Any,
) -> None:
    supervised.configure = service()
    assert supervised.deploy().error == ""
    supervised.configure = lambda made: File("stays", content="")
    result = supervised.deploy()
    (told,) = [event.data["things"] for event in result.events if event.what is What.UNDECLARED]
    assert [one["what"] for one in told[:2]] == ["program service", f"supervisord in {supervised.work}"]
    assert "RUNNING" in status(supervised)

    ended = realise(supervised.model(), "localhost", replace(supervised.options(), gc=True), lambda event: None)
    assert ended.status == "succeeded"
    assert look_at(str(supervised.work / "supervisor.sock")) is None
    assert not (supervised.work / "bin").exists()

    assert supervised.undo().status == 0
    assert "RUNNING" in status(supervised)
    assert set(seen(supervised)) == {"one"}
