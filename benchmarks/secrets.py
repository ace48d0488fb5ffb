"""`depl check` with many secrets, read with keys of several kinds, beside the same check without secrets.

    python benchmarks/secrets.py [--values 500] [--runs 5]

Seconds wander with the machine: read the ratios. The check without secrets has the same values in clear.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyrage

from depl.secrets.identities import Identities
from depl.secrets.vault import Vault

ROOT = Path(__file__).parent.parent
COMPONENT = "from depl.component import Component\n\n\nclass App(Component):\n    pass\n"
KINDS = {"ed25519": ["-t", "ed25519"], "RSA-3072": ["-t", "rsa", "-b", "3072"]}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--values", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        floor = measured(in_clear(Path(room), wanted.values), "", wanted.runs)
        print(f"{wanted.values} values: median of {wanted.runs}; seconds, and ratio to the same values in clear")
        print(f"{'in clear':10} {floor:6.2f}")
        for kind in ("age", *KINDS):
            key, public = key_of(Path(room), kind)
            seconds = measured(encrypted(Path(room), kind, key, public, wanted.values), str(key), wanted.runs)
            print(f"{kind:10} {seconds:6.2f} {seconds / floor:6.2f}")


def in_clear(room: Path, count: int) -> Path:
    """A project that has the values in its environment."""
    data = "".join(f"data-k{number} = {value(number)}\n" for number in range(count))
    return project(room / "clear", f"[host:localhost]\n{data}")


def encrypted(room: Path, kind: str, key: Path, public: str, count: int) -> Path:
    """A project that has the values as secrets."""
    directory = project(room / kind)
    vault = Vault(str(directory), "dev")
    vault.open(Identities(None, {"DEPL_AGE_IDENTITY": str(key)}, str(room)))
    vault.set_recipients([public], {}, rotate=False)
    for number in range(count):
        vault.set(("host:localhost", f"data-k{number}"), value(number))
    vault.save()
    return directory


def value(number: int) -> str:
    """What a secret may look like."""
    return f"{number * 7919 % 100003:06}-{number * 104729:032x}"


def project(directory: Path, data: str = "") -> Path:
    """A project of one component."""
    for path in ("environments/dev", "components/app"):
        (directory / path).mkdir(parents=True)
    settings = f"[environment]\nconnect_method = local\n[hosts]\nlocalhost = app\n{data}"
    (directory / "environments/dev/environment.cfg").write_text(settings)
    (directory / "components/app/component.py").write_text(COMPONENT)
    return directory


def key_of(room: Path, kind: str) -> tuple[Path, str]:
    """A new key: its file, and its public half."""
    path = room / f"key-{kind}"
    if kind == "age":
        identity = pyrage.x25519.Identity.generate()
        path.touch(0o600)
        path.write_text(f"{identity}\n")
        return path, str(identity.to_public())
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", "", *KINDS[kind], "-f", path], check=True)
    return path, " ".join(path.with_suffix(".pub").read_text().split()[:2])


def measured(directory: Path, key: str, runs: int) -> float:
    """Seconds of a check."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "DEPL_AGE_IDENTITY": key, "HOME": str(directory)}
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "depl", "check", "dev"],
            cwd=directory,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
        )
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])  # the first one compiles


if __name__ == "__main__":
    main()
