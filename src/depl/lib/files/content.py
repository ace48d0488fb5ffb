"""What is in a file: given as text, bytes or a source, rendered when the model is configured."""

from __future__ import annotations

import os
from typing import Any, Iterator, Optional

from depl.change import nodes
from depl.component import Component
from depl.errors import DeploymentError, TemplatingError, UpdateNeeded
from depl.lib.files.modes import gid_of, needs_rights, uid_of, wanted_id, wanted_mode
from depl.lib.files.places import lies_in_project, make_room, mistake
from depl.lib.files.secrecy import holds_secret, needs_privacy, private_mode
from depl.lib.files.validation import check_command, validated
from depl.template import TEXT, is_template

LARGE = 1 << 20  # sources above this size, in bytes, are streamed unless they are templates


class Content(Component):
    r"""The content of a regular file, which is made where it is missing. One change, undone exactly.

    content: text or bytes; `""` empties the file. source: a file beside the component file instead of a content (a
    missing one is an error of the model); an absolute path outside the project is read on the host when it is verified.
    Neither: a file with the name of `path` beside the component file.
    is_template: it goes through Jinja, with `component` being the component that adds this one (or template_context),
    and template_args both by their names and as `args`. encoding: of source and file.
    owner, group: a name or a number; names are looked up on the host. mode: 0o644, "644", "0644" or "rw-r--r--"; a new
    file has it from its first moment. Without them what is there stays, and new files get the usual ones. Only a
    content that holds a secret of the environment is 0600 (an existing file loses the rights of others, unless a Mode
    of the same root component is there for it), so say mode="0640" where a service reads it by its group. What is
    streamed, or copied on the host, is not searched for secrets.
    sensitive_data: True hides the diff; in others, secrets are masked.
    validate: a command that is given the new content in a temporary file before it is put in place, as a text for the
    shell or a list, with `{}` or `%s` for the file's path; if it fails, so does the component, with its output.
    replace: may a directory at `path` be moved away? Links are replaced. leading: make missing directories above.
    Large sources that are no templates are streamed. After configure, `.content` holds the final bytes, except for what
    is streamed or read on the host.

        self += Content("motd", content="Welcome to {{host.name}}\n")
    """

    namevar = "path"
    path: str
    content: Any = None
    source: Any = ""
    is_template = True
    template_context: Any = None
    template_args: Any = None
    encoding: Any = "utf-8"
    sensitive_data: Any = None
    validate: Any = None
    replace = False
    leading = False
    owner: Any = None
    group: Any = None
    mode: Any = None

    staged = True
    predictable = True
    verify_after_update = True

    _stream = ""  # a source whose content is copied without being read here
    _late = ""  # a source that is read on the host

    def configure(self) -> None:
        self._settle_path()
        self._settle()

    def verify(self) -> None:
        node = self.system.look(self.path)
        if not isinstance(node, nodes.File):
            raise UpdateNeeded(f"there is {nodes.describe(node)}, not a file")
        needs_rights(self, node, self.mode, self.owner, self.group)
        if self._is_secret():
            needs_privacy(self, self.path)
        if not self._is_there():
            raise UpdateNeeded("its content differs")

    def update(self) -> None:
        make_room(self, self.path, "a file", replace=self.replace, leading=self.leading)
        uid, gid = uid_of(self, self.owner), gid_of(self, self.group)
        if self.validate and not self.system.predicting and not self._is_there():
            validated(self, self.validate, self.path, self._stream or self._bytes())
        if self._stream:
            self.system.copy(self._stream, self.path, self.mode, uid, gid)
        else:
            mode = private_mode(self, self.path) if self._is_secret() else self.mode
            self.system.write(self.path, self._bytes(), mode, uid, gid, show=not self.sensitive_data)

    def claims(self) -> Iterator[tuple[str, str, Any]]:
        yield self.path, "kind", "file"
        yield self.path, "content", self._late or self._stream or self.content
        if self.mode is not None:
            yield self.path, "mode", self.mode
        if self.owner is not None:
            yield self.path, "owner", str(self.owner)
        if self.group is not None:
            yield self.path, "group", str(self.group)

    def last_updated(self, **how: Any) -> Optional[float]:
        """When the file was last written; None if there is none."""
        try:
            return os.stat(self.path).st_mtime
        except OSError:
            return None

    # -- when configured ----------------------------------------------------------------------------

    def _settle_path(self) -> None:
        self.path = self.map(self.path)
        self.mode = wanted_mode(self, self.mode)
        self.owner = wanted_id(self, "user", self.owner)
        self.group = wanted_id(self, "group", self.group)

    def _settle(self) -> None:
        """Decide where the content comes from, and render it where that is known already."""
        if self.validate:
            check_command(self, self.validate)
            self.staged = False  # what it looks at besides has to be in place before
        if self.content is not None:
            if self.source:
                raise mistake(self, f"both content and source are given for {self.path}", hint="Leave out one of them.")
            self.content = self._made(self.content, "")
            return
        source = self._source()
        if self._late:
            self._stream = "" if self.is_template else source
            self.staged = False  # an earlier component may be what makes it
        elif self._is_raw() and os.path.getsize(source) > LARGE:
            self._stream = source
        else:
            self.content = self._made(_read(self, source), source)

    def _source(self) -> str:
        """The absolute path of the source; `_late` is set where it is for the host to have it."""
        source = os.fspath(self.source) if self.source else os.path.basename(self.path)
        path = os.path.normpath(os.path.join(self.defdir, source))
        if os.path.isabs(source) and not (lies_in_project(self, path) and os.path.exists(path)):
            self._late = path
        elif not os.path.exists(path):
            raise mistake(
                self,
                f"{'the source' if self.source else 'neither content nor source is given, and'} {path} of {self.path}"
                " does not exist",
                hint="Correct the name, or write content='' for an empty file.",
            )
        elif os.path.isdir(path):
            raise mistake(
                self,
                f"the source {path} of {self.path} is a directory",
                hint="Directory(path, source=...) brings a whole directory into place.",
            )
        return path

    def _is_raw(self) -> bool:
        return not self.is_template

    def _made(self, content: Any, source: str) -> bytes:
        """The final bytes. source: the file that the content comes from, for messages."""
        if isinstance(content, bytes) and not self.is_template:
            return content
        if not isinstance(content, (str, bytes)):
            raise mistake(
                self,
                f"the content of {self.path} is of type {type(content).__name__}, not text or bytes",
                hint="JSONContent, YAMLContent, TOMLContent and INIContent write data.",
            )
        if not self.encoding:
            if isinstance(content, bytes):
                return content
            raise mistake(self, f"the content of {self.path} is text without an encoding")
        try:
            text = content.decode(self.encoding) if isinstance(content, bytes) else content
            return (text_of(self, text, source) if self.is_template else text).encode(self.encoding)
        except (UnicodeError, LookupError) as problem:
            raise mistake(
                self,
                f"the content of {source or self.path} does not fit the encoding {self.encoding}: {problem}",
                hint="Say which encoding= it has, or use BinaryFile for what is not text.",
            ) from None

    # -- when deployed ------------------------------------------------------------------------------

    def _is_there(self) -> bool:
        """Whether the file holds the content already."""
        if not self._stream:
            return bool(self.system.holds(self.path, self._bytes()))
        wanted = self.system.look(self._stream, content=True)
        if not isinstance(wanted, nodes.File):
            raise self._missing()
        there = self.system.look(self.path, content=True)
        return isinstance(there, nodes.File) and there.digest == wanted.digest

    def _bytes(self) -> bytes:
        if not self._late:
            content: bytes = self.content
            return content
        try:
            return self._made(self.system.read(self._late), self._late)
        except OSError:
            raise self._missing() from None

    def _missing(self) -> DeploymentError:
        return DeploymentError(
            f"the source {self._late or self._stream} of {self.path} does not exist",
            self,
            hint="Add the component that makes it before this one, or give a source beside the component file.",
        )

    def _is_secret(self) -> bool:
        """Whether the content holds a secret, and nothing is said about who may read it."""
        return self.mode is None and not self._stream and holds_secret(self, self._bytes(), self.encoding)


def text_of(component: Any, text: str, source: str = "") -> str:
    """A template's text, rendered on behalf of the component that adds this one. source: its file, if it has one."""
    if not is_template(text):
        return text
    arguments = component.template_args or {}
    context = component._context(component.template_context or component.parent, {"args": arguments, **arguments})
    try:
        rendered: str = component.environment.template_engine.expand(
            text,
            context,
            source or TEXT,
            directory=os.path.dirname(source),
            secret=bool(component.sensitive_data),
        )
    except TemplatingError as error:
        if error.file is None:  # the text is in the component file
            error.file, error.line = component.place
        raise
    return rendered


def _read(component: Component, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as problem:
        raise mistake(component, f"the source {path} cannot be read: {problem.strerror}") from None
