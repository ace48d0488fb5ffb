"""`depl secrets`: its commands, as people and git call them."""

from __future__ import annotations

import json
import os
import pty
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import forked
import pytest

pyrage = pytest.importorskip("pyrage")

DEV = "[environment]\nconnect_method = local\n[hosts]\nlocalhost = hello\n"
HELLO = """\
from depl.component import Component
from depl.lib.file import File


class Hello(Component):
    greeting = "Hello!"
    port: int = 80

    def configure(self):
        self += File("hello.txt", content="{{component.greeting}}")
"""
EDITOR = """\
#!/bin/sh
set -e
next="$(ls "$TEXTS" | head -n 1)"
test -z "$next" && exit 0
cp "$1" "$TEXTS/../seen"
cat "$TEXTS/$next" > "$1"
rm "$TEXTS/$next"
"""


class Person:
    """Somebody with a key, at a shell in the project."""

    def __init__(self, name: str, room: Path, project: Path) -> None:
        self.room, self.project, self.name = room, project, name
        identity = pyrage.x25519.Identity.generate()
        self.key = str(identity.to_public())
        self.secret = str(identity)
        self.texts = room / "texts"
        self.texts.mkdir(parents=True)
        editor = room / "editor"
        editor.write_text(EDITOR)
        editor.chmod(0o755)
        self.environ = {key: value for key, value in os.environ.items() if not key.startswith(("DEPL_", "_DEPL"))}
        self.environ |= {"HOME": str(room), "DEPL_AGE_IDENTITY": self.secret, "COLUMNS": "120", "TMPDIR": str(room)}
        self.environ |= {"EDITOR": str(editor), "TEXTS": str(self.texts), "XDG_CONFIG_HOME": str(room / "config")}
        self.environ |= {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}

    def __call__(self, *arguments: str, input: str | bytes = b"", **more: str) -> subprocess.CompletedProcess[str]:
        given = input if isinstance(input, bytes) else input.encode()
        return forked.depl("secrets", *arguments, cwd=self.project, env={**self.environ, **more}, input=given)

    def types(self, *texts: str) -> None:
        """What is in the editor's window at the end of each round."""
        for number, text in enumerate(texts):
            (self.texts / str(number)).write_text(text)

    @property
    def saw(self) -> str:
        """What was in the editor's window at the beginning of the last round."""
        return (self.room / "seen").read_text()


@pytest.fixture
def service(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    for name in ("dev", "production"):
        (project / "environments" / name).mkdir(parents=True)
        (project / "environments" / name / "environment.cfg").write_text(DEV)
    (project / "components" / "hello").mkdir(parents=True)
    (project / "components" / "hello" / "component.py").write_text(HELLO)
    return project


@pytest.fixture
def person(service: Path, tmp_path: Path) -> Callable[[str], Person]:
    return lambda name: Person(name, tmp_path / name, service)


@pytest.fixture
def alice(person) -> Person:
    """Somebody who may read both environments."""
    alice = person("alice")
    assert alice("add", f"{alice.key} alice").returncode == 0
    return alice


@pytest.fixture
def bob(person, alice) -> Person:
    """Somebody else, who may read `dev`."""
    bob = person("bob")
    assert alice("add", f"{bob.key} bob", "--environments", "dev").returncode == 0
    return bob


def contents(service: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in service.rglob("*.age")}


def test_what_was_set_can_be_got(alice):
    done = alice("set", "dev", "hello.greeting", input="Good morning, Vietnam\n")
    assert (done.returncode, done.stdout) == (0, "dev: component:hello.greeting stored\n")
    assert alice("get", "dev", "hello.greeting").stdout == "Good morning, Vietnam"
    assert alice("show", "dev").stdout == "[component:hello]\ngreeting = Good morning, Vietnam\n"


def test_what_cannot_be_hidden_or_looks_like_a_command_is_warned_of(alice):
    assert (
        "component:hello.greeting: it is shorter than 4 characters"
        in alice("set", "dev", "hello.greeting", input="a").stderr
    )
    done = alice("set", "dev", "hello.greeting", input="!command echo hello")
    assert "is this text now, and no command; for that use --command" in done.stderr
    assert alice("set", "dev", "hello.greeting", "--command", input="echo a").stderr == ""


def test_who_makes_secrets_for_others_alone_is_warned(person):
    alice, bob = person("alice"), person("bob")
    assert "add yourself as well" in alice("add", bob.key, "--environments", "dev").stderr
    assert alice("add", alice.key, "--environments", "production").stderr == ""


def test_a_value_on_the_command_line_is_refused_and_not_repeated(alice):
    for arguments in (
        ("hello.greeting", "tops3cret"),
        ("hello.greeting=tops3cret",),
        ("hello.greeting", "--value=tops3cret"),
    ):
        done = alice("set", "dev", *arguments, input="x")
        assert done.returncode == 2
        assert "tops3cret" not in done.stdout + done.stderr


def test_an_empty_value_is_refused(alice):
    done = alice("set", "dev", "hello.greeting", input="\n")
    assert done.returncode == 1
    assert "the standard input for component:hello.greeting is empty" in done.stderr


def test_who_cannot_read_can_still_set(person, alice, service):
    alice("set", "dev", "hello.greeting", input="the first one")
    stranger = person("stranger")
    assert stranger("set", "dev", "hello.greeting", input="the second one").returncode == 0
    assert stranger("set", "dev", "hello.port", input="8080").returncode == 0
    assert stranger("get", "dev", "hello.greeting").returncode == 3
    assert alice("get", "dev", "hello.greeting").stdout == "the second one"
    assert alice("get", "dev", "hello.port").stdout == "8080"
    assert stranger("unset", "dev", "hello.port").returncode == 0
    assert alice("get", "dev", "hello.port").returncode == 1


def test_setting_the_same_value_again_changes_nothing(alice, service):
    alice("set", "dev", "hello.greeting", input="Good morning")
    before = contents(service)
    assert alice("set", "dev", "hello.greeting", input="Good morning").stdout.endswith("is the same as before\n")
    assert contents(service) == before


def test_places_of_hosts_and_components_are_told_apart(alice):
    assert (
        alice("set", "dev", "localhost.data-token", input="abcdefgh").stdout
        == "dev: host:localhost.data-token stored\n"
    )
    assert alice("set", "dev", "host:localhost.hello.port", input="8081").returncode == 0
    assert alice("get", "dev", "localhost.hello.port").stdout == "8081"
    unknown = alice("set", "dev", "helo.greeting", input="abcdefgh")
    assert unknown.returncode == 1
    assert "Did you mean 'hello'?" in unknown.stderr
    close = alice("get", "dev", "localhost.data-tokn")
    assert close.returncode == 1
    assert "Did you mean 'localhost.data-token'" in close.stderr


def test_a_name_that_two_secrets_have_has_to_be_spelled_out(alice, service):
    (service / "environments" / "dev" / "environment.cfg").write_text(DEV.replace("localhost", "hello"))
    alice("set", "dev", "component:hello.greeting", input="abcdefgh")
    done = alice("set", "dev", "hello.data-x", input="ijklmnop")
    assert done.returncode == 1
    assert "Write component:hello.data-x or host:hello.data-x." in done.stderr
    assert alice("set", "dev", "host:hello.data-x", input="ijklmnop").returncode == 0
    assert alice("get", "dev", "hello.data-x").stdout == "ijklmnop"


def test_a_command_stands_in_clear_and_get_runs_it(alice, service):
    assert alice("set", "dev", "hello.greeting", "--command", input="echo from outside\n").returncode == 0
    assert "greeting = !command echo from outside\n" in (service / "environments/dev/secrets.cfg.age").read_text()
    assert alice("get", "dev", "hello.greeting").stdout == "from outside"
    assert "!command echo from outside" in alice("show", "dev").stdout


def test_a_command_needs_nobody_who_may_read(person, service):
    somebody = person("somebody")
    assert somebody("set", "dev", "hello.greeting", "--command", input="echo hi").returncode == 0
    assert somebody("get", "dev", "hello.greeting").stdout == "hi"
    assert somebody("check", "dev").returncode == 0


def test_a_file_comes_back_byte_by_byte(alice):
    assert alice("set", "dev", "--file", "tls.key", input=b"line\n\xc3\xa4\n\n").stdout == "dev: file tls.key stored\n"
    assert alice("show", "dev", "tls.key").stdout == "line\nä\n\n"
    assert alice("show", "dev", "secret-tls.key.age").stdout == "line\nä\n\n"
    assert "Did you mean 'tls.key'?" in alice("show", "dev", "tls.cert").stderr


def test_what_was_unset_is_gone(alice):
    alice("set", "dev", "hello.greeting", input="Good morning")
    assert alice("unset", "dev", "hello.greeting").stdout == "dev: component:hello.greeting removed\n"
    assert alice("get", "dev", "hello.greeting").returncode == 1


def test_an_edited_text_is_encrypted(alice, service):
    alice.types("[hello]\ngreeting = Good morning\n# later: secretive remark\n")
    done = alice("edit", "dev")
    assert (done.returncode, done.stdout) == (0, "dev: encrypted\n")
    text = (service / "environments/dev/secrets.cfg.age").read_text()
    assert "Good morning" not in text
    assert "remark" not in text
    alice.types("[hello]\ngreeting = Good evening\n")
    alice("edit", "dev")
    assert alice.saw == "[component:hello]\ngreeting = Good morning\n# later: secretive remark\n"
    assert alice("get", "dev", "hello.greeting").stdout == "Good evening"


def test_an_edit_that_changes_nothing_leaves_the_files_alone(alice, service):
    alice("set", "dev", "hello.greeting", input="Good morning")
    alice("set", "dev", "--file", "tls.key", input="abcdefgh")
    before = contents(service)
    assert alice("edit", "dev").stdout == "dev: nothing changed\n"
    assert alice("edit", "dev", "tls.key").stdout == "dev: nothing changed\n"
    assert contents(service) == before


def test_values_that_stay_are_not_encrypted_anew(alice, service):
    alice.types("[hello]\ngreeting = Good morning\nport = 8080\n")
    alice("edit", "dev")
    before = (service / "environments/dev/secrets.cfg.age").read_text().splitlines()
    alice.types("[hello]\ngreeting = Good morning\nport = 8081\n")
    alice("edit", "dev")
    after = (service / "environments/dev/secrets.cfg.age").read_text().splitlines()
    assert [line.split()[0] for line in after if line not in before] == ["port"]


def test_a_file_is_edited_too(alice):
    alice.types("first\n")
    assert alice("edit", "dev", "tls.key").stdout == "dev: encrypted\n"
    alice.types("second\n")
    alice("edit", "dev", "tls.key")
    assert alice.saw == "first\n"
    assert alice("show", "dev", "tls.key").stdout == "second\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[hello\ngreeting = sensitive\n", "at the edited text:1"),
        ("[hello]\ngreetin = sensitive\n", "The component 'hello' has no attribute 'greetin'"),
        ("[hello]\n\nport = sensitive\n", "at the edited text:3"),
        ("[host:web1]\ndata-a = sensitive\n", "There are secrets for the host 'web1'"),
    ],
)
def test_a_mistake_leaves_the_old_file_where_nobody_can_be_asked(alice, service, text, said):
    alice("set", "dev", "hello.greeting", input="Good morning")
    before = contents(service)
    alice.types(text)
    done = alice("edit", "dev")
    assert done.returncode == 1
    assert said in done.stderr
    assert "Nothing was written: the secrets are as they were." in done.stderr
    assert "sensitive" not in done.stdout + done.stderr
    assert contents(service) == before


def test_nothing_readable_is_left_of_an_edit(alice, tmp_path):
    alice.types("[hello]\ngreeting = Good morning\n")
    alice("edit", "dev")
    (alice.room / "seen").unlink()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"Good morning" in path.read_bytes()]


def test_a_text_that_was_emptied_is_not_taken_for_granted(alice, service, at_terminal):
    alice("set", "dev", "hello.greeting", input="Good morning")
    before = contents(service)
    alice.types("\n")
    done = alice("edit", "dev")
    assert (done.returncode, contents(service)) == (1, before)
    assert "all secrets of dev would be removed" in done.stderr
    alice.types("", "\n")
    _, status = at_terminal("edit", "dev", answers=[("[k]eep", "e\n"), ("[k]eep", "q\n")])
    assert (status, contents(service)) == (130, before)


def test_secrets_that_somebody_else_edits_are_locked(alice, service):
    holder = alice.room / "holder"
    holder.write_text(
        f"#!/bin/sh\n{sys.executable} -m depl secrets unset dev hello.greeting\necho $? > {alice.room}/status\n"
    )
    holder.chmod(0o755)
    alice("edit", "dev", EDITOR=str(holder))
    assert (alice.room / "status").read_text() == "5\n"


@pytest.fixture
def at_terminal(alice, service):
    """Call `depl secrets` at a terminal; what appeared, and the exit status. answers: (what to wait for, keys)."""

    def call(*arguments: str, answers: list[tuple[str, str]]) -> tuple[str, int]:
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(service)
            os.execve(sys.executable, [sys.executable, "-m", "depl", "secrets", *arguments], alice.environ)
        seen, since = "", ""
        while True:
            try:
                piece = os.read(terminal, 65536).decode()
            except OSError:  # the other end was closed
                break
            seen, since = seen + piece, since + piece
            if answers and answers[0][0] in since:
                os.write(terminal, answers.pop(0)[1].encode())
                since = ""
            if not piece:
                break
        _, status = os.waitpid(child, 0)
        os.close(terminal)
        return seen, os.waitstatus_to_exitcode(status)

    return call


def test_at_a_terminal_a_value_is_asked_for_unseen_and_twice(alice, at_terminal):
    answers = [("Value of", "Good morning\n"), ("Repeat", "Good morning\n")]
    seen, status = at_terminal("set", "dev", "hello.greeting", answers=answers)
    assert status == 0
    assert "Good morning" not in seen
    assert alice("get", "dev", "hello.greeting").stdout == "Good morning"


def test_after_a_mistake_the_text_is_edited_again(alice, at_terminal):
    alice.types("[hello\ngreeting = Good morning\n", "[hello]\ngreeting = Good morning\n")
    seen, status = at_terminal("edit", "dev", answers=[("[q]uit", "e\n")])
    assert status == 0
    assert "[k]eep" not in seen
    assert alice.saw == "[hello\ngreeting = Good morning\n"
    assert alice("get", "dev", "hello.greeting").stdout == "Good morning"


def test_what_the_model_does_not_know_can_be_kept(alice, at_terminal):
    alice.types("[hello]\ngreetin = Good morning\n")
    seen, status = at_terminal("edit", "dev", answers=[("[k]eep", "k\n")])
    assert status == 0
    assert "has no attribute 'greetin'" in seen
    assert alice("get", "dev", "hello.greetin").stdout == "Good morning"


def test_after_a_mistake_somebody_may_give_up(alice, at_terminal, service):
    before = contents(service)
    alice.types("[hello]\ngreetin = Good morning\n")
    seen, status = at_terminal("edit", "dev", answers=[("[k]eep", "q\n")])
    assert status == 130
    assert "not done" in seen
    assert contents(service) == before


def test_at_a_terminal_it_is_said_which_command_is_waited_for_and_it_can_be_answered(alice, at_terminal):
    alice("set", "dev", "hello.greeting", "--command", input="read pin; echo opened by $pin")
    seen, status = at_terminal("get", "dev", "hello.greeting", answers=[("waiting for `read pin", "1234\n")])
    assert (status, "opened by 1234" in seen) == (0, True)


def test_members_are_shown_with_their_names(alice, bob):
    done = alice("members")
    assert done.stdout.splitlines() == [
        "dev",
        f"  {shortened(alice.key)}  alice",
        f"  {shortened(bob.key)}  bob",
        "production",
        f"  {shortened(alice.key)}  alice",
    ]
    (line,) = alice("members", "production", "--json").stdout.splitlines()
    assert json.loads(line)["members"] == [{"key": alice.key, "name": "alice", "source": ""}]


def shortened(key: str) -> str:
    return f"{key[:12]}..."


def test_an_invalid_recipient_is_a_mistake(alice, service):
    file = service / "environments/dev/secrets.cfg.age"
    file.write_text(file.read_text().replace(f"    {alice.key}", f"    {alice.key}\n    {alice.key[:-1]}"))
    done = alice("members")
    assert done.returncode == 1
    assert "incomplete or mistyped" in done.stderr
    assert alice("show", "dev").returncode == 1


def test_who_is_added_reads_just_those_environments(alice, bob):
    for environment in ("dev", "production"):
        alice("set", environment, "hello.greeting", input="Good morning")
    assert bob("get", "dev", "hello.greeting").stdout == "Good morning"
    refused = bob("get", "production", "hello.greeting")
    assert refused.returncode == 3
    assert refused.stdout == ""


def test_nothing_is_written_anywhere_if_one_environment_cannot_be_opened(bob, service, person):
    before = contents(service)
    done = bob("add", f"{person('carol').key} carol")
    assert done.returncode == 3
    assert done.stderr.startswith("error: production: ")
    assert "Nothing was written; without production: `depl" not in done.stderr
    assert "`--environments dev`" in done.stderr
    assert contents(service) == before


def test_who_is_removed_reads_no_longer_and_what_it_knew_is_listed(alice, bob):
    alice("set", "dev", "hello.greeting", input="Good morning")
    alice("set", "dev", "--file", "tls.key", input="abcdefgh")
    done = alice("remove", "bob")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "dev: bob removed, and everything encrypted anew"
    assert done.stdout.splitlines()[-2:] == ["  dev: hello.greeting", "  dev: file tls.key"]
    assert bob("show", "dev").returncode == 3
    assert bob("show", "dev", "tls.key").returncode == 3
    assert alice("show", "dev", "tls.key").stdout == "abcdefgh"


def test_the_last_member_stays(alice):
    alice("set", "dev", "hello.greeting", input="Good morning")
    done = alice("remove", alice.key)
    assert done.returncode == 1
    assert "is the last who can read the secrets of dev" in done.stderr


def test_nobody_is_removed_by_a_name_that_is_not_there(alice, bob):
    done = alice("remove", "bop")
    assert done.returncode == 1
    assert "Did you mean 'bob'?" in done.stderr


def test_who_removes_itself_is_warned(alice, bob):
    alice("set", "dev", "hello.greeting", input="Good morning")
    done = alice("remove", "alice", "--environments", "dev")
    assert done.returncode == 0
    assert "you removed yourself" in done.stderr
    assert bob("get", "dev", "hello.greeting").stdout == "Good morning"


def test_a_public_key_is_given_by_its_file(alice, service):
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "carol@home", "-f", alice.room / "id"], check=True
    )
    assert alice("add", str(alice.room / "id.pub")).returncode == 0
    assert "carol@home" in alice("members", "dev").stdout
    alice("set", "dev", "hello.greeting", input="Good morning")
    assert alice("get", "dev", "hello.greeting", DEPL_AGE_IDENTITY=str(alice.room / "id")).stdout == "Good morning"
    refused = alice("add", str(alice.room / "id"))
    assert refused.returncode == 1
    assert "private key" in refused.stderr


def test_everything_is_encrypted_anew_on_request(alice, service):
    alice("set", "dev", "hello.greeting", input="Good morning")
    before = (service / "environments/dev/secrets.cfg.age").read_text().splitlines()
    assert alice("reencrypt").stdout.splitlines() == ["dev: encrypted anew", "production: encrypted anew"]
    after = (service / "environments/dev/secrets.cfg.age").read_text().splitlines()
    assert [line for line in before if line not in after and line.startswith("greeting")]
    assert alice("get", "dev", "hello.greeting").stdout == "Good morning"


@pytest.fixture
def lists(alice, tmp_path) -> Iterator[tuple[str, Path]]:
    """An https server for lists of keys that alice trusts: its address, and the directory that it shows."""
    shown, certificate, key = tmp_path / "lists", tmp_path / "certificate.pem", tmp_path / "key.pem"
    shown.mkdir()
    made = f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=t -days 2 -keyout {key} -out {certificate}"
    command = f"{made} -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(command, shell=True, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(shown)))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    alice.environ["SSL_CERT_FILE"] = str(certificate)
    yield f"https://127.0.0.1:{server.server_port}", shown
    server.shutdown()
    server.server_close()
    thread.join()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


def test_who_is_on_a_list_reads_until_the_list_says_otherwise(alice, person, lists):
    bob, carol = person("bob"), person("carol")
    address, shown = lists
    (shown / "team.keys").write_text(f"{bob.key}\n")
    assert alice("add", f"{address}/team.keys", "--environments", "dev").returncode == 0
    alice("set", "dev", "hello.greeting", input="Good morning")
    assert bob("get", "dev", "hello.greeting").stdout == "Good morning"
    assert f"(from {address}/team.keys)" in alice("members", "dev").stdout
    (shown / "team.keys").write_text(f"{carol.key}\n")
    assert carol("get", "dev", "hello.greeting").returncode == 3
    done = alice("reencrypt", "--environments", "dev")
    assert done.stdout.splitlines() == [
        "dev: encrypted anew",
        f"  + {shortened(carol.key)}  (from {address}/team.keys)",
        f"  - {shortened(bob.key)}  (from {address}/team.keys)",
    ]
    assert bob("get", "dev", "hello.greeting").returncode == 3
    assert carol("get", "dev", "hello.greeting").stdout == "Good morning"


def test_who_comes_from_a_list_leaves_with_the_list(alice, person, lists):
    bob = person("bob")
    address, shown = lists
    (shown / "bob.keys").write_text(f"{bob.key}\n")
    alice("add", f"{address}/bob.keys")
    alice("set", "dev", "hello.greeting", input="Good morning")
    refused = alice("remove", bob.key)
    assert refused.returncode == 1
    assert f"the key comes from the list {address}/bob.keys" in refused.stderr
    assert alice("remove", f"{address}/bob.keys").returncode == 0
    assert bob("get", "dev", "hello.greeting").returncode == 3


def test_a_list_that_cannot_be_had_adds_nobody(alice, lists, service):
    before = contents(service)
    assert alice("add", f"{lists[0]}/nobody.keys").returncode == 3
    assert contents(service) == before


def test_secrets_of_batou_are_taken_over(alice, service):
    directory = service / "environments" / "production"
    text = f"[batou]\nmembers = {alice.key}\n\n[hello]\ngreeting = Good morning\n".encode()
    recipient = pyrage.x25519.Recipient.from_str(alice.key)
    (directory / "secrets.cfg.age").write_bytes(pyrage.encrypt(text, [recipient]))
    refused = alice("show", "production")
    assert refused.returncode == 1
    assert "`depl secrets import production`" in refused.stderr
    done = alice("import", "production")
    assert done.returncode == 0
    assert "production: 1 value and 0 files taken over" in done.stdout
    assert alice("get", "production", "hello.greeting").stdout == "Good morning"


@pytest.fixture
def in_git(service, alice):
    """The project in git, with a first version of its secrets."""
    alice("set", "dev", "hello.greeting", input="Good morning")
    alice("set", "dev", "--file", "tls.key", input="abcdefgh")

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=alice", "-c", "user.email=alice@example.org"]
        command = ["git", *who, *arguments]
        return subprocess.run(
            command, cwd=service, env=alice.environ, capture_output=True, text=True, check=True
        ).stdout

    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    return git


def test_a_diff_shows_that_a_value_changed_but_not_the_value(alice, in_git):
    alice("set", "dev", "hello.greeting", input="Good evening")
    alice("set", "dev", "--file", "tls.key", input="ijklmnop")
    done = alice("diff", "dev")
    removed, added = (line for line in done.stdout.splitlines() if "greeting" in line)
    assert removed.startswith("-greeting = ‹secret hello.greeting #")
    assert added.startswith("+greeting = ‹secret hello.greeting #")
    assert removed[1:] != added[1:]
    assert done.stdout.count("‹secret file tls.key #") == 2
    assert "Good" not in done.stdout
    assert "ijklmnop" not in done.stdout
    revealed = alice("diff", "dev", "HEAD", "--reveal").stdout
    assert "-greeting = Good morning\n+greeting = Good evening\n" in revealed


def test_a_diff_without_a_name_shows_all_that_can_be_read_and_who_reads(alice, bob, in_git):
    bob("set", "production", "hello.greeting", input="Good evening")
    alice("remove", "bob", "--environments", "dev")
    done = alice("diff")
    assert f"-    {bob.key} bob\n" in done.stdout
    assert "+greeting = ‹secret hello.greeting #" in done.stdout
    done = bob("diff")
    assert done.returncode == 0
    assert "warning: none of your keys can read environments/production/secrets.cfg.age" in done.stderr
    assert "+greeting = ‹unreadable #" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("format = 1", "format = 2", "has the format '2'"), ("public =", "<<<<<<< HEAD\npublic =", "a merge that is not")],
)
def test_what_is_not_understood_is_not_encrypted_anew(alice, service, old, new, said):
    file = service / "environments" / "dev" / "secrets.cfg.age"
    file.write_text(file.read_text().replace(old, new))
    before = contents(service)
    done = alice("reencrypt")
    assert (done.returncode, contents(service)) == (1, before)
    assert said in done.stderr


def test_who_was_written_in_by_hand_is_shown_when_it_counts(alice, person, service):
    bob, file = person("bob"), service / "environments" / "dev" / "secrets.cfg.age"
    file.write_text(file.read_text().replace("recipients =\n", f"recipients =\n    {bob.key} bob\n"))
    refused = bob("show", "dev")
    assert refused.returncode == 3
    assert "another member run `depl secrets reencrypt --environments dev`" in refused.stderr
    done = alice("reencrypt", "--environments", "dev")
    assert f"  for {shortened(bob.key)}  bob\n" in done.stdout
    assert bob("show", "dev").returncode == 0


def test_encrypting_anew_is_no_difference(alice, in_git):
    alice("reencrypt")
    assert alice("diff", "dev").stdout == ""


def test_an_unknown_revision_is_explained(alice, in_git):
    done = alice("diff", "dev", "nope")
    assert done.returncode == 1
    assert "there is no such revision" in done.stderr


def test_git_shows_masks_in_its_own_diffs(alice, in_git, service):
    in_git("config", "diff.depl-secrets.textconv", f"{sys.executable} -m depl secrets diff --textconv")
    (service / ".gitattributes").write_text("*.age diff=depl-secrets\n")
    alice("set", "dev", "hello.greeting", input="Good evening")
    alice("set", "dev", "--file", "tls.key", input="ijklmnop")
    shown = in_git("diff")
    assert "+greeting = ‹secret hello.greeting #" in shown
    assert "+‹secret file tls.key #" in shown
    assert "Good" not in shown


def test_git_goes_on_where_nothing_can_be_read(alice, bob, person, service):
    alice("set", "production", "hello.greeting", input="Good morning")
    done = bob("diff", "--textconv", "environments/production/secrets.cfg.age")
    assert done.returncode == 0
    assert f"recipients =\n    {alice.key} alice\n" in done.stdout
    assert "[component:hello]\ngreeting = ‹unreadable #" in done.stdout
    alice("set", "production", "hello.greeting", input="Good evening")
    assert bob("diff", "--textconv", "environments/production/secrets.cfg.age").stdout != done.stdout
    (service / "broken.age").write_bytes(b"\xff\xfe")
    assert alice("diff", "--textconv", "broken.age").returncode == 0


def test_a_check_finds_what_the_model_does_not_know(alice):
    alice("set", "dev", "component:hello.greetin", input="Good morning")
    done = alice("check")
    assert done.returncode == 1
    assert "The component 'hello' has no attribute 'greetin'" in done.stderr
    assert done.stdout == "production: sound (0 values, 0 files, 1 key to read them)\n"


def test_a_check_finds_a_flipped_byte(alice, service):
    alice("set", "dev", "hello.greeting", input="Good morning")
    file = service / "environments/dev/secrets.cfg.age"
    text = file.read_text()
    spot = text.rindex("age:") + 60
    file.write_text(text[:spot] + ("A" if text[spot] != "A" else "B") + text[spot + 1 :])
    done = alice("check", "dev")
    assert done.returncode == 1
    assert "'greeting' in [component:hello]" in done.stderr


def test_a_check_warns_of_weak_values(alice):
    alice("set", "dev", "hello.greeting", input="abc")
    done = alice("check", "dev")
    assert done.returncode == 0
    assert "warning: The secret hello.greeting: " in done.stderr
    events = [json.loads(line)["event"] for line in alice("check", "dev", "--json").stdout.splitlines()]
    assert events == ["warning", "sound"]


def test_a_component_that_prints_its_secret_is_filtered(alice, service):
    file = service / "components/hello/component.py"
    file.write_text(HELLO + "        print(self.greeting)\n")
    alice("set", "dev", "hello.greeting", input="Good morning")
    done = alice("check", "dev")
    assert "Good morning" not in done.stdout + done.stderr
    assert "‹secret hello.greeting #" in done.stdout


def test_environments_without_secrets_are_told_how_to_begin(person):
    somebody = person("somebody")
    assert somebody("members").stdout == "no environment has secrets yet\n"
    done = somebody("edit", "dev")
    assert done.returncode == 1
    assert "depl secrets add ~/.ssh/id_ed25519.pub --environments dev" in done.stderr
    assert "Did you mean" in somebody("show", "dvv").stderr or "Known are" in somebody("show", "dvv").stderr


@pytest.mark.parametrize("command", [[], ["secrets"]])
def test_help_imports_no_cryptography(command):
    code = (
        "import sys\nfrom depl.cli.main import main\n"
        f"main({[*command, '--help']!r}, standalone_mode=False)\n"
        "assert not {'pyrage', 'cryptography', 'depl.secrets.vault'} & set(sys.modules)\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    assert subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    "command",
    ["edit", "show", "get", "set", "unset", "members", "add", "remove", "reencrypt", "diff", "check", "import"],
)
def test_every_command_has_an_example(command, person):
    done = person("somebody")(command, "--help")
    assert done.returncode == 0
    assert "Examples:" in done.stdout
    assert f"depl secrets {command}" in done.stdout
