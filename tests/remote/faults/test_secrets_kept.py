"""What an agent keeps while its line is cut holds no secret, and the coordinator shows it masked."""

from __future__ import annotations

import os
import signal
import subprocess

from depl.spellings import spellings

SECRET = "first line of 9x1\nsecond 'line' of 7k2"
COMPONENT = """\
import os
import shlex

from depl.component import Component


class Teller(Component):
    password = ""
    gate = ""

    def verify(self):
        assert os.path.exists("told")

    def update(self):
        words = shlex.quote(self.password)
        says = f"printf %s {words[:12]}'; sleep 0.1; printf '%s\\\\n' '{words[12:]}"
        wait = f"while test ! -e {self.gate}.open; do {says}; done"
        self.cmd(f"touch {self.gate}.begun; {wait}; touch told; for n in 1 2 3; do echo $n {words}; done", expand=False)
        print("printed", self.password)
        self.log("logged %s", self.password)
"""


def session_of(pid: int) -> int:
    """The process of sshd above one."""
    while pid > 1:
        said = subprocess.run(["ps", "-o", "ppid=,comm=", "-p", str(pid)], capture_output=True, text=True).stdout
        parent, name = said.split(None, 1)
        if name.startswith("sshd"):
            return pid
        pid = int(parent)
    raise AssertionError("no sshd above it")


def test_what_is_kept_while_nobody_listens_and_what_is_shown_later_has_masks(field, vault_of, until):
    gate = field.scratch / "teller"
    field.addresses["web"] = "127.0.0.1"
    settings = f"[component:teller]\ngate = {gate}\n"
    field.site.environment(f"[host:web]\naddress = 127.0.0.1\ncomponents = teller\n{settings}", settings="timeout = 2")
    field.site.write({"components/teller/component.py": COMPONENT})
    vault = vault_of(field.site)
    vault.set(("component:teller", "password"), SECRET)
    vault.save()
    run = field.start("remote", "live")
    until(gate.with_suffix(".begun").exists, "in the middle of an update")
    (agent,) = field.agents("web")
    os.kill(session_of(agent), signal.SIGKILL)
    (spool,) = until(lambda: list(field.target("web").glob(".depl/journal/*.kept")), "the agent keeps what it says")
    until(lambda: spool.read_bytes().count(b"secret teller.password") > 2, "it says something")
    kept = spool.read_bytes()
    gate.with_suffix(".open").touch()
    assert run.status() == 0, run.everything
    field.all_gone()
    said = "".join(run.said("web"))
    told = run.output.read_text() + run.complaints.read_text()
    assert "3 ‹secret teller.password #" in said and "printed ‹secret teller.password #" in said
    records = b"".join(content for path, content in field.everything("web").items() if "/blobs/" not in path)
    journals = b"".join(path.read_bytes() for path in field.site.directory.rglob(".depl/**/*") if path.is_file())
    for text in spellings(SECRET):
        assert text not in said + told
        assert text.encode() not in kept + records + journals
