"""A cursor over a document that remembers what was taken of it, so that no field is dropped in silence.

Whatever a converter reads counts as carried over; whatever it doesn't is reported when the document is closed. A field
is only taken when it has the expected type, so that a surprise is reported, too. Nothing here knows a source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")
Path = tuple[str | int, ...]


class Outcome(StrEnum):
    """What became of a field that didn't simply find its place."""

    LEFT = "left"
    """It isn't in the result: somebody has to do something about it."""
    CHANGED = "changed"
    """It is in the result, and means something slightly different there."""
    NEEDLESS = "needless"
    """It says nothing that anybody wrote: identifiers, times, states, and what holds anyway."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of a field. `message` says why, and what to do."""

    document: str
    path: Path
    outcome: Outcome
    message: str

    @property
    def where(self) -> str:
        return written(self.path)


NO_FIELD = "there is no field for it"
NOTHING = "there is nothing in it that is converted"


@dataclass(slots=True)
class Document:
    """A document that is being converted: its content, which leaves were taken, and what is said about the others."""

    name: str
    content: Any
    entries: list[Entry] = field(default_factory=list)
    _taken: set[Path] = field(default_factory=set)
    _hints: dict[Path, str] = field(default_factory=dict)

    @property
    def root(self) -> Reader:
        return Reader(self, (), self.content)

    def take(self, path: Path, value: Any) -> None:
        self._taken.update(leaf for leaf, _ in leaves(path, value))

    def took(self, leaf: Path) -> bool:
        return leaf in self._taken

    def say(self, path: Path, outcome: Outcome, message: str) -> None:
        entry = Entry(self.name, path, outcome, message)
        if entry not in self.entries:
            self.entries.append(entry)

    def hint(self, path: Path, message: str) -> None:
        self._hints[path] = message

    def close(self) -> list[Entry]:
        """Reports what was never taken, and returns all that there is to say, in the order of the document."""
        for path in list(self._untaken((), self.content)):
            self.say(path, Outcome.LEFT, self._hint_for(path))
        order = {path: number for number, path in enumerate(_nodes((), self.content))}
        return sorted(self.entries, key=lambda each: order.get(each.path, len(order)))

    def _untaken(self, path: Path, value: Any) -> Iterator[Path]:
        """The topmost nodes of which nothing was taken; one with a hint further down is told piece by piece."""
        inside = [leaf for leaf, _ in leaves(path, value)]
        untaken = [leaf for leaf in inside if leaf not in self._taken]
        if not untaken:
            return
        if len(untaken) == len(inside) and not self._has_hints_below(path, untaken):
            yield path
            return
        for key, each in _entries_of(value):
            yield from self._untaken((*path, key), each)

    def _has_hints_below(self, path: Path, inside: list[Path]) -> bool:
        deeper = [hint for hint in self._hints if len(hint) > len(path) and _covers(hint[: len(path)], path)]
        return any(_covers(hint, leaf) for hint in deeper for leaf in inside)

    def _hint_for(self, path: Path) -> str:
        fitting = [hint for hint in self._hints if _covers(hint, path)]
        default = NO_FIELD if path else NOTHING
        return self._hints[max(fitting, key=len)] if fitting else default


@dataclass(frozen=True, slots=True)
class Reader:
    """A place in a document. What isn't there reads as None, or as empty."""

    document: Document
    path: Path
    value: Any

    def __getitem__(self, key: str) -> Reader:
        inside = self.value.get(key) if isinstance(self.value, Mapping) else None
        return Reader(self.document, (*self.path, key), inside)

    def __bool__(self) -> bool:
        """Whether something is written here."""
        return self.value is not None

    @property
    def peek(self) -> str:
        """A scalar as text, to compare it; it isn't taken. Empty for all else."""
        if isinstance(self.value, dict | list) or self.value is None:
            return ""
        return str(_plain(self.value))

    @property
    def untouched(self) -> bool:
        """Whether nothing of what is here was taken."""
        return not any(self.document.took(leaf) for leaf, _ in leaves(self.path, self.value))

    def items(self) -> list[Reader]:
        """The elements of a list."""
        if not isinstance(self.value, list):
            return []
        return [Reader(self.document, (*self.path, index), each) for index, each in enumerate(self.value)]

    def fields(self) -> list[tuple[str, Reader]]:
        """The keys of a mapping, and what they hold."""
        if not isinstance(self.value, Mapping):
            return []
        return [
            (str(key), Reader(self.document, (*self.path, key), each)) for key, each in self.value.items()
        ]

    def text(self) -> str | None:
        """A scalar as text, as it was written."""
        return self._taken(self.peek) if isinstance(self.value, str | int | float) else None

    def number(self) -> int | None:
        """A whole number, also one in quotes."""
        if isinstance(self.value, bool):
            return None
        if isinstance(self.value, int) or (
            isinstance(self.value, str) and re.fullmatch(r"-?\d{1,18}", self.value)
        ):
            return self._taken(int(self.value))
        return None

    def flag(self) -> bool | None:
        """True or false, also in quotes."""
        if isinstance(self.value, bool):
            return self._taken(self.value)
        if isinstance(self.value, str) and self.value.lower() in ("true", "false"):
            return self._taken(self.value.lower() == "true")
        return None

    def read(self, parse: Callable[[str], T | None]) -> T | None:
        """What `parse` makes of the scalar; where it can't, the field isn't taken."""
        if isinstance(self.value, bool) or not isinstance(self.value, str | int | float):
            return None
        found = parse(str(self.value))
        return None if found is None else self._taken(found)

    def texts(self) -> list[str]:
        """The scalars of a list."""
        return [text for each in self.items() if (text := each.text()) is not None]

    def pairs(self) -> dict[str, str]:
        """The scalars of a mapping."""
        return {key: text for key, each in self.fields() if (text := each.text()) is not None}

    def take(self) -> Any:
        """All that is here, as it is."""
        self.document.take(self.path, self.value)
        return self.value

    def holds(self, *values: Any) -> bool:
        """Takes the value if it is one of these, which say what holds anyway."""
        if self.value is None or _plain(self.value) not in map(_plain, values):
            return False
        self.needless("what holds anyway")
        return True

    def leave(self, message: str) -> None:
        """What is here is not in the result; `message` says why and what to do."""
        if self:
            self.take()
            self.document.say(self.path, Outcome.LEFT, message)

    def missing(self, message: str) -> None:
        """Nothing is written here that the result needs; `message` says what to do."""
        self.document.say(self.path, Outcome.LEFT, message)

    def changed(self, message: str) -> None:
        """What is here is in the result, but not quite the same; `message` says how."""
        self.document.say(self.path, Outcome.CHANGED, message)

    def needless(self, why: str) -> None:
        """What is here says nothing that has to be carried over."""
        if self:
            self.take()
            self.document.say(self.path, Outcome.NEEDLESS, why)

    def hints(self, hints: Mapping[str, str]) -> None:
        """What to say of fields below that nobody takes. Keys are dotted paths from here; `*` is any key or index."""
        for pattern, message in hints.items():
            self.document.hint((*self.path, *pattern.split(".")), message)

    def _taken(self, value: T) -> T:
        self.document.take(self.path, self.value)
        return value


def leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    """The scalars at and below a place. What is null or empty holds nothing that could be dropped."""
    if value is None or value == [] or value == {}:
        return
    inside = list(_entries_of(value))
    if not inside:
        yield path, value
    for key, each in inside:
        yield from leaves((*path, key), each)


def written(path: Path) -> str:
    """A path as people write it: `containers[0].image`, `annotations["example.com/a"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w-]+", str(part)):
            text += f".{part}"
        else:
            text += f'["{part}"]'
    return text.removeprefix(".") or "all of it"


def _plain(value: Any) -> Any:
    """A value with its scalars as text, so that JSON's true and YAML's are the same."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return str(value)


def _entries_of(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _nodes(path: Path, value: Any) -> Iterator[Path]:
    yield path
    for key, each in _entries_of(value):
        yield from _nodes((*path, key), each)


def _covers(hint: Path, path: Path) -> bool:
    """Whether the hint speaks of this place, or of one around it."""
    return len(hint) <= len(path) and all(
        part in ("*", there) or part == str(there) for part, there in zip(hint, path, strict=False)
    )
