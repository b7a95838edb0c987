"""Indexes written as ranges, such as 3,7-9: the type and how it is read.

CEL holds the form alone: to look into each range of a string as long as this may be is beyond its budget.
The rest is checked when a spec is read, by `longshore plan` before it is applied and by the operator after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

from longshore.api.base import Rule

_FORM = r"^[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*$"
_WORDS = "write indexes and ranges of them, such as 3,7-9"


def bounds(text: str) -> list[tuple[int, int]]:
    """First and last index of each range."""
    parts = [each.split("-") for each in text.split(",")]
    return [(int(each[0]), int(each[-1])) for each in parts]


def highest(text: str) -> int:
    """The highest index that is named."""
    return max(last for _, last in bounds(text))


def indexes_of(text: str) -> frozenset[int]:
    """Every index that is named."""
    return frozenset(index for first, last in bounds(text) for index in range(first, last + 1))


def ranges(indexes: Iterable[int]) -> str:
    """Indexes as sorted ranges."""
    made: list[tuple[int, int]] = []
    for index in sorted(indexes):
        if made and made[-1][1] == index - 1:
            made[-1] = (made[-1][0], index)
        else:
            made.append((index, index))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in made)


def _checked(text: str) -> str:
    if not re.match(_FORM, text):
        raise ValueError(_WORDS)
    for first, last in bounds(text):
        if first > last:
            raise ValueError(f"{first}-{last} is no range: write the lower index first, {last}-{first}")
    return text


Ranges = Annotated[
    str,
    Field(min_length=1, max_length=32768),
    AfterValidator(_checked),
    Rule(f"self.matches('{_FORM}')", _WORDS),
]
"""The most that 10,000 indexes can take has 24,445 characters: every other one."""
