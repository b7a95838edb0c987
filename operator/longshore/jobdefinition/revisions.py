"""Which revision is the latest, and which are no longer needed.

A revision is numbered once and never changes. Going back to what an earlier one said makes a new number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from longshore.api.jobdefinition import JobDefinitionSpec
from longshore.jobdefinition.facts import Facts
from longshore.workload.decision import Obj
from longshore.workload.names import content_hash

KEPT = 20


def data_of(spec: JobDefinitionSpec) -> Obj:
    """What a revision keeps; what equals a default is left out, so that a new field with a default makes none."""
    template = spec.template.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    parameters: dict[str, Any] = {
        name: each.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for name, each in spec.parameters.items()
    }
    return {"template": template, "parameters": parameters}


def latest(facts: Facts, data: Obj) -> tuple[int, bool]:
    """The number of the revision that says `data`, and whether there is one already."""
    newest = max(facts.revisions, key=number_of, default=None)
    if newest is not None and content_hash(newest["data"]) == content_hash(data):
        return number_of(newest), True
    highest = max(number_of(newest) if newest else 0, int(facts.status.get("revision", 0)))
    return highest + 1, False


def to_drop(facts: Facts) -> Sequence[Obj]:
    """The oldest revisions beyond those that are kept; one that a job runs from stays whatever its age."""
    old = sorted(facts.revisions, key=number_of, reverse=True)[KEPT:]
    return [each for each in old if number_of(each) not in facts.pinned]


def number_of(revision: Obj) -> int:
    return int(revision["revision"])
