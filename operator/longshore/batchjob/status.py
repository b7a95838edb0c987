"""What is said of a BatchJob: phase, conditions, attempts, and one sentence on why it doesn't run now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from longshore.batchjob import admission
from longshore.batchjob.attempts import Attempt, is_settling, quoted_pod, why_pod_failed
from longshore.batchjob.facts import Facts
from longshore.batchjob.lifecycle import Course, End
from longshore.batchjob.retry import is_free
from longshore.workload.conditions import Condition, parse_time, render, shorten, timestamp, with_one
from longshore.workload.decision import Obj
from longshore.workload.diagnosis import diagnose, refused_pods

RECORDED_ATTEMPTS = 10
_COUNTS = ("succeeded", "failed", "running", "pending")


def build(facts: Facts, course: Course, now: datetime) -> Obj:
    """The whole status."""
    before, array = facts.status, _array(facts, course)
    waiting = _waiting(facts, course, now)
    end = _end(facts, course, array)
    phase = _phase(course, end)
    started = min((each.started for each in course.attempts if each.started), default=None)
    if "startedAt" in before:
        started = parse_time(before["startedAt"])
    last = course.attempts[-1] if course.attempts else None
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
        "done": f"{array['succeeded'] + array['failed']}/{sum(array[each] for each in _COUNTS)}"
        if array
        else None,
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


def ranges(indexes: Sequence[int]) -> str:
    """Sorted indexes as ranges: 1,3-5."""
    made: list[tuple[int, int]] = []
    for index in sorted(indexes):
        if made and made[-1][1] == index - 1:
            made[-1] = (made[-1][0], index)
        else:
            made.append((index, index))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in made)


def count(text: str | None) -> int:
    """How many indexes ranges such as 1,3-5 name."""
    parts = [each.split("-") for each in text.split(",")] if text else []
    return sum(int(each[-1]) - int(each[0]) + 1 for each in parts)


def _phase(course: Course, end: End | None) -> str:
    if end:
        return "Succeeded" if end.succeeded else "Failed"
    running = course.running
    if running is not None and course.stop is None and not course.resume and not course.asks:
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


def _end(facts: Facts, course: Course, array: Obj | None) -> End | None:
    if course.end is None or course.end.succeeded or array is None or not array["failed"]:
        return course.end
    size = facts.spec.array.size if facts.spec.array else 0
    failed = array["failed"]
    pod = quoted_pod(facts.pods_of(course.attempts[-1].number))
    why = f" One of them: {why_pod_failed(pod)[1]}" if pod else ""
    in_order = facts.spec.sequential
    left = " The indexes after it were not run." if in_order and in_order.when == "Succeeded" else ""
    message = f"{failed} of {size} indexes failed: {array.get('failedIndexes', '')}.{left}{why}"
    return End(
        False, "IndexesFailed" if course.end.reason == "Error" else course.end.reason, message, course.end.at
    )


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
    reason, message = waiting or (phase, f"attempt {attempt} runs")
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
        leaving = (
            "; its pods are being stopped" if course.running and not _held(facts, course.running) else ""
        )
        return course.stop.job_reason, f"{course.stop.message}{leaving}"
    if course.at:
        last = course.attempts[-1]
        return (
            "BackOff",
            f"attempt {last.number} failed: {last.message}; attempt {last.number + 1} starts at {timestamp(course.at)}",
        )
    if course.asks:
        return admission.waiting(facts, course)
    running = course.running
    if running is None or (running.started and facts.spec.array is None):
        return None
    pods = facts.pods_of(running.number)
    if failure := diagnose(
        [pod for pod in pods if pod.get("status", {}).get("phase") == "Pending"], facts.evidence, now
    ):
        return failure.reason, failure.message
    if facts.pods_refused:
        refusal = refused_pods(facts.pods_refused)
        return refusal.reason, refusal.message
    if running.started:
        return None
    job = facts.job(running.number)
    if job is None or is_settling(job, now):
        return "Starting", "its pod is being started"
    if not pods:
        return "Starting", "its pod is being created"
    if not any(pod.get("spec", {}).get("nodeName") for pod in pods):
        return "Starting", "its pod waits for a node"
    return "Starting", "the node is preparing the container: image and volumes"


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


def _array(facts: Facts, course: Course) -> Obj | None:
    if facts.spec.array is None:
        return None
    size, job = facts.spec.array.size, facts.job(course.attempts[-1].number) if course.attempts else None
    if job is None:
        return facts.status.get("array") or {"succeeded": 0, "failed": 0, "running": 0, "pending": size}
    status = job.get("status", {})
    succeeded, failed = count(status.get("completedIndexes")), count(status.get("failedIndexes"))
    running = min(int(status.get("active", 0)), size - succeeded - failed)
    made: Obj = {
        "succeeded": succeeded,
        "failed": failed,
        "running": running,
        "pending": size - succeeded - failed - running,
    }
    if indexes := status.get("failedIndexes"):
        made["failedIndexes"] = indexes
    return made


def _last_words(facts: Facts, last: Attempt | None) -> str | None:
    if not facts.last_words or last is None:
        return None
    if last.fresh:
        return last.last_words
    said = facts.status.get("lastWords")
    return str(said) if said and last.finished else None
