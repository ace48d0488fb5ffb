# The web server in front: it serves static files itself and hands everything else to the guest book.

from depl.component import Attribute, Component, ConfigString
from depl.lib.check import HttpCheck
from depl.lib.file import Directory, File
from depl.lib.supervisor import Program
from depl.utils import Address


class Front(Component):
    address = Attribute(Address, ConfigString("localhost:8042"))

    def configure(self):
        # What the guest book provides: its address. It may come from another host; this one is deployed afterwards.
        self.application = self.require_one("guestbook")

        # A directory with all that is in it; what the source no longer has is removed.
        self += Directory("static", source="static", purge=True)
        self += File("front.py", is_template=False)

        # No virtual environment here: the standard library of the host's Python is all that front.py needs.
        self += Program(
            "front",
            command="python3",
            command_absolute=False,
            args=f"front.py {self.address.listen} {self.application.connect}",
            listens=[self.address.listen],
        )

        # Through the front to the guest book and back.
        self += HttpCheck(f"http://{self.address.connect}/")
