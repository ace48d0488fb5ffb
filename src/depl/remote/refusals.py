"""Why no agent could be started on a host, as sentences: values in, errors out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from depl.errors import Unreachable
from depl.host import Host
from depl.remote.launch import INTERPRETERS, OLDEST

SHOWN = 5  # last lines of what was printed
PYTHON_HINT = f"Install Python {OLDEST} or newer there, or say `python = /path/to/python3` for the host."


class SudoPasswordWanted(Unreachable):
    """sudo asks for a password; call again with one."""


def missing(host: Host, user: str | None, line: str) -> Unreachable:
    """A shell found no Python, or no sudo. line: `no python in PATH`."""
    what, _, path = line.removeprefix("no ").partition(" in ")
    if what == "sudo":
        return Unreachable(
            f"{host.name} has no sudo to become {user} by (looked in {path})",
            hint="Install sudo there, or log in as the service user.",
        )
    if host.python is not None:
        hint = f"Correct `python` of the host, or leave it out to have one found; {OLDEST} is the oldest that will do."
        return Unreachable(f"{host.name} has no {host.python}, which its setting `python` names", hint=hint)
    listed = f"{INTERPRETERS[0]}, {INTERPRETERS[-2]} to {INTERPRETERS[1]} and {INTERPRETERS[-1]}"
    return Unreachable(f"{host.name} has no Python (looked for {listed} in {path})", hint=PYTHON_HINT)


def failed(host: Host, answer: Mapping[str, Any]) -> Unreachable:
    """The stub says itself what is wrong."""
    python = f"{_text(answer, 'python')} (Python {_text(answer, 'version')})"
    why = answer.get("failed")
    if why == "old":
        return Unreachable(
            f"{host.name} has only {python}, which is too old: {OLDEST} is the oldest that will do"
            if host.python is None
            else f"{python} of {host.name} is too old: {OLDEST} is the oldest that will do",
            hint=PYTHON_HINT,
        )
    if why == "unwritable":
        tried = answer.get("tried")
        places = [f"{place[0]}: {place[1]}" for place in tried if _is_pair(place)] if isinstance(tried, list) else []
        return Unreachable(
            f"{host.name} has no place to keep the agent in ({'; '.join(places)[:1000]})",
            hint="The home directory or the target directory of the user there must be writable and have some room.",
        )
    if why == "digest":
        return Unreachable(f"what {host.name} received is not the agent that was sent", hint="Try again.")
    if why == "import":
        return Unreachable(
            f"the agent does not start under {python} on {host.name}: {_text(answer, 'message')}",
            hint="This Python may be incomplete (Debian: python3-minimal); install all of it, or name another one.",
        )
    return garbage(host, str(dict(answer)))


def noise(host: Host, printed: str) -> Unreachable:
    """More was printed than any profile would."""
    return Unreachable(
        f"{host.name} prints without end instead of starting Python{quoted(printed[-400:])}",
        hint="Look at what the login shell's profile prints when no terminal is there.",
    )


def garbage(host: Host, line: str) -> Unreachable:
    """An answer, but none that the stub gives."""
    return Unreachable(f"{host.name} gave an answer that is none: {line[:200]!r}", hint="Try again.")


def silence(host: Host, what: str, printed: str) -> Unreachable:
    """Nothing came in time."""
    return Unreachable(
        f"{host.name} {what}{quoted(printed)}",
        hint="Does the login shell's profile wait for something? A longer --timeout helps where the host is slow.",
    )


def ended(host: Host, user: str | None, printed: str, status: int | None) -> Unreachable:
    """The command was over before there was an answer. printed: what it said last."""
    if user is not None:
        for phrases, error, message, hint in _REFUSED_BY_SUDO:
            if any(phrase in printed for phrase in phrases):
                return error(message.format(host=host.name, user=user), hint=hint.format(user=user))
    if status is None:
        return Unreachable(
            f"{host.name} was lost while the agent was being started{quoted(printed)}", hint="Try again."
        )
    return Unreachable(
        f"{host.name} ended the command that starts Python with status {status}{quoted(printed)}",
        hint=f"Can the user log in and run `python3 -V` there? `ssh {host.fqdn} python3 -V` shows it.",
    )


# What sudo says, in this order: after a wrong password it says as well that it wants one.
_REFUSED_BY_SUDO: tuple[tuple[tuple[str, ...], type[Unreachable], str, str], ...] = (
    (
        ("try again", "incorrect password", "incorrect authentication", "no password was provided"),
        Unreachable,
        "sudo on {host} did not take the password",
        "Run it again with the right one: that of the user who logs in.",
    ),
    (
        ("must have a tty",),
        Unreachable,
        "sudo on {host} wants a terminal (requiretty in its sudoers)",
        "Take requiretty out there, or say `Defaults:LOGIN !requiretty`.",
    ),
    (
        ("unknown user",),
        Unreachable,
        "{host} has no user {user}, who the agent is to run as",
        "Create the user there, or correct service_user.",
    ),
    (
        ("not in the sudoers", "not allowed to", "may not run sudo"),
        Unreachable,
        "sudo on {host} does not allow the user who logs in to become {user}",
        "Allow it in the host's sudoers, such as `LOGIN ALL=({user}) NOPASSWD: ALL`.",
    ),
    (
        ("password is required", "authentication is required", "required to read the password"),
        SudoPasswordWanted,
        "sudo on {host} asks for a password to become {user}",
        "Give the password when asked, or allow it without one there: `LOGIN ALL=({user}) NOPASSWD: ALL`.",
    ),
)


def quoted(printed: str) -> str:
    """The last lines of what was printed, as the end of a sentence."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return ": " + " / ".join(lines[-SHOWN:])[-1000:] if lines else ", and printed nothing"


def _text(answer: Mapping[str, Any], name: str) -> str:
    return str(answer.get(name, "?"))[:500]


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2
