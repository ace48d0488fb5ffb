"""Style sheet, scripts and pictures: files of this package, known by their hashes."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from depl.web.errors import NotFound
from depl.web.failing import answer_to

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
YEAR = 31_536_000  # seconds


def asset(name: str) -> str:
    """The address of a file; it is another one when the file is."""
    return f"/static/{name}?v={_hash(name)}"


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _names():
        return answer_to(request, None, NotFound("There is no such file"))
    kind = TYPES[name[name.rindex(".") :]]
    known = request.query_params.get("v") == _hash(name)
    keep = f"public, max-age={YEAR}, immutable" if known else "no-cache"
    return Response(_read(name), media_type=kind, headers={"Cache-Control": keep, "ETag": f'"{_hash(name)}"'})


@cache
def _names() -> frozenset[str]:
    found = resources.files("depl.web").joinpath("static").iterdir()
    return frozenset(one.name for one in found if any(one.name.endswith(ending) for ending in TYPES))


@cache
def _read(name: str) -> bytes:
    return resources.files("depl.web").joinpath("static", name).read_bytes()


@cache
def _hash(name: str) -> str:
    return hashlib.sha256(_read(name)).hexdigest()[:16]


routes = [Route("/static/{name}", _static, methods=["GET"])]
