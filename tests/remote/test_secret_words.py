"""Secrets that are words of depl's own, or of JSON: they are hidden in texts, and everything works by the words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

ADDRESS, HOST, ROOT = "127.0.0.26", "webhost", "guestbook"
COMPONENT = """
from depl.component import Component
from depl.lib.file import File


class Guestbook(Component):
    def configure(self):
        values = [value for key, value in sorted(self.host.data.items())]
        self += File("values.conf", content="".join(value + "\\n" for value in values), is_template=False)
        self += Says("says")
        self.values = values


class Says(Component):
    namevar = "name"

    def verify(self):
        assert False

    def update(self):
        for value in self.parent.values:
            self.log("it says: %s", value)
            self.cmd("cat", input=value)
"""
WORDS = ["succeeded", "started", "changed", "component", "unchanged", "data", "schema", "live", HOST, ROOT, ADDRESS]
WORDS += ["work/guestbook/values.conf", "guestbook/File(values.conf)", "True", "false", "null", "1234"]
JSON = [
    'it\'s "quoted"',
    "two\nlines",
    "back\\slash\\n",
    "\x1b[31mred\x1b[0m",
    "tab\tnul\x01",
    '{"a": [1, "b"]}',
    "ключ 🔑",
]
TOLD = ["warning", "started", "task_started", "changed", "log", "output", "task_done", "over", "end"]


@pytest.fixture
def words(site: Any, vault_of: Any) -> Any:
    site.environment(f"[host:{HOST}]\naddress = {ADDRESS}\ncomponents = {ROOT}\n")
    site.write({f"components/{ROOT}/component.py": COMPONENT})
    vault = vault_of(site)
    for number, value in enumerate(WORDS + JSON):
        vault.set((f"host:{HOST}", f"data-k{number:02}"), value)
    vault.save()
    return site


def events(site: Any, *arguments: str) -> list[dict[str, Any]]:
    done = site.call(*arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(one["schema"] == 1 and one["event"].isidentifier() for one in found)
    assert not [value for value in JSON if value in "\0".join(texts(found))]
    return found


def texts(data: Any) -> Iterator[str]:
    """All texts in JSON data."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, (dict, list)):
        for one in data.values() if isinstance(data, dict) else data:
            yield from texts(one)


def test_they_change_nothing_of_what_programs_go_by(words: Any) -> None:
    planned = events(words, "remote", "live", "--plan")
    assert (words.target(ADDRESS) / "work").exists() is False
    ran = events(words, "remote", "live")
    content = (words.target(ADDRESS) / "work" / ROOT / "values.conf").read_text()
    assert content == "".join(value + "\n" for value in WORDS + JSON)
    undone = events(words, "undo", "live")
    assert not (words.target(ADDRESS) / "work").exists()
    for found in (planned, ran, undone):
        assert {one["host"] for one in found if "host" in one} == {HOST}
        assert {one["task"] for one in found if one.get("task")} == {ROOT}
        assert {one["environment"] for one in found} == {"live"}
    assert list(dict.fromkeys(one["event"] for one in ran)) == TOLD
    assert [found[-1]["outcome"]["status"] for found in (ran, undone)] == ["succeeded", "reversed"]
    assert ran[-1]["outcome"]["rollout"] == next(one["data"]["undoes"] for one in undone if one["event"] == "started")
