"""What a shell is told when somebody presses TAB."""

from __future__ import annotations

import pytest


@pytest.fixture
def complete(depl, write):
    directory = write(
        {
            "environments/dev.cfg": "[hosts]\nlocalhost = web, db:master\n",
            "environments/production/environment.cfg": (
                "[hosts]\nweb[1..2] = web, nginx\n!old = web\n[host:db]\ncomponents =\n    db\n    !backup\n"
                "[group:all]\nhosts = web[1..2], db\ncomponents = monitoring\n"
            ),
            "components/web/component.py": "raise SystemExit('a component file was loaded')\n",
        }
    )

    def complete(line: str) -> list[str]:
        words = line.split(" ")
        how = {"_DEPL_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        done = depl(cwd=directory, **how)
        assert done.stderr == ""
        return [answer.split(",")[1] for answer in done.stdout.splitlines() if answer]

    return complete


def test_commands_are_completed(complete):
    assert complete("depl loc") == ["local"]


def test_environments_are_completed(complete):
    assert complete("depl local ") == ["dev", "production"]


def test_hosts_of_the_environment_are_completed(complete):
    assert complete("depl local production ") == ["web1", "web2", "old", "db"]


def test_components_of_the_host_are_completed(complete):
    assert complete("depl local production db --component ") == ["backup", "db", "monitoring"]


def test_components_of_the_environment_are_completed(complete):
    assert complete("depl local dev --component ") == ["db", "web"]


def test_what_is_deployed_over_ssh_is_completed(complete):
    assert complete("depl remote ") == ["dev", "production"]
    assert complete("depl remote production --host w") == ["web1", "web2"]
    assert complete("depl remote production --component ") == ["backup", "db", "monitoring", "nginx", "web"]
    assert complete("depl trust production ") == ["web1", "web2", "old", "db"]


def test_the_log_takes_environments_and_hosts(complete):
    assert complete("depl log ") == ["dev", "production"]
    assert complete("depl log production w") == ["web1", "web2"]


def test_an_environment_that_does_not_exist_completes_to_nothing(complete):
    assert complete("depl local staging ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_script(shell, depl, tmp_path):
    done = depl("completion", shell, cwd=tmp_path)
    assert done.returncode == 0
    assert f"_DEPL_COMPLETE={shell}_complete" in done.stdout
