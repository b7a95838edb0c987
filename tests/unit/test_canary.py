"""Given facts about a canary, this step: shares, pauses, approvals, judgements, and what a crash may not change."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from longshore.cluster.prometheus import number_in
from longshore.webapp.analysis import questions
from longshore.webapp.canary import State, backends, token
from longshore.webapp.decide import decide
from longshore.webapp.facts import Facts
from longshore.webapp.rollout import choose
from longshore.workload.decision import Apply, Decision, Delete
from longshore.workload.names import MANAGER

from tests.unit.facts import NOW, app_facts, at, pod
from tests.unit.gateways import with_gateways
from tests.unit.test_webapp_decide import condition, deployment, remembered, revision

Obj = dict[str, Any]
OLD, NEW = revision("shop:1"), revision("shop:2")
STEPS = [
    {"weight": 20, "pauseSeconds": 30},
    {"weight": 50, "approval": True},
    {"weight": 80, "pauseSeconds": 0},
]


def spec(image: str = "shop:2", replicas: int = 4, steps: list[Obj] | None = None, **more: Any) -> Obj:
    canary = {"steps": steps or STEPS} | ({"analysis": more.pop("analysis")} if "analysis" in more else {})
    rollout = {"strategy": "Canary", "canary": canary} | more.pop("rollout", {})
    return {"image": image, "scaling": {"minReplicas": replicas}, "rollout": rollout} | more


def tried(image: str = "shop:2", replicas: int = 1, ready: int | None = None) -> Obj:
    made = deployment(image, replicas, replicas if ready is None else ready)
    made["metadata"] |= {"name": "shop-canary", "uid": "d2"}
    return made


def rollout(phase: str, step: int = 1, weight: int = 0, since: float = 0, image: str = "shop:2") -> Obj:
    return {
        "revision": revision(image), "generation": 2, "step": step, "weight": weight, "phase": phase,
        "since": at(since), "message": "",
    }  # fmt: skip


def facts(
    told: Obj | None = None, canary: Obj | None = None, annotations: Obj | None = None, **more: Any
) -> Facts:
    status: Obj = {"revision": {"lastGood": OLD}} | ({"rollout": told} if told else {})
    found = app_facts(
        more.pop("spec", spec()), more.pop("generation", 2), status,
        deployment=more.pop("deployment", deployment("shop:1", 4, 4)),
        revisions=more.pop("revisions", [remembered("shop:1", 1), remembered("shop:2", 2)]),
        canary=canary, **more,
    )  # fmt: skip
    found.app["metadata"]["annotations"] = annotations or {}
    return found


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def deployed(decision: Decision) -> dict[str, tuple[str, int | None]]:
    """Image and replicas of each Deployment that is applied."""
    return {
        step.body["metadata"]["name"]: (
            step.body["spec"]["template"]["spec"]["containers"][0]["image"],
            step.body["spec"].get("replicas"),
        )
        for step in decision.steps
        if isinstance(step, Apply) and step.body["kind"] == "Deployment" and step.manager == MANAGER
    }


def deleted(decision: Decision) -> list[str]:
    return [f"{step.ref.kind} {step.ref.name}" for step in decision.steps if isinstance(step, Delete)]


def said(decision: Decision) -> Obj:
    assert decision.status is not None
    return dict(decision.status.get("rollout") or {})


def phase(decision: Decision) -> tuple[int, str, int]:
    told = said(decision)
    return told["step"], told["phase"], told["weight"]


def test_a_new_revision_begins_on_replicas_of_its_own_and_the_old_ones_all_stay() -> None:
    decision = decide(facts(), NOW)
    assert deployed(decision) == {"shop": ("shop:1", 4), "shop-canary": ("shop:2", 1)}
    assert phase(decision) == (1, "GettingReady", 0)
    assert condition(decision, "Progressing")["reason"] == "Canary"
    assert condition(decision, "Progressing")["message"] == (
        f"step 1 of 3: for 20 % of requests 0 of 1 replicas of revision {NEW} are ready; {OLD} serves beside it"
    )
    assert condition(decision, "Available")["status"] == "True"
    assert condition(decision, "Ready")["status"] == "False"
    assert decision.status is not None
    assert decision.status["revision"] == {"current": OLD, "lastGood": OLD, "candidate": NEW}


def test_the_pods_that_are_tried_are_found_by_the_service_and_not_by_the_apps_own_deployment() -> None:
    bodies = {
        (step.body["kind"], step.body["metadata"]["name"]): step.body
        for step in decide(facts(), NOW).steps
        if isinstance(step, Apply)
    }
    labels = bodies["Deployment", "shop-canary"]["spec"]["template"]["metadata"]["labels"]
    assert bodies["Service", "shop"]["spec"]["selector"].items() <= labels.items()
    old = bodies["Deployment", "shop"]
    assert (
        bodies["Service", "shop"]["spec"]["selector"].items()
        <= old["spec"]["template"]["metadata"]["labels"].items()
    )
    assert not old["spec"]["selector"]["matchLabels"].items() <= labels.items()


@dataclass(frozen=True)
class Case:
    """A status, what there is, and what the status is next."""

    what: str
    before: Obj
    canary: Obj | None
    seconds: float
    after: tuple[int, str, int]
    annotations: Obj = field(default_factory=dict)


STEP_1 = tried()
STEP_2 = tried(replicas=4)
CASES = [
    Case("replicas are not ready", rollout("GettingReady"), tried(ready=0), 5, (1, "GettingReady", 0)),
    Case("replicas are ready", rollout("GettingReady"), STEP_1, 5, (1, "Paused", 20)),
    Case("the step lasts", rollout("Paused", 1, 20), STEP_1, 29, (1, "Paused", 20)),
    Case("its time is over", rollout("Paused", 1, 20), STEP_1, 30, (2, "GettingReady", 20)),
    Case("over, but not ready", rollout("Paused", 1, 20), tried(ready=0), 30, (1, "Paused", 20)),
    Case("waits for approval", rollout("GettingReady", 2, 20), STEP_2, 0, (2, "AwaitingApproval", 50)),
    Case("waits on", rollout("AwaitingApproval", 2, 50), STEP_2, 9e6, (2, "AwaitingApproval", 50)),
    Case(
        "approved",
        rollout("AwaitingApproval", 2, 50),
        STEP_2,
        1,
        (3, "GettingReady", 50),
        {"longshore.dev/approve": f"{NEW}/2/2"},
    ),
    Case(
        "another step approved",
        rollout("AwaitingApproval", 2, 50),
        STEP_2,
        1,
        (2, "AwaitingApproval", 50),
        {"longshore.dev/approve": f"{NEW}/2/1"},
    ),
    Case(
        "another try approved",
        rollout("AwaitingApproval", 2, 50),
        STEP_2,
        1,
        (2, "AwaitingApproval", 50),
        {"longshore.dev/approve": f"{NEW}/1/2"},
    ),
    Case(
        "another revision approved",
        rollout("AwaitingApproval", 2, 50),
        STEP_2,
        1,
        (2, "AwaitingApproval", 50),
        {"longshore.dev/approve": f"{OLD}/2/2"},
    ),
    Case(
        "all approved",
        rollout("Paused", 1, 20),
        STEP_1,
        1,
        (1, "Promoting", 20),
        {"longshore.dev/approve": f"{NEW}/2/all"},
    ),
    Case(
        "all approved before any is ready",
        rollout("GettingReady"),
        tried(ready=0),
        1,
        (1, "Promoting", 0),
        {"longshore.dev/approve": f"{NEW}/2/all"},
    ),
    Case("the last step", rollout("Paused", 3, 80), STEP_2, 1, (3, "Promoting", 80)),
    Case(
        "the state of another revision",
        rollout("AwaitingApproval", 2, 50, image="shop:0"),
        STEP_2,
        1,
        (1, "GettingReady", 0),
    ),
    Case("given up before", rollout("Aborted", 2, 50), None, 1, (1, "GettingReady", 0)),
    Case("suspended before", rollout("Suspended", 2, 0), None, 1, (2, "GettingReady", 0)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_the_next_step(case: Case) -> None:
    assert phase(decide(facts(case.before, case.canary, case.annotations), later(case.seconds))) == case.after


def test_after_the_last_step_the_app_gets_the_revision_and_what_was_tried_serves_until_all_have_it() -> None:
    passed = decide(facts(rollout("Paused", 3, 80), STEP_2), NOW)
    assert deployed(passed) == {"shop": ("shop:1", 4), "shop-canary": ("shop:2", 4)}, "recorded first"
    assert (phase(passed), passed.again_in_seconds) == ((3, "Promoting", 80), 0)
    assert [each.reason for each in passed.events] == ["CanaryPassed"]
    decision = decide(facts(said(passed), STEP_2), NOW)
    assert deployed(decision) == {"shop": ("shop:2", 4), "shop-canary": ("shop:2", 4)}
    assert deleted(decision) == []
    during = facts(rollout("Promoting", 3, 80), STEP_2, deployment=deployment("shop:2", 4, 3))
    assert deleted(decide(during, NOW)) == []
    done = decide(replace(during, deployment=deployment("shop:2", 4, 4)), NOW)
    assert deleted(done) == ["Deployment shop-canary"]
    assert said(done) == {}
    assert condition(done, "Ready")["status"] == "True"


def test_what_runs_changes_with_the_step_only_once_it_is_recorded() -> None:
    over = facts(rollout("Paused", 1, 20), tried())
    left = decide(over, later(30))
    assert (phase(left), deployed(left)["shop-canary"][1]) == ((2, "GettingReady", 20), 1)
    entered = decide(facts(said(left), tried()), later(30))
    assert (phase(entered), deployed(entered)["shop-canary"][1]) == ((2, "GettingReady", 20), 4)


def test_what_all_replicas_have_has_passed() -> None:
    """Also where a measurement has turned bad since."""
    found = facts(
        rollout("Paused", 3, 80), STEP_2, deployment=deployment("shop:2", 4, 2),
        spec=spec(analysis={"errorRatePercent": 1}), measured={"errorRate": (50.0, "")},
    )  # fmt: skip
    decision = decide(found, NOW)
    assert phase(decision) == (3, "Promoting", 80)
    assert deployed(decision)["shop"] == ("shop:2", 4)


@pytest.mark.parametrize(
    ("replicas", "weight", "routed", "count"),
    [
        (4, 20, False, 1), (10, 10, False, 1), (10, 30, False, 4), (4, 50, False, 4), (4, 80, False, 4), (1, 1, False, 1),
        (10, 10, True, 1), (10, 30, True, 3), (4, 80, True, 4), (3, 50, True, 2), (1, 99, True, 1),
    ],
)  # fmt: skip
def test_replicas_for_a_share(replicas: int, weight: int, routed: bool, count: int) -> None:
    found = facts(spec=spec(replicas=replicas, steps=[{"weight": weight}]), routed=routed)
    assert deployed(decide(found, NOW))["shop-canary"][1] == count


def test_a_share_that_the_replicas_cannot_give_is_told() -> None:
    found = facts(rollout("AwaitingApproval", 2, 50), tried(), spec=spec(replicas=1))
    assert said(decide(found, NOW))["message"] == (
        "step 2 of 3: 50 % of requests, waits for approval: longshore approve shop"
    )
    found = facts(rollout("Paused", 1, 20), tried(), spec=spec(replicas=1))
    assert said(decide(found, NOW))["message"] == (
        f"step 1 of 3: 50 % of requests by 1 of 2 replicas, for 20 % that were asked for, until {at(30)}"
    )


def restarted(count: int, state: Obj | None = None) -> Obj:
    labels = {"longshore.dev/canary": "shop", "longshore.dev/revision": NEW}
    last = {"terminated": {"exitCode": 3, "reason": "Error", "message": "no such table"}}
    return pod(state or {"waiting": {"reason": "CrashLoopBackOff"}}, last, restarts=count, labels=labels)


def failed_marks(decision: Decision) -> list[str]:
    return [
        step.body["metadata"]["annotations"]["longshore.dev/failed"]
        for step in decision.steps
        if isinstance(step, Apply) and "longshore.dev/failed" in step.body["metadata"].get("annotations", {})
    ]


def test_too_many_restarts_give_it_up_and_say_why() -> None:
    let_pass = facts(rollout("GettingReady"), tried(ready=0), pods=[restarted(2)])
    decision = decide(let_pass, NOW)
    assert phase(decision) == (1, "GettingReady", 0)
    assert condition(decision, "Ready")["reason"] == "CrashLooping"
    decision = decide(replace(let_pass, pods=[restarted(3)]), NOW)
    assert deployed(decision) == {"shop": ("shop:1", 4)}
    assert deleted(decision) == ["Deployment shop-canary"]
    assert phase(decision) == (1, "Aborted", 0)
    told = condition(decision, "Progressing")
    assert (told["status"], told["reason"]) == ("False", "RolledBack")
    assert told["message"].startswith(
        f"revision {NEW} failed: CrashLooping, at step 1 of 3 its containers restarted more often than analysis.maxRestarts"
        " lets pass, 2: the container ends with exit code 3, 3 restarts; its last words: no such table"
    )
    assert told["message"].endswith(f"; {OLD} is serving; change the spec to try again")
    assert "kubectl logs" not in told["message"], "the pod is gone"
    assert [each.reason for each in decision.events] == ["RolledBack"]
    assert len(failed_marks(decision)) == 1


MEASURED: list[tuple[Obj, dict[str, tuple[float | None, str]], str, str]] = [
    ({"errorRatePercent": 1}, {"errorRate": (0.5, "")}, "GettingReady", ""),
    ({"errorRatePercent": 1}, {"errorRate": (1.5, "")}, "Aborted", "1.5 % of its requests fail, more than"),
    ({"errorRatePercent": 1}, {"errorRate": (None, "no data")}, "Paused", "the error rate is not known: no data"),
    ({"errorRatePercent": 1}, {}, "Paused", "the error rate is not known: it was not measured yet"),
    ({"prometheus": {"query": "q", "max": 2}}, {"query": (3, "")}, "Aborted", "gives 3, above its max, 2"),
    ({"prometheus": {"query": "q", "min": 2}}, {"query": (1, "")}, "Aborted", "gives 1, below its min, 2"),
    ({"prometheus": {"query": "q", "min": 2}}, {"query": (2, "")}, "GettingReady", ""),
    ({"prometheus": {"query": "q", "min": 2}}, {"query": (None, "x")}, "Paused", "prometheus gives no number: x"),
]  # fmt: skip


@pytest.mark.parametrize(("analysis", "measured", "after", "words"), MEASURED)
def test_measurements_are_judged_and_missing_ones_never_pass(
    analysis: Obj, measured: dict[str, tuple[float | None, str]], after: str, words: str
) -> None:
    found = facts(rollout("Paused", 1, 20), tried(), spec=spec(analysis=analysis), measured=measured)
    decision = decide(found, later(31))
    assert said(decision)["phase"] == after
    assert words in said(decision)["message"]
    assert decision.again_in_seconds is None or decision.again_in_seconds <= 300


def test_who_approves_goes_on_without_a_measurement_but_not_against_one() -> None:
    approval = {"longshore.dev/approve": f"{NEW}/2/1"}
    analysed = spec(analysis={"errorRatePercent": 1})
    found = facts(rollout("Paused", 1, 20), tried(), approval, spec=analysed)
    assert phase(decide(found, NOW)) == (2, "GettingReady", 20)
    assert said(decide(replace(found, measured={"errorRate": (9.0, "")}), NOW))["phase"] == "Aborted"


def test_replicas_that_are_not_ready_in_time_give_it_up() -> None:
    found = facts(rollout("GettingReady"), tried(ready=0))
    assert phase(decide(found, later(299))) == (1, "GettingReady", 0)
    decision = decide(found, later(300))
    assert phase(decision) == (1, "Aborted", 0)
    assert (
        "DeadlineExceeded, at step 1 of 3 its replicas for the step were not ready within 300 s"
        in (condition(decision, "Ready")["message"])
    )


def test_somebody_gives_it_up_once_and_a_new_generation_is_tried_from_the_first_step() -> None:
    abort = {"longshore.dev/abort": f"{NEW}/2 too slow"}
    decision = decide(facts(rollout("AwaitingApproval", 2, 50), STEP_2, abort), NOW)
    assert phase(decision) == (2, "Aborted", 50)
    assert "Aborted, at step 2 of 3 somebody gave it up: too slow" in condition(decision, "Ready")["message"]
    marked = remembered("shop:2", 2, failed=failed_marks(decision)[0])
    known = [remembered("shop:1", 1), marked]
    again = decide(facts(said(decision), None, abort, revisions=known), NOW)
    assert said(again)["phase"] == "Aborted"
    assert deployed(again) == {"shop": ("shop:1", 4)}
    anew = decide(facts(said(decision), None, abort, revisions=known, generation=3), NOW)
    assert phase(anew) == (1, "GettingReady", 0)
    assert said(anew)["generation"] == 3


def test_without_auto_rollback_it_stays_where_it_is_and_says_so() -> None:
    found = facts(
        rollout("Paused", 1, 20), tried(), spec=spec(rollout={"autoRollback": False}), pods=[restarted(9)]
    )
    decision = decide(found, later(60))
    assert phase(decision) == (1, "Paused", 20)
    assert "autoRollback is off: longshore abort shop, or change the spec" in said(decision)["message"]


def test_a_new_spec_in_the_middle_supersedes() -> None:
    known = [remembered(f"shop:{number}", number) for number in (1, 2, 3)]
    found = facts(
        rollout("AwaitingApproval", 2, 50), STEP_2, spec=spec("shop:3"), generation=3, revisions=known
    )
    decision = decide(found, NOW)
    assert deployed(decision) == {"shop": ("shop:1", 4), "shop-canary": ("shop:3", 1)}
    assert (phase(decision), said(decision)["revision"]) == ((1, "GettingReady", 0), revision("shop:3"))
    half_promoted = replace(found, deployment=deployment("shop:2", 4, 2))
    decision = decide(half_promoted, NOW)
    assert deployed(decision) == {"shop": ("shop:1", 4)}, "the last good one first"


def test_back_to_what_serves_ends_it_at_once() -> None:
    decision = decide(facts(rollout("Paused", 1, 20), tried(), spec=spec("shop:1"), generation=3), NOW)
    assert deployed(decision) == {"shop": ("shop:1", 4)}
    assert deleted(decision) == ["Deployment shop-canary"]
    assert condition(decision, "Ready")["status"] == "True"


def test_a_first_revision_and_another_strategy_are_rolled_out_at_once() -> None:
    first = decide(app_facts(spec("shop:1")), NOW)
    assert deployed(first) == {"shop": ("shop:1", 4)}
    rolling = {"image": "shop:2", "scaling": {"minReplicas": 4}}
    changed = decide(facts(rollout("Paused", 1, 20), tried(), spec=rolling, generation=3), NOW)
    assert deployed(changed) == {"shop": ("shop:2", 4)}
    assert deleted(changed) == ["Deployment shop-canary"]


def test_suspended_there_are_no_replicas_and_the_step_is_kept() -> None:
    found = facts(rollout("AwaitingApproval", 2, 50), STEP_2, spec=spec(suspend=True))
    decision = decide(found, NOW)
    assert deployed(decision) == {"shop": ("shop:1", 0)}
    assert deleted(decision) == ["Deployment shop-canary"]
    assert phase(decision) == (2, "Suspended", 0)
    passed = facts(
        rollout("Promoting", 3, 80), STEP_2, spec=spec(suspend=True), deployment=deployment("shop:2", 4, 2)
    )
    decision = decide(passed, NOW)
    assert deployed(decision) == {"shop": ("shop:2", 0)}
    assert deleted(decision) == ["Deployment shop-canary"]
    assert phase(decision) == (3, "Promoting", 80)


def autoscalers(decision: Decision) -> dict[str, tuple[int, int]]:
    return {
        step.body["metadata"]["name"]: (step.body["spec"]["minReplicas"], step.body["spec"]["maxReplicas"])
        for step in decision.steps
        if isinstance(step, Apply) and step.body["kind"] == "HorizontalPodAutoscaler"
    }


def test_while_it_is_tried_the_autoscaler_takes_no_replica_away_and_the_share_follows_it() -> None:
    scaled = spec() | {"scaling": {"minReplicas": 2, "maxReplicas": 9}}
    found = facts(rollout("Paused", 1, 20), tried(), spec=scaled, deployment=deployment("shop:1", 8, 8))
    decision = decide(found, NOW)
    assert autoscalers(decision) == {"shop": (8, 9)}
    assert deployed(decision) == {"shop": ("shop:1", None), "shop-canary": ("shop:2", 2)}
    routed = decide(replace(found, routed=True), NOW)
    assert autoscalers(routed) == {"shop": (8, 9), "shop-canary": (2, 9)}
    assert deployed(routed)["shop-canary"] == ("shop:2", None)
    assert {step.body["metadata"]["name"] for step in routed.steps if isinstance(step, Apply) and step.body["kind"] == "Service"} == {
        "shop", "shop-stable", "shop-canary",
    }  # fmt: skip
    rest = facts(spec=scaled | {"image": "shop:1"}, deployment=deployment("shop:1", 8, 8))
    assert autoscalers(decide(rest, NOW)) == {"shop": (2, 9)}


def test_a_route_gives_a_share_only_where_replicas_are_ready() -> None:
    def shares(told: Obj | None, canary: Obj | None, **more: Any) -> tuple[tuple[str, int], ...]:
        found = facts(told, canary, **more)
        return backends(found, choose(found, None, NOW).canary)

    own = (("shop", 100),)
    assert shares(None, None) == own
    assert shares(rollout("GettingReady"), tried(ready=0)) == own
    assert shares(rollout("GettingReady"), tried(replicas=2, ready=1)) == (("shop-stable", 100),)
    assert shares(rollout("Paused", 1, 20), tried()) == (("shop-stable", 80), ("shop-canary", 20))
    assert shares(rollout("GettingReady", 2, 20), tried(replicas=4, ready=1)) == (
        ("shop-stable", 80),
        ("shop-canary", 20),
    )
    assert shares(rollout("Paused", 1, 20), tried(ready=0)) == own
    given_up = shares(rollout("Aborted", 1, 20), tried(), spec=spec("shop:1"))
    assert given_up == (("shop-stable", 100),), "as long as its replicas are there"
    assert shares(rollout("Paused", 1, 20), tried(), spec={"image": "shop:2"}) == own, "another strategy"


def test_what_is_asked_names_the_pods_that_are_tried() -> None:
    found = facts(
        spec=spec(analysis={"errorRatePercent": 1, "prometheus": {"query": "p{r='${revision}'}", "max": 1}}),
        pods=[restarted(0), pod(labels={"longshore.dev/canary": "shop", "longshore.dev/revision": OLD})],
    )
    found.pods[0]["metadata"]["name"] = "shop-canary-a"
    assert questions(found, NEW, 'errors{namespace="${namespace}",pod=~"${pods}"}') == {
        "errorRate": 'errors{namespace="prod",pod=~"shop-canary-a"}',
        "query": f"p{{r='{NEW}'}}",
    }


@pytest.mark.parametrize(
    ("status", "body", "value", "words"),
    [
        (200, '{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"2.5"]}]}}', 2.5, ""),
        (200, '{"status":"success","data":{"resultType":"scalar","result":[1,"7"]}}', 7.0, ""),
        (200, '{"status":"success","data":{"resultType":"vector","result":[]}}', None, "no data"),
        (200, '{"status":"success","data":{"resultType":"vector","result":[{},{}]}}', None, "gives 2 series"),
        (200, '{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"NaN"]}]}}', None, "NaN"),
        (200, '{"status":"success","data":{"resultType":"string","result":[1,"seven"]}}', None, "no result"),
        (400, '{"status":"error","error":"parse error"}', None, "refuses the query: parse error"),
        (502, "<html>", None, "answered 502 with what is no result"),
        (200, "[1]", None, "no result"),
    ],
)  # fmt: skip
def test_an_answer_of_prometheus_is_a_number_or_a_sentence(
    status: int, body: str, value: float | None, words: str
) -> None:
    found, problem = number_in(status, body.encode())
    assert found == value
    assert words in problem
    assert (found is None) == bool(problem)


class World(RuleBasedStateMachine):
    """A cluster that carries decisions out, now and then only in part; whoever crashes decides anew from it.

    What must never be: a step that is left out, come to again, or left before its time or its approval.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds, self.generation, self.image = 0.0, 1, "shop:1"
        self.annotations: Obj = {}
        self.status: Obj = {"revision": {"lastGood": OLD}}
        self.images = {"shop": "shop:1"}
        self.replicas = {"shop": 4}
        self.ready = {"shop": 4}
        self.failed: dict[str, str] = {}
        self.numbers = {"shop:1": 1}
        self.gone: list[tuple[str, int, str]] = []
        """What was come to of the try that is under way: revision, step, phase."""
        self.since: dict[tuple[str, int], float] = {}

    def facts(self) -> Facts:
        made = {
            name: deployment(image, self.replicas[name], self.ready[name])
            for name, image in self.images.items()
        }
        if "shop-canary" in made:
            made["shop-canary"]["metadata"] |= {"name": "shop-canary", "uid": "d2"}
        for each in made.values():
            for count in ("updatedReplicas", "replicas"):
                each["status"][count] = each["spec"]["replicas"]
        known = [
            remembered(image, number, self.failed.get(image, "")) for image, number in self.numbers.items()
        ]
        found = app_facts(
            spec(self.image), self.generation, self.status, deployment=made["shop"],
            canary=made.get("shop-canary"), revisions=known,
        )  # fmt: skip
        found.app["metadata"]["annotations"] = self.annotations
        return found

    def carry_out(self, decision: Decision, most: int | None) -> None:
        for step in decision.steps[:most]:
            if isinstance(step, Delete) and step.ref.kind == "Deployment":
                del self.images[step.ref.name]
            if not isinstance(step, Apply):
                continue
            body, name = step.body, step.body["metadata"]["name"]
            if body["kind"] == "ControllerRevision":
                image = body["data"]["spec"]["image"]
                self.numbers[image] = body["revision"]
                self.failed.pop(image, None)
                if mark := body["metadata"].get("annotations", {}).get("longshore.dev/failed"):
                    self.failed[image] = mark
            if body["kind"] == "Deployment":
                image, count = (
                    body["spec"]["template"]["spec"]["containers"][0]["image"],
                    body["spec"]["replicas"],
                )
                if name == "shop-canary" and self.images.get(name) == image:
                    assert count >= self.replicas[name], "a step is come to again"
                if self.images.get(name) != image:
                    self.ready[name] = 0
                self.images[name], self.replicas[name] = image, count
                self.ready[name] = min(self.ready[name], count)

    @initialize()
    def a_new_revision(self) -> None:
        self.image, self.generation = "shop:2", 2

    @rule(image=some.sampled_from(["shop:1", "shop:2", "shop:3"]), rarely=some.integers(0, 4))
    def another_spec(self, image: str, rarely: int) -> None:
        if image != self.image and rarely == 0:
            self.image, self.generation = image, self.generation + 1

    @rule(seconds=some.sampled_from([1.0, 10.0, 30.0, 100.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.seconds += seconds

    @rule()
    def pods_get_ready(self) -> None:
        self.ready = {name: self.replicas[name] for name in self.images}

    @rule(step=some.sampled_from([1, 2, 3]))
    def somebody_approves(self, step: int) -> None:
        if told := State.load(self.status.get("rollout")):
            self.annotations["longshore.dev/approve"] = token(told, step)

    @rule(rarely=some.integers(0, 9))
    def somebody_aborts(self, rarely: int) -> None:
        if rarely == 0 and (told := State.load(self.status.get("rollout"))):
            self.annotations["longshore.dev/abort"] = f"{told.revision}/{told.generation}"

    @rule(after=some.integers(0, 8))
    def the_operator_crashes(self, after: int) -> None:
        self.carry_out(decide(self.facts(), later(self.seconds)), after)

    @rule(seconds=some.sampled_from([1.0, 10.0, 30.0]))
    def all_goes_well(self, seconds: float) -> None:
        self.pods_get_ready()
        self.seconds += seconds
        self.the_operator_decides()

    @rule()
    def the_operator_decides(self) -> None:
        for _ in range(4):
            self.carry_out(decide(self.facts(), later(self.seconds)), None)
        decision = decide(self.facts(), later(self.seconds))
        assert decision.status is not None
        self.judge(State.load(decision.status.get("rollout")))
        self.status = decision.status

    def judge(self, now: State | None) -> None:
        before = State.load(self.status.get("rollout"))
        if now is None or now.phase == "Aborted":
            return
        assert now.revision == revision(self.image), "another than the wanted one is tried"
        same = before is not None and before.phase != "Aborted" and (
            (before.revision, before.generation) == (now.revision, now.generation)
        )  # fmt: skip
        if not same or before is None:
            assert (now.step, now.since) == (1, later(self.seconds)), f"a try begins at {now}"
            return
        assert before.step <= now.step <= before.step + 1, f"{before} is followed by {now}"
        if now.step > before.step or (now.phase == "Promoting" != before.phase):
            assert before.phase in ("Paused", "AwaitingApproval"), f"{before} is left for {now}"
            approved = self.annotations.get("longshore.dev/approve") == token(before, before.step)
            pause = STEPS[before.step - 1].get("pauseSeconds")
            over = pause is not None and later(self.seconds) >= before.since + timedelta(seconds=pause)
            assert approved or over, f"{before} is left for {now} before its time"
        if now.phase == "Promoting" != before.phase:
            assert before.step == len(STEPS)

    @invariant()
    def the_last_good_revision_serves_until_all_steps_are_passed(self) -> None:
        """Whatever crashes: the app's Deployment holds a revision that was good, or one whose steps all passed."""
        told = State.load(self.status.get("rollout"))
        good = self.status["revision"].get("lastGood")
        held = revision(self.images["shop"])
        if held != good and told is not None and told.revision == held:
            assert told.step == len(STEPS)
        assert self.replicas["shop"] == 4


World.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
test_no_step_is_lost_repeated_or_left_early = World.TestCase


def test_a_route_divides_requests_by_weight_and_goes_back_to_the_apps_own_service() -> None:
    exposed = spec(expose={"hosts": ["shop.example.com"]})

    def divided(told: Obj | None, canary: Obj | None) -> dict[str, int]:
        decision = decide(facts(told, canary, spec=exposed, routed=True, surroundings=with_gateways()), NOW)
        (route,) = [
            each.body
            for each in decision.steps
            if isinstance(each, Apply) and each.body["kind"] == "HTTPRoute"
        ]
        return {each["name"]: each["weight"] for each in route["spec"]["rules"][0]["backendRefs"]}

    assert divided(rollout("Paused", 1, 20), tried()) == {"shop-stable": 80, "shop-canary": 20}
    assert divided(rollout("GettingReady", 1), tried(ready=0)) == {"shop": 100}
