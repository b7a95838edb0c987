"""What is known of one JobDefinition, its revisions and the BatchJobs of its schedules: the input of every decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from longshore.api.jobdefinition import JobDefinitionSpec
from longshore.workload.conditions import parse_time
from longshore.workload.decision import Obj, Refusal


@dataclass(frozen=True, slots=True)
class Facts:
    """Live objects as they are, in the forms of the API; what doesn't exist is empty."""

    definition: Obj
    spec: JobDefinitionSpec
    revisions: Sequence[Obj] = ()
    jobs: Sequence[Obj] = ()
    """The BatchJobs that its schedules made."""
    pinned: frozenset[int] = frozenset()
    """Revisions that BatchJobs which have not ended are made from."""
    refusal: Refusal | None = None
    """What the API server refused when the last decision was carried out."""

    @property
    def name(self) -> str:
        return str(self.definition["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.definition["metadata"]["namespace"])

    @property
    def uid(self) -> str:
        return str(self.definition["metadata"]["uid"])

    @property
    def generation(self) -> int:
        return int(self.definition["metadata"]["generation"])

    @property
    def created(self) -> datetime:
        return parse_time(self.definition["metadata"]["creationTimestamp"])

    @property
    def status(self) -> Obj:
        return self.definition.get("status") or {}
