"""Bounds of scaling by the clock: when schedules hold, what they move, and that only the edges write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from longshore.api.webapp import Scaling
from longshore.webapp.decide import decide
from longshore.webapp.schedules import Bounds, at
from longshore.workload.conditions import timestamp

from tests.unit.facts import app_facts
from tests.unit.test_webapp_decide import applied, condition, deployment, remembered, revision

Obj = dict[str, Any]
DAY = {
    "name": "day",
    "cron": "0 8 * * 1-5",
    "timeZone": "Europe/Berlin",
    "durationSeconds": 10 * 3600,
    "minReplicas": 4,
}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bounds(when: str, *schedules: Obj, **usual: Any) -> Bounds:
    scaling = Scaling.model_validate({"minReplicas": 2, "schedules": list(schedules)} | usual)
    return at(scaling, moment(when))


def replicas(when: str, *schedules: Obj, **usual: Any) -> tuple[int, int | None]:
    found = bounds(when, *schedules, **usual).scaling
    return found.min_replicas, found.max_replicas


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("2026-03-02T06:59:59", False),
        ("2026-03-02T07:00:00", True),
        ("2026-03-02T16:59:59", True),
        ("2026-03-02T17:00:00", False),
        ("2026-03-01T12:00:00", False),
        ("2026-07-01T06:00:00", True),
        ("2026-07-01T05:59:59", False),
    ],
    ids=[
        "a second before", "the first second", "the last second", "the end", "a Sunday", "summer time", "before it in summer",
    ],
)  # fmt: skip
def test_it_holds_from_its_time_for_its_duration_in_its_zone(when: str, holds: bool) -> None:
    assert (bounds(when, DAY).holding == ("day",)) is holds


def test_a_window_over_the_change_of_the_clock_is_as_long_as_it_says() -> None:
    night = DAY | {"cron": "0 22 * * *", "durationSeconds": 8 * 3600}
    before_spring = "2026-03-28T21:00:00"
    assert bounds(before_spring, night).holding == ("day",)
    assert bounds("2026-03-29T04:59:59", night).holding == ("day",)
    assert bounds("2026-03-29T05:00:00", night).holding == ()


def test_a_time_that_the_clock_skips_comes_at_the_end_of_the_gap_and_one_that_it_repeats_once() -> None:
    short = DAY | {"cron": "30 2 * * *", "durationSeconds": 600}
    assert bounds("2026-03-29T01:00:00", short).holding == ("day",), "03:00 in Berlin, after 01:59:59"
    assert bounds("2026-10-25T00:30:00", short).holding == ("day",)
    assert bounds("2026-10-25T01:30:00", short).holding == ()


@pytest.mark.parametrize(
    ("schedule", "usual", "expected"),
    [
        ({"minReplicas": 5}, {}, (5, 5)),
        ({"minReplicas": 5}, {"maxReplicas": 9}, (5, 9)),
        ({"minReplicas": 12}, {"maxReplicas": 9}, (12, 12)),
        ({"maxReplicas": 20}, {"maxReplicas": 9}, (2, 20)),
        ({"maxReplicas": 1}, {"maxReplicas": 9}, (1, 1)),
        ({"minReplicas": 1, "maxReplicas": 3}, {}, (1, 3)),
    ],
    ids=["fixed", "autoscaled", "above the maximum", "more room", "below the minimum", "both"],
)
def test_what_it_moves(schedule: Obj, usual: Obj, expected: tuple[int, int]) -> None:
    always = {"name": "a", "cron": "* * * * *", "durationSeconds": 600} | schedule
    assert replicas("2026-03-02T12:00:00", always, **usual) == expected


def test_of_several_the_highest_bounds_hold() -> None:
    base = {"cron": "0 12 * * *", "durationSeconds": 3600}
    one = base | {"name": "one", "minReplicas": 3, "maxReplicas": 20}
    two = base | {"name": "two", "minReplicas": 6, "maxReplicas": 8}
    assert replicas("2026-03-02T12:30:00", one, two) == (6, 20)


def test_the_next_edge_is_the_end_of_one_or_the_begin_of_another() -> None:
    assert bounds("2026-03-02T06:00:00", DAY).next_edge == moment("2026-03-02T07:00:00")
    assert bounds("2026-03-02T07:00:00", DAY).next_edge == moment("2026-03-02T17:00:00")
    assert bounds("2026-03-02T07:00:00").next_edge is None


def test_one_that_cannot_be_followed_is_told_and_the_others_hold() -> None:
    bad = DAY | {"name": "bad", "timeZone": "Europe/Atlantis"}
    app = app_facts({"scaling": {"minReplicas": 2, "schedules": [DAY, bad]}})
    told = condition(decide(app, moment("2026-03-02T12:00:00")), "Scaling")
    assert (told["status"], told["reason"]) == ("False", "ScheduleInvalid")
    assert "schedule bad: there is no time zone Europe/Atlantis" in told["message"]
    assert bounds("2026-03-02T12:00:00", bad, DAY).scaling.min_replicas == 4


SCHEDULED = {"scaling": {"minReplicas": 2, "schedules": [DAY]}}


def test_replicas_follow_and_it_is_looked_at_again_at_the_edge() -> None:
    decision = decide(app_facts(SCHEDULED), moment("2026-03-02T16:59:00"))
    (body,) = applied(decision, "Deployment")
    assert body["spec"]["replicas"] == 4
    assert decision.again_in_seconds == 60
    assert condition(decision, "Scaling")["message"] == "4 replicas, by schedule day"
    (body,) = applied(decide(app_facts(SCHEDULED), moment("2026-03-02T17:00:00")), "Deployment")
    assert body["spec"]["replicas"] == 2


def test_a_schedule_moves_the_autoscalers_bounds() -> None:
    spec = {"scaling": {"minReplicas": 2, "maxReplicas": 6, "schedules": [DAY | {"maxReplicas": 12}]}}
    (body,) = applied(decide(app_facts(spec), moment("2026-03-02T12:00:00")), "HorizontalPodAutoscaler")
    assert (body["spec"]["minReplicas"], body["spec"]["maxReplicas"]) == (4, 12)


def test_an_app_stays_ready_while_the_replicas_of_a_schedule_start() -> None:
    status = {"revision": {"lastGood": revision("shop:1")}}
    live = deployment("shop:1", replicas=4, ready=2)
    app = app_facts(SCHEDULED, status=status, deployment=live, revisions=[remembered("shop:1", 1)])
    assert condition(decide(app, moment("2026-03-02T07:00:01")), "Ready")["status"] == "True"


def test_between_the_edges_nothing_is_written() -> None:
    start = moment("2026-03-02T07:00:00")
    often = DAY | {"name": "often", "cron": "*/5 * * * *", "durationSeconds": 600, "minReplicas": 3}
    facts = app_facts(
        {"scaling": {"minReplicas": 2, "schedules": [DAY, often]}}, deployment=deployment("shop:1")
    )
    first = decide(facts, start)
    facts.app["status"] = first.status
    for minutes in range(0, 599, 7):
        again = decide(facts, start + timedelta(minutes=minutes))
        assert (again.steps, again.status) == (first.steps, first.status), timestamp(start)
