"""What must not be shown is in no record: neither in the journal nor in what people are told of a rollout."""

from __future__ import annotations

import json

import pytest

from depl.component import Component
from depl.errors import UpdateNeeded
from depl.redact import Redactor

QUOTED, PLAIN, UNKNOWN = 'pa"ss\\word', "plainsecret", "known-to-nobody"


class Acts(Component):
    def verify(self):
        raise UpdateNeeded

    def update(self):
        pass


class Declares(Acts):
    reverse_cmd = f"echo {PLAIN}"


class HasAReason(Acts):
    irreversible = f"the password is {PLAIN}"


class Hidden(Acts):
    def update(self):
        self.root.system.run(f"true {UNKNOWN}", undo=f"echo drop {UNKNOWN}", sensitive=True)


class Shows(Acts):
    def update(self):
        self.cmd(f"true {PLAIN}")


class Quotes(Acts):
    def update(self):
        self.root.system.run(["true", QUOTED], undo=["echo", QUOTED])


@pytest.mark.parametrize("cls", [Declares, HasAReason, Hidden, Shows, Quotes])
@pytest.mark.parametrize("fails", [False, True], ids=["undone", "fails"])
def test_a_secret_is_in_no_record(world, cls, fails):
    class Fails(Acts):
        def update(self):
            raise RuntimeError(f"login failed with {QUOTED} and {PLAIN}")

    class App(Component):
        def configure(self):
            self += cls()
            if fails:
                self += Fails()

    redact = Redactor([("app.quoted", QUOTED), ("app.plain", PLAIN)])
    world.run(App, redact=redact)
    if not fails:
        world.undo()
    records = [path for name in ("journal", "rollouts") for path in world.base.glob(f".depl/{name}/*")]
    assert len(records) >= 2
    for path in records:
        text = path.read_text()
        for secret in (QUOTED, PLAIN, UNKNOWN):
            assert secret not in text and json.dumps(secret)[1:-1] not in text, path
