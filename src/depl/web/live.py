"""Pages that go on by themselves: streams of server-sent events, and the same once for those who ask now and then.

A stream holds nothing but what its page has seen. When something happens it is woken, and sends one fragment with all
that was touched since: whoever is slow or comes back is told the same as all others, only more at once.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import suppress
from dataclasses import replace

from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from depl.access.roles import Person, rights_of
from depl.errors import DeplError
from depl.rollout.log import LogFailed
from depl.web.ask import Ask
from depl.web.guard import form_token
from depl.web.reader import Topic
from depl.web.routing import page
from depl.web.visitors import Visitor, visitor_of
from depl.web.watching import Kind, Update, Watch

Source = Callable[[Ask], Watch]
Render = Callable[[Ask, Update], str]

NUMBER = "X-Depl-Number"
STREAM = "text/event-stream"
RETRY = 1000  # milliseconds after which a browser comes back
ALL = "all who look"  # whose forms are rendered; each is given their own token instead
BREAKS = re.compile(r"\r\n|\r|\n")


def live_route(path: str, source: Source, render: Render) -> Route:
    """What keeps a page up to date. GET `path`?after=ID, where ID is what the page has seen.

    source: says what it watches, if they may; asked with each connection. render: HTML of what was touched, as parts
    with ids; it may depend on the update and on what is `alike`, see Watch, on the path and on the query. A stream for
    those who accept one; else, or with ?poll=1, what is new now, with its id in the header X-Depl-Number.
    """

    def handler(ask: Ask) -> Response:
        watch = source(ask)
        wants_stream = STREAM in ask.request.headers.get("accept", "") and not ask.query("poll")
        if not wants_stream or ask.request.method != "GET":
            return _once(ask, watch, render)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_Stream(ask, watch, render).messages(), media_type=STREAM, headers=headers)

    return page(path, handler)


def _once(ask: Ask, watch: Watch, render: Render) -> Response:
    update = ask.site.reader.update(watch, ask.query("after"))
    if _is_old(watch, update):
        return Response(status_code=204, headers={NUMBER: update.id})
    return HTMLResponse(render(ask, update), headers={NUMBER: update.id})


def _is_old(watch: Watch, update: Update) -> bool:
    """Whether a page knows that. Of a rollout nobody can say: who is at work on it changes without an event."""
    return watch.kind is not Kind.ROLLOUT and update.id == update.since


class _Stream:
    """What one page is sent as long as it is open."""

    def __init__(self, ask: Ask, watch: Watch, render: Render) -> None:
        self._ask, self._watch, self._render = ask, watch, render
        self._reader = ask.site.reader
        self._seen = ask.request.headers.get("last-event-id") or ask.query("after")
        self._alike = (ask.request.url.path, *_query(ask), _who(ask.person) if watch.alike is None else watch.alike)

    async def messages(self) -> AsyncIterator[bytes]:
        """One after the other, until the page or the process ends, or they may no longer see it."""
        reader, loop = self._reader, asyncio.get_running_loop()
        yield f"retry: {RETRY}\n".encode() + _named("depl:beat")
        heartbeat, said, away = 0.0, loop.time(), ""
        turn = 0  # nothing is told before the reader has looked for the first time
        with reader.looking_at(self._watch) as topic, suppress(DeplError):
            while not reader.is_ending:
                woken = topic.woken  # taken before the rest is looked at, so that nothing is missed
                if reader.away != away:
                    away, said = reader.away, loop.time()
                    yield _named("depl:stale" if away else "depl:fresh", away)
                if topic.turn != turn and not away:
                    turn, message = await self._news(topic, turn)
                    if message:
                        said = loop.time()
                        yield message
                if topic.heartbeat != heartbeat:
                    heartbeat = topic.heartbeat
                    yield _named("depl:heard", f"{topic.silent:.1f}")
                if not await self._is_known():
                    return
                if loop.time() - said >= reader.beat:
                    said = loop.time()
                    yield _named("depl:beat")
                with suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), reader.patience)

    async def _news(self, topic: Topic, before: int) -> tuple[int, bytes]:
        """Which turn it is, and what is new in it; the turn before where the store does not say."""
        turn = topic.turn
        try:
            key = (self._alike, self._seen, turn)
            self._seen, message = await self._reader.shared.get(key, self._message)
        except LogFailed:
            return before, b""
        return turn, message.replace(self._token(ALL), self._token(self._session))

    def _message(self) -> tuple[str, bytes]:
        """Up to where the page is told, and what: the same for all that are alike and have seen the same."""
        update = self._reader.update(self._watch, self._seen)
        if _is_old(self._watch, update):
            return update.id, b""
        ask, visitor = self._ask, self._ask.visitor
        shown = Ask(ask.request, visitor and replace(visitor, session=ALL), ask.form)
        return update.id, f"id: {update.id}\n".encode() + _data(self._render(shown, update))

    async def _is_known(self) -> bool:
        """Whether they are still who they were, looked at now and then: nobody watches on who was signed out."""
        headers, client = self._ask.request.headers, self._ask.request.client
        said = tuple(sorted((name, text) for name, text in headers.items() if name not in ("last-event-id", "accept")))
        key = (said, client and client.host, int(asyncio.get_running_loop().time() / self._reader.patience))
        try:
            visitor: Visitor = await self._reader.visitors.get(key, lambda: visitor_of(self._ask.request))
        except LogFailed:
            return True  # nobody can say
        return visitor == self._ask.visitor

    @property
    def _session(self) -> str:
        return self._ask.visitor.session if self._ask.visitor else ""

    def _token(self, session: str) -> bytes:
        return form_token(self._ask.site.key, session).encode() if session else b""


def _query(ask: Ask) -> list[tuple[str, str]]:
    return [pair for pair in ask.request.query_params.multi_items() if pair[0] != "after"]


def _who(person: Person) -> Hashable:
    return person.name, rights_of(person)


def _named(event: str, data: str = "") -> bytes:
    return f"event: {event}\n".encode() + _data(data)


def _data(text: str) -> bytes:
    return ("".join(f"data: {line}\n" for line in BREAKS.split(text)) + "\n").encode()
