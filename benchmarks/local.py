"""L500 and L2000: many templated files on this machine, by depl, by hand (the floor) and by batou, in one run.

    python benchmarks/local.py [--files 500 2000] [--sources one|many] [--batou] [--runs 3]

Seconds wander with the machine: read the ratios to the floor. CPU is that of the tool and all that it starts. The
floor renders every file with Jinja2 and compares or writes it, in one process: no model, no journal, no sync. It also
runs with synced writes, which is what a way back costs everybody, and with those alone: the contents as they are.
What depl deployed is taken back at the end of each round, which should cost no more than the deployment. batou is
installed into an environment of its own, at a pinned version; depl does not depend on it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
BATOU = "batou==2.7.1"

COMPONENT = """
from {tool}.component import Component
from {tool}.lib.file import File


class Web(Component):
    def configure(self):
        for number in range({files}):
            self += File(
                f"conf/{{number % 20}}/file-{{number}}.conf",
                source=f"{source}",
                template_args={{"number": number}},
                leading=True,
            )
"""
PAGE = (
    "# {{host.name}}: {{component.workdir}} {{args.number}}\n"
    + 40 * "# a line of configuration that is all the same to us\n"
)

FLOOR = """
import os, sys, jinja2
directory, target, files, how = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
engine = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
class Host: name = "localhost"
class Component: workdir = target
for number in range(files):
    with open(os.path.join(directory, "page-%d.conf" % number)) as file:
        text = file.read()
    content = text.encode()
    if how != "plain":
        content = engine.from_string(text).render(host=Host, component=Component, args={"number": number}).encode()
    path = os.path.join(target, "conf", str(number % 20), "file-%d.conf" % number)
    try:
        with open(path, "rb") as file:
            if file.read() == content:
                continue
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "wb") as file:
        file.write(content)
        if how != "floor":
            file.flush()
            os.fsync(file.fileno())
    os.rename(path + ".new", path)
if how != "floor":
    for directory, _, _ in os.walk(target):
        descriptor = os.open(directory, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
"""


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--sources", choices=["one", "many"], default="one")
    parser.add_argument("--batou", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        batou = install_batou(Path(room)) if wanted.batou else None
        for files in wanted.files:
            print(f"L{files}, {wanted.sources} source(s): median of {wanted.runs}; seconds of wall (of CPU)")
            measure(Path(room), files, wanted.sources, wanted.runs, batou)


def measure(room: Path, files: int, sources: str, runs: int, batou: Path | None) -> None:
    """One size, all contestants."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "XDG_CACHE_HOME": str(room / "cache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    contestants = {}
    for name in ("floor", "floor, synced", "synced, plain"):
        directory = project(room / f"{name}-{files}", "depl", files, "many")
        arguments = [str(directory / "components" / "web"), str(directory / "work"), str(files), name.split()[-1]]
        contestants[name] = (directory, [sys.executable, "-c", FLOOR, *arguments], environment)
    directory = project(room / f"depl-{files}", "depl", files, sources)
    contestants["depl"] = (directory, [sys.executable, "-m", "depl", "local", "dev"], environment)
    if batou:
        directory = project(room / f"batou-{files}", "batou", files, sources)
        command = [str(batou / "bin" / "batou"), "deploy", "dev"]
        contestants["batou"] = (directory, command, {**environment, "APPENV_BASEDIR": str(directory), "PYTHONPATH": ""})
    for name, (directory, command, surroundings) in contestants.items():
        cold, noop, undo = [], [], []
        for _ in range(runs):
            for leftover in ("work", ".depl"):
                shutil.rmtree(directory / leftover, ignore_errors=True)
            cold.append(timed(command, directory, surroundings))
            noop.append(timed(command, directory, surroundings))
            if name == "depl":
                undo.append(timed([*command[:3], "undo", "dev"], directory, surroundings))
        back = f"   undo {shown(undo)}" if undo else ""
        print(f"  {name:14} cold {shown(cold)}   no-op {shown(noop)}{back}")


def project(directory: Path, tool: str, files: int, sources: str) -> Path:
    """A project for depl or batou, made once."""
    definition = directory / "components" / "web"
    definition.mkdir(parents=True)
    source = "page-{number}.conf" if sources == "many" else "page-0.conf"
    (definition / "component.py").write_text(COMPONENT.format(tool=tool, files=files, source=source))
    for number in range(files):
        (definition / f"page-{number}.conf").write_text(PAGE + (f"# {number}\n" if sources == "many" else ""))
    (directory / "environments" / "dev").mkdir(parents=True)
    settings = "[environment]\nconnect_method = local\n\n[hosts]\nlocalhost = web\n"
    (directory / "environments" / "dev" / "environment.cfg").write_text(settings)
    if tool == "batou":
        (directory / ".batou.json").write_text(json.dumps({"migration": {"version": 2400}}))
    return directory


def install_batou(room: Path) -> Path:
    """Batou in an environment of its own."""
    venv.create(room / "batou", with_pip=True)
    pip = [str(room / "batou" / "bin" / "python"), "-m", "pip", "install", "--quiet", BATOU]
    subprocess.run(pip, check=True)
    return room / "batou"


def timed(command: list[str], directory: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of a command and all that it starts."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def shown(times: list[tuple[float, float]]) -> str:
    """The medians."""
    wall, cpu = (statistics.median(one) for one in zip(*times, strict=True))
    return f"{wall:6.2f} ({cpu:5.2f})"


if __name__ == "__main__":
    main()
