"""Makes the CustomResourceDefinitions from the models.

Pydantic's JSON schema is turned into the structural OpenAPI v3 that the API server takes: references
are put in place, `null` goes (an absent field says it), titles go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from longshore.api import GROUP, VERSION
from longshore.api.base import JsonSchema, Model
from longshore.api.batchjob import BatchJob
from longshore.api.computeenvironment import ComputeEnvironment
from longshore.api.jobdefinition import JobDefinition
from longshore.api.jobqueue import JobQueue
from longshore.api.webapp import WebApp


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; `wide` ones show with -o wide only."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False

    def render(self) -> JsonSchema:
        column: JsonSchema = {"name": self.name, "type": self.type, "jsonPath": self.path}
        return column | ({"priority": 1} if self.wide else {})


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of the contract and how kubectl shows it."""

    model: type[Model]
    plural: str
    short: str
    columns: tuple[Column, ...]
    scale: JsonSchema | None = None
    namespaced: bool = True

    @property
    def name(self) -> str:
        return self.model.__name__


_READY = '.status.conditions[?(@.type=="Ready")]'
_AGE = Column("Age", ".metadata.creationTimestamp", "date")

KINDS = (
    Kind(
        WebApp,
        "webapps",
        "wa",
        (
            Column("Ready", f"{_READY}.status"),
            Column("Reason", f"{_READY}.reason"),
            Column("URL", ".status.url"),
            Column("Replicas", ".status.ready"),
            Column("Revision", ".status.revision.current"),
            Column("Image", ".spec.image", wide=True),
            _AGE,
        ),
        scale={
            "specReplicasPath": ".spec.scaling.minReplicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        },
    ),
    Kind(
        BatchJob,
        "batchjobs",
        "bj",
        (
            Column("Phase", ".status.phase"),
            Column("Reason", ".status.reason"),
            Column("Queue", ".spec.queue"),
            Column("Position", ".status.queue.position", "integer", wide=True),
            Column("Attempt", ".status.attempt", "integer"),
            Column("Done", ".status.done"),
            Column("Duration", ".status.duration"),
            Column("Waiting", ".status.waiting.message", wide=True),
            Column("Image", ".spec.image", wide=True),
            Column("Definition", ".status.definition.name", wide=True),
            _AGE,
        ),
    ),
    Kind(
        JobDefinition,
        "jobdefinitions",
        "jd",
        (
            Column("Ready", f"{_READY}.status"),
            Column("Reason", f"{_READY}.reason"),
            Column("Revision", ".status.revision", "integer"),
            Column("Active", ".status.active", "integer"),
            Column("Next run", ".status.nextRun"),
            Column("Image", ".spec.template.image", wide=True),
            _AGE,
        ),
    ),
    Kind(
        JobQueue,
        "jobqueues",
        "jq",
        (
            Column("Ready", f"{_READY}.status"),
            Column("Reason", f"{_READY}.reason"),
            Column("Priority", ".spec.priority", "integer"),
            Column("Waiting", ".status.waiting", "integer"),
            Column("Running", ".status.running", "integer"),
            Column("Oldest", ".status.oldestWaiting"),
            Column("Environments", ".spec.computeEnvironments", wide=True),
            _AGE,
        ),
        namespaced=False,
    ),
    Kind(
        ComputeEnvironment,
        "computeenvironments",
        "ce",
        (
            Column("Ready", f"{_READY}.status"),
            Column("Reason", f"{_READY}.reason"),
            Column("Type", ".spec.type"),
            Column("Jobs", ".status.jobs", "integer"),
            Column("CPU", ".status.cpu"),
            Column("Memory", ".status.memory"),
            Column("GPUs", ".status.gpus"),
            Column("Nodes", ".status.nodes", "integer", wide=True),
            _AGE,
        ),
        namespaced=False,
    ),
)


def custom_resource_definition(kind: Kind) -> JsonSchema:
    """The CRD of a kind, as apiextensions.k8s.io/v1 takes it."""
    subresources: JsonSchema = {"status": {}} | ({"scale": kind.scale} if kind.scale else {})
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}", "labels": {"app.kubernetes.io/name": "longshore"}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short],
                "categories": ["longshore"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": open_api_schema(kind.model)},
                    "subresources": subresources,
                    "additionalPrinterColumns": [column.render() for column in kind.columns],
                }
            ],
        },
    }


def open_api_schema(model: type[Model]) -> JsonSchema:
    """The structural schema of a whole object of this kind, with apiVersion, kind and metadata."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    whole = _structural(schema, schema.get("$defs", {}))
    whole["properties"] = {
        "apiVersion": {"type": "string", "description": "Version of this contract: longshore.dev/v1alpha1."},
        "kind": {"type": "string", "description": f"{model.__name__}."},
        "metadata": {"type": "object"},
    } | whole["properties"]
    return whole


_KEPT = (
    "type", "description", "enum", "default", "format", "pattern", "minLength", "maxLength", "minItems", "maxItems",
    "maxProperties", "minimum", "maximum", "required", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
    "x-kubernetes-int-or-string", "x-kubernetes-validations",
)  # fmt: skip


def _structural(schema: JsonSchema, definitions: dict[str, JsonSchema]) -> JsonSchema:
    schema = _resolved(schema, definitions)
    made = {key: schema[key] for key in _KEPT if key in schema and not _empty_default(key, schema[key])}
    if "x-kubernetes-int-or-string" in schema:
        made["anyOf"] = [{"type": "integer"}, {"type": "string"}]
        made.pop("type", None)
    if "properties" in schema:
        made["properties"] = {
            name: _structural(each, definitions) for name, each in schema["properties"].items()
        }
    if "items" in schema:
        made["items"] = _structural(schema["items"], definitions)
    if isinstance(schema.get("additionalProperties"), dict):
        made["additionalProperties"] = _structural(schema["additionalProperties"], definitions)
    if "const" in schema:
        made["enum"] = [schema["const"]]
    return made


def _resolved(schema: JsonSchema, definitions: dict[str, JsonSchema]) -> JsonSchema:
    """Puts a reference and the one alternative that isn't null in place; what stands beside it wins."""
    while True:
        if "$ref" in schema:
            target = definitions[schema["$ref"].removeprefix("#/$defs/")]
        elif "allOf" in schema and len(schema["allOf"]) == 1:
            target = schema["allOf"][0]
        elif "x-kubernetes-int-or-string" not in schema and (
            alternatives := [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
        ):
            (target,) = alternatives
        else:
            return schema
        beside = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "anyOf")}
        rules = [*target.get("x-kubernetes-validations", []), *beside.get("x-kubernetes-validations", [])]
        schema = target | beside | ({"x-kubernetes-validations": rules} if rules else {})


def _empty_default(key: str, value: Any) -> bool:
    """Defaults that say nothing: null, and objects and lists that their own fields fill in."""
    return key == "default" and (value is None or (isinstance(value, (list, dict)) and value != _FILLED_IN))


_FILLED_IN: JsonSchema = {}
