"""Giving an agent what it says is missing on its host."""

from __future__ import annotations

import threading
from collections.abc import Callable

from depl.errors import ConfigurationError, DeplError, ProtocolError
from depl.protocol import replies, requests
from depl.protocol.requests import Given
from depl.remote.listening import not_understood
from depl.remote.surroundings import Surroundings
from depl.remote.voice import Voice


def give(
    wants: replies.Wants, host: str, voice: Voice, around: Surroundings, withheld: Callable[[DeplError], None]
) -> None:
    """Give what the agent wants; in a thread of its own, as it may take long. withheld: told why it cannot be given."""

    def answer() -> None:
        error = _answer(wants, host, voice, around)
        if error is not None:
            withheld(error)
            voice.say(requests.Withheld(wants.kind))

    threading.Thread(target=answer, name=f"for {host}", daemon=True).start()


def _answer(wants: replies.Wants, host: str, voice: Voice, around: Surroundings) -> DeplError | None:
    process = voice.process
    try:
        if wants.kind == "go":
            voice.say(Given("go") if around.wait_for_go() else requests.Withheld("go"))
            return None
        for given in around.answer(wants):
            if voice.process is not process:
                return None  # this agent is gone, and the next one will ask for itself
            voice.say(given)
    except ProtocolError as error:
        return not_understood(host, error)
    except DeplError as error:
        return error
    except Exception as error:  # noqa: BLE001 the agent must not wait for ever
        return ConfigurationError(f"{wants.kind} cannot be sent: {type(error).__name__}: {error}")
    return None
