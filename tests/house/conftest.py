"""Documents whose examples are run: their code blocks, and the output that they show."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

BLOCK = re.compile(r"^\.\. code-block:: (?P<language>\w+)\n\n(?P<content>(?: {4}.*\n|\n)+)", re.MULTILINE)
FILE = re.compile(r"``([\w./-]+)``:\s*\Z")


class Block(NamedTuple):
    """A code block. line: where its content begins. file: the path that the text just before it ends with."""

    line: int
    language: str
    content: str
    file: str


class Step(NamedTuple):
    """A command of a console block, with the output that is shown."""

    line: int
    command: str
    output: str


@pytest.fixture
def blocks() -> Callable[[str], list[Block]]:
    """The code blocks of a document."""
    return lambda text: [
        Block(
            text.count("\n", 0, found.start("content")) + 1,
            found["language"],
            textwrap.dedent(found["content"]).strip("\n") + "\n",
            named[1] if (named := FILE.search(text[: found.start()])) else "",
        )
        for found in BLOCK.finditer(text)
    ]


@pytest.fixture
def steps() -> Callable[[Block], list[Step]]:
    """The commands of a console block."""
    return lambda block: list(read_steps(block))


def read_steps(block: Block) -> Iterator[Step]:
    parts = re.split(r"^\$ (.*)\n", block.content, flags=re.MULTILINE)
    line = block.line + parts[0].count("\n")
    for command, output in zip(parts[1::2], parts[2::2], strict=True):
        yield Step(line, command, output.strip("\n"))
        line += 1 + output.count("\n")


@pytest.fixture
def shows() -> Callable[[str, str], bool]:
    """Whether a shown output is a real one: `...` stands for anything in a line, alone for any number of lines."""

    def matches(shown: str, real: str) -> bool:
        pattern = ""
        for line in shown.splitlines():
            text = "[^\n]*".join(map(re.escape, line.rstrip().split("...")))
            pattern += "(?:[^\n]*\n)*?" if line.strip() == "..." else f"{text}[ ]*\n"
        return re.fullmatch(pattern, real.strip("\n") + "\n" if real.strip() else "") is not None

    return matches


@pytest.fixture
def written() -> Callable[[Path, Block], None]:
    """Writes the file that a block shows into a project."""

    def write(project: Path, block: Block) -> None:
        assert block.file, f"line {block.line}: nothing says which file this is"
        path = project / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.content)

    return write
