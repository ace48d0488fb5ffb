"""`python -m depl` is `depl`."""

from __future__ import annotations

from depl.cli.main import main

if __name__ == "__main__":
    main(prog_name="depl")
