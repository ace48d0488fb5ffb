"""depl: declarative deployment with a way back.

What component authors import from here: `UpdateNeeded` and the errors that they raise or catch. Components, attributes
and the building blocks come from `depl.component`, `depl.attribute` and `depl.lib`.
"""

from __future__ import annotations

from depl.errors import (
    CmdExecutionError,
    ComponentUsageError,
    ConfigurationError,
    ConversionError,
    DeplError,
    DeploymentError,
    UpdateNeeded,
)

__version__ = "0.1.0"

__all__ = [
    "CmdExecutionError",
    "ComponentUsageError",
    "ConfigurationError",
    "ConversionError",
    "DeplError",
    "DeploymentError",
    "UpdateNeeded",
    "__version__",
]
