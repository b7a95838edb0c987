"""The work queue: each key once, at most one worker per key, failures back off per key.

A key that is added while it runs runs once more. One key's failures never hold another. Namespaces take
turns, so that ten thousand objects of one team don't keep another's waiting.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple


class Key(NamedTuple):
    """Names one parent object."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


class WorkQueue:
    """Keys that are due, keys that are due later, keys that run. Clock and randomness come from outside."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        base_seconds: float = 1.0,
        max_seconds: float = 300.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._now, self._jitter = monotonic, jitter
        self._base, self._max = base_seconds, max_seconds
        self._due: dict[Key, float] = {}
        self._turns: OrderedDict[str, deque[Key]] = OrderedDict()
        """The same keys by namespace, each namespace's oldest first."""
        self._later: list[tuple[float, Key]] = []
        self._when: dict[Key, float] = {}
        self._running: set[Key] = set()
        self._again: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._ended = monotonic()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    @property
    def retrying(self) -> int:
        """Keys whose last run failed."""
        return len(self._failures)

    def oldest_seconds(self) -> float:
        """How long the oldest due key has waited."""
        first = next(iter(self._due.values()), None)
        return self._now() - first if first is not None else 0.0

    def stuck_seconds(self) -> float:
        """How long keys have been due without any run coming to an end; a backlog that is worked off is 0."""
        return min(self.oldest_seconds(), self._now() - self._ended)

    def add(self, key: Key) -> None:
        """The key is due now. While it runs, it is due again afterwards."""
        if key in self._running:
            self._again.add(key)
        elif key not in self._due:
            self._due[key] = self._now()
            self._turns.setdefault(key.namespace, deque()).append(key)
            self._when.pop(key, None)
            self._changed.set()

    def add_after(self, key: Key, seconds: float) -> None:
        """The key is due in so many seconds, unless it is due earlier anyhow."""
        due = self._now() + max(seconds, 0.0)
        if key in self._due or self._when.get(key, due + 1) <= due:
            return
        self._when[key] = due
        heapq.heappush(self._later, (due, key))
        if len(self._later) > 2 * len(self._when) + 100:  # mostly plans that an event has overtaken
            self._later = [(due, key) for key, due in self._when.items()]
            heapq.heapify(self._later)
        self._changed.set()

    def done(self, key: Key, *, failed: bool, retry_after: float | None = None) -> None:
        """A run has ended. A failure is tried again after a pause that doubles, or after `retry_after` seconds."""
        self._running.discard(key)
        self._ended = self._now()
        again = key in self._again
        self._again.discard(key)
        if failed:
            count = self._failures[key] = self._failures.get(key, 0) + 1
            self.add_after(key, self._pause(count) if retry_after is None else retry_after)
            return
        self._failures.pop(key, None)
        if again:
            self.add(key)

    def forget(self) -> None:
        """Drops everything that isn't running: a standby has nothing to do."""
        for held in (self._due, self._turns, self._later, self._when, self._again, self._failures):
            held.clear()

    def due(self) -> bool:
        """Whether a key is due now."""
        self._ripen()
        return bool(self._due)

    def take(self) -> Key | None:
        """The key that has been due longest in the namespace whose turn it is, now running; None if none is due."""
        if not self.due():
            return None
        namespace, keys = self._turns.popitem(last=False)
        key = keys.popleft()
        if keys:
            self._turns[namespace] = keys
        del self._due[key]
        self._running.add(key)
        return key

    async def get(self) -> Key:
        """Waits for a key that is due."""
        while True:
            if (key := self.take()) is not None:
                return key
            self._changed.clear()
            pause = self._later[0][0] - self._now() if self._later else None
            try:
                async with asyncio.timeout(None if pause is None else max(pause, 0.001)):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _ripen(self) -> None:
        while self._later and self._later[0][0] <= self._now():
            due, key = heapq.heappop(self._later)
            if self._when.get(key) == due:
                del self._when[key]
                self.add(key)

    def _pause(self, count: int) -> float:
        longest = min(self._base * 2.0 ** min(count - 1, 30), self._max)
        return longest / 2 + longest / 2 * self._jitter()
