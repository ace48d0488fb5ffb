"""Files, directories and links: everything that can be at a path, and parts of it.

All blocks look first, act through verbs, and are undone exactly.
"""

from __future__ import annotations

from depl.lib.files.content import Content
from depl.lib.files.data import INIContent, JSONContent, TOMLContent, YAMLContent
from depl.lib.files.directory import Directory, SyncDirectory
from depl.lib.files.edit import Block, Line
from depl.lib.files.file import BinaryFile, File, Presence
from depl.lib.files.links import Purge, Symlink, ensure_path_nonexistent
from depl.lib.files.modes import Group, Mode, Owner

__all__ = [
    "BinaryFile",
    "Block",
    "Content",
    "Directory",
    "File",
    "Group",
    "INIContent",
    "JSONContent",
    "Line",
    "Mode",
    "Owner",
    "Presence",
    "Purge",
    "Symlink",
    "SyncDirectory",
    "TOMLContent",
    "YAMLContent",
    "ensure_path_nonexistent",
]
