"""Measured rows as they are kept in a file: written after each part, so that a run can be taken up again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One step of one run of one contestant."""

    contestant: str
    size: int
    """How many WebApps, and as many BatchJobs."""
    run: int
    step: str
    objects: int
    """How many objects the step was about."""
    wall_seconds: float
    cpu_seconds: float
    peak_mib: float
    resident_mib: float
    requests: dict[str, int]
    writes: int
    latencies_ms: list[float] = field(default_factory=list)
    submitted_seconds: float = 0.0
    """When the driver had sent its last request."""
    others_share: float = 0.0
    """How much of one CPU the rest of the machine used meanwhile."""
    commit: str = ""


class Results:
    """The rows of a file, in the order in which they were measured; with a commit, only those of that commit."""

    def __init__(self, path: Path, commit: str | None = None) -> None:
        self.path = path
        held = json.loads(path.read_text()) if path.exists() else {"rows": []}
        rows = [Row(**each) for each in held["rows"]]
        self.rows = [row for row in rows if commit in (None, row.commit)]
        self.profile: dict[str, float] = held.get("profile", {})
        """Share of Longshore's CPU by what it is for."""

    def has(self, contestant: str, size: int, run: int) -> bool:
        return any((row.contestant, row.size, row.run) == (contestant, size, run) for row in self.rows)

    def add(self, rows: Iterable[Row]) -> None:
        self.rows += rows
        self.save()

    def save(self) -> None:
        scratch = self.path.with_suffix(".new")
        lines = ",\n".join(json.dumps(asdict(row)) for row in self.rows)
        profile = json.dumps(self.profile)
        scratch.write_text(f'{{"rows": [\n{lines}\n],\n"profile": {profile}}}\n')
        scratch.rename(self.path)
