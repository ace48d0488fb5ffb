"""The hosts of the sample environment `cluster`, all on this machine: a private sshd on three loopback addresses.

    python3 tests/cluster.py start      start it; depl finds its way by ssh_config_cluster and the known_hosts beside
                                        the environment, which are written here (and ignored by git)
    python3 tests/cluster.py stop       end it, and remove all of its files

Logins are only possible with a key that lies in .depl/cluster. There, `home` is what all three hosts have for a home.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from sshd import Sshd, binary  # beside this file

PROJECT = Path(__file__).resolve().parents[1]
ADDRESSES = ("127.0.0.11", "127.0.0.12", "127.0.0.13")


class Cluster:
    """The sshd for the environment `cluster` of a project, with the files by which depl finds it."""

    def __init__(self, project: Path, addresses: Sequence[str] = ADDRESSES) -> None:
        self.directory = project / ".depl" / "cluster"
        self.home = self.directory / "home"
        self.ssh_config = project / "ssh_config_cluster"
        self.known_hosts = project / "environments" / "cluster" / "known_hosts"
        (project / ".depl").mkdir(mode=0o700, exist_ok=True)
        # As it is the same machine, it has the same programs, and pip there is told what pip is told here.
        shared = {name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("PIP_")}
        self.sshd = Sshd(self.directory, addresses, homes=False, variables={**shared, "HOME": str(self.home)})

    def start(self) -> None:
        """Start it, anew if it runs."""
        self.sshd.stop()
        self.home.mkdir(exist_ok=True)
        self.sshd.start()
        self.ssh_config.write_text(self.sshd.ssh_config)
        self.known_hosts.write_text(self.sshd.known_hosts)

    def stop(self) -> None:
        """End it. What was deployed is removed too, if nothing of it runs any more."""
        self.sshd.stop()
        self.ssh_config.unlink(missing_ok=True)
        self.known_hosts.unlink(missing_ok=True)
        if not self.running():
            shutil.rmtree(self.directory)

    def running(self) -> list[Path]:
        """The process ids, as files, of what was deployed and not taken back."""
        return sorted(self.home.glob("*/work/processes/var/supervisord.pid"))


def main(arguments: Sequence[str]) -> int:
    """What the command line asks for."""
    if arguments not in (["start"], ["stop"]):
        print(__doc__, file=sys.stderr)
        return 2
    if binary() is None:
        print("sshd is not installed (Debian: apt-get install openssh-server).", file=sys.stderr)
        return 1
    cluster = Cluster(PROJECT)
    if arguments == ["start"]:
        cluster.start()
        print(f"sshd answers on {', '.join(cluster.sshd.addresses)}")
        return 0
    cluster.stop()
    print("sshd is gone")
    for file in cluster.running():
        print(f"still running, for it was not undone: the processes of {file.parents[3]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
