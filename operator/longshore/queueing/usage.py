"""What a share has used, fading with a half-life, and what it is using.

Usage is the dominant part of an environment times seconds: whoever takes half of its cpu and a tenth of
its memory takes half of it. What runs now counts as if it had run for the mean life of past usage, so that
shares alternate also among jobs that are admitted in the same moment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from longshore.queueing.amounts import UNLIMITED, Amounts

NEVER = -math.inf
DIGITS = 6
"""Shares that differ by less than the last of these, in doublings of usage, stand alike."""
_ASSUMED = Amounts(cpu_millis=1_000_000, memory_bytes=4 << 40, gpus=100)
"""How large a resource without a limit is taken to be."""


@dataclass(frozen=True, slots=True)
class Usage:
    """`past` at the moment `at`, in parts of an environment times seconds, and `rate`, which is being added."""

    past: float = 0.0
    at: float = 0.0
    rate: float = 0.0

    def until(self, now: float, half_life_seconds: float) -> Usage:
        """The same usage, told at a later moment."""
        if now <= self.at:
            return self
        kept = 0.5 ** ((now - self.at) / half_life_seconds)
        grown = self.rate * half_life_seconds / math.log(2) * (1 - kept)
        return Usage(self.past * kept + grown, now, self.rate)

    def changed(self, rate: float, now: float, half_life_seconds: float) -> Usage:
        """From now on `rate` more, or less, is used."""
        told = self.until(now, half_life_seconds)
        left = told.rate + rate
        return replace(told, rate=left if left > 1e-12 else 0.0)

    def standing(self, weight: int, now: float, half_life_seconds: float) -> float:
        """What shares are compared by: the lowest goes first. Without a rate it is the same at all times."""
        told = self.until(now, half_life_seconds)
        used = told.past + told.rate * half_life_seconds / math.log(2)
        if used <= 0:
            return NEVER
        return round(math.log2(used / weight) + told.at / half_life_seconds, DIGITS)


def part_of(need: Amounts, capacity: Amounts) -> float:
    """The largest part of a resource that is taken."""
    sizes = [
        limit if limit < UNLIMITED else assumed for limit, assumed in zip(capacity, _ASSUMED, strict=True)
    ]
    return max(wanted / size if size else 0.0 for wanted, size in zip(need, sizes, strict=True))
