"""Every verb on real files, and its way back."""

from __future__ import annotations

import os
import resource
import stat
import struct
import sys
from pathlib import Path

import pytest

from depl.change.nodes import Absent, Directory, File, Link
from depl.change.predicting import PredictingSystem
from depl.errors import ChangeFailed, CmdExecutionError, JournalError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def prior(machine) -> None:
    machine.file("file", "old\n", 0o640)
    machine.file("tree/sub/leaf", "leaf\n", 0o600)
    os.symlink("file", machine.path("link"))
    os.mkdir(machine.path("empty"), 0o750)


def copy_of(machine, content: str) -> str:
    return machine.file("../source", content)


VERBS = {
    "write a new file": lambda s, at: s.write(at("new"), b"new", mode=0o604),
    "write an existing file": lambda s, at: s.write(at("file"), b"new"),
    "write in place of a link": lambda s, at: s.write(at("link"), b"new"),
    "write the same with another mode": lambda s, at: s.write(at("file"), b"old\n", mode=0o666),
    "write twice": lambda s, at: (s.write(at("file"), b"1"), s.write(at("file"), b"2")),
    "link anew": lambda s, at: s.link(at("new"), "tree"),
    "link elsewhere": lambda s, at: s.link(at("link"), "empty"),
    "link in place of a file": lambda s, at: s.link(at("file"), "tree"),
    "make a directory": lambda s, at: s.make_dir(at("dir"), mode=0o2711),
    "make directories and a file in them": lambda s, at: (
        s.make_dir(at("dir")),
        s.make_dir(at("dir/sub")),
        s.write(at("dir/sub/x"), b"x"),
    ),
    "change a directory": lambda s, at: s.make_dir(at("empty"), mode=0o700),
    "remove a file": lambda s, at: s.remove(at("file")),
    "remove a link": lambda s, at: s.remove(at("link")),
    "remove an empty directory": lambda s, at: s.remove(at("empty")),
    "remove a tree": lambda s, at: s.remove(at("tree")),
    "remove a tree and write in its place": lambda s, at: (s.remove(at("tree")), s.write(at("tree"), b"file")),
    "set a mode": lambda s, at: s.set_mode(at("file"), 0o4755),
    "set the mode of a directory": lambda s, at: s.set_mode(at("tree"), 0o1777),
    "move a tree": lambda s, at: s.move(at("tree"), at("elsewhere")),
    "move and come again": lambda s, at: (s.move(at("tree"), at("away")), s.move(at("away"), at("tree"))),
    "build a tree": lambda s, at: (s.build(at("built")), s.run(["mkdir", "-p", at("built/deep")])),
    "run with an undo": lambda s, at: s.run(["touch", at("made")], undo=["rm", "-f", at("made")]),
    "a file in place of what a command made": lambda s, at: (
        s.run(f"echo 1 > {at('x')}", undo=f"rm -f {at('x')}"),
        s.write(at("x"), b"2"),
    ),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_a_verb_changes_something_and_is_undone_exactly(machine, tree, verb):
    prior(machine)
    before = tree(machine.at)
    verb(machine.system, machine.path)
    machine.system.commit()
    machine.journal.close()
    after = tree(machine.at)
    assert after != before or verb is VERBS["move and come again"]
    undone = machine.undo()
    assert (undone.whole, undone.kept) == (True, [])
    assert tree(machine.at) == before
    assert machine.standing() == []


STAGED = [
    name for name in VERBS if "tree" not in name and name.split()[0] in ("write", "link", "make", "change", "set")
]


@pytest.mark.parametrize("name", [name for name in STAGED if name != "write twice"])
def test_nothing_happens_before_the_commit(machine, tree, name):
    prior(machine)
    before = tree(machine.at)
    VERBS[name](machine.system, machine.path)
    assert tree(machine.at) == before


@as_root
def test_owners_are_given_and_given_back(machine, tree):
    prior(machine)
    os.chown(machine.path("file"), 3, 4)
    os.chown(machine.path("link"), 5, 6, follow_symlinks=False)
    before = tree(machine.at)
    system = machine.system
    system.write(machine.path("file"), b"new")
    system.write(machine.path("new"), b"new", uid=7, gid=8)
    system.set_owner(machine.path("empty"), uid=9)
    system.write(machine.path("link"), b"no link")
    system.commit()
    assert system.look(machine.path("file")) == File(None, 0o640, 3, 4)
    assert system.look(machine.path("new")) == File(None, 0o644, 7, 8)
    assert system.look(machine.path("empty")) == Directory(0o750, 9, 0)
    assert machine.undo().whole
    assert tree(machine.at) == before


@as_root
def test_bits_that_a_change_of_owner_drops_are_set_again(machine):
    machine.file("file", "x", 0o6755)
    machine.system.set_owner(machine.path("file"), uid=1, gid=1)
    machine.system.commit()
    assert machine.system.look(machine.path("file")) == File(None, 0o6755, 1, 1)


@as_root
def test_what_is_new_in_a_setgid_directory_belongs_to_its_group(machine, tree):
    os.mkdir(machine.path("shared"))
    os.chown(machine.path("shared"), 0, 50)
    os.chmod(machine.path("shared"), 0o2775)
    before = tree(machine.at)
    machine.system.make_dir(machine.path("shared/sub"))
    machine.system.write(machine.path("shared/sub/x"), b"x")
    machine.system.commit()
    assert machine.system.look(machine.path("shared/sub")) == Directory(0o2755, 0, 50)
    assert machine.system.look(machine.path("shared/sub/x")) == File(None, 0o644, 0, 50)
    assert machine.undo().whole
    assert tree(machine.at) == before


def test_what_is_so_already_is_not_touched(machine, tree):
    prior(machine)
    system, at = machine.system, machine.path
    system.write(at("file"), b"old\n")
    system.write(at("file"), b"old\n", mode=0o640)
    system.link(at("link"), "file")
    system.make_dir(at("empty"))
    system.set_mode(at("file"), 0o640)
    system.set_owner(at("file"), uid=os.geteuid())
    system.remove(at("nothing"))
    system.commit()
    assert system.shown == []
    assert not os.path.exists(machine.records)


def test_a_link_is_never_written_through(machine):
    outside = machine.file("../outside", "theirs")
    os.symlink(outside, machine.path("x"))
    machine.system.write(machine.path("x"), b"ours")
    machine.system.commit()
    assert Path(outside).read_text() == "theirs"
    os.symlink(outside, machine.path("y"))
    with pytest.raises(ChangeFailed, match="has no mode or owner to set: a link"):
        machine.system.set_mode(machine.path("y"), 0o777)


def test_a_file_has_its_final_mode_from_its_first_moment_and_is_replaced_as_a_whole(machine):
    path = machine.file("x", "old", 0o644)
    with open(path) as reader:
        machine.system.write(path, b"new and longer", mode=0o600)
        machine.system.commit()
        assert reader.read() == "old"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


@pytest.mark.parametrize("verb", ["write", "link"])
def test_a_directory_in_the_way_is_refused(machine, verb):
    os.mkdir(machine.path("dir"))
    with pytest.raises(ChangeFailed, match="is in the way: a directory"):
        getattr(machine.system, verb)(machine.path("dir"), b"x" if verb == "write" else "x")


def test_a_missing_directory_is_told_with_the_next_step_and_nothing_stands(machine, tree):
    machine.system.write(machine.path("no/such/file"), b"x")
    with pytest.raises(ChangeFailed, match="no/such/file cannot be changed: No such file") as caught:
        machine.system.commit()
    assert "Directory" in caught.value.hint
    assert machine.standing() == []


def test_of_many_changes_those_before_the_one_that_fails_can_be_undone(machine, tree):
    prior(machine)
    before = tree(machine.at)
    machine.system.write(machine.path("file"), b"new")
    machine.system.write(machine.path("no/such/file"), b"x")
    machine.system.write(machine.path("never"), b"x")
    with pytest.raises(ChangeFailed):
        machine.system.commit()
    machine.journal.close()
    assert not os.path.exists(machine.path("never"))
    assert machine.undo().whole
    assert tree(machine.at) == before


def test_a_journal_that_cannot_be_written_means_that_nothing_is_changed(machine, tree):
    prior(machine)
    machine.records.mkdir()
    (machine.records / "journal").write_text("not a directory")
    before = tree(machine.at)
    machine.system.write(machine.path("file"), b"new")
    with pytest.raises(JournalError, match="cannot be written"):
        machine.system.commit()
    assert tree(machine.at) == before
    assert list((machine.records / "stage").iterdir()) == []


def test_raw_code_that_writes_in_place_does_not_harm_what_was_kept(machine, tree):
    path = machine.file("file", "before\n")
    before = tree(machine.at)
    machine.system.capture(path)
    with open(path, "r+") as file:
        file.write("OVERWRITTEN")
    machine.journal.close()
    assert machine.undo().whole
    assert tree(machine.at) == before


# -- others at work ---------------------------------------------------------------------------------


def written(machine) -> str:
    path = machine.file("file", "old")
    machine.system.write(path, b"new")
    machine.system.commit()
    machine.journal.close()
    return path


def test_what_somebody_changed_since_is_a_conflict_and_the_rest_is_undone(machine):
    path = machine.file("file", "old")
    machine.system.write(path, b"new")
    machine.system.write(machine.path("other"), b"x")
    machine.system.commit()
    machine.journal.close()
    machine.file("file", "theirs")
    undone = machine.undo()
    assert not undone.whole
    assert len(undone.conflicts) == 1 and path in undone.conflicts[0]
    assert machine.system.read(path) == b"theirs"
    assert not os.path.exists(machine.path("other"))


def test_a_conflict_can_be_forced(machine):
    path = written(machine)
    machine.file("file", "theirs")
    assert machine.undo("force").whole
    assert machine.system.read(path) == b"old"


def test_a_conflict_can_be_kept_and_is_then_dealt_with(machine):
    path = written(machine)
    machine.file("file", "theirs")
    undone = machine.undo("keep")
    assert (undone.whole, undone.kept) == (True, [path])
    assert machine.system.read(path) == b"theirs"
    assert machine.undo().whole


@pytest.mark.parametrize("there", ["directory", "tree"])
def test_force_restores_a_file_where_a_directory_is_now(machine, there):
    path = written(machine)
    os.remove(path)
    os.mkdir(path)
    if there == "tree":
        machine.file("file/in it", "x")
    assert machine.undo("force").whole
    assert machine.system.read(path) == b"old"


def test_force_restores_a_directory_where_a_file_is_now(machine):
    os.mkdir(machine.path("dir"), 0o711)
    machine.system.set_mode(machine.path("dir"), 0o700)
    machine.system.commit()
    machine.journal.close()
    os.rmdir(machine.path("dir"))
    machine.file("dir", "a file")
    assert machine.undo("force").whole
    assert machine.system.look(machine.path("dir")) == Directory(0o711, os.geteuid(), os.getegid())


def test_a_directory_that_others_filled_is_kept_and_named(machine):
    machine.system.make_dir(machine.path("dir"))
    machine.system.write(machine.path("dir/ours"), b"x")
    machine.system.commit()
    machine.journal.close()
    machine.file("dir/theirs", "y")
    undone = machine.undo()
    assert (undone.whole, undone.kept) == (True, [machine.path("dir")])
    assert os.listdir(machine.path("dir")) == ["theirs"]


def test_a_damaged_image_is_named_and_never_restored(machine):
    path = written(machine)
    (image,) = (machine.records / "blobs").iterdir()
    image.write_text("garbage")
    undone = machine.undo()
    assert "gone or damaged" in undone.failed[0]
    assert machine.system.read(path) == b"new"


# -- commands ---------------------------------------------------------------------------------------


def test_a_command_is_journalled_before_it_runs(machine):
    machine.system.run(f"cp {machine.journal.path} {machine.path('seen')}")
    assert "cp " in Path(machine.path("seen")).read_text()


def test_an_undo_that_fails_is_tried_again_and_stays_to_be_done(machine):
    machine.system.run("true", undo=f"echo x >> {machine.path('tries')}; test -e {machine.path('now')}")
    machine.journal.close()
    undone = machine.undo()
    assert not undone.whole and "test -e" in undone.failed[0]
    assert Path(machine.path("tries")).read_text() == "x\n" * 3
    machine.file("now")
    assert machine.undo().whole
    assert machine.undo().reversed == 0
    assert Path(machine.path("tries")).read_text() == "x\n" * 4


def test_an_undo_that_succeeds_at_its_second_try_is_done(machine):
    machine.system.run("true", undo=f"mkdir {machine.path('once')} && exit 1; echo x >> {machine.path('done')}")
    machine.journal.close()
    assert machine.undo().whole
    assert machine.undo().reversed == 0
    assert Path(machine.path("done")).read_text() == "x\n"


def test_an_authors_reverse_that_fails_stays_to_be_done(machine):
    from depl.change.changes import Call
    from depl.change.records import Did
    from depl.errors import DeploymentError

    calls = []

    def reverse(call):
        calls.append(call.captured)
        if len(calls) <= 3:  # it is tried patiently
            raise DeploymentError("its reverse() failed: not yet", call.component)

    machine.system.note(Did(0, "app/Own", Call("app/Own", {"a": 1})))
    machine.journal.close()
    undone = machine.undo(reverse=reverse)
    assert "its reverse() failed: not yet" in undone.failed[0]
    assert machine.undo(reverse=reverse).whole
    assert machine.undo(reverse=reverse).whole
    assert calls == [{"a": 1}] * 4


def test_nothing_is_undone_across_what_is_irreversible(machine):
    from depl.change.changes import WayBack

    machine.system.write(machine.path("before"), b"x")
    machine.system.run("true", way_back=WayBack.IRREVERSIBLE, reason="the data is gone")
    machine.system.write(machine.path("after"), b"x")
    machine.system.commit()
    machine.journal.close()
    undone = machine.undo()
    assert "the data is gone" in undone.pivots[0]
    assert (os.path.exists(machine.path("before")), os.path.exists(machine.path("after"))) == (True, False)


def test_a_secret_command_is_not_in_its_error(machine):
    with pytest.raises(CmdExecutionError) as caught:
        machine.system.run("echo hunter2; exit 1", sensitive=True)
    assert "hunter2" not in caught.value.cmd + str(caught.value)
    assert "hunter2" not in Path(machine.journal.path).read_text()


# -- other file systems, large files ----------------------------------------------------------------

ACROSS = {name: verb for name, verb in VERBS.items() if name != "move and come again"}


@pytest.mark.parametrize("verb", ACROSS.values(), ids=ACROSS)
def test_a_verb_is_undone_exactly_where_the_records_lie_on_another_file_system(machine, mounted, tree, verb):
    elsewhere = type(machine)(machine.at, mounted() / ".depl")
    prior(elsewhere)
    if os.geteuid() == 0:
        for name in ("file", "link", "tree/sub", "tree/sub/leaf"):
            os.chown(elsewhere.path(name), 3, 4, follow_symlinks=False)
    before = tree(machine.at)
    verb(elsewhere.system, elsewhere.path)
    elsewhere.system.commit()
    elsewhere.journal.close()
    assert tree(machine.at) != before
    assert elsewhere.undo().whole
    assert tree(machine.at) == before


def test_a_large_file_is_copied_in_pieces(machine):
    """A file that is much larger than what may be allocated."""
    source = machine.at.parent / "large"
    with open(source, "wb") as file:
        file.truncate(300 << 20)
        file.write(b"begin")
        file.seek(0, os.SEEK_END)
        file.write(b"end")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    machine.system.copy(str(source), machine.path("x"))
    machine.system.commit()
    assert os.path.getsize(machine.path("x")) == os.path.getsize(source)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10  # KiB
    assert machine.system.look(machine.path("x"), content=True) == machine.system.look(machine.path("x"), content=True)


def test_a_look_tells_everything_apart(machine):
    prior(machine)
    os.mkfifo(machine.path("pipe"))
    looks = [machine.system.look(machine.path(name)) for name in ("nothing", "file", "link", "empty", "file/below")]
    assert [type(node) for node in looks] == [Absent, File, Link, Directory, Absent]
    assert machine.system.holds(machine.path("file"), b"old\n")
    assert not machine.system.holds(machine.path("file"), b"old!")
    assert not machine.system.holds(machine.path("link"), b"old\n")
    assert not machine.system.holds(machine.path("pipe"), b"")
    assert not machine.system.holds(machine.path("tree"), b"")


# -- through links ----------------------------------------------------------------------------------


def test_a_change_through_a_link_is_undone_where_it_was_made_even_if_the_link_goes_away(machine, tree):
    os.mkdir(machine.path("real"))
    os.symlink("real", machine.path("link"))
    before = tree(machine.at)
    machine.system.write(machine.path("link/x"), b"x")
    machine.system.write(machine.path("link"), b"no link")
    machine.system.commit()
    machine.journal.close()
    assert machine.undo().whole
    assert tree(machine.at) == before


def test_raw_code_that_writes_through_a_link_is_undone(machine, tree):
    path = machine.file("real", "before")
    os.symlink(path, machine.path("link"))
    before = tree(machine.at)
    assert machine.system.capture(machine.path("link")) == [machine.path("link"), path]
    Path(machine.path("link")).write_text("after")
    machine.journal.close()
    assert machine.undo().whole
    assert tree(machine.at) == before


# -- hard links, labels, names ----------------------------------------------------------------------


def committed(machine, *verbs) -> None:
    for verb in verbs:
        verb(machine.system, machine.path)
    machine.system.commit()
    machine.journal.close()


@pytest.mark.parametrize("verb", ["write", "remove", "link"])
def test_what_came_back_has_one_name_and_another_name_of_it_may_be_written_to(machine, verb):
    for name in ("single", "double"):
        machine.file(name, "old")
    os.link(machine.path("double"), machine.path("other name"))
    for name in ("single", "double"):
        arguments = {"write": [b"new"], "remove": [], "link": ["elsewhere"]}[verb]
        getattr(machine.system, verb)(machine.path(name), *arguments)
    committed(machine)
    Path(machine.path("other name")).write_text("theirs")
    assert machine.undo().whole
    for name in ("single", "double"):
        assert machine.system.read(machine.path(name)) == b"old"
        assert os.stat(machine.path(name)).st_nlink == 1
    assert machine.system.read(machine.path("other name")) == b"theirs"


@pytest.mark.parametrize("seen", [True, False], ids=["noticed before", "refused by the machine"])
def test_what_was_not_changed_after_all_has_one_name(machine, seen):
    """A cron, for one, ignores a file that has another name."""
    path = machine.file("file", "old")
    machine.system.write(path, b"new")
    machine.system.write(machine.path("second"), b"x")
    if seen:
        machine.file("second", "theirs")
    else:
        machine.system.staged.pop(machine.path("second"))
        machine.system.write(machine.path("no/such/file"), b"x")
        machine.system.staged = dict(reversed(machine.system.staged.items()))
    with pytest.raises(ChangeFailed):
        machine.system.commit()
    assert (Path(path).read_text(), os.stat(path).st_nlink) == ("old", 1)
    machine.journal.close()
    assert machine.undo().whole


STRANGE = "n\udcff\nx \u00e4"


# The one that is left out gives a path to a shell, unquoted.
@pytest.mark.parametrize("name", [name for name in VERBS if "a command made" not in name])
def test_names_may_be_anything_that_a_file_system_takes(machine, tree, name):
    os.mkdir(machine.path(STRANGE))
    strange = type(machine)(Path(machine.path(STRANGE)), machine.records)
    prior(strange)
    before = tree(machine.at)
    VERBS[name](strange.system, strange.path)
    strange.system.commit()
    strange.journal.close()
    assert strange.undo().whole
    assert tree(machine.at) == before


def test_a_new_file_has_what_its_directory_gives_to_files(machine):
    """An access control list by default, as a label of SELinux would be."""
    shared = machine.path("shared")
    os.mkdir(shared)
    anybody, nobody = 0xFFFFFFFF, 65534
    entries = [(1, 7, anybody), (2, 7, nobody), (4, 5, anybody), (0x10, 7, anybody), (0x20, 5, anybody)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(shared, "system.posix_acl_default", acl)
    except OSError as error:
        pytest.skip(f"this file system has no access control lists: {error.strerror}")
    machine.file("shared/made by hand")
    machine.system.write(machine.path("shared/file"), b"x")
    machine.system.make_dir(machine.path("shared/dir"))
    machine.system.commit()
    for name in ("made by hand", "file", "dir"):
        assert "system.posix_acl_access" in os.listxattr(machine.path(f"shared/{name}")), name


@pytest.mark.parametrize("way", ["staged", "through a staged link", "made anew"])
def test_a_copy_has_what_its_source_will_be(machine, tree, way):
    machine.file("one/file", "one")
    machine.file("two/file", "two")
    os.symlink("one", machine.path("current"))
    before = tree(machine.at)
    system, at = machine.system, machine.path
    source, wanted = at("current/file"), b"two"
    if way == "through a staged link":
        system.link(at("current"), "two")
    else:
        source, wanted = at("one/file" if way == "staged" else "fresh"), b"new"
        system.write(source, b"new")
    planned = PredictingSystem(str(machine.records))
    for staged in system.staged.values():
        planned.staged[staged.change.path] = staged
    planned._links_staged = system._links_staged
    planned.copy(source, at("copy"))
    system.copy(source, at("copy"))
    assert planned.look(at("copy"), content=True) == system.look(at("copy"), content=True)
    system.commit()
    assert system.read(at("copy")) == wanted
    machine.journal.close()
    assert machine.undo().whole
    assert tree(machine.at) == before


# -- trees on other file systems --------------------------------------------------------------------


@as_root
@pytest.mark.parametrize("back", [False, True], ids=["on its way into the trash", "on its way back"])
def test_a_private_tree_is_for_nobody_else_while_it_is_copied(machine, mounted, back):
    elsewhere = type(machine)(machine.at, mounted() / ".depl")
    for name in ("key", "sub/deep/f"):
        elsewhere.file(f"priv/{name}", "PRIVATE", 0o644)
    os.chmod(elsewhere.path("priv"), 0o700)
    if back:
        committed(elsewhere, lambda system, at: system.remove(at("priv")))
    source = str(elsewhere.records) if back else elsewhere.path("priv")
    open_ones: list[str] = []
    active = [True]

    def hear(event, arguments):
        if active[0] and event in ("open", "os.chmod", "os.chown", "os.mkdir") and isinstance(arguments[0], str):
            open_ones.extend(one for one in readable_by_others(elsewhere, source) if one not in open_ones)

    sys.addaudithook(hear)
    try:
        if back:
            assert elsewhere.undo().whole
        else:
            committed(elsewhere, lambda system, at: system.remove(at("priv")))
    finally:
        active[0] = False
    assert open_ones == []
    assert os.path.exists(elsewhere.path("priv")) is back


def readable_by_others(machine, source: str) -> list[str]:
    """The files that somebody else could read, through directories that all let them in."""
    found = []
    for top in (str(machine.at), str(machine.records)):
        if top == source or not os.path.exists(top) or not os.stat(top).st_mode & 0o001:
            continue
        for directory, names, files in os.walk(top):
            names[:] = [
                name
                for name in names
                if name != ".depl" and os.lstat(os.path.join(directory, name)).st_mode & 0o001 and name != "priv"
            ]
            found += [os.path.join(directory, name) for name in files]
    return found


@as_root
def test_everything_in_a_tree_has_its_owner_on_another_file_system_too(machine, mounted, tree):
    elsewhere = type(machine)(machine.at, mounted() / ".depl")
    elsewhere.file("tree/sub/x")
    os.symlink("x", elsewhere.path("tree/sub/to a file"))
    os.symlink("sub", elsewhere.path("tree/to a directory"))
    os.symlink("nowhere", elsewhere.path("tree/to nothing"))
    for name in ("tree", "tree/sub", "tree/sub/x", "tree/sub/to a file", "tree/to a directory", "tree/to nothing"):
        os.chown(elsewhere.path(name), 3, 4, follow_symlinks=False)
    before = tree(machine.at)
    committed(elsewhere, lambda system, at: system.remove(at("tree")))
    assert elsewhere.undo().whole
    assert tree(machine.at) == before


@pytest.mark.parametrize("kind", ["file", "tree", "link"])
def test_a_name_may_be_as_long_as_a_file_system_takes_where_the_records_lie_elsewhere(machine, mounted, tree, kind):
    elsewhere = type(machine)(machine.at, mounted() / ".depl")
    name = "n" * 255
    if kind == "link":
        os.symlink("x", elsewhere.path(name))
    else:
        elsewhere.file(name if kind == "file" else f"{name}/a")
    before = tree(machine.at)
    committed(elsewhere, lambda system, at: system.remove(at(name)))
    assert tree(machine.at) == {}
    assert elsewhere.undo().whole
    assert tree(machine.at) == before
