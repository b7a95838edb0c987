"""AWS Copilot manifests: Load Balanced Web, Backend, Request-Driven Web and Worker Services, and Scheduled Jobs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from longshore.convert.aws_container import read_health_command
from longshore.convert.draft import Draft, KindName, Obj, Options, named, object_name
from longshore.convert.reader import Reader
from longshore.convert.units import cpu_of_units, memory_of_mib, seconds

SERVICES = ("Load Balanced Web Service", "Backend Service", "Request-Driven Web Service", "Worker Service")
JOB = "Scheduled Job"
_ROUTE = "an app is reached inside the cluster: make an Ingress or HTTPRoute to its Service"
_TRAFFIC = "scale by cpu or memory: scaling.targets"
HINTS = {
    "type": "only services and scheduled jobs are converted",
    "http": _ROUTE,
    "http.healthcheck": "the health check has no such setting",
    "http.healthcheck.healthy_threshold": "one check that succeeds is enough",
    "http.healthcheck.success_codes": "200 to 399 is healthy",
    "http.healthcheck.port": "health is asked on the app's own port",
    "http.deregistration_delay": "set drainSeconds, the seconds that a replica goes on serving while it is taken out",
    "nlb": "an app is reached inside the cluster: make a Service of type LoadBalancer that selects longshore.dev/webapp: {app}",
    "image.credentials": "make a Secret of type kubernetes.io/dockerconfigjson and name it in imagePullSecrets",
    "image.labels": "what still matters goes into labels or annotations",
    "image.depends_on": "containers beside it aren't converted: an init container or a sidecar starts before it",
    "image.build": "build the image in your pipeline",
    "image.healthcheck": "health is asked over the network, not by a command: set health.path, health.tcp or health.grpc",
    "count": "scale by replicas: scaling.minReplicas and maxReplicas",
    "count.spot": "say so by placement.capacity: Spot",
    "count.range.spot_from": "replicas are all of one capacity: placement.capacity",
    "count.cooldown": "replicas are added as soon as they are needed, and removed after scaling.scaleDownDelaySeconds",
    "count.requests": _TRAFFIC,
    "count.response_time": _TRAFFIC,
    "count.queue_delay": f"{_TRAFFIC}; for queues install KEDA and scale the WebApp by its scale subresource",
    "exec": "kubectl exec does it, for those who may",
    "env_file": "put the variables into a ConfigMap and name it in envFrom",
    "variables": "write the value itself",
    "secrets": "make a Secret and refer to it by valueFrom.secretKeyRef",
    "storage": "make a PersistentVolumeClaim and mount it",
    "storage.ephemeral": "set resources.limits.ephemeral-storage, or an emptyDir volume with a sizeLimit",
    "sidecars": "write it to sidecars, or run it as an app of its own",
    "logging": "the container writes to standard output; a log agent on the nodes ships it",
    "network": "pods are in the cluster's network; an app is found at {app}.NAMESPACE.svc; keep traffic out by a NetworkPolicy",
    "observability": "send traces to a collector by OpenTelemetry's variables",
    "publish": "give the app the topics' names by env, and its ServiceAccount the right to publish",
    "subscribe": "give the app the queue's address by env, and its ServiceAccount the right to receive",
    "deployment.rollback_alarms": "a rollout is judged by the health of its replicas, not by alarms",
    "taskdef_overrides": "write what they change into the spec",
    "environments": "convert once for each environment, with its fields written in place at the top",
    "platform": "there are only Linux containers",
    "tags": "what still matters goes into labels or annotations",
    "on": "write the BatchJob's spec to the template of a JobDefinition, and when it runs to its schedules, as five fields of cron",
}
_ARCHITECTURES = {
    "linux/amd64": "amd64", "linux/x86_64": "amd64", "linux/arm64": "arm64", "linux/arm": "arm64", "x86_64": "amd64", "arm64": "arm64",
}  # fmt: skip
_PROTOCOLS = {"http1": "HTTP", "http2": "H2C", "grpc": "GRPC"}
_MOST_ATTEMPTS = 10
_MACROS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip


def cron_of(text: str) -> str | None:
    """`@daily`, `@every 15m`, `0 3 * * *` → five fields of cron; None for what these can't say."""
    if text in _MACROS:
        return _MACROS[text]
    if every := re.fullmatch(r"@every (\d+)(m|h)", text):
        number, whole = int(every[1]), {"m": 60, "h": 24}[every[2]]
        if not number or number >= whole or whole % number:
            return "0 * * * *" if (number, every[2]) in ((60, "m"), (1, "h")) else None
        return f"*/{number} * * * *" if every[2] == "m" else f"0 */{number} * * *"
    return text if len(text.split()) == 5 else None


def recognises(content: object) -> bool:
    """Whether this is the manifest of a service or a scheduled job."""
    return isinstance(content, dict) and content.get("type") in (*SERVICES, JOB)


def convert(roots: Sequence[Reader], options: Options) -> list[Draft]:
    """An app for each service, a job for each scheduled job."""
    alone = options if len(roots) == 1 else Options(image=options.image)
    return [_converted(root, alone) for root in roots]


def _converted(root: Reader, options: Options) -> Draft:
    kind: KindName = "BatchJob" if root["type"].peek == JOB else "WebApp"
    draft = named(kind, root["name"], options, "app")
    root.hints({key: hint.replace("{app}", draft.name) for key, hint in HINTS.items()})
    _image(draft, root["image"], options)
    draft.words("command", root["entrypoint"])
    draft.words("args", root["command"])
    if root["cpu"] or root["memory"]:
        cpu, memory = root["cpu"].read(cpu_of_units), root["memory"].read(memory_of_mib)
        draft.amounts(cpu, memory, root["cpu"] or root["memory"])
    platform = root["platform"]["architecture"] or root["platform"]
    draft.put("placement.architecture", platform.read(_ARCHITECTURES.get), platform)
    for name, each in root["variables"].fields():
        if (value := each.text()) is not None:
            draft.variable(name, value, each)
    _secrets(draft, root["secrets"])
    _storage(draft, root["storage"])
    root["exec"].holds(False, "false")
    if kind == "BatchJob":
        root["type"].take()
        when = root["on"]["schedule"]
        draft.scheduled("cron", when.read(cron_of), when)
        _job(draft, root)
    else:
        _service(draft, root)
    return draft


def _image(draft: Draft, image: Reader, options: Options) -> None:
    if image["location"] or not image["build"]:
        draft.image(image["location"], options)
    else:
        image["build"].take()
        draft.image(
            Reader(image.document, image["build"].path, None), options, "Copilot builds it from a Dockerfile"
        )


def _secrets(draft: Draft, secrets: Reader) -> None:
    for name, each in secrets.fields():
        if isinstance(each.value, str):
            draft.secret(name, each, "Parameter Store")
        elif each["secretsmanager"].text():
            draft.secret(name, each, "Secrets Manager")


def _storage(draft: Draft, storage: Reader) -> None:
    read_only = storage["readonly_fs"]
    draft.put("security.readOnlyRootFilesystem", read_only.flag() or None, read_only)
    for name, each in storage["volumes"].fields():
        claim = object_name("WebApp", name)
        made: Obj = {
            "name": claim,
            "mountPath": each["path"].text() or "",
            "persistentVolumeClaim": {"claimName": claim},
        }
        if each["read_only"].flag() is not False:
            made["readOnly"] = True
        if draft.add("volumes", made, each):
            each["efs"].leave(
                f"make the PersistentVolumeClaim {claim} for the file system, with the EFS CSI driver; {draft.name} mounts"
                " that claim"
            )


def _service(draft: Draft, root: Reader) -> None:
    kind, http = root["type"], root["http"]
    if kind.peek == "Worker Service":
        kind.leave(
            "a worker answers no requests, and an app is healthy when something answers on its port: let the worker open"
            " one, or keep it as a Deployment"
        )
    if kind.peek in SERVICES:
        kind.take()
    http.holds(False, "false")
    target = http["target_port"]
    port = root["image"]["port"]
    if target:
        port.needless("the load balancer asks another port")
    draft.put("port", (target or port).number(), target or port)
    draft.put("protocol", http["version"].read(_PROTOCOLS.get), http["version"])
    _health(draft, http["healthcheck"])
    if "path" not in draft.spec.get("health", {}):
        read_health_command(draft, root["image"]["healthcheck"])
    _count(draft, root["count"])
    rolling = root["deployment"]["rolling"]
    if rolling.peek == "recreate":
        rolling.take()
        draft.put("rollout.strategy", "Recreate", rolling)
    rolling.holds("default")


def _health(draft: Draft, check: Reader) -> None:
    if isinstance(check.value, str):
        draft.put("health.path", check.text(), check)
        return
    draft.put("health.path", check["path"].text(), check["path"])
    for field, key in (
        ("intervalSeconds", "interval"),
        ("timeoutSeconds", "timeout"),
        ("startupSeconds", "grace_period"),
    ):
        draft.put(f"health.{field}", check[key].read(seconds) or None, check[key])
    draft.put("health.failureThreshold", check["unhealthy_threshold"].number(), check["unhealthy_threshold"])


def _count(draft: Draft, count: Reader) -> None:
    if not isinstance(count.value, dict):
        number = count.number()
        if number == 0:
            draft.put("suspend", True, count)
        draft.put("scaling.minReplicas", number or None, count)
        return
    limits = count["range"]
    if found := re.fullmatch(r"(\d+)-(\d+)", limits.peek):
        least, most, where = int(found[1]), int(found[2]), (limits, limits)
        limits.take()
    else:
        least, most, where = (
            limits["min"].number() or 0,
            limits["max"].number() or 0,
            (limits["min"], limits["max"]),
        )
    draft.put("scaling.minReplicas", least or (1 if most else None), where[0])
    draft.put("scaling.maxReplicas", most or None, where[1])
    for field, key in (("cpuPercent", "cpu_percentage"), ("memoryPercent", "memory_percentage")):
        target = count[key]["value"] or count[key]
        draft.put(f"scaling.targets.{field}", target.number(), target)
    if spot := count["spot"].number():
        draft.put("scaling.minReplicas", spot, count["spot"])
        draft.put("placement.capacity", "Spot", count["spot"])
    # Copilot's `in` is the time before replicas are removed, whatever its name suggests.
    calm = count["cooldown"]["in"]
    draft.put("scaling.scaleDownDelaySeconds", calm.read(seconds), calm)


def _job(draft: Draft, root: Reader) -> None:
    retries, timeout = root["retries"], root["timeout"]
    if (number := retries.number()) is not None:
        draft.put("retry.attempts", min(number + 1, _MOST_ATTEMPTS), retries)
        if number + 1 > _MOST_ATTEMPTS:
            retries.changed(f"{_MOST_ATTEMPTS} attempts are the most")
    draft.put("timeouts.totalSeconds", timeout.read(seconds), timeout)
