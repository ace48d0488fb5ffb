"""The names that component authors import."""

from __future__ import annotations

import importlib

import pytest

import depl

NAMES = {
    "depl": "UpdateNeeded ConfigurationError ComponentUsageError ConversionError TemplatingError CmdExecutionError "
    "AttributeExpansionError DeplError DeploymentError output",
    "depl.component": "Component RootComponent Attribute ConfigString HookComponent ComponentDefinition platform "
    "handle_event",
    "depl.environment": "Environment",
    "depl.utils": "Address NetLoc cmd CmdExecutionError hash dict_merge resolve resolve_v6 BagOfAttributes Timer "
    "call_with_optional_args",
    "depl.output": "line annotate tabular section sep step warn error",
    "depl.template": "Jinja2Engine",
    "depl.lib.file": "File BinaryFile Presence Content JSONContent YAMLContent TOMLContent INIContent Directory "
    "SyncDirectory Symlink Mode Owner Group Purge Line Block ensure_path_nonexistent",
    "depl.lib.archive": "Extract Untar Unzip",
    "depl.lib.download": "Download",
    "depl.lib.command": "Command Script Migration",
    "depl.lib.check": "HttpCheck TcpCheck CommandCheck FileCheck ProcessCheck",
    "depl.lib.python": "VirtualEnv Package Requirements VirtualEnvPyBase",
    "depl.lib.supervisor": "Supervisor Program Eventlistener RunningSupervisor",
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in NAMES for name in NAMES[module].split()])
def test_a_name_is_where_authors_import_it_from(module, name):
    assert hasattr(importlib.import_module(module), name)


def test_update_needed_is_an_assertion():
    assert issubclass(depl.UpdateNeeded, AssertionError)


def test_an_author_may_import_the_name_alone():
    namespace: dict[str, object] = {}
    exec("import depl\nfound = depl.output.line, depl.UpdateNeeded", namespace)
    assert namespace["found"]
