"""Admission as one pure function: everything that is known at a moment in, who is admitted and why the others wait out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from longshore.queueing.admission import DEPTH, SHARE_DEPTH, Admission
from longshore.queueing.explain import explain
from longshore.queueing.model import Claim, Environment, Grant, Queue, Request, Wait
from longshore.queueing.usage import Usage


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that admission depends on."""

    queues: Sequence[Queue] = ()
    environments: Sequence[Environment] = ()
    claims: Sequence[Claim] = ()
    requests: Sequence[Request] = ()
    usage: Mapping[tuple[str, str], Usage] = field(default_factory=dict)
    """By queue and share, what was used by jobs that have ended."""
    turns: Mapping[str, str] = field(default_factory=dict)
    """Queue → the request that room is being kept for."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who is admitted, in this order, and why each of the others waits."""

    grants: tuple[Grant, ...]
    waits: Mapping[str, Wait]
    """By uid."""


def admit(snapshot: Snapshot, now: float, depth: int = DEPTH, share_depth: int = SHARE_DEPTH) -> Outcome:
    """One round over a snapshot. `now` is in seconds since 1970."""
    admission = Admission(depth, share_depth)
    for environment in snapshot.environments:
        admission.set_environment(environment)
    for queue in snapshot.queues:
        admission.set_queue(queue, now)
    for claim in snapshot.claims:
        admission.occupy(claim, now)
    for (queue_name, share), usage in snapshot.usage.items():
        admission.line(queue_name).recall(share, usage, now)
    for request in snapshot.requests:
        admission.ask(request)
    for queue_name, uid in snapshot.turns.items():
        admission.line(queue_name).turn = uid
    grants = admission.round(now)
    waiting = [each.uid for each in snapshot.requests if admission.waiting(each.uid) is not None]
    return Outcome(tuple(grants), {uid: explain(admission, uid) for uid in waiting})
