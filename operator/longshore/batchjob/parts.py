"""An array of which each index waits for the same index of another array: it runs in parts, each a Job of its own.

A part is made of the indexes that may run by then and says which they are, so that no index is in two parts. What has
become of all parts of an attempt is told as one Job, which those who decide on arrays take for any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from longshore.api.batchjob import Array, BatchJobSpec, Dependency
from longshore.api.ranges import indexes_of, ranges
from longshore.batchjob.children import job
from longshore.batchjob.indexes import left_out
from longshore.batchjob.work import LONGEST_JOB_NAME, Work
from longshore.workload.decision import Obj
from longshore.workload.names import INDEXES_ANNOTATION, PART_LABEL, child_name

MOST_AT_ONCE = 8
"""So many parts of an array exist that have not ended."""
SMALL_PARTS, SLOWNESS = 32, 8
"""After so many parts each has to hold more indexes: one more for every few parts that there are."""
ENDS = ("Complete", "Failed")


@dataclass(frozen=True, slots=True)
class Others:
    """How far the arrays are that this one follows index by index."""

    ready: frozenset[int] = frozenset()
    """Indexes that may run."""
    lost: frozenset[int] = frozenset()
    """Indexes that won't, for that of another array failed."""
    settled: bool = True
    """All of them have ended, so that nothing more comes."""
    pending: tuple[str, ...] = ()
    """Names of those that have not ended."""
    unfit: str | None = None
    """Why this array can't follow another."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The Jobs of the attempt, the lowest number first, and what they wait for."""

    others: Others = field(default_factory=Others)
    jobs: Sequence[Obj] = ()

    @property
    def live(self) -> list[Obj]:
        return [each for each in self.jobs if end_of(each) is None]

    @property
    def given(self) -> frozenset[int]:
        """Indexes that some part holds."""
        return frozenset().union(*map(held_by, self.jobs))


def look_at(
    spec: BatchJobSpec, others: Mapping[str, Obj | None], jobs: Mapping[str, Sequence[Obj]], lost: str | None
) -> Others:
    """How far the others are, given them and their Jobs by name; `lost` is what the status told of lost indexes before."""
    assert spec.array is not None, "only arrays follow index by index"
    wanted = wanted_indexes(spec.array)
    found = Others(ready=wanted, lost=indexes_of(lost) if lost else frozenset())
    for each in spec.index_by_index:
        name = str(each.name)
        one = _look_at_one(each, spec.array.size, others.get(name), jobs.get(name, ()))
        found = Others(
            ready=found.ready & one.ready,
            lost=found.lost | (one.lost & wanted),
            settled=found.settled and one.settled,
            pending=found.pending + one.pending,
            unfit=found.unfit or one.unfit,
        )
    return replace(found, ready=found.ready - found.lost)


def _look_at_one(wanted: Dependency, size: int, other: Obj | None, jobs: Sequence[Obj]) -> Others:
    name, everything = str(wanted.name), frozenset(range(size))
    if other is None:
        return Others(settled=False, pending=(name,))
    theirs = _size(other, jobs)
    if theirs is not None and theirs != size:
        has = f"has {theirs} indexes" if theirs else "is no array"
        unfit = (
            f"{name}, which this array of {size} follows index by index, {has}: both need the same array.size"
        )
        return Others(unfit=unfit)
    phase = (other.get("status") or {}).get("phase")
    if phase == "Succeeded" or (phase == "Failed" and wanted.when == "Completed"):
        return Others(ready=everything)
    done, failed = became(jobs)
    if phase == "Failed":
        return Others(ready=done, lost=everything - done)
    if wanted.when == "Completed":
        return Others(ready=done | failed, settled=False, pending=(name,))
    return Others(ready=done, lost=failed, settled=False, pending=(name,))


def _size(other: Obj, jobs: Sequence[Obj]) -> int | None:
    """How many indexes it has: 0 if it is no array, None if that isn't known yet."""
    spec = other.get("spec", {})
    if "array" in spec:
        return int(spec["array"]["size"])
    if "definition" not in spec:
        return 0
    if not jobs:
        return None
    made = jobs[0]["spec"]
    return int(made["completions"]) if made.get("completionMode") == "Indexed" else 0


def wanted_indexes(array: Array) -> frozenset[int]:
    return frozenset(range(array.size)) - left_out(array)


def held_by(part: Obj) -> frozenset[int]:
    """The indexes that it runs; all, if somebody took away what says so: better none runs than one twice."""
    text = part["metadata"].get("annotations", {}).get(INDEXES_ANNOTATION)
    return indexes_of(text) if text else frozenset(range(int(part["spec"].get("completions", 0))))


def became(jobs: Iterable[Obj]) -> tuple[frozenset[int], frozenset[int]]:
    """Which indexes have succeeded, and which have failed for good."""
    done: set[int] = set()
    failed: set[int] = set()
    for each in jobs:
        held, status = held_by(each), each.get("status", {})
        succeeded = held & _indexes(status.get("completedIndexes"))
        done |= succeeded
        failed |= held & _indexes(status.get("failedIndexes"))
        if (end := end_of(each)) is not None and end["type"] == "Failed":
            failed |= held - succeeded
    return frozenset(done), frozenset(failed)


def _indexes(text: str | None) -> frozenset[int]:
    return indexes_of(text) if text else frozenset()


def end_of(part: Obj) -> Obj | None:
    """The condition by which it has ended."""
    conditions = part.get("status", {}).get("conditions", ())
    return next((each for each in conditions if each["type"] in ENDS and each["status"] == "True"), None)


def number_of(part: Obj) -> int:
    text = part["metadata"].get("labels", {}).get(PART_LABEL, "")
    return int(text) if text.isdecimal() else 0


def as_one(array: Array, parts: Parts, last: str | None) -> Obj | None:
    """All parts as one Job; None if one of them is gone. `last` is the name of the last that was ever told of."""
    numbers = [number_of(each) for each in parts.jobs]
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        return None
    names = [each["metadata"]["name"] for each in parts.jobs]
    if last is not None and last not in names:
        return None
    done, failed = became(parts.jobs)
    lost = parts.others.lost - parts.given
    live, ends = parts.live, [end for each in parts.jobs if (end := end_of(each))]
    conditions: list[Obj] = []
    still = False
    if not live and wanted_indexes(array) <= done | failed | lost:
        good = not failed and not lost
        at = max(each["lastTransitionTime"] for each in ends)
        reason = {} if good else {"reason": "FailedIndexes"}
        conditions.append(
            {"type": ENDS[0 if good else 1], "status": "True", "lastTransitionTime": at} | reason
        )
    else:
        stopped = [_suspended(each) for each in live] or ends[-1:]
        moments = [each["lastTransitionTime"] for each in stopped if each is not None]
        if still := len(moments) == len(stopped):
            conditions.append({"type": "Suspended", "status": "True", "lastTransitionTime": max(moments)})
    begun = [each for each in live if not _is_new(array, each)]
    counts = {
        name: sum(int(each.get("status", {}).get(name) or 0) for each in live)
        for name in ("active", "terminating")
    }
    failed_now = failed | lost
    status = counts | {
        "completedIndexes": ranges(done | left_out(array)),
        "conditions": conditions,
        **({"failedIndexes": ranges(failed_now)} if failed_now else {}),
    }
    newest = parts.jobs[-1]
    suspended = bool(begun) and len(begun) == len(live) and all(each["spec"].get("suspend") for each in begun)
    spec = newest["spec"] | {"suspend": suspended}
    return newest | {"spec": spec, "status": status, "standsStill": still}


def _suspended(part: Obj) -> Obj | None:
    """The condition that says that it is suspended, once none of its pods is left."""
    status = part.get("status", {})
    if not part["spec"].get("suspend") or status.get("active") or status.get("terminating"):
        return None
    conditions = status.get("conditions", ())
    return next(
        (each for each in conditions if each["type"] == "Suspended" and each["status"] == "True"), None
    )


def _is_new(array: Array, part: Obj) -> bool:
    """It waits for its status to say which indexes aren't to run."""
    if not part["spec"].get("suspend"):
        return False
    rest = frozenset(range(array.size)) - held_by(part)
    return not rest <= _indexes(part.get("status", {}).get("completedIndexes"))


def array_of(array: Array, part: Obj) -> Array:
    """The array as far as it is in this part."""
    return array.model_copy(update={"indexes": ranges(held_by(part))})


def next_indexes(array: Array, parts: Parts) -> tuple[frozenset[int], int] | None:
    """What the next part is made of, and how many of it run at once; None while there is nothing to be made."""
    waiting, live = parts.others.ready - parts.given, parts.live
    slots = array.size
    if array.max_parallel is not None:
        slots = array.max_parallel - sum(int(each["spec"].get("parallelism", 0)) for each in live)
    least = 1 if parts.others.settled else 1 + max(0, len(parts.jobs) - SMALL_PARTS) // SLOWNESS
    if len(waiting) < least or len(live) >= MOST_AT_ONCE or slots < 1:
        return None
    return waiting, min(slots, len(waiting))


def build(work: Work, attempt: int, number: int, indexes: frozenset[int], at_once: int) -> Obj:
    """The Job of a part."""
    array = work.spec.array
    assert array is not None, "only arrays have parts"
    some = array.model_copy(update={"indexes": ranges(indexes), "max_parallel": at_once})
    made = job.build(replace(work, spec=work.spec.model_copy(update={"array": some})), attempt)
    metadata = made["metadata"]
    metadata["name"] = child_name(work.name, f"{attempt}-part{number}", LONGEST_JOB_NAME)
    metadata["labels"] = metadata["labels"] | {PART_LABEL: str(number)}
    metadata["annotations"] = metadata.get("annotations", {}) | {INDEXES_ANNOTATION: ranges(indexes)}
    return made


def waiting(parts: Parts, array: Array) -> str | None:
    """What the indexes wait for that nothing runs for."""
    rest = wanted_indexes(array) - parts.given - parts.others.lost
    if not rest or not parts.others.pending:
        return None
    count = "1 index waits" if len(rest) == 1 else f"{len(rest)} indexes wait"
    return f"{count} for the same of {' and '.join(parts.others.pending)}"


def not_run(parts: Parts) -> frozenset[int]:
    return parts.others.lost - parts.given
