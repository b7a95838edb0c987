"""Given facts about the release of a revision, this decision: it runs once, holds the rollout, and is remembered."""

from __future__ import annotations

import json
from typing import Any

from longshore.api.webapp import WebAppSpec
from longshore.webapp.app import revision_inputs
from longshore.webapp.decide import decide
from longshore.webapp.facts import Facts
from longshore.workload.decision import Apply, Create, Decision, Patch
from longshore.workload.names import content_hash

from tests.unit.facts import NOW, app_facts, at
from tests.unit.test_webapp_decide import applied, condition, deployment

Obj = dict[str, Any]
RELEASE = {"command": ["migrate"], "attempts": 2, "timeoutSeconds": 60}


def spec(image: str, **more: Any) -> Obj:
    return {"image": image, "release": RELEASE} | more


def revision(image: str) -> str:
    return content_hash(revision_inputs(WebAppSpec.model_validate(spec(image))))


def remembered(image: str, version: int, **record: Any) -> Obj:
    annotations = {"longshore.dev/release": json.dumps(record)} if record else {}
    name = revision(image)
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"shop-{name}",
            "uid": f"r{version}",
            "resourceVersion": str(version),
            "labels": {"longshore.dev/revision": name},
            "annotations": annotations,
        },
        "revision": version,
        "data": {"spec": revision_inputs(WebAppSpec.model_validate(spec(image)))},
    }


def deployed(image: str, **more: Any) -> Obj:
    live = deployment(image, **more)
    live["spec"]["template"]["metadata"]["labels"]["longshore.dev/revision"] = revision(image)
    return live


def job(image: str, number: int = 1, ended: str = "", reason: str = "", **more: Any) -> Obj:
    conditions = [{"type": ended, "status": "True", "reason": reason}] if ended else []
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"shop-release-{revision(image)}-{number}",
            "namespace": "prod",
            "uid": f"job-{image}-{number}",
            "labels": {"longshore.dev/revision": revision(image), "longshore.dev/attempt": str(number)},
            "ownerReferences": [{"kind": "WebApp", "uid": "uid-1"}],
        },
        "spec": {"activeDeadlineSeconds": 60, **more},
        "status": {"conditions": conditions},
    }


def pod_of(owner: Obj, code: int, words: str = "", **ended: Any) -> Obj:
    state = {"terminated": {"exitCode": code, "reason": "Error", "message": words} | ended}
    return {
        "metadata": {
            "name": f"pod-{code}",
            "namespace": "prod",
            "uid": "p",
            "creationTimestamp": at(-60),
            "ownerReferences": [{"uid": owner["metadata"]["uid"]}],
        },
        "spec": {"containers": [{"name": "release", "resources": {"limits": {"memory": "64Mi"}}}]},
        "status": {"phase": "Failed", "containerStatuses": [{"name": "release", "state": state}]},
    }


def serving(image: str, wanted: str, generation: int = 2, **more: Any) -> Facts:
    """`image` serves, and the spec asks for `wanted`."""
    known = [
        remembered(image, 1, number=1, state="Succeeded", generation=1),
        *more.pop("revisions", [remembered(wanted, 2)]),
    ]
    status = {"revision": {"lastGood": revision(image)}}
    return app_facts(
        spec(wanted, **more.pop("spec", {})), generation, status,
        deployment=deployed(image), revisions=known, **more,
    )  # fmt: skip


def created(decision: Decision) -> list[str]:
    return [step.body["metadata"]["name"] for step in decision.steps if isinstance(step, Create)]


def recorded(decision: Decision) -> list[tuple[str, str, int]]:
    """Which ControllerRevision, in which version of it, got which state of its release."""
    found = []
    for step in decision.steps:
        if isinstance(step, Patch) and step.ref.kind == "ControllerRevision":
            record = json.loads(step.body["metadata"]["annotations"]["longshore.dev/release"])
            found.append((step.ref.name, record["state"], int(step.body["metadata"]["resourceVersion"])))
    return found


def running_image(decision: Decision) -> str | None:
    bodies = applied(decision, "Deployment")
    return bodies[0]["spec"]["template"]["spec"]["containers"][0]["image"] if bodies else None


def test_a_first_revision_is_released_before_there_is_a_deployment() -> None:
    decision = decide(app_facts(spec("shop:1")), NOW)
    assert created(decision) == [f"shop-release-{revision('shop:1')}-1"]
    kinds = [step.body["kind"] for step in decision.steps if isinstance(step, Apply | Create)]
    assert kinds == ["ServiceAccount", "ControllerRevision", "Service", "Job"]
    assert condition(decision, "Ready")["reason"] == "WaitingForRelease"
    assert decision.status is not None
    assert decision.status["revision"] == {"candidate": revision("shop:1")}


def test_the_job_is_the_apps_pod_with_another_command_and_out_of_reach_of_its_service() -> None:
    wanted = spec("shop:1", command=["serve"], env=[{"name": "A", "value": "1"}], labels={"team": "x"})
    (body,) = [step.body for step in decide(app_facts(wanted), NOW).steps if isinstance(step, Create)]
    template = body["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert (container["command"], container["env"]) == (["migrate"], [{"name": "A", "value": "1"}])
    assert "readinessProbe" not in container
    assert container["resources"]["limits"]["memory"] == "1Gi"
    assert "longshore.dev/webapp" not in template["metadata"]["labels"]
    assert template["metadata"]["labels"]["team"] == "x"
    assert (body["spec"]["backoffLimit"], body["spec"]["activeDeadlineSeconds"]) == (1, 60)
    assert "ttlSecondsAfterFinished" not in body["spec"]


def test_while_it_runs_the_old_revision_serves_on() -> None:
    decision = decide(serving("shop:1", "shop:2", release_jobs=[job("shop:2")]), NOW)
    assert running_image(decision) == "shop:1"
    assert recorded(decision) == [(f"shop-{revision('shop:2')}", "Running", 2)]
    told = condition(decision, "Progressing")
    assert (told["status"], told["reason"]) == ("True", "WaitingForRelease")
    log = f"kubectl logs -n prod job/shop-release-{revision('shop:2')}-1"
    assert told["message"].startswith(f"revision {revision('shop:2')} waits for its release to end: {log}")
    assert condition(decision, "Available")["status"] == "True"
    assert created(decision) == []


def test_a_release_that_succeeded_is_recorded_before_the_rollout() -> None:
    decision = decide(serving("shop:1", "shop:2", release_jobs=[job("shop:2", ended="Complete")]), NOW)
    assert running_image(decision) == "shop:2"
    kinds = [
        step.ref.kind if isinstance(step, Patch) else step.body["kind"]
        for step in decision.steps
        if isinstance(step, Patch) or (isinstance(step, Apply) and step.body["kind"] == "Deployment")
    ]
    assert kinds == ["ControllerRevision", "Deployment"]


def test_a_job_is_given_a_time_to_live_only_when_its_end_is_recorded() -> None:
    ended = job("shop:2", ended="Complete")
    known = [remembered("shop:2", 2, number=1, state="Succeeded", generation=2)]
    before = decide(serving("shop:1", "shop:2", release_jobs=[ended]), NOW)
    after = decide(serving("shop:1", "shop:2", revisions=known, release_jobs=[ended]), NOW)
    lets_go = [
        [step.body for step in each.steps if isinstance(step, Patch) and step.ref.kind == "Job"]
        for each in (before, after)
    ]
    assert lets_go == [[], [{"spec": {"ttlSecondsAfterFinished": 259200}}]]


def test_it_is_not_run_again_for_a_revision_that_it_succeeded_for_though_its_job_is_gone() -> None:
    known = [remembered("shop:2", 2, number=1, state="Succeeded", generation=2)]
    decision = decide(serving("shop:1", "shop:2", generation=7, revisions=known), NOW)
    assert created(decision) == []
    assert running_image(decision) == "shop:2"


FAILED_JOB = job("shop:2", ended="Failed", reason="BackoffLimitExceeded")


def test_one_that_failed_rolls_nothing_out_and_says_why_in_its_own_words() -> None:
    pods = [pod_of(FAILED_JOB, 3, "no such column"), pod_of(FAILED_JOB, 3, "no such column")]
    decision = decide(serving("shop:1", "shop:2", release_jobs=[FAILED_JOB], release_pods=pods), NOW)
    assert running_image(decision) == "shop:1"
    told = condition(decision, "Ready")
    assert (told["status"], told["reason"]) == ("False", "ReleaseFailed")
    assert told["message"] == (
        f"revision {revision('shop:2')} is not rolled out, its release failed: the command ended with exit code 3, 2 times."
        f" Read its log: kubectl logs -n prod job/{FAILED_JOB['metadata']['name']}; {revision('shop:1')} is serving;"
        " change the spec to try again"
    )
    assert condition(decision, "Progressing")["status"] == "False"
    assert [event.reason for event in decision.events] == ["ReleaseFailed"]
    assert decision.status is not None
    assert decision.status["failure"]["lastWords"] == "no such column"
    assert decision.status["failure"]["exitCode"] == 3
    states = {each["image"]: (each["state"], each.get("reason")) for each in decision.status["revisions"]}
    assert states == {"shop:1": ("Good", None), "shop:2": ("Failed", "ReleaseFailed")}


def test_last_words_are_not_kept_where_the_setting_turns_them_off() -> None:
    pods = [pod_of(FAILED_JOB, 3, "hush")]
    facts = serving("shop:1", "shop:2", release_jobs=[FAILED_JOB], release_pods=pods, last_words=False)
    assert "hush" not in str(decide(facts, NOW))


def test_one_that_took_too_long_says_so() -> None:
    late = job("shop:2", ended="Failed", reason="DeadlineExceeded")
    message = condition(decide(serving("shop:1", "shop:2", release_jobs=[late]), NOW), "Ready")["message"]
    assert "it took longer than release.timeoutSeconds, 60 s, and was stopped" in message


FAILED = {"number": 1, "state": "Failed", "generation": 2, "message": "exit code 3"}


def test_the_same_generation_is_not_tried_again_though_the_job_is_gone_and_a_new_one_is() -> None:
    known = [remembered("shop:2", 2, **FAILED)]
    same = decide(serving("shop:1", "shop:2", generation=2, revisions=known), NOW)
    new = decide(serving("shop:1", "shop:2", generation=3, revisions=known), NOW)
    assert (created(same), condition(same, "Ready")["reason"]) == ([], "ReleaseFailed")
    assert created(new) == [f"shop-release-{revision('shop:2')}-2"]
    assert running_image(new) == "shop:1"


def test_a_first_release_that_failed_leaves_no_deployment() -> None:
    known = [remembered("shop:2", 1, **FAILED)]
    decision = decide(app_facts(spec("shop:2"), 2, revisions=known), NOW)
    assert (running_image(decision), created(decision)) == (None, [])
    assert condition(decision, "Ready")["reason"] == "ReleaseFailed"
    assert condition(decision, "Available")["reason"] == "NoReplicas"
    assert decision.status is not None
    assert "revision" not in decision.status


def test_a_job_that_was_deleted_while_it_ran_counts_as_failed() -> None:
    known = [remembered("shop:2", 2, number=1, state="Running", generation=2)]
    decision = decide(serving("shop:1", "shop:2", revisions=known), NOW)
    assert created(decision) == []
    assert recorded(decision) == [(f"shop-{revision('shop:2')}", "Failed", 2)]
    assert "was deleted by somebody else" in condition(decision, "Ready")["message"]


def superseded(*jobs: Obj) -> Facts:
    """While the release of shop:2 ran, the spec went on to shop:3."""
    known = [
        remembered("shop:2", 2, number=1, state="Running", generation=2),
        remembered("shop:3", 3),
    ]
    return serving("shop:1", "shop:3", 3, revisions=known, release_jobs=list(jobs))


def test_one_that_was_superseded_is_let_finish_before_the_next_begins() -> None:
    waiting = decide(superseded(job("shop:2")), NOW)
    assert created(waiting) == []
    assert running_image(waiting) == "shop:1"
    message = condition(waiting, "Ready")["message"]
    assert f"waits for the release of revision {revision('shop:2')}, which is let finish" in message
    assert f"kubectl delete -n prod job/shop-release-{revision('shop:2')}-1" in message

    ended = decide(superseded(job("shop:2", ended="Complete")), NOW)
    assert recorded(ended) == [(f"shop-{revision('shop:2')}", "Succeeded", 2)]
    assert created(ended) == [f"shop-release-{revision('shop:3')}-1"]
    assert running_image(ended) == "shop:1"


def test_going_back_to_what_serves_waits_for_nothing() -> None:
    known = [remembered("shop:2", 2, number=1, state="Running", generation=2)]
    facts = serving("shop:1", "shop:1", 3, revisions=known, release_jobs=[job("shop:2")])
    decision = decide(facts, NOW)
    assert condition(decision, "Ready")["status"] == "True"
    assert created(decision) == []


def test_none_is_started_while_the_app_is_suspended() -> None:
    decision = decide(serving("shop:1", "shop:2", spec={"suspend": True}), NOW)
    assert created(decision) == []
    assert condition(decision, "Ready")["reason"] == "Suspended"


def test_what_keeps_its_pod_from_running_is_told() -> None:
    waiting = pod_of(job("shop:2"), 0)
    state = {"waiting": {"reason": "ErrImagePull", "message": "no such host"}}
    container = {"name": "release", "image": "shop:2", "ready": False, "state": state}
    waiting["status"] = {"phase": "Pending", "containerStatuses": [container]}
    facts = serving("shop:1", "shop:2", release_jobs=[job("shop:2")], release_pods=[waiting])
    told = condition(decide(facts, NOW), "Ready")
    assert told["reason"] == "ImagePullFailed"
    assert told["message"].startswith(
        f"the release of revision {revision('shop:2')} does not run: image shop:2"
    )
