"""Indexes of an array that aren't to run, and how the Job controller is told so; how many have succeeded."""

from __future__ import annotations

from longshore.api.batchjob import Array
from longshore.api.ranges import bounds, indexes_of, ranges
from longshore.workload.decision import Obj


def count(text: str | None) -> int:
    """How many indexes ranges such as 1,3-5 name, as the Job controller writes them: none twice."""
    return sum(last - first + 1 for first, last in bounds(text)) if text else 0


def left_out(array: Array) -> frozenset[int]:
    """Indexes below the size that are not to run."""
    return frozenset(range(array.size)) - indexes_of(array.indexes) if array.indexes else frozenset()


def succeeded(array: Array, job: Obj) -> int:
    """How many of the indexes that are to run have succeeded."""
    completed = job.get("status", {}).get("completedIndexes")
    if array.indexes is None or not completed:
        return count(completed)
    return len(indexes_of(completed) - left_out(array))


def without_those_left_out(array: Array, job: Obj) -> Obj | None:
    """What has to be merged into the status of a suspended Job so that it runs what it is to; None if it does already.

    The Job controller runs every index from 0 of which the status doesn't say that it succeeded. There is no other
    way to leave some out while the rest keep their numbers. The version sees to it that a Job which has gone on
    meanwhile keeps what it knows.
    """
    completed = job.get("status", {}).get("completedIndexes")
    done, out = indexes_of(completed) if completed else frozenset(), left_out(array)
    if out <= done:
        return None
    return {
        "metadata": {"resourceVersion": job["metadata"]["resourceVersion"]},
        "status": {"completedIndexes": ranges(done | out), "succeeded": len(done | out)},
    }
