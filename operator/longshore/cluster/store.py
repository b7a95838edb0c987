"""What is known of the objects of one kind: never older than what was seen before.

Our own writes put their replies in, so that a decision reads them before the watch brings them; an event
older than what is held is dropped. Objects are held as JSON, which takes a fifth of the memory of dicts,
and each read gives a copy of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import orjson

Obj = dict[str, Any]
Name = tuple[str, str]
"""Namespace and name."""
Listener = Callable[[Obj | None, Obj | None], None]
TOMBSTONES = 10_000


class _Held(NamedTuple):
    uid: str
    version: int
    text: bytes


class Store:
    """Objects by namespace and name, and by the values of one index; `tally` gives the value to count them by.

    Whoever is among the `listeners` is told of each change, whoever wrote it: the object as it was held before,
    None if there was none of that uid, and as it is held now, None if it isn't any more.
    """

    def __init__(
        self,
        index: Callable[[Obj], Iterable[str]] = lambda obj: (),
        tally: Callable[[Obj], str] = lambda obj: "",
    ) -> None:
        self._index, self._tally = index, tally
        self.listeners: list[Listener] = []
        self._held: dict[Name, _Held] = {}
        self._indexed: dict[str, set[Name]] = {}
        self._tombstones: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        """How many objects there are of each value of the tally."""

    def __len__(self) -> int:
        return len(self._held)

    def names(self) -> Iterator[Name]:
        return iter(list(self._held))

    def get(self, namespace: str, name: str) -> Obj | None:
        held = self._held.get((namespace, name))
        return _read(held) if held is not None else None

    def by_index(self, value: str) -> list[Obj]:
        """Objects that the index lists under this value, in the order of their names."""
        return [_read(self._held[name]) for name in self.names_by_index(value)]

    def names_by_index(self, value: str) -> list[Name]:
        """Names of objects that the index lists under this value, in their order."""
        return sorted(self._indexed.get(value, ()))

    def put(self, obj: Obj) -> bool:
        """Holds the object, unless it is known already, in this or a newer version, or known to be deleted."""
        name, uid, version = name_of(obj), obj["metadata"]["uid"], version_of(obj)
        held = self._held.get(name)
        if version <= self._tombstones.get(uid, -1):
            return False
        if held is not None and held.uid == uid and held.version >= version:
            return False
        before = self._take_out(name)
        self._held[name] = _Held(uid, version, orjson.dumps(obj))
        self.counts[self._tally(obj)] += 1
        for value in self._index(obj):
            self._indexed.setdefault(value, set()).add(name)
        if before is not None and before["metadata"]["uid"] != uid:
            self._tell(before, None)
            before = None
        self._tell(before, obj)
        return True

    def remove(self, obj: Obj) -> bool:
        """Forgets the object: no version up to this one comes back. True if it was held.

        A newer one may: the watch also says DELETED when an object leaves the label selector.
        """
        name, uid = name_of(obj), obj["metadata"]["uid"]
        self._tombstones[uid] = version_of(obj)
        if len(self._tombstones) > TOMBSTONES:
            del self._tombstones[next(iter(self._tombstones))]
        held = self._held.get(name)
        if held is None or held.uid != uid:
            return False
        self._take_out(name)
        self._tell(obj, None)
        return True

    def sweep(self, listed: Iterable[Name], version: int, within: str | None = None) -> list[Obj]:
        """Forgets, and returns, what isn't in a list of this version. Newer writes of our own stay."""
        kept = set(listed)
        gone = [
            _read(held)
            for name, held in self._held.items()
            if name not in kept and held.version <= version and within in (None, name[0])
        ]
        for obj in gone:
            self.remove(obj)
        return gone

    def clear(self) -> None:
        """Forgets everything, as if it had never been."""
        for name in list(self._held):
            self._take_out(name)

    def _tell(self, before: Obj | None, now: Obj | None) -> None:
        for listener in self.listeners:
            listener(before, now)

    def _take_out(self, name: Name) -> Obj | None:
        held = self._held.pop(name, None)
        if held is None:
            return None
        obj = _read(held)
        self.counts[self._tally(obj)] -= 1
        for value in self._index(obj):
            self._indexed[value].discard(name)
            if not self._indexed[value]:
                del self._indexed[value]
        return obj


def _read(held: _Held) -> Obj:
    obj: Obj = orjson.loads(held.text)
    return obj


def name_of(obj: Obj) -> Name:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def version_of(obj: Obj) -> int:
    """resourceVersion as a number: Kubernetes 1.35 and later promise that they can be compared (KEP-5504)."""
    return int(obj["metadata"].get("resourceVersion") or 0)
