"""What is known of the objects of one kind: never older than what was seen before.

Our own writes put their replies in, so that a decision reads them before the watch brings them; an event
older than what is held is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Obj = dict[str, Any]
Name = tuple[str, str]
"""Namespace and name."""
TOMBSTONES = 10_000


class Store:
    """Objects by namespace and name, and by the values of one index."""

    def __init__(self, index: Callable[[Obj], Iterable[str]] = lambda obj: ()) -> None:
        self._index = index
        self._objects: dict[Name, Obj] = {}
        self._indexed: dict[str, set[Name]] = {}
        self._tombstones: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[Obj]:
        return iter(list(self._objects.values()))

    def get(self, namespace: str, name: str) -> Obj | None:
        return self._objects.get((namespace, name))

    def by_index(self, value: str) -> list[Obj]:
        """Objects that the index lists under this value, in the order of their names."""
        return [self._objects[name] for name in sorted(self._indexed.get(value, ()))]

    def put(self, obj: Obj) -> bool:
        """Holds the object, unless it is known already, in this or a newer version, or known to be deleted."""
        name, metadata = name_of(obj), obj["metadata"]
        held = self._objects.get(name)
        if version_of(obj) <= self._tombstones.get(metadata["uid"], -1):
            return False
        if (
            held is not None
            and held["metadata"]["uid"] == metadata["uid"]
            and version_of(held) >= version_of(obj)
        ):
            return False
        self._take_out(name)
        self._objects[name] = obj
        for value in self._index(obj):
            self._indexed.setdefault(value, set()).add(name)
        return True

    def remove(self, obj: Obj) -> bool:
        """Forgets the object: no version up to this one comes back. True if it was held.

        A newer one may: the watch also says DELETED when an object leaves the label selector.
        """
        name, uid = name_of(obj), obj["metadata"]["uid"]
        self._tombstones[uid] = version_of(obj)
        if len(self._tombstones) > TOMBSTONES:
            del self._tombstones[next(iter(self._tombstones))]
        held = self._objects.get(name)
        if held is None or held["metadata"]["uid"] != uid:
            return False
        self._take_out(name)
        return True

    def sweep(self, listed: Iterable[Name], version: int, within: str | None = None) -> list[Obj]:
        """Forgets, and returns, what isn't in a list of this version. Newer writes of our own stay."""
        kept = set(listed)
        gone = [
            obj
            for name, obj in self._objects.items()
            if name not in kept and version_of(obj) <= version and within in (None, name[0])
        ]
        for obj in gone:
            self.remove(obj)
        return gone

    def _take_out(self, name: Name) -> None:
        held = self._objects.pop(name, None)
        if held is None:
            return
        for value in self._index(held):
            names = self._indexed[value]
            names.discard(name)
            if not names:
                del self._indexed[value]


def name_of(obj: Obj) -> Name:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def version_of(obj: Obj) -> int:
    """resourceVersion as a number: Kubernetes 1.35 and later promise that they can be compared (KEP-5504)."""
    return int(obj["metadata"].get("resourceVersion") or 0)
