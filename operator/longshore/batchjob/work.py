"""The batch job as its children see it: who it is and what it runs."""

from __future__ import annotations

from dataclasses import dataclass

from longshore.api.batchjob import BatchJobSpec
from longshore.api.common import NodeSelection
from longshore.workload.decision import Obj
from longshore.workload.names import (
    ATTEMPT_LABEL,
    BATCHJOB_LABEL,
    ENVIRONMENT_LABEL,
    QUEUE_LABEL,
    REVISION_LABEL,
    child_name,
    labels,
    owner_reference,
)
from longshore.workload.placement import within
from longshore.workload.pod import files_name

COMPONENT = "batchjob"
SHARED_ACCOUNT = "longshore-batch"
"""One account without rights per namespace, for jobs that name none: 100,000 jobs need no account each."""
LONGEST_JOB_NAME = 52
"""Leaves room for the index and the random suffix in the names of its pods."""


@dataclass(frozen=True, slots=True)
class Work:
    """Name, namespace and uid of a BatchJob, and its spec."""

    name: str
    namespace: str
    uid: str
    spec: BatchJobSpec
    revision: int | None = None
    """Of its JobDefinition. Its Jobs say it, too, so that it stays when the status couldn't be written."""
    environment: str | None = None
    """Compute environment that it is admitted to."""

    @classmethod
    def of(
        cls,
        batchjob: Obj,
        spec: BatchJobSpec,
        revision: int | None,
        environment: str | None,
        nodes: NodeSelection | None,
    ) -> Work:
        """The work, on the nodes of the environment if it is in one."""
        metadata = batchjob["metadata"]
        if nodes is not None:
            spec = spec.model_copy(update={"placement": within(spec.placement, nodes)})
        return cls(metadata["name"], metadata["namespace"], metadata["uid"], spec, revision, environment)

    @property
    def service_account(self) -> str:
        return self.spec.service_account_name or SHARED_ACCOUNT

    @property
    def files_name(self) -> str | None:
        return files_name(f"{self.name}-batchjob", self.spec.files)

    @property
    def service_name(self) -> str:
        return child_name(self.name, "nodes")

    def job_name(self, attempt: int) -> str:
        """The one name that the Job of this attempt can have, whoever creates it."""
        return child_name(self.name, str(attempt), LONGEST_JOB_NAME)

    def labels(self, attempt: int | None = None) -> dict[str, str]:
        made = labels(BATCHJOB_LABEL, self.name, COMPONENT, self.spec.labels)
        if self.revision is not None:
            made[REVISION_LABEL] = str(self.revision)
        if attempt is not None:
            made[ATTEMPT_LABEL] = str(attempt)
        if self.environment is not None and self.spec.queue is not None:
            made |= {QUEUE_LABEL: self.spec.queue, ENVIRONMENT_LABEL: self.environment}
        return made

    def metadata(self, name: str, attempt: int | None = None) -> Obj:
        made: Obj = {
            "name": name,
            "namespace": self.namespace,
            "labels": self.labels(attempt),
            "ownerReferences": [owner_reference("BatchJob", self.name, self.uid)],
        }
        return made | ({"annotations": dict(self.spec.annotations)} if self.spec.annotations else {})
