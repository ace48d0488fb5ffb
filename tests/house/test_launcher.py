"""The launcher `./depl`: copies of it in small projects, with small packages made here, so that no index is asked."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import time
import zipfile
from pathlib import Path

import pytest

STUB = """
import json, os, sys
import tiny
print(json.dumps({"arguments": sys.argv[1:], "tiny": tiny.VERSION, "project": os.environ["DEPL_PROJECT"],
                  "cwd": os.getcwd(), "input": sys.stdin.read(), "prefix": sys.prefix}))
sys.exit(7 if "fail" in sys.argv else 0)
"""


SERVES = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))"


class Project:
    """A project with the launcher, a lock of one package and something that calls itself depl."""

    first: Ran  # of a project that is set up

    def __init__(self, path: Path, packages: Path, launcher: Path) -> None:
        self.path, self.packages = path, packages
        self.launcher = path / "depl"
        self.room = path / ".depl" / "python"
        self.environ = {
            **os.environ,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(packages),
            "PIP_CONFIG_FILE": os.devnull,
        }
        if subprocess.run(["/usr/bin/python3", "-c", SERVES], capture_output=True, check=False).returncode == 0:
            # A distribution's Python makes an environment in half the time of one that was built by hand.
            self.environ["PATH"] = f"/usr/bin{os.pathsep}{self.environ['PATH']}"
        for name in ("DEPL_LOCK", "DEPL_PYTHON", "DEPL_PROJECT", "PYTHONPATH"):
            self.environ.pop(name, None)
        path.mkdir()
        packages.mkdir(exist_ok=True)
        shutil.copy(launcher, self.launcher)
        stub = path / "src" / "depl"
        stub.mkdir(parents=True)
        (stub / "__init__.py").touch()
        (stub / "__main__.py").write_text(STUB)
        self.lock("1.0")

    def lock(self, version: str) -> None:
        wheel = make_wheel(self.packages, "tiny", version, {"tiny.py": f"VERSION = {version!r}\n"})
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        (self.path / "requirements.lock").write_text(f"tiny=={version} --hash=sha256:{digest}\n")

    def run(self, *arguments: str, launcher: str | Path | None = None, cwd: Path | None = None, **environ: str) -> Ran:
        done = subprocess.run(
            [str(launcher or self.launcher), *arguments],
            cwd=cwd or self.path,
            env={**self.environ, **environ},
            input="typed",
            capture_output=True,
            text=True,
            timeout=600,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.launcher)],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def environments(self) -> list[str]:
        return sorted(path.name for path in self.room.glob("requirements-*"))


class Ran:
    def __init__(self, status: int, output: str, errors: str) -> None:
        self.status, self.output, self.errors = status, output, errors

    @property
    def said(self) -> dict[str, object]:
        import json

        assert self.output, self.errors
        return dict(json.loads(self.output))


def make_wheel(room: Path, name: str, version: str, files: dict[str, str]) -> Path:
    path = room / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for file, content in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(zipfile.ZipInfo(file), content)
    return path


@pytest.fixture
def small(tmp_path: Path, project: Path) -> Project:
    """A project where nothing has been set up yet; there is a space in its path."""
    return Project(tmp_path / "a project", tmp_path / "packages", project / "depl")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Project:
    """A project that is set up; tests do not change it."""
    room = tmp_path_factory.mktemp("ready")
    ready = Project(room / "a project", room / "packages", project / "depl")
    ready.first = ready.run("local", "dev env")
    assert ready.first.status == 0
    return ready


def wait_for(what: str, is_so: object) -> None:
    end = time.monotonic() + 300
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)


def test_the_first_run_sets_up_and_goes_on(ready: Project) -> None:
    ran = ready.first
    assert ran.status == 0
    assert (ran.said["arguments"], ran.said["tiny"], ran.said["input"]) == (["local", "dev env"], "1.0", "typed")
    assert ran.errors.splitlines() == [
        "depl: setting up the Python environment for requirements.lock (once; it takes a moment) ..."
    ]
    assert stat.S_IMODE((ready.path / ".depl").stat().st_mode) == 0o700


def test_later_runs_set_nothing_up(ready: Project) -> None:
    before = sorted((path, path.lstat().st_mtime_ns) for path in ready.room.glob("*"))
    ran = ready.run(PIP_FIND_LINKS="/does/not/exist")
    assert (ran.status, ran.errors) == (0, "")
    assert sorted((path, path.lstat().st_mtime_ns) for path in ready.room.glob("*")) == before


def test_the_exit_status_is_that_of_depl(ready: Project) -> None:
    assert ready.run("fail").status == 7


def test_the_project_is_where_the_launcher_lies(ready: Project, tmp_path: Path) -> None:
    ran = ready.run(cwd=tmp_path, DEPL_PROJECT="/somewhere/else")
    assert (ran.said["project"], ran.said["cwd"]) == (str(ready.path), str(tmp_path))


def test_it_may_be_named_relatively(ready: Project) -> None:
    for name, cwd in (("./depl", ready.path), ("../depl", ready.path / "src"), ("a project/depl", ready.path.parent)):
        assert ready.run(launcher=name, cwd=cwd).said["project"] == str(ready.path)


def test_it_may_be_started_through_sh_without_a_directory(ready: Project) -> None:
    done = subprocess.run(
        ["sh", "depl"], cwd=ready.path, env=ready.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert str(ready.path) in done.stdout


def test_it_may_be_reached_over_links(ready: Project, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "first").symlink_to(os.path.relpath(ready.launcher, tmp_path / "bin"))
    (tmp_path / "second").symlink_to("bin/first")
    (tmp_path / "third").symlink_to(tmp_path / "second")
    assert ready.run(launcher=tmp_path / "third", cwd=tmp_path).said["project"] == str(ready.path)


def test_files_in_the_current_directory_are_not_taken_for_modules(ready: Project, tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text("VERSION = 'a stranger'")
    assert ready.run(cwd=tmp_path).said["tiny"] == "1.0"


@pytest.mark.long
def test_another_lock_starts_python_in_its_own_environment(small: Project) -> None:
    shutil.copy(small.path / "requirements.lock", small.path / "requirements-dev.lock")
    ran = small.run(
        "-c", "import os, sys, tiny; print(sys.prefix, 'DEPL_LOCK' in os.environ)", DEPL_LOCK="requirements-dev.lock"
    )
    assert ran.output.split("/")[-1].startswith("requirements-dev-") and ran.output.endswith(" False\n")


@pytest.mark.long
def test_a_project_that_was_moved_is_set_up_anew(small: Project) -> None:
    small.run()
    moved = small.path.rename(small.path.with_name("moved"))
    ran = small.run(launcher=moved / "depl", cwd=moved)
    assert (ran.status, ran.said["project"]) == (0, str(moved))
    assert str(ran.said["prefix"]).startswith(str(moved))
    assert small.run(launcher=moved / "depl", cwd=moved).errors == ""


def test_two_at_once_set_up_once(small: Project) -> None:
    both = [small.start(), small.start()]
    ends = [(process.communicate(timeout=600), process.returncode) for process in both]
    assert [status for _, status in ends] == [0, 0]
    errors = "".join(errors for (_, errors), _ in ends)
    assert errors.count("setting up") == 2 and errors.count("another one is setting up") == 1
    assert len(small.environments()) == 1


@pytest.mark.parametrize("killed", ["everything", pytest.param("the launcher alone", marks=pytest.mark.long)])
def test_what_a_killed_set_up_left_is_not_used(small: Project, killed: str) -> None:
    first = small.start()
    wait_for("the environment", lambda: list(small.room.glob("requirements-*/bin/python")))
    if killed == "everything":
        os.killpg(first.pid, signal.SIGKILL)
    else:  # pip or venv goes on writing
        for pid in subprocess.run(["pgrep", "-P", str(first.pid)], capture_output=True, text=True).stdout.split():
            os.kill(int(pid), signal.SIGKILL)
        first.kill()
    first.wait()
    again = small.run()
    assert (again.status, again.said["tiny"]) == (0, "1.0")
    assert "setting up the Python environment for" in again.errors
    assert len(small.environments()) == 1
    first.communicate()


def test_another_lock_means_another_environment_and_the_one_before_stays_for_what_still_runs(small: Project) -> None:
    prefixes = []
    for version in ("1.0", "1.1", "1.2"):
        small.lock(version)
        said = small.run().said
        assert said["tiny"] == version
        prefixes.append(Path(str(said["prefix"])))
    assert [prefix.exists() for prefix in prefixes] == [False, True, True]
    small.lock("1.1")
    ran = small.run()
    assert (ran.said["tiny"], ran.errors) == ("1.1", "")


@pytest.mark.long
def test_a_python_that_vanished_is_replaced(small: Project) -> None:
    small.run()
    python = small.room / small.environments()[0] / "bin" / "python"
    python.unlink()
    python.symlink_to("/usr/bin/python3.no-more")
    assert small.run().said["tiny"] == "1.0"


@pytest.mark.long
def test_depl_itself_may_come_from_elsewhere(small: Project) -> None:
    shutil.rmtree(small.path / "src")
    (small.path / "depl.source").write_text("depl==3.0\n")
    make_wheel(small.packages, "depl", "3.0", {"depl/__init__.py": "", "depl/__main__.py": STUB})
    assert small.run().said["tiny"] == "1.0"
    assert small.run().errors == ""
    make_wheel(small.packages, "depl", "3.1", {"depl/__init__.py": "", "depl/__main__.py": "print('new')"})
    (small.path / "depl.source").write_text("depl==3.1\n")
    assert small.run().output == "new\n"


def test_a_lock_without_depl_says_where_depl_could_come_from(small: Project) -> None:
    shutil.rmtree(small.path / "src")
    ran = small.run()
    assert ran.status == 1
    assert "depl.source" in ran.errors and "Traceback" not in ran.errors


@pytest.mark.long
def test_a_package_that_is_not_what_the_lock_says_is_refused(small: Project) -> None:
    make_wheel(small.packages, "tiny", "1.0", {"tiny.py": "VERSION = 'an impostor'\n"})
    ran = small.run()
    assert ran.status == 3 and ran.output == ""
    assert "do not match the hashes" in ran.errors.lower().replace("\n", " ") and "Next: " in ran.errors
    assert "Traceback" not in ran.errors
    small.lock("1.0")
    assert small.run().said["tiny"] == "1.0"


def test_a_missing_lock_is_an_error_with_the_next_step(small: Project) -> None:
    (small.path / "requirements.lock").unlink()
    ran = small.run()
    assert ran.status == 1
    assert f"requirements.lock is missing in {small.path}" in ran.errors and "Next: " in ran.errors


def test_no_room_for_the_environment_is_an_error_with_the_cause(small: Project) -> None:
    (small.path / ".depl").write_text("in the way")
    ran = small.run()
    assert ran.status == 3
    assert str(small.path / ".depl") in ran.errors and "Traceback" not in ran.errors


def only(room: Path, **programs: str) -> str:
    """A PATH with nothing but what the launcher needs, and these programs."""
    room.mkdir()
    for tool in ("cmp", "readlink"):
        (room / tool).symlink_to(str(shutil.which(tool)))
    for name, target in programs.items():
        (room / name).write_text(f'#!/bin/sh\nexec "{target}" "$@"\n')
        (room / name).chmod(0o755)
    return str(room)


@pytest.fixture
def old_python() -> str:
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [shutil.which(name) for name in ("python3.8", "python3.9", "python3.10")]
    for candidate in [
        *sorted(pyenv.glob("3.[6-9].*/bin/python3")),
        *sorted(pyenv.glob("3.10.*/bin/python3")),
        *candidates,
    ]:
        if candidate and not subprocess.run([str(candidate), "-c", ""], capture_output=True).returncode:
            return str(candidate)
    pytest.skip("there is no Python older than 3.11 here")


def test_a_python_that_is_too_old_is_named(small: Project, tmp_path: Path, old_python: str) -> None:
    ran = small.run(PATH=only(tmp_path / "bin", python3=old_python))
    assert ran.status == 1
    assert f"Python 3.11 or newer is needed here; found: {tmp_path / 'bin' / 'python3'} (3." in ran.errors
    assert "Next: " in ran.errors and not (small.path / ".depl").exists()


@pytest.mark.long
def test_a_newer_python_beside_one_that_is_too_old_is_taken(small: Project, tmp_path: Path, old_python: str) -> None:
    version = f"python3.{sys.version_info[1]}"
    ran = small.run(PATH=only(tmp_path / "bin", python3=old_python, **{version: sys.executable}))
    assert ran.said["tiny"] == "1.0"


def test_no_python_at_all_is_an_error_with_the_next_step(small: Project, tmp_path: Path) -> None:
    ran = small.run(PATH=only(tmp_path / "bin"))
    assert ran.status == 1
    assert "found: none" in ran.errors and "DEPL_PYTHON" in ran.errors


def test_a_named_python_that_is_not_there_is_named_in_the_error(small: Project) -> None:
    ran = small.run(DEPL_PYTHON="/opt/no/python3")
    assert ran.status == 1
    assert "/opt/no/python3" in ran.errors


@pytest.mark.long
def test_a_named_python_is_taken(small: Project, tmp_path: Path) -> None:
    path = only(tmp_path / "bin")
    for _ in range(2):
        assert small.run(PATH=path, DEPL_PYTHON=sys.executable).said["tiny"] == "1.0"
    assert len(small.environments()) == 1


def test_a_python_without_venv_says_what_to_install(small: Project, tmp_path: Path) -> None:
    """Debian's python3 without python3-venv: the standard library less ensurepip."""
    version = f"python3.{sys.version_info[1]}"
    home = tmp_path / "home"
    library = home / "lib" / version
    library.mkdir(parents=True)
    for entry in Path(sysconfig.get_path("stdlib")).iterdir():
        if entry.name not in ("ensurepip", "site-packages"):
            (library / entry.name).symlink_to(entry)
    (home / "bin").mkdir()
    python = shutil.copy(os.path.realpath(sys.executable), home / "bin" / "python3")
    ran = small.run(DEPL_PYTHON=str(python))
    assert ran.status == 1
    assert "no module ensurepip" in ran.errors and "apt install python3-venv" in ran.errors
