"""Who may read: keys of age and SSH, and lists of them behind https."""

from __future__ import annotations

import base64
import datetime as dt
import http.server
import ipaddress
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest

from depl.errors import ConfigurationError, DeplError
from depl.secrets import key_lists, recipients

Generate = Callable[..., str]


@pytest.fixture
def public(tmp_path: Path) -> Generate:
    """The public line of a new key of SSH."""

    def generate(kind: str, *options: str) -> str:
        path = tmp_path / f"id_{kind}"
        words = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "alice@laptop", "-f", str(path), *options]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
        return path.with_suffix(".pub").read_text()

    return generate


@pytest.fixture
def alice() -> str:
    return str(pyrage.x25519.Identity.generate().to_public())


def refusal(line: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        recipients.usable(line)
    assert caught.value.hint
    return caught.value


def test_an_age_key_is_taken_without_its_name(alice: str) -> None:
    assert recipients.usable(f"  {alice} alice\n") == alice
    assert recipients.usable(alice.upper()) == alice


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_key_of_ssh_is_taken_without_its_name(public: Generate, kind: str) -> None:
    line = public(kind)

    assert recipients.usable(line) == " ".join(line.split()[:2])
    assert recipients.usable(recipients.usable(line)) == recipients.usable(line)


def test_a_key_of_ssh_has_one_spelling(public: Generate) -> None:
    kind, text, _ = public("ed25519").split()
    longer = base64.b64encode(base64.b64decode(text) + b"\0\0\0\4more").decode()

    assert recipients.usable(f"{kind}   {text}=") == f"{kind} {text}"
    assert "incomplete or mistyped" in str(refusal(f"{kind} {longer}"))
    assert "incomplete or mistyped" in str(refusal(f"ssh-rsa {text}"))


def test_an_ecdsa_key_is_refused_with_what_to_use_instead(public: Generate) -> None:
    error = refusal(public("ecdsa"))

    assert str(error) == "age cannot encrypt for ECDSA keys"
    assert error.hint == "Use an ed25519 or RSA key, or an age key (`age-keygen`)."


def test_a_short_rsa_key_is_refused(public: Generate) -> None:
    assert "shorter than 2048 bits" in str(refusal(public("rsa", "-b", "1024")))


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t alice", "security token"),
        ("sk-ecdsa-sha2-nistp256@openssh.com AAAA", "security token"),
        ("ssh-dss AAAAB3NzaC1kc3M= alice", "DSA keys"),
        ("age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", "security token"),
        ("age1se1qgg72x2qfk9wg3wh0qg9u0v7l5dkq4jx69fv80p6wdus3ftg6flwg5dz2dp", "age1se"),
        ("age1tag1qwe0kafsjrar4y6heqmhl", "age1tag"),
        ("age1tagpq1qwe0kafsjrar4y6heqmhl", "age1tagpq"),
        ("alice@example.org", "is a mail address"),
        ("Alice <alice@example.org>", "is a mail address"),
        ("0123456789ABCDEF0123456789ABCDEF01234567", "id of a GPG key"),
        ("http://example.org/alice.keys", "is not https"),
        ("https://example.org/alice.keys", "is a list of keys, not a key"),
        ("ssh-ed25519 AAAA \x1b[31malice", "cannot be shown"),
        ("garbage", "'garbage' is not a key"),
        ("", "is not a key"),
        ("age1qqqqqqqqqqqqqq", "incomplete or mistyped"),
        ("ssh-ed25519 AAAA alice", "incomplete or mistyped"),
        ("ssh-ed25519", "incomplete or mistyped"),
        ("ssh-rsa !!! alice", "incomplete or mistyped"),
        ('command="ls" ssh-ed25519 AAAA', "is not a key"),
    ],
)
def test_what_age_cannot_use_is_refused_with_a_clear_word(line: str, word: str) -> None:
    assert word in str(refusal(line))


@pytest.mark.parametrize("spelling", [str, str.lower, lambda key: f"age1qqq {key}", lambda key: f"alice={key}"])
def test_a_private_key_is_refused_and_not_shown(spelling: Callable[[str], str]) -> None:
    private = str(pyrage.x25519.Identity.generate())

    error = refusal(spelling(private))

    assert "private key" in str(error)
    assert private[16:].lower() not in (str(error) + error.hint).lower()


def test_something_long_is_not_shown_as_a_whole() -> None:
    assert "b3BlbnNzaC1rZXkt..." in str(refusal("b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABB0"))


def test_a_line_is_called_by_its_name_or_by_its_key_in_short(alice: str) -> None:
    assert recipients.name_of(f"{alice} alice smith") == "alice smith"
    assert recipients.name_of(alice) == f"{alice[:12]}..."
    assert recipients.name_of("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA bob@example") == "bob@example"
    assert recipients.name_of("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA") == "ssh-ed25519 ...NTE5AAAA"
    assert recipients.name_of("https://example.org/bob.keys") == "https://example.org/bob.keys"


def test_an_argument_may_be_the_path_of_a_public_key(public: Generate, tmp_path: Path) -> None:
    line = public("ed25519")

    assert recipients.of_argument(str(tmp_path / "id_ed25519.pub")) == line.strip()


def test_an_argument_that_is_no_path_is_taken_as_it_is(alice: str) -> None:
    for text in (alice, f"{alice} alice", "https://example.org/bob.keys", "garbage"):
        assert recipients.of_argument(text) == text


def test_the_path_of_a_private_key_is_refused_with_that_of_the_public_one(public: Generate, tmp_path: Path) -> None:
    public("ed25519")
    with pytest.raises(ConfigurationError, match="holds a private key") as caught:
        recipients.of_argument(str(tmp_path / "id_ed25519"))

    assert "id_ed25519.pub" in caught.value.hint
    assert "OPENSSH" not in str(caught.value)


def test_an_identity_file_of_age_is_refused_as_an_argument(tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text(f"# created\n{pyrage.x25519.Identity.generate()}\n")

    with pytest.raises(ConfigurationError, match="holds a private key"):
        recipients.of_argument(str(tmp_path / "keys.txt"))


def test_a_path_must_lead_to_one_key(tmp_path: Path, alice: str) -> None:
    (tmp_path / "several.pub").write_text(f"# two\n{alice}\n{alice}\n")
    (tmp_path / "binary.pub").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="holds 2 keys, not one"):
        recipients.of_argument(str(tmp_path / "several.pub"))
    with pytest.raises(ConfigurationError, match="it is not text"):
        recipients.of_argument(str(tmp_path / "binary.pub"))
    with pytest.raises(ConfigurationError, match="is a directory"):
        recipients.of_argument(str(tmp_path))
    with pytest.raises(ConfigurationError, match="there is no file"):
        recipients.of_argument("~/.ssh/id_nobody.pub")


def test_each_recipient_can_read_what_is_encrypted_for_all_of_them(public: Generate, tmp_path: Path) -> None:
    mine = pyrage.x25519.Identity.generate()
    line = public("ed25519")

    content = recipients.encrypted(b"hello \xff", [f"{mine.to_public()} me", line])

    theirs = pyrage.ssh.Identity.from_buffer((tmp_path / "id_ed25519").read_bytes())
    assert pyrage.decrypt(content, [mine]) == pyrage.decrypt(content, [theirs]) == b"hello \xff"


def test_a_key_that_is_named_twice_is_encrypted_for_once(alice: str) -> None:
    assert recipients.encrypted(b"x", [alice, f"{alice} again"]).count(b"-> X25519") == 1


def test_nothing_is_encrypted_for_nobody() -> None:
    with pytest.raises(ConfigurationError, match="without a recipient"):
        recipients.encrypted(b"x", [])


class Server:
    """An https server on this machine, with a certificate of its own authority."""

    def __init__(self, directory: Path, until: threading.Event) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.slow = ""
        answers = self.answers
        served = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == served.slow:
                    until.wait(30)
                status, headers, body = answers.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass  # who asked has gone

            def log_message(self, *arguments: Any) -> None: ...

        self.certificate, key = certificate(directory)
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.http.handle_error = lambda *arguments: None  # type: ignore[method-assign]
        self.url = f"https://127.0.0.1:{self.http.server_port}"

    def says(self, path: str, *lines: str, status: int = 200, **headers: str) -> str:
        self.answers[path] = (status, headers, "\n".join(lines).encode())
        return self.url + path


def certificate(directory: Path) -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "certificate.pem", directory / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.fixture
def untrusted(tmp_path: Path) -> Iterator[Server]:
    until = threading.Event()
    server = Server(tmp_path, until)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    until.set()
    server.http.shutdown()
    server.http.server_close()
    thread.join()


@pytest.fixture
def server(untrusted: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("SSL_CERT_FILE", str(untrusted.certificate))
    return untrusted


def failure(url: str) -> DeplError:
    with pytest.raises(DeplError) as caught:
        recipients.fetched(url)
    assert url.split("?", maxsplit=1)[0] in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value


def test_the_keys_of_a_list_are_fetched(server: Server, public: Generate, alice: str) -> None:
    ed, rsa = public("ed25519"), public("rsa")
    url = server.says("/alice.keys", "# the keys of alice", ed.strip(), "", f"{alice} work\r", rsa.strip(), ed.strip())

    assert recipients.fetched(url) == ([recipients.usable(ed), alice, recipients.usable(rsa)], [])


def test_keys_of_a_list_that_age_cannot_use_are_warnings(server: Server, public: Generate, alice: str) -> None:
    url = server.says("/alice.keys", public("ecdsa").strip(), alice)

    assert recipients.fetched(url) == ([alice], [f"{url}: age cannot encrypt for ECDSA keys"])


def test_a_list_without_any_usable_key_is_an_error(server: Server, public: Generate) -> None:
    assert "age cannot encrypt for ECDSA keys" in str(failure(server.says("/a", public("ecdsa"))))
    assert "has no key that age could encrypt for" in str(failure(server.says("/b", "")))
    assert "has no key that age could encrypt for" in str(failure(server.says("/c", "<!DOCTYPE html>", "<p>Hi</p>")))


def test_a_list_that_is_not_there_is_an_error_with_the_status(server: Server) -> None:
    assert "the server answers with status 404" in str(failure(f"{server.url}/nobody.keys"))
    assert "status 500" in str(failure(server.says("/broken", status=500)))


def test_a_list_must_be_small(server: Server) -> None:
    assert "longer than 256 KB" in str(failure(server.says("/large", "x" * 300_000)))


def test_a_redirect_to_https_is_followed(server: Server, alice: str) -> None:
    server.says("/there", alice)

    assert recipients.fetched(server.says("/here", status=302, Location="/there")) == ([alice], [])


def test_a_redirect_to_http_is_refused(server: Server) -> None:
    url = server.says("/here", status=302, Location="http://example.org/alice.keys")

    assert "leads on to http://example.org/alice.keys, which is not https" in str(failure(url))


def test_a_certificate_that_is_not_trusted_is_an_error(untrusted: Server, alice: str) -> None:
    error = failure(untrusted.says("/alice.keys", alice))

    assert "its certificate is not trusted" in str(error)
    assert "SSL_CERT_FILE" in error.hint


def test_a_server_that_is_not_there_is_an_error() -> None:
    assert "refused" in str(failure("https://127.0.0.1:1/alice.keys"))
    assert "no such host" in str(failure("https://nobody.invalid/alice.keys"))


def test_a_server_that_does_not_answer_is_given_up(server: Server) -> None:
    server.slow = "/slow"

    with pytest.raises(DeplError, match="there is no answer within"):
        key_lists.downloaded(f"{server.url}/slow", seconds=0.2)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://example.org/alice.keys", "is not https"),
        ("ftp://example.org/alice.keys", "is not https"),
        ("file:///etc/passwd", "is not https"),
        ("https://", "is not an address"),
        ("https://example.org:port/x", "is not an address"),
        ("https://example.org/a b", "is not an address"),
        ("https://[::1/x", "is not an address"),
    ],
)
def test_only_https_addresses_are_fetched(url: str, word: str) -> None:
    assert word in str(failure(url))


def test_an_address_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        recipients.fetched("https://alice:geheim@example.org/keys")

    assert "geheim" not in str(caught.value)
