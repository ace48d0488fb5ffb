"""Fifty secrets of all shapes in a project that tells of them wherever it can, and what looks for them everywhere."""

from __future__ import annotations

import base64
import html
import json
import os
import random
import re
import shlex
import string
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from depl.secrets.identities import Identities
from depl.secrets.recipients import usable
from depl.secrets.vault import Vault

SHAPES = {
    "word": "plain-Wort-{}",
    "spaces": "two words {} here",
    "padded": "   padded {}  ",
    "quotes": 'it\'s "quoted" \\ {} \'\' ""',
    "lines": "first line {}\nsecond line {}\nthird line {}",
    "unicode": "pässwörd-ключ-{}-鍵-🔑",
    "url": "p@ss:w/rd?{}=1&y=2#z+%41",
    "database": "postgresql://app:s3cr3t!{}@db.example.com:5432/app",
    "key": "-----BEGIN PRIVATE KEY-----\nMIIEvQ{}ABADANBg\nkqhkiG9w0{}BAQEF\nAASC{}ggSj==\n-----END PRIVATE KEY-----\n",
    "number": "4815162342{digits}",
    "float": "3.14159{digits}",
    "data": '{{"token": "nested-{}", "list": [1, "item-{}"]}}',
    "expression": "{{{{ not.a.template_{} }}}}",
    "statement": "{{% raw {}",
    "remark": "{{# nothing {} #}}",
    "shell": "$(echo {})`date`$HOME;&|<>*?[]!~",
    "page": '<b>&"bold{}"\'</b>',
    "percent": "100%sure%d%(x)s-{}",
    "backslashes": "\\n\\t\\\\{}\\",
    "tab": "tab\tand {}\ttab",
    "endings": "crlf {}\r\nand more {}\r\n",
    "comment": "# {} is no comment",
    "command": "!command echo {}",
    "equals": "a = b: {} = c",
    "long": "{}" + "0123456789abcdef" * 300 + "{}",
    "like_base64": "c2VjcmV0{}==",
    "brackets": "[component:planted]{}",
    "escape": "\x1b[31mred {}\x1b[0m",
    "nothing_like_it": "‹secret planted.word #a1b2›{}",
}
NAMES = [*SHAPES, *(f"random{number:02}" for number in range(50 - len(SHAPES)))]

COMPONENTS = f"""
import base64
import json
import os
import shlex
import sys
import urllib.parse

from depl.component import Attribute, Component
from depl.errors import UpdateNeeded
from depl.lib.file import File

NAMES = {NAMES!r}


class Planted(Component):
    fail = "no"
    round = "1"
    number: int = 0
{"".join(f"    {name} = 'unset'{chr(10)}" for name in NAMES if name != "number")}
    def configure(self):
        self.values = [str(getattr(self, name)) for name in NAMES]
        self.values += [self.environment.secret_files["blob"], self.host.data["token"]]
        self.quoted = shlex.quote("".join(self.values))
        self.log("configured with %s", self.values)
        print("printed while configured", self.values)
        everything = "\\n".join([*self.values, json.dumps(self.values), repr(self.values)])
        self += File("everything", content=everything, is_template=False)
        self += File("other", content="round = " + self.round + "\\nlast = " + self.values[0], is_template=False)
        self += File("template", content="{{% for value in component.values %}}{{{{value}}}}\\n{{% endfor %}}")
        for value in self.values:
            self += Said(value)
        self += Shouted("shouted")
        self.provide("planted", [self.values[0], urllib.parse.quote(self.values[6], safe="")])
        self += Broken("broken")


class Said(Component):
    namevar = "text"

    def verify(self):
        raise UpdateNeeded("it is not said: " + self.text)

    def update(self):
        self.log("says %s", self.text)


class Shouted(Component):
    namevar = "name"
    reverse_cmd = "printf 'taken back: %s\\n' {{{{component.parent.quoted}}}}"

    def verify(self):
        assert os.path.exists("shouted-" + self.parent.round)

    def update(self):
        print("printed while updating", self.parent.values)
        print("and so", json.dumps(self.parent.values), file=sys.stderr)
        script = ["set -e"]
        for number, value in enumerate(self.parent.values):
            middle = len(value) // 2
            script.append("printf %s " + shlex.quote(value[:middle]) + ("; sleep 0.003" if number % 4 == 0 else ""))
            script.append("printf '%s\\\\n' " + shlex.quote(value[middle:]))
        for value in self.parent.values[::5]:
            script.append("printf '%s' " + shlex.quote("user:" + value) + " | base64 -w0; echo")
            script.append("printf '%s' " + shlex.quote(value) + " | base64")
        self.cmd("\\n".join(script), expand=False)
        for value in self.parent.values:
            self.system.run(["cat"], input=value.encode() + b" " + urllib.parse.quote_plus(value).encode())
        self.cmd("env", env={{"PLANTED": self.parent.values[0]}})
        self.cmd("set -x; : " + shlex.quote(self.parent.values[3]) + " 2>&1", expand=False)
        os.system("cat " + shlex.quote(os.path.abspath("everything")))
        self.touch("shouted-" + self.parent.round)


class Broken(Component):
    namevar = "name"

    def verify(self):
        if self.parent.fail != "no":
            raise UpdateNeeded

    def update(self):
        if self.parent.fail == "raises":
            try:
                raise ValueError("the cause was %r" % self.parent.values)
            except ValueError as cause:
                raise RuntimeError("all of these: " + "; ".join(self.parent.values)) from cause
        self.cmd("cat everything everything >&2; exit 3")


class Looker(Component):
    def configure(self):
        found = self.require_one("planted")
        self += File("looked", content=" ".join(found), is_template=False)

    def verify(self):
        raise UpdateNeeded

    def update(self):
        self.cmd("cat looked")
"""


class Planting:
    """A project whose environment has the secrets, on two hosts."""

    def __init__(self, site: Any) -> None:
        self.site = site
        self.values: list[dict[str, str]] = [planted(seed) for seed in (1, 2)]
        site.home.joinpath(".config/depl").mkdir(parents=True, exist_ok=True)
        import pyrage

        identity = pyrage.x25519.Identity.generate()
        key = site.home / ".config/depl/age"
        key.touch(0o600)
        key.write_text(f"{identity}\n")
        self.recipient = str(identity.to_public())
        site.write({"components/planted/component.py": COMPONENTS})
        self.configure()
        self.encrypt(0)

    def configure(self, fail: str = "no", round: int = 1) -> None:
        text = (
            f"[hosts]\n127.0.0.2 = planted\n127.0.0.3 = looker\n[component:planted]\nfail = {fail}\nround = {round}\n"
        )
        self.site.environment(text)

    def encrypt(self, which: int) -> None:
        """Have these values."""
        vault = Vault(str(self.site.directory), "live")
        if not vault.exists:
            vault.set_recipients([usable(self.recipient)], {}, rotate=False)
        else:
            vault.open(Identities(None, {}, str(self.site.home)))
        for name, value in self.values[which].items():
            if name == "blob":
                vault.set_file(name, value.encode())
            else:
                vault.set(("host:127.0.0.2", "data-token") if name == "token" else ("component:planted", name), value)
        vault.save()

    def calls(self, how: str) -> Iterator[tuple[int, str, str]]:
        """All that is done with it: exit status, and all that was printed."""
        run = ["local", "live", "127.0.0.2", "--here"] if how == "local" else ["remote", "live"]
        yield self.call(0, *run, "--plan", "--json")
        yield self.call(0, *run, "--verbose")
        self.configure(fail="fails", round=2)
        self.encrypt(1)
        yield self.call(0, *run, "--plan", "--verbose")
        yield self.call(3, *run, "--verbose")
        self.configure(round=2)
        yield self.call(0, *run, "--json")
        self.configure(fail="raises", round=3)
        yield self.call(3, *run, "--verbose", DEPL_DEBUG="1")
        yield self.call(4, *run, "--json", "--on-failure", "stop")
        yield self.call(0, "undo", "live", "--plan", "--json")
        yield self.call(0, "undo", "live", "--verbose")
        yield self.call(0, "check", "live", "--verbose")

    def call(self, status: int, *arguments: str, **more: str) -> tuple[int, str, str]:
        done = self.site.call(*arguments, TMPDIR=str(self.temporary), **more)
        return done.returncode - status, f"depl {' '.join(arguments)}", done.stdout + done.stderr

    @property
    def temporary(self) -> Path:
        directory = self.site.directory.parent / "tmp"
        directory.mkdir(exist_ok=True)
        return directory

    def files(self) -> Iterator[Path]:
        """All files on both sides, but the deployed ones and the images of what was there before."""
        hosts = [Path(self.site.sshd.home(address)) for address in ("127.0.0.2", "127.0.0.3")]
        for base in (self.site.directory.parent, self.site.home, Path("/dev/shm"), *hosts):
            for directory, names, files in os.walk(base):
                if directory.endswith("/.depl"):
                    names[:] = [name for name in names if name not in ("blobs", "trash")]
                if os.path.exists(os.path.join(directory, ".depl")):
                    names[:] = [name for name in names if name != "work"]
                yield from (Path(directory, name) for name in files)


def planted(seed: int) -> dict[str, str]:
    """Fifty secrets, a secret file and secret data of a host."""
    chance = random.Random(seed)

    def some(length: int = 9, letters: str = string.ascii_letters + string.digits) -> str:
        return "".join(chance.choices(letters, k=length))

    values = {
        name: shape.format(*[some() for _ in range(3)], digits=some(5, string.digits)) for name, shape in SHAPES.items()
    }
    for number, name in enumerate(name for name in NAMES if name not in SHAPES):
        values[name] = some(6 + 3 * number, string.ascii_letters + string.digits + "!#$%&()*+,-./:;<=>?@[]^_{|}~")
    return values | {"blob": f"a secret file {some()}\nwith {some()} lines\n", "token": f"token-{some()}"}


def disguises(value: str) -> Iterator[str]:
    """How a value may look that somebody printed, written down here independently of what hides it."""
    data = value.encode()
    lines = [line.strip() for line in value.splitlines() if not line.startswith("-----")]
    for text in {value, value.strip(), *(line for line in lines if len(line) >= 4)}:
        yield text
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield repr(text)[1:-1]
        yield html.escape(text)
        yield shlex.quote(text).strip("'")
        yield text.replace("'", "'\\''")
        yield urllib.parse.quote(text, safe="")
        yield urllib.parse.quote(text)
        yield urllib.parse.quote_plus(text)
    yield data.hex()
    yield repr(data)[2:-1]
    yield base64.urlsafe_b64encode(data).decode().rstrip("=")
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + data).decode().rstrip("=")
        yield encoded[(0, 2, 3)[before] : len(encoded) - 2]


def searched_for(planting: Planting) -> dict[bytes, str]:
    """What must be nowhere: the texts, and whose they are."""
    found = {}
    for values in planting.values:
        for name, value in values.items():
            for text in disguises(value):
                if len(text) >= 6:
                    found[text.encode()] = name
    return found


def hits(content: bytes, wanted: Mapping[bytes, str]) -> list[str]:
    """Also where line ends, or what JSON makes of them, cut through it."""
    joined = re.sub(rb"(\\r)?\\n|\r?\n", b"", content)
    found = {name: (text, one) for one in (content, joined) for text, name in wanted.items() if text in one}
    return [f"{name}: {_around(one, text)!r}" for name, (text, one) in sorted(found.items())]


def _around(content: bytes, text: bytes) -> bytes:
    start = content.index(text)
    return content[max(0, start - 40) : start + len(text) + 40]


class Processes:
    """Looks at the command lines of all processes, again and again, and at their environments, where we may."""

    def __init__(self, wanted: Mapping[bytes, str]) -> None:
        self._wanted, self.found, self._over = wanted, set[str](), threading.Event()
        self._seen: set[bytes] = set()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Processes:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            for process in os.listdir("/proc"):
                if process.isdigit():
                    self._look_at(process)
            time.sleep(0.03)

    def _look_at(self, process: str) -> None:
        try:
            line = Path("/proc", process, "cmdline").read_bytes()
        except OSError:
            return
        if line not in self._seen:
            self._seen.add(line)
            self.found.update(hits(line, self._wanted))
