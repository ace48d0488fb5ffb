"""Who did what, and who was refused it, for those who are admin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from starlette.responses import Response, StreamingResponse

from depl.access.roles import Action
from depl.web.addresses import url
from depl.web.ask import Ask
from depl.web.routing import page

FILTERS = ("who", "what", "subject", "environment", "outcome")
PAGE, PIECE = 100, 1000
OUTCOMES = ("done", "denied", "failed")


def audit(ask: Ask) -> Response:
    """The newest first."""
    ask.assert_may(Action.AUDIT)
    wanted = _wanted(ask)
    before = ask.number("before", 0) or None
    entries = ask.site.store.audit.entries(**wanted, before=before, limit=PAGE + 1)
    older = url("audit", **wanted, before=entries[PAGE - 1].number) if len(entries) > PAGE else ""
    return ask.page(
        "audit.html",
        entries=entries[:PAGE],
        older=older,
        newest=url("audit", **wanted) if before else "",
        download=url("audit", "download", **wanted),
        wanted=wanted,
        outcomes=[("", "any"), *((one, one) for one in OUTCOMES)],
    )


def download(ask: Ask) -> Response:
    """All that the filter lets through, one JSON object a line."""
    ask.assert_may(Action.AUDIT)
    headers = {"Content-Disposition": 'attachment; filename="audit.jsonl"'}
    return StreamingResponse(_lines(ask, _wanted(ask)), media_type="application/jsonl", headers=headers)


def _wanted(ask: Ask) -> dict[str, Any]:
    return {name: ask.query(name).strip() for name in FILTERS}


def _lines(ask: Ask, wanted: dict[str, Any]) -> Iterator[str]:
    before = None
    while entries := ask.site.store.audit.entries(**wanted, before=before, limit=PIECE):
        yield "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in entries)
        before = entries[-1].number


routes = [page("/audit", audit), page("/audit/download", download)]
