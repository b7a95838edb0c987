"""What is known of one BatchJob and its Jobs at one moment: the input of every decision about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from longshore.api.batchjob import BatchJobSpec
from longshore.api.common import NodeSelection
from longshore.batchjob.definition import Definition
from longshore.batchjob.parts import Parts
from longshore.queueing.model import Ticket
from longshore.workload.conditions import parse_time
from longshore.workload.decision import Obj, Refusal
from longshore.workload.diagnosis import Evidence
from longshore.workload.names import ATTEMPT_LABEL

INDEX_LABEL = "batch.kubernetes.io/job-completion-index"
"""The Job controller puts it on the pods of an Indexed Job, as it does the annotation of that name."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Live objects as they are, in the forms of the API; what doesn't exist is None or empty."""

    batchjob: Obj
    spec: BatchJobSpec
    """What is run: with a definition, what it and the job's own fields make together."""
    definition: Definition | None = None
    dependencies: Mapping[str, Obj | None] = field(default_factory=dict)
    """The BatchJobs that the job depends on, by name; None for one that doesn't exist."""
    cycle: Sequence[str] = ()
    """The names of BatchJobs that wait for each other, this one among them."""
    jobs: Sequence[Obj] = ()
    """Every Job that is ours; one that the status says is running was looked for on the server. Those of an array that
    runs in parts are told as one."""
    parts: Parts | None = None
    """They themselves, and what they wait for, of an array that follows another index by index."""
    pods: Sequence[Obj] = ()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    """Warnings of the kubelet, by the uid of the pod."""
    pods_refused: str | None = None
    """What the API server said when the Job controller tried to create a pod."""
    account_allowed: bool = True
    """The account that the spec names exists and carries the label that allows it."""
    account_exists: bool = False
    """The namespace has the account that jobs without one share."""
    refusal: Refusal | None = None
    """What the API server refused when the last decision was carried out."""
    ticket: Ticket | None = None
    """What the queue answered; None if it wasn't asked, or can't say yet."""
    environment: str | None = None
    """The environment that the status says it is admitted to, if there is one of that name."""
    nodes: NodeSelection | None = None
    """Where that environment's jobs run."""
    last_words: bool = True
    """Whether termination messages may be shown in the status."""

    @property
    def generation(self) -> int:
        return int(self.batchjob["metadata"]["generation"])

    @property
    def status(self) -> Obj:
        return self.batchjob.get("status") or {}

    @property
    def submitted(self) -> datetime:
        return parse_time(self.batchjob["metadata"]["creationTimestamp"])

    def job(self, attempt: int) -> Obj | None:
        return next((each for each in self.jobs if attempt_of(each) == attempt), None)

    def pods_of(self, attempt: int) -> list[Obj]:
        return [each for each in self.pods if attempt_of(each) == attempt]


def attempt_of(obj: Obj) -> int:
    """The number of the attempt that a Job or pod belongs to; 0 when its label was taken off."""
    text = obj["metadata"].get("labels", {}).get(ATTEMPT_LABEL, "")
    return int(text) if text.isdecimal() else 0


def index_of(pod: Obj) -> int | None:
    """The index of a pod in its array or gang; None if it has none."""
    text = pod["metadata"].get("labels", {}).get(INDEX_LABEL, "")
    return int(text) if text.isdecimal() else None


def is_orphan(obj: Obj) -> bool:
    """Nothing controls it: whoever took its owner reference off left it running."""
    return not any(each.get("controller") for each in obj["metadata"].get("ownerReferences", ()))
