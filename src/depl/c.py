"""The component files of the project as modules: `depl.c.<directory>` is `components/<directory>/component.py`.

    from depl.c.nginx import Nginx      # at the top of another component file, in any order of files
    depl.c.nginx.Nginx                  # or inside of a method

The modules are found by `depl.loading`, for the project that it loaded last.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__path__: list[str] = []  # a package without files of its own


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"there is no components/{name}/component.py") from None
