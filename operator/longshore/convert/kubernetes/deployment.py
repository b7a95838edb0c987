"""A Deployment with its Service, autoscaler and disruption budget becomes a WebApp."""

from __future__ import annotations

import re
from collections.abc import Sequence

from longshore.convert.draft import Draft, Options, named
from longshore.convert.kubernetes.health import probed_ports, read_probes
from longshore.convert.kubernetes.helpers import read_extra_port
from longshore.convert.kubernetes.objects import (
    Objects,
    name_of,
    read_identity,
    read_needless_metadata,
    read_own_metadata,
)
from longshore.convert.kubernetes.pod import main_container, read_pod
from longshore.convert.reader import Reader

HINTS = {
    "spec.minReadySeconds": "a replica counts as soon as it is ready: let the health check say so",
    "spec.paused": "a rollout is held back by not applying it",
    "spec.strategy": "replicas are replaced step by step, or all at once",
}
SERVICE_HINTS = {
    "spec.ports": "the Service of a WebApp has the app's port and extraPorts, by their own numbers: {keep}, for the others",
    "spec.type": "the Service of a WebApp is cluster-internal: {keep}, or make an Ingress or HTTPRoute",
    "spec.clusterIP": "the Service of a WebApp has an address: for a headless one {keep}",
    "metadata.annotations": "the Service of a WebApp has none of its own: {keep}",
    "spec": "the Service of a WebApp has no such setting: {keep}",
}
AUTOSCALER_HINTS = {
    "spec.metrics": "scale by cpu or memory: scaling.targets",
    "spec.behavior": "replicas are added as soon as they are needed, and removed after scaling.scaleDownDelaySeconds",
    "metadata.annotations": "the autoscaler of a WebApp has none of its own",
}
BUDGET_HINTS = {
    "spec.unhealthyPodEvictionPolicy": "replicas that aren't ready are evicted by Kubernetes' default",
    "metadata.annotations": "the disruption budget of a WebApp has none of its own",
}
_SERVICE_STATE = ("clusterIPs", "ipFamilies", "ipFamilyPolicy")
_SERVICE_DEFAULTS = {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}
_PROTOCOLS = {"http": "HTTP", "kubernetes.io/h2c": "H2C", "grpc": "GRPC"}
_TARGETS = {"cpu": "cpuPercent", "memory": "memoryPercent"}


def convert(deployment: Reader, objects: Objects, options: Options) -> Draft:
    """The app of a Deployment."""
    deployment.hints(HINTS)
    spec, template = deployment["spec"], deployment["spec"]["template"]
    draft = named("WebApp", deployment["metadata"]["name"], options, "app")
    read_own_metadata(draft, deployment)
    services = objects.selecting("Service", deployment, "spec.selector")
    wanted = [_target(port) for each in services for port in each["spec"]["ports"].items()]
    container = main_container(template["spec"]["containers"].items(), wanted)
    port_name = _port(draft, container, wanted)
    read_pod(draft, template["metadata"], template["spec"], container, options)
    template["spec"]["restartPolicy"].holds("Always")
    read_probes(draft, container, port_name)
    _pre_stop(draft, container["lifecycle"]["preStop"])
    _replicas(draft, spec)
    _rollout(draft, spec)
    spec["selector"].needless("Longshore selects the pods that it makes")
    for each in services:
        _service(draft, each, port_name, template["spec"]["containers"].items())
    for each in objects.scaling(deployment):
        _autoscaler(draft, each, spec["replicas"])
    for each in objects.selecting("PodDisruptionBudget", deployment, "spec.selector.matchLabels"):
        _budget(draft, each)
    return draft


def _port(draft: Draft, container: Reader, wanted: Sequence[str]) -> str:
    """Writes the port and returns its name: the one that is probed, else that of the Service, else the first."""
    ports = container["ports"].items()
    asked = [*probed_ports(container), *wanted]
    named_so = [
        each for port in asked for each in ports if port in (each["containerPort"].peek, each["name"].peek)
    ]
    chosen = next(iter([*named_so, *ports]), None)
    if chosen is None:
        number = next((each for each in wanted if each.isdecimal()), None)
        if number is not None:
            draft.put("port", int(number), container)
        else:
            container["ports"].missing(
                "no port is opened, and an app is healthy when something answers on one: set port, or keep the Deployment"
            )
        return ""
    draft.put("port", chosen["containerPort"].number(), chosen["containerPort"])
    chosen["protocol"].holds("TCP")
    chosen["name"].needless("the port's own name")
    return chosen["name"].peek


def _replicas(draft: Draft, spec: Reader) -> None:
    if spec["replicas"].number() == 0:
        draft.put("suspend", True, spec["replicas"])
    else:
        draft.put("scaling.minReplicas", spec["replicas"].number(), spec["replicas"])


def _rollout(draft: Draft, spec: Reader) -> None:
    strategy, rolling = spec["strategy"]["type"], spec["strategy"]["rollingUpdate"]
    if strategy.peek == "Recreate":
        draft.put("rollout.strategy", strategy.text(), strategy)
    strategy.holds("RollingUpdate")
    for key in ("maxSurge", "maxUnavailable"):
        draft.put(f"rollout.{key}", rolling[key].read(int_or_percent), rolling[key])
    deadline, history = spec["progressDeadlineSeconds"], spec["revisionHistoryLimit"]
    draft.put("rollout.progressDeadlineSeconds", deadline.number(), deadline)
    draft.put("rollout.historyLimit", history.number(), history)


def _pre_stop(draft: Draft, hook: Reader) -> None:
    seconds = hook["sleep"]["seconds"]
    if seconds:
        draft.put("drainSeconds", seconds.number(), seconds)
        return
    words = [each.peek for each in hook["exec"]["command"].items()]
    found = re.fullmatch(r"(?:/bin/)?(?:sh -c )?sleep (\d+)", " ".join(words))
    if found and draft.put("drainSeconds", int(found[1]), hook):
        hook["exec"]["command"].take()


def _target(port: Reader) -> str:
    """Number or name of the container's port that a Service leads to."""
    return port["targetPort"].peek or port["port"].peek


def _service(draft: Draft, service: Reader, port_name: str, containers: Sequence[Reader]) -> None:
    keep = _how_to_keep(draft, service)
    service.hints({key: hint.replace("{keep}", keep) for key, hint in SERVICE_HINTS.items()})
    read_identity(service, draft.name)
    read_needless_metadata(service["metadata"])
    spec = service["spec"]
    spec["selector"].needless("Longshore selects the pods that it makes")
    for key in _SERVICE_STATE:
        spec[key].needless("what Kubernetes itself keeps")
    if spec["clusterIP"].peek != "None":
        spec["clusterIP"].needless("what Kubernetes itself keeps")
    for key, default in _SERVICE_DEFAULTS.items():
        spec[key].holds(default)
    own = {str(draft.get("port")), port_name} - {""}
    ours = next((each for each in spec["ports"].items() if _target(each) in own), None)
    for each in spec["ports"].items():
        if ours is None or each.path != ours.path:
            read_extra_port(draft, each, containers)
            continue
        if each["appProtocol"]:
            draft.put("protocol", each["appProtocol"].read(_PROTOCOLS.get), each["appProtocol"])
        each["protocol"].holds("TCP")
        each["name"].needless("the port's own name")
        each["targetPort"].needless("the app's port")
        if each["port"].peek == "80":
            each["port"].take()
            continue
        each["port"].leave(f"the Service of a WebApp answers on port 80: call http://{draft.name}, or {keep}")
    if name_of(service) != draft.name:
        service["metadata"]["name"].leave(
            f"the Service of the WebApp is called {draft.name}: call that, or {keep}"
        )


def _how_to_keep(draft: Draft, service: Reader) -> str:
    """A Service of the WebApp's own name would be in its way."""
    how = "keep this Service under another name" if name_of(service) == draft.name else "keep this Service"
    return (
        f"{how}, with the selector longshore.dev/webapp: {draft.name} and the targetPort {draft.get('port')}"
    )


def _autoscaler(draft: Draft, autoscaler: Reader, replicas: Reader) -> None:
    autoscaler.hints(AUTOSCALER_HINTS)
    read_identity(autoscaler, name_of(autoscaler))
    read_needless_metadata(autoscaler["metadata"])
    spec = autoscaler["spec"]
    spec["scaleTargetRef"].needless("names the Deployment")
    if replicas:
        replicas.needless("the autoscaler decides between the least and the most")
    least, most = spec["minReplicas"], spec["maxReplicas"]
    draft.put("scaling.minReplicas", least.number() or 1, least or most)
    draft.put("scaling.maxReplicas", most.number(), most)
    old = spec["targetCPUUtilizationPercentage"]
    draft.put("scaling.targets.cpuPercent", old.number(), old)
    for each in spec["metrics"].items():
        name = each["resource"]["name"]
        percent = each["resource"]["target"]["averageUtilization"]
        if each["type"].peek == "Resource" and name.peek in _TARGETS and percent:
            each["type"].take()
            name.take()
            each["resource"]["target"]["type"].holds("Utilization")
            draft.put(f"scaling.targets.{_TARGETS[name.peek]}", percent.number(), percent)
    delay = spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"]
    draft.put("scaling.scaleDownDelaySeconds", delay.number(), delay)


def _budget(draft: Draft, budget: Reader) -> None:
    budget.hints(BUDGET_HINTS)
    read_identity(budget, name_of(budget))
    read_needless_metadata(budget["metadata"])
    spec = budget["spec"]
    spec["selector"].needless("Longshore selects the pods that it makes")
    for key in ("minAvailable", "maxUnavailable"):
        draft.put(f"availability.{key}", spec[key].read(int_or_percent), spec[key])


def int_or_percent(text: str) -> int | str | None:
    """`2` → 2, `25%` → 25%; None for what the contract doesn't take."""
    if re.fullmatch(r"(100|[1-9]?[0-9])%", text):
        return text
    return int(text) if re.fullmatch(r"\d{1,4}", text) and int(text) <= 1000 else None
