# The smallest component that does something: one file.

from depl.component import Component
from depl.lib.file import File


class Hello(Component):
    # May be overridden in environment.cfg: [component:hello] name = ...
    name = "world"

    def configure(self):
        # A file in the working directory, work/hello. Its content is a template that sees our attributes.
        self += File("hello.txt", content="Hello, {{ component.name }}!\n")
