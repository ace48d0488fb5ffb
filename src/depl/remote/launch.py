"""The command that starts an agent, and the first bytes that it reads.

The command goes through the login shell of whoever logs in, be it sh, bash, fish or csh: it consists of words in single
quotes that hold no single quotes, exclamation marks or line ends. The stub itself comes over standard input.
"""

from __future__ import annotations

import ast
import json
import re
import zlib
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from depl.errors import Unreachable
from depl.host import Host
from depl.remote.archive import Archive

OLDEST = "3.9"
INTERPRETERS = ("python3", *(f"python3.{minor}" for minor in range(14, 8, -1)), "python")
PLAIN = re.compile(r"[^'\\!\n\r\0-]+[^'\\!\n\r\0]*")  # what may stand between single quotes in any shell; no option
HOME_CACHE = "~/.cache/depl/agents"

# Reads up to the line that says how many bytes are the stub (a password that sudo did not want may come before it), and
# runs the stub with that line as its arguments. The current directory is no place for modules.
LOADER = (
    "import sys;sys.path=[p for p in sys.path if p];import os,zlib;"
    'line=lambda:b"".join(iter(lambda:os.read(0,1)or b"\\n",b"\\n"));'
    'read=lambda n,b=b"":b if len(b)>=n else read(n,b+(os.read(0,n-len(b))or sys.exit(1)));'
    'head=line();head=head if head[:10]==b"depl-stub "else line();'
    'sys.argv+=head.decode("ascii").split()[1:];'
    "source=zlib.decompress(read(int(sys.argv[2])));exec(source)"
)
# $1: the loader, $2: the interpreter if one is given, $3: LC_ALL as it was
FIND = 'for p in {names}; do command -v $p >/dev/null 2>&1 && exec $p -S -E -c "$1" depl-agent; done; '
TAKE = (
    'p=$2; case $p in "~/"*) p=$HOME/${p#??};; esac; '
    'command -v "$p" >/dev/null 2>&1 && exec "$p" -S -E -c "$1" depl-agent; '
)
NOTHING_FOUND = 'echo "depl-agent-1 no python in $PATH"'
LANGUAGE_BACK = 'if [ -n "$3" ]; then LC_ALL=$3; else unset LC_ALL; fi; '
READY = 'echo "depl-agent-1 ready"; '
_PARSING = Lock()  # in Python 3.11 two threads that parse at the same time disturb each other (python/cpython#106905)
# $1: the user, $2: the script above, $3: the loader, $4: the interpreter. What sudo says is to be in English.
SUDO = (
    'command -v sudo >/dev/null 2>&1 || {{ echo "depl-agent-1 no sudo in $PATH"; exit 1; }}; '
    'exec env LC_ALL=C sudo {how} -H -u "$1" -- sh -c "$2" depl "$3" "$4" "$LC_ALL"'
)


def command(host: Host, user: str | None, with_password: bool) -> str:
    """What the login shell of a host is given. user: who to become by sudo; None: nobody else.

    Errors: Unreachable for names that no shell would understand.
    """
    python = host.python or ""
    for name, value in (("python", python), ("service_user", user or "")):
        if value and not PLAIN.fullmatch(value):
            raise Unreachable(f"{name} of the host {host.name} cannot be {value!r}", file=host.file, line=host.line)
    script = (TAKE if python else FIND.format(names=" ".join(INTERPRETERS))) + NOTHING_FOUND
    if user is None:
        return "exec " + _words("sh", "-c", script, "depl", LOADER, python)
    sudo = SUDO.format(how='-S -p ""' if with_password else "-n")
    script = (READY if with_password else "") + LANGUAGE_BACK + script
    return "exec " + _words("sh", "-c", sudo, "depl", user, script, LOADER, python)


def _words(program: str, *arguments: str) -> str:
    return " ".join([program, *(f"'{argument}'" for argument in arguments)])


def opening(host: Host, archive: Archive, first: bytes) -> bytes:
    """The first bytes for standard input: stub, header and the agent's first messages."""
    directory = host.target_directory.rstrip("/")
    header = json.dumps(
        {
            "digest": archive.digest,
            "size": len(archive.content),
            "installer": len(source("installer")),
            "caches": [HOME_CACHE, f"{directory}/.depl/cache/agents"],
        }
    ).encode()
    stub = source("stub")
    line = f"depl-stub {len(stub)} {len(header)} {len(first)} {int(host.python is None)}\n"
    return b"".join([line.encode(), stub, header, first])


def shipment(archive: Archive) -> bytes:
    """What follows if the target wants the archive."""
    return source("installer") + archive.content


@cache
def source(name: str) -> bytes:
    """The stub or the installer as it is sent: without what is for readers and type checkers, compressed."""
    with _PARSING:
        tree = ast.parse(Path(__file__).with_name(f"{name}.py").read_text())
    return zlib.compress(ast.unparse(ast.fix_missing_locations(_Bare().visit(tree))).encode("ascii"), 9)


class _Bare(ast.NodeTransformer):
    """Takes away annotations, docstrings, and the imports that only annotations need."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        return None if node.module in {"__future__", "typing"} else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        return ast.Assign([node.target], node.value) if node.value else None

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = None
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> Any:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)
