"""The form of a deployment: what can be chosen beside its hosts and components, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from depl import setting_types
from depl.errors import ConfigurationError
from depl.rollout.stages import stages_of
from depl.web.views.forms import Choice, Field

DEPLOY = "depl:deploy"  # the name of the rollout that deploys an environment
LISTS = ("hosts", "components", "stages", "overrides")
FAILURES = {"rollback": "put everything back", "stop": "leave everything as it is"}


def deploy_fields(
    name: str, known: Mapping[str, Any], asked: Mapping[str, Any], mistakes: Mapping[str, str]
) -> list[Field]:
    """Those of an environment. known: what is published of it. asked: what they hold."""
    settings = known.get("settings") or {}

    def one(name: str, label: str, kind: str, help: str, choices: Sequence[Choice] = ()) -> Field:
        held = asked.get(name) or ""
        value = held if isinstance(held, str) else {"lines": "\n"}.get(kind, ", ").join(held)
        is_advanced, wrong = kind == "lines", mistakes.get(name, "")
        return Field(name, name, label, kind, value, choices, help, False, is_advanced, wrong)

    theirs = ", ".join(settings.get("stages") or ())
    usual = f"as {name} says" + (f": {theirs}" if theirs else ": all hosts at once")
    stages = f"one, half, all, counts, percentages or hosts, such as: one, 50%, all. Empty: {usual}."
    failure = FAILURES.get(str(settings.get("on_failure")), "")
    choices = {"": f"as {name} says" + (f": {failure}" if failure else ""), **FAILURES}
    chosen = str(asked.get("on_failure") or "")
    found = [
        one("stages", "Stages", "text", stages),
        one(
            "on_failure", "Where it fails", "choice", "", [Choice(*each, each[0] == chosen) for each in choices.items()]
        ),
        one("overrides", "Overrides", "lines", "Values for this deployment only, such as: web.port = 8080"),
    ]
    return found[1:] if is_here(known) else found


def deploy_mistakes(name: str, known: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a deployment that is asked for, by field, as sentences; nothing: all is well."""
    hosts = [str(one["name"]) for one in known.get("hosts") or ()]
    components = {str(one["root"]) for one in known.get("nodes") or ()}
    failure = asked.get("on_failure") or ""
    found = {
        "hosts": _unknown("host", asked.get("hosts") or (), hosts),
        "components": _unknown("component", asked.get("components") or (), components),
        "stages": _of_stages(name, asked.get("stages") or (), hosts, is_here(known)),
        "on_failure": "" if failure in ("", *FAILURES) else f"There is only {' or '.join(FAILURES)}.",
        "overrides": _of_overrides(asked.get("overrides") or (), components),
    }
    return {field: sentence for field, sentence in found.items() if sentence}


def is_here(known: Mapping[str, Any]) -> bool:
    """Whether it is deployed by one process on this machine, where there are no stages."""
    local = (known.get("settings") or {}).get("connect_method") == "local"
    return local and len(known.get("hosts") or ()) == 1


def chosen(named: Sequence[str], known: Collection[str]) -> list[str]:
    """What names and globs mean; those that mean nothing stay, so that they do not come to mean all."""
    found = [[one for one in known if fnmatchcase(one, name)] or [name] for name in named]
    return list(dict.fromkeys(one for each in found for one in each))


def _unknown(what: str, named: Collection[str], known: Collection[str]) -> str:
    unknown = [name for name in named if name not in known]
    return f"There is no {what} {', '.join(unknown):.200}." if unknown else ""


def _of_stages(name: str, stages: Sequence[str], hosts: Sequence[str], here: bool) -> str:
    if not stages:
        return ""
    if here:
        return f"{name} is deployed here, on its only host: it has no stages."
    try:
        stages_of(setting_types.stages(", ".join(stages)), hosts, hosts)
    except ValueError as wanted:
        return f"The stages must be {wanted}."
    except ConfigurationError as error:
        return f"{error.message[:1].upper()}{error.message[1:]}. {error.hint}".rstrip()
    return ""


def _of_overrides(lines: Sequence[str], components: Collection[str]) -> str:
    try:
        named = setting_types.overrides("\n".join(lines))
    except ValueError as wanted:
        return f"The overrides must be {wanted}."
    return _unknown("component", list(dict.fromkeys(key.partition(".")[0] for key in named)), components)
