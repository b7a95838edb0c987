"""How far an array is, and by which criterion it is over; array.indexes alone count, where they are set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from longshore.api.ranges import ranges
from longshore.batchjob.attempts import Attempt, quoted_pod, why_pod_failed
from longshore.batchjob.facts import Facts
from longshore.batchjob.indexes import count, left_out, succeeded
from longshore.batchjob.lifecycle import End
from longshore.batchjob.parts import not_run
from longshore.workload.conditions import shorten
from longshore.workload.decision import Obj

_COUNTS = ("succeeded", "failed", "running", "pending")


def progress(facts: Facts, attempts: Sequence[Attempt]) -> Obj | None:
    """The status of the array; None for a job that is none."""
    array = facts.spec.array
    if array is None:
        return None
    size = array.size - len(left_out(array))
    job = facts.job(attempts[-1].number) if attempts else None
    if job is None:
        return facts.status.get("array") or {"succeeded": 0, "failed": 0, "running": 0, "pending": size}
    status = job.get("status", {})
    done, failed = succeeded(array, job), count(status.get("failedIndexes"))
    running = min(int(status.get("active", 0)), size - done - failed)
    made: Obj = {
        "succeeded": done,
        "failed": failed,
        "running": running,
        "pending": size - done - failed - running,
    }
    lost = not_run(facts.parts) if facts.parts is not None else None
    return (
        made
        | ({"failedIndexes": status["failedIndexes"]} if status.get("failedIndexes") else {})
        | ({"notRun": ranges(lost)} if lost else {})
    )


def size_of(array: Obj) -> int:
    """How many indexes are to run, by the status of the array."""
    return sum(array[each] for each in _COUNTS)


def in_words(end: End, facts: Facts, array: Obj, last: Attempt) -> End:
    """The end with what an array has to say: which indexes failed, and which criterion was met."""
    job = facts.job(last.number)
    criterion = _reason_of_end(job) if job else None
    if end.succeeded:
        met = criterion == "SuccessPolicy"
        return replace(end, reason="SuccessPolicyMet", message=_met(facts, array)) if met else end
    if not array["failed"]:
        return end
    reason, beyond, policy = "IndexesFailed", "", facts.spec.success_policy
    if criterion == "MaxFailedIndexesExceeded" and policy:
        reason, beyond = criterion, f", more than successPolicy.maxFailedIndexes, {policy.max_failed_indexes}"
    failed = (
        f"{array['failed']} of {size_of(array)} indexes failed{beyond}: {array.get('failedIndexes', '')}."
    )
    if (in_order := facts.spec.sequential) and in_order.when == "Succeeded":
        failed += " The indexes after it were not run."
    if facts.parts is not None and (lost := array.get("notRun")):
        names = " and ".join(str(each.name) for each in facts.spec.index_by_index)
        failed += f" Not run, for the same index of {names} failed: {lost}."
    pod = quoted_pod(facts.pods_of(last.number))
    message = f"{failed} One of them: {why_pod_failed(pod)[1]}" if pod else failed
    return replace(end, reason=reason if end.reason == "Error" else end.reason, message=message)


def _reason_of_end(job: Obj) -> str | None:
    """The Job controller's own word for why the Job is over."""
    for each in job.get("status", {}).get("conditions", ()):
        if each["type"] in ("Complete", "Failed") and each["status"] == "True":
            return str(each.get("reason", ""))
    return None


def _met(facts: Facts, array: Obj) -> str:
    policy, size = facts.spec.success_policy, size_of(array)
    assert policy is not None, "a Job without a success policy isn't ended by one"
    which = f" of indexes {shorten(policy.succeeded_indexes, 200)}" if policy.succeeded_indexes else ""
    asked = f"{policy.succeeded_count or 'all'}{which}"
    rest = f"{array['failed']} failed, {size - array['succeeded'] - array['failed']} were not needed any more"
    return f"{array['succeeded']} of {size} indexes have succeeded; successPolicy asks for {asked}. {rest}"
