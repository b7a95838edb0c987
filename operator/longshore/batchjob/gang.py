"""A gang starts wholly or gives its nodes back: how many of its pods have one, and how long those may wait for the rest.

Two gangs of which each holds what the other lacks would wait for ever. How long they wait, and how long they
stay away afterwards, differs from gang to gang and from attempt to attempt, so that one of them gets everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from longshore.api.batchjob import Nodes
from longshore.api.ranges import ranges
from longshore.batchjob.attempts import GANG_INCOMPLETE, Attempt, started_at
from longshore.batchjob.facts import Facts, attempt_of, index_of
from longshore.workload.conditions import parse_time, timestamp
from longshore.workload.decision import Obj
from longshore.workload.diagnosis import diagnose, refused_pods
from longshore.workload.names import content_hash

PAUSE = timedelta(seconds=60)
LONGEST_PAUSE = timedelta(seconds=960)


def missing(facts: Facts, attempt: int, now: datetime) -> str | None:
    """The sentence that says which pods have no node yet, and why, while others hold theirs; else None."""
    job, nodes, pods = facts.job(attempt), facts.spec.nodes, facts.pods_of(attempt)
    if nodes is None or job is None or not _is_partly_placed(nodes, pods):
        return None
    without = sorted(set(range(nodes.count)) - _placed(pods))
    running = len({index_of(pod) for pod in pods if started_at(pod)})
    which = f"pod {without[0]} waits" if len(without) == 1 else f"pods {ranges(without)} wait"
    return (
        f"{running} of {nodes.count} pods run; {which} because {_why(facts, pods, without[0], now)}."
        f" Unless all have a node by {timestamp(_deadline(facts, job, nodes))}, all give theirs back for a while"
    )


def is_overdue(facts: Facts, now: datetime) -> bool:
    """Whether the newest attempt holds some nodes, lacks others, and has done so for too long."""
    nodes, job = facts.spec.nodes, max(facts.jobs, key=attempt_of, default=None)
    if nodes is None or job is None or now < _deadline(facts, job, nodes):
        return False
    recorded = (each for each in facts.status.get("attempts", ()) if each["number"] == attempt_of(job))
    if any("startedAt" in each or "finishedAt" in each for each in recorded):
        return False
    # Once the Job is suspended its pods go, and with them what they show.
    return bool(job["spec"].get("suspend")) or _is_partly_placed(nodes, facts.pods_of(attempt_of(job)))


def gave_back(facts: Facts) -> str:
    """What is said of an attempt that gave its nodes back."""
    assert facts.spec.nodes is not None
    count = facts.spec.nodes.count
    return f"not all of its {count} pods found a node in time, so those that had one gave it back"


def next_deadline(facts: Facts, attempt: int) -> datetime | None:
    """When the attempt gives its nodes back, if it then still isn't whole."""
    job, nodes = facts.job(attempt), facts.spec.nodes
    return _deadline(facts, job, nodes) if nodes and job else None


def next_try(facts: Facts, attempts: Sequence[Attempt]) -> datetime:
    """When the gang, whose last attempt gave its nodes back, tries again: later each time in a row."""
    last, times = attempts[-1], 0
    for each in reversed(attempts):
        if each.reason != GANG_INCOMPLETE:
            break
        times += 1
    assert last.finished is not None, "only an attempt that ended is followed by another"
    pause: timedelta = min(PAUSE * 2 ** (times - 1), LONGEST_PAUSE)
    return last.finished + pause * (1 + _chance(facts, last.number, "pause"))


def _is_partly_placed(nodes: Nodes, pods: Sequence[Obj]) -> bool:
    return 0 < len(_placed(pods)) < nodes.count


def _placed(pods: Sequence[Obj]) -> set[int | None]:
    return {index_of(pod) for pod in pods if pod.get("spec", {}).get("nodeName")}


def _deadline(facts: Facts, job: Obj, nodes: Nodes) -> datetime:
    patience = nodes.start_seconds * (1 + _chance(facts, attempt_of(job), "patience") / 2)
    return parse_time(job["metadata"]["creationTimestamp"]) + timedelta(seconds=round(patience))


def _chance(facts: Facts, attempt: int, of: str) -> float:
    """A number from 0 to 1 that is the same each time, and another for each gang and attempt."""
    digits = content_hash([facts.batchjob["metadata"]["uid"], attempt, of])
    return int(digits, 16) / float(16 ** len(digits))


def _why(facts: Facts, pods: Sequence[Obj], index: int, now: datetime) -> str:
    those = [pod for pod in pods if index_of(pod) == index]
    if failure := diagnose(those, facts.evidence, now):
        return failure.message
    if facts.pods_refused:
        return refused_pods(facts.pods_refused).message
    return "no node has been found for it yet" if those else "it has not been created yet"
