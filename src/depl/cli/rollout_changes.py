"""What the deployments of a plan would change on their hosts."""

from __future__ import annotations

from depl.cli.running import Running
from depl.cli.session import Session
from depl.report.lines import Line, counted
from depl.rollout.plan import RolloutPlan
from depl.tasks.arguments import made
from depl.tasks.deployer import Deployer, Part
from depl.tasks.naming import find


def show_changes(session: Session, plan: RolloutPlan, deployer: Deployer) -> None:
    """Ask the hosts, deployment by deployment, and show what they say. Errors: those of connections."""
    for id, leaf in plan.tree.leaves.items():
        part = getattr(made(find(session.base, leaf.task), leaf.arguments), "part", None)
        if not isinstance(part, Part):
            continue
        session.show([Line(f"{id}  {leaf.title}", "bold")])
        with Running(session, part.environment, planning=True, tasks=0) as running:
            changes = deployer.changes(part, running.emit)
        if running.json is not None:
            running.json.print("planned", task=id, changes=changes)
        session.show([Line(f"{id}  {counted(changes, 'component')} would change; nothing was touched", "bold")])
