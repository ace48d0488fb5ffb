"""Connections to a real sshd, and what is said where there is none."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from depl.errors import HostKeyRefused, Unreachable
from depl.host import Host
from depl.remote.connection import Connection, Dialer, Process
from depl.remote.local import LocalDialer

Dial = Callable[..., Dialer]
HOST = Host("web", address="127.0.0.2")


def run(connection: Connection, command: str, given: bytes = b"") -> bytes:
    """What a command writes; it must succeed."""
    process = connection.start(command)
    if given:
        process.write(given)
    said = rest_of(process)
    assert process.status() == 0, process.errors()
    process.close()
    return said


def rest_of(process: Process) -> bytes:
    said = b""
    while data := process.read(30):
        said += data
    return said


@pytest.fixture(params=["ssh", "local"])
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A connection over SSH, and one without."""
    if request.param == "ssh":
        request.getfixturevalue("ssh_project")
        connected = request.getfixturevalue("dialer")().connect(HOST)
    else:
        connected = LocalDialer().connect(HOST)
    yield connected
    connected.close()


def refusal(dialer: Dialer, host: Host = HOST) -> Unreachable:
    """Why a host cannot be connected to."""
    with pytest.raises(Unreachable) as caught:
        dialer.connect(host)
    assert caught.value.hint
    return caught.value


# -- commands


def test_a_command_runs_as_the_user_who_logged_in(connection: Connection) -> None:
    assert run(connection, "id -un").decode().strip() == connection.user


def test_a_command_is_text_for_a_shell(connection: Connection) -> None:
    assert run(connection, "for n in 1 2; do echo \"$n\" '$n'; done") == b"1 $n\n2 $n\n"


def test_much_goes_both_ways_unchanged(connection: Connection) -> None:
    given = os.urandom(5_000_000)
    process = connection.start(f"head -c {len(given)} | cat")
    writer = threading.Thread(target=process.write, args=(given,))
    writer.start()
    said = rest_of(process)
    writer.join(10)
    assert said == given
    assert process.status() == 0


def test_much_is_written_before_anything_is_read(connection: Connection) -> None:
    given = b"x" * 5_000_000
    assert run(connection, f"head -c {len(given)} | wc -c", given).strip() == b"5000000"


def test_several_processes_run_side_by_side(connection: Connection) -> None:
    first, second = connection.start("read word; echo first $word"), connection.start("read word; echo second $word")
    second.write(b"two\n")
    first.write(b"one\n")
    assert (rest_of(first), rest_of(second)) == (b"first one\n", b"second two\n")


def test_status_and_errors_are_told(connection: Connection) -> None:
    process = connection.start("echo oops >&2; read line; exit 3")
    assert process.status() is None
    process.write(b"\n")
    assert (rest_of(process), process.errors(), process.status()) == (b"", "oops\n", 3)


def test_what_a_signal_ended_has_a_negative_status(connection: Connection) -> None:
    process = connection.start("kill -9 $$")
    assert rest_of(process) == b""
    assert (process.status() or 0) < 0


def test_errors_never_block_the_command_and_are_bounded(connection: Connection) -> None:
    process = connection.start("head -c 20000000 /dev/zero | tr '\\0' e >&2; echo end >&2; echo done")
    assert rest_of(process) == b"done\n"
    assert process.errors().endswith("eend\n")
    assert len(process.errors()) <= 65536


def test_reading_gives_up_after_its_timeout_and_can_go_on(connection: Connection) -> None:
    process = connection.start("read line; echo $line")
    with pytest.raises(TimeoutError):
        process.read(0.05)
    process.write(b"late\n")
    assert process.read(30) == b"late\n"


def test_writing_to_a_command_that_ended_is_an_error(connection: Connection) -> None:
    process = connection.start("true")
    assert rest_of(process) == b""
    with pytest.raises(Unreachable):
        process.write(b"x" * 10_000_000)


def test_a_command_finds_the_end_of_its_input_when_the_connection_is_closed(
    connection: Connection, tmp_path: Path
) -> None:
    process = connection.start(f"echo ready; cat > /dev/null; mkfifo {tmp_path}/f; echo gone > {tmp_path}/f")
    assert process.read(30) == b"ready\n"
    os.mkfifo(tmp_path / "ended")
    connection.close()
    said = subprocess.run(
        ["sh", "-c", f"until [ -p {tmp_path}/f ]; do sleep 0.02; done; cat {tmp_path}/f"],
        capture_output=True,
        timeout=30,
    )
    assert said.stdout == b"gone\n"


def test_a_cut_line_is_an_end_without_a_status(ssh_project: Path, dialer: Dial) -> None:
    process = dialer().connect(HOST).start("echo $PPID; exec sleep 60")
    os.kill(int(process.read(30)), signal.SIGKILL)
    assert rest_of(process) == b""
    assert process.status() is None
    with pytest.raises(Unreachable, match="line to web is cut"):
        process.write(b"x")


def test_ctrl_c_at_the_terminal_is_not_for_local_commands() -> None:
    process = LocalDialer().connect(HOST).start("echo $$; read line")
    pid = int(process.read(30))
    assert os.getpgid(pid) == pid != os.getpgrp()
    process.write(b"\n")
    assert rest_of(process) == b""
    process.close()


# -- logging in


def test_one_connection_carries_all(ssh_project: Path, sshd: Any, dialer: Dial) -> None:
    connections, sessions = sshd.connections(), sshd.sessions()
    connection = dialer().connect(HOST)
    for _ in range(3):
        run(connection, "true")
    connection.close()
    assert (sshd.connections() - connections, sshd.sessions() - sessions) == (1, 3)


def test_every_host_has_its_own_home(ssh_project: Path, sshd: Any, dialer: Dial) -> None:
    for address in ("127.0.0.2", "127.0.0.3"):
        connection = dialer().connect(Host("web", address=address))
        assert run(connection, "echo $HOME").decode().strip() == str(sshd.home(address))
        connection.close()


def test_another_user_may_log_in(ssh_project: Path, sshd: Any, users: Callable[[str], str], dialer: Dial) -> None:
    user = users("login")
    (ssh_project / "ssh_config").write_text(sshd.ssh_config.replace(f"User {sshd.user}", f"User {user}"))
    connection = dialer().connect(HOST)
    assert connection.user == user
    assert run(connection, "id -un; cd; pwd").decode().split() == [user, os.path.expanduser(f"~{user}")]
    connection.close()


def test_the_projects_configuration_beats_the_users(
    ssh_project: Path, sshd: Any, dialer: Dial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host *\n User nobody\n Port 1\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    connection = dialer().connect(HOST)
    assert connection.user == sshd.user
    connection.close()


def test_the_environments_port_beats_the_configurations(ssh_project: Path, sshd: Any, dialer: Dial) -> None:
    config = ssh_project / "ssh_config"
    config.write_text(config.read_text().replace(f"Port {sshd.port}", "Port 1"))
    dialer().connect(Host("web", address="127.0.0.2", port=sshd.port)).close()


def test_ten_hosts_at_once_all_get_in_though_sshd_refuses_most_at_first(
    base: Path, new_sshd: Callable[..., Any], dialer: Dial
) -> None:
    with new_sshd(addresses=[f"127.0.0.{n}" for n in range(1, 11)], options=["MaxStartups 2:100:2"]) as sshd:
        (base / "ssh_config").write_text(sshd.ssh_config)
        shared = dialer()
        with ThreadPoolExecutor(10) as pool:
            connections = list(pool.map(shared.connect, [Host(address) for address in sshd.addresses]))
            assert [run(connection, "echo in") for connection in connections] == [b"in\n"] * 10
        for connection in connections:
            connection.close()


# -- keys


def with_key(project: Path, sshd: Any, key: Path | str, *more: str) -> None:
    """Let the project's configuration name another key."""
    text = sshd.ssh_config.replace(f'IdentityFile "{sshd.key}"', "\n    ".join([f'IdentityFile "{key}"', *more]))
    (project / "ssh_config").write_text(text)


@pytest.fixture
def encrypted(ssh_project: Path, sshd: Any, tmp_path: Path) -> Path:
    """The key of the sshd, encrypted with the passphrase `open`."""
    path = tmp_path / "encrypted"
    shutil.copy(sshd.key, path)
    shutil.copy(f"{sshd.key}.pub", f"{path}.pub")
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "open", "-f", path], check=True, capture_output=True)
    with_key(ssh_project, sshd, path)
    return path


@pytest.fixture
def agent(sshd: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The socket of an agent that has the key of the sshd."""
    path = str(tmp_path_factory.mktemp("a") / "s")
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        subprocess.run(["ssh-add", "-q", sshd.key], check=True, capture_output=True)
        yield path
        process.terminate()


def test_a_passphrase_is_asked_for_once(encrypted: Path, dialer: Dial) -> None:
    asked = []
    shared = dialer(ask=lambda prompt: asked.append(prompt) or "open")
    for address in ("127.0.0.2", "127.0.0.3"):
        shared.connect(Host(address)).close()
    assert asked == [f"Passphrase for {encrypted}"]


def test_a_wrong_passphrase_may_be_corrected(encrypted: Path, dialer: Dial) -> None:
    answers = iter(["wrong", "open"])
    dialer(ask=lambda prompt: next(answers)).connect(HOST).close()


def test_a_wrong_passphrase_is_said_and_never_shown(encrypted: Path, dialer: Dial) -> None:
    error = refusal(dialer(ask=lambda prompt: "wrong"))
    assert f"{encrypted} is encrypted, and the passphrase is not this one" in str(error)


def test_where_nobody_can_be_asked_an_encrypted_key_is_named(encrypted: Path, dialer: Dial) -> None:
    assert f"{encrypted} is encrypted, and nobody can be asked for its passphrase" in str(refusal(dialer()))


def test_an_encrypted_key_that_the_agent_has_needs_no_passphrase(encrypted: Path, agent: str, dialer: Dial) -> None:
    dialer().connect(HOST).close()


def test_the_agents_keys_are_used_unless_only_named_ones_may_be(
    ssh_project: Path, sshd: Any, agent: str, dialer: Dial, tmp_path: Path
) -> None:
    with_key(ssh_project, sshd, tmp_path / "missing")
    assert "there is no key to try" in str(refusal(dialer()))
    config = ssh_project / "ssh_config"
    config.write_text(config.read_text().replace("IdentitiesOnly yes", ""))
    dialer().connect(HOST).close()


def test_the_configuration_may_name_another_agent_or_none(
    ssh_project: Path, sshd: Any, agent: str, dialer: Dial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_key(ssh_project, sshd, tmp_path / "missing", "IdentityAgent none")
    config = ssh_project / "ssh_config"
    config.write_text(config.read_text().replace("IdentitiesOnly yes", ""))
    refusal(dialer())
    monkeypatch.delenv("SSH_AUTH_SOCK")
    config.write_text(config.read_text().replace("IdentityAgent none", f"IdentityAgent {agent}"))
    dialer().connect(HOST).close()


def test_several_keys_are_tried_one_after_the_other(ssh_project: Path, sshd: Any, dialer: Dial, tmp_path: Path) -> None:
    key = new_key(tmp_path / "other")
    (tmp_path / "garbage").write_text("no key\n")
    with_key(ssh_project, sshd, tmp_path / "garbage", f"IdentityFile {key}", f"IdentityFile {sshd.key}")
    dialer().connect(HOST).close()


def new_key(path: Path, kind: str = "ed25519") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
    return path


def test_a_key_with_a_certificate_is_used_with_it(base: Path, new_sshd: Callable[..., Any], dialer: Dial) -> None:
    sshd = new_sshd(addresses=["127.0.0.2"])
    authority, key = new_key(sshd.directory / "ca"), new_key(sshd.directory / "user")
    sign = ["ssh-keygen", "-q", "-s", authority, "-I", "me", "-n", sshd.user, f"{key}.pub"]
    subprocess.run(sign, check=True, capture_output=True)
    sshd.options = [f"TrustedUserCAKeys {authority}.pub"]
    with sshd:
        with_key(base, sshd, key)
        dialer().connect(HOST).close()


# -- what is said


def test_a_wrong_key_is_an_error_that_names_user_and_key(
    ssh_project: Path, sshd: Any, dialer: Dial, tmp_path: Path
) -> None:
    key = new_key(tmp_path / "other")
    with_key(ssh_project, sshd, key)
    error = refusal(dialer())
    assert str(error) == f"web does not let {sshd.user} in: tried {key}"
    assert "IdentityFile" in error.hint


def test_a_wrong_user_is_an_error_that_names_the_user(ssh_project: Path, sshd: Any, dialer: Dial) -> None:
    (ssh_project / "ssh_config").write_text(sshd.ssh_config.replace(f"User {sshd.user}", "User depl-t-nobody"))
    assert "web does not let depl-t-nobody in: tried" in str(refusal(dialer()))


def test_a_host_that_wants_no_keys_is_an_error(base: Path, new_sshd: Callable[..., Any], dialer: Dial) -> None:
    options = ["AuthenticationMethods any", "PubkeyAuthentication no"]
    with new_sshd(addresses=["127.0.0.2"], options=options) as sshd:
        (base / "ssh_config").write_text(sshd.ssh_config)
        assert "only, not by a key" in str(refusal(dialer()))


def test_a_host_without_sshd_refuses(base: Path, dialer: Dial) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        error = refusal(dialer(), Host("web", address="127.0.0.1", port=port))
    assert str(error) == f"web (127.0.0.1) refuses connections to port {port}"


@pytest.fixture
def silent() -> Iterator[Callable[..., int]]:
    """A factory: the port of a server that takes connections, says something, and closes them or does not."""
    stop, threads, listening = threading.Event(), [], []

    def serve(server: socket.socket, said: bytes, close: bool) -> None:
        held = []
        while not stop.is_set():
            try:
                held.append(server.accept()[0])
            except OSError:
                continue
            held[-1].sendall(said)
            if close:
                held.pop().close()
        for connection in held:
            connection.close()

    def start(said: bytes = b"", close: bool = False) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        server.settimeout(0.05)
        listening.append(server)
        threads.append(threading.Thread(target=serve, args=(server, said, close)))
        threads[-1].start()
        return int(server.getsockname()[1])

    yield start
    stop.set()
    for thread in threads:
        thread.join()
    for server in listening:
        server.close()


def test_a_server_that_says_nothing_is_given_up(base: Path, dialer: Dial, silent: Callable[..., int]) -> None:
    host = Host("web", address="127.0.0.1", port=silent())
    error = refusal(dialer(timeout=0.3), host)
    assert (
        str(error)
        == f"web accepts connections to port {host.port}, but sends nothing that sshd would send within 0.3 s"
    )


def test_a_server_that_stops_in_the_middle_is_given_up(base: Path, dialer: Dial, silent: Callable[..., int]) -> None:
    error = refusal(dialer(timeout=0.3), Host("web", address="127.0.0.1", port=silent(b"SSH-2.0-mute\r\n")))
    assert "does not finish the key exchange within 0.3 s" in str(error)


def test_a_server_that_closes_in_the_middle_is_an_error(base: Path, dialer: Dial, silent: Callable[..., int]) -> None:
    port = silent(b"SSH-2.0-rude\r\n", close=True)
    assert "closed the connection in the key exchange" in str(
        refusal(dialer(), Host("web", address="127.0.0.1", port=port))
    )


def test_a_server_that_closes_every_connection_is_tried_again_for_a_while(
    base: Path, dialer: Dial, silent: Callable[..., int]
) -> None:
    error = refusal(dialer(timeout=0.3), Host("web", address="127.0.0.1", port=silent(close=True)))
    assert "web closes every connection to port" in str(error)
    assert "MaxStartups" in error.hint


def test_a_host_that_does_not_answer_is_given_up(base: Path, dialer: Dial) -> None:
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for waiting in (first, second):  # its queue is full: it answers nobody any more
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        error = refusal(dialer(timeout=0.3), Host("web", address="127.0.0.1", port=server.getsockname()[1]))
    assert "does not answer on port" in str(error)
    assert "within 0.3 s" in str(error)


def test_a_name_that_does_not_resolve_is_an_error(base: Path, dialer: Dial) -> None:
    assert str(refusal(dialer(), Host("web.invalid"))) == "The name of web.invalid does not resolve: web.invalid"


# -- on the way


def jumping(sshd: Any, *lines: str) -> str:
    """A configuration with more lines for 127.0.0.2."""
    return "\n    ".join(["Host web", *lines]) + "\n" + sshd.ssh_config.replace("Host 127.0.0.*", "Host *")


def test_a_host_is_reached_through_others_that_are_shared(ssh_project: Path, sshd: Any, dialer: Dial) -> None:
    (ssh_project / "ssh_config").write_text(jumping(sshd, f"ProxyJump 127.0.0.3:{sshd.port},127.0.0.4"))
    before = sshd.connections()
    shared = dialer()
    with ThreadPoolExecutor(3) as pool:
        connections = list(pool.map(shared.connect, [HOST, HOST, HOST]))
    assert [run(connection, "echo $HOME").decode().strip() for connection in connections] == [
        str(sshd.home("127.0.0.2"))
    ] * 3
    assert sshd.connections() - before == 2 + 3
    assert "on 127.0.0.4 port" in sshd.log()
    for connection in connections:
        connection.close()


def test_a_jump_host_for_all_is_reached_straight(ssh_project: Path, sshd: Any, dialer: Dial) -> None:
    (ssh_project / "ssh_config").write_text("Host *\n ProxyJump 127.0.0.3\n" + sshd.ssh_config)
    shared = dialer()
    shared.connect(HOST).close()


def test_the_jump_hosts_key_is_checked_too(ssh_project: Path, sshd: Any, dialer: Dial) -> None:
    text = jumping(sshd, "ProxyJump 127.0.0.3").replace("UserKnownHostsFile", "UserKnownHostsFile none #")
    (ssh_project / "ssh_config").write_text(text)
    known = ssh_project / "environments" / "test" / "known_hosts"
    known.write_text("".join(line + "\n" for line in sshd.known_hosts.splitlines() if "[127.0.0.3]" not in line))
    error = refusal(dialer())
    assert isinstance(error, HostKeyRefused)
    assert str(error).startswith("On the way to web: The key of 127.0.0.3 is not known")
    assert "depl trust test web" in error.hint
    assert dialer().offered(HOST).name == f"[127.0.0.3]:{sshd.port}"


def test_a_jump_host_that_cannot_reach_the_host_is_named(ssh_project: Path, sshd: Any, dialer: Dial) -> None:
    (ssh_project / "ssh_config").write_text(jumping(sshd, "ProxyJump 127.0.0.3"))
    shared = dialer()
    error = refusal(shared, Host("web", address="127.0.0.2", port=1))
    assert str(error) == "web (127.0.0.2) cannot be reached on port 1 from its jump host"


def test_a_jump_host_that_does_not_answer_is_named(ssh_project: Path, sshd: Any, dialer: Dial) -> None:
    (ssh_project / "ssh_config").write_text(jumping(sshd, "ProxyJump 127.0.0.3:1"))
    assert str(refusal(dialer())) == "On the way to web: 127.0.0.3 refuses connections to port 1"


def test_a_command_may_be_the_way(ssh_project: Path, sshd: Any, dialer: Dial) -> None:
    relay = ssh_project / "relay.py"
    relay.write_text("""
import os, socket, sys, threading
there = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def copy():
    while data := os.read(0, 65536):
        there.sendall(data)
    os._exit(0)
threading.Thread(target=copy, daemon=True).start()
while data := there.recv(65536):
    os.write(1, data)
""")
    (ssh_project / "ssh_config").write_text(jumping(sshd, f"ProxyCommand {sys.executable} {relay} %h %p"))
    connection = dialer().connect(HOST)
    assert run(connection, f"head -c {5_000_000} | wc -c", b"x" * 5_000_000).strip() == b"5000000"
    connection.close()


def test_a_command_that_fails_is_an_error_with_its_words(ssh_project: Path, sshd: Any, dialer: Dial) -> None:
    (ssh_project / "ssh_config").write_text(jumping(sshd, "ProxyCommand sh -c 'echo no gate >&2; exit 1'"))
    error = refusal(dialer())
    assert str(error).endswith("(through ProxyCommand `sh -c 'echo no gate >&2; exit 1'`: no gate)")


def test_nothing_of_the_library_reaches_the_terminal(
    base: Path, dialer: Dial, silent: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    for said, close in (
        (b"", True),
        (b"SSH-2.0-x\r\n", True),
        (b"SSH-2.0-x\r\ngarbage", False),
        (b"HTTP/1.0\r\n", False),
    ):
        refusal(dialer(timeout=0.3), Host("web", address="127.0.0.1", port=silent(said, close)))
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_paramiko_is_not_imported_for_its_own_sake(project: Path) -> None:
    program = "import sys, depl.remote.connection, depl.remote.local; sys.exit('paramiko' in sys.modules)"
    environ = {**os.environ, "PYTHONPATH": str(project / "src")}
    assert subprocess.run([sys.executable, "-c", program], env=environ).returncode == 0


def test_a_process_that_ends_at_once_ends_with_its_own_status(tmp_path: Path) -> None:
    code = f"""
import atexit, sys
atexit.register(lambda: print(hasattr(sys.modules.get("paramiko"), "Transport")))
from depl.remote.connection import Dialer
Dialer({str(tmp_path)!r}, "live", timeout=1, jobs=1)
sys.exit(3)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "True\n", "")  # it waited for the library it imports
