"""A pod's spec, and the one of its containers that is kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

from longshore.api.common import RESERVED_DOMAINS, RESERVED_NAMES
from longshore.convert.draft import NO_IMAGE, Draft, Obj, Options
from longshore.convert.kubernetes.helpers import read_helpers
from longshore.convert.kubernetes.objects import BOOKKEEPING
from longshore.convert.kubernetes.volumes import read_volumes
from longshore.convert.reader import Reader
from longshore.convert.units import quantity

POD_HINTS = {
    "initContainers": "a job has one container: do it in the entrypoint, or in a job before",
    "ephemeralContainers": "kubectl debug adds them when they are needed",
    "affinity": "say where pods run by placement: architecture, capacity, zones, nodeLabels, spread",
    "topologySpreadConstraints": "pods are spread over zones and nodes by placement.spread, as far as possible",
    "tolerations.*.tolerationSeconds": "pods are taken from a lost node after the cluster's own delay",
    "priorityClassName": "pods have the cluster's default priority",
    "priority": "pods have the cluster's default priority",
    "preemptionPolicy": "pods have the cluster's default priority",
    "hostNetwork": "pods are never in the node's network",
    "hostPID": "a pod's processes are its own",
    "hostIPC": "a pod's memory is its own",
    "hostUsers": "the cluster's default holds",
    "hostname": "a pod is called by its own name",
    "subdomain": "a pod is called by its own name",
    "hostAliases": "add the names to DNS",
    "dnsPolicy": "the cluster's DNS answers",
    "dnsConfig": "the cluster's DNS answers",
    "runtimeClassName": "the cluster's default runtime holds",
    "schedulerName": "the cluster's default scheduler holds",
    "shareProcessNamespace": "there is one container",
    "automountServiceAccountToken": "a token is mounted where serviceAccountName is set, and only there",
    "serviceAccount": "name it in serviceAccountName",
    "securityContext": "the rest of a pod's security is fixed: not root, no capabilities, seccomp RuntimeDefault",
    "activeDeadlineSeconds": "an app has no end",
    "restartPolicy": "a container that ends is started again",
    "nodeName": "say which nodes by placement",
    "readinessGates": "readiness is the health check's",
    "resourceClaims": "ask for accelerators by resources.gpu",
    "setHostnameAsFQDN": "a pod is called by its own name",
    "overhead": "the runtime's",
    "enableServiceLinks": "variables of other Services aren't set: use their names",
    "volumes": "no container that was converted mounts it",
}
CONTAINER_HINTS = {
    "workingDir": "set WORKDIR in the image, or command: [/bin/sh, -c, cd … && exec …]",
    "lifecycle": "drainSeconds keeps a replica serving while it is taken out; other hooks belong into the image",
    "imagePullPolicy": "the cluster's default holds: give every image a tag of its own",
    "ports": "a further port that others reach goes into extraPorts",
    "resources": "amounts are cpu, memory, ephemeral-storage and gpu",
    "resources.claims": "ask for accelerators by resources.gpu",
    "volumeDevices": "block devices can't be mounted",
    "securityContext": "the rest of a container's security is fixed: no privileges, no capabilities, seccomp RuntimeDefault",
    "stdin": "there is no terminal",
    "stdinOnce": "there is no terminal",
    "tty": "there is no terminal",
    "terminationMessagePath": "the default, /dev/termination-log, holds",
    "terminationMessagePolicy": "the default, File, holds",
    "restartPolicy": "a container that ends is started again",
    "resizePolicy": "a change of resources starts new pods",
    "readinessProbe": "health is asked by path, tcp or grpc, over the network",
    "livenessProbe": "there is one health check, for readiness, start and life: health",
    "startupProbe": "there is one health check, for readiness, start and life: health",
}
HELPER_HINTS = CONTAINER_HINTS | {
    "ports": "a port that others reach goes into extraPorts",
    "readinessProbe": "health is the app's: a sidecar that ends is started again",
    "livenessProbe": "health is the app's: a sidecar that ends is started again",
    "startupProbe": "health is the app's: the app waits for a sidecar only until it is started",
    "lifecycle": "a sidecar is stopped after the app; hooks belong into the image",
    "securityContext": "its security is that of the app",
    "volumeMounts": "only volumes of the app can be mounted",
}
HELPER_IMAGE = f"{NO_IMAGE}/helper:replace"
_RESERVED_KEY = re.compile(rf"(^|[.])({'|'.join(map(re.escape, RESERVED_DOMAINS))})/")
_OWN_LABELS = "app.kubernetes.io/"


def read_pod(draft: Draft, metadata: Reader, spec: Reader, container: Reader, options: Options) -> None:
    """Everything but port and health, which only apps have."""
    spec.hints(POD_HINTS)
    container.hints(CONTAINER_HINTS)
    _metadata(draft, metadata)
    _container(draft, container, options)
    read_volumes(draft, container["volumeMounts"], spec["volumes"])
    if draft.kind == "WebApp":
        read_helpers(draft, spec, container, _helper)
    for each in spec["containers"].items():
        if each.path != container.path and draft.kind != "WebApp":
            each.leave("a job has one container: run the other as a job of its own, or keep the Job")
    grace = spec["terminationGracePeriodSeconds"]
    draft.put("terminationGracePeriodSeconds", grace.number(), grace)
    _account(draft, spec)
    _placement(draft, spec)
    _security(draft, spec["securityContext"], container["securityContext"])
    for each in spec["imagePullSecrets"].items():
        if name := each["name"].text():
            draft.put("imagePullSecrets", [*draft.spec.get("imagePullSecrets", []), {"name": name}], each)
    for key, default in (
        ("dnsPolicy", "ClusterFirst"), ("schedulerName", "default-scheduler"), ("enableServiceLinks", False),
        ("hostNetwork", False), ("hostPID", False), ("hostIPC", False), ("shareProcessNamespace", False),
    ):  # fmt: skip
        spec[key].holds(default)


def _metadata(draft: Draft, metadata: Reader) -> None:
    for key in ("name", "namespace", "creationTimestamp", "generateName"):
        metadata[key].needless("pods get names of their own")
    for kind in ("labels", "annotations"):
        kept = {}
        for key, each in metadata[kind].fields():
            if key.startswith(_OWN_LABELS) or key in RESERVED_NAMES:
                each.needless("Longshore labels what it makes")
            elif key.startswith(BOOKKEEPING):
                each.needless("what Kubernetes or Helm itself keeps")
            elif _RESERVED_KEY.search(key):
                each.leave(
                    f"{key} is a key that other controllers obey: the cluster's owner may allow it by allowedKeyDomains"
                    " of the chart"
                )
            elif (text := each.text()) is not None:
                kept[key] = text
        draft.put(kind, kept, metadata[kind])


def _container(draft: Draft, container: Reader, options: Options) -> None:
    container["name"].needless("the container's own name")
    draft.image(container["image"], options)
    draft.put("command", container["command"].texts(), container["command"])
    draft.put("args", container["args"].texts(), container["args"])
    for each in container["env"].items():
        _variable(draft, each)
    for each in container["envFrom"].items():
        _variables(draft, each)
    _resources(draft, container["resources"])
    container["terminationMessagePath"].holds("/dev/termination-log")
    container["terminationMessagePolicy"].holds("File")
    pull = container["imagePullPolicy"]
    image = container["image"].peek
    tag = image.rpartition("/")[2].partition(":")[2]
    pull.holds("Always" if "@" not in image and tag in ("", "latest") else "IfNotPresent")


def _helper(helper: Draft, container: Reader) -> None:
    """A container beside the app's: what it has in common with that."""
    container.hints(HELPER_HINTS)
    _container(helper, container, Options(image=HELPER_IMAGE))
    security = container["securityContext"]
    security["runAsNonRoot"].holds(True)
    security["seccompProfile"]["type"].holds("RuntimeDefault")
    security["allowPrivilegeEscalation"].holds(False)
    security["privileged"].holds(False)
    security["capabilities"]["drop"].holds(["ALL"])


def _variable(draft: Draft, item: Reader) -> None:
    name, source = item["name"].text() or "", item["valueFrom"]
    if not source:
        draft.variable(name, item["value"].text() or "", item)
        return
    made: Obj = {}
    for kind in ("secretKeyRef", "configMapKeyRef"):
        if source[kind]:
            made[kind] = {"name": source[kind]["name"].text() or "", "key": source[kind]["key"].text() or ""}
            if source[kind]["optional"].flag():
                made[kind]["optional"] = True
    if source["fieldRef"]:
        source["fieldRef"]["apiVersion"].holds("v1")
        made["fieldRef"] = {"fieldPath": source["fieldRef"]["fieldPath"].text() or ""}
    if made:
        draft.add("env", {"name": name, "valueFrom": made}, item)
    else:
        item.leave(
            "write the value itself: variables come from Secrets, ConfigMaps, and the pod's name, namespace, IP and node"
        )


def _variables(draft: Draft, item: Reader) -> None:
    made: Obj = {}
    for kind in ("secretRef", "configMapRef"):
        if item[kind]:
            made[kind] = {"name": item[kind]["name"].text() or ""}
            if item[kind]["optional"].flag():
                made[kind]["optional"] = True
    if prefix := item["prefix"].text():
        made["prefix"] = prefix
    draft.put("envFrom", [*draft.spec.get("envFrom", []), made], item)


def _resources(draft: Draft, resources: Reader) -> None:
    amounts: dict[str, dict[str, str]] = {"requests": {}, "limits": {}}
    for kind, held in amounts.items():
        for name in ("cpu", "memory", "ephemeral-storage"):
            if found := resources[kind][name].read(quantity):
                held[name] = found
        for name, each in resources[kind].fields():
            if "/" in name:
                draft.put("resources.gpu", {"count": each.number() or 0, "resource": name}, each)
    draft.resources(amounts["requests"], amounts["limits"], resources)


def _account(draft: Draft, spec: Reader) -> None:
    account, token = spec["serviceAccountName"], spec["automountServiceAccountToken"]
    spec["serviceAccount"].holds(account.peek)
    if account.peek == "default":
        account.needless("an account of its own, without rights")
    elif draft.put("serviceAccountName", account.text(), account):
        account.leave(
            f"{account.peek} has to be offered once: kubectl label serviceaccount {account.peek} longshore.dev/allow=true"
        )
    token.holds("serviceAccountName" in draft.spec)


def _placement(draft: Draft, spec: Reader) -> None:
    labels = {}
    for key, each in spec["nodeSelector"].fields():
        if key in ("kubernetes.io/arch", "beta.kubernetes.io/arch"):
            draft.put("placement.architecture", each.text(), each)
        elif key in ("kubernetes.io/os", "beta.kubernetes.io/os"):
            each.holds("linux")
        elif (text := each.text()) is not None:
            labels[key] = text
    draft.put("placement.nodeLabels", labels, spec["nodeSelector"])
    tolerations = []
    for each in spec["tolerations"].items():
        made = {key: text for key in ("key", "operator", "value", "effect") if (text := each[key].text())}
        tolerations.append(made)
    draft.put("placement.tolerations", tolerations, spec["tolerations"])


def _security(draft: Draft, pod: Reader, container: Reader) -> None:
    user = container["runAsUser"] or pod["runAsUser"]
    if user.number() == 0:
        draft.put("security.profile", "Baseline", user)
        user.changed("root needs security.profile: Baseline, and a namespace that allows it")
    draft.put("security.runAsUser", user.number(), user)
    if container["runAsUser"]:
        pod["runAsUser"].needless("the container says otherwise")
    draft.put("security.fsGroup", pod["fsGroup"].number(), pod["fsGroup"])
    read_only = container["readOnlyRootFilesystem"]
    draft.put("security.readOnlyRootFilesystem", read_only.flag() or None, read_only)
    for each in (pod, container):
        draft.never_root = each["runAsNonRoot"].holds(True) or draft.never_root
        each["seccompProfile"]["type"].holds("RuntimeDefault")
    container["allowPrivilegeEscalation"].holds(False)
    container["privileged"].holds(False)
    container["capabilities"]["drop"].holds(["ALL"])


def main_container(containers: Sequence[Reader], ports: Sequence[str]) -> Reader:
    """The container that opens one of the ports, by number or name; else the first."""

    def opens(container: Reader) -> bool:
        return any(
            port in (each["containerPort"].peek, each["name"].peek)
            for each in container["ports"].items()
            for port in ports
            if port
        )

    return next((each for each in containers if opens(each)), containers[0])
