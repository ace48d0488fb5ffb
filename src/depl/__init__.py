"""depl: declarative deployment with a way back.

What component authors import from here: `UpdateNeeded`, the errors that they raise or catch, and `output`, by which
they print. Components, attributes and the building blocks come from `depl.component`, `depl.attribute` and `depl.lib`.
"""

from __future__ import annotations

from depl import output
from depl.errors import (
    AttributeExpansionError,
    CmdExecutionError,
    ComponentUsageError,
    ConfigurationError,
    ConversionError,
    DeplError,
    DeploymentError,
    TemplatingError,
    UpdateNeeded,
)

__version__ = "0.1.0"

__all__ = [
    "AttributeExpansionError",
    "CmdExecutionError",
    "ComponentUsageError",
    "ConfigurationError",
    "ConversionError",
    "DeplError",
    "DeploymentError",
    "TemplatingError",
    "UpdateNeeded",
    "__version__",
    "output",
]
