"""What can go wrong, as one tree.

DeplError                       facts as attributes, a whole sentence, a hint with the next step
├── ConfigurationError          the model is wrong; nothing was touched
│   ├── ComponentUsageError     a component was built or called in a way it does not understand
│   ├── ConversionError         a value does not have the wanted type
│   ├── AttributeExpansionError an attribute's template does not work out
│   ├── TemplatingError         a template file or text does not compile or render
│   └── Mistakes                several of them, reported together
├── DeploymentError             a host could not be realised
│   ├── CmdExecutionError       a command failed or took too long
│   ├── ChangeFailed            a change could not be made (permissions, space, ...)
│   ├── Interrupted             somebody asked the run to end
│   └── Unreachable             a host cannot be worked on: no answer, no login, no Python
│       ├── HostKeyRefused      its key is unknown or another one than it was
│       └── Lost                it was at work and does not answer any more
│           └── TakenOver       somebody else goes on in its place
├── JournalError                the record of a host cannot be read or written
├── NothingToUndo               there is no rollout that could be taken back
├── NothingRecorded             no journal knows of what was asked for
├── ProtocolError               what came over the wire is not what was agreed
├── Locked                      somebody else is at work on the same target
└── ReportBug                   depl itself is wrong

UpdateNeeded                    not an error: verify() says that update() is wanted
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterable


class UpdateNeeded(AssertionError):
    """Raised by verify() where the target is not as declared."""


class DeplError(Exception):
    """The root of all errors of depl.

    message: a whole sentence. component: the component it is about, or its name. file, line: where to look.
    hint: the next step; classes may carry one for all their instances.
    """

    hint: str = ""

    def __init__(
        self,
        message: str,
        component: Any = None,
        *,
        file: Optional[str] = None,
        line: Optional[int] = None,
        hint: Optional[str] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.component = component if component is None or isinstance(component, str) else _name_of(component)
        self.file = file or None
        self.line = line or None
        if hint is not None:
            self.hint = hint

    def __str__(self) -> str:
        return self.message

    @property
    def facts(self) -> dict[str, Any]:
        """What it says, as data."""
        return {
            "class": type(self).__name__,
            "message": self.message,
            "component": self.component,
            "file": self.file,
            "line": self.line,
            "hint": self.hint,
        }

    @property
    def place(self) -> str:
        """`file:line`, `file` or nothing, as far as it is known."""
        if self.file is None:
            return ""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    @property
    def sort_key(self) -> tuple[str, int, str, str]:
        """The order in which mistakes are reported: by file, line and text."""
        return (self.file or "", self.line or 0, self.component or "", self.message)


def _name_of(component: Any) -> str:
    return str(getattr(component, "id", None) or getattr(component, "_breadcrumbs", None) or component)


class ConfigurationError(DeplError):
    """The model is wrong. Nothing was touched."""


class ComponentUsageError(ConfigurationError):
    """A component was built or called in a way that it does not understand."""


class ConversionError(ConfigurationError):
    """A value does not have the wanted type."""


class AttributeExpansionError(ConfigurationError):
    """The template in an attribute's value does not work out."""


class TemplatingError(ConfigurationError):
    """A template does not compile or does not render; file and line are those of the template."""


class Mistakes(ConfigurationError):
    """All the mistakes of a model, sorted, each once. where: of something else, such as `in the parameters`."""

    where: str = ""

    def __init__(self, mistakes: Iterable[DeplError], where: str = "") -> None:
        self.where = where
        unique = {(m.sort_key, m.hint): m for m in mistakes}
        self.mistakes: Sequence[DeplError] = sorted(unique.values(), key=lambda m: m.sort_key)
        count = len(self.mistakes)
        super().__init__(f"{count} mistake{'' if count == 1 else 's'} {where or 'in the configuration'}")


class DeploymentError(DeplError):
    """A host could not be realised."""


class CmdExecutionError(DeploymentError):
    """A command failed (returncode) or took longer than its timeout (returncode None)."""

    def __init__(
        self,
        cmd: str,
        returncode: Optional[int],
        stdout: str = "",
        stderr: str = "",
        *,
        reason: str = "",
        component: Any = None,
        hint: Optional[str] = None,
    ) -> None:
        self.cmd, self.returncode, self.stdout, self.stderr = cmd, returncode, stdout, stderr
        what = reason or f"exited with status {returncode}"
        super().__init__(f"the command `{cmd}` {what}", component, hint=hint)


class ChangeFailed(DeploymentError):
    """A change could not be made; `path` is what it was about."""

    def __init__(self, path: str, message: str, component: Any = None, *, hint: Optional[str] = None) -> None:
        self.path = path
        super().__init__(message, component, hint=hint)


class Interrupted(DeploymentError):
    """Somebody asked the run to end (Ctrl-C or a signal)."""


class Unreachable(DeploymentError):
    """A host cannot be worked on: it does not answer, lets nobody in, or has no Python that will do."""


class HostKeyRefused(Unreachable):
    """The key that a host shows is unknown, or another one than it was."""


class Lost(Unreachable):
    """A host was at work and does not answer any more, or not to this rollout."""


class TakenOver(Lost):
    """Somebody else took a host over; who: as far as it is known. What stands there is theirs to go on with."""

    def __init__(self, message: str, component: Any = None, *, who: str = "", hint: Optional[str] = None) -> None:
        self.who = who or "somebody else"
        super().__init__(message, component, hint=hint)


class ProtocolError(DeplError):
    """What came over the wire is not what was agreed."""


UNWRITABLE = "cannot be written"  # of a journal: nothing is in the way but that


class JournalError(DeplError):
    """The record of a host cannot be read or written."""


class NothingToUndo(DeplError):
    """There is no rollout that could be taken back."""


class NothingRecorded(DeplError):
    """No journal knows of what was asked for."""


class Locked(DeplError):
    """Somebody else is at work on the same target directory."""


class ReportBug(DeplError):
    """depl itself is wrong."""

    hint = "This is a mistake in depl, not in your project. Please report it with the output above."
