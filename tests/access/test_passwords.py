"""How passwords are kept."""

from __future__ import annotations

import threading

import pytest

from depl.access import passwords
from depl.access.passwords import Busy, hashed_password, is_outdated, is_password, refused_password

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def kept() -> str:
    return hashed_password(PASSWORD)


def test_only_the_right_one_is_right_and_none_is_kept_in_clear(kept: str):
    assert kept.startswith("$argon2id$") and PASSWORD not in kept
    assert is_password(kept, PASSWORD)
    assert not is_password(kept, PASSWORD + " ")
    assert not is_outdated(kept)


def test_who_has_none_cannot_come_by_any():
    assert not is_password("", PASSWORD)
    assert not is_password("", "nobody has this password")


def test_one_that_was_kept_with_less_effort_is_to_be_kept_anew():
    assert is_outdated("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$8iIuixkI73Js3G1uMbezQXD0b8LG4SXGsOwoQkdAQIM")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "at least 12"),
        ("x" * 2000, "more than"),
        ("aaaaaaaaaaaaaa", "different"),
        ("annannann123", "name"),
    ],
)
def test_some_are_refused_with_a_sentence(password: str, why: str):
    assert why in refused_password(password, "annannann")


def test_a_sentence_is_a_fine_password():
    assert refused_password(PASSWORD, "ann") == ""
    assert refused_password("äöü ist länger", "ann") == ""


def test_so_many_at_a_time_and_the_rest_is_turned_away(kept: str):
    for _ in range(passwords.AT_ONCE + passwords.WAITING):
        assert passwords._queue.acquire(blocking=False)
    try:
        with pytest.raises(Busy):
            is_password(kept, PASSWORD)
    finally:
        for _ in range(passwords.AT_ONCE + passwords.WAITING):
            passwords._queue.release()
    assert is_password(kept, PASSWORD)


def test_several_at_a_time_all_get_their_answer(kept: str):
    found: list[bool] = []
    threads = [threading.Thread(target=lambda: found.append(is_password(kept, PASSWORD))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4
