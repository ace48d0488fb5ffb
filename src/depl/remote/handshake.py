"""From a socket to a login: agree on keys and ciphers, see whose key the host shows, prove who we are."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from typing import Any

from depl.errors import Unreachable
from depl.remote.hostkeys import Offered, algorithms_for
from depl.remote.identities import Identities
from depl.remote.ssh_config import SshSettings

WINDOW = 8 * 1024 * 1024  # bytes in flight towards us; 2 MB would cap a line of 100 ms at 20 MB/s
POLL = 1.0  # seconds; paramiko's thread looks up so often to see whether it was closed


class ClosedEarly(Unreachable):
    """The server closed the connection before it said a word: it has enough to do, as a rule (MaxStartups)."""


def load_paramiko() -> Any:
    """The library, with nothing of its own on anybody's terminal."""
    if "paramiko" not in sys.modules:
        # For `Match exec`, which we ask ssh about, it would import invoke: as long again as all the rest.
        sys.modules.setdefault("invoke", None)  # type: ignore[arg-type]
    import paramiko

    if sys.modules.get("invoke", paramiko) is None:
        sys.modules.pop("invoke", None)
    logger = logging.getLogger("paramiko")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return paramiko


def negotiate(socket: Any, host: str, settings: SshSettings, kinds: Sequence[str], timeout: float) -> Any:
    """A transport that waits for a login. kinds: of the host's known keys. Errors: Unreachable, ClosedEarly."""
    paramiko = load_paramiko()
    transport = paramiko.Transport(socket, default_window_size=WINDOW)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = timeout
    transport.channel_timeout = timeout
    options = transport.get_security_options()
    options.ciphers = sorted(options.ciphers, key=_is_slow_cipher)
    options.kex = sorted(options.kex, key=lambda name: name.startswith("diffie-hellman"))  # up to 90 ms instead of 1
    options.key_types = algorithms_for(kinds, options.key_types)
    started = time.monotonic()
    try:
        transport.start_client(timeout=timeout)
        transport.get_remote_server_key()  # raises where the time was up
    except (paramiko.SSHException, OSError, EOFError) as error:
        shut(transport)
        raise _failed(error, transport, host, settings, timeout, time.monotonic() - started) from None
    return transport


def shown_key(transport: Any, name: str) -> Offered:
    """The key that the host shows. name: under which it is to be remembered."""
    key = transport.get_remote_server_key()
    return Offered(name, key.get_name(), key.asbytes())


def log_in(transport: Any, host: str, settings: SshSettings, identities: Identities) -> None:
    """Log in with the first key that is accepted. Errors: Unreachable."""
    paramiko = load_paramiko()
    tried, problems = [], []
    for identity in identities.for_host(settings):
        if identity.problem:
            problems.append(f"{identity.label} {identity.problem}")
            continue
        try:
            more = transport.auth_publickey(settings.user, identity.key)
        except paramiko.BadAuthenticationType as error:
            message = f"{host} lets {settings.user} in by {' or '.join(error.allowed_types)} only, not by a key"
            raise Unreachable(message, hint="Allow keys in its sshd_config (PubkeyAuthentication).") from None
        except (paramiko.SSHException, OSError, EOFError, ValueError):
            more = [""]
        if not more:
            transport.sock.settimeout(POLL)
            if settings.alive_interval:
                transport.set_keepalive(settings.alive_interval)
            return
        tried.append(identity.label + (f" (accepted, but it wants {' and '.join(more)} too)" if any(more) else ""))
        if not transport.is_active():
            problems.append("then it closed the connection")
            break
    raise _not_let_in(host, settings, tried, problems)


def shut(transport: Any) -> None:
    """Close a transport at once, its thread included."""
    import socket

    try:
        transport.sock.shutdown(socket.SHUT_RDWR)  # wakes its thread, which would look up only now and then
    except (OSError, EOFError):
        pass
    transport.close()
    transport.sock.close()


def _is_slow_cipher(name: str) -> int:
    """AES with its own checksum is a third faster than AES and HMAC."""
    return 0 if "gcm" in name else 1


def _failed(
    error: Exception, transport: Any, host: str, settings: SshSettings, timeout: float, elapsed: float
) -> Unreachable:
    from paramiko import IncompatiblePeer

    if isinstance(error, IncompatiblePeer):
        message = f"{host} and depl have no algorithm in common: {error}"
        return Unreachable(message, hint="Its sshd is very old or very strict; see Ciphers and KexAlgorithms there.")
    silent = not transport.remote_version
    if elapsed >= timeout or (silent and isinstance(error.__context__, TimeoutError)):
        what = "sends nothing that sshd would send" if silent else "does not finish the key exchange"
        hint = "Is that the port of sshd? Is the host overloaded? `timeout` in [environment] sets how long to wait."
        return Unreachable(
            f"{host} accepts connections to port {settings.port}, but {what} within {timeout:g} s", hint=hint
        )
    if "Indecipherable" in str(error):
        return Unreachable(
            f"What answers on port {settings.port} of {host} is not sshd",
            hint="Correct `port`, or the Port in ssh_config.",
        )
    if silent:
        hint = "Its sshd may have too many logins under way (MaxStartups), or refuse this address. Try fewer `jobs`."
        return ClosedEarly(f"{host} closes every connection to port {settings.port} before the login", hint=hint)
    hint = f"Look into the log of its sshd, or compare `ssh -v {settings.name}`."
    return Unreachable(f"{host} closed the connection in the key exchange ({str(error) or 'end of file'})", hint=hint)


def _not_let_in(host: str, settings: SshSettings, tried: Sequence[str], problems: Sequence[str]) -> Unreachable:
    what = f"tried {', '.join(tried)}" if tried else "there is no key to try"
    if not tried and not problems:
        what += f" (looked for {', '.join(settings.identity_files)}, and for an agent)"
    return Unreachable(
        f"{host} does not let {settings.user} in: {'; '.join([what, *problems])}",
        hint=f"Set User and IdentityFile in the project's ssh_config, or add the key to {settings.user}'s "
        "authorized_keys there.",
    )
