"""What is answered instead of a page."""

from __future__ import annotations

from depl.errors import DeplError


class WebError(DeplError):
    """A request that is not answered as its sender wishes. status: that of HTTP."""

    status = 500


class NotSignedIn(WebError):
    """Nobody knows who asks."""

    status = 401


class Forbidden(WebError):
    """Somebody may not do that."""

    status = 403


class NotFound(WebError):
    """There is no such thing, or it is not for them to know of."""

    status = 404


class Refused(WebError):
    """It makes no sense now: the state of things is another one."""

    status = 409


class Invalid(WebError):
    """What was sent means nothing. mistakes: by the name of a field, for forms."""

    status = 422

    def __init__(self, message: str, *, hint: str = "", mistakes: dict[str, str] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.mistakes = mistakes or {}


class TooMany(WebError):
    """Too often in too short a time. seconds: after which it makes sense again."""

    status = 429

    def __init__(self, message: str, *, hint: str = "", seconds: float = 60.0) -> None:
        super().__init__(message, hint=hint)
        self.seconds = seconds


class Unavailable(WebError):
    """The store cannot be used now."""

    status = 503
