"""What is no longer declared and stays all the same, as nobody can know who wants it, or as it is not depl's."""

from __future__ import annotations

import os
import tarfile

from undeclared import Venv, file, kept, mine, root, told

from depl.component import Component
from depl.lib.archive import Untar
from depl.lib.command import Command
from depl.lib.file import File, Symlink


class Unseen(Component):
    """A user's class that acts by the verbs, but looks by itself."""

    def verify(self):
        assert os.path.exists(f"{self.environment.base_dir}/own")

    def update(self):
        self.system.write(f"{self.environment.base_dir}/own", os.urandom(8))


def test_what_authors_code_made_is_kept_and_named_while_authors_code_that_looks_by_itself_may_want_it(world):
    world.run(root("App", Unseen), root("Other"))
    content = (world.base / "own").read_bytes()
    renamed = type("Renamed", (Unseen,), {})
    for classes in ((root("App", renamed), root("Other")), (root("App"), root("Other", renamed))):
        world.plan(*classes, gc=True)
        (reason,) = kept(world).values()
        assert reason.endswith("/Renamed looks by itself, so it may be what that works with; if not, remove it by hand")
        world.run(*classes, gc=True)
        assert kept(world) == {"own": reason}
        before = world.times()
        assert world.run(*classes, gc=True).status == "nothing"
        assert world.times() == before
        assert (world.base / "own").read_bytes() == content
    world.run(root("App", file("a")), gc=True)
    assert not (world.base / "own").exists()


def test_what_a_command_made_is_kept_while_there_is_a_command_that_may_look_for_it(world):
    world.run(root("App", lambda: Command("mkdir db && echo precious >> db/rows", creates="db")))
    world.run(root("App", lambda: Command("mkdir db", unless="test -d db")), gc=True)
    assert list(kept(world)) == ["work/app/db"]
    world.run(root("App", file("a")), gc=True)
    assert not (world.base / "work/app/db").exists()


def test_a_file_that_authors_code_took_over_unseen_is_there_when_all_is_over(world):
    world.run(root("Other"), root("App", file(f"{world.base}/own")))
    world.run(root("Other", Unseen), root("App"), gc=True)
    assert len((world.base / "own").read_bytes()) == 8


class OwnsWorkdir(Component):
    owns_workdir = True

    def verify(self):
        assert os.path.exists("data/rows")

    def update(self):
        self.cmd("mkdir data && date +%N > data/rows")


def test_what_is_in_an_owned_workdir_belongs_to_whoever_owns_it_now(world):
    world.run(root("App", OwnsWorkdir, file("f")))
    before = world.tree()
    renamed = type("Renamed", (OwnsWorkdir,), {})
    world.run(root("App", renamed, file("f")), gc=True)
    assert (told(world), world.tree()) == ([], before)
    world.run(root("App", renamed))
    assert told(world) == [["work/app/f"]]
    world.run(root("App", file("f")))
    assert told(world) == [["work/app/data", "work/app/data/rows"]]


class Pair(File):
    """Makes more than File claims."""

    def verify(self):
        super().verify()
        assert os.path.exists(f"{self.path}.too")

    def update(self):
        super().update()
        self.system.write(f"{self.path}.too", b"x")


def test_what_a_subclass_makes_besides_is_declared(world):
    app = root("App", lambda: Pair("a", content="x"))
    world.run(app)
    world.run(app, gc=True)
    assert told(world) == []
    assert (world.base / "work/app/a.too").exists()


def test_a_link_that_leads_to_something_declared_stays(world):
    (world.base / "v1").mkdir()
    link = lambda: Symlink(f"{world.base}/current", source=f"{world.base}/v1")  # noqa: E731
    app = root("App", file(f"{world.base}/current/f"))
    world.run(root("Links", link), app)
    world.run(app, gc=True)
    assert told(world) == [["work/links"]]
    assert (world.base / "current/f").exists()


def test_what_another_environment_found_as_it_wants_it_goes_with_the_last_that_declares_it(world):
    shared = file(f"{world.base}/shared/f", leading=True)
    world.run(root("App", shared))
    world.environment = "prod"
    world.run(root("Main", shared))
    world.environment = "test"
    world.run(root("App"), gc=True)
    assert told(world) == []
    assert world.run(root("App"), gc=True).status == "nothing"
    world.environment = "prod"
    assert world.run(root("Main", shared), gc=True).status == "nothing"
    world.run(root("Main"), gc=True)
    assert not (world.base / "shared").exists()


def test_what_was_undone_belongs_to_nobody_even_if_others_were_deployed_since(world):
    world.run(root("App", file("a")))
    world.environment = "prod"
    world.run(root("Main", file("a")))
    world.environment = "test"
    world.undo()
    assert set(mine(world)["app"]["owned"]) == {f"{world.base}/work"}
    world.file("work/app/a", "x\n")
    world.run(root("App"), gc=True)
    assert told(world) == []
    assert (world.base / "work/app/a").exists()


def test_another_version_of_an_archive_is_as_much_depls_as_the_first(world):
    archive = world.base / "components/app.tar"
    untar = lambda: Untar(str(archive), target="code")  # noqa: E731
    app = root("App", untar, file("code/mine"))
    for version in ("1", "2"):
        world.file("components/content", version)
        with tarfile.open(archive, "w") as opened:
            opened.add(world.base / "components/content", "some/content")
        world.run(app)
    world.run(root("App", untar))
    assert told(world) == [["work/app/code/mine"]]
    world.run(root("App"), gc=True)
    assert os.listdir(world.base / "work/app") == []


def test_a_tree_of_others_that_an_archive_replaced_is_not_depls(world):
    archive = world.base / "components/app.tar"
    with tarfile.open(archive, "w") as opened:
        opened.add(__file__, "some/content")
    world.file("work/app/code/some/content", "theirs")
    world.run(root("App", lambda: Untar(str(archive), target="code")))
    world.run(root("App"), gc=True)
    assert told(world) == []
    assert (world.base / "work/app/code/some/content").exists()


def test_a_checkout_is_told_and_kept(world):
    class Checkout(Venv):
        def update(self):
            super().update()
            self.system.run(f"mkdir {self.path}/.git")

    world.run(root("App", Checkout))
    world.run(root("App"), gc=True)
    reason = "it is a checkout, and may hold what is nowhere else; if not, remove it by hand"
    assert kept(world) == {"work/app/tree": reason}
