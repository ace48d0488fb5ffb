"""The `depl` command. Its subcommands are imported when they are called, so that `depl --help` costs nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from depl import __version__
from depl.cli.lazy import Lazy
from depl.cli.session import Session
from depl.errors import DeplError

COMMANDS = {  # name: what the list of commands says about it; each lives in a module depl.cli.NAME
    "local": "Realise one host of an environment here.",
    "remote": "Realise the hosts of an environment over SSH.",
    "check": "Build and check the model of an environment.",
    "undo": "Put back what a rollout changed.",
    "rollout": "Run rollouts written by hand, and tell those under way what you wish.",
    "rollouts": "List rollouts, and how they stand.",
    "show": "Tell of one rollout, task by task.",
    "worker": "Carry out the rollouts that are queued in the store.",
    "serve": "Serve the web interface.",
    "user": "Who can sign in there, and what they may do.",
    "token": "Tokens for programs that use the web interface.",
    "log": "Tell who changed what, when, in which rollout.",
    "hold": "Let nobody change an environment for a while.",
    "release": "Let an environment be changed again.",
    "trust": "Learn the key of a host.",
    "secrets": "Keep secrets of environments, encrypted.",
    "init": "Write a new project that runs at once.",
    "requirements": "Make what component code imports available here.",
    "completion": "Print the completion script of a shell.",
}

EXAMPLES = """\b
Examples:
  depl init shop && cd shop
  ./depl local dev --plan
  ./depl local dev
  ./depl undo dev

\b
Exit status:
  0    done, or nothing to do
  1    the configuration is wrong, or there is nothing to undo
  2    the command line is wrong
  3    failed, and everything is as before
  4    failed, and something was not put back; blocked, or stopped as it is
  5    somebody else is at work there
  6    changes are pending (--plan --exit-code)
  130  interrupted, and put back"""


class Commands(Lazy):
    """The command line as a whole: its name, and what becomes of errors."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *more: Any, **how: Any) -> Any:
        """Run a command line; the name is `depl`, however it was started."""
        how.setdefault("complete_var", "_DEPL_COMPLETE")
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:  # closed by whoever started us
                setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 it stays open as long as we run
        return super().main(args, prog_name or "depl", *more, **how)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is called; every error becomes a message and a status."""
        session = ctx.ensure_object(Session)
        try:
            super().invoke(ctx)
        except DeplError as error:
            session.fail(error)
        except click.ClickException as error:
            vars(error).update(message=session.printer.clean(error.message))
            raise
        except (click.exceptions.Exit, EOFError):
            raise
        except (KeyboardInterrupt, click.Abort):
            session.interrupted()
        except Exception as error:  # noqa: BLE001 - a mistake of depl's own ends in a sentence, too
            session.fail_unexpectedly(error)
        finally:
            session.close()
        ctx.exit(session.status)


@click.command(
    cls=Commands,
    homes={name: f"depl.cli.{name}" for name in COMMANDS},
    commands={name: click.Command(name, help=text) for name, text in COMMANDS.items()},
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "--version", message="depl %(version)s")
def main() -> None:
    """Deploy services to machines, with a way back."""
