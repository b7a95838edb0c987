"""Where a batch job stands and what it is to do next: start an attempt, stop one, wait, or end.

The order of precedence: an attempt that ended successfully, cancel, the timeouts, suspend, what has to come before
the first attempt, retries.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from longshore.batchjob import gang, growth
from longshore.batchjob.attempts import GANG_INCOMPLETE, Attempt, began, observe, started_at
from longshore.batchjob.dependencies import Dependencies
from longshore.batchjob.dependencies import judge as judge_dependencies
from longshore.batchjob.facts import Facts, attempt_of
from longshore.batchjob.retry import Verdict, is_free, judge
from longshore.workload.decision import Obj

STOPPING = "; its pods are being stopped"
"""Said while they are."""


@dataclass(frozen=True, slots=True)
class End:
    """The job is over."""

    succeeded: bool
    reason: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Stop:
    """Why attempts are stopped: the reason that the attempt and the job get, and the sentence."""

    reason: str
    job_reason: str
    message: str
    for_good: bool


@dataclass(frozen=True, slots=True)
class Course:
    """What is to happen. At most one of `end`, `start` and `at` is set."""

    attempts: tuple[Attempt, ...]
    counted: int
    """Attempts that ended and cost one of retry.attempts."""
    end: End | None = None
    start: int | None = None
    """Number of the attempt whose Job is to exist."""
    stop: Stop | None = None
    resume: bool = False
    """The Job of the running attempt was suspended and goes on (arrays)."""
    at: datetime | None = None
    """When the next attempt starts, while it is waited for."""
    why: str = ""
    """Why the last attempt is followed by another."""
    held: tuple[str, str] | None = None
    """Reason and sentence: what the first attempt waits for."""
    dependencies: Dependencies | None = None
    """How far the dependencies are, while the first attempt waits for them."""
    asks: int | None = None
    """The attempt that waits for its queue; then neither `start` nor `resume` is set."""
    queue: Obj | None = None
    """Where it stands with its queue, as the status has it."""

    @property
    def running(self) -> Attempt | None:
        """The attempt that has not ended."""
        return next((each for each in self.attempts if each.finished is None), None)


def chart(facts: Facts, now: datetime) -> Course:
    """Decides what happens next. A job that has ended stays as it is."""
    stop = _stop(facts, now)
    attempts = tuple(observe(facts, _stopped_because(facts, stop), now))
    fresh = [each for each in attempts if each.fresh]
    before = int(facts.status.get("attemptsCounted", 0))
    counted = before + sum(1 for each in fresh if each.succeeded or not is_free(facts.spec.retry, each))
    last = attempts[-1] if attempts else None
    if stop is not None and stop.reason == GANG_INCOMPLETE and last is not None and last.finished:
        stop = None
    course = Course(attempts, counted, stop=stop)
    if last is not None and last.succeeded and last.finished:
        return _ended(course, End(True, "Succeeded", "", last.finished))
    if last is None or last.finished is None:
        return _going_on(course, last, facts, now)
    if stop is not None and stop.for_good:
        return _ended(course, End(False, stop.job_reason, stop.message, now))
    if last.reason == GANG_INCOMPLETE:
        verdict = Verdict(gang.next_try(facts, attempts), "tried again")
    else:
        verdict = judge(facts.spec, last, counted - (0 if is_free(facts.spec.retry, last) else 1))
    return _after_failure(course, last, verdict, facts, now)


def _stopped_because(facts: Facts, stop: Stop | None) -> tuple[str, str | None] | None:
    """Reason and message: why an attempt whose Job is suspended has ended; None where it goes on later (arrays).

    A job that was resumed while its Job was still stopping isn't to be stopped any more, but its attempt has ended.
    """
    if stop is not None and stop.for_good:
        return stop.reason, None
    if stop is not None and stop.reason == GANG_INCOMPLETE:
        return stop.reason, stop.message
    return None if facts.spec.array is not None else ("Suspended", None)


def next_deadline(facts: Facts, course: Course, now: datetime) -> datetime | None:
    """The next moment at which time alone changes something; what has passed is being dealt with."""
    timeouts, submitted = facts.spec.timeouts, facts.submitted
    moments = [course.at] if course.at else []
    if timeouts.total_seconds is not None:
        moments.append(submitted + timedelta(seconds=timeouts.total_seconds))
    if timeouts.queued_seconds is not None and not _has_started(facts):
        moments.append(submitted + timedelta(seconds=timeouts.queued_seconds))
    if (
        course.running
        and not course.running.started
        and (end := gang.next_deadline(facts, course.running.number))
    ):
        moments.append(end)
    return min((moment for moment in moments if moment > now), default=None)


def _stop(facts: Facts, now: datetime) -> Stop | None:
    spec, waited = facts.spec, now - facts.submitted
    if spec.cancel is not None:
        return Stop("Cancelled", "Cancelled", f"cancelled: {spec.cancel.reason}", True)
    total, queued = spec.timeouts.total_seconds, spec.timeouts.queued_seconds
    if total is not None and waited >= timedelta(seconds=total):
        return Stop(
            "Timeout",
            "TotalTimeout",
            f"not finished within timeouts.totalSeconds, {total} s after it was submitted",
            True,
        )
    if queued is not None and not _has_started(facts) and waited >= timedelta(seconds=queued):
        return Stop(
            "Timeout",
            "QueuedTimeout",
            _never_ran(facts, queued),
            True,
        )
    if spec.suspend:
        return Stop("Suspended", "Suspended", "suspended: set spec.suspend to false to go on", False)
    if gang.is_overdue(facts, now):
        return Stop(GANG_INCOMPLETE, GANG_INCOMPLETE, gang.gave_back(facts), False)
    return None


def _never_ran(facts: Facts, seconds: int) -> str:
    """That it did not begin in time, and what it was waiting for."""
    told: Obj = facts.status.get("waiting") or {}
    if told.get("reason") == "QueuedTimeout":  # its pods are being stopped since
        return str(told["message"]).removesuffix(STOPPING)
    never = f"no container ran within timeouts.queuedSeconds, {seconds} s after it was submitted"
    return f"{never}. What it waited for: {told['message']}" if told else never


def _has_started(facts: Facts) -> bool:
    if "startedAt" in facts.status:
        return True
    if facts.spec.nodes is None:
        return any(started_at(pod) for pod in facts.pods)
    return any(began(facts.pods_of(attempt_of(job)), facts, None) for job in facts.jobs)


def _going_on(course: Course, running: Attempt | None, facts: Facts, now: datetime) -> Course:
    """No attempt yet, or one that has not ended."""
    stop = course.stop
    if running is None:
        if stop is None and facts.parts is not None and (unfit := facts.parts.others.unfit):
            return _ended(course, End(False, "DependencyFailed", unfit, now))
        course = replace(course, dependencies=_dependencies(facts))
        if stop is None:
            return _first(course, facts, now)
        return _ended(course, End(False, stop.job_reason, stop.message, now)) if stop.for_good else course
    job = facts.job(running.number)
    held = job is not None and bool(job["spec"].get("suspend"))
    if stop is None and held and facts.spec.array is not None:
        return replace(course, resume=True)
    return course


def _dependencies(facts: Facts) -> Dependencies:
    begins = facts.parts is not None and bool(facts.parts.others.ready)
    whole = [each for each in facts.spec.depends_on if each.type != "EachToEach" or not begins]
    return judge_dependencies(whole, facts.dependencies, facts.status.get("dependencies", ()), facts.cycle)


def _first(course: Course, facts: Facts, now: datetime) -> Course:
    """The first attempt, or what has to come before it."""
    definition = facts.definition
    if definition is not None and definition.invalid is not None:
        return _ended(course, End(False, "Invalid", definition.invalid, now))
    dependencies = course.dependencies
    if dependencies is not None and dependencies.failed is not None:
        return _ended(course, End(False, "DependencyFailed", dependencies.failed, now))
    held = definition.waiting if definition is not None else None
    held = held or (dependencies.waiting if dependencies is not None else None)
    return replace(course, held=held) if held else replace(course, start=1)


def _after_failure(course: Course, last: Attempt, verdict: Verdict, facts: Facts, now: datetime) -> Course:
    if facts.definition is not None and facts.definition.gone is not None:
        verdict = Verdict(None, facts.definition.gone)
    if verdict.at is None:
        assert last.finished is not None, "only an attempt that ended is judged"
        grown = growth.at_its_end(facts.spec, last)
        why = f"{verdict.why}, {grown}" if grown else verdict.why
        message = f"attempt {last.number} failed: {last.message}; {why}"
        return _ended(course, End(False, last.reason or "Error", message, last.finished))
    if course.stop is not None:
        return course
    if now >= verdict.at:
        return replace(course, start=last.number + 1, why=verdict.why)
    return replace(course, at=verdict.at, why=verdict.why)


def _ended(course: Course, end: End) -> Course:
    return replace(course, end=end)
