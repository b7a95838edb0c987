"""Parameters of a JobDefinition: how they are declared, and how values for them are given."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from longshore.api.base import MapValues, Model, Rule

MOST_PARAMETERS = 50
NAMES = Rule(
    "self.all(k, size(k) <= 63 && k.matches('^[a-zA-Z_][-_a-zA-Z0-9]*$'))",
    "name parameters with letters, digits, '-' and '_', beginning with a letter or '_', in at most 63 characters",
)
Value = Annotated[str, Field(max_length=4096)]
ParameterValues = Annotated[dict[str, str], MapValues(max_entries=MOST_PARAMETERS, max_value=4096), NAMES]


class Parameter(Model):
    """One parameter of a JobDefinition."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!self.required || !has(self.default)",
            "a parameter with a default is never missing: leave out required or default",
        ),
    )
    default: Value | None = Field(
        default=None, description="The value where none is given. Default: the empty string."
    )
    required: bool = Field(default=False, description="Refuse jobs that give no value. Default: false.")
    pattern: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        default=None,
        description="A regular expression (without look-around and back-references) that the whole value has to match. Default: any value.",
    )
