"""Days of a cluster in seconds: bursts of jobs with heavy-tailed durations, the index, and a clock that is set.

Nothing sleeps and nothing runs; a job's end is an event. While it goes, what must always hold is checked: no
more is taken than there is, and nobody who was admitted behind a head took what the head lacks.
"""

from __future__ import annotations

import heapq
import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from longshore.queueing.admission import Admission
from longshore.queueing.amounts import Amounts
from longshore.queueing.model import Environment, Grant, Nodes, Queue, Request, Shape

ENVIRONMENT = Environment("pool", Amounts(100_000, 400 << 30, 8))
WEIGHTS = (("gold", 4), ("silver", 2), ("bronze", 1))
QUEUE = Queue("jobs", ("pool",), half_life_seconds=600.0, weights=WEIGHTS)


@dataclass(frozen=True, slots=True)
class Job:
    """When it comes, what it asks for, and how long it runs, in seconds."""

    request: Request
    seconds: float


@dataclass(slots=True)
class Outcome:
    """What was seen of a simulation."""

    order: list[str] = field(default_factory=list)
    """Uids in the order in which they were admitted."""
    waited: dict[str, float] = field(default_factory=dict)
    """Seconds until each was admitted."""
    used: dict[str, float] = field(default_factory=dict)
    """cpu-seconds by share, while all shares waited."""
    rounds: list[float] = field(default_factory=list)
    """Seconds that each event and its round took."""
    broken: list[str] = field(default_factory=list)
    """What must not be, and was."""


def workload(count: int, seed: int, mean_gap: float = 0.5, longest_seconds: float = 10_800) -> list[Job]:
    """Jobs in bursts; durations are Pareto distributed with a shape of 1.5, up to the longest."""
    rng, at, made = random.Random(seed), 0.0, []
    while len(made) < count:
        at += rng.expovariate(1 / (40 * mean_gap))
        share = rng.choice(["gold", "silver", "bronze"])
        for _ in range(min(rng.randint(1, 80), count - len(made))):
            cpu = rng.choice([500, 1000, 2000, 4000])
            need = Amounts(cpu, cpu << 21, 1 if rng.random() < 0.02 else 0)
            uid = f"{len(made):06d}"
            request = Request(
                uid, QUEUE.name, share, rng.choice([0, 0, 0, 5]), at, uid, Shape("team", need, Nodes())
            )
            made.append(Job(request, min(20 * rng.paretovariate(1.5), longest_seconds)))
    return made


def simulate(
    jobs: list[Job],
    queues: tuple[Queue, ...] = (QUEUE,),
    environments: tuple[Environment, ...] = (ENVIRONMENT,),
    also: Callable[[str, float, str], None] = lambda what, now, uid: None,
    compare: Callable[[float, list[Grant]], None] = lambda now, grants: None,
    until: float = float("inf"),
) -> Outcome:
    """Runs until every job has ended, or until that second. `also` is told of each event, `compare` of each round."""
    admission, outcome = Admission(), Outcome()
    for environment in environments:
        admission.set_environment(environment)
    for queue in queues:
        admission.set_queue(queue, 0.0)
    by_uid = {job.request.uid: job for job in jobs}
    events = [(job.request.submitted, 0, job.request.uid) for job in jobs]
    heapq.heapify(events)
    taken: defaultdict[str, float] = defaultdict(float)
    last = 0.0
    while events and events[0][0] <= until:
        now, kind, uid = heapq.heappop(events)
        _account(admission, queues, taken, now - last)
        last, before = now, {name: line.head for name, line in admission.lines.items()}
        also("end" if kind else "come", now, uid)
        began = time.perf_counter()
        if kind:
            admission.release(uid, now)
        else:
            admission.ask(by_uid[uid].request)
        grants = admission.round(now)
        outcome.rounds.append(time.perf_counter() - began)
        compare(now, grants)
        for grant in grants:
            outcome.order.append(grant.request.uid)
            outcome.waited[grant.request.uid] = now - grant.request.submitted
            heapq.heappush(events, (now + by_uid[grant.request.uid].seconds, 1, grant.request.uid))
        outcome.broken += [
            f"{each.name} is overcommitted" for each in environments if min(admission.free(each)) < 0
        ]
        outcome.broken += _delays(admission, before, grants)
    outcome.used = dict(taken)
    return outcome


def _account(
    admission: Admission, queues: tuple[Queue, ...], taken: dict[str, float], seconds: float
) -> None:
    for queue in queues:
        line = admission.line(queue.name)
        if len(line.shares) < len(queue.weights):
            continue
        for share, usage in line.usage.items():
            taken[share] += usage.rate * seconds


def _delays(admission: Admission, before: dict[str, object], grants: list[Grant]) -> list[str]:
    """Grants in a round that took, from a head that still waits, what that lacks."""
    found = []
    for name, line in admission.lines.items():
        head = line.head
        if head is None or (request := line.get(head.uid)) is None:
            continue
        was = before.get(name)
        if was is None or was.uid != head.uid:  # type: ignore[attr-defined]
            continue
        for environment, _, _ in head.places:
            free = admission.free(environment)
            for grant in grants:
                overtakes = grant.request.share == request.share and grant.request.order < request.order
                if grant.environment != environment.name or overtakes:
                    continue
                found += [
                    f"{grant.request.uid} was admitted and delays {head.uid}"
                    for taken, wanted, left in zip(grant.request.need, request.need, free, strict=True)
                    if taken and wanted > left
                ]
    return found
