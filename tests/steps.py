"""The beginning of component files for tests: a step that runs a command whenever what is around it changed."""

STEP = """\
from depl.component import Component
from depl.lib.file import File


class Step(Component):
    namevar = "command"

    def verify(self):
        self.parent.assert_no_changes()

    def update(self):
        self.cmd(self.command)


"""
