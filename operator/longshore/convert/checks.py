"""Whether the contract takes a value: what the models check, and the rules of single strings as admission checks them.

Rules that look at more than one string are the builders' business; the tests ask a real API server.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from longshore.api.base import Model, Rule

_TERM = re.compile(r"(?P<no>!?)self\.(?P<test>matches|startsWith|contains)\('(?P<text>(?:[^'\\]|\\.)*)'\)")


def mistake(model: type[Model], field: str, value: Any) -> str | None:
    """What is wrong with `value` as the dotted `field` of `model`; None if it is taken."""
    return _mistake(_adapter(model, field), _field_type(model, field), value)


def has_field(model: type[Model], alias: str) -> bool:
    """Whether the contract has a field of this name there."""
    return any(alias in (name, info.alias) for name, info in model.model_fields.items())


def mistake_in(model: type[Model], value: Any) -> str | None:
    """What is wrong with a whole object of this model."""
    return _mistake(_adapter(model), model, value)


def in_order(model: type[Model], value: dict[str, Any]) -> dict[str, Any]:
    """The same object with its fields in the order of the contract, those of its parts as well."""
    aliases = [str(info.alias or name) for name, info in model.model_fields.items()]
    made = {}
    for alias in (each for each in aliases if each in value):
        inside = value[alias]
        if isinstance(inside, dict) and (part := _model_in(_field_type(model, alias))):
            inside = in_order(part, inside)
        made[alias] = inside
    return made


def _mistake(adapter: TypeAdapter[Any], type_: Any, value: Any) -> str | None:
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("int", "str"))
        message = first["msg"][0].lower() + first["msg"][1:]
        return f"{where}: {message}" if where else message
    return next((rule.message for rule, text in _strings(type_, value) if not _holds(rule, text)), None)


@cache
def _adapter(model: type[Model], field: str = "") -> TypeAdapter[Any]:
    return TypeAdapter(_field_type(model, field) if field else model)


@cache
def _field_type(model: type[Model], field: str) -> Any:
    first, _, rest = field.partition(".")
    info = _field(model, first)
    type_ = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
    if not rest:
        return type_
    part = _model_in(type_)
    assert part is not None, f"{first} of {model.__name__} has no fields"
    return _field_type(part, rest)


def _field(model: type[Model], alias: str) -> FieldInfo:
    return next(info for name, info in model.model_fields.items() if alias in (name, info.alias))


def _model_in(type_: Any) -> type[Model] | None:
    if isinstance(type_, type) and issubclass(type_, Model):
        return type_
    if get_origin(type_) not in (Annotated, Union, types.UnionType):
        return None
    return next((found for each in get_args(type_) if (found := _model_in(each))), None)


def _strings(type_: Any, value: Any) -> Iterator[tuple[Rule, str]]:
    """Every rule that guards a single string, with the string."""
    if value is None:
        return
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Annotated:
        if isinstance(value, str):
            yield from ((each, value) for each in arguments[1:] if isinstance(each, Rule))
        yield from _strings(arguments[0], value)
    elif origin in (Union, types.UnionType):
        for each in arguments:
            yield from _strings(each, value)
    elif origin is list and isinstance(value, list):
        for each in value:
            yield from _strings(arguments[0], each)
    elif isinstance(type_, type) and issubclass(type_, Model) and isinstance(value, dict):
        for alias, each in value.items():
            yield from _strings(_field_type(type_, alias), each)


def _holds(rule: Rule, text: str) -> bool:
    """Terms of another form are let through."""
    return all(_term_holds(term, text) for term in rule.rule.split(" && "))


def _term_holds(term: str, text: str) -> bool:
    if term == "self != '/'":
        return text != "/"
    found = _TERM.fullmatch(term)
    if not found:
        return True
    wanted = re.sub(r"\\(.)", r"\1", found["text"]).replace("$", r"\Z")
    match found["test"]:
        case "matches":
            holds = re.search(wanted.replace(r"\pC", r"\x00-\x1f\x7f"), text) is not None
        case "startsWith":
            holds = text.startswith(wanted)
        case _:
            holds = wanted in text
    return holds != bool(found["no"])
