"""What is said of a BatchJob: phase, conditions, attempts, and one sentence on why it doesn't run now."""

from __future__ import annotations

from datetime import datetime, timedelta

from longshore.batchjob import admission, gang, growth, parts
from longshore.batchjob import array as arrays
from longshore.batchjob.attempts import GANG_INCOMPLETE, Attempt, is_settling
from longshore.batchjob.facts import Facts
from longshore.batchjob.lifecycle import STOPPING, Course, End
from longshore.batchjob.retry import is_free
from longshore.workload.conditions import Condition, parse_time, render, shorten, timestamp, with_one
from longshore.workload.decision import Obj
from longshore.workload.diagnosis import diagnose, refused_pods

RECORDED_ATTEMPTS = 10


def build(facts: Facts, course: Course, now: datetime) -> Obj:
    """The whole status."""
    before, array = facts.status, arrays.progress(facts, course.attempts)
    last = course.attempts[-1] if course.attempts else None
    waiting = _waiting(facts, course, now)
    end = course.end
    if end and array and last:
        end = arrays.in_words(end, facts, array, last)
    phase = _phase(course, end)
    started = min((each.started for each in course.attempts if each.started), default=None)
    if "startedAt" in before:
        started = parse_time(before["startedAt"])
    parts: Obj = {
        "observedGeneration": facts.generation,
        "phase": phase,
        "reason": _reason(phase, end, waiting, course),
        "conditions": render(
            _conditions(course, end, waiting, phase), before.get("conditions", []), facts.generation, now
        ),
        "waiting": _told(waiting, course, before.get("waiting"), now) if waiting else None,
        "queue": course.queue,
        "attempt": course.start or (last.number if last else None),
        "done": f"{array['succeeded'] + array['failed']}/{arrays.size_of(array)}" if array else None,
        "attempts": [_attempt(each, facts) for each in course.attempts[-RECORDED_ATTEMPTS:]],
        "attemptsCounted": course.counted,
        "array": array,
        "definition": facts.definition.render() if facts.definition else None,
        "dependencies": _dependencies(facts, course),
        "startedAt": timestamp(started) if started else None,
        "finishedAt": timestamp(end.at) if end else None,
        "duration": duration(end.at - started) if end and started else None,
        "lastWords": _last_words(facts, last),
    }
    return {name: value for name, value in parts.items() if value is not None}


def refused(facts: Facts, reason: str, message: str, now: datetime, course: Course | None = None) -> Obj:
    """The status when no Job can be made: what was known before, what the job is made from and has waited for, and
    why it waits."""
    before = dict(facts.status)
    if facts.definition and (made_from := facts.definition.render()):
        before["definition"] = made_from
    if course and (dependencies := _dependencies(facts, course)):
        before["dependencies"] = dependencies
    waiting = (reason, message)
    phase = before.get("phase") or "Submitted"
    condition = Condition("Admitted", False, reason, message)
    if "environment" not in before.get("queue", {}):  # it waits for something else than its queue
        before = {name: value for name, value in before.items() if name != "queue"}
    return before | {
        "observedGeneration": facts.generation,
        "phase": phase,
        "reason": reason,
        "conditions": with_one(condition, before.get("conditions", []), facts.generation, now),
        "waiting": _since(waiting, before.get("waiting"), now),
    }


def duration(span: timedelta) -> str:
    """A span in the way of kubectl: 45s, 2m13s, 3h5m, 2d4h."""
    seconds = max(int(span.total_seconds()), 0)
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days}d{hours}h"
    if hours:
        return f"{hours}h{minutes}m"
    return f"{minutes}m{seconds % 60}s" if minutes else f"{seconds}s"


def _phase(course: Course, end: End | None) -> str:
    if end:
        return "Succeeded" if end.succeeded else "Failed"
    running = course.running
    begins = running is not None and not running.started
    if running is not None and course.stop is None and not course.asks and (begins or not course.resume):
        return "Running" if running.started else "Starting"
    if course.start:
        return "Starting"
    if course.held and course.dependencies and course.dependencies.waiting:
        return "Pending"
    return "Runnable" if course.attempts or course.stop or course.asks else "Submitted"


def _reason(phase: str, end: End | None, waiting: tuple[str, str] | None, course: Course) -> str | None:
    if end:
        return end.reason
    return waiting[0] if waiting else phase


def _conditions(
    course: Course, end: End | None, waiting: tuple[str, str] | None, phase: str
) -> list[Condition]:
    admitted = Condition("Admitted", True, "Admitted", "an attempt was started")
    if course.asks and course.queue and "environment" in course.queue:
        admitted = Condition(
            "Admitted", True, "Admitted", f"admitted to environment {course.queue['environment']}"
        )
    elif course.asks or (not course.attempts and not course.start):
        reason, message = waiting or ("Waiting", "no attempt was started")
        admitted = Condition("Admitted", False, reason, message)
    attempt = course.start or (course.attempts[-1].number if course.attempts else 0)
    if end:
        running = Condition(
            "Running", False, "Ended", f"attempt {attempt} has ended" if attempt else "never started"
        )
        complete = Condition("Complete", end.succeeded, end.reason, end.message or "the job has succeeded")
        failed = Condition("Failed", not end.succeeded, end.reason, end.message or "the job has succeeded")
        return [admitted, running, complete, failed]
    reason, message = waiting or (phase, growth.told(course.attempts) or f"attempt {attempt} runs")
    return [
        admitted,
        Condition("Running", phase == "Running", reason, message),
        Condition("Complete", False, phase, "the job has not ended"),
        Condition("Failed", False, phase, "the job has not ended"),
    ]


def _waiting(facts: Facts, course: Course, now: datetime) -> tuple[str, str] | None:
    if course.end:
        return None
    if course.held:
        return course.held
    if course.stop:
        leaving = STOPPING if course.running and not _held(facts, course.running) else ""
        return course.stop.job_reason, f"{course.stop.message}{leaving}"
    if course.at:
        return _before_the_next(facts, course, course.at)
    if course.asks:
        return admission.waiting(facts, course)
    running = course.running
    if running is None or (running.started and facts.spec.array is None):
        return None
    job, pods = facts.job(running.number), facts.pods_of(running.number)
    settling = job is None or is_settling(job, now)
    pending = [pod for pod in pods if pod.get("status", {}).get("phase") == "Pending"]
    failure = diagnose(pending, facts.evidence, now)
    if (failure or not settling) and (lacking := gang.missing(facts, running.number, now)):
        return GANG_INCOMPLETE, lacking
    if failure:
        return failure.reason, failure.message
    if facts.pods_refused:
        refusal = refused_pods(facts.pods_refused)
        return refusal.reason, refusal.message
    if facts.parts is not None and facts.spec.array and not facts.parts.live:
        sentence = parts.waiting(facts.parts, facts.spec.array)
        return ("DependencyPending", sentence) if sentence else None
    if running.started:
        return None
    if settling or not pods:  # who waits for the Job controller is told nothing new
        return "Starting", "its pod is being started"
    if not any(pod.get("spec", {}).get("nodeName") for pod in pods):
        return "Starting", "its pod waits for a node"
    return "Starting", "the node is preparing the container: image and volumes"


def _before_the_next(facts: Facts, course: Course, at: datetime) -> tuple[str, str]:
    last, incomplete = course.attempts[-1], course.attempts[-1].reason == GANG_INCOMPLETE
    memory = growth.next_limit(facts.spec, course.attempts)
    more = f" with {memory}" if memory and memory != last.memory else ""
    return (
        GANG_INCOMPLETE if incomplete else "BackOff",
        f"attempt {last.number} {'ended' if incomplete else 'failed'}: {last.message};"
        f" attempt {last.number + 1} starts at {timestamp(at)}{more}",
    )


def _held(facts: Facts, attempt: Attempt) -> bool:
    job = facts.job(attempt.number)
    return bool(job and job["spec"].get("suspend") and not job.get("status", {}).get("active"))


def _told(waiting: tuple[str, str], course: Course, before: Obj | None, now: datetime) -> Obj:
    """What waits for its queue does so since it came into it, whatever reasons come and go meanwhile."""
    told = _since(waiting, before, now)
    return told | {"since": course.queue["since"]} if course.asks and course.queue else told


def _since(waiting: tuple[str, str], before: Obj | None, now: datetime) -> Obj:
    reason, message = waiting
    since = before["since"] if before and before["reason"] == reason else timestamp(now)
    return {"reason": reason, "message": shorten(message), "since": since}


def _dependencies(facts: Facts, course: Course) -> list[Obj] | None:
    """Where the dependencies stand; no attempt begins before all are met, for good."""
    if course.attempts or course.start:
        return [{"name": each.name, "state": "Met"} for each in facts.spec.depends_on if each.name] or None
    told = course.dependencies.render() if course.dependencies else facts.status.get("dependencies")
    return told or None


def _attempt(attempt: Attempt, facts: Facts) -> Obj:
    counted = None
    if attempt.finished:
        recorded = {each["number"]: each for each in facts.status.get("attempts", ())}.get(attempt.number, {})
        counted = (
            recorded.get("counted")
            if not attempt.fresh
            else attempt.succeeded or not is_free(facts.spec.retry, attempt)
        )
    return attempt.render(counted)


def _last_words(facts: Facts, last: Attempt | None) -> str | None:
    if not facts.last_words or last is None:
        return None
    if last.fresh:
        return last.last_words
    said = facts.status.get("lastWords")
    return str(said) if said and last.finished else None
