"""What admission knows: queues, environments, requests for room, and what is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from longshore.queueing.amounts import Amounts

NO_SHARE = ""


@dataclass(frozen=True, slots=True)
class Nodes:
    """The part of a placement that says on which nodes pods may run; None and empty is any."""

    architecture: str | None = None
    capacity: Literal["OnDemand", "Spot", "Any"] = "Any"
    zones: frozenset[str] = frozenset()
    labels: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Environment:
    """A compute environment: what jobs may take in all, and on which nodes."""

    name: str
    capacity: Amounts
    enabled: bool = True
    nodes: Nodes = Nodes()


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue. Patterns are names, with a trailing * all that begin so. Times are seconds since 1970."""

    name: str
    environments: tuple[str, ...]
    priority: int = 0
    state: Literal["Open", "Draining", "Stopped"] = "Open"
    draining_since: float | None = None
    max_running: int | None = None
    max_waiting: int | None = None
    backfill: bool = True
    """Whether others may pass the one that is next while there is no room for it."""
    half_life_seconds: float | None = None
    """None is no fair share: all jobs are in one line."""
    weights: tuple[tuple[str, int], ...] = ()
    """Pattern and weight of each share."""
    namespaces: tuple[str, ...] = ()
    """Patterns; empty is all."""

    def weight_of(self, share: str) -> int:
        """Weight of the longest pattern that matches; 1 where none does."""
        found = [(len(pattern), weight) for pattern, weight in self.weights if matches(pattern, share)]
        return max(found)[1] if found else 1

    def admits(self, namespace: str) -> bool:
        return not self.namespaces or any(matches(pattern, namespace) for pattern in self.namespaces)


class Shape(NamedTuple):
    """What decides whether a queue can ever admit a request, now or later."""

    namespace: str
    need: Amounts
    nodes: Nodes


@dataclass(frozen=True, slots=True)
class Request:
    """A batch job that asks for room for its next attempt: for all of its pods, or none."""

    uid: str
    queue: str
    share: str
    priority: int
    submitted: float
    """Seconds since 1970."""
    name: str
    shape: Shape

    @property
    def need(self) -> Amounts:
        return self.shape.need

    @property
    def order(self) -> Order:
        """Its place in the line of its share: the smallest goes first."""
        return Order(-self.priority, self.submitted, self.shape.namespace, self.name, self.uid)


class Order(NamedTuple):
    """How requests of one share are sorted."""

    rank: int
    submitted: float
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Room that is taken: by a job that is admitted, whether or not its status says so yet."""

    uid: str
    queue: str
    share: str
    environment: str
    need: Amounts


@dataclass(frozen=True, slots=True)
class Grant:
    """This request is admitted to this environment."""

    request: Request
    environment: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a request waits, in one word and one sentence that says what to do, and its place in the line."""

    reason: str
    message: str
    position: int | None = None
    """From 1, in the line of its share; far behind it is rounded up. None outside the line."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a queue answers to a request."""

    environment: str | None = None
    """Where it is admitted to."""
    wait: Wait | None = None
    """Why it isn't."""


def matches(pattern: str, name: str) -> bool:
    """Whether the name is the pattern, or begins with what comes before a trailing `*`."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
