"""Reads files of WebApps, BatchJobs and JobDefinitions, and finds the line of every mistake in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from longshore.api import API_VERSION
from longshore.api.crd import KINDS
from longshore.cluster.client import ApiError

MODELS = {kind.name: kind.model for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong in a file. `line` counts from 1."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line}: {self.field}: {self.message}"
            if self.field
            else f"{self.file}:{self.line}: {self.message}"
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object of a file."""

    file: str
    document: Any
    """As ruamel read it: a mapping that knows its lines."""

    @property
    def kind(self) -> str:
        return str(self.document["kind"])

    def line_of(self, path: Sequence[str | int]) -> int:
        """The line of a field, or of the nearest one around it that is written."""
        node, line = self.document, self.document.lc.line + 1
        for part in path:
            try:
                place = node.lc.data[part]
                node = node[part]
            except (KeyError, IndexError, AttributeError, TypeError):
                break
            line = place[0] + 1
        return int(line)

    def mistake(self, path: Sequence[str | int], message: str) -> Mistake:
        return Mistake(self.file, self.line_of(path), ".".join(map(str, path)), message)


def read(file: str) -> tuple[list[Manifest], list[Mistake]]:
    """The objects of a file, and what is wrong with it before any server is asked."""
    yaml = YAML(typ="rt")
    yaml.version = (1, 1)
    yaml.allow_duplicate_keys = False
    try:
        documents = list(yaml.load_all(Path(file).read_text()))
    except OSError as error:
        return [], [Mistake(file, 1, "", error.strerror or str(error))]
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return [], [
            Mistake(file, line, "", f"this is no YAML: {(error.problem or str(error)).splitlines()[0]}")
        ]
    except (YAMLError, UnicodeDecodeError) as error:
        return [], [Mistake(file, 1, "", f"this is no YAML: {error}")]
    manifests, mistakes = [], []
    for document in documents:
        if document is None:
            continue
        found = list(_check(file, document))
        mistakes += found
        if not found:
            manifests.append(Manifest(file, document))
    if not manifests and not mistakes:
        mistakes.append(Mistake(file, 1, "", "there is no object in this file"))
    return manifests, mistakes


def refusals(manifest: Manifest, error: ApiError) -> Iterator[Mistake]:
    """What the API server found wrong with the object, with lines."""
    causes = error.details.get("causes") or []
    for cause in causes:
        field = str(cause.get("field", ""))
        path = [int(part) if part.isdecimal() else part for part in re.split(r"[.\[\]]+", field) if part]
        yield manifest.mistake(path, str(cause.get("message", "")))
    if not causes:
        yield manifest.mistake([], error.message)


def plain(value: Any) -> Any:
    """What ruamel read, as what JSON knows."""
    if hasattr(value, "items"):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    return int(value) if isinstance(value, int) else float(value) if isinstance(value, float) else str(value)


def _check(file: str, document: Any) -> Iterator[Mistake]:
    if not hasattr(document, "lc") or not hasattr(document, "keys"):
        yield Mistake(file, 1, "", "an object is expected: apiVersion, kind, metadata, spec")
        return
    manifest = Manifest(file, document)
    kind = document.get("kind")
    if document.get("apiVersion") != API_VERSION or kind not in MODELS:
        wanted = " or ".join(MODELS)
        yield manifest.mistake(
            ["kind"],
            f"{document.get('apiVersion')} {kind} is none of ours: write apiVersion: {API_VERSION} and kind: {wanted}",
        )
        return
    metadata = document.get("metadata")
    if not hasattr(metadata, "get") or not isinstance(metadata.get("name"), str):
        yield manifest.mistake(["metadata"], "metadata.name is missing, or is no string")
        return
    try:
        MODELS[kind].model_fields["spec"].annotation.model_validate(document.get("spec") or {})  # type: ignore[union-attr]
    except ValidationError as error:
        for each in error.errors():
            path = [part for part in each["loc"] if part not in ("int", "str")]
            yield manifest.mistake(["spec", *path], _words(each["type"], each["msg"]))


def _words(type_: str, message: str) -> str:
    if type_ == "extra_forbidden":
        return "there is no such field; kubectl explain lists the fields"
    message = message.removeprefix("Value error, ")
    return "this field is required" if type_ == "missing" else message[0].lower() + message[1:]
