"""The samples, each a folder of files that belong together, and how they are converted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from longshore.convert.draft import Options
from longshore.convert.loading import documents
from longshore.convert.reader import Path as Place
from longshore.convert.reader import leaves
from longshore.convert.sources import Conversion, convert

SAMPLES = sorted(each for each in (Path(__file__).parent / "samples").iterdir() if each.is_dir())


def files(sample: Path) -> list[str]:
    return sorted(each.name for each in sample.iterdir())


def contents(sample: Path) -> list[tuple[str, Any]]:
    """Every document of a sample with a name of its own."""
    return [
        (f"{name}/{number}", each)
        for name in files(sample)
        for number, each in enumerate(documents((sample / name).read_text()))
    ]


def converted(content: list[tuple[str, Any]]) -> Conversion:
    return convert(content, Options())


def places(content: list[tuple[str, Any]]) -> Iterator[tuple[int, Place]]:
    """Every leaf: the document's number, and the path in it."""
    for number, (_, document) in enumerate(content):
        for path, _ in leaves((), document):
            yield number, path


def nodes(value: Any, path: Place = ()) -> Iterator[Place]:
    """Every place below the top."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield (*path, key)
        yield from nodes(each, (*path, key))


def replaced(content: list[tuple[str, Any]], number: int, path: Place, value: Any) -> list[tuple[str, Any]]:
    """The same documents with something else in one place."""
    name, document = content[number]
    return [*content[:number], (name, _with(document, path, value)), *content[number + 1 :]]


def _with(inside: Any, path: Place, value: Any) -> Any:
    if not path:
        return value
    copy = dict(inside) if isinstance(inside, dict) else list(inside)
    copy[path[0]] = _with(copy.get(path[0]) if isinstance(copy, dict) else copy[path[0]], path[1:], value)  # type: ignore[index]
    return copy
