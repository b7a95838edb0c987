"""Whether a live object holds what is wanted of it: the only question asked before a write.

What others added, and what the API server filled in, is no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubernetes.utils.quantity import parse_quantity

_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
"""Lists whose items are told apart by these fields, as server-side apply does; all others count as a whole."""
_ATOMIC = frozenset({"nodeSelector", "selector"})
"""Maps that the API server takes as a whole: what others added to them is a difference."""
_QUANTITIES = frozenset({"limits", "requests", "sizeLimit", "storage"})


def differences(desired: Any, live: Any, path: str = "") -> Iterator[str]:
    """Paths at which `live` doesn't hold what `desired` says, such as .spec.template.spec.containers[app].image."""
    if isinstance(desired, dict):
        if not isinstance(live, dict):
            if desired or live is not None:
                yield path
            return
        if path.rpartition(".")[2] in _ATOMIC and live.keys() - desired.keys():
            yield path
            return
        quantities = path.rpartition(".")[2] in _QUANTITIES
        for key, value in desired.items():
            inner = f"{path}.{key}"
            if quantities and key in live:
                if not _same_quantity(value, live[key]):
                    yield inner
            else:
                yield from differences(value, live.get(key), inner)
    elif isinstance(desired, list):
        yield from _of_lists(desired, live, path)
    elif desired != live and not (desired == "" and live is None):
        if path.rpartition(".")[2] in _QUANTITIES and live is not None and _same_quantity(desired, live):
            return
        yield path


def _of_lists(desired: list[Any], live: Any, path: str) -> Iterator[str]:
    if not isinstance(live, list):
        if desired:
            yield path
        return
    keys = _KEYS.get(path.rpartition(".")[2])
    if keys is None:
        if len(desired) != len(live):
            yield path
            return
        for place, (wanted, held) in enumerate(zip(desired, live, strict=True)):
            yield from differences(wanted, held, f"{path}[{place}]")
        return
    by_key = {tuple(each.get(key) for key in keys): each for each in live}
    for wanted in desired:
        name = tuple(wanted.get(key) for key in keys)
        yield from differences(wanted, by_key.get(name), f"{path}[{'/'.join(map(str, name))}]")


def _same_quantity(one: Any, other: Any) -> bool:
    if one == other:
        return True
    try:
        return bool(parse_quantity(one) == parse_quantity(other))  # type: ignore[no-untyped-call]
    except ValueError:
        return False
