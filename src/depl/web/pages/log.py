"""What a task printed: a window of it, however long it is; followed, searched, taken home."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from depl.store.outputs import Printed
from depl.store.store import Store
from depl.web.ask import Ask
from depl.web.live import live_route
from depl.web.operations.known import seen
from depl.web.rendering import fragment
from depl.web.routing import page
from depl.web.views.log_text import line_at, parts, readable
from depl.web.watching import Update, Watch

WINDOW, LARGEST = 32_768, 262_144  # characters that are shown at once, and at most
PIECE = 524_288  # characters that are read at once for those who take all of it
HITS = 20
AROUND = 300  # characters before and after what was found


@dataclass(frozen=True)
class Hit:
    """Where something was found, and the line in which it stands."""

    offset: int
    line: str


def window(ask: Ask) -> Response:
    """From `offset` on, from the end where there is none; `?format=text` for programs."""
    header, task = seen(ask, ask.path("id")), ask.path("task")
    store, limit = ask.site.store, ask.number("limit", WINDOW, 1, LARGEST)
    total = store.ends(header.id, [task]).get(task, 0)
    is_end = not ask.query("offset")
    begin = max(0, total - limit) if is_end else ask.number("offset", 0, 0, total)
    found = store.output(header.id, task, begin, min(limit, total - begin))  # what is newer comes by following
    if ask.query("format") == "text":
        text = "".join(piece.text for piece in found.pieces)
        return PlainTextResponse(text, headers={"X-Depl-Offset": str(begin), "X-Depl-Total": str(total)})
    sought, hit = ask.query("q")[:200], ask.number("hit", 0)
    before, rest = _split(found.pieces, hit) if begin < hit else ([], found.pieces)
    return ask.page(
        "log.html",
        rollout=header,
        task=task,
        total=total,
        begin=begin,
        end=min(total, begin + limit),
        limit=limit,
        follows=is_end and not header.state.is_over,
        before=parts(before, sought),
        parts=parts(rest, sought),
        sought=sought,
        search=_search(ask, header.id, task, sought) if sought and is_end else None,
        inside=[] if total else _inside(ask, header.id, task),
    )


def _search(ask: Ask, rollout: str, task: str, sought: str) -> dict[str, object]:
    after = ask.number("after", 0)
    found = ask.site.store.search(rollout, task, sought, HITS, after)
    hits = [_hit(ask.site.store, rollout, task, offset) for offset in found.offsets]
    return {"hits": hits, "after": after, "on": found.after}


def _hit(store: Store, rollout: str, task: str, offset: int) -> Hit:
    begin = max(0, offset - AROUND)
    text = "".join(piece.text for piece in store.output(rollout, task, begin, 2 * AROUND).pieces)
    start, stop = line_at(text, offset - begin)
    return Hit(offset, readable(text[start:stop]))


def _split(pieces: Sequence[Printed], place: int) -> tuple[list[Printed], list[Printed]]:
    """What stands before a character, and the rest."""
    before = [replace(one, text=one.text[: max(0, place - one.offset)]) for one in pieces]
    rest = [replace(one, text=one.text[max(0, place - one.offset) :]) for one in pieces]
    return [one for one in before if one.text], [one for one in rest if one.text]


def _inside(ask: Ask, rollout: str, task: str) -> list[str]:
    """What is done inside of a task, where that is what prints."""
    return [id for id in ask.site.reader.state(rollout).tasks if id.startswith(f"{task}/")]


def download(ask: Ask) -> Response:
    """All of it as it was printed, piece by piece: it may be larger than memory."""
    header, task = seen(ask, ask.path("id")), ask.path("task")
    end = ask.site.store.ends(header.id, [task]).get(task, 0)
    name = re.sub(r"[^A-Za-z0-9@.-]+", "-", f"{header.id}-{task}") + ".log"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    whole = _whole(ask.site.store, header.id, task, end)
    return StreamingResponse(whole, media_type="text/plain; charset=utf-8", headers=headers)


def _whole(store: Store, rollout: str, task: str, end: int) -> Iterator[bytes]:
    for offset in range(0, end, PIECE):
        found = store.output(rollout, task, offset, min(PIECE, end - offset))
        yield "".join(piece.text for piece in found.pieces).encode()


def _source(ask: Ask) -> Watch:
    return Watch.of_output(seen(ask, ask.path("id")).id, ask.path("task"), alike="output")


def _news(ask: Ask, update: Update) -> str:
    """What was printed since, to be put at the end."""
    rollout, task = ask.path("id"), ask.path("task")
    found = ask.site.store.output(rollout, task, update.begin, int(update.id) - update.begin)
    left_out = update.begin - int(update.since) if not update.everything else 0
    about = {"parts": parts(found.pieces), "total": int(update.id), "left_out": left_out}
    return fragment(ask.request, ask.visitor, "log_part.html", rollout=rollout, task=task, **about)


_PATH = "/rollouts/{id}/tasks/{task:path}/log"
routes = [
    live_route(f"{_PATH}/live", _source, _news),
    page(f"{_PATH}/download", download),
    page(_PATH, window),
]
