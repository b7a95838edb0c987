"""Building blocks of the contract: the base model and the types that carry their own admission rules.

A type says here what the API server checks: bounds become OpenAPI, `Rule`s become CEL. Nothing here
knows a kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

JsonSchema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """A CEL rule and the message a user reads when it is broken.

    Put into `Annotated` it guards one field; in a model's `rules` it guards the whole object.
    """

    rule: str
    message: str

    def as_validation(self) -> JsonSchema:
        return {"rule": self.rule, "message": self.message}

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core)
        schema.setdefault("x-kubernetes-validations", []).append(self.as_validation())
        return schema


@dataclass(frozen=True, slots=True)
class ListMap:
    """Marks a list whose items are told apart by `keys`, so that two appliers can own different items."""

    keys: tuple[str, ...]

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core)
        schema |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(self.keys)}
        return schema


@dataclass(frozen=True, slots=True)
class ListType:
    """Marks a list as `set` or `atomic` for server-side apply."""

    kind: str

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core)
        schema["x-kubernetes-list-type"] = self.kind
        return schema


@dataclass(frozen=True, slots=True)
class MapValues:
    """Bounds a string map: the number of entries and the length of each value, in characters."""

    max_entries: int
    max_value: int

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core)
        schema["maxProperties"] = self.max_entries
        schema["additionalProperties"] = {"type": "string", "maxLength": self.max_value}
        return schema


def left_to_the_definition(schema: JsonSchema) -> None:
    """Keeps a field's default out of the schema, so that a field that was left out stays out."""
    schema.pop("default", None)


def _add_rules(schema: JsonSchema, model: type[Model]) -> None:
    if model.rules:
        schema["x-kubernetes-validations"] = [rule.as_validation() for rule in model.rules]


class Model(BaseModel):
    """An object of the contract: camelCase on the wire, frozen in Python, unknown fields refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        json_schema_extra=_add_rules,
        use_enum_values=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()


def _bounded(pattern: str, message: str, longest: int, shortest: int = 1) -> Any:
    return Annotated[
        str, Field(min_length=shortest, max_length=longest), Rule(f"self.matches({_cel(pattern)})", message)
    ]


def _cel(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


DnsLabel = _bounded(
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    "use lower-case letters, digits and '-', beginning and ending with a letter or digit",
    63,
)
DnsName = _bounded(
    r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
    "use lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
    253,
)
DataKey = _bounded(r"^[-._a-zA-Z0-9]+$", "use letters, digits, '-', '_' and '.', as in a Secret's keys", 253)
AbsolutePath = Annotated[
    str,
    Field(min_length=1, max_length=512),
    Rule(
        r"self.startsWith('/') && self != '/' && !self.matches('(^|/)[.][.](/|$)') && !self.matches('[:\\pC]')",
        "write an absolute path below / without '..', ':' and control characters, such as /etc/app/config.yaml",
    ),
]
RelativePath = Annotated[
    str,
    Field(min_length=1, max_length=512),
    Rule(
        r"!self.startsWith('/') && !self.matches('(^|/)[.][.](/|$)')",
        "write a path inside the volume, without a leading '/' and without '..'",
    ),
]

QUANTITY = r"^[0-9]+([.][0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
Quantity = Annotated[
    int | str,
    Field(union_mode="left_to_right"),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "maxLength": 32,
            "x-kubernetes-validations": [
                {
                    "rule": f"type(self) == int ? self > 0 : (self.matches({_cel(QUANTITY)})"
                    " && quantity(self).isGreaterThan(quantity('0')))",
                    "message": "write a quantity above 0, such as 250m or 2 for cpu, 512Mi or 2Gi for memory",
                }
            ],
        }
    ),
]
"""An amount of a resource in Kubernetes' notation: `250m`, `2`, `512Mi`. Integers are whole units."""

IntOrPercent = Annotated[
    int | str,
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "maxLength": 16,
            "x-kubernetes-validations": [
                {
                    "rule": "type(self) == int ? (self >= 0 && self <= 1000) : self.matches('^(100|[1-9]?[0-9])%$')",
                    "message": 'write a number of replicas from 0 to 1000, or a percentage in quotes such as "25%"',
                }
            ],
        }
    ),
]
