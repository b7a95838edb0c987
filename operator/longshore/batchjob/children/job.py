"""The Job of one attempt: one pod that isn't restarted, all pods of a gang, or all indexes of an array.

Retries of a single job and of a gang are further Jobs, so that each attempt can be counted; retries of an index
are the Job controller's, by rules that are translated into a pod failure policy.
"""

from __future__ import annotations

from typing import Any

from longshore.api.batchjob import RetryRule, SuccessPolicy
from longshore.api.ranges import indexes_of, ranges
from longshore.batchjob.indexes import left_out
from longshore.batchjob.work import Work
from longshore.workload.decision import Obj
from longshore.workload.names import ATTEMPT_LABEL, BATCHJOB_LABEL
from longshore.workload.placement import spread_constraints
from longshore.workload.pod import container, pod_spec, with_memory

CONTAINER = "job"
INDEX_ANNOTATION = "batch.kubernetes.io/job-completion-index"
DISRUPTIONS = frozenset({"Evicted", "NodeLost", "Preempted"})
OOM_EXIT_CODE = 137


def build(work: Work, attempt: int, memory: str | None = None) -> Obj:
    """The Job; `memory` is the limit of the container where it isn't the spec's."""
    spec = work.spec
    the_container = container(spec, CONTAINER, _variables(work, attempt))
    if memory is not None:
        the_container["resources"] = with_memory(the_container["resources"], memory)
    template = pod_spec(
        spec,
        the_container,
        work.service_account,
        work.files_name,
        restartPolicy="Never",
        terminationGracePeriodSeconds=spec.termination_grace_period_seconds,
        **({"subdomain": work.service_name} if spec.nodes else {}),
    )
    if (spec.array or spec.nodes) and (
        constraints := spread_constraints(spec.placement, _selector(work, attempt))
    ):
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
    if spec.nodes:
        # No failure is within the limit: the first pod that fails, or is lost, ends the attempt of all.
        job |= {"completionMode": "Indexed"} | dict.fromkeys(("completions", "parallelism"), spec.nodes.count)
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
        made.append(_index("LONGSHORE_ARRAY_INDEX"))
    if work.spec.nodes:
        main = f"{work.job_name(attempt)}-0.{work.service_name}"
        made += [
            _index("LONGSHORE_NODE_INDEX"),
            {"name": "LONGSHORE_NODE_COUNT", "value": str(work.spec.nodes.count)},
            {"name": "LONGSHORE_MAIN_ADDRESS", "value": main},
        ]
    return made


def _index(name: str) -> Obj:
    path = f"metadata.annotations['{INDEX_ANNOTATION}']"
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


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
    out = left_out(spec.array)
    if out:
        # It goes on when its status says that those left out have succeeded.
        made["suspend"] = True
    return made | _success(spec.success_policy, out)


def _success(policy: SuccessPolicy | None, out: frozenset[int]) -> Obj:
    """When the Job is done early. Indexes that are left out count as succeeded."""
    rule: dict[str, Any] = {}
    made: Obj = {}
    if policy and policy.succeeded_indexes:
        rule["succeededIndexes"] = ranges(indexes_of(policy.succeeded_indexes))
        out = frozenset()
    if policy and policy.succeeded_count is not None:
        rule["succeededCount"] = policy.succeeded_count + len(out)
    if rule:
        made["successPolicy"] = {"rules": [rule]}
    if policy and policy.max_failed_indexes is not None:
        made["maxFailedIndexes"] = policy.max_failed_indexes
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
