"""`depl trust`: learn the key of a host, so that nobody else can take its place."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from depl.cli import options
from depl.cli.fleet import assert_reachable
from depl.cli.hosts import chosen_host, declared
from depl.cli.session import Session, refuse
from depl.cli.status import WRONG
from depl.errors import ConfigurationError
from depl.report.lines import Line

if TYPE_CHECKING:
    from depl.host import Host
    from depl.remote.hostkeys import Offered
    from depl.remote.known_hosts import Known


@click.command(
    epilog=options.examples(
        "depl trust production web1",
        "depl trust production web1 --fingerprint SHA256:Yw3OMYBpZhYBc1dD2ZpPu8UVwTo5WZ9IWEdPWwRoT1E",
    )
)
@options.environment_argument
@click.argument("host", metavar="HOST", shell_complete=options.complete_hosts)
@click.option("--fingerprint", metavar="SHA256:...", help="Trust the key only if this is its fingerprint.")
@options.timeout_option
@options.yes_option
@click.pass_obj
def trust(
    session: Session, /, environment: str, host: str, fingerprint: str | None, timeout: int | None, yes: bool
) -> None:
    """Write the key that HOST shows into environments/ENV/known_hosts.

    Compare its fingerprint with what `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` says on the host itself.
    """
    from depl.remote.connection import Dialer
    from depl.remote.hostkeys import remember

    session.begin()
    known = declared(environment, session.base)
    assert_reachable(known)
    chosen = chosen_host(known, host)
    if known.settings.connect_method == "local":
        session.show([Line(f"{chosen.name}: needs no key, {known.name} says `connect_method = local`")])
        return
    dialer = Dialer(session.base, known.name, timeout=timeout or known.timeout, jobs=1)
    try:
        offered = dialer.offered(chosen)
    finally:
        dialer.close()
    own = own_entries(session, known.name, offered)
    show_key(session, chosen, offered, [one for one in own if one.key != offered.key])
    if any(one.key == offered.key for one in own):
        session.show([Line("  it is known already")])
    elif may_be_trusted(session, offered, fingerprint, yes, bool(own)):
        path = os.path.relpath(remember(session.base, known.name, offered))
        session.show([Line(f"  written to {path}; put it under version control")])


def own_entries(session: Session, environment: str, offered: Offered) -> list[Known]:
    """What the environment's own file knows of the host."""
    from depl.remote.hostkeys import known_hosts_file
    from depl.remote.known_hosts import read_known_hosts

    known = read_known_hosts(known_hosts_file(session.base, environment))
    return [one for one in known if not one.marker and one.is_about(offered.name)]


def show_key(session: Session, host: Host, offered: Offered, replaced: list[Known]) -> None:
    """The key that somebody has to compare, and what it would take the place of."""
    from depl.remote.hostkeys import fingerprint, kind_of

    through = "" if host.name in offered.name or host.fqdn in offered.name else f" (for {host.name})"
    session.show([Line(f"{offered.name}{through} shows the key", "bold"), Line(f"  {offered}")])
    if offered.known:
        session.show([Line("  your own known_hosts, or the environment's, has it")])
    elif replaced:
        session.show([Line("  it is ANOTHER key than it was, which is replaced:", "red")])
        session.show(Line(f"  {kind_of(one.kind)} {fingerprint(one.key)}", "red") for one in replaced)
        session.show([Line("  somebody may have taken the host's place; ask who runs it why it has a new one")])


def may_be_trusted(session: Session, offered: Offered, fingerprint: str | None, yes: bool, replaces: bool) -> bool:
    """Whether the key is the right one, by its fingerprint or because somebody says so. Errors: ConfigurationError."""
    if fingerprint is not None:
        if offered.fingerprint != with_kind(fingerprint):
            session.status = WRONG
            raise ConfigurationError(
                f"{offered.name} shows a key with another fingerprint than {with_kind(fingerprint)}",
                hint="Nothing was written. Somebody may have taken the host's place.",
            )
        return True
    if yes or offered.known:
        return True
    if not sys.stdin.isatty():
        refuse("there is no terminal to ask on: add --fingerprint SHA256:... (or --yes to trust it unseen)")
    question = "Trust it from now on, instead of the other one?" if replaces else "Trust it from now on?"
    return click.confirm(question, err=True) or session.declined()


def with_kind(fingerprint: str) -> str:
    """A fingerprint as OpenSSH shows it, whether it was given with its kind of digest or without."""
    bare = fingerprint.strip().removeprefix("SHA256:").rstrip("=")
    return f"SHA256:{bare}"
