# A component describes a piece of the target: what should be there, not how to get there. A class in a file
# `components/<any name>/component.py` can be assigned to hosts by its name in lower case: here, `guestbook`.

from depl.component import Attribute, Component, ConfigString
from depl.lib.check import HttpCheck
from depl.lib.file import Directory, File
from depl.lib.python import Requirements, VirtualEnv
from depl.lib.supervisor import Program
from depl.utils import Address


class GuestBook(Component):
    # What an environment may override, with its defaults: `[component:guestbook] title = ...` in environment.cfg.
    # The texts that come from there are converted: to an address, an absolute path (in the working directory), an int.
    address = Attribute(Address, ConfigString("127.0.0.1:8043"))
    database = Attribute(str, ConfigString("data/guestbook.sqlite"), map=True)
    title = "Guest book"
    entries_shown: int = 50

    def configure(self):
        # Sub-components are brought into place in the order in which they are added. Relative paths lie in the working
        # directory, `work/guestbook`.

        # The packages of requirements.lock in a virtual environment; its commands appear in `bin`.
        self.venv = VirtualEnv("3")
        self += self.venv
        self.venv += Requirements("requirements.lock")

        # Our own code, as it is. Without `content` or `source`, the file of the same name beside this one is meant.
        self += File("guestbook.py", is_template=False)

        # Where somebody provides a database, on whichever host, entries are kept there; `strict=False`: it may be that
        # nobody does. Then a file will do, and a place for it. depl did not write what the service puts there, so it
        # never removes that either.
        service = self.require_one("database", strict=False)
        if service:
            self.database = f"http://{service.connect}"
        else:
            self += Directory("data")

        # Its configuration: a template that sees our attributes.
        self += File("guestbook.ini")

        # A process that the component `processes` keeps running, and that is restarted when something above changed.
        self += Program(
            "guestbook",
            command="bin/gunicorn",
            args=f"--bind {self.address.listen} --threads 4 --access-logfile - --no-control-socket "
            "guestbook:application()",
            environment_variables={"PYTHONDONTWRITEBYTECODE": "1"},
            listens=[self.address.listen],
        )

        # A deployment only counts when the service is well. If it is not, everything goes back to where it was.
        # It is asked again for a while: services need a moment to come up.
        self += HttpCheck(f"http://{self.address.connect}/health", retries=10, interval=0.5)

        # What other components may want to know. Whoever requires it is deployed after us.
        self.provide("guestbook", self.address)
