"""`depl check`."""

from __future__ import annotations

import json

import pytest


def test_a_sound_model_is_one_line(depl, service):
    done = depl("check", "dev", cwd=service)
    assert done.returncode == 0
    assert done.stdout.startswith("dev: sound (1 host, 1 root component, ")


def test_a_check_touches_nothing(depl, service):
    before = sorted(service.rglob("*"))
    depl("check", "dev", cwd=service)
    assert sorted(service.rglob("*")) == before


def test_mistakes_are_named_with_file_and_line(depl, service):
    (service / "components/hello/component.py").write_text("import nothing_of_the_kind\n")
    done = depl("check", "dev", cwd=service)
    assert done.returncode == 1
    assert "components/hello/component.py" in done.stderr
    assert "Traceback" not in done.stderr


def test_json_lists_hosts_and_components(depl, service):
    event = json.loads(depl("check", "dev", "--json", cwd=service).stdout)
    assert (event["event"], event["hosts"]) == ("sound", {"localhost": ["hello"]})


def test_live_asks_the_components(depl, service):
    component = service / "components/hello/component.py"
    component.write_text(component.read_text() + "\n    def check(self):\n        assert False, 'nobody answers'\n")
    assert depl("check", "dev", cwd=service).returncode == 0
    done = depl("check", "dev", "--live", cwd=service)
    assert done.returncode == 3
    assert "nobody answers" in done.stderr
    assert "1 check failed" in done.stdout


def test_live_is_content_where_all_are_well(depl, service):
    done = depl("check", "dev", "--live", cwd=service)
    assert done.returncode == 0
    assert "all checks are content" in done.stdout


def test_a_host_is_named_only_for_live_checks(depl, service):
    assert depl("check", "dev", "localhost", cwd=service).returncode == 2


@pytest.mark.parametrize("command", [("check", "many"), ("remote", "many", "--yes")])
def test_hosts_that_need_those_of_a_later_stage_are_a_mistake_before_anything_is_contacted(depl, write, command):
    project = write(
        {
            "environments/many/environment.cfg": """\
                [environment]
                stages = web*, all
                [hosts]
                web1.invalid = web
                db1.invalid = db
                """,
            "components/db/component.py": """\
                from depl.component import Component


                class Db(Component):
                    def configure(self):
                        self.provide("db", 1)
                """,
            "components/web/component.py": """\
                from depl.component import Component


                class Web(Component):
                    def configure(self):
                        self.require("db")
                """,
        }
    )
    done = depl(*command, cwd=project)
    assert done.returncode == 1
    assert "web@web1.invalid belongs to stage 1 of the deployment, and needs db@db1.invalid" in done.stderr
    assert "environments/many/environment.cfg" in done.stderr


def test_a_stage_that_means_no_host_is_a_mistake(depl, service):
    file = service / "environments/dev/environment.cfg"
    file.write_text(file.read_text().replace("[hosts]", "stages = wbe*\n[hosts]"))
    done = depl("check", "dev", cwd=service)
    assert done.returncode == 1
    assert "no host is called 'wbe*', which stands in `stages`" in done.stderr
