"""What a secret is called on the command line: `guestbook.password`, `host:web1.data-token`."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

from depl.cli import names
from depl.cli.session import project, refuse
from depl.errors import ConfigurationError
from depl.secrets.vault import Place, Vault
from depl.settings import did_you_mean

FORMS = "Write COMPONENT.ATTRIBUTE, HOST.data-KEY or HOST.COMPONENT.ATTRIBUTE."
NO_VALUE = "the value of a secret is read from standard input, and never given on the command line"
KINDS = ("component:", "host:")
KEY = re.compile(r"[^\s=:#;\[\]]+")


def complete_places(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The secrets of the environment that was typed."""
    try:
        places = Vault(project(), str(ctx.params.get("environment"))).places
        return [CompletionItem(one) for place in places if (one := shortest(place, places)).startswith(incomplete)]
    except Exception:  # noqa: BLE001 - whoever presses TAB is not to be told anything
        return []


def existing(text: str, vault: Vault) -> Place:
    """The secret that is meant. Errors: ConfigurationError if there is none, or more than one."""
    found = matching(text, vault.places)
    if not found:
        listed = [shortest(place, vault.places) for place in vault.places]
        message = f"there is no secret {text!r} in {vault.environment}"
        raise ConfigurationError(message, hint=did_you_mean(text, listed) or "There are none yet.")
    return only(text, found)


def new_or_existing(text: str, vault: Vault, base: str) -> Place:
    """The secret that is meant, be it there or not. Errors: ConfigurationError if it could be none, or two."""
    if "=" in text:
        refuse(NO_VALUE)
    found = matching(text, vault.places)
    return only(text, found or candidates(text, vault.environment, base))


def matching(text: str, places: Iterable[Place]) -> list[Place]:
    """The places that a text may stand for: spelled out just the one, in short perhaps several."""
    places = list(places)
    return [place for place in places if full(place) == text] or [place for place in places if short(place) == text]


def full(place: Place) -> str:
    """`component:guestbook.password`."""
    return f"{place[0]}.{place[1]}"


def short(place: Place) -> str:
    """`guestbook.password`."""
    return full((place[0].partition(":")[2], place[1]))


def shortest(place: Place, places: Iterable[Place]) -> str:
    """The shortest name of a place among others that stands for nothing else."""
    return short(place) if len(matching(short(place), places)) == 1 else full(place)


def only(text: str, found: list[Place]) -> Place:
    """The one of several. Errors: ConfigurationError if there are more."""
    if len(found) > 1:
        raise ConfigurationError(f"{text!r} is more than one", hint=f"Write {' or '.join(map(full, found))}.")
    return found[0]


def candidates(text: str, environment: str, base: str) -> list[Place]:
    """What a name may stand for that is not there yet. Errors: ConfigurationError if it can be nothing."""
    components = names.components(environment, base=base)
    hosts = names.hosts(environment, base)
    kind = next((kind for kind in KINDS if text.startswith(kind)), "")
    bare = text.removeprefix(kind)
    found = []
    if kind != "host:":
        found += [("component:" + owner, key) for owner, key in divided(bare, components, trust=bool(kind))]
    if kind != "component:":
        of_hosts = [("host:" + owner, key) for owner, key in divided(bare, hosts, trust=bool(kind))]
        found += [place for place in of_hosts if place[1].startswith("data-") or "." in place[1]]
    if not found:
        raise unknown(text, bare, environment, [*components, *hosts])
    return found


def divided(text: str, owners: Iterable[str], *, trust: bool) -> list[tuple[str, str]]:
    """Owner and key. trust: take what stands before the first dot for an owner, if no known one fits."""
    parts = [(owner, text[len(owner) + 1 :]) for owner in owners if text.startswith(owner + ".")]
    if not parts and trust:
        owner, _, key = text.partition(".")
        parts = [(owner, key)]
    return [(owner, key) for owner, key in parts if owner and KEY.fullmatch(key)]


def unknown(text: str, bare: str, environment: str, owners: list[str]) -> ConfigurationError:
    """The error for a name that cannot be that of a secret."""
    owner, dot, _ = bare.partition(".")
    if not dot or owner in owners:
        return ConfigurationError(f"{text!r} cannot be the name of a secret", hint=FORMS)
    message = f"the environment {environment} has no component or host {owner!r}"
    return ConfigurationError(message, hint=did_you_mean(owner, owners) or FORMS)
