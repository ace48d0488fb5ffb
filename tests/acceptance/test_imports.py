"""What a call does not use, it does not import."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "alembic argon2 asyncio concurrent.futures django email fastapi flask http multiprocessing paramiko rich "
    "sqlalchemy ssl starlette tarfile unittest urllib.request uvicorn venv yaml zipfile"
)
SCRIPT = f"""
import sys
from depl.cli.main import main
try:
    main()
finally:
    print("imported:", [name for name in {HEAVY.split()!r} if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--help"], "Usage: "),
        (["local", "--help"], "Usage: "),
        (["local", "dev"], "nothing to do"),
        (["local", "dev", "--plan"], "nothing to do"),
        (["check", "dev"], "sound"),
        (["undo", "dev", "--plan"], "put back"),
    ],
)
def test_a_call_off_a_terminal_imports_nothing_heavy(arguments, told, service, project):
    service.component(
        "class App(Component):\n    def configure(self):\n        self += File('x', content='{{host.name}}')\n"
    )
    service.local()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        cwd=service.base,
        env={"PYTHONPATH": str(project / "src")},
        capture_output=True,
        text=True,
    )
    assert told in done.stdout + done.stderr
    assert done.stdout.endswith("imported: []\n")
