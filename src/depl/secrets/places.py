"""Where the secrets of an environment lie. Only looks; knows neither the format nor any cryptography."""

from __future__ import annotations

import os

FILE = "secrets.cfg.age"
BEFORE, AFTER = "secret-", ".age"  # of a whole file: secret-NAME.age
OF_BATOU = ("secrets.cfg.gpg", "secrets.cfg.age-diffable")
BATOU_SUFFIXES = (".gpg", ".age-diffable")


def has_secrets(base_dir: str, environment: str) -> bool:
    """Whether an environment has any file of secrets, depl's or batou's."""
    return any(_is_of_secrets(name) for name in _listed(directory(base_dir, environment)))


def directory(base_dir: str, environment: str) -> str:
    """Where they lie, also those of an environment that is a file: environments/ENV/."""
    return os.path.join(os.path.abspath(base_dir), "environments", environment)


def secret_file(directory: str, name: str) -> str:
    """The path of the secret file of a name."""
    return os.path.join(directory, f"{BEFORE}{name}{AFTER}")


def secret_file_names(directory: str) -> list[str]:
    """The NAMEs of the secret files there, sorted."""
    names = (name for name in _listed(directory) if name.startswith(BEFORE) and name.endswith(AFTER))
    return sorted(name[len(BEFORE) : -len(AFTER)] for name in names if len(name) > len(BEFORE + AFTER))


def of_batou(directory: str) -> list[str]:
    """The paths of files that only batou reads; those that bear the names of depl's own are not among them."""
    names = (name for name in _listed(directory) if name in OF_BATOU or _is_file_of_batou(name))
    return [os.path.join(directory, name) for name in names]


def _is_of_secrets(name: str) -> bool:
    whole_file = name.startswith(BEFORE) and name.endswith(AFTER)
    return name == FILE or name in OF_BATOU or whole_file or _is_file_of_batou(name)


def _is_file_of_batou(name: str) -> bool:
    return name.startswith(BEFORE) and name.endswith(BATOU_SUFFIXES)


def _listed(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []
