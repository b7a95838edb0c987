"""Specs made from a CRD's schema: a valid one, changed at one random place, over and over.

What the schema says of a field (type, enum, bounds) is kept to most of the time; rules between fields
aren't known here, so that some of what comes out is refused, and has to be.
"""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import yaml

Obj = dict[str, Any]
_WORDS = ("shop", "a", "x-1", "team/one", "Ünïcode", "$HOME", "8080", "", "UPPER", "a" * 70)
_KNOWN: dict[str, tuple[Any, ...]] = {
    "image": ("shop:1", "shop:2", "registry.test/shop@sha256:" + "a" * 64),
    "cpu": ("100m", "1", "0.5", "-1", "many"),
    "memory": ("64Mi", "128Mi", "1Gi", "1.5Gi", "12parsecs"),
    "path": ("/etc/a.conf", "/etc/b.conf", "/srv/c", "../x"),
    "mountPath": ("/data", "/cache", "relative"),
    "name": ("one", "two", "three", "MODE", "Not A Name"),
    "serviceAccountName": (None, "nobody"),
    "indexes": ("0", "1", "0-1"),
    "succeededIndexes": ("0", "1", "0-1"),
    "max": ("256Mi", "1Gi", "8Gi"),
    "size": ("Nano", "Micro", "Small", "Huge"),
}
_LEFT_OUT = {
    "serviceAccountName",
    "suspend",
    "cancel",
    "queue",
    "share",
    "ttlSecondsAfterFinished",
    "timeouts",
    "backoffSeconds",
    "expose",
    "release",
    "schedules",
    "mode",
    "canary",
}
"""Fields after which an object doesn't come to the same rest at once, whatever the path to it."""


def schema_of(kind: str, crds: Path) -> Obj:
    """The openAPIV3Schema of a kind's spec."""
    for path in sorted(crds.glob("*.yaml")):
        crd = yaml.safe_load(path.read_text())
        if crd["spec"]["names"]["kind"] == kind:
            found: Obj = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
            return found
    raise LookupError(kind)


def changed(spec: Obj, schema: Obj, rng: random.Random) -> Obj:
    """The spec with one field, at any depth, set anew or taken away."""
    found = copy.deepcopy(spec)
    _change(found, schema, rng)
    return found


def _change(value: Obj, schema: Obj, rng: random.Random) -> None:
    fields = sorted(schema["properties"].keys() - _LEFT_OUT)
    key = rng.choice(fields)
    inner = schema["properties"][key]
    if key in value and rng.random() < 0.2 and key not in schema.get("required", ()):
        del value[key]
    elif inner.get("type") == "object" and "properties" in inner and key in value and rng.random() < 0.7:
        _change(value[key], inner, rng)
    else:
        value[key] = _any(key, inner, rng)


def _any(key: str, schema: Obj, rng: random.Random) -> Any:
    type_ = schema.get("type")
    if key in _KNOWN and type_ != "object":
        return rng.choice(_KNOWN[key])
    if "enum" in schema:
        return rng.choice([*schema["enum"], *(["Nonsense"] if rng.random() < 0.05 else [])])
    if type_ == "object" and "properties" in schema:
        required = schema.get("required", [])
        optional = sorted(schema["properties"].keys() - set(required))
        keys = [*required, *rng.sample(optional, rng.randint(0, min(2, len(optional))))]
        return {each: _any(each, schema["properties"][each], rng) for each in keys}
    if type_ == "object":
        return {rng.choice(("team", "cost-center", "x.example/y")): _any("", {"type": "string"}, rng)}
    if type_ == "array":
        size = rng.randint(0, 2)
        items = [_any("items", schema["items"], rng) for _ in range(size)]
        return items
    if type_ == "boolean":
        return rng.random() < 0.5
    if type_ == "number":
        return rng.choice([schema["minimum"], 2, schema["maximum"], schema["maximum"] + 1])
    if type_ == "integer":
        low, high = int(schema.get("minimum", 0)), int(schema.get("maximum", 100))
        return rng.choice([low, min(low + 1, high), rng.randint(low, min(high, low + 20)), high + 1])
    if schema.get("x-kubernetes-int-or-string"):
        return rng.choice([1, 2, "25%", "50%", "some"])
    return rng.choice(_WORDS)
