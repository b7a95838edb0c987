"""Bugs that operators have had, put into a copy of the code on purpose: each must be caught."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

from tests.campaigns.campaigns import Plan

SOURCE = Path(__file__).parents[2] / "operator" / "longshore"


@dataclass(frozen=True, slots=True)
class Bug:
    """A replacement in one file; `campaign` and `kind` say where to look for it first."""

    what: str
    file: str
    right: str
    wrong: str
    campaign: str
    kind: str
    seed: int = 0
    """The first plan that is known to see it."""

    def plans(self, most: int) -> Iterator[Plan]:
        seeds = (seed for seed in count() if seed != self.seed)
        yield Plan(self.campaign, self.kind, self.seed)
        yield from islice((Plan(self.campaign, self.kind, seed) for seed in seeds), most - 1)


@dataclass(frozen=True, slots=True)
class Caught:
    """Which plan saw a bug, and what it saw; no plan if none did."""

    bug: str
    plan: Plan | None
    after: int
    seen: str

    def __str__(self) -> str:
        return f"{self.bug}: {f'caught by {self.plan} after {self.after}' if self.plan else 'NOT CAUGHT'} {self.seen}"


def patched(bug: Bug, folder: Path) -> Path:
    """A copy of the code with the bug in it.

    Raises:
        LookupError: the code has changed so that the place isn't found, or not once.
    """
    shutil.copytree(SOURCE, folder / "longshore", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "longshore" / bug.file
    text = path.read_text()
    if text.count(bug.right) != 1:
        raise LookupError(f"{bug.file} has {text.count(bug.right)} places for the bug: {bug.what}")
    path.write_text(text.replace(bug.right, bug.wrong))
    return folder


BUGS: dict[str, Bug] = {
    "no-owner": Bug(
        "children have no owner reference",
        "workload/names.py",
        "PLACEHOLDER",
        "",
        "quiet",
        "WebApp",
    ),
}
