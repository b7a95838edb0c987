"""Which schedules KEDA can follow, what it is told, and how an app changes over to it and back."""

from __future__ import annotations

from typing import Any

import pytest
from longshore.api.schedules import ScalingSchedule
from longshore.webapp.decide import decide
from longshore.webapp.keda import trigger
from longshore.workload.decision import Decision, Delete

from tests.unit.facts import NOW, UID, app_facts
from tests.unit.test_webapp_decide import applied, condition, deployment, remembered

Obj = dict[str, Any]
DAY: Obj = {
    "name": "day",
    "cron": "0 8 * * 1-5",
    "timeZone": "Europe/Berlin",
    "durationSeconds": 10 * 3600,
    "minReplicas": 4,
}


def told(**changes: Any) -> Obj | None:
    found = trigger(ScalingSchedule.model_validate(DAY | changes))
    return found["metadata"] if found else None


def test_a_window_is_told_by_its_start_and_its_end() -> None:
    assert told() == {
        "timezone": "Europe/Berlin",
        "start": "0 8 * * 1-5",
        "end": "0 18 * * 1-5",
        "desiredReplicas": "4",
    }


def test_a_daily_window_may_reach_over_midnight() -> None:
    found = told(cron="30 22 * * *", durationSeconds=8 * 3600)
    assert found is not None
    assert found["end"] == "30 6 * * *"


@pytest.mark.parametrize(
    "changes",
    [
        {"maxReplicas": 9},
        {"cron": "*/15 * * * *", "durationSeconds": 300},
        {"cron": "0 8,12 * * *", "durationSeconds": 300},
        {"cron": "0 22 * * 1-5"},
        {"cron": "0 14 * * 1-5"},
        {"durationSeconds": 86400, "cron": "0 8 * * *"},
        {"durationSeconds": 90},
        {"cron": "0 8 1 * 1"},
        {"cron": "0 8 * * 7"},
        {"cron": "0 8 * * 5L"},
        {"cron": "0 8 * * MON#1"},
        {"timeZone": "Mars/Olympus"},
    ],
    ids=[
        "a maximum", "each quarter", "twice a day", "over midnight on some days", "until midnight on some days", "a whole day",
        "half a minute", "a day of the month and of the week", "Sunday as 7", "the last Friday", "the first Monday", "no such zone",
    ],
)  # fmt: skip
def test_what_keda_cannot_say_is_followed_by_ourselves(changes: Obj) -> None:
    assert told(**changes) is None


def scaled(scaling: Obj, keda: bool = True, **facts: Any) -> Decision:
    found = app_facts(
        {"scaling": scaling},
        deployment=deployment("shop:1"),
        revisions=[remembered("shop:1", 1)],
        keda=keda,
        **facts,
    )
    return decide(found, NOW)


def child(kind: str, **status: Any) -> Obj:
    owner = {
        "apiVersion": "longshore.dev/v1alpha1",
        "kind": "WebApp",
        "name": "shop",
        "uid": UID,
        "controller": True,
    }
    return {
        "apiVersion": "keda.sh/v1alpha1" if kind == "ScaledObject" else "autoscaling/v2",
        "kind": kind,
        "metadata": {"name": "shop", "uid": f"{kind}-uid", "ownerReferences": [owner]},
        "status": status,
    }  # fmt: skip


def deleted(decision: Decision) -> list[str]:
    return [step.ref.kind for step in decision.steps if isinstance(step, Delete)]


def test_an_app_of_so_many_replicas_is_raised_by_the_schedule_alone() -> None:
    decision = scaled({"minReplicas": 2, "schedules": [DAY]})
    (made,) = applied(decision, "ScaledObject")
    spec = made["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 4)
    assert [each["type"] for each in spec["triggers"]] == ["cron"]
    assert applied(decision, "HorizontalPodAutoscaler") == []
    assert "replicas" not in applied(decision, "Deployment")[0]["spec"]
    assert decision.status is not None
    assert decision.status["engines"]["scaling"] == "KEDA"
    assert "between 2 and 4 replicas, by KEDA" in condition(decision, "Scaling")["message"]


def test_an_app_that_is_scaled_by_load_is_so_by_keda_too() -> None:
    decision = scaled({"minReplicas": 2, "maxReplicas": 9, "targets": {"memoryPercent": 80}, "schedules": [DAY]})  # fmt: skip
    (made,) = applied(decision, "ScaledObject")
    assert [each["type"] for each in made["spec"]["triggers"]] == ["cron", "memory"]
    assert made["spec"]["maxReplicaCount"] == 9


@pytest.mark.parametrize(
    "scaling",
    [
        {"minReplicas": 2, "maxReplicas": 9},
        {"minReplicas": 2, "maxReplicas": 3, "schedules": [DAY]},
        {"minReplicas": 4, "maxReplicas": 9, "schedules": [DAY]},
        {"minReplicas": 2, "schedules": [DAY, DAY | {"name": "few", "maxReplicas": 1, "minReplicas": None}]},
    ],
    ids=["no schedule", "beyond the maximum", "nothing raised", "one of two can't be said"],
)
def test_otherwise_keda_is_left_out(scaling: Obj) -> None:
    decision = scaled(scaling)
    assert applied(decision, "ScaledObject") == []


def test_where_there_is_no_keda_schedules_are_followed_by_ourselves() -> None:
    decision = scaled({"minReplicas": 2, "schedules": [DAY]}, keda=False)
    assert applied(decision, "ScaledObject") == []
    assert decision.again_in_seconds is not None


def test_the_autoscaler_goes_before_keda_takes_over_and_the_other_way_round() -> None:
    scaling = {"minReplicas": 2, "maxReplicas": 9, "schedules": [DAY]}
    to_keda = scaled(scaling, autoscaler=child("HorizontalPodAutoscaler"))
    assert deleted(to_keda) == ["HorizontalPodAutoscaler"]
    assert applied(to_keda, "ScaledObject")
    back = scaled(scaling, keda=False, scaled_object=child("ScaledObject"))
    assert deleted(back) == ["ScaledObject"]
    assert applied(back, "HorizontalPodAutoscaler")


def test_what_keda_says_is_told() -> None:
    ready = {"type": "Ready", "status": "False", "reason": "Bad", "message": "Failed to parse"}
    decision = scaled(
        {"minReplicas": 2, "schedules": [DAY]}, scaled_object=child("ScaledObject", conditions=[ready])
    )
    found = condition(decision, "Scaling")
    assert (found["status"], found["reason"]) == ("False", "MetricsUnavailable")
    assert "Failed to parse" in found["message"]
