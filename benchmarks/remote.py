"""W1, W2, W3: one, ten and fifty hosts over SSH, by depl and by hand (the floor), in one run.

    python benchmarks/remote.py [--hosts 1 10 50] [--runs 3] [--latency 0]

Each host gets a directory, 50 files from templates of 2 KB, 10 commands that are guarded by a check, and 5 links. All
hosts are this machine, behind one sshd of our own, so wall time is that of the coordinator and of all targets together:
read the ratios to the floor, and the coordinator's CPU. The floor is written by hand over paramiko: one connection, one
command, one stream a host; it renders here, compares on the target and writes what differs: no model, no lock, no
journal, no order. Run it with the distribution's Python, which needs click, jinja2, paramiko, pyyaml and rich.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

COMPONENT = """
from depl.component import Component
from depl.lib.file import Directory, File, Symlink


class Marker(Component):
    namevar = "name"

    def verify(self):
        self.assert_that(self.system.look(self.map(self.name)).__class__.__name__ == "File")

    def assert_that(self, holds):
        assert holds, "the marker is missing"

    def update(self):
        self.cmd(["touch", self.map(self.name)])


class Web(Component):
    def configure(self):
        self += Directory("conf")
        for number in range(50):
            self += File(f"conf/file-{number}.conf", source=f"page-{number}.conf", template_args={"number": number})
        for number in range(10):
            self += Marker(f"marker-{number}")
        for number in range(5):
            self += Symlink(f"link-{number}", source=f"conf/file-{number}.conf")
"""
PAGE = "# {{host.name}}: {{args.number}}\n" + 40 * "# a line of configuration that is all the same to us\n"

FLOOR = '''
import json, os, socket, sys, threading, time, zlib
import jinja2, paramiko
directory, hosts, port, key, known, base = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3]), *sys.argv[4:7]
AGENT = """
import json, os, struct, subprocess, sys, zlib
size, = struct.unpack(">I", sys.stdin.buffer.read(4))
base, files = json.loads(zlib.decompress(sys.stdin.buffer.read(size)))
changed = 0
os.makedirs(base + "/conf", exist_ok=True)
for name, content in files.items():
    path = base + "/" + name
    try:
        with open(path) as file:
            if file.read() == content:
                continue
    except FileNotFoundError:
        pass
    with open(path + ".new", "w") as file:
        file.write(content)
    os.rename(path + ".new", path)
    changed += 1
for number in range(10):
    if not os.path.exists(base + "/marker-%d" % number):
        subprocess.check_call(["touch", base + "/marker-%d" % number])
for number in range(5):
    if not os.path.islink(base + "/link-%d" % number):
        os.symlink("conf/file-%d.conf" % number, base + "/link-%d" % number)
print(changed)
"""
engine = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
templates = [engine.from_string(open(directory + "/page-%d.conf" % n).read()) for n in range(50)]
keys = paramiko.HostKeys(known)
client_key = paramiko.Ed25519Key.from_private_key_file(key)

def one(host):
    class Host: name = host
    files = {"conf/file-%d.conf" % n: t.render(host=Host, args={"number": n}) for n, t in enumerate(templates)}
    data = zlib.compress(json.dumps([os.path.join(base, host), files]).encode())
    sock = socket.create_connection((host, port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = paramiko.Transport(sock)
    options = transport.get_security_options()
    options.ciphers = [c for c in options.ciphers if c == "aes128-gcm@openssh.com"] or options.ciphers
    transport.start_client(timeout=20)
    assert keys.check("[%s]:%d" % (host, port), transport.get_remote_server_key())
    transport.auth_publickey(os.environ.get("USER", "root"), client_key)
    channel = transport.open_session()
    channel.exec_command("python3 -S -E -c '" + AGENT + "'")
    channel.sendall(len(data).to_bytes(4, "big") + data)
    channel.makefile().read()
    transport.close()

threads = [threading.Thread(target=one, args=(host,)) for host in hosts]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
'''


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="keep the room, for a look")
    wanted = parser.parse_args()
    room = Path(tempfile.mkdtemp(prefix="depl-bench-"))
    room.chmod(0o755)
    try:
        for number in wanted.hosts:
            print(f"{number} host(s): median of {wanted.runs}; seconds of wall (CPU of the coordinator)")
            measure(room / str(number), number, wanted.runs)
    finally:
        if not wanted.keep:
            shutil.rmtree(room, ignore_errors=True)


def measure(room: Path, number: int, runs: int) -> None:
    """One number of hosts, both contestants."""
    hosts = [f"127.0.0.{n}" for n in range(1, number + 1)]
    sshd = load_sshd().Sshd(room / "sshd", hosts)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "XDG_CACHE_HOME": str(room / "cache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    directory = project(room / "project", hosts, sshd)
    with sshd:
        shutil.copy(sshd.ssh_config_file, directory / "ssh_config")
        definition = str(directory / "components" / "web")
        here = [str(sshd.port), str(sshd.key), str(sshd.known_hosts_file), str(room / "floor")]
        floor = [sys.executable, "-c", FLOOR, definition, ",".join(hosts), *here]
        depl = [sys.executable, "-m", "depl", "remote", "prod", "--quiet", "--jobs", "50"]
        subprocess.run(depl, cwd=directory, env=environment, check=True, stdout=subprocess.DEVNULL)  # brings the agent
        for name, command, place in (("floor", floor, room / "floor"), ("depl", depl, room / "targets")):
            cold, noop = [], []
            for _ in range(runs):
                shutil.rmtree(place, ignore_errors=True)
                cold.append(timed(command, directory, environment))
                noop.append(timed(command, directory, environment))
            print(f"  {name:6} cold {shown(cold)}   no-op {shown(noop)}")


def project(directory: Path, hosts: list[str], sshd: Any) -> Path:
    """The project of one number of hosts."""
    definition = directory / "components" / "web"
    definition.mkdir(parents=True)
    (definition / "component.py").write_text(COMPONENT)
    for number in range(50):
        (definition / f"page-{number}.conf").write_text(PAGE + f"# {number}\n")
    environment = directory / "environments" / "prod"
    environment.mkdir(parents=True)
    sections = [
        f"[host:{host}]\ncomponents = web\ntarget_directory = {directory.parent}/targets/{host}\n" for host in hosts
    ]
    (environment / "environment.cfg").write_text("[environment]\njobs = 50\n\n" + "\n".join(sections))
    sshd.directory.mkdir(parents=True, exist_ok=True)
    return directory


def load_sshd() -> Any:
    """The sshd that the tests use, too."""
    spec = importlib.util.spec_from_file_location("sshd", ROOT / "tests" / "sshd.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sshd"] = module
    spec.loader.exec_module(module)
    return module


def timed(command: list[str], directory: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of a command and all that it starts here."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, check=False, cwd=directory, env=environment, capture_output=True, text=True)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command[:4]} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def shown(times: list[tuple[float, float]]) -> str:
    """The median of some times."""
    return f"{statistics.median(t[0] for t in times):6.2f} ({statistics.median(t[1] for t in times):5.2f})"


if __name__ == "__main__":
    main()
