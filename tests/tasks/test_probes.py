"""Probes against what really answers, or does not."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from depl.events import What
from depl.tasks import CommandProbe, HttpProbe, Notify, TcpProbe
from depl.tasks.hands import TaskHands


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization")))  # type: ignore[attr-defined]
        well = len(self.server.asked) > self.server.bad  # type: ignore[attr-defined]
        body = b"all is well\n" if well else b"first line\nthe database is away\n"
        self.send_response(200 if well else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.asked, server.bad = [], 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url(server, path: str = "/health", user: str = "") -> str:
    return f"http://{user}127.0.0.1:{server.server_address[1]}{path}"


def test_an_answer_as_wanted_is_well(bench, server) -> None:
    assert bench.run(HttpProbe(url(server, "/health?deep=1"), contains="well")).what is What.TASK_DONE
    assert server.asked == [("/health?deep=1", None)]


def test_a_wrong_answer_is_told_with_its_last_lines(bench, server) -> None:
    server.bad = 99
    error = bench.run(HttpProbe(url(server))).data["error"]
    assert error["message"] == f"{url(server)} answers 503 Service Unavailable, not 200"
    assert error["output"] == ["first line", "the database is away"]


def test_it_looks_again_as_often_as_wanted(bench, server) -> None:
    server.bad = 2
    assert bench.run(HttpProbe(url(server), retries=2, interval=0.01)).what is What.TASK_DONE
    assert [event.data["text"].rpartition("(")[2] for event in bench.events(What.LOG)] == ["2 left)", "1 left)"]


def test_it_looks_no_more_where_the_rollout_stops(bench, server) -> None:
    server.bad = 99
    bench.start(HttpProbe(url(server), retries=5, interval=600))
    bench.until(lambda what: getattr(what, "what", None) is What.LOG)
    bench.hands.stop("1", "abort")
    assert bench.end().data["error"]["class"] == "Interrupted"
    assert len(server.asked) == 1


def test_a_text_that_is_missing_is_told(bench, server) -> None:
    message = bench.run(HttpProbe(url(server), contains="sick")).data["error"]["message"]
    assert message == f"{url(server)} answers without 'sick'"


def test_the_password_of_a_url_is_sent_and_not_shown(bench, server) -> None:
    event = bench.run(HttpProbe(url(server, user="joe:hidden@"), status=204))
    assert server.asked[0][1] == "Basic am9lOmhpZGRlbg=="
    assert "joe:***@" in event.data["error"]["message"] and "hidden" not in str(bench.heard)


def test_connections_are_accepted_or_not(bench, server) -> None:
    assert bench.run(TcpProbe(f"127.0.0.1:{server.server_address[1]}")).what is What.TASK_DONE
    with socket.socket() as bound:  # nobody listens
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        message = bench.run(TcpProbe(address)).data["error"]["message"]
    assert message == f"{address} does not accept connections: Connection refused"


def test_a_url_where_nobody_listens_does_not_answer(bench) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        message = bench.run(HttpProbe(f"http://127.0.0.1:{bound.getsockname()[1]}/")).data["error"]["message"]
    assert message.endswith("does not answer: Connection refused")


def test_a_command_that_looks_succeeds_or_says_what_it_saw(bench) -> None:
    assert bench.run(CommandProbe("echo fine", contains="fine")).what is What.TASK_DONE
    error = bench.run(CommandProbe("echo 3 of 4 up; false")).data["error"]
    assert "exited with status 1" in error["message"] and error["output"] == ["3 of 4 up"]
    assert "does not print 'fine'" in bench.run(CommandProbe("echo bad", contains="fine")).data["error"]["message"]


def test_a_command_that_looks_too_long_is_ended(bench) -> None:
    message = bench.run(CommandProbe("sleep 600", timeout=0.1)).data["error"]["message"]
    assert "took longer than its timeout" in message


def test_a_notification_is_passed_on(bench) -> None:
    assert bench.run(Notify("Half of it is up", targets=["ops"])).what is What.TASK_DONE
    [(kind, facts)] = bench.notifier.told
    assert (kind, facts["text"], facts["targets"]) == ("message", "Half of it is up", ["ops"])


def test_where_nobody_can_be_told_a_notification_is_a_warning(bench, tmp_path) -> None:
    bench.hands.close()
    bench.hands = TaskHands(bench.deployer, None, bench.redact, str(tmp_path), rollout="r1")
    assert bench.run(Notify("Half of it is up")).what is What.TASK_DONE
    [warning] = bench.events(What.WARNING)
    assert "[notify]" in warning.data["text"]
