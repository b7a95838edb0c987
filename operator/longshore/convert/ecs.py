"""Amazon ECS: a task definition, with the service that runs it and how it is scaled, as the AWS CLI prints them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from longshore.convert.aws_container import read_container, read_health_command
from longshore.convert.draft import ACCOUNT, NO_IMAGE, Draft, KindName, Options, named
from longshore.convert.kubernetes.helpers import add_helper
from longshore.convert.reader import Reader
from longshore.convert.units import cpu_of_units, memory_of_mib, whole

TASK_HINTS = {
    "taskRoleArn": ACCOUNT,
    "executionRoleArn": "the nodes pull images; for a registry that they may not read, set imagePullSecrets",
    "placementConstraints": "say where pods run by placement",
    "proxyConfiguration": "a service mesh is the cluster's business",
    "ephemeralStorage": "set resources.limits.ephemeral-storage, or an emptyDir volume with a sizeLimit",
    "inferenceAccelerators": "ask for accelerators by resources.gpu",
    "pidMode": "a pod's processes are its own",
    "ipcMode": "a pod's memory is its own",
    "enableFaultInjection": "use the cluster's own fault tools",
    "runtimePlatform.operatingSystemFamily": "there are only Linux containers",
    "networkMode": "every pod has an address of its own",
    "tags": "what still matters goes into labels or annotations",
    "volumes": "no container that was converted mounts it",
}
SERVICE_HINTS = {
    "loadBalancers": "an app is reached inside the cluster: make an Ingress or HTTPRoute to its Service, and move DNS",
    "serviceRegistries": "an app is found at NAME.NAMESPACE.svc",
    "deploymentConfiguration.alarms": "a rollout is judged by the health of its replicas, not by alarms",
    "deploymentConfiguration.bakeTimeInMinutes": "a rollout is done once all replicas are healthy",
    "deploymentConfiguration.strategy": "replicas are replaced step by step",
    "deploymentConfiguration.lifecycleHooks": "nothing is called during a rollout",
    "deploymentConfiguration": "a rollout has no such setting",
    "networkConfiguration": "pods are in the cluster's network; keep traffic out by a NetworkPolicy, or security groups for pods",
    "placementConstraints": "say where pods run by placement",
    "placementStrategy": "say how pods are spread by placement.spread",
    "capacityProviderStrategy": "say which nodes by placement.capacity",
    "schedulingStrategy": "for one replica on each node write scaling.mode: PerNode",
    "deploymentController": "rollouts are Longshore's own",
    "serviceConnectConfiguration": "an app is found at NAME.NAMESPACE.svc; a mesh is the cluster's business",
    "volumeConfigurations": "make a PersistentVolumeClaim, or use an ephemeral volume",
    "vpcLatticeConfigurations": "make a Gateway of the AWS Gateway API controller",
    "tags": "what still matters goes into labels or annotations",
    "enableExecuteCommand": "kubectl exec does it, for those who may",
}
BESIDE_HINTS = {
    "portMappings": "a port that others reach goes into extraPorts",
    "dependsOn": "containers beside the app's are started in the order in which they are written",
    "healthCheck": "health is the app's: a sidecar that ends is started again",
    "mountPoints": "mount it in the app as well, in volumes, and then here by volumeMounts",
}
_TASK_STATE = (
    "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt",
    "deregisteredAt", "deleteRequestedAt", "registeredBy",
)  # fmt: skip
_SERVICE_STATE = (
    "serviceArn", "clusterArn", "status", "runningCount", "pendingCount", "platformVersion", "platformFamily", "taskSets",
    "deployments", "roleArn", "events", "createdAt", "currentServiceDeployment", "currentServiceRevisions", "createdBy",
    "cluster", "clientToken",
)  # fmt: skip
_ARCHITECTURES = {"X86_64": "amd64", "ARM64": "arm64"}
_PROTOCOLS = {"http": "HTTP", "http2": "H2C", "grpc": "GRPC"}
_TARGETS = {
    "ECSServiceAverageCPUUtilization": "scaling.targets.cpuPercent",
    "ECSServiceAverageMemoryUtilization": "scaling.targets.memoryPercent",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What the documents hold, each unwrapped from what the AWS CLI prints around it."""

    tasks: list[Reader]
    services: list[Reader]
    targets: list[Reader]
    policies: list[Reader]


def recognises(content: object) -> bool:
    """Whether this is a task definition, a service, or how a service is scaled."""
    return (
        isinstance(content, dict)
        and "AWSEBDockerrunVersion" not in content
        and (
            bool(
                {"taskDefinition", "containerDefinitions", "ScalableTargets", "ScalingPolicies"}
                & content.keys()
            )
            or (isinstance(content.get("services"), list) and "failures" in content)
        )
    )


def convert(roots: Sequence[Reader], options: Options) -> list[Draft]:
    """One app for each task definition that a service runs or that opens a port; else one job."""
    parts = _parts(roots)
    drafts, used = [], set()
    for task in parts.tasks:
        service = next((each for each in parts.services if _runs(each, task)), None)
        if service is None and len(parts.tasks) == len(parts.services) == 1:
            service = parts.services[0]
        drafts.append(_converted(task, service, parts, options))
        used.add(id(service))
    for each in parts.services:
        if id(each) not in used:
            each.document.hint(
                each.path, "convert it together with its task definition: aws ecs describe-task-definition"
            )
    return drafts


def _parts(roots: Sequence[Reader]) -> Parts:
    parts = Parts([], [], [], [])
    for root in roots:
        if root["taskDefinition"]["containerDefinitions"].items():
            parts.tasks.append(root["taskDefinition"])
            root.hints({"tags": TASK_HINTS["tags"]})
        elif root["containerDefinitions"].items():
            parts.tasks.append(root)
        elif isinstance(root["taskDefinition"].value, str):
            parts.services.append(root)
        parts.services.extend(root["services"].items())
        parts.targets.extend(root["ScalableTargets"].items())
        parts.policies.extend(root["ScalingPolicies"].items())
    return parts


def _runs(service: Reader, task: Reader) -> bool:
    wanted = service["taskDefinition"].peek.rpartition("/")[2]
    family, revision = task["family"].peek, task["revision"].peek
    return wanted in (family, f"{family}:{revision}") or (not revision and wanted.startswith(f"{family}:"))


def _converted(task: Reader, service: Reader | None, parts: Parts, options: Options) -> Draft:
    task.hints(TASK_HINTS)
    containers = task["containerDefinitions"].items()
    main = _main(containers, service)
    kind: KindName = "WebApp" if service or main["portMappings"].items() else "BatchJob"
    draft = named(kind, service["serviceName"] if service else task["family"], options, "app")
    if service:
        task["family"].needless("the service's name is taken")
    elif kind == "BatchJob":
        task["family"].changed("no service runs it and it opens no port: taken for work that ends")
    _port(draft, main, service)
    read_container(draft, main, task["volumes"], options)
    read_health_command(draft, main["healthCheck"])
    _amounts(draft, task, main, alone=len(containers) == 1)
    before = {
        each["containerName"].peek
        for each in main["dependsOn"].items()
        if each["condition"].peek in ("SUCCESS", "COMPLETE")
    }
    for each in containers:
        if each.path == main.path:
            continue
        if kind == "BatchJob":
            each.leave("a job has one container: run the other as a job of its own, or keep it out")
        elif each["name"].peek in before:
            add_helper(draft, "initContainers", each, partial(_beside, task["volumes"]))
        elif add_helper(draft, "sidecars", each, partial(_beside, task["volumes"])):
            each.changed("a sidecar is started before the app, and stopped after it")
    _order(draft, main["dependsOn"])
    _platform(draft, task)
    for key in _TASK_STATE:
        task[key].needless("what ECS itself keeps")
    if service:
        _service(draft, service)
        _scaling(draft, service, parts)
    return draft


def _beside(volumes: Reader, helper: Draft, container: Reader) -> None:
    """A container beside the app's."""
    read_container(helper, container, volumes, Options(image=f"{NO_IMAGE}/helper:replace"))
    container.hints(BESIDE_HINTS)
    container["essential"].needless("a container that ends is started again")
    reserved, memory = container["memoryReservation"], container["memory"]
    cpu, limit = container["cpu"].read(cpu_of_units), memory.read(memory_of_mib)
    request = reserved.read(memory_of_mib) or limit
    helper.resources(
        {name: each for name, each in (("cpu", cpu), ("memory", request)) if each},
        {"memory": limit} if limit else {},
        container["cpu"] or memory or reserved,
    )


def _order(draft: Draft, needs: Reader) -> None:
    """What the app's container waits for runs before it in any case."""
    beside = {each["name"] for key in ("initContainers", "sidecars") for each in draft.get(key) or ()}
    for each in needs.items():
        if each["containerName"].peek in beside:
            each.needless("init containers have ended, and sidecars are started, before the app is")


def _main(containers: Sequence[Reader], service: Reader | None) -> Reader:
    """The container behind the load balancer, else the first essential one with a port, else the first."""
    balanced = {each["containerName"].peek for each in service["loadBalancers"].items()} if service else set()
    ranked = sorted(
        containers,
        key=lambda each: (
            each["name"].peek not in balanced,
            each["essential"].value is False,
            not each["portMappings"].items(),
        ),
    )
    return ranked[0]


def _port(draft: Draft, container: Reader, service: Reader | None) -> None:
    mappings = container["portMappings"].items()
    if draft.kind == "BatchJob":
        return
    if not mappings:
        container["portMappings"].missing(
            "no port is opened, and an app is healthy when something answers on one: set port, or keep it where it is"
        )
        return
    balancers = service["loadBalancers"].items() if service else []
    wanted = {
        each["containerPort"].peek
        for each in balancers
        if each["containerName"].peek == container["name"].peek
    }
    mapping = next((each for each in mappings if each["containerPort"].peek in wanted), mappings[0])
    draft.put("port", mapping["containerPort"].number(), mapping["containerPort"])
    mapping["hostPort"].needless("pods have addresses of their own")
    mapping["name"].needless("the port's own name")
    mapping["protocol"].holds("tcp")
    draft.put("protocol", mapping["appProtocol"].read(_PROTOCOLS.get), mapping["appProtocol"])


def _amounts(draft: Draft, task: Reader, container: Reader, alone: bool) -> None:
    """A task's amounts are limits; a container's cpu is a share, its memoryReservation a request."""
    own_cpu, own_memory = container["cpu"], container["memory"]
    task_cpu, task_memory = task["cpu"].read(cpu_of_units), task["memory"].read(memory_of_mib)
    cpu, memory = own_cpu.read(cpu_of_units), own_memory.read(memory_of_mib)
    reserved = container["memoryReservation"].read(memory_of_mib)
    source = task["cpu"] or task["memory"] or own_cpu or own_memory
    if task_cpu or task_memory:
        if alone:
            for each in (own_cpu, own_memory, container["memoryReservation"]):
                each.needless("the task's own amounts hold")
            draft.amounts(task_cpu or cpu, task_memory or memory or reserved, source, task_cpu is not None)
            return
        source.changed("the amounts are for all containers of the task: see whether the app needs them alone")
    requests = {"cpu": cpu or task_cpu, "memory": reserved or memory or task_memory}
    limits = {"cpu": task_cpu, "memory": memory or task_memory}
    draft.resources(
        {name: each for name, each in requests.items() if each},
        {name: each for name, each in limits.items() if each},
        source or container["memoryReservation"],
    )


def _platform(draft: Draft, task: Reader) -> None:
    platform = task["runtimePlatform"]
    draft.put(
        "placement.architecture",
        platform["cpuArchitecture"].read(_ARCHITECTURES.get),
        platform["cpuArchitecture"],
    )
    platform["operatingSystemFamily"].holds("LINUX")
    task["networkMode"].holds("awsvpc")
    task["requiresCompatibilities"].needless("nodes of any kind will do")


def _service(draft: Draft, service: Reader) -> None:
    service.hints(SERVICE_HINTS)
    for key in _SERVICE_STATE:
        service[key].needless("what ECS itself keeps")
    service["serviceName"].take()
    service["taskDefinition"].needless("names the task definition")
    service["launchType"].needless("nodes of any kind will do")
    service["schedulingStrategy"].holds("REPLICA")
    for key in (
        "propagateTags",
        "enableECSManagedTags",
        "availabilityZoneRebalancing",
        "resourceManagementType",
    ):
        service[key].needless("a setting of ECS alone")
    service["enableExecuteCommand"].holds(False)
    service["deploymentController"]["type"].holds("ECS")
    count = service["desiredCount"].number()
    if count == 0:
        draft.put("suspend", True, service["desiredCount"])
    else:
        draft.put("scaling.minReplicas", count, service["desiredCount"])
    grace = service["healthCheckGracePeriodSeconds"]
    patience, before = grace.number() or 0, draft.get("health.startupSeconds") or 0
    if patience > before:
        draft.sources.get("health.startupSeconds", grace).needless("the service gives more time to start")
        draft.put("health.startupSeconds", patience, grace)
    elif patience:
        grace.needless("the container has more time to start")
    _capacity(draft, service["capacityProviderStrategy"])
    _rollout(draft, service["deploymentConfiguration"])


def _capacity(draft: Draft, strategy: Reader) -> None:
    providers = {each["capacityProvider"].peek for each in strategy.items()}
    if providers == {"FARGATE_SPOT"}:
        draft.put("placement.capacity", "Spot", strategy)
        strategy.needless("one kind of nodes needs no weights")
    elif providers == {"FARGATE"}:
        strategy.needless("nodes of any kind will do")


def _rollout(draft: Draft, deployment: Reader) -> None:
    most, least = deployment["maximumPercent"].number(), deployment["minimumHealthyPercent"].number()
    breaker = deployment["deploymentCircuitBreaker"]
    breaker["enable"].needless("a rollout that fails is always given up")
    if breaker["rollback"].flag() is False and breaker["enable"].value:
        draft.put("rollout.autoRollback", False, breaker["rollback"])
    deployment["strategy"].holds("ROLLING")
    deployment["bakeTimeInMinutes"].holds(0)
    if least == 0 and most == 100:
        draft.put("rollout.strategy", "Recreate", deployment["minimumHealthyPercent"])
        return
    if most is not None:
        surge = min(max(most - 100, 0), 100)
        draft.put("rollout.maxSurge", f"{surge}%", deployment["maximumPercent"])
    if least is not None:
        draft.put("rollout.maxUnavailable", f"{max(100 - least, 0)}%", deployment["minimumHealthyPercent"])


def _scaling(draft: Draft, service: Reader, parts: Parts) -> None:
    name = service["serviceName"].peek
    for target in parts.targets:
        if not _is_of(target, name):
            continue
        draft.put("scaling.minReplicas", target["MinCapacity"].number() or None, target["MinCapacity"])
        draft.put("scaling.maxReplicas", target["MaxCapacity"].number(), target["MaxCapacity"])
        service["desiredCount"].needless("the autoscaler decides between the least and the most")
        target["SuspendedState"].needless("what is suspended now")
        _is_scaling(target, ("RoleARN", "CreationTime", "ScalableTargetARN", "PredictedCapacity"))
    for policy in parts.policies:
        if not _is_of(policy, name):
            continue
        _is_scaling(policy, ("PolicyARN", "PolicyName", "Alarms", "CreationTime"))
        tracking = policy["TargetTrackingScalingPolicyConfiguration"]
        metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
        policy.hints({"*": "scale by cpu or memory: scaling.targets"})
        if metric.peek not in _TARGETS:
            continue
        policy["PolicyType"].needless("the kind of policy")
        metric.take()
        value = tracking["TargetValue"]
        draft.put(_TARGETS[metric.peek], value.read(whole), value)
        draft.put(
            "scaling.scaleDownDelaySeconds", tracking["ScaleInCooldown"].number(), tracking["ScaleInCooldown"]
        )
        tracking["ScaleOutCooldown"].leave("replicas are added as soon as they are needed")
        tracking["DisableScaleIn"].holds(False)


def _is_of(scaling: Reader, service: str) -> bool:
    return scaling["ResourceId"].peek.rpartition("/")[2] == service


def _is_scaling(part: Reader, state: Sequence[str]) -> None:
    for key in ("ServiceNamespace", "ResourceId", "ScalableDimension"):
        part[key].needless("names the service")
    for key in state:
        part[key].needless("what Application Auto Scaling itself keeps")
