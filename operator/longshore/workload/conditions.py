"""Conditions that change their time only when their status changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from longshore.workload.decision import Obj

LONGEST_MESSAGE = 1024


@dataclass(frozen=True, slots=True)
class Condition:
    """One aspect of an object, as a metav1.Condition without its time."""

    type: str
    status: bool | None
    """None is Unknown."""
    reason: str
    message: str


def render(
    conditions: Iterable[Condition], before: Sequence[Obj], generation: int, now: datetime
) -> list[Obj]:
    """metav1.Conditions; a condition whose status was the same before keeps its lastTransitionTime."""
    held = {each["type"]: each for each in before}
    return [_render(each, held.get(each.type), generation, now) for each in conditions]


def _render(condition: Condition, before: Obj | None, generation: int, now: datetime) -> Obj:
    status = {True: "True", False: "False", None: "Unknown"}[condition.status]
    same = before is not None and before.get("status") == status
    return {
        "type": condition.type,
        "status": status,
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if before is not None and same else timestamp(now),
        "reason": condition.reason,
        "message": shorten(condition.message),
    }


def with_one(condition: Condition, before: Sequence[Obj], generation: int, now: datetime) -> list[Obj]:
    """The conditions of before, with this one in front instead of what it said then."""
    others = [each for each in before if each["type"] != condition.type]
    return render([condition], before, generation, now) + others


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Reads RFC 3339, with or without fractions of a second."""
    return datetime.fromisoformat(text)


def shorten(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """The text in one line, cut with an ellipsis where it is longer than `longest` characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
