"""What became of each attempt: read from its Job and pods once, then kept in the status for good."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from longshore.batchjob.children.job import CONTAINER
from longshore.batchjob.facts import Facts, attempt_of, index_of
from longshore.workload.conditions import parse_time, shorten, timestamp
from longshore.workload.decision import Obj
from longshore.workload.diagnosis import cannot_start, evicted, last_words, memory_limit

SETTLING = timedelta(seconds=10)
"""While an attempt is younger than this and has not begun to run, where its pod stands isn't told: in most cases
it is over in a moment, and each step would be a write."""
GANG_INCOMPLETE = "GangIncomplete"
NOT_COUNTED = frozenset({"Suspended", GANG_INCOMPLETE})
_DISRUPTION_REASONS = {
    "PreemptionByScheduler": "Preempted",
    "DeletionByTaintManager": "NodeLost",
    "DeletionByPodGC": "NodeLost",
    "EvictionByEvictionAPI": "Evicted",
    "TerminationByKubelet": "Evicted",
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, as far as it is known."""

    number: int
    job: str
    pod: str | None = None
    node: str | None = None
    started: datetime | None = None
    finished: datetime | None = None
    exit_code: int | None = None
    reason: str | None = None
    message: str | None = None
    memory: str | None = None
    last_words: str | None = None
    fresh: bool = False
    """It ended, and the status doesn't say so yet."""

    @property
    def succeeded(self) -> bool:
        return self.reason == "Succeeded"

    def render(self, counted: bool | None) -> Obj:
        parts = {
            "number": self.number,
            "job": self.job,
            "pod": self.pod,
            "node": self.node,
            "startedAt": timestamp(self.started) if self.started else None,
            "finishedAt": timestamp(self.finished) if self.finished else None,
            "exitCode": self.exit_code,
            "reason": self.reason,
            "message": shorten(self.message) if self.message else None,
            "memory": self.memory,
            "counted": counted,
        }
        return {name: value for name, value in parts.items() if value is not None}


def observe(facts: Facts, stopped: tuple[str, str | None] | None, now: datetime) -> list[Attempt]:
    """Every attempt that is known, the oldest first; of those that the status has dropped, their Jobs remain.

    `stopped` is why attempts are being stopped now, reason and message, for one whose Job has been suspended.
    """
    recorded = {each["number"]: each for each in facts.status.get("attempts", ())}
    oldest = min(recorded, default=1)
    numbers = sorted(
        recorded.keys() | {number for job in facts.jobs if (number := attempt_of(job)) >= oldest}
    )
    return [_observe(number, recorded.get(number), facts, stopped, now) for number in numbers]


def _observe(
    number: int, recorded: Obj | None, facts: Facts, stopped: tuple[str, str | None] | None, now: datetime
) -> Attempt:
    before = _load(recorded) if recorded else None
    if before and before.finished:
        return before
    job = facts.job(number)
    if job is None:
        assert before is not None, "an attempt without a Job is known from the status alone"
        message = "its Job was deleted by somebody else, so how it ended is not known"
        return replace(before, finished=now, reason="JobDeleted", message=message, fresh=True)
    seen = _from_pods(Attempt(number, job["metadata"]["name"]), job, facts, before, now)
    return _ended(seen, job, facts, stopped)


def _load(recorded: Obj) -> Attempt:
    return Attempt(
        number=recorded["number"],
        job=recorded["job"],
        pod=recorded.get("pod"),
        node=recorded.get("node"),
        started=parse_time(recorded["startedAt"]) if "startedAt" in recorded else None,
        finished=parse_time(recorded["finishedAt"]) if "finishedAt" in recorded else None,
        exit_code=recorded.get("exitCode"),
        reason=recorded.get("reason"),
        message=recorded.get("message"),
        memory=recorded.get("memory"),
    )


def _from_pods(attempt: Attempt, job: Obj, facts: Facts, before: Attempt | None, now: datetime) -> Attempt:
    pods = facts.pods_of(attempt.number)
    attempt = replace(
        attempt,
        started=began(pods, facts, before.started if before else None),
        memory=memory_limit(job["spec"]["template"], CONTAINER),
    )
    if before and before.reason:
        attempt = replace(attempt, reason=before.reason, message=before.message)
    elif facts.spec.array is None and (lost := next((pod for pod in pods if disruption(pod)), None)):
        # Remembered, for the pod may be gone by the time its Job has failed.
        reason, message = why_pod_failed(lost)
        attempt = replace(attempt, reason=reason, message=message)
    shown = pods if facts.spec.nodes is None else [pod for pod in pods if index_of(pod) == 0]
    if facts.spec.array is None and shown and (attempt.started or not is_settling(job, now)):
        newest = max(shown, key=lambda pod: pod["metadata"]["creationTimestamp"])
        return replace(attempt, pod=newest["metadata"]["name"], node=newest.get("spec", {}).get("nodeName"))
    return replace(attempt, pod=before.pod, node=before.node) if before else attempt


def began(pods: list[Obj], facts: Facts, before: datetime | None) -> datetime | None:
    """When the attempt began to run: with its first pod, a gang with its last."""
    starts = [moment for pod in pods if (moment := started_at(pod))]
    if facts.spec.nodes is None:
        return min([*starts, *([before] if before else [])], default=None)
    whole = len({index_of(pod) for pod in pods if started_at(pod)}) == facts.spec.nodes.count
    return before or (max(starts) if whole else None)


def is_settling(job: Obj, now: datetime) -> bool:
    """Whether the attempt of this Job is too young for its steps to be told."""
    return now - parse_time(job["metadata"]["creationTimestamp"]) < SETTLING


def started_at(pod: Obj) -> datetime | None:
    """When the job's container of this pod began to run."""
    state = _state(pod)
    text = (state.get("running") or state.get("terminated") or {}).get("startedAt")
    return parse_time(text) if text else None


def _state(pod: Obj) -> Obj:
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return next((each.get("state", {}) for each in statuses if each["name"] == CONTAINER), {})


def _ended(attempt: Attempt, job: Obj, facts: Facts, stopped: tuple[str, str | None] | None) -> Attempt:
    conditions = {
        each["type"]: each for each in job.get("status", {}).get("conditions", ()) if each["status"] == "True"
    }
    if done := conditions.get("Complete"):
        code = None if facts.spec.array else 0
        return _finish(attempt, done["lastTransitionTime"], "Succeeded", None, code)
    if failed := conditions.get("Failed"):
        return _failed(attempt, failed, facts)
    if stopped and (suspended := conditions.get("Suspended")) and (is_stopped(job) or job.get("standsStill")):
        return _finish(attempt, suspended["lastTransitionTime"], *stopped, None)
    return attempt


def is_stopped(job: Obj) -> bool:
    """The Job is suspended and none of its pods is left."""
    status = job.get("status", {})
    suspended = any(
        each["type"] == "Suspended" and each["status"] == "True" for each in status.get("conditions", ())
    )
    return bool(
        job["spec"].get("suspend")
        and suspended
        and not status.get("active")
        and not status.get("terminating")
    )


def _finish(attempt: Attempt, at: str, reason: str, message: str | None, code: int | None) -> Attempt:
    return replace(
        attempt, finished=parse_time(at), reason=reason, message=message, exit_code=code, fresh=True
    )


def _failed(attempt: Attempt, condition: Obj, facts: Facts) -> Attempt:
    at = condition["lastTransitionTime"]
    if condition.get("reason") == "DeadlineExceeded":
        seconds = facts.spec.timeouts.attempt_seconds
        return _finish(
            attempt, at, "Timeout", f"the attempt ran longer than timeouts.attemptSeconds, {seconds} s", None
        )
    pod = quoted_pod(facts.pods_of(attempt.number))
    if attempt.reason and not (pod and disruption(pod)):
        return _finish(attempt, at, attempt.reason, attempt.message, None)
    if pod is None:
        whose = "its pod" if facts.spec.nodes is None else "one of its pods"
        return _finish(
            attempt,
            at,
            "Error",
            f"{whose} is gone, so its exit code is not known: {condition.get('message', '')}",
            None,
        )
    attempt = replace(
        attempt, pod=pod["metadata"]["name"], node=pod.get("spec", {}).get("nodeName") or attempt.node
    )
    ended = _state(pod).get("terminated", {})
    reason, message = why_pod_failed(pod)
    finished = _finish(attempt, at, reason, message, ended.get("exitCode"))
    return replace(finished, last_words=last_words(ended))


def quoted_pod(pods: list[Obj]) -> Obj | None:
    """The failed pod that stands for the attempt: one that was taken from its node, of which others may have
    failed before it was told; else the first that failed, before those that were stopped because of it."""
    failed = [pod for pod in pods if pod.get("status", {}).get("phase") == "Failed"]
    return min(
        failed,
        key=lambda pod: (
            disruption(pod) is None,
            "deletionTimestamp" in pod["metadata"],
            _state(pod).get("terminated", {}).get("finishedAt", ""),
            pod["metadata"]["name"],
        ),
        default=None,
    )


def disruption(pod: Obj) -> Obj | None:
    """The condition that says that the pod is taken from its node, and why."""
    conditions = pod.get("status", {}).get("conditions", ())
    told = (each for each in conditions if each["type"] == "DisruptionTarget" and each["status"] == "True")
    return next(told, None)


def why_pod_failed(pod: Obj) -> tuple[str, str]:
    """Reason and message of a failed pod: the kubelet's and the scheduler's words before the exit code."""
    status, ended = pod.get("status", {}), _state(pod).get("terminated", {})
    code = ended.get("exitCode")
    if condition := disruption(pod):
        reason = _DISRUPTION_REASONS.get(condition.get("reason", ""), "Evicted")
        return reason, f"the pod was taken from its node: {evicted(condition.get('message', ''))}"
    if status.get("reason") in ("Evicted", "NodeLost"):
        return status["reason"], f"the pod was taken from its node: {evicted(status.get('message', ''))}"
    if ended.get("reason") == "OOMKilled":
        limit = memory_limit(pod, CONTAINER)
        of_limit = f" of {limit}" if limit else ""
        return "OOMKilled", (
            f"the container used more memory than its limit{of_limit} and was killed (exit code {code})."
            " Raise size or resources.limits.memory, or use less"
        )
    if ended.get("reason") in ("StartError", "ContainerCannotRun"):
        return "Error", cannot_start(ended.get("message", ""))
    return (
        "Error",
        f"the container ended with exit code {code}. Read its log: kubectl logs {pod['metadata']['name']}",
    )
