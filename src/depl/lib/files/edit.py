"""Parts of files that belong to somebody else: single lines and marked blocks."""

from __future__ import annotations

import re
from typing import Any, Iterator, Optional

from depl.change import nodes
from depl.component import Component
from depl.errors import ChangeFailed, UpdateNeeded
from depl.lib.files.content import text_of
from depl.lib.files.places import make_parent, mistake
from depl.lib.files.secrecy import PRIVATE, holds_secret
from depl.lib.files.validation import check_command, validated

STATES = ("present", "absent")
EDITED = "edited in place"  # what editing components claim: they agree with each other, but not with a whole content


class Edit(Component):
    """What Line and Block share: they change a part of a text file and leave the rest of it alone."""

    namevar = "path"
    path: str
    ensure = "present"
    after: Any = None
    before: Any = None
    validate: Any = None
    sensitive_data: Any = None
    leading = False

    staged = True
    predictable = True
    verify_after_update = True

    def configure(self) -> None:
        self.path = self.map(self.path)
        if self.ensure not in STATES:
            raise mistake(
                self, f"ensure={self.ensure!r} is not known", hint=f"It is one of {', '.join(map(repr, STATES))}."
            )
        if self.after is not None and self.before is not None:
            raise mistake(self, "both after and before are given", hint="Leave out one of them.")
        for name in ("after", "before"):
            compiled(self, name, getattr(self, name))
        if self.validate:
            check_command(self, self.validate)
            self.staged = False  # what it looks at besides has to be in place before

    def verify(self) -> None:
        now = self._now()
        if self.edited(now or "") != (now or "") or (now is None and self.ensure == "present"):
            raise UpdateNeeded(self.reason())

    def update(self) -> None:
        make_parent(self, self.path, self.leading)
        now = self._now()
        content = self.edited(now or "").encode("utf-8", "surrogateescape")
        if self.validate and not self.system.predicting:
            validated(self, self.validate, self.path, content)
        mode = PRIVATE if now is None and holds_secret(self, content) else None
        self.system.write(self.path, content, mode, show=not self.sensitive_data)

    def claims(self) -> Iterator[tuple[str, str, Any]]:
        if self.ensure == "present":
            yield self.path, "kind", "file"
            yield self.path, "content", EDITED

    def edited(self, text: str) -> str:
        """The text as it should be."""
        raise NotImplementedError

    def reason(self) -> str:
        """Why the text is not as it should be."""
        raise NotImplementedError

    def _now(self) -> Optional[str]:
        """What the file holds; None if there is none. What is not UTF-8 comes through unharmed."""
        node = self.system.look(self.path)
        if isinstance(node, nodes.Absent):
            return None
        if not isinstance(node, nodes.File):
            raise ChangeFailed(
                self.path,
                f"{self.path} is {nodes.describe(node)}, not a file that could be edited",
                self,
                hint="Name the file that the link leads to." if isinstance(node, nodes.Link) else None,
            )
        text: str = self.system.read(self.path).decode("utf-8", "surrogateescape")
        return text

    def _position(self, lines: list[str]) -> int:
        """Where something new goes: after or before the last line that matches, else at the end."""
        pattern = self.after if self.before is None else self.before
        if pattern is not None:
            for number in range(len(lines) - 1, -1, -1):
                if re.search(pattern, lines[number].rstrip("\r\n")):
                    return number + (self.before is None)
        return len(lines)


class Line(Edit):
    """A line is in a text file, or is not. One change, undone exactly.

    line: the line, without its end. match: a regular expression; the last line that it finds is replaced (with
    ensure="absent": all such lines are removed), so that a setting can be changed in place.
    after, before: a regular expression; a new line goes after or before the last line that it finds, else to the end.
    ensure: "present" or "absent". validate, sensitive_data, leading: as in Content. A missing file is made, 0600 if the
    line holds a secret; the mode of an existing one stays.

        self += Line("sshd_config", line="PermitRootLogin no", match="^#?PermitRootLogin", validate="sshd -t -f {}")
    """

    line: Any = None
    match: Any = None

    def configure(self) -> None:
        super().configure()
        compiled(self, "match", self.match)
        if self.line is None and not (self.match and self.ensure == "absent"):
            raise mistake(self, f"no line is given for {self.path}", hint="Say which with line=.")
        if self.line is not None and (not isinstance(self.line, str) or "\n" in self.line):
            raise mistake(self, f"{self.line!r} is not a line", hint="Use Block for several lines.")

    def edited(self, text: str) -> str:
        lines = split(text)
        bare = [line.rstrip("\r\n") for line in lines]
        if self.ensure == "absent":
            return "".join(line for line, said in zip(lines, bare) if not self._is_meant(said))
        if self.line in bare:
            return text
        found = [number for number, said in enumerate(bare) if self.match and re.search(self.match, said)]
        end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
        if found:
            lines[found[-1]] = self.line + lines[found[-1]][len(bare[found[-1]]) :]
        else:
            insert(lines, self._position(lines), self.line + end)
        return "".join(lines)

    def reason(self) -> str:
        return f"the line is {'missing' if self.ensure == 'present' else 'there'}"

    def _is_meant(self, said: str) -> bool:
        return said == self.line or bool(self.match and re.search(self.match, said))


class Block(Edit):
    r"""Some lines between two marking lines are in a text file, or are not. One change, undone exactly.

    content: the lines, a template like a File's (template_context, template_args, is_template). marker: what tells the
    block from others in the file; the name of the root component unless given. comment: what begins a comment in the
    file; comment_end: what ends one there. after, before: a regular expression; a new block goes after or before the
    last line that it finds, else to the end. ensure: "present" or "absent". validate, sensitive_data, leading: as in
    Content. A missing file is made, 0600 if the block holds a secret; the mode of an existing one stays.

        self += Block("/etc/hosts", content="10.0.0.1 {{host.name}}\n")
    """

    content: Any = None
    marker: Any = None
    comment = "#"
    comment_end = ""
    is_template = True
    template_context: Any = None
    template_args: Any = None

    def configure(self) -> None:
        super().configure()
        self.marker = str(self.marker or self.root.name)
        if self.ensure == "present":
            if not isinstance(self.content, str):
                raise mistake(self, f"no content is given for the block in {self.path}")
            self.content = text_of(self, self.content) if self.is_template else self.content
        end = f" {self.comment_end}" if self.comment_end else ""
        self._begin, self._end = (f"{self.comment} {word} depl {self.marker}{end}" for word in ("BEGIN", "END"))

    def edited(self, text: str) -> str:
        lines = split(text)
        bare = [line.rstrip("\r\n") for line in lines]
        position = None
        if self._begin in bare:
            position = bare.index(self._begin)
            if self._end not in bare[position:]:
                raise ChangeFailed(
                    self.path,
                    f"the block {self.marker!r} in {self.path} begins in line {position + 1}, but does not end",
                    self,
                    hint=f"Add the line {self._end!r} where it ends.",
                )
            del lines[position : bare.index(self._end, position) + 1]
        if self.ensure == "present":
            position = self._position(lines) if position is None else position
            insert(lines, position, f"{self._begin}\n{ended(self.content)}{self._end}\n")
        return "".join(lines)

    def reason(self) -> str:
        return f"the block {self.marker!r} {'differs' if self.ensure == 'present' else 'is there'}"


def split(text: str) -> list[str]:
    """The lines of a text with their ends, which are newlines and nothing else."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def insert(lines: list[str], position: int, text: str) -> None:
    """Put whole lines among lines, of which the last may lack its end."""
    if position and position == len(lines):
        lines[-1] = ended(lines[-1])
    lines.insert(position, text)


def ended(text: str) -> str:
    """A text whose last line has its end."""
    return text if not text or text.endswith("\n") else text + "\n"


def compiled(component: Component, name: str, pattern: Any) -> None:
    """See to it that a pattern is one. Errors: ConfigurationError."""
    try:
        if pattern is not None:
            re.compile(pattern)
    except (re.error, TypeError) as problem:
        raise mistake(component, f"{name}={pattern!r} is not a regular expression: {problem}") from None
