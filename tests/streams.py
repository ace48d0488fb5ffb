"""Live pages without browsers: a small site whose one page says which tasks were touched, and those who look at it.

python tests/streams.py DIRECTORY    serve it in a process of its own; prints the port and a cookie
"""

from __future__ import annotations

import asyncio
import http.client
import sys
import threading
from collections.abc import Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "src")]

import uvicorn  # noqa: E402
from starlette.applications import Starlette  # noqa: E402

from depl.project import WebSettings  # noqa: E402
from depl.store.store import Store, open_store  # noqa: E402
from depl.web.lasting import Lasting  # noqa: E402
from depl.web.live import live_route  # noqa: E402
from depl.web.operations.known import seen  # noqa: E402
from depl.web.reader import Reader  # noqa: E402
from depl.web.routing import page  # noqa: E402
from depl.web.site import Site  # noqa: E402
from depl.web.visitors import COOKIE, Links  # noqa: E402
from depl.web.watching import Watch  # noqa: E402

PATIENCE = 30  # seconds until something counts as never coming


class Small:
    """In a thread. weight: characters that each fragment has more of. how: of the Reader."""

    def __init__(self, store: Store, weight: int = 0, **how: Any) -> None:
        self.store, self.rendered = store, 0
        self.reader = Reader(store, **{"tick": 0.02, **how})
        self.site = Site(store, WebSettings(), "small", store.base, b"k" * 32, self.reader, Links(), "root")
        self._weight = "x" * weight
        routes = [
            live_route("/live/{id}", lambda ask: Watch.of_rollout(seen(ask, ask.path("id")).id, "all"), self._rollout),
            live_route("/lists", lambda ask: Watch.of_lists(), lambda ask, update: f"lists for {ask.person.name}"),
            page("/plain", lambda ask: ask.data("here")),
        ]
        self._app = Starlette(routes=routes, lifespan=self.reader.lifespan)
        self._app.state.site = self.site

    def _rollout(self, ask: Any, update: Any) -> str:
        self.rendered += 1
        state = "" if update.state is None else update.state.state.value
        all = " everything" if update.everything else ""
        return f"{state}{all}: {' '.join(sorted(update.touched))}\n{ask.visitor.session}{self._weight}"

    def start(self) -> Small:
        lasting = Lasting(self._app)
        self._server = _Uvicorn(uvicorn.Config(lasting, port=0, log_level="error", ws="none", backlog=2048))
        self._server.lasting = lasting
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        assert self._server.ready.wait(PATIENCE)
        self.port = int(self._server.servers[0].sockets[0].getsockname()[1])
        return self

    def end(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


class _Uvicorn(uvicorn.Server):
    lasting: Lasting

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: Any = None) -> None:
        self.lasting.end()
        await super().shutdown(sockets)


@dataclass(frozen=True)
class Message:
    """What a stream said."""

    event: str
    id: str
    data: str


class Stream:
    """One page, as its browser keeps it. Its requests say what the page has seen."""

    def __init__(self, port: int, path: str, cookie: str, last: str = "", **headers: str) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        about = {"Accept": "text/html, text/event-stream", "Cookie": f"{COOKIE}={cookie}", **headers}
        self._line.request("GET", path, headers={**about, **({"Last-Event-ID": last} if last else {})})
        self.answer = self._line.getresponse()
        self._messages = self._read()

    def next(self, event: str = "") -> Message:
        """The next one of that name; those without are what is shown."""
        return next(one for one in self._messages if one.event == event)

    def until(self, text: str) -> list[Message]:
        """Those up to one that has a text in it."""
        found = [self.next()]
        while text not in found[-1].data:
            found.append(self.next())
        return found

    def rest(self) -> list[Message]:
        """Those until it ends."""
        return list(self._messages)

    def close(self) -> None:
        self._messages.close()
        self.answer.close()
        self._line.close()

    def _read(self) -> Generator[Message]:
        lines: list[str] = []
        while line := self.answer.readline().decode():
            if line != "\n":
                lines.append(line.rstrip("\n"))
                continue
            yield _message(lines)
            lines = []


def _message(lines: list[str]) -> Message:
    fields = [line.partition(": ")[::2] for line in lines]
    last = dict(fields)
    data = "\n".join(text for name, text in fields if name == "data")
    return Message(last.get("event", ""), last.get("id", ""), data)


async def open_many(port: int, path: str, cookie: str, count: int) -> list[tuple[asyncio.StreamReader, Any]]:
    """Streams that are open, each having said its first word."""

    async def one() -> tuple[asyncio.StreamReader, Any]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        words = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
        writer.write(f"{words}Cookie: {COOKIE}={cookie}\r\n\r\n".encode())
        await reader.readuntil(b"depl:beat")
        return reader, writer

    return list(await asyncio.gather(*(one() for _ in range(count))))


def main() -> None:
    store = open_store(f"sqlite:///{sys.argv[1]}/depl.sqlite", sys.argv[1])
    small = Small(store).start()
    print(small.port, store.people.sign_in("", who="root"), flush=True)
    sys.stdin.read()
    small.end()


if __name__ == "__main__":
    main()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """What comes of it, in a thread of its own: the one of the tests may have a loop already, that of a browser."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
