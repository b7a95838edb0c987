"""`python -m tests.campaigns`: runs campaigns, replays one plan, or shows that seeded bugs are caught."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.campaigns import report
from tests.campaigns.bugs import BUGS
from tests.campaigns.campaigns import Plan
from tests.campaigns.execution import CAMPAIGNS
from tests.campaigns.kept import Kept
from tests.campaigns.runner import hunt, plans, recorded, run

KEPT = Path(".longshore") / "campaigns.jsonl"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__)
    parser.add_argument(
        "--campaign", choices=CAMPAIGNS, action="append", help="only this one; may be repeated"
    )
    parser.add_argument("--kind", choices=("WebApp", "BatchJob"), action="append", help="only this kind")
    parser.add_argument("--seed", type=int, help="replay the one plan of this seed")
    parser.add_argument("--plans", type=int, help="at most so many of each campaign and kind")
    parser.add_argument("--bug", action="append", choices=BUGS, help="run the code with this seeded bug")
    parser.add_argument("--bugs", action="store_true", help="show that every seeded bug is caught")
    parser.add_argument("--workers", type=int, default=2, help="clusters at once; default 2")
    parser.add_argument(
        "--report", type=Path, help="write the report to this file; an interrupted run is taken up again"
    )
    chosen = parser.parse_args()
    kinds = chosen.kind or ("WebApp", "BatchJob")
    todo = plans(chosen.campaign or list(CAMPAIGNS), kinds, chosen.plans)
    if chosen.seed is not None:
        todo = [Plan(name, kind, chosen.seed) for name in chosen.campaign or () for kind in kinds]
    kept = Kept(KEPT) if chosen.report else None
    with recorded() as references:
        if chosen.bug:
            caught, outcomes = hunt(chosen.bug, chosen.workers, 30, references), []
        elif kept is None:
            outcomes = run(todo, min(chosen.workers, len(todo)), references)
            caught = hunt(list(BUGS), chosen.workers, 30, references) if chosen.bugs else []
        else:
            if left := [plan for plan in todo if plan not in kept.outcomes]:
                run(left, min(chosen.workers, len(left)), references, kept.add)
            if unseen := [each for each in BUGS if chosen.bugs and each not in kept.caught]:
                hunt(unseen, chosen.workers, 30, references, kept.add)
            outcomes, caught = list(kept.outcomes.values()), list(kept.caught.values())
    text = report.text(outcomes, caught, sum(each.seconds for each in outcomes), kept.commit if kept else "")
    print(text)
    if chosen.report:
        chosen.report.write_text(text)
    missed = [each for each in caught if each.plan is None]
    return 1 if missed or any(each.violations for each in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
