"""`depl user` and `depl token`, and what the command line lets whom do."""

from __future__ import annotations

import json
import os
import pwd
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forked
import pytest

from depl.access.passwords import is_password
from depl.access.roles import Role
from depl.store.store import Store, open_store

PASSWORD = "correct horse battery"
ME = pwd.getpwuid(os.getuid()).pw_name
ADMIN = {"*": frozenset({Role.ADMIN})}


@pytest.fixture
def store(service: Path) -> Any:
    """That of the project."""
    opened = open_store("sqlite:///.depl/depl.sqlite", str(service))
    yield opened
    opened.close()


@pytest.fixture
def user(depl: Callable[..., Any], service: Path) -> Callable[..., Any]:
    """`depl user`."""
    return lambda *arguments, **more: depl("user", *arguments, cwd=service, **more)


@pytest.fixture
def typed(project: Path, service: Path) -> Callable[..., Any]:
    """`depl user ... --password-stdin` with a password."""
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("DEPL_")}
    surroundings |= {"PYTHONPATH": str(project / "src"), "COLUMNS": "120"}

    def call(password: str, *arguments: str) -> Any:
        password_in = (*arguments, "--password-stdin")
        return forked.depl("user", *password_in, cwd=service, env=surroundings, input=f"{password}\n".encode())

    return call


def test_the_first_user_is_an_admin_and_the_password_is_kept_as_a_hash(typed, store):
    refused = typed(PASSWORD, "add", "ann")
    assert refused.returncode == 1 and "first user has to be admin" in refused.stderr
    added = typed(PASSWORD, "add", "ann", "--role", "*=admin")
    assert (added.returncode, added.stdout) == (0, "ann is added: *=admin\n")
    ann = store.people.user("ann")
    assert ann.roles == ADMIN and PASSWORD not in ann.password and is_password(ann.password, PASSWORD)
    assert PASSWORD not in f"{store.audit.entries()}" and store.audit.entries()[0].who == ME


def test_roles_come_and_go_and_the_last_admin_stays(user, store):
    store.people.add("ann", "", [("*", Role.ADMIN)])
    store.people.add("bob", "")
    changed = user("role", "bob", "--add", "dev=operator", "--add", "dev=approver")
    assert changed.stdout == "bob: dev=approver, dev=operator\n"
    assert user("role", "bob", "--remove", "dev=approver").stdout == "bob: dev=operator\n"
    for arguments in (["remove", "ann"], ["disable", "ann"], ["role", "ann", "--remove", "*=admin"]):
        refused = user(*arguments)
        assert refused.returncode == 1 and "only user who is admin" in refused.stderr
    listed = [json.loads(line) for line in user("list", "--json").stdout.splitlines()]
    assert [(one["name"], one["roles"]) for one in listed] == [
        ("ann", {"*": ["admin"]}),
        ("bob", {"dev": ["operator"]}),
    ]


def test_mistakes_are_sentences(user, typed, store):
    store.people.add("ann", "", [("*", Role.ADMIN)])
    short = typed("short", "add", "bob")
    assert short.returncode == 1 and "at least 12" in short.stderr
    assert user("add", "b b", "--no-password").returncode == 1
    assert "no role" in user("add", "bob", "--role", "dev=king", "--no-password").stderr
    assert "There is no user bob" in user("disable", "bob").stderr
    assert "There is a user ann already" in user("add", "ann", "--no-password").stderr
    assert "--password-stdin" in user("password", "ann").stderr
    assert len(store.people.users()) == 1


def test_another_password_and_being_disabled_end_all_sessions(user, typed, store):
    store.people.add("ann", "", [("*", Role.ADMIN)])
    store.people.add("bob", "")
    cookie = store.people.sign_in("bob")
    assert typed(PASSWORD, "password", "bob").returncode == 0
    assert store.people.session(cookie) is None
    assert user("disable", "bob").returncode == 0 and store.people.person("bob") is None
    assert user("enable", "bob").returncode == 0 and store.people.person("bob") is not None
    assert user("remove", "bob").returncode == 0 and store.people.user("bob") is None


def test_a_token_is_told_once_with_scope_and_end(depl, service, store):
    store.people.add("ann", "", [("*", Role.ADMIN)])
    made = depl("token", "add", "ann", "--label", "build", "--scope", "dev=operator", "--expires", "90d", cwd=service)
    text = made.stdout.strip()
    assert store.people.by_token(text).scope == {"dev": frozenset({Role.OPERATOR})}
    listed = depl("token", "list", cwd=service).stdout
    assert text not in listed and "build" in listed and "dev=operator" in listed
    id = store.people.tokens()[0].id
    assert depl("token", "revoke", id, cwd=service).returncode == 0
    assert store.people.by_token(text) is None
    assert depl("token", "add", "ann", "--label", "x", "--expires", "soon", cwd=service).returncode == 2


# -- what the command line lets whom do ----------------------------------------------------------------------


@pytest.fixture
def shared(service: Path, postgresql: Any) -> Any:
    """The same project with a store that others use, too."""
    url = postgresql.new_database()
    (service / "depl.cfg").write_text(f"[depl]\nstore = {url}\n")
    store = open_store(url, str(service))
    yield store
    store.close()
    postgresql.drop(url)


def test_with_a_shared_store_the_command_line_asks_for_the_role_of_whoever_calls(shared: Store, depl, service):
    assert depl("hold", "dev", "--reason", "x", cwd=service).returncode == 0  # there are no users yet
    assert depl("release", "dev", cwd=service).returncode == 0
    shared.people.add("ann", "", [("*", Role.ADMIN)])
    stranger = depl("local", "dev", cwd=service)
    assert stranger.returncode != 0 and f"{ME} is none" in stranger.stderr and not (service / "work").exists()
    shared.people.add(ME, "", [("dev", Role.VIEWER)])
    for arguments in (["local", "dev"], ["hold", "dev", "--reason", "x"], ["user", "list"]):
        refused = depl(*arguments, cwd=service)
        assert refused.returncode != 0 and f"{ME} may not" in refused.stderr, arguments
    assert depl("local", "dev", "--plan", cwd=service).returncode == 0
    denied = shared.audit.entries(outcome="denied")
    assert {(one.who, one.what) for one in denied} == {(ME, "start"), (ME, "hold"), (ME, "people")}
    shared.people.grant(ME, "dev", Role.OPERATOR)
    assert depl("local", "dev", cwd=service).returncode == 0
    shared.people.revoke(ME, "dev", Role.OPERATOR)
    assert f"{ME} may not start in dev" in depl("undo", "dev", cwd=service).stderr
    shared.people.grant(ME, "*", Role.OPERATOR)
    assert depl("undo", "dev", cwd=service).returncode == 0


def test_a_name_that_the_surroundings_claim_is_not_believed(shared: Store, depl, service):
    shared.people.add("ann", "", [("*", Role.ADMIN)])
    assert depl("local", "dev", cwd=service, USER="ann", LOGNAME="ann").returncode != 0


ASKS = {
    "rollouts/ask.py": """\
        from depl.rollout import Rollout
        from depl.tasks import Approval


        class Asks(Approval):
            environments = ("dev",)


        class Ask(Rollout):
            def plan(self):
                return Asks("Is it well?")
        """,
}


def test_with_four_eyes_nobody_approves_their_own_by_command_line_either(depl, service, write):
    write(ASKS)
    environment = service / "environments" / "dev" / "environment.cfg"
    environment.write_text(environment.read_text().replace("[environment]\n", "[environment]\nfour_eyes = True\n"))
    starting = threading.Thread(target=depl, args=("rollout", "start", "ask"), kwargs={"cwd": service})
    starting.start()
    try:
        until = time.monotonic() + 60
        while "waiting for approval" not in depl("show", "latest", cwd=service).stdout and time.monotonic() < until:
            pass
        for arguments in (["approve", "latest"], ["reject", "latest", "--reason", "x"]):
            refused = depl("rollout", *arguments, cwd=service)
            assert refused.returncode != 0
            assert f"{ME} started it, and dev wants four eyes" in refused.stderr
        assert depl("rollout", "signal", "latest", "abort", cwd=service).returncode == 0
    finally:
        depl("rollout", "signal", "latest", "terminate", cwd=service)
        starting.join(60)


def test_with_a_shared_store_nobody_begins_alone_what_wants_four_eyes(shared: Store, depl, service, write):
    write(ASKS)
    environment = service / "environments" / "dev" / "environment.cfg"
    environment.write_text(environment.read_text().replace("[environment]\n", "[environment]\nfour_eyes = True\n"))
    shared.people.add(ME, "", [("*", Role.ADMIN)])
    for arguments in (["start", "ask"], ["start", "ask", "--queue"]):
        refused = depl("rollout", *arguments, cwd=service)
        assert refused.returncode != 0 and "dev wants four eyes" in refused.stderr, arguments
    assert not shared.rollouts()
    assert [(one.who, one.what) for one in shared.audit.entries(outcome="denied")] == [(ME, "start")] * 2
