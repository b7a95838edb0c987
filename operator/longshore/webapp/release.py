"""Whether the release of a revision has run, is to run, or holds its rollout up.

How it went is a record on the ControllerRevision: after the Job is gone it still tells that the release is
not to be run again. Releases of one app never run beside each other, and one that runs is never stopped for
a newer spec: a migration that is killed half way is worse than one that was needless.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from longshore.webapp.children.release import CONTAINER, job_name
from longshore.webapp.children.revision import revision_of
from longshore.webapp.facts import Facts
from longshore.workload.decision import Obj, Patch, Ref, Step
from longshore.workload.diagnosis import Failure, diagnose, last_words, memory_limit, refused_pods
from longshore.workload.names import ATTEMPT_LABEL, RELEASE_ANNOTATION, owner_reference

FAILED = "ReleaseFailed"
KEPT_SECONDS = 3 * 86400
"""How long a Job is kept, for its log, after it was recorded how it ended."""


@dataclass(frozen=True, slots=True)
class Record:
    """How the last try of a revision's release went. `generation` is the WebApp's when that was seen."""

    number: int
    state: Literal["Running", "Succeeded", "Failed"]
    generation: int
    message: str = ""
    exit_code: int | None = None
    last_words: str | None = None

    def dump(self) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if value not in (None, "")})

    @classmethod
    def load(cls, revision: Obj) -> Record | None:
        text = revision["metadata"].get("annotations", {}).get(RELEASE_ANNOTATION)
        try:
            return cls(**json.loads(text)) if text else None
        except (ValueError, TypeError):  # an annotation that somebody else edited says nothing
            return None


@dataclass(frozen=True, slots=True)
class Release:
    """Where the release of the wanted revision stands."""

    holds: bool = False
    """The revision may not be rolled out, or not yet."""
    start: int | None = None
    """Number of the try whose Job is to exist."""
    running: str | None = None
    """Hash of the revision whose release runs, wanted or not."""
    job: str | None = None
    """Name of the Job that runs."""
    failed: bool = False
    """It failed at this generation and isn't tried again."""
    failure: Failure | None = None
    """Why it failed, or why its pod doesn't run."""
    records: Mapping[str, Record] | None = None
    """What is to be recorded, by revision."""
    absent: Sequence[tuple[str, str]] = ()
    """Revision and name of Jobs of which it counts that they don't exist."""


def look(facts: Facts, wanted: str, has_served: bool, now: datetime) -> Release:
    """Where things stand. A revision that `has_served` needs no release."""
    known = {revision_of(each): each for each in facts.revisions}
    before = {name: record for name, each in known.items() if (record := Record.load(each))}
    records = {
        name: record
        for name in [*known, *(revision_of(job) for job in facts.release_jobs)]
        if (record := _record(name, before.get(name), facts))
    }
    lost = [
        (name, job_name(facts.name, name, each.number))
        for name, each in before.items()
        if each.state == "Running" and _job(facts, name, each.number) is None
    ]
    running = next((name for name, each in records.items() if each.state == "Running"), None)
    mine = records.get(wanted)
    wants = facts.spec.release is not None and not has_served
    failed = wants and mine is not None and mine.state == "Failed" and mine.generation == facts.generation
    due = wants and not failed and (mine is None or mine.state == "Failed")
    start = None
    if due and running is None and not facts.spec.suspend:
        start = mine.number + 1 if mine else 1
    if running is not None:
        failure = _why_not_running(facts, running, now)
    else:
        failure = _why_failed(mine) if failed and mine else None
    return Release(
        holds=not has_served and (failed or due or running is not None),
        start=start,
        running=running,
        job=job_name(facts.name, running, records[running].number) if running else None,
        failed=failed,
        failure=failure,
        records={name: each for name, each in records.items() if name in known and each != before.get(name)},
        absent=[*lost, *([(wanted, job_name(facts.name, wanted, start))] if start else [])],
    )


def steps(facts: Facts, release: Release) -> list[Step]:
    """Records what was seen, and lets go of Jobs of which everything is recorded.

    A record is written into the version that was read: one that is based on an old cache is refused.
    """
    known = {revision_of(each): each for each in facts.revisions}
    owner = owner_reference("WebApp", facts.name, facts.app["metadata"]["uid"])
    found: list[Step] = [
        Patch(Ref.of(job), {"metadata": {"ownerReferences": [owner]}})
        for job in facts.release_jobs
        if not job["metadata"].get("ownerReferences")
    ]
    for name, record in (release.records or {}).items():
        version = known[name]["metadata"]["resourceVersion"]
        annotations = {RELEASE_ANNOTATION: record.dump()}
        body = {"metadata": {"resourceVersion": version, "annotations": annotations}}
        found.append(Patch(Ref.of(known[name]), body))
    for job in facts.release_jobs:
        revision = known.get(revision_of(job))
        told = Record.load(revision) if revision else None
        recorded = told is not None and (told.number > _number(job) or told.state != "Running")
        if recorded and _ended(job) and "ttlSecondsAfterFinished" not in job["spec"]:
            found.append(Patch(Ref.of(job), {"spec": {"ttlSecondsAfterFinished": KEPT_SECONDS}}))
    return found


def as_if_succeeded(revision: Obj, generation: int) -> Obj:
    """The revision as it will be when its release has succeeded."""
    metadata = revision["metadata"]
    record = {RELEASE_ANNOTATION: Record(1, "Succeeded", generation).dump()}
    return revision | {"metadata": metadata | {"annotations": metadata.get("annotations", {}) | record}}


def _record(revision: str, before: Record | None, facts: Facts) -> Record | None:
    """What is known of the last try of this revision's release: from its Job, else from the record."""
    jobs = [each for each in facts.release_jobs if revision_of(each) == revision]
    job = max(jobs, key=_number, default=None)
    if job is None or (before is not None and before.number > _number(job)):
        if before is None or before.state != "Running":
            return before
        return Record(
            before.number, "Failed", facts.generation,
            f"its Job {job_name(facts.name, revision, before.number)} was deleted by somebody else, so how it ended is not known",
        )  # fmt: skip
    if before is not None and before.number == _number(job) and before.state != "Running":
        return before
    match _ended(job):
        case None:
            kept = before is not None and before.number == _number(job)
            return before if kept else Record(_number(job), "Running", facts.generation)
        case "Complete":
            return Record(_number(job), "Succeeded", facts.generation)
        case _:
            return _failed(job, facts)


def _failed(job: Obj, facts: Facts) -> Record:
    message, code, words = _how_it_ended(job, _pods_of(job, facts))
    log = f"kubectl logs -n {job['metadata']['namespace']} job/{job['metadata']['name']}"
    return Record(
        _number(job), "Failed", facts.generation, f"{message}. Read its log: {log}", code,
        words if facts.last_words else None,
    )  # fmt: skip


def _how_it_ended(job: Obj, pods: list[Obj]) -> tuple[str, int | None, str | None]:
    """Message, exit code and last words of a Job that failed."""
    condition = next(each for each in job["status"]["conditions"] if each["type"] == "Failed")
    if condition.get("reason") == "DeadlineExceeded":
        seconds = job["spec"]["activeDeadlineSeconds"]
        return f"it took longer than release.timeoutSeconds, {seconds} s, and was stopped", None, None
    pod = max(pods, key=lambda each: each["metadata"]["creationTimestamp"], default=None)
    if pod is None:
        return "its pod is gone, so its exit code is not known", None, None
    for told in pod.get("status", {}).get("conditions", ()):
        if told["type"] == "DisruptionTarget" and told["status"] == "True":
            return f"its pod was taken from its node: {told.get('message', '')}", None, None
    name, ended = _container_that_failed(pod)
    what = "the command" if name == CONTAINER else f"container {name}"
    code, words = ended.get("exitCode"), last_words(ended)
    if ended.get("reason") == "OOMKilled":
        limit = memory_limit(pod, name)
        return f"{what} used more memory than its limit{f' of {limit}' if limit else ''}", code, words
    tries = len(pods)
    return f"{what} ended with exit code {code}{f', {tries} times' if tries > 1 else ''}", code, words


def _container_that_failed(pod: Obj) -> tuple[str, Obj]:
    status = pod.get("status", {})
    for each in (*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())):
        ended = each.get("state", {}).get("terminated") or {}
        if ended.get("exitCode"):
            return each["name"], ended
    return CONTAINER, {}


def _why_failed(record: Record) -> Failure:
    message = f"its release failed: {record.message}"
    return Failure(FAILED, message, None, record.exit_code, record.last_words, True)


def _why_not_running(facts: Facts, revision: str, now: datetime) -> Failure | None:
    """Why the pod of a release that has not ended doesn't run. Pods that failed are followed by others."""
    jobs = [each for each in facts.release_jobs if revision_of(each) == revision and not _ended(each)]
    pods = [
        pod
        for job in jobs
        for pod in _pods_of(job, facts)
        if pod.get("status", {}).get("phase") in ("Pending", "Running")
    ]
    if not pods and facts.release_refused:
        return refused_pods(facts.release_refused)
    return diagnose(pods, facts.evidence, now)


def _pods_of(job: Obj, facts: Facts) -> list[Obj]:
    uid = job["metadata"]["uid"]
    return [
        pod
        for pod in facts.release_pods
        if any(owner["uid"] == uid for owner in pod["metadata"].get("ownerReferences", ()))
    ]


def _job(facts: Facts, revision: str, number: int) -> Obj | None:
    return next(
        (each for each in facts.release_jobs if revision_of(each) == revision and _number(each) == number),
        None,
    )


def _number(job: Obj) -> int:
    text = job["metadata"].get("labels", {}).get(ATTEMPT_LABEL, "")
    return int(text) if text.isdecimal() else 0


def _ended(job: Obj) -> str | None:
    """Complete or Failed, once the Job has ended."""
    for each in job.get("status", {}).get("conditions", ()):
        if each["type"] in ("Complete", "Failed") and each["status"] == "True":
            return str(each["type"])
    return None
