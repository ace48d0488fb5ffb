"""Lists of public keys as forges publish them: https://github.com/NAME.keys and the like."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

from depl.errors import ConfigurationError, DeplError

SECONDS = 10
LARGEST = 256 * 1024
NEXT = "Check the address and the network, or give the keys themselves."


def downloaded(url: str, seconds: float = SECONDS) -> str:
    """The text behind an https address. DeplError: it cannot be had, in one sentence."""
    import http.client
    import urllib.error

    _must_be_https(url)
    try:
        content = _content(url, time.monotonic() + seconds, seconds)
    except urllib.error.HTTPError as error:
        error.close()
        raise _failed(url, f"the server answers with status {error.code} ({error.reason})") from None
    except urllib.error.URLError as error:
        raise _failed(url, *_cause(error.reason)) from None
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise _failed(url, *_cause(error)) from None
    return content.decode("utf-8", "replace")


def _must_be_https(url: str) -> None:
    hint = "Give an address that begins with https://."
    try:
        parts = urlsplit(url)
        host, credentials = parts.hostname, parts.username is not None
        _ = parts.port
    except ValueError as error:
        raise ConfigurationError(f"{url} is not an address: {error}", hint=hint) from None
    if parts.scheme.lower() != "https":
        raise ConfigurationError(
            f"{url} is not https: keys are not taken from where anybody can change them", hint=hint
        )
    if credentials:
        raise ConfigurationError(f"the address on {host} carries a user or password", hint="Use a public list of keys.")
    if not host or not url.isascii() or any(character <= " " for character in url):
        raise ConfigurationError(f"{url!r} is not an address", hint=hint)


def _content(url: str, until: float, seconds: float) -> bytes:
    content = b""
    with _opener().open(url, timeout=seconds) as response:
        while piece := response.read1(64 * 1024):
            content += piece
            if len(content) > LARGEST:
                raise _failed(url, f"it is longer than {LARGEST // 1024} KB", "This is hardly a list of keys.")
            if time.monotonic() > until:
                raise TimeoutError
    return content


def _opener() -> Any:
    """As urlopen does it, with redirects to https alone."""
    import ssl
    import urllib.request

    class ToHttps(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            if urlsplit(newurl).scheme.lower() != "https":
                fp.close()
                raise _failed(req.full_url, f"it leads on to {newurl}, which is not https")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    context = ssl.create_default_context()
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), ToHttps())


def _cause(reason: object) -> tuple[str, str]:
    """What a foreign error means, and the next step."""
    import socket
    import ssl

    if isinstance(reason, ssl.SSLCertVerificationError):
        word = f"its certificate is not trusted ({reason.verify_message.rstrip('.')})"
        return word, "Point SSL_CERT_FILE to the certificates of your authority, if it is yours."
    if isinstance(reason, ssl.SSLError):
        return f"there is no TLS connection ({reason.reason or reason})", NEXT
    if isinstance(reason, socket.gaierror):
        return "there is no such host, or no name service", NEXT
    if isinstance(reason, TimeoutError):
        return f"there is no answer within {SECONDS} seconds", NEXT
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror[0].lower() + reason.strerror[1:], NEXT
    return f"the answer cannot be understood ({type(reason).__name__})", NEXT


def _failed(url: str, cause: str, hint: str = NEXT) -> DeplError:
    return DeplError(f"the keys at {url} cannot be fetched: {cause}", hint=hint)
