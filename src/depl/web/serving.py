"""The process that answers: made of a site, ended at once though pages are live."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import uvicorn

from depl.errors import ConfigurationError, DeplError
from depl.redact import Redactor
from depl.web.app import build
from depl.web.lasting import Lasting
from depl.web.peers import is_loopback
from depl.web.prompt import HEADING, prompt
from depl.web.reader import Reader
from depl.web.secret_key import secret_key
from depl.web.site import Site
from depl.web.visitors import Links

if TYPE_CHECKING:
    from depl.project import WebSettings
    from depl.store.store import Store

GRACE = 5  # seconds in which an answer may come to its end
HEAD = 32768  # bytes of a request before its body


def site_of(store: Store, settings: WebSettings, base: str, owner: str, name: str = "") -> Site:
    """What a process knows that serves a project. owner: who runs it. Errors: ConfigurationError."""
    if settings.user_header and not settings.proxies:
        message = "`user_header` in [web] of depl.cfg says who asks, but no `proxies` are named that are believed"
        raise ConfigurationError(message, hint="Name the address of the proxy, such as `proxies = 127.0.0.1`.")
    key = secret_key(base, settings.secret_key_file)
    return Site(store, settings, name or os.path.basename(base), base, key, Reader(store), Links(), owner, Redactor())


def serve(
    site: Site,
    address: str,
    port: int,
    ready: Callable[[int], None] = lambda port: None,
    *,
    verbose: bool = False,
) -> None:
    """Answer until INT or TERM comes; see Server. ready: is called with the port once somebody may come."""
    Server(site, address, port, verbose=verbose).run(ready)


class Server:
    """Answers at an address. port: 0 for any that is free. Errors: ConfigurationError where it cannot be had.

    heading: seconds in which a request has to come up to its body.
    In another thread than the main one it hears no signals; end() works from everywhere.
    """

    def __init__(self, site: Site, address: str, port: int, *, verbose: bool = False, heading: float = HEADING) -> None:
        self.site = site
        _speak_of_mistakes()
        self._socket = bound(address, port, lambda place: assert_guarded(site.store, place))
        place = self._socket.getsockname()
        self.port = int(place[1])
        self.url = f"http://{f'[{address}]' if ':' in address else address}:{self.port}"
        self.is_open = not is_loopback(place[0]) and not site.settings.proxies  # others get here, and nothing encrypts
        self._lasting = Lasting(build(site))
        config = uvicorn.Config(
            self._lasting,
            http=prompt(heading),
            ws="none",
            log_config=None,
            log_level="info" if verbose else "error",
            access_log=verbose,
            proxy_headers=False,  # depl.web.peers knows whom to believe
            server_header=False,
            timeout_graceful_shutdown=GRACE,
            h11_max_incomplete_event_size=HEAD,
        )
        self._server = _Uvicorn(config, self._lasting)

    def run(self, ready: Callable[[int], None] = lambda port: None) -> None:
        """Until somebody wants it to end."""
        self._server.ready = lambda: ready(self.port)
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def end(self) -> None:
        """Let run() come back."""
        self._server.should_exit = True


class _Uvicorn(uvicorn.Server):
    """Ends what would last for ever before it waits for the rest; INT and TERM are no errors."""

    def __init__(self, config: uvicorn.Config, lasting: Lasting) -> None:
        super().__init__(config)
        self._lasting = lasting
        self.ready: Callable[[], None] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await asyncio.to_thread(self.ready)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._lasting.end()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()  # they are heeded by now


def bound(address: str, port: int, check: Callable[[str], None]) -> socket.socket:
    """A socket that listens there. check: of the address that it has. Errors: ConfigurationError."""
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        made = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise _unusable(address, port, error) from error
    try:
        check(str(place[0]))
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(place)
        made.listen(2048)  # before somebody hears of it
    except OSError as error:
        made.close()
        raise _unusable(address, port, error) from error
    except BaseException:
        made.close()
        raise
    return made


def assert_guarded(store: Store, address: str) -> None:
    """Others than this machine get in only where somebody has a password. Errors: ConfigurationError, LogFailed."""
    if is_loopback(address) or store.people.any():
        return
    raise ConfigurationError(
        f"There are no users, so {address} is refused: whoever reaches it could want to sign in",
        hint="Make one by `depl user add NAME --role '*=admin'`, or serve at 127.0.0.1.",
    )


def _unusable(address: str, port: int, error: Exception) -> DeplError:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        hint = f"Is `depl serve` running already? Else take another one: --port {port + 1 if port < 65535 else 5001}."
        return ConfigurationError(f"Port {port} of {address} is in use", hint=hint)
    if number == errno.EACCES:
        hint = "Take one above 1023; a reverse proxy can stand before it."
        return ConfigurationError(f"Port {port} of {address} may not be used by this user", hint=hint)
    said = getattr(error, "strerror", None) or str(error)
    hint = "--address or `address` in [web] of depl.cfg is one of this machine's, such as 127.0.0.1."
    return ConfigurationError(f"Nothing can be served at {address}: {said}", hint=hint)


def _speak_of_mistakes() -> None:
    """Tracebacks of what nobody foresaw go to the standard error, once."""
    logger = logging.getLogger("uvicorn")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logger.addHandler(handler)
        logger.propagate = False
