"""The secrets of an environment once they can be read, and what components see of its secret files."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Sequence, Set, Tuple, Union

from depl.errors import ConfigurationError, DeplError
from depl.root import root_being_configured

if TYPE_CHECKING:
    from depl.ini import Ini
    from depl.redact import Redactor
    from depl.surroundings import Caution

Content = Union[str, bytes]


@dataclass(frozen=True, repr=False)
class Secrets:
    """The secrets of an environment, readable.

    ini: sections `component:X` and `host:H` with plain values, whose entries know file and line of the encrypted file.
    marks: (section, key) -> what stands for the value wherever something is shown (see depl.redact). files: name ->
    content of `secret-NAME.age`, as text where it is UTF-8. mistakes, warnings: what reading them found.
    """

    ini: Ini
    marks: Mapping[Tuple[str, str], str] = field(default_factory=dict)
    files: Mapping[str, Content] = field(default_factory=dict)
    file_marks: Mapping[str, str] = field(default_factory=dict)
    mistakes: Sequence[DeplError] = ()
    warnings: Sequence[Caution] = ()

    def known(self) -> List[Tuple[str, str]]:
        """What must not be shown: mark and value each."""
        values = [
            (self.marks[name, entry.key], entry.value)
            for name, section in self.ini.sections.items()
            for entry in section.entries.values()
        ]
        return values + [(self.file_marks[name], as_text(content)) for name, content in self.files.items()]

    def data(self) -> Dict[str, Dict[str, str]]:
        """Section -> key -> value."""
        sections = self.ini.sections
        return {name: {entry.key: entry.value for entry in sections[name].entries.values()} for name in sections}


def as_text(content: Content) -> str:
    """The text of a secret file, as far as it is one."""
    return content if isinstance(content, str) else content.decode("utf-8", "replace")


class SecretFiles(Mapping[str, Any]):
    """The secret files of an environment by name. Notes who reads which: no other host gets to know them."""

    def __init__(self, files: Mapping[str, Content]) -> None:
        self._files = dict(files)
        self._read_by: Dict[str, Set[str]] = {}

    def read_by(self, root_id: str) -> List[str]:
        """The names of the files that a root component has read while it was configured."""
        return sorted(self._read_by.get(root_id, ()))

    def __getitem__(self, name: str) -> Content:
        if name not in self:
            known = ", ".join(sorted(self._files)) or "none"
            hint = f"Known here: {known}. `depl secrets edit ENV NAME` makes one."
            raise ConfigurationError(f"There is no secret file {name!r}", hint=hint)
        return self._files[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The content of a file, or the default."""
        return self._files[name] if name in self else default

    def __contains__(self, name: object) -> bool:
        root = root_being_configured()
        if root is not None and name in self._files:
            self._read_by.setdefault(root.id, set()).add(str(name))
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._files))

    def __len__(self) -> int:
        return len(self._files)


def secrets_in(data: Any, redact: Redactor) -> Set[Tuple[str, str]]:
    """The secrets in JSON data: mark and text, just as far as it is there, as nobody learns more by what he hides."""
    if not redact:
        return set()
    if isinstance(data, str):
        return {(mark, data[start:end]) for start, end, mark in redact.spans(data)}
    if isinstance(data, dict):
        data = [*data.keys(), *data.values()]
    found = (secrets_in(one, redact) for one in data) if isinstance(data, (list, tuple)) else ()
    return set().union(*found)


def packed(content: Any) -> Any:
    """The content of a secret file as JSON data."""
    return content if isinstance(content, str) else {"base64": base64.b64encode(content).decode("ascii")}


def unpacked(data: Any) -> Any:
    """The content of a secret file from JSON data."""
    return data if isinstance(data, str) else base64.b64decode(data["base64"])
