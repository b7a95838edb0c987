"""Fields of an object by who manages them (metadata.managedFields).

What a manager created or updated it doesn't give up by no longer applying it. So what an object was created
with has to count as applied before its creator applies it for the first time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Obj = dict[str, Any]


def as_applied(entries: Iterable[Obj], manager: str) -> list[Obj] | None:
    """The entries of managedFields, with all that the manager owns in one entry, as if it had applied it.

    None if it is so already. Entries of subresources stay as they are.
    """
    entries = list(entries)
    ours = [each for each in entries if each.get("manager") == manager and not each.get("subresource")]
    if all(each["operation"] == "Apply" for each in ours):
        return None
    fields: Obj = {}
    for each in ours:
        fields = _union(fields, each["fieldsV1"])
    applied = max(ours, key=lambda each: str(each["operation"] == "Apply"))
    return [
        *(each for each in entries if each not in ours),
        applied | {"operation": "Apply", "fieldsV1": fields},
    ]


def replacement(live: Obj, desired: Obj, manager: str) -> Obj | None:
    """The object as applying leaves it once what it was created with counts as applied: for a dry run.

    None if it counts already, so that a dry run of applying says it. Lists are taken as desired.
    """
    entries = as_applied(live["metadata"].get("managedFields", ()), manager)
    if entries is None:
        return None
    merged: Obj = _merged(_kept(live, entries[-1]["fieldsV1"], desired), desired)
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
