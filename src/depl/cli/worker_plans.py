"""Plans that people ask a worker for: of rollouts by hand, of deployments, and of the way back of either."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from depl.cli.deployer import ProjectDeployer
from depl.cli.names import reversibility
from depl.cli.rollout_changes import deployments
from depl.cli.rollout_planning import know_secrets, planned
from depl.cli.rollout_starting import startable
from depl.cli.session import Session
from depl.cli.undoing import Preview, facts_of
from depl.cli.worker_facts import Seen, error_facts
from depl.errors import ConfigurationError, DeplError, NothingToUndo
from depl.rollout.byhand_undo import undo_plan
from depl.rollout.folding import fold
from depl.rollout.plan import RolloutPlan
from depl.rollout.recovery import NOT_STARTED, REVERSED
from depl.tasks.building import task_of
from depl.tasks.deploy import Deploy
from depl.tasks.undo import Undo
from depl.tasks.whole import DEPLOY, UNDO

if TYPE_CHECKING:
    from depl.store.inquiries import Inquiry
    from depl.store.store import Store

STRICTEST = ("required", "ask", "allow")

Found = tuple[dict[str, Any], RolloutPlan]


def plan(session: Session, store: Store, inquiry: Inquiry) -> Found:
    """Of a rollout of the project."""
    name, parameters = str(inquiry.asked["rollout"]), inquiry.asked.get("parameters") or {}
    deployer = ProjectDeployer(session)
    made = planned(session, deployer, name, parameters, who=inquiry.who)
    _assert_within(made, inquiry)
    return _with_changes(session, deployer, made)


def deploy(session: Session, store: Store, inquiry: Inquiry) -> Found:
    """Of a deployment of an environment, or of a part of it."""
    deployer = ProjectDeployer(session)
    made = planned(session, deployer, DEPLOY, inquiry.asked, who=inquiry.who)
    return _with_changes(session, deployer, made)


def replan(session: Session, store: Store, inquiry: Inquiry) -> Found:
    """Anew, of a rollout that was planned before."""
    id, deployer = str(inquiry.asked["rollout"]), ProjectDeployer(session)
    header = store.header(id)
    if header.is_direct:
        raise ConfigurationError(f"rollout {id} was planned by a command: {header.taken_from}", hint="Say it there.")
    old = startable(session, fold(store.log(id).read()), None)
    if old.undoes:
        return _back(session, store, deployer, old.undoes, _on_conflict_of(old), inquiry.who, id)
    anew = planned(session, deployer, old.name, old.parameters, rollout=id, who=inquiry.who)
    _assert_within(anew, inquiry)
    if old.name == UNDO:
        given = {key: str(value) for key, value in old.parameters.items()}
        told = _previewed(session, lambda: [deployer.preview(**given, emit=lambda _: None)])
        return told, anew
    return _with_changes(session, deployer, anew)


def undo(session: Session, store: Store, inquiry: Inquiry) -> Found:
    """Of the way back of a rollout that is over."""
    id, on_conflict = str(inquiry.asked["rollout"]), str(inquiry.asked.get("on_conflict") or "stop")
    deployer, header = ProjectDeployer(session), store.header(id)
    state = fold(store.log(id).read())
    if state.plan is not None:
        return _back(session, store, deployer, id, on_conflict, inquiry.who)
    if not header.environments:
        raise NothingToUndo(f"rollout {id} did nothing that could be taken back")
    given = {"environment": header.environments[0], "rollout": id, "on_conflict": on_conflict}
    told = _previewed(session, lambda: [deployer.preview(**given, emit=lambda _: None)])
    return told, planned(session, deployer, UNDO, given, who=inquiry.who)


def _assert_within(plan: RolloutPlan, inquiry: Inquiry) -> None:
    """That a plan is only about environments where whoever asks for it may plan. Errors: ConfigurationError."""
    within = inquiry.asked.get("within")
    if within and not (plan.environments and set(plan.environments) <= set(within)):
        elsewhere = ", ".join(name for name in plan.environments if name not in within) or "what has no environment"
        raise ConfigurationError(f"{inquiry.who} may not plan {elsewhere}", hint="Somebody with a role there can.")


def _with_changes(session: Session, deployer: ProjectDeployer, plan: RolloutPlan) -> Found:
    """What the deployments of a plan would change; where hosts cannot be asked, that is not known."""
    changes, counts, undeclared = {}, {}, {}
    unsafe: dict[str, None] = {}
    warnings: dict[str, None] = {}
    wanted, error = set(), None
    for leaf, part in deployments(session.base, plan):
        seen = Seen()
        wanted.add(reversibility(part.environment, session.base))
        try:
            counts[leaf.id] = deployer.changes(part, seen)
            changes[leaf.id] = seen.changed_components
            undeclared[leaf.id] = seen.undeclared
        except DeplError as why:
            error = error or error_facts(session, why)
        unsafe.update(dict.fromkeys(seen.unsafe_steps(part.environment)))
        warnings.update(dict.fromkeys(seen.warnings))
    told = {
        "changes": changes,
        "counts": counts,
        "undeclared": {id: things for id, things in undeclared.items() if things},
        "unsafe": list(unsafe),
        "warnings": list(warnings),
        "reversibility": next((one for one in STRICTEST if one in wanted), "allow"),
        "error": error,
    }
    return told, plan


# -- the way back ------------------------------------------------------------------------------------------------


def _back(
    session: Session,
    store: Store,
    deployer: ProjectDeployer,
    id: str,
    on_conflict: str,
    who: str,
    rollout: str = "",
) -> Found:
    """That of a rollout by hand, with the steps of the deployments in it. rollout: its own id, if it has one."""
    from depl.store.lookup import StoreRecords

    records = StoreRecords(store, session.printer.redact)
    made = undo_plan(records, records.state(id))
    know_secrets(session, made)
    carried = dict(made.carried)
    inside: list[tuple[str, str]] = []  # environment, rollout
    for task, facts in made.carried.items():
        leaf = made.tree.leaves[task]
        one = task_of(leaf, session.base)
        if isinstance(one, (Deploy, Undo)):
            carried[task] = {**facts, "saved": {**facts["saved"], "on_conflict": on_conflict}}
            done = facts["saved"].get("undo") if isinstance(one, Undo) else facts["saved"].get("rollouts")
            inside += [(leaf.environments[0], each) for each in _listed(done)]
    told = _previewed(session, lambda: _previews(deployer, inside, on_conflict))
    named = replace(made, carried=carried, title=f"Undo {id}: {made.title}", who=who)
    return {**told, "tasks": list(made.carried)}, replace(named, rollout=rollout or made.rollout)


def _previews(deployer: ProjectDeployer, inside: list[tuple[str, str]], on_conflict: str) -> Iterator[Preview]:
    for environment, rollout in inside:
        try:
            yield deployer.preview(environment, rollout, on_conflict, lambda _: None)
        except NothingToUndo as error:
            if deployer.look(environment, rollout) not in (NOT_STARTED, REVERSED):
                yield Preview([rollout], {}, [error.message], again=False)


def _previewed(session: Session, look: Callable[[], Any]) -> dict[str, Any]:
    """The steps of some undos by host; where hosts cannot be asked, those are not known."""
    steps: dict[str, list[Mapping[str, Any]]] = {}
    unknown: list[str] = []
    again, error = False, None
    try:
        for found in look():
            for host, its in found.steps.items():
                steps.setdefault(host, []).extend(map(_step, its))
            unknown += found.unknown
            again = again or found.again
    except NothingToUndo:
        raise
    except DeplError as why:
        error = error_facts(session, why)
    return {"steps": steps, "unknown": unknown, "again": again, "error": error}


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    """One as the answer has it: what there is to say of it, and nothing else."""
    return {"component": step["component"], **{key: one for key, one in facts_of(step).items() if one}}


def _on_conflict_of(plan: RolloutPlan) -> str:
    """What becomes of that which others changed since, as the undo of a rollout by hand was asked for."""
    said = (str(carried["saved"].get("on_conflict", "")) for carried in plan.carried.values())
    return next((one for one in said if one), "stop")


def _listed(done: Any) -> list[str]:
    """Rollouts, the last one first, as they go back."""
    return [done] if isinstance(done, str) else list(reversed(done or ()))
