"""Given facts about a WebApp, this decision: rollouts, rollbacks, scaling, and properties that always hold."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as some
from longshore.api.webapp import WebAppSpec
from longshore.webapp.app import revision_inputs
from longshore.webapp.decide import decide
from longshore.webapp.facts import Facts
from longshore.workload.decision import Apply, Decision, Delete
from longshore.workload.names import MANAGER, content_hash

from tests.unit.facts import NOW, UID, app_facts, at, pod

Obj = dict[str, Any]


def applied(decision: Decision, kind: str) -> list[Obj]:
    ours = [step for step in decision.steps if isinstance(step, Apply) and step.manager == MANAGER]
    return [step.body for step in ours if step.body["kind"] == kind]


def condition(decision: Decision, type_: str) -> Obj:
    assert decision.status is not None
    return next(each for each in decision.status["conditions"] if each["type"] == type_)


def revision(image: str) -> str:
    return content_hash(revision_inputs(WebAppSpec(image=image)))


def remembered(image: str, number: int, failed: str = "") -> Obj:
    annotations = {"longshore.dev/failed": failed} if failed else {}
    labels = {"longshore.dev/revision": revision(image)}
    metadata = {
        "name": f"shop-{revision(image)}",
        "uid": f"r{number}",
        "labels": labels,
        "annotations": annotations,
    }
    data = {"spec": revision_inputs(WebAppSpec(image=image))}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata,
        "revision": number,
        "data": data,
    }


def deployment(
    image: str, replicas: int = 1, ready: int = 1, timed_out: bool = False, observed: bool = True
) -> Obj:
    reason = "ProgressDeadlineExceeded" if timed_out else "NewReplicaSetAvailable"
    counts = dict.fromkeys(("readyReplicas", "availableReplicas"), ready) | dict.fromkeys(
        ("replicas", "updatedReplicas"), replicas
    )
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop", "uid": "d1", "generation": 2, "annotations": {}},
        "spec": {
            "replicas": replicas,
            "template": {"metadata": {"labels": {"longshore.dev/revision": revision(image)}}},
        },
        "status": {
            "observedGeneration": 2 if observed else 1,
            "conditions": [
                {
                    "type": "Progressing",
                    "status": "False" if timed_out else "True",
                    "reason": reason,
                    "message": "",
                    "lastUpdateTime": at(0),
                }
            ],
            **counts,
        },
    }


def image_of(decision: Decision) -> str:
    (body,) = applied(decision, "Deployment")
    return str(body["spec"]["template"]["spec"]["containers"][0]["image"])


BROKEN = app_facts(
    {"image": "shop:2"}, 2,
    {"revision": {"lastGood": revision("shop:1")}},
    deployment=deployment("shop:2", ready=0, timed_out=True),
    revisions=[remembered("shop:1", 1), remembered("shop:2", 2)],
)  # fmt: skip


def test_nothing_there_makes_everything_and_rolls_out() -> None:
    decision = decide(app_facts(), NOW)
    assert [step.body["kind"] for step in decision.steps if isinstance(step, Apply)] == [
        "ServiceAccount", "ControllerRevision", "Service", "Deployment",
    ]  # fmt: skip
    assert condition(decision, "Ready")["reason"] == "RollingOut"
    assert decision.again_in_seconds is None, "no pod is there to ask about"


def test_a_rollout_past_its_deadline_goes_back_and_remembers_why() -> None:
    decision = decide(BROKEN, NOW)
    assert image_of(decision) == "shop:1"
    marked = [
        each
        for each in applied(decision, "ControllerRevision")
        if "longshore.dev/failed" in each["metadata"].get("annotations", {})
    ]
    assert [each["data"]["spec"]["image"] for each in marked] == ["shop:2"]
    assert condition(decision, "Progressing")["reason"] == "RolledBack"
    assert [event.reason for event in decision.events] == ["RolledBack"]


def test_the_mark_comes_before_the_deployment_so_that_a_crash_between_them_does_not_try_again() -> None:
    kinds = [step.body["kind"] for step in decide(BROKEN, NOW).steps if isinstance(step, Apply)]
    assert kinds.index("ControllerRevision") < kinds.index("Deployment")


def test_the_first_rollout_that_fails_stays_and_says_that_there_is_nothing_to_go_back_to() -> None:
    facts = app_facts(
        deployment=deployment("shop:1", ready=0, timed_out=True), revisions=[remembered("shop:1", 1)]
    )
    decision = decide(facts, NOW)
    assert image_of(decision) == "shop:1"
    assert condition(decision, "Ready")["reason"] == "DeadlineExceeded"
    assert "there is no good revision to go back to" in condition(decision, "Ready")["message"]


def test_without_auto_rollback_it_stays() -> None:
    spec = {"image": "shop:2", "rollout": {"autoRollback": False}}
    facts = app_facts(spec, 2, BROKEN.status, deployment=BROKEN.deployment, revisions=BROKEN.revisions)
    decision = decide(facts, NOW)
    assert image_of(decision) == "shop:2"
    assert "autoRollback is off" in condition(decision, "Progressing")["message"]


def failed_at(generation: int) -> list[Obj]:
    mark = f'{{"generation": {generation}, "reason": "CrashLooping", "message": "exit code 1"}}'
    return [remembered("shop:1", 1), remembered("shop:2", 2, mark)]


def test_the_same_generation_is_not_tried_again() -> None:
    facts = app_facts(
        {"image": "shop:2"}, 2, BROKEN.status, deployment=deployment("shop:1"), revisions=failed_at(2)
    )
    decision = decide(facts, NOW)
    assert image_of(decision) == "shop:1"
    message = condition(decision, "Ready")["message"]
    assert (
        message
        == f"revision {revision('shop:2')} failed: CrashLooping, exit code 1; {revision('shop:1')} is serving; change the spec to try again"
    )


def test_a_new_generation_is_tried_again() -> None:
    facts = app_facts(
        {"image": "shop:2"}, 3, BROKEN.status, deployment=deployment("shop:1"), revisions=failed_at(2)
    )
    assert image_of(decide(facts, NOW)) == "shop:2"


def test_a_deadline_that_the_condition_says_of_another_replica_set_is_none_of_ours() -> None:
    live = deployment("shop:2", ready=0, timed_out=True)
    live["status"]["conditions"][0]["message"] = 'ReplicaSet "shop-abc12" has timed out progressing.'
    other = pod(labels={"longshore.dev/revision": "older", "pod-template-hash": "abc12"})
    facts = app_facts(
        {"image": "shop:2"}, 2, BROKEN.status, deployment=live, revisions=BROKEN.revisions, pods=[other]
    )
    assert image_of(decide(facts, NOW)) == "shop:2"


def test_a_status_that_was_lost_is_found_again() -> None:
    facts = app_facts(deployment=deployment("shop:1"), revisions=[remembered("shop:1", 1)])
    decision = decide(facts, NOW)
    assert decision.status is not None
    assert decision.status["revision"] == {"current": revision("shop:1"), "lastGood": revision("shop:1")}
    assert condition(decision, "Ready")["status"] == "True"


def test_scaling_alone_makes_no_new_revision_and_is_not_rolled_back() -> None:
    one, other = (
        revision_inputs(WebAppSpec.model_validate({"image": "a", "scaling": {"minReplicas": count}}))
        for count in (1, 5)
    )
    assert one == other


def test_an_autoscaled_app_keeps_its_hands_off_replicas() -> None:
    facts = app_facts(
        {"scaling": {"minReplicas": 2, "maxReplicas": 4}}, deployment=deployment("shop:1", 3, 3)
    )
    (body,) = applied(decide(facts, NOW), "Deployment")
    assert "replicas" not in body["spec"]


def test_an_autoscaler_that_lacks_a_request_is_told_apart_from_one_without_metrics() -> None:
    words = "failed to get cpu utilization: missing request for cpu in container app of Pod shop-x"
    assert "set size, or resources.requests.cpu" in _scaling_without(words)
    assert "install metrics-server" in _scaling_without("unable to fetch metrics from resource metrics API")


def _scaling_without(words: str) -> str:
    active = {
        "type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": words,
        "lastTransitionTime": at(-600),
    }  # fmt: skip
    facts = app_facts({"scaling": {"maxReplicas": 3}}, autoscaler={"status": {"conditions": [active]}})
    told = condition(decide(facts, NOW), "Scaling")
    assert told["reason"] == "MetricsUnavailable"
    return str(told["message"])


def test_the_autoscaler_goes_when_it_is_no_longer_wanted() -> None:
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "shop", "uid": "h1"},
    }
    decision = decide(app_facts(autoscaler=autoscaler), NOW)
    assert [step.ref.kind for step in decision.steps if isinstance(step, Delete)] == [
        "HorizontalPodAutoscaler"
    ]


def test_old_revisions_go_beyond_the_limit_but_never_the_good_one() -> None:
    revisions = [remembered(f"shop:{number}", number) for number in range(1, 9)]
    status = {"revision": {"lastGood": revision("shop:1")}}
    facts = app_facts(
        {"image": "shop:8", "rollout": {"historyLimit": 3}},
        8,
        status,
        deployment=deployment("shop:8", ready=0),
        revisions=revisions,
    )
    gone = {step.ref.name for step in decide(facts, NOW).steps if isinstance(step, Delete)}
    assert gone == {f"shop-{revision(f'shop:{number}')}" for number in range(2, 7)}


images = some.sampled_from(["shop:1", "shop:2", "shop:3"])
lives = some.none() | some.builds(
    deployment, images, some.integers(0, 3), some.integers(0, 3), some.booleans(), some.booleans()
)


@some.composite
def anything(draw: some.DrawFn) -> Facts:
    known = draw(some.lists(images, unique=True))
    marks = [
        draw(some.sampled_from(["", "not json", '{"generation": 3, "reason": "R", "message": "m"}']))
        for _ in known
    ]
    good = draw(some.none() | images)
    spec = {
        "image": draw(images),
        "suspend": draw(some.booleans()),
        "scaling": draw(some.sampled_from([{}, {"minReplicas": 2, "maxReplicas": 5}])),
    }
    return app_facts(
        spec, 3, {"revision": {"lastGood": revision(good)}} if good else {},
        deployment=draw(lives),
        revisions=[remembered(image, number + 1, mark) for number, (image, mark) in enumerate(zip(known, marks, strict=True))],
    )  # fmt: skip


@given(anything())
def test_whatever_the_facts_ready_comes_first_and_every_child_is_owned(facts: Facts) -> None:
    decision = decide(facts, NOW)
    assert decision.status is not None
    assert decision.status["conditions"][0]["type"] == "Ready"
    for step in decision.steps:
        if isinstance(step, Apply) and step.manager == "longshore":
            assert step.body["metadata"]["ownerReferences"][0]["uid"] == UID
            assert step.body["metadata"]["namespace"] == "prod"


@given(anything())
def test_ready_is_never_said_of_a_revision_that_is_not_wanted(facts: Facts) -> None:
    decision = decide(facts, NOW)
    if condition(decision, "Ready")["status"] == "True":
        assert image_of(decision) == facts.spec.image


@given(anything())
def test_what_runs_is_what_is_wanted_or_the_last_good_one(facts: Facts) -> None:
    good = decide(facts, NOW).status["revision"].get("lastGood")  # type: ignore[index]
    (body,) = applied(decide(facts, NOW), "Deployment")
    assert body["spec"]["template"]["metadata"]["labels"]["longshore.dev/revision"] in (
        revision(facts.spec.image),
        good,
    )


@given(anything())
def test_the_same_facts_give_the_same_decision_and_the_status_settles(facts: Facts) -> None:
    first = decide(facts, NOW)
    assert decide(facts, NOW) == first
    facts.app["status"] = first.status
    second = decide(facts, NOW)
    facts.app["status"] = second.status
    assert decide(facts, NOW).status == second.status


def test_recreate_stops_all_replicas_before_new_ones_start() -> None:
    (body,) = applied(decide(app_facts({"rollout": {"strategy": "Recreate"}}), NOW), "Deployment")
    assert body["spec"]["strategy"] == {"type": "Recreate"}
