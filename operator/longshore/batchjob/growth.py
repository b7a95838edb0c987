"""How much memory the next attempt gets: more than the last one, if that was killed for want of it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from longshore.api.batchjob import BatchJobSpec, MemoryGrowth
from longshore.batchjob.attempts import Attempt
from longshore.workload.quantities import in_mebibytes, parse_quantity

OUT_OF_MEMORY = "OOMKilled"


def next_limit(spec: BatchJobSpec, attempts: Sequence[Attempt]) -> str | None:
    """The memory limit of the attempt that follows these; None where it is the spec's own."""
    last = attempts[-1] if attempts else None
    if spec.memory_growth is None or last is None or last.memory is None:
        return None
    return _grown(last.memory, spec.memory_growth) if last.reason == OUT_OF_MEMORY else last.memory


def at_its_end(spec: BatchJobSpec, last: Attempt) -> str | None:
    """What is said of an attempt that ran out of memory although it had all that it may grow to."""
    if spec.memory_growth is None or last.reason != OUT_OF_MEMORY or last.memory is None:
        return None
    if parse_quantity(last.memory) < parse_quantity(spec.memory_growth.max):
        return None
    return f"and its memory had grown to memoryGrowth.max, {spec.memory_growth.max}: raise that"


def _grown(limit: str, growth: MemoryGrowth) -> str:
    wanted, ceiling = parse_quantity(limit) * Decimal(str(growth.factor)), parse_quantity(growth.max)
    if ceiling <= parse_quantity(limit):
        return limit
    return in_mebibytes(wanted) if wanted < ceiling else str(growth.max)


def told(attempts: Sequence[Attempt]) -> str | None:
    """What is to be said of the newest attempt; None where it didn't follow one that ran out of memory."""
    if len(attempts) < 2 or attempts[-2].reason != OUT_OF_MEMORY:
        return None
    before, newest = attempts[-2], attempts[-1]
    if newest.memory is None or before.memory is None or newest.memory == before.memory:
        return None
    return f"attempt {newest.number} runs with {newest.memory} after OOM at {before.memory}"
