"""Secrets as a run reads them: values, marks, commands for outside stores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest

from depl.errors import DeplError
from depl.secret_values import Secrets
from depl.secrets.identities import Identities
from depl.secrets.load import load, load_if_any
from depl.secrets.vault import Vault

PASSWORD = ("component:web", "password")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a member."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / ".cache"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def vault(tmp_path: Path, home: Path) -> Vault:
    """The empty vault of an environment whose member's key lies at home."""
    identity = pyrage.x25519.Identity.generate()
    key = home / ".config" / "depl" / "age"
    key.parent.mkdir(parents=True)
    key.touch(0o600)
    key.write_text(f"{identity}\n")
    made = Vault(str(tmp_path), "dev")
    made.set_recipients([str(identity.to_public())], {}, rotate=False)
    return made


@pytest.fixture
def loaded(tmp_path: Path, home: Path) -> Callable[[], Secrets]:
    """Reads the secrets of the environment as a new run would."""
    return lambda: load(str(tmp_path), "dev", Identities(None, {}, str(home)))


def values(secrets: Secrets) -> dict[str, dict[str, str]]:
    return secrets.data()


def test_values_come_with_what_is_shown_for_them(vault, loaded):
    vault.set(PASSWORD, "hunter22")
    vault.set(("host:one", "data-token"), "abcdef")
    vault.set(("host:one", "web.password"), "ghijkl")
    vault.save()
    secrets = loaded()
    assert values(secrets) == {
        "component:web": {"password": "hunter22"},
        "host:one": {"data-token": "abcdef", "web.password": "ghijkl"},
    }
    labels = [mark.rpartition(" #")[0] for mark, _ in secrets.known()]
    assert labels == ["web.password", "one.data-token", "one.web.password"]


def test_the_mask_of_a_value_changes_with_it_and_stays_with_it(vault, loaded):
    vault.set(PASSWORD, "hunter22")
    vault.save()
    first, again = loaded().marks[PASSWORD], loaded().marks[PASSWORD]
    vault.set(PASSWORD, "hunter23")
    vault.save()
    assert first == again != loaded().marks[PASSWORD]


def test_a_secret_file_is_text_where_it_can_be(vault, loaded):
    vault.set_file("text", "schlüssel\n".encode())
    vault.set_file("blob", b"\xff\x00")
    vault.save()
    assert loaded().files == {"text": "schlüssel\n", "blob": b"\xff\x00"}


@pytest.mark.parametrize("value", ["abc", "password", "  x "])
def test_a_value_that_cannot_be_hidden_well_is_a_warning_with_its_place(vault, loaded, value):
    vault.set(PASSWORD, value)
    vault.save()
    (warning,) = loaded().warnings
    assert "web.password" in warning
    assert warning.file == vault.path
    assert warning.line == vault.places[PASSWORD]


def command_file(base: Path, text: str) -> None:
    path = base / "environments" / "dev" / "secrets.cfg.age"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_command_runs_once_a_run_in_the_project_and_needs_no_key(tmp_path, loaded):
    said = "printf 'from the store\\n'; pwd >> runs"
    command_file(tmp_path, f"[component:web]\npassword = !command {said}\ntoken = !command {said}\n")
    secrets = loaded()
    assert values(secrets) == {"component:web": {"password": "from the store", "token": "from the store"}}
    assert (tmp_path / "runs").read_text() == f"{tmp_path}\n"
    assert secrets.marks[PASSWORD] == loaded().marks[PASSWORD]
    assert (tmp_path / "runs").read_text() == f"{tmp_path}\n" * 2


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo locked >&2; exit 7", "ended with status 7: locked"),
        ("true", "printed nothing"),
        ("printf '\\377'", "no UTF-8"),
        ("no-such-program-here", "ended with status 127"),
    ],
)
def test_a_command_that_fails_is_a_mistake_with_its_place(tmp_path, loaded, command, said):
    command_file(tmp_path, f"[component:web]\nuser = !command echo somebody\npassword = !command {command}\n")
    secrets = loaded()
    (mistake,) = secrets.mistakes
    assert said in mistake.message
    assert (mistake.file, mistake.line) == (str(tmp_path / "environments/dev/secrets.cfg.age"), 3)
    assert values(secrets) == {"component:web": {"user": "somebody"}}


def test_an_encrypted_value_is_no_command(vault, loaded):
    vault.set(PASSWORD, "!command touch executed")
    vault.save()
    assert values(loaded()) == {"component:web": {"password": "!command touch executed"}}


def test_recipients_that_were_changed_by_hand_are_a_mistake(vault, loaded):
    vault.set(PASSWORD, "hunter22")
    vault.save()
    text = Path(vault.path).read_text()
    other = str(pyrage.x25519.Identity.generate().to_public())
    Path(vault.path).write_text(text.replace("recipients =\n", f"recipients =\n    {other}\n"))
    (mistake,) = loaded().mistakes
    assert "recipients" in mistake.message


def test_an_environment_without_secrets_has_none(tmp_path):
    assert load_if_any(str(tmp_path), "dev") is None


def test_whoever_has_no_key_is_told_so(vault, tmp_path, loaded: Any):
    vault.set(PASSWORD, "hunter22")
    vault.save()
    with pytest.raises(DeplError) as caught:
        load(str(tmp_path), "dev", Identities(None, {}, str(tmp_path / "nobody")))
    assert "hunter22" not in str(caught.value) + caught.value.hint
