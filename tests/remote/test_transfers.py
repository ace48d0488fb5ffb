"""The project on its way: only what changed travels, what was deleted goes, and git and hg bring what was committed."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import zipfile

import pytest

WEB = """\
from depl.component import Component
from depl.lib.file import File


class Web(Component):
    def configure(self):
        self += File("here.txt", content=str(sorted(self.there())))

    def there(self):
        import os

        return [name for name in os.listdir(self.defdir) if name.endswith(".txt")]
"""
IMPORTING = """\
import depl_t_greeting

from depl.component import Component
from depl.lib.file import File


class Web(Component):
    def configure(self):
        self += File("greeting.txt", content=depl_t_greeting.WORDS)
"""
ADDRESS = "127.0.0.31"


@pytest.fixture
def web(site, proxy):
    """A project with one host behind a proxy; site and proxy."""

    def make(settings=""):
        between = proxy(ADDRESS)
        site.write({"components/web/component.py": WEB})
        site.environment(
            f"[hosts]\nweb = web\n[host:web]\naddress = {ADDRESS}\nport = {between.port}\n", settings=settings
        )
        known = site.directory / "environments/live/known_hosts"
        known.write_text(known.read_text().replace(f"]:{site.sshd.port}", f"]:{between.port}"))
        return site, between

    return make


def deploy(site, *arguments, **more):
    done = site.call("remote", "live", *arguments, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def here(site):
    return (site.target(ADDRESS) / "work/web/here.txt").read_text()


def test_of_many_files_only_the_one_that_changed_is_sent_and_one_that_was_deleted_goes(web):
    site, between = web()
    components = site.directory / "components/web"
    for number in range(300):
        (components / f"{number}.bin").write_bytes(random.Random(number).randbytes(8192))
    (components / "a.txt").write_text("a")
    deploy(site)
    assert between.up > 300 * 8192
    between.reset()
    (components / "7.bin").write_bytes(random.Random("another").randbytes(8192))
    (components / "a.txt").unlink()
    deploy(site)
    assert 8192 < between.up < 60_000, between.up
    project = site.target(ADDRESS) / "project/components/web"
    assert (project / "7.bin").read_bytes() == (components / "7.bin").read_bytes()
    assert not (project / "a.txt").exists()
    assert here(site) == "[]"
    assert site.call("undo", "live").returncode == 0
    assert (project / "a.txt").read_text() == "a"
    assert here(site) == "['a.txt']"


VERSIONS = {
    "git-bundle": (
        ["git", "init", "-q"],
        ["git", "add", "."],
        ["git", "-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-q", "-m", "a change"],
    ),
    "hg-bundle": (["hg", "init"], ["hg", "addremove", "-q"], ["hg", "commit", "-u", "t", "-m", "a change"]),
}


@pytest.mark.parametrize("method", VERSIONS)
def test_what_was_committed_arrives_and_what_was_not_is_refused_before_any_connection(method, web):
    begin, add, commit = VERSIONS[method]
    if shutil.which(begin[0]) is None:
        pytest.skip(f"{begin[0]} is not installed")
    site, between = web(f"update_method = {method}")
    (site.directory / f".{begin[0]}ignore").write_text(".depl/\n" if begin[0] == "git" else "syntax: glob\n.depl\n")
    texts = site.directory / "components/web"
    (texts / "a.txt").write_text("a")
    for command in (begin, add, commit):
        subprocess.run(command, cwd=site.directory, check=True, capture_output=True)
    deploy(site, "--plan")
    assert not site.target(ADDRESS).exists()
    deploy(site)
    assert here(site) == "['a.txt']"
    assert not (site.target(ADDRESS) / f"project/.{begin[0]}").exists()
    connections = between.connections, site.sshd.connections()
    (texts / "b.txt").write_text("b")
    refused = site.call("remote", "live")
    assert refused.returncode == 1
    assert "b.txt" in refused.stderr
    assert (between.connections, site.sshd.connections()) == connections
    for command in (add, commit):
        subprocess.run(command, cwd=site.directory, check=True, capture_output=True)
    deploy(site)
    assert here(site) == "['a.txt', 'b.txt']"
    assert "nothing to do" in deploy(site).stdout
    assert site.call("undo", "live").returncode == 0
    assert here(site) == "['a.txt']"


def make_wheel(directory, words):
    """A wheel with one module; its path."""
    name = "depl_t_greeting-1.0"
    files = {
        "depl_t_greeting.py": f"WORDS = {words!r}\n",
        f"{name}.dist-info/METADATA": "Metadata-Version: 2.1\nName: depl-t-greeting\nVersion: 1.0\n",
        f"{name}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{name}.dist-info/RECORD"])
    directory.mkdir(exist_ok=True)
    path = directory / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, content in {**files, f"{name}.dist-info/RECORD": record}.items():
            wheel.writestr(file, content)
    return path


def test_what_component_code_imports_is_brought_along(web, tmp_path):
    site, between = web()
    wheel = make_wheel(tmp_path / "wheels", "hello from a wheel")
    site.write({"requirements.txt": "depl-t-greeting == 1.0\n", "components/web/component.py": IMPORTING})
    pip = {"PIP_FIND_LINKS": str(tmp_path / "wheels"), "PIP_NO_INDEX": "1"}
    missing = site.call("remote", "live", **pip)
    assert missing.returncode == 1
    assert "depl requirements install" in missing.stderr
    assert between.connections == 0
    installed = {"PYTHONPATH": os.pathsep.join([site.surroundings()["PYTHONPATH"], str(wheel)]), **pip}
    deploy(site, **installed)
    assert (site.target(ADDRESS) / "work/web/greeting.txt").read_text() == "hello from a wheel"
    between.reset()
    assert "nothing to do" in deploy(site, **installed).stdout
    assert between.up < 200 * 1024
