"""Reads YAML and JSON without deciding what scalars are: `1.10`, `yes` and `0123` stay as they are written."""

from __future__ import annotations

import json
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError


class Unreadable(Exception):
    """Text that is neither YAML nor JSON. `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


class _AsWritten(SafeConstructor):
    """Only null is told apart from text."""


for _tag in ("bool", "int", "float", "timestamp"):
    _AsWritten.add_constructor(f"tag:yaml.org,2002:{_tag}", SafeConstructor.construct_yaml_str)


def documents(text: str) -> list[Any]:
    """The documents in `text`, the empty ones left out. Raises Unreadable."""
    if text.lstrip().startswith("{"):
        try:
            return [json.loads(text)]
        except json.JSONDecodeError as error:
            wrong_json = Unreadable(error.lineno, f"this is no JSON: {error.msg}")
        try:
            return _yaml(text)
        except Unreadable:
            raise wrong_json from None
    return _yaml(text)


def _yaml(text: str) -> list[Any]:
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _AsWritten
    try:
        found = [each for each in yaml.load_all(text) if each is not None]
        for each in found:
            _refuse_loops(each, ())
        return found
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        message = (error.problem or str(error)).splitlines()[0]
    except YAMLError as error:
        line, message = 1, str(error).splitlines()[0]
    hint = "; a chart is rendered first: helm template" if "{{" in text else ""
    raise Unreadable(line, f"this is no YAML: {message}{hint}")


def _refuse_loops(value: Any, around: tuple[int, ...]) -> None:
    """An alias may not stand for what is around it."""
    if not isinstance(value, dict | list):
        return
    if id(value) in around:
        raise Unreadable(1, "this is no YAML that can be read: a part of it refers to itself")
    for each in value.values() if isinstance(value, dict) else value:
        _refuse_loops(each, (*around, id(value)))
