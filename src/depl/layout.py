"""Where the environments of a project lie."""

from __future__ import annotations

import os

from depl.errors import ConfigurationError


def environment_names(base_dir: str) -> list[str]:
    """The environments of a project, sorted."""
    directory = os.path.join(base_dir, "environments")
    try:
        entries = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
    flat = {entry[: -len(".cfg")] for entry in entries if entry.endswith(".cfg") and not entry.startswith(".")}
    nested = {entry for entry in entries if os.path.isfile(os.path.join(directory, entry, "environment.cfg"))}
    return sorted(flat | nested)


def environment_file(name: str, base_dir: str) -> str:
    """The file of an environment. Errors: ConfigurationError if there is none, or more than one."""
    directory = os.path.join(base_dir, "environments")
    nested, flat = os.path.join(directory, name, "environment.cfg"), os.path.join(directory, f"{name}.cfg")
    known = environment_names(base_dir)
    if name not in known:
        missing = f"There is no environment {name!r}"
        if os.path.isdir(os.path.join(directory, name)) and "/" not in name and name not in ("", ".", ".."):
            raise ConfigurationError(missing, hint=f"environments/{name}/ lacks its environment.cfg.")
        listed = f"Known are: {', '.join(known)}." if known else "Write environments/NAME/environment.cfg."
        raise ConfigurationError(missing, hint=listed)
    if os.path.isfile(nested) and os.path.isfile(flat):
        message = f"The environment {name!r} is described twice: by environments/{name}/environment.cfg, too"
        raise ConfigurationError(message, file=flat, hint="Remove one of the two.")
    return nested if os.path.isfile(nested) else flat
