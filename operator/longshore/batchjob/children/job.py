"""The Job of one attempt: one pod that isn't restarted, or all indexes of an array.

Retries of a single job are further Jobs, so that each attempt can be counted; retries of an index are
the Job controller's, by rules that are translated into a pod failure policy.
"""

from __future__ import annotations

from longshore.api.batchjob import RetryRule
from longshore.batchjob.work import Work
from longshore.workload.decision import Obj
from longshore.workload.names import ATTEMPT_LABEL, BATCHJOB_LABEL
from longshore.workload.placement import spread_constraints
from longshore.workload.pod import container, pod_spec

CONTAINER = "job"
INDEX_ANNOTATION = "batch.kubernetes.io/job-completion-index"
DISRUPTIONS = frozenset({"Evicted", "NodeLost", "Preempted"})
OOM_EXIT_CODE = 137


def build(work: Work, attempt: int) -> Obj:
    spec = work.spec
    template = pod_spec(
        spec,
        container(spec, CONTAINER, _variables(work, attempt)),
        work.service_account,
        work.files_name,
        restartPolicy="Never",
        terminationGracePeriodSeconds=spec.termination_grace_period_seconds,
    )
    if spec.array and (constraints := spread_constraints(spec.placement, _selector(work, attempt))):
        template["topologySpreadConstraints"] = constraints
    metadata: Obj = {"labels": work.labels(attempt)}
    if spec.annotations:
        metadata["annotations"] = dict(spec.annotations)
    job: Obj = {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "podReplacementPolicy": "Failed",
        "template": {"metadata": metadata, "spec": template},
    }
    if spec.timeouts.attempt_seconds is not None:
        job["activeDeadlineSeconds"] = spec.timeouts.attempt_seconds
    if spec.array:
        job |= _indexed(work)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": work.metadata(work.job_name(attempt), attempt),
        "spec": job,
    }


def _selector(work: Work, attempt: int) -> dict[str, str]:
    return {BATCHJOB_LABEL: work.name, ATTEMPT_LABEL: str(attempt)}


def _variables(work: Work, attempt: int) -> list[Obj]:
    made: list[Obj] = [{"name": "LONGSHORE_ATTEMPT", "value": str(attempt)}]
    if work.spec.array:
        index = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.annotations['{INDEX_ANNOTATION}']"}}
        made.append({"name": "LONGSHORE_ARRAY_INDEX", "valueFrom": index})
    return made


def _indexed(work: Work) -> Obj:
    """One pod per index; the Job controller starts the lowest index that is left, so that one at a time is in order."""
    spec = work.spec
    assert spec.array is not None
    made: Obj = {
        "completionMode": "Indexed",
        "completions": spec.array.size,
        "parallelism": 1
        if spec.sequential
        else min(spec.array.max_parallel or spec.array.size, spec.array.size),
        "backoffLimit": 2147483647,
        "backoffLimitPerIndex": spec.retry.attempts - 1,
    }
    if spec.sequential and spec.sequential.when == "Succeeded":
        made["maxFailedIndexes"] = 0
    if policy := [each for rule in spec.retry.when for each in _policy(rule)]:
        made["podFailurePolicy"] = {"rules": policy}
    return made


def _policy(rule: RetryRule) -> list[Obj]:
    """A rule as the Job controller knows it; it can't tell OOM from SIGKILL, nor Evicted from NodeLost."""
    failing = "FailIndex" if rule.action == "Fail" else "Count"
    if rule.exit_codes is not None:
        return [_on_exit_codes(failing, "In", rule.exit_codes)]
    reasons, made = set(rule.reasons or ()), []
    if reasons & DISRUPTIONS:
        action = "FailIndex" if rule.action == "Fail" else "Ignore"
        made.append({"action": action, "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]})
    if "OOMKilled" in reasons:
        made.append(_on_exit_codes(failing, "In", [OOM_EXIT_CODE]))
    if "Error" in reasons:
        made.append(_on_exit_codes(failing, "NotIn", [0, OOM_EXIT_CODE]))
    return made


def _on_exit_codes(action: str, operator: str, codes: list[int]) -> Obj:
    return {
        "action": action,
        "onExitCodes": {"containerName": CONTAINER, "operator": operator, "values": sorted(set(codes))},
    }
