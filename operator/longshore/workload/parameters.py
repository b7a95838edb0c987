"""Parameters of a JobDefinition: the value of each for one job, and what `${params.NAME}` is replaced with.

Values are never part of a message: they may be what somebody should not have written there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

from longshore.api.parameters import Parameter
from longshore.workload.decision import Obj

_REFERENCE = re.compile(r"\$\$\{|\$\{params\.([^}]*)\}")


class BadParameters(Exception):
    """A job can't be made with these parameters; the message says which and why, in one sentence."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("; ".join(mistakes))


def settle(declared: Mapping[str, Parameter], given: Mapping[str, str]) -> dict[str, str]:
    """The value of each declared parameter.

    Raises:
        BadParameters: one that is given isn't declared, one is missing, or one doesn't match its pattern.
    """
    mistakes = [
        f"there is no parameter {name}{_known(declared)}" for name in sorted(given.keys() - declared.keys())
    ]
    values = {}
    for name, parameter in sorted(declared.items()):
        value = given.get(name, parameter.default)
        if value is None and parameter.required:
            mistakes.append(f"parameter {name} is required: give it a value")
        elif value is not None and parameter.pattern is not None and not _fits(parameter.pattern, value):
            mistakes.append(f"the value of parameter {name} does not match its pattern {parameter.pattern}")
        values[name] = value or ""
    if mistakes:
        raise BadParameters(mistakes)
    return values


def fill_in(template: Obj, values: Mapping[str, str]) -> Obj:
    """The template with values in the place of `${params.NAME}`, in command, args and values of env; `$${` becomes `${`.

    What a value contains is not looked at again.

    Raises:
        BadParameters: a parameter is used that there is no value for.
    """
    if unknown := sorted({name for _, name in references(template) if name not in values}):
        raise BadParameters(
            [
                f"{place} uses the parameter {name!r}, which is not declared"
                for place, name in references(template)
                if name in unknown
            ]
        )
    filled = dict(template)
    for field in ("command", "args"):
        if field in filled:
            filled[field] = [_replaced(text, values) for text in filled[field]]
    if "env" in filled:
        filled["env"] = [
            each | {"value": _replaced(each["value"], values)} if "value" in each else each
            for each in filled["env"]
        ]
    return filled


def references(template: Obj) -> Iterator[tuple[str, str]]:
    """Where which parameter is used: (args[2], region)."""
    for field in ("command", "args"):
        for number, text in enumerate(template.get(field, ())):
            yield from ((f"{field}[{number}]", name) for name in _names(text))
    for each in template.get("env", ()):
        yield from ((f"env {each['name']}", name) for name in _names(each.get("value", "")))


def broken_patterns(declared: Mapping[str, Parameter]) -> list[str]:
    """A sentence for each pattern that is no regular expression, and for each default that its own pattern refuses."""
    found = []
    for name, parameter in sorted(declared.items()):
        if parameter.pattern is None:
            continue
        try:
            matches = _matcher(parameter.pattern)
        except SchemaError:
            found.append(f"the pattern of parameter {name} is not a regular expression, or too large")
        else:
            if parameter.default is not None and not matches(parameter.default):
                found.append(
                    f"the default of parameter {name} does not match its pattern {parameter.pattern}"
                )
    return found


def _names(text: str) -> Iterator[str]:
    return (each[1] for each in _REFERENCE.finditer(text) if each[1] is not None)


def _replaced(text: str, values: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda found: "${" if found[1] is None else values[found[1]], text)


def _known(declared: Mapping[str, Parameter]) -> str:
    return f" (there are {', '.join(sorted(declared))})" if declared else " (there are none)"


def _fits(pattern: str, value: str) -> bool:
    try:
        return _matcher(pattern)(value)
    except SchemaError as error:
        raise BadParameters([f"pattern {pattern} is not a regular expression"]) from error


@lru_cache(maxsize=32)
def _matcher(pattern: str) -> Callable[[str], bool]:
    """Pydantic's own engine takes time in proportion to the text, whatever the pattern; Python's `re` doesn't."""
    return SchemaValidator(core_schema.str_schema(pattern=rf"\A(?:{pattern})\z")).isinstance_python
