"""What a batch job that names a JobDefinition runs: the revision's template, the job's own fields over it, parameters
filled in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from longshore.api.batchjob import BatchJobSpec
from longshore.api.parameters import Parameter
from longshore.workload.decision import Obj
from longshore.workload.names import REVISION_LABEL
from longshore.workload.parameters import BadParameters, fill_in, settle

_DECLARED = TypeAdapter(dict[str, Parameter])


@dataclass(frozen=True, slots=True)
class Definition:
    """The JobDefinition of a batch job, as far as it is known. At most one of the sentences is set."""

    name: str
    revision: int | None = None
    """The one that the job is made from, once that is decided."""
    uid: str | None = None
    """Of that revision's object: a definition of the same name that was made anew counts from 1, too."""
    waiting: tuple[str, str] | None = None
    """Reason and sentence: why it can't be read yet."""
    invalid: str | None = None
    """Why the job can't be made from it, ever."""
    gone: str | None = None
    """It was deleted after the job had started, so that there is nothing to make another attempt from."""

    def render(self) -> Obj | None:
        if self.revision is None:
            return None
        made_from = {"name": self.name, "revision": self.revision}
        return made_from | ({"uid": self.uid} if self.uid is not None else {})


def pinned(status: Obj, jobs: Sequence[Obj]) -> tuple[int | None, str | None]:
    """The revision that the job was made from, and its uid if that is known: as the status says, or a Job that was
    made before it could."""
    if said := status.get("definition"):
        return int(said["revision"]), said.get("uid")
    labels = (each["metadata"].get("labels", {}).get(REVISION_LABEL, "") for each in jobs)
    return next((int(each) for each in labels if each.isdecimal()), None), None


def choose(name: str, namespace: str, definition: Obj | None) -> int | tuple[str, str]:
    """The latest revision of a JobDefinition, or reason and sentence why there is none yet."""
    if definition is None:
        return "DefinitionMissing", f"there is no JobDefinition {name} in namespace {namespace}: create it"
    status = definition.get("status") or {}
    if status.get("observedGeneration") != definition["metadata"]["generation"]:
        return "DefinitionPending", f"the newest change of JobDefinition {name} is being read"
    ready: Obj = next((each for each in status.get("conditions", ()) if each["type"] == "Ready"), {})
    if ready.get("reason") == "Invalid":
        return "DefinitionInvalid", f"JobDefinition {name} has to be corrected first: {ready['message']}"
    if "revision" not in status:
        return "DefinitionPending", f"JobDefinition {name} has no revision yet: {ready.get('message', '')}"
    return int(status["revision"])


def no_revision(name: str, revision: int) -> tuple[str, str]:
    """Why a job waits for a revision that isn't there."""
    return (
        "DefinitionMissing",
        f"revision {revision} of JobDefinition {name}, which this job is to be made from, does not exist or was deleted:"
        " create this job again",
    )


def resolve(own: Obj, data: Obj) -> BatchJobSpec:
    """The spec that is run. `own` is the BatchJob's spec as it was written, `data` that of the revision.

    Raises:
        BadParameters: the parameters, or what becomes of the spec with them, can't be used.
    """
    values = settle(_DECLARED.validate_python(data.get("parameters", {})), own.get("parameters", {}))
    merged = fill_in(_over(data["template"], own), values)
    if "array" in own and "nodes" in data["template"]:
        raise BadParameters(["array can't be set, for the definition is a gang: leave out array"])
    try:
        return BatchJobSpec.model_validate(merged)
    except ValidationError as error:
        mistakes = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:5]]
        raise BadParameters([f"with its parameters filled in, {each}" for each in mistakes]) from error


def without_template(own: Obj, jobs: Sequence[Obj]) -> BatchJobSpec:
    """What is still known of the spec when the JobDefinition is gone: enough to see a running attempt to its end."""
    spec: dict[str, Any] = own | {"image": "gone"}
    for job in jobs:
        if job["spec"].get("completionMode") == "Indexed":
            spec["array"] = {"size": job["spec"]["completions"]}
    return BatchJobSpec.model_validate(spec)


def _over(template: Obj, own: Obj) -> Obj:
    """The template with the job's own fields over it: env by name, everything else as a whole."""
    merged = template | own
    if "env" in own:
        merged["env"] = list(
            (
                {each["name"]: each for each in template.get("env", ())}
                | {each["name"]: each for each in own["env"]}
            ).values()
        )
    if "size" in own:
        merged.pop("resources", None)
    elif "resources" in own:
        merged.pop("size", None)
    return merged
