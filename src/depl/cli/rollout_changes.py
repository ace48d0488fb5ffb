"""What the deployments of a plan would change on their hosts."""

from __future__ import annotations

from collections.abc import Iterator

from depl.cli.running import Running
from depl.cli.session import Session
from depl.report.lines import Line
from depl.rollout.plan import RolloutPlan
from depl.rollout.tree import Leaf
from depl.rollout.wording import counted
from depl.tasks.arguments import made
from depl.tasks.deployer import Deployer, Part
from depl.tasks.naming import find


def show_changes(session: Session, plan: RolloutPlan, deployer: Deployer) -> None:
    """Ask the hosts, deployment by deployment, and show what they say. Errors: those of connections."""
    for leaf, part in deployments(session.base, plan):
        id = leaf.id
        session.show([Line(f"{id}  {leaf.title}", "bold")])
        with Running(session, part.environment, planning=True, tasks=0) as running:
            changes = deployer.changes(part, running.emit)
        if running.json is not None:
            running.json.print("planned", task=id, changes=changes)
        session.show([Line(f"{id}  {counted(changes, 'component')} would change; nothing was touched", "bold")])


def deployments(base: str, plan: RolloutPlan) -> Iterator[tuple[Leaf, Part]]:
    """The tasks of a plan that deploy, each with what it deploys. base: the project's directory."""
    for leaf in plan.tree.leaves.values():
        part = getattr(made(find(base, leaf.task), leaf.arguments), "part", None) if leaf.environments else None
        if isinstance(part, Part):
            yield leaf, part
