"""The contract: every field is described and bounded, and the committed definitions are the generated ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from longshore.api.crd import KINDS, open_api_schema
from longshore.api.files import crd_files
from longshore.workload.names import child_name

ROOT = Path(__file__).parents[2]
SCHEMAS = {kind.name: open_api_schema(kind.model) for kind in KINDS}


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, each in schema.get("properties", {}).items():
        yield f"{path}.{name}", each
        yield from fields(each, f"{path}.{name}")
    if "items" in schema:
        yield from fields(schema["items"], f"{path}[]")


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_field_is_described(kind: str) -> None:
    assert [
        path for path, each in fields(SCHEMAS[kind]) if path != ".metadata" and not each.get("description")
    ] == []


@pytest.mark.parametrize("kind", SCHEMAS)
def test_everything_that_a_user_writes_is_bounded(kind: str) -> None:
    bounds = {"string": ("maxLength", "enum"), "array": ("maxItems",), "integer": ("maximum",)}
    loose = [
        path
        for path, each in fields(SCHEMAS[kind]["properties"]["spec"])
        if not any(bound in each for bound in bounds.get(each.get("type", ""), (next(iter(each)),)))
    ]
    assert loose == []


@pytest.mark.parametrize("name", crd_files())
@pytest.mark.parametrize("folder", ["crds", "charts/longshore/files/crds"])
def test_committed_definitions_are_the_generated_ones(folder: str, name: str) -> None:
    assert (ROOT / folder / name).read_text() == crd_files()[name], "run make manifests"


def test_nothing_can_be_written_that_would_be_privileged() -> None:
    words = str(SCHEMAS)
    for word in ("hostPath", "hostNetwork", "hostPID", "privileged'", "capabilities'"):
        assert f"'{word}" not in words
    named = [path for kind in SCHEMAS for path, _ in fields(SCHEMAS[kind]) if path.endswith(".namespace")]
    assert named == [".spec.expose.gateway.namespace"]  # a Gateway decides itself whose routes it takes


def test_child_names_fit_and_stay_apart() -> None:
    long = "a" * 63
    assert child_name("shop", "webapp") == "shop-webapp"
    assert len(child_name(long, "12", 52)) == 52
    assert child_name(long, "12", 52) != child_name(long[:-1] + "b", "12", 52)
