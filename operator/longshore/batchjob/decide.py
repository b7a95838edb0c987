"""The whole decision on a BatchJob: the steps in their order, the status, when to look again."""

from __future__ import annotations

from datetime import datetime, timedelta

from longshore.batchjob import admission, growth, parts
from longshore.batchjob import status as statuses
from longshore.batchjob.attempts import is_stopped
from longshore.batchjob.children import files, job, service, service_account
from longshore.batchjob.facts import Facts, is_orphan
from longshore.batchjob.indexes import without_those_left_out
from longshore.batchjob.lifecycle import Course, chart, next_deadline
from longshore.batchjob.work import Work
from longshore.workload.conditions import Condition, parse_time, with_one
from longshore.workload.decision import Apply, Create, Decision, Delete, Event, Obj, Patch, Ref, Step
from longshore.workload.names import ALLOW_LABEL, RECONCILE_ANNOTATION, owner_reference

LOOK_AGAIN_SECONDS = 10.0
"""While an attempt doesn't start and nothing says why, events are read this often."""
ACCOUNT_AGAIN_SECONDS = 30.0
FINISHED = frozenset({"Succeeded", "Failed"})


def decide(facts: Facts, now: datetime) -> Decision:
    """What to do about a BatchJob, given everything that is known of it."""
    metadata = facts.batchjob["metadata"]
    if metadata.get("annotations", {}).get(RECONCILE_ANNOTATION) == "disabled":
        return Decision(status=_paused(facts, now))
    if facts.status.get("phase") in FINISHED:
        return _finished(facts, now)
    revision = facts.definition.revision if facts.definition else None
    work = Work.of(facts.batchjob, facts.spec, revision, facts.environment, facts.nodes)
    if _is_refused_account(facts):
        message = (
            f"service account {facts.spec.service_account_name} does not exist in namespace {work.namespace} or is not offered to"
            f" jobs: kubectl label serviceaccount -n {work.namespace} {facts.spec.service_account_name} {ALLOW_LABEL}=true"
        )
        status = statuses.refused(facts, "ServiceAccountNotAllowed", message, now)
        # Who waits for an account that a definition names isn't known by that account.
        return Decision(status=status, again_in_seconds=ACCOUNT_AGAIN_SECONDS if facts.definition else None)
    course = admission.ask(facts, chart(facts, now), now)
    steps = _steps(work, facts, course)
    if facts.refusal is not None:
        status = statuses.refused(facts, facts.refusal.reason, facts.refusal.message, now, course)
        return Decision(steps, status)
    status = statuses.build(facts, course, now)
    return Decision(steps, status, _events(facts, course, status), _again(facts, course, now))


def asks(facts: Facts, now: datetime) -> tuple[int, Obj] | None:
    """The attempt for which the queue has to be asked, and the part of the spec that the queue goes by; None where
    nothing is to be started, or it is admitted."""
    disabled = facts.batchjob["metadata"].get("annotations", {}).get(RECONCILE_ANNOTATION) == "disabled"
    if disabled or facts.status.get("phase") in FINISHED or _is_refused_account(facts):
        return None
    course = admission.ask(facts, chart(facts, now), now)
    return (course.asks, admission.asked_for(facts, course)) if course.asks is not None else None


def _is_refused_account(facts: Facts) -> bool:
    return not facts.account_allowed and not facts.jobs


def _steps(work: Work, facts: Facts, course: Course) -> tuple[Step, ...]:
    if orphans := [each for each in (facts.parts.jobs if facts.parts else facts.jobs) if is_orphan(each)]:
        back = {"metadata": {"ownerReferences": [owner_reference("BatchJob", work.name, work.uid)]}}
        return tuple(Patch(Ref.of(each), back) for each in orphans)
    if facts.parts is not None:
        return _steps_of_parts(work, facts, course, facts.parts)
    running = course.running
    live = facts.job(running.number) if running else None
    if live is not None and course.stop is not None and not live["spec"].get("suspend"):
        return (Patch(Ref.of(live), {"spec": {"suspend": True}}),)
    if live is not None and course.resume:
        return _resume(facts, live)
    if course.start is None:
        return ()
    made = job.build(work, course.start, growth.next_limit(facts.spec, course.attempts))
    return (*_before_the_first(work, facts), Create(made))


def _before_the_first(work: Work, facts: Facts) -> list[Step]:
    """What a Job's pods refer to."""
    account = service_account.build(work)
    config = files.build(work)
    names = service.build(work)
    return [
        *([Create(account)] if account and not facts.account_exists else []),
        *([Apply(config)] if config else []),
        *([Apply(names)] if names else []),
    ]


def _steps_of_parts(work: Work, facts: Facts, course: Course, made: parts.Parts) -> tuple[Step, ...]:
    """New parts go on once their status says which indexes aren't to run; the next is made of what may run by now."""
    array = facts.spec.array
    assert array is not None, "only arrays have parts"
    attempt = course.start or (course.running.number if course.running else None)
    if attempt is None and course.end is None:
        return ()
    if course.stop is not None or course.end is not None:
        return tuple(
            Patch(Ref.of(each), {"spec": {"suspend": True}})
            for each in made.live
            if not each["spec"].get("suspend")
        )
    if attempt is None or course.asks is not None:
        return ()
    steps: list[Step] = []
    for each in made.live:
        if each["spec"].get("suspend"):
            mark = without_those_left_out(parts.array_of(array, each), each)
            if mark is not None and not is_stopped(each):
                continue
            steps += [Patch(Ref.of(each), mark, "status")] if mark else []
            steps.append(Patch(Ref.of(each), {"spec": {"suspend": False}}))
    if (following := parts.next_indexes(array, made)) is not None:
        body = parts.build(work, attempt, len(made.jobs) + 1, *following)
        steps += [*(_before_the_first(work, facts) if course.start else []), Create(body)]
    return tuple(steps)


def _resume(facts: Facts, live: Obj) -> tuple[Step, ...]:
    """A suspended Job of an array goes on, once its status says which indexes aren't to run.

    That status is written after the Job controller has said that the Job is suspended, for then it writes no more.
    """
    mark = without_those_left_out(facts.spec.array, live) if facts.spec.array else None
    if mark is None:
        return (Patch(Ref.of(live), {"spec": {"suspend": False}}),)
    return (Patch(Ref.of(live), mark, "status"),) if is_stopped(live) else ()


def _again(facts: Facts, course: Course, now: datetime) -> float | None:
    if course.end is not None:
        return float(facts.spec.ttl_seconds_after_finished)
    if course.asks is not None and course.queue is not None and "environment" in course.queue:
        return 0.0
    waits = (
        [LOOK_AGAIN_SECONDS] if course.running and not course.running.started and course.stop is None else []
    )
    if deadline := next_deadline(facts, course, now):
        waits.append(max((deadline - now).total_seconds(), 0.0))
    return min(waits, default=None)


def _finished(facts: Facts, now: datetime) -> Decision:
    """A job that has ended stays as it is, until its time is over."""
    ended = parse_time(facts.status.get("finishedAt") or facts.batchjob["metadata"]["creationTimestamp"])
    left = ended + timedelta(seconds=facts.spec.ttl_seconds_after_finished) - now
    if left <= timedelta(0):
        return Decision((Delete(Ref.of(facts.batchjob)),))
    status = facts.status
    if status.get("observedGeneration") != facts.generation:
        status = status | {"observedGeneration": facts.generation}
    return Decision(status=status, again_in_seconds=left.total_seconds())


def _events(facts: Facts, course: Course, status: Obj) -> tuple[Event, ...]:
    if facts.status.get("attempt") != status.get("attempt") and (grown := growth.told(course.attempts)):
        return (Event("Normal", "MemoryGrown", grown),)
    if status["phase"] not in FINISHED or facts.status.get("phase") in FINISHED:
        return ()
    failed = status["phase"] == "Failed"
    told = next(each for each in status["conditions"] if each["type"] == ("Failed" if failed else "Complete"))
    return (Event("Warning" if failed else "Normal", told["reason"], told["message"]),)


def _paused(facts: Facts, now: datetime) -> Obj:
    message = "reconciling is disabled: remove the annotation longshore.dev/reconcile to go on"
    before = facts.status.get("conditions", [])
    condition = Condition("Admitted", None, "ReconcileDisabled", message)
    return facts.status | {"conditions": with_one(condition, before, facts.generation, now)}
