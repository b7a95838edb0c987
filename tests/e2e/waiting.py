"""The one way in which end-to-end tests wait: for a condition, with a deadline, and with a word on what was seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PAUSE_SECONDS = 0.25


def wait_for(
    read: Callable[[], T],
    until: Callable[[T], object],
    what: str,
    seconds: float = 60,
    describe: Callable[[T], object] = lambda seen: seen,
    pause: float = PAUSE_SECONDS,
) -> T:
    """Reads until the condition holds and returns what was read then.

    Raises:
        AssertionError: after so many seconds, with what was wanted and what was seen last.
    """
    deadline = time.monotonic() + seconds
    while True:
        seen = read()
        if until(seen):
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s still not: {what}\nseen last: {describe(seen)}")
        time.sleep(pause)
