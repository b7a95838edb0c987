"""Outcomes of one commit in a file, a line each, so that an interrupted run is taken up where it was left."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from hack.measured import commit
from tests.campaigns.bugs import Caught
from tests.campaigns.campaigns import Outcome, Plan
from tests.campaigns.world import Violation


class Kept:
    """What was seen so far of the code as it is. A file of other code is begun anew."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        self.commit = commit("operator", "tests/campaigns", "tests/apiserver")
        self.outcomes: dict[Plan, Outcome] = {}
        self.caught: dict[str, Caught] = {}
        for line in path.read_text().splitlines() if path.exists() else ():
            self._take(json.loads(line))
        if not self.outcomes and not self.caught:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")

    def add(self, found: Outcome | Caught) -> None:
        line = {"commit": self.commit, type(found).__name__: asdict(found)}
        with self._lock, self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self._take(line)

    def _take(self, line: dict[str, Any]) -> None:
        if line["commit"] != self.commit:
            return
        if told := line.get("Caught"):
            plan = Plan(**told["plan"]) if told["plan"] else None
            self.caught[told["bug"]] = Caught(**told | {"plan": plan})
        elif told := line.get("Outcome"):
            violations = [Violation(**each) for each in told["violations"]]
            outcome = Outcome(**told | {"plan": Plan(**told["plan"]), "violations": violations})
            self.outcomes[outcome.plan] = outcome
