"""A slice of the campaigns: some plans of each, and every seeded bug caught. `make campaigns` runs them all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.campaigns.bugs import BUGS, Caught
from tests.campaigns.campaigns import Outcome, Plan, References
from tests.campaigns.execution import CAMPAIGNS
from tests.campaigns.runner import hunt, recorded, run

pytestmark = pytest.mark.timeout(1500)
WORKERS = 2
MOST_PLANS = 20
SHARE = {
    "crash": 6,
    "errors": 3,
    "unobserved": 3,
    "stale": 5,
    "monkey": 1,
    "quiet": 1,
    "replicas": 3,
    "batch": 2,
    "release": 6,
    "pairs": 3,
    "queues": 10,
    "schedules": 3,
    "exposure": 4,
    "canary": 6,
    "states": 2,
}
SLICE = [
    Plan(name, kind, seed)
    for name, share in SHARE.items()
    for kind, full in (("WebApp", CAMPAIGNS[name].webapp), ("BatchJob", CAMPAIGNS[name].batchjob))
    for seed in range(min(share, full))
]


@pytest.fixture(scope="module")
def references() -> Iterator[References]:
    with recorded() as references:
        yield references


@pytest.fixture(scope="module")
def outcomes(references: References) -> dict[Plan, Outcome]:
    return {each.plan: each for each in run(SLICE, WORKERS, references)}


@pytest.fixture(scope="module")
def caught(references: References) -> dict[str, Caught]:
    return {each.bug: each for each in hunt(list(BUGS), WORKERS, MOST_PLANS, references)}


@pytest.mark.parametrize("plan", SLICE, ids=str)
def test_nothing_is_lost_doubled_or_needlessly_written(plan: Plan, outcomes: dict[Plan, Outcome]) -> None:
    assert [str(each) for each in outcomes[plan].violations] == []


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_caught(bug: str, caught: dict[str, Caught]) -> None:
    assert caught[bug].plan is not None, BUGS[bug].what
