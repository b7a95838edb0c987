"""What is read out of pods: one row for each way not to work."""

from __future__ import annotations

from typing import Any

import pytest
from longshore.workload.diagnosis import Evidence, diagnose, last_words, pods_to_ask_about, refused_pods

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
        "no node fits the pod: 0/3 nodes are available: 3 Insufficient cpu. Ask for less (size, resources), or add nodes with more cpu",
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


REFUSED = (
    'Startup probe failed: Get "http://10.0.0.9:8080/": dial tcp 10.0.0.9:8080: connect: connection refused'
)
STOPPED = {"terminated": {"exitCode": 2, "reason": "Error", "startedAt": at(-40), "finishedAt": at(0)}}
"""Of a program that ends with a code of its own when it is told to."""


def of(broken: Obj, *warnings: tuple[str, str]) -> tuple[str, str]:
    failure = diagnose([broken], {"pod-1": Evidence(warnings)}, NOW)
    assert failure is not None
    return failure.reason, failure.message


def test_a_container_that_was_killed_for_its_startup_probe_is_told_of_startup_seconds() -> None:
    broken = pod(waiting("CrashLoopBackOff"), STOPPED, restarts=1)
    assert pods_to_ask_about([broken], NOW) == [broken]
    killing = ("Killing", "Container app failed startup probe, will be restarted")
    reason, message = of(broken, ("Unhealthy", REFUSED), killing)
    assert reason == "ProbeFailing"
    assert message.endswith(
        "connection refused, until health.startupSeconds were over and the container was killed. Raise it for an app that"
        " starts slowly; else check port and health, and that the app listens on all addresses"
    )
    liveness = ("Killing", "Container app failed liveness probe, will be restarted")
    assert "so that the container was killed. Check port" in of(broken, ("Unhealthy", REFUSED), liveness)[1]


def test_a_crash_is_a_crash_also_where_a_probe_failed_before_it() -> None:
    broken = pod(waiting("CrashLoopBackOff"), STOPPED, restarts=1)
    other = ("Killing", "Container proxy failed startup probe, will be restarted")
    assert of(broken, ("Unhealthy", REFUSED), other)[0] == "CrashLooping"


def test_a_crash_at_once_costs_no_request_for_events() -> None:
    assert pods_to_ask_about([pod(waiting("CrashLoopBackOff"), CRASH)], NOW) == []


@pytest.mark.parametrize(
    ("broken", "reason", "says"),
    [
        (
            pod(
                waiting("CrashLoopBackOff"),
                {"terminated": {"exitCode": 0, "reason": "Completed"}},
                restarts=1,
            ),
            "CrashLooping",
            "ends with exit code 0, 1 restarts, as if its work were done, but an app goes on until it is stopped.",
        ),
        (
            pod(
                {
                    "terminated": {
                        "exitCode": 255,
                        "reason": "StartError",
                        "message": "exec /app: exec format error",
                    }
                }
            ),
            "CannotStart",
            "The program is built for another processor, or is none: check the image, command and placement.architecture",
        ),
        (
            pod(
                waiting(
                    "CreateContainerConfigError",
                    "container has runAsNonRoot and image has non-numeric user (web), cannot verify user is non-root (pod: x)",
                )
            ),
            "RunsAsRoot",
            "image shop:1 names its user, web, so that nobody can tell whether it is root",
        ),
        (
            pod(
                waiting(
                    "ErrImagePull", 'Head "https://r.example/v2/": dial tcp: lookup r.example: no such host'
                )
            ),
            "ImagePullFailed",
            "Check the registry's host in the image's name, and that nodes reach it",
        ),
        (
            pod(waiting("ErrImagePull", "failed to authorize: 401 Unauthorized")),
            "ImagePullFailed",
            "imagePullSecrets name a Secret with the registry's user and password",
        ),
        (
            pod(
                phase="Failed",
                reason="Evicted",
                message='Usage of EmptyDir volume "x" exceeds the limit "1Mi". ',
            ),
            "Evicted",
            'exceeds the limit "1Mi". Raise sizeLimit of the emptyDir, or write less',
        ),
    ],
    ids=["exits 0", "other processor", "user by name", "no such host", "wrong password", "volume full"],
)
def test_the_remedy_fits_the_cause(broken: Obj, reason: str, says: str) -> None:
    told, message = of(broken)
    assert told == reason
    assert says in message


@pytest.mark.parametrize(
    ("words", "reason", "remedy"),
    [
        (
            "2 node(s) didn't match Pod's node affinity/selector.",
            "Unschedulable",
            "Correct placement (nodeLabels",
        ),
        ("2 node(s) had untolerated taint(s).", "Unschedulable", "Add the taint to placement.tolerations"),
        (
            "1 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint(s).",
            "Unschedulable",
            "Ask for less (resources.gpu), or add nodes with more nvidia.com/gpu; add the taint",
        ),
        ("2 node(s) had volume node affinity conflict.", "Unschedulable", "relax placement"),
        ("pod has unbound immediate PersistentVolumeClaims.", "VolumeNotReady", "kubectl get pvc"),
        ("2 node(s) didn't find available persistent volumes to bind.", "VolumeNotReady", "kubectl get pvc"),
    ],
)
def test_each_constraint_of_the_scheduler_has_its_remedy(words: str, reason: str, remedy: str) -> None:
    broken = pod(conditions=[UNSCHEDULABLE | {"message": f"0/2 nodes are available: {words}"}])
    told, message = of(broken)
    assert told == reason
    assert remedy in message


def test_a_node_that_does_not_answer_is_told() -> None:
    unready = [{"type": "Ready", "status": "False"}]
    lost = pod(ready=True, conditions=unready)
    assert pods_to_ask_about([lost], NOW) == [lost]
    reason, message = of(lost, ("NodeNotReady", "Node is not ready"))
    assert reason == "NodeLost"
    assert message.startswith("node node-1 does not answer any more")
    back = pod(ready=True, conditions=[{"type": "Ready", "status": "True"}])
    assert diagnose([back], {"pod-1": Evidence([("NodeNotReady", "Node is not ready")])}, NOW) is None


def test_a_limit_range_is_named() -> None:
    words = 'pods "shop-1" is forbidden: maximum memory usage per Container is 64Mi, but limit is 96Mi'
    assert "the namespace's LimitRange refuses the pod: maximum memory" in refused_pods(words).message


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (
            "Readiness probe failed: HTTP probe failed with statuscode: 404",
            "Correct health.path: the app answers",
        ),
        ("Readiness probe failed: HTTP probe failed with statuscode: 401", "answered without a login"),
        (
            "Readiness probe failed: HTTP probe failed with statuscode: 503",
            "that it is not well: read its log",
        ),
        (
            "Liveness probe failed: context deadline exceeded (Client.Timeout exceeded)",
            "health.timeoutSeconds",
        ),
        (
            "Readiness probe failed: dial tcp 10.0.0.9:8080: connect: connection refused",
            "Check port and health",
        ),
    ],
)
def test_how_a_probe_fails_tells_what_to_mend(words: str, remedy: str) -> None:
    reason, message = of(pod(), ("Unhealthy", words))
    assert reason == "ProbeFailing"
    assert remedy in message


def test_the_kubelets_word_on_a_container_it_lost_is_not_the_programs() -> None:
    lost = {
        "reason": "ContainerStatusUnknown",
        "message": "The container could not be located",
        "exitCode": 137,
    }
    assert last_words(lost) is None
    assert last_words(lost | {"reason": "Error"}) == "The container could not be located"
