"""Whether the next attempt has room: a job that names a queue starts and resumes only once it is admitted.

That it is admitted is in its status before its Job exists, so that room is taken from then on, whatever
crashes. The end of an attempt, and the standstill of a suspended array, give the room back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from longshore.batchjob import growth
from longshore.batchjob.attempts import is_stopped
from longshore.batchjob.facts import Facts
from longshore.batchjob.lifecycle import Course
from longshore.queueing.objects import is_queued, need_of, written
from longshore.workload.conditions import timestamp
from longshore.workload.decision import Obj
from longshore.workload.pod import resources, with_memory

GRANTED = "Admitted"
_ASKED = {"queue", "share", "priority", "size", "resources", "placement", "array", "nodes"}


def ask(facts: Facts, course: Course, now: datetime) -> Course:
    """The course, as far as there is room for it."""
    if facts.spec.queue is None:
        return course
    held: Obj = facts.status.get("queue", {})
    attempt = course.start or (course.running.number if course.running and course.resume else None)
    if attempt is None:
        # Where it ran last is kept with its end; that takes no room any more.
        kept = course.end is not None and "environment" in held
        return replace(course, queue=held if kept or _still_takes_room(facts, course, held) else None)
    if "environment" in held and held["environment"] == facts.environment and held["attempt"] == attempt:
        return replace(course, queue=held)
    since = held["since"] if held.get("attempt") == attempt and "since" in held else timestamp(now)
    queue: Obj = {"attempt": attempt, "since": since}
    ticket = facts.ticket
    if ticket is not None and ticket.environment is not None:
        requests = written(need_of(asked_for(facts, course)))
        queue |= {"environment": ticket.environment, "admittedAt": timestamp(now), "requests": requests}
    elif ticket is not None and ticket.wait is not None and ticket.wait.position is not None:
        queue["position"] = ticket.wait.position
    elif ticket is None and "position" in held:
        queue["position"] = held["position"]
    return replace(course, start=None, resume=False, asks=attempt, queue=queue)


def asked_for(facts: Facts, course: Course) -> Obj:
    """The part of the spec that the queue goes by: with a definition, what it and the job make together, and as much
    memory as the next attempt gets."""
    spec: Obj = facts.batchjob["spec"]
    if facts.definition is not None:
        spec = facts.spec.model_dump(mode="json", by_alias=True, exclude_none=True, include=_ASKED)
    limit = growth.next_limit(facts.spec, course.attempts)
    if limit is None:
        return spec
    requests = with_memory(resources(facts.spec.size, facts.spec.resources), limit)["requests"]
    amounts: Obj = {"requests": {name: requests[name] for name in ("cpu", "memory") if name in requests}}
    exact: Obj = spec.get("resources", {})
    amounts |= {"gpu": exact["gpu"]} if "gpu" in exact else {}
    return {name: value for name, value in spec.items() if name != "size"} | {"resources": amounts}


def waiting(facts: Facts, course: Course) -> tuple[str, str]:
    """Why an attempt that asks for room doesn't run. What was told is told on while it holds as far as it goes:
    figures that move with every job would be written for each job in line."""
    queue, ticket, before = facts.spec.queue, facts.ticket, facts.status.get("waiting", {})
    if course.queue is not None and "environment" in course.queue:
        return GRANTED, f"admitted to environment {course.queue['environment']}, its Job is being created"
    if ticket is None or ticket.wait is None:
        if is_queued(facts.batchjob):
            return before["reason"], before["message"]
        return "InLine", f"it waits for queue {queue}"
    wait, held = ticket.wait, facts.status.get("queue", {})
    if (
        (wait.reason, wait.position) == (before.get("reason"), held.get("position"))
        and wait.position is not None
        and wait.position > 1
    ):
        return wait.reason, before["message"]
    return wait.reason, wait.message


def _still_takes_room(facts: Facts, course: Course, held: Obj) -> bool:
    running = course.running
    if "environment" not in held or running is None or running.number != held["attempt"]:
        return False
    job = facts.job(running.number)
    return job is None or not is_stopped(job)
