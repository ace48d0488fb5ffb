"""Fifty secrets of all shapes go through everything that depl does; then they are looked for everywhere."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from planted import Planting, Processes, hits, searched_for


@pytest.mark.parametrize("how", ["local", "remote"])
def test_no_secret_is_anywhere_in_no_encoding(site: Any, how: str) -> None:
    planting = Planting(site)
    wanted = searched_for(planting)
    assert len(planting.values[0]) == 52
    calls, unexpected, leaks = 0, [], []
    with Processes(wanted) as processes:
        for status, command, printed in planting.calls(how):
            calls += 1
            if status:
                unexpected.append(f"{command}: {status}\n{printed[-3000:]}")
            leaks += [f"{command}: {leak}" for leak in hits(printed.encode(), wanted)]
            assert "‹secret planted." in printed or "undo" in command
            assert not unexpected, "\n".join([*unexpected, *leaks])
    leaks += [f"a command line: {leak}" for leak in processes.found]
    files = 0
    for path in planting.files():
        try:
            content = path.read_bytes()
        except OSError:
            continue
        files += 1
        leaks += [f"{path}: {leak}" for leak in hits(str(path).encode() + b"\n" + content, wanted)]
    assert not leaks, "\n".join(leaks)
    assert calls == 10
    assert files > 20


def test_the_search_finds_what_is_there(site: Any) -> None:
    planting = Planting(site)
    wanted = searched_for(planting)
    for name, value in planting.values[0].items():
        for text in (value, json.dumps(value), base64.b64encode(b"a" + value.encode()).decode(), value.encode().hex()):
            assert any(hit.startswith(f"{name}: ") for hit in hits(text.encode(), wanted)), (name, text)
