"""Tasks of rollouts written by hand. Authors import from here."""

from __future__ import annotations

from depl.tasks.batches import Batches
from depl.tasks.call import PythonCall
from depl.tasks.command import Command
from depl.tasks.containers import Parallel, Sequential
from depl.tasks.delay import Delay
from depl.tasks.deploy import Deploy
from depl.tasks.gates import Approval, Checklist
from depl.tasks.notify import Notify
from depl.tasks.probes import CommandProbe, HttpProbe, TcpProbe
from depl.tasks.task import Conflict, Task
from depl.tasks.undo import Undo

__all__ = [
    "Approval",
    "Batches",
    "Checklist",
    "Command",
    "CommandProbe",
    "Conflict",
    "Delay",
    "Deploy",
    "HttpProbe",
    "Notify",
    "Parallel",
    "PythonCall",
    "Sequential",
    "Task",
    "TcpProbe",
    "Undo",
]
