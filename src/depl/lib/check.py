"""Checks: is the service well, now? They look, and change nothing.

A check runs after its root component was deployed, and in `depl check --live`. It is tried again `interval` seconds
after a failure, `retries` times and for `timeout` seconds at most.
"""

from __future__ import annotations

from depl.lib.checks.base import Check
from depl.lib.checks.machine import CommandCheck, FileCheck, ProcessCheck
from depl.lib.checks.network import HttpCheck, TcpCheck

__all__ = ["Check", "CommandCheck", "FileCheck", "HttpCheck", "ProcessCheck", "TcpCheck"]
