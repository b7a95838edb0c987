"""Fields of an object by who manages them (metadata.managedFields).

What a manager created or updated it doesn't give up by no longer applying it. So what an object was created
with has to count as applied before its creator applies it for the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Obj = dict[str, Any]


def fields_of(entries: Iterable[Obj], counts: Callable[[Obj], bool]) -> Obj:
    """The fields (FieldsV1) of those entries of managedFields that count."""
    fields: Obj = {}
    for each in filter(counts, entries):
        fields = _union(fields, each["fieldsV1"])
    return fields


def as_applied(entries: Iterable[Obj], manager: str) -> list[Obj] | None:
    """The entries of managedFields, with all that the manager owns in the last one, as if it had applied it.

    None if it is so already. Entries of subresources stay as they are.
    """
    entries = list(entries)
    ours = [each for each in entries if each.get("manager") == manager and not each.get("subresource")]
    if all(each["operation"] == "Apply" for each in ours):
        return None
    applied = next((each for each in ours if each["operation"] == "Apply"), ours[0])
    merged = applied | {"operation": "Apply", "fieldsV1": fields_of(ours, lambda each: True)}
    return [*(each for each in entries if each not in ours), merged]


def replacement(live: Obj, desired: Obj, fields: Obj) -> Obj:
    """The object as applying leaves it if these fields count as applied before. Lists are taken as desired."""
    merged: Obj = _merged(_kept(live, fields, desired), desired)
    return merged


def _kept(live: Any, fields: Obj, desired: Any) -> Any:
    """`live` less those of the fields that aren't desired; a field is named f:NAME."""
    if not isinstance(live, dict) or not isinstance(desired, dict):
        return live
    return {
        name: _kept(value, fields.get(f"f:{name}", {}), desired.get(name))
        for name, value in live.items()
        if f"f:{name}" not in fields or name in desired
    }


def _union(one: Obj, other: Obj) -> Obj:
    return one | {path: _union(one.get(path, {}), below) for path, below in other.items()}


def _merged(live: Any, desired: Any) -> Any:
    if isinstance(live, dict) and isinstance(desired, dict):
        return live | {name: _merged(live.get(name), value) for name, value in desired.items()}
    return desired
