# Where guest books on other hosts keep their entries: a small service around a file of SQLite.

from depl.component import Attribute, Component, ConfigString
from depl.lib.check import HttpCheck
from depl.lib.file import Directory, File
from depl.lib.supervisor import Program
from depl.utils import Address


class Database(Component):
    # It believes everybody who can reach this address: have it listen where only the application can.
    address = Attribute(Address, ConfigString("127.0.0.1:8044"))

    def configure(self):
        self += File("database.py", is_template=False)

        # What the service writes there is not depl's, which neither restores nor removes it.
        self += Directory("data")

        # As in `front`, the standard library of the host's Python is all that it needs.
        self += Program(
            "database",
            command="python3",
            command_absolute=False,
            args=f"database.py {self.address.listen} data/entries.sqlite",
            listens=[self.address.listen],
        )
        self += HttpCheck(f"http://{self.address.connect}/health", retries=10, interval=0.5)

        # For whoever requires it, on this host or another one. What travels is the address, not this component.
        self.provide("database", self.address)
