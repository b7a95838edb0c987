"""Finds, in the status of pods, the failure that tells a user most, and says what to do about it.

The kubelet, the scheduler and the registry know why a pod doesn't run; their words are kept, and one
sentence is added that says where to look. Values of variables never appear in those words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from longshore.workload.conditions import parse_time, shorten
from longshore.workload.decision import Obj

PATIENCE = timedelta(seconds=5)
"""How long a container may be neither ready nor failed before the kubelet's events are read."""

ORDER = (
    "RunsAsRoot", "ConfigMissing", "ImagePullFailed", "CannotStart", "OOMKilled", "NodeLost", "ProbeFailing",
    "CrashLooping", "Evicted", "QuotaExceeded", "PodRefused", "VolumeNotReady", "Unschedulable",
)  # fmt: skip
"""The most telling reason first."""

_PULL = {
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ImageInspectError",
    "ErrImageNeverPull",
    "RegistryUnavailable",
}
_KILLED_BY_SIGNAL = {137, 143}
_LEAST_RUN = timedelta(seconds=5)
"""A container that ended sooner was hardly stopped for its probes."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a pod doesn't work."""

    reason: str
    message: str
    pod: str | None = None
    exit_code: int | None = None
    last_words: str | None = None
    container_failed: bool = False
    """The container itself ended badly, as against never having begun."""
    container: str | None = None
    """The container in which it was seen, where it isn't the pod's main one."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was asked about one pod."""

    warnings: Sequence[tuple[str, str]] = ()
    """Also which container the kubelet stopped for its probe, the newest last: (reason, message)."""
    room: str = ""
    """What would fit, for one that no node takes."""


def diagnose(pods: Iterable[Obj], evidence: Mapping[str, Evidence], now: datetime) -> Failure | None:
    """The most telling failure among the pods, or None. `evidence` is by the pod's uid."""
    found = [
        failure
        for pod in pods
        if not _leaving(pod)
        for failure in _of_pod(pod, evidence.get(pod["metadata"]["uid"]), now)
    ]
    return min(found, key=lambda failure: ORDER.index(failure.reason), default=None)


def without_node(pods: Iterable[Obj]) -> list[Obj]:
    """Pods that no node takes."""
    return [
        pod
        for pod in pods
        if not _leaving(pod) and any(map(_is_unschedulable, pod.get("status", {}).get("conditions", ())))
    ]


def nodes_counted(pod: Obj) -> int | None:
    """How many nodes there were when the scheduler found none for the pod, in its words."""
    for condition in filter(_is_unschedulable, pod.get("status", {}).get("conditions", ())):
        if found := re.match(r"0/(\d+) nodes", condition.get("message", "")):
            return int(found[1])
    return None


def _is_unschedulable(condition: Obj) -> bool:
    return (
        condition["type"] == "PodScheduled"
        and condition["status"] == "False"
        and condition.get("reason") == "Unschedulable"
    )


def pods_to_ask_about(pods: Iterable[Obj], now: datetime, most: int = 2) -> list[Obj]:
    """Pods whose status alone doesn't say what is wrong, so that their events are worth a request."""
    return [pod for pod in pods if not _leaving(pod) and _unclear(pod, now)][:most]


_OF_LIMIT_RANGE = re.compile(r"(?:maximum|minimum) \S+ usage per|max limit to request ratio per")


def refused_pods(message: str) -> Failure:
    """What it means that the API server didn't let a controller create pods, in the server's words."""
    words = shorten(re.sub(r'^.*?pods? "[^"]*" is forbidden: ', "", message), 700)
    if "exceeded quota" in message or "must specify" in message:
        return Failure(
            "QuotaExceeded",
            f"the namespace's quota leaves no room for a pod: {words}. Ask for less, or have the quota raised",
        )
    if _OF_LIMIT_RANGE.search(message):
        return Failure(
            "PodRefused",
            f"the namespace's LimitRange refuses the pod: {words}. Change size or resources, or have the LimitRange changed",
        )
    if "violates PodSecurity" in message:
        return Failure(
            "PodRefused",
            f"the namespace's Pod Security level refuses the pod: {words}. Use security.profile Restricted, or have the level changed",
        )
    return Failure("PodRefused", f"the API server refuses the pod: {words}")


def _leaving(pod: Obj) -> bool:
    return "deletionTimestamp" in pod["metadata"] or pod.get("status", {}).get("phase") == "Succeeded"


def _of_pod(pod: Obj, evidence: Evidence | None, now: datetime) -> Iterator[Failure]:
    name, status = pod["metadata"]["name"], pod.get("status", {})
    if status.get("phase") == "Failed" and status.get("reason") == "Evicted":
        yield Failure("Evicted", f"the node evicted pod {name}: {evicted(status.get('message', ''))}", name)
    for condition in status.get("conditions", ()):
        if _is_unschedulable(condition):
            yield _unschedulable(name, condition.get("message", ""), evidence.room if evidence else "")
    warnings = evidence.warnings if evidence else ()
    if any(reason == "NodeNotReady" for reason, _ in warnings) and _is_unready(status):
        yield Failure(
            "NodeLost",
            f"node {pod.get('spec', {}).get('nodeName')} does not answer any more, so what became of pod {name} is not known."
            " Another takes its place after five minutes; to have it at once bring the node back, or delete it",
            name,
        )
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        if failure := _of_container(pod, name, container, warnings):
            yield _naming(pod, container["name"], failure)
    if not status.get("containerStatuses") or _creating(status):
        yield from _of_volumes(name, warnings)


def _naming(pod: Obj, container: str, failure: Failure) -> Failure:
    """The failure, with the name of the container in front where it isn't the main one, the pod's first."""
    spec = pod.get("spec", {})
    if container == next((each["name"] for each in spec.get("containers", ())), container):
        return failure
    init = next((each for each in spec.get("initContainers", ()) if each["name"] == container), None)
    kind = "container" if init is None else "sidecar" if "restartPolicy" in init else "init container"
    message = f"{kind} {container}: {failure.message}".replace(" --previous", f" -c {container} --previous")
    return replace(failure, message=message, container=container)


def _of_container(pod: Obj, name: str, status: Obj, warnings: Sequence[tuple[str, str]]) -> Failure | None:
    waiting = status.get("state", {}).get("waiting", {})
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    image = status.get("image", "")
    if reason in _PULL:
        return Failure("ImagePullFailed", _pull_message(image, reason, message), name)
    if reason == "CreateContainerConfigError":
        if "root" in message or "runAsNonRoot" in message:
            user = re.search(r"non-numeric user \((.*?)\)", message)
            if user:
                return Failure(
                    "RunsAsRoot",
                    f"image {image} names its user, {user[1]}, so that nobody can tell whether it is root, which security.profile"
                    " Restricted forbids. Write its numeric id after USER in the image, or set security.runAsUser",
                    name,
                )
            return Failure(
                "RunsAsRoot",
                f"image {image} runs as root, which security.profile Restricted forbids: {_bare(message)}."
                " Add USER with a numeric id to the image, or set security.runAsUser",
                name,
            )
        return Failure("ConfigMissing", _config_message(message), name)
    ended = status.get("state", {}).get("terminated") or status.get("lastState", {}).get("terminated")
    if (
        status.get("ready")
        or ended is None
        or (ended.get("exitCode", 0) == 0 and reason != "CrashLoopBackOff")
    ):
        return _of_probe(name, status, warnings)
    return _of_end(pod, name, status, ended, warnings)


def _of_end(pod: Obj, name: str, status: Obj, ended: Obj, warnings: Sequence[tuple[str, str]]) -> Failure:
    code, words = ended.get("exitCode"), last_words(ended)
    if ended.get("reason") == "OOMKilled":
        limit = memory_limit(pod, status["name"])
        return Failure(
            "OOMKilled",
            f"the container used more memory than its limit{f' of {limit}' if limit else ''} and was killed (exit code {code})."
            " Raise size or resources.limits.memory, or use less",
            name, code, words, True,
        )  # fmt: skip
    if ended.get("reason") in ("StartError", "ContainerCannotRun"):
        return Failure(
            "CannotStart",
            cannot_start(ended.get("message", "")),
            name,
            code,
            None,
            True,
        )
    stopped = _stopped_for_probe(status["name"], warnings)
    if (code in _KILLED_BY_SIGNAL or stopped) and (probe := _of_probe(name, status, warnings)):
        return probe
    times = f", {status['restartCount']} restarts" if status.get("restartCount") else ""
    if code == 0:
        return Failure(
            "CrashLooping",
            f"the container ends with exit code 0{times}, as if its work were done, but an app goes on until it is stopped."
            f" Correct command and args, or run it as a BatchJob. Its log: kubectl logs {name} --previous",
            name, code, words, True,
        )  # fmt: skip
    hint = _EXIT_CODES.get(code or 0, "")
    return Failure(
        "CrashLooping",
        f"the container ends with exit code {code}{times}{hint}. Read its log: kubectl logs {name} --previous",
        name, code, words, True,
    )  # fmt: skip


_EXIT_CODES = {
    126: " (a command that may not be executed)",
    127: " (a command that is not found)",
    255: " (also that of a program that is built for another processor: see placement.architecture)",
}
"""What a shell or the runtime means by an exit code."""


def _of_probe(name: str, status: Obj, warnings: Sequence[tuple[str, str]]) -> Failure | None:
    if status.get("ready"):
        return None
    failing = [message for reason, message in warnings if reason == "Unhealthy"]
    if not failing:
        return None
    stopped = _stopped_for_probe(status["name"], warnings)
    of_startup = [message for message in failing if message.startswith("Startup probe")]
    words = shorten((of_startup if stopped == "startup" and of_startup else failing)[-1], 400).rstrip(".")
    remedy = _how_to_answer(words)
    if stopped == "startup":
        return Failure(
            "ProbeFailing",
            f"{words}, until health.startupSeconds were over and the container was killed. Raise it for an app that starts"
            f" slowly; else c{remedy[1:]}",
            name,
        )
    killed = ", so that the container was killed" if stopped else ""
    return Failure("ProbeFailing", f"{words}{killed}. {remedy}", name)


def _how_to_answer(words: str) -> str:
    """What to do about a probe that failed with these words."""
    if found := re.search(r"statuscode: (\d)(\d\d)", words):
        if found[0].endswith("404"):
            return "Correct health.path: the app answers, and has no such page"
        if found[1] == "5":
            return "The app answers that it is not well: read its log, and see what it depends on"
        return "Correct health.path: it has to be answered without a login and a redirection, with 200"
    if "context deadline exceeded" in words or "timeout" in words.lower():
        return "The app takes longer to answer than health.timeoutSeconds: raise it, or give the app more cpu"
    return "Check port and health, and that the app listens on all addresses"


def _stopped_for_probe(container: str, warnings: Sequence[tuple[str, str]]) -> str | None:
    """Whether the kubelet stopped the container for its startup or its liveness probe: which of them."""
    for reason, message in reversed(warnings):
        found = re.match(r"Container (\S+) failed (startup|liveness) probe", message)
        if reason == "Killing" and found and found[1] == container:
            return found[2]
    return None


def _of_volumes(name: str, warnings: Sequence[tuple[str, str]]) -> Iterator[Failure]:
    for reason, message in reversed(warnings):
        if reason in ("FailedMount", "FailedAttachVolume"):
            if "not found" in message:
                yield Failure("ConfigMissing", _config_message(message), name)
            else:
                yield Failure("VolumeNotReady", f"a volume cannot be mounted: {shorten(message, 500)}", name)
            return


def _unschedulable(name: str, message: str, room: str) -> Failure:
    words = shorten(re.split(r" (?:preemption: |no new claims|not found$)", message)[0], 500).rstrip(". ")
    if "persistentvolumeclaim" in message and "not found" in message:
        return Failure("ConfigMissing", _config_message(message), name)
    if _WITHOUT_VOLUME.search(words):
        return Failure(
            "VolumeNotReady",
            f"no volume is there for a PersistentVolumeClaim of the pod: {words}. See which by kubectl get pvc; create a volume,"
            " or a claim whose storage class makes one",
            name,
        )
    told = f"no node fits the pod: {words}. {_room(words)}"
    return Failure("Unschedulable", f"{told}. {room}" if room else told, name)


_WITHOUT_VOLUME = re.compile(r"unbound immediate PersistentVolumeClaims|available persistent volumes to bind")


def _room(words: str) -> str:
    """What to do about each constraint that the scheduler names."""
    found = []
    if lacking := dict.fromkeys(re.findall(r"Insufficient (\S+?)[,.]?(?= |$)", words)):
        few = ", ".join(lacking)
        what = "resources.gpu" if all("/" in each for each in lacking) else "size, resources"
        found.append(f"ask for less ({what}), or add nodes with more {few}")
    if "affinity/selector" in words:
        found.append(
            "correct placement (nodeLabels, zones, architecture, capacity), or add or label such nodes"
        )
    if "taint" in words:
        found.append("add the taint to placement.tolerations, or use other nodes")
    remedy = "; ".join(found) or "ask for less (size, resources), relax placement, or add nodes"
    return remedy[0].upper() + remedy[1:]


def _pull_message(image: str, reason: str, message: str) -> str:
    if reason == "InvalidImageName":
        return f"{image} is no valid image reference. Correct image"
    if reason == "ErrImageNeverPull":
        return f"image {image} is not on the node, and its pull policy forbids pulling"
    words = re.sub(r"^Back-off pulling image \"[^\"]*\":? ?(?:ErrImagePull: ?)?", "", message)
    words = re.sub(r"^(?:rpc error: )?(?:code = \w+ )?(?:desc = )?", "", words)
    words = re.sub(r"^failed to pull and unpack image \"[^\"]*\": ", "", words)
    words = re.sub(r":\d+->", "->", words)  # our own port, another at each try
    said = f": {shorten(words, 500).rstrip('.')}" if words else ""
    return f"image {image} cannot be pulled{said}. {_how_to_pull(words)}"


def _how_to_pull(words: str) -> str:
    if re.search(
        r"no such host|server misbehaving|connection refused|no route to host|i/o timeout|deadline exceeded",
        words,
    ):
        return "Check the registry's host in the image's name, and that nodes reach it"
    if re.search(r"unauthori[sz]ed|401|403|[Ff]orbidden|authorization failed", words):
        return "Check the name, and that imagePullSecrets name a Secret with the registry's user and password"
    return "Check the name and tag, and imagePullSecrets for a private registry"


def _config_message(message: str) -> str:
    missing = re.search(r"couldn't find key (\S+) in (Secret|ConfigMap) (?:\S+/)?(\S+)", message)
    if missing:
        key, kind, name = missing.groups()
        return f"key {key} is missing in {kind} {name}. Add the key, or correct the reference"
    missing = re.search(
        r'(secret|configmap|persistentvolumeclaim) "([^"]+)" not found', message, re.IGNORECASE
    )
    if missing:
        kind = {"secret": "Secret", "configmap": "ConfigMap"}.get(missing[1].lower(), "PersistentVolumeClaim")
        return f"{kind} {missing[2]} does not exist. Create it in this namespace, or correct the reference"
    return f"the container's configuration is incomplete: {shorten(message, 500)}"


def cannot_start(message: str) -> str:
    """What it means that the runtime can't start a container, in its words."""
    words = shorten(message, 500)
    if "exec format error" in words:
        remedy = "The program is built for another processor, or is none: check the image, command and placement.architecture"
    else:
        remedy = "Check command and image"
    return f"the container cannot start: {words}. {remedy}"


def evicted(message: str) -> str:
    """Why a node evicted a pod, in the kubelet's words, and what to do."""
    words = shorten(message, 500).rstrip(". ")
    if "EmptyDir" in words:
        return f"{words}. Raise sizeLimit of the emptyDir, or write less"
    if "ephemeral" in words:
        return f"{words}. Raise resources.limits.ephemeralStorage, ask for as much, or write less"
    return words


def wrote_too_much(message: str) -> bool:
    """Whether a pod was evicted because it wrote more than it may, as it would again."""
    return "exceed" in message and ("EmptyDir" in message or "ephemeral" in message)


def _is_unready(status: Obj) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "False" for each in status.get("conditions", ()))


def _bare(message: str) -> str:
    return re.sub(r" \(pod: .*$", "", shorten(message, 400))


_RUNTIMES_WORDS = ("StartError", "ContainerCannotRun", "ContainerStatusUnknown")
"""Reasons with which the message is the kubelet's, and not the program's."""


def last_words(ended: Obj) -> str | None:
    """The end of a container's termination message, at most 1 KiB."""
    message = ended.get("message") if ended.get("reason") not in _RUNTIMES_WORDS else None
    return message.encode()[-1000:].decode(errors="ignore") if message else None


def memory_limit(pod: Obj, container: str) -> str | None:
    spec = pod.get("spec", {})
    for each in (*spec.get("containers", ()), *spec.get("initContainers", ())):
        if each["name"] == container:
            limit = each.get("resources", {}).get("limits", {}).get("memory")
            return str(limit) if limit else None
    return None


def _creating(status: Obj) -> bool:
    return any(
        each.get("state", {}).get("waiting", {}).get("reason") in ("ContainerCreating", "PodInitializing")
        for each in status.get("containerStatuses", ())
    )


def _unclear(pod: Obj, now: datetime) -> bool:
    status = pod.get("status", {})
    if now - parse_time(pod["metadata"]["creationTimestamp"]) < PATIENCE or status.get("phase") not in (
        "Pending",
        "Running",
    ):
        return False
    if any(
        each["type"] == "PodScheduled" and each["status"] == "False" for each in status.get("conditions", ())
    ):
        return False
    containers = status.get("containerStatuses", ())
    if (
        status.get("phase") == "Running"
        and _is_unready(status)
        and all(each.get("ready") for each in containers)
    ):
        return True  # its node was taken for dead
    for each in containers:
        ended = each.get("state", {}).get("terminated") or each.get("lastState", {}).get("terminated") or {}
        waiting = each.get("state", {}).get("waiting", {}).get("reason")
        if "running" in each.get("state", {}) and not each.get("ready"):
            return True
        if waiting in ("ContainerCreating", "PodInitializing"):
            return True
        unclear = ended.get("exitCode") in _KILLED_BY_SIGNAL or _ran_for(ended) >= _LEAST_RUN
        if unclear and ended.get("reason") != "OOMKilled" and not each.get("ready"):
            return True
    return False


def _ran_for(ended: Obj) -> timedelta:
    began, end = ended.get("startedAt"), ended.get("finishedAt")
    return parse_time(end) - parse_time(began) if began and end else timedelta(0)
