"""What is read out of pods: one row for each way not to work."""

from __future__ import annotations

from typing import Any

import pytest
from longshore.workload.diagnosis import Evidence, diagnose, pods_to_ask_about, refused_pods

from tests.unit.facts import NOW, at, pod

Obj = dict[str, Any]
OOM = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": at(0)}}
CRASH = {"terminated": {"exitCode": 3, "reason": "Error", "message": "no database", "finishedAt": at(0)}}
KILLED = {"terminated": {"exitCode": 137, "reason": "Error", "finishedAt": at(0)}}
UNSCHEDULABLE = {
    "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found.",
}  # fmt: skip


def waiting(reason: str, message: str = "") -> dict[str, dict[str, str]]:
    return {"waiting": {"reason": reason, "message": message}}


CASES = [
    (
        pod(
            waiting(
                "ImagePullBackOff",
                'Back-off pulling image "shop:1": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/shop:1": not found',
            )
        ),
        "ImagePullFailed",
        "image shop:1 cannot be pulled: not found. Check the name and tag, and imagePullSecrets for a private registry",
    ),
    (
        pod(waiting("InvalidImageName")),
        "ImagePullFailed",
        "shop:1 is no valid image reference. Correct image",
    ),
    (
        pod(
            waiting(
                "CreateContainerConfigError", "container has runAsNonRoot and image will run as root (pod: x)"
            )
        ),
        "RunsAsRoot",
        "image shop:1 runs as root, which security.profile Restricted forbids: container has runAsNonRoot and image will run as root. Add USER with a numeric id to the image, or set security.runAsUser",
    ),
    (
        pod(waiting("CreateContainerConfigError", "couldn't find key password in Secret prod/db")),
        "ConfigMissing",
        "key password is missing in Secret db. Add the key, or correct the reference",
    ),
    (
        pod(waiting("CreateContainerConfigError", 'secret "db" not found')),
        "ConfigMissing",
        "Secret db does not exist. Create it in this namespace, or correct the reference",
    ),
    (
        pod(waiting("CrashLoopBackOff"), OOM, restarts=2),
        "OOMKilled",
        "the container used more memory than its limit of 64Mi and was killed (exit code 137). Raise size or resources.limits.memory, or use less",
    ),
    (
        pod(waiting("CrashLoopBackOff"), CRASH, restarts=2),
        "CrashLooping",
        "the container ends with exit code 3, 2 restarts. Read its log: kubectl logs shop-x --previous",
    ),
    (
        pod(conditions=[UNSCHEDULABLE]),
        "Unschedulable",
        "no node fits the pod: 0/3 nodes are available: 3 Insufficient cpu. Ask for less (size, resources), relax placement, or add nodes",
    ),
]


@pytest.mark.parametrize(
    ("broken", "reason", "message"), CASES, ids=[f"{number}-{case[1]}" for number, case in enumerate(CASES)]
)
def test_a_broken_pod_is_told_with_reason_and_remedy(
    broken: dict[str, object], reason: str, message: str
) -> None:
    failure = diagnose([broken], {}, NOW)
    assert failure is not None
    assert (failure.reason, failure.message) == (reason, message)


def test_the_kubelets_words_tell_a_failing_probe_from_a_crash() -> None:
    broken = pod(waiting("CrashLoopBackOff"), KILLED, restarts=1)
    unhealthy = {
        "pod-1": Evidence([("Unhealthy", "Startup probe failed: HTTP probe failed with statuscode: 404")])
    }
    assert diagnose([broken], unhealthy, NOW).reason == "ProbeFailing"  # type: ignore[union-attr]
    assert diagnose([broken], {}, NOW).reason == "CrashLooping"  # type: ignore[union-attr]


def test_the_most_telling_of_several_failures_wins() -> None:
    pods = [
        pod(waiting("CrashLoopBackOff"), CRASH),
        pod(waiting("CreateContainerConfigError", 'secret "a" not found')),
    ]
    assert diagnose(pods, {}, NOW).reason == "ConfigMissing"  # type: ignore[union-attr]


def test_a_ready_pod_and_one_that_leaves_are_no_failure() -> None:
    leaving = pod(waiting("CrashLoopBackOff"), CRASH)
    leaving["metadata"]["deletionTimestamp"] = at(0)
    assert diagnose([pod(ready=True, last=OOM, restarts=1), leaving], {}, NOW) is None


def test_events_are_asked_for_only_where_the_status_says_too_little() -> None:
    unready, ready = pod(), pod(ready=True)
    assert pods_to_ask_about([ready, unready], NOW) == [unready]
    assert pods_to_ask_about([pod(conditions=[UNSCHEDULABLE], phase="Pending")], NOW) == []


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ('pods "a-b" is forbidden: exceeded quota: few, requested: pods=1', "QuotaExceeded"),
        ('pods "a-b" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot', "PodRefused"),
        ('pods "a-b" is forbidden: error looking up service account', "PodRefused"),
    ],
)
def test_why_no_pod_may_be_made(words: str, reason: str) -> None:
    failure = refused_pods(words)
    assert failure.reason == reason
    assert "a-b" not in failure.message


def beside(kind: str, state: Obj, last: Obj | None = None, **more: Any) -> Obj:
    """A pod whose second container isn't well: a sidecar or an init container."""
    found = pod({"waiting": {"reason": "PodInitializing"}})
    helper = {"name": "proxy", "resources": {"limits": {"memory": "32Mi"}}}
    found["spec"]["initContainers"] = [helper | ({"restartPolicy": "Always"} if kind == "sidecar" else {})]
    found["status"]["initContainerStatuses"] = [
        {"name": "proxy", "image": "proxy:1", "ready": False, "state": state, "lastState": last or {}} | more
    ]
    return found


@pytest.mark.parametrize("kind", ["sidecar", "init container"])
def test_a_container_beside_the_apps_is_named(kind: str) -> None:
    back_off = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    last = {"terminated": {"exitCode": 2, "reason": "Error", "message": "no route"}}
    failure = diagnose([beside(kind, back_off, last, restartCount=3)], {}, NOW)
    assert failure is not None
    assert (failure.reason, failure.container, failure.last_words) == ("CrashLooping", "proxy", "no route")
    assert failure.message == (
        f"{kind} proxy: the container ends with exit code 2, 3 restarts."
        " Read its log: kubectl logs shop-x -c proxy --previous"
    )


def test_the_memory_limit_told_is_that_of_the_container_that_was_killed() -> None:
    killed = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    failure = diagnose([beside("sidecar", killed)], {}, NOW)
    assert failure is not None
    assert failure.message.startswith("sidecar proxy: the container used more memory than its limit of 32Mi")


def test_an_image_that_cannot_be_pulled_names_its_container() -> None:
    failure = diagnose([beside("sidecar", {"waiting": {"reason": "ErrImagePull", "message": "x"}})], {}, NOW)
    assert failure is not None
    assert failure.message.startswith("sidecar proxy: image proxy:1 cannot be pulled")


def test_an_init_container_that_has_ended_well_is_no_failure() -> None:
    done = {"terminated": {"exitCode": 0, "reason": "Completed"}}
    assert diagnose([beside("init container", done, ready=True)], {}, NOW) is None
