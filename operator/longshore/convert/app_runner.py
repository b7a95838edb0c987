"""AWS App Runner: `aws apprunner describe-service`, `describe-auto-scaling-configuration`, and apprunner.yaml."""

from __future__ import annotations

import re
from collections.abc import Sequence

from longshore.convert.aws_container import read_variable
from longshore.convert.draft import ACCOUNT, Draft, Options, named
from longshore.convert.reader import Reader
from longshore.convert.units import cpu_of_units, memory_of_mib

_BUILD = "build an image from the source"
SERVICE_HINTS = {
    "SourceConfiguration.CodeRepository": f"{_BUILD} in your pipeline: a Dockerfile that does these steps",
    "SourceConfiguration.AutoDeploymentsEnabled": "an app is rolled out when its spec changes: let the pipeline write the new image",
    "SourceConfiguration.AuthenticationConfiguration": "the nodes pull images; for a registry that they may not read, set imagePullSecrets",
    "InstanceConfiguration.InstanceRoleArn": ACCOUNT,
    "EncryptionConfiguration": "encryption of Secrets and volumes is the cluster's business",
    "HealthCheckConfiguration.HealthyThreshold": "one check that succeeds is enough",
    "AutoScalingConfigurationSummary": "add the output of aws apprunner describe-auto-scaling-configuration to the files",
    "NetworkConfiguration.EgressConfiguration": "pods are in the cluster's network and reach what it reaches",
    "NetworkConfiguration.IngressConfiguration": "an app is reached inside the cluster: make an Ingress or HTTPRoute to its Service",
    "NetworkConfiguration.IpAddressType": "the cluster's address families hold",
    "ObservabilityConfiguration": "send traces to a collector by OpenTelemetry's variables",
}  # fmt: skip
FILE_HINTS = {
    "build": f"{_BUILD}: these are steps of its Dockerfile",
    "runtime": f"{_BUILD}: its base image is this runtime",
    "run.runtime-version": f"{_BUILD}: its base image is this runtime",
    "run.pre-run": "do it in the image's entrypoint, before the app starts",
}
_STATE = ("ServiceId", "ServiceArn", "ServiceUrl", "CreatedAt", "UpdatedAt", "DeletedAt", "Status")
_SCALING_STATE = (
    "AutoScalingConfigurationArn", "AutoScalingConfigurationName", "AutoScalingConfigurationRevision", "Latest", "Status",
    "CreatedAt", "DeletedAt", "HasAssociatedService", "IsDefault",
)  # fmt: skip
_SHELL = re.compile(r"[&|;<>$`*?(){}]")


def recognises(content: object) -> bool:
    """Whether this is a service, its scaling, or an apprunner.yaml."""
    if not isinstance(content, dict):
        return False
    service = content.get("Service", content)
    return (
        (isinstance(service, dict) and "SourceConfiguration" in service)
        or "AutoScalingConfiguration" in content
        or {"version", "runtime", "run"} <= content.keys()
    )


def convert(roots: Sequence[Reader], options: Options) -> list[Draft]:
    """One app for each service, and for each apprunner.yaml without a service."""
    services = [root["Service"] or root for root in roots if (root["Service"] or root)["SourceConfiguration"]]
    scalings = [root["AutoScalingConfiguration"] for root in roots if root["AutoScalingConfiguration"]]
    files = [root for root in roots if root["runtime"]]
    for root in roots:
        root.hints({"AutoScalingConfiguration": "no service in the files is scaled by it"})
        root["OperationId"].needless("what App Runner itself keeps")
    drafts = [_service(each, scalings, options) for each in services]
    if len(drafts) == len(files) == 1:
        _file(drafts[0], files[0])
        return drafts
    for each in files:
        draft = named("WebApp", each["name"], options, "app")
        draft.image(each["image"], options, "App Runner builds from source, which a WebApp doesn't")
        _file(draft, each)
        drafts.append(draft)
    return drafts


def _service(service: Reader, scalings: Sequence[Reader], options: Options) -> Draft:
    service.hints(SERVICE_HINTS)
    draft = named("WebApp", service["ServiceName"], options, "app")
    if service["Status"].peek == "PAUSED":
        draft.put("suspend", True, service["Status"])
    for key in _STATE:
        service[key].needless("what App Runner itself keeps")
    source = service["SourceConfiguration"]
    source["AutoDeploymentsEnabled"].holds(False)
    image, code = source["ImageRepository"], source["CodeRepository"]
    image["ImageRepositoryType"].needless("the image's reference tells")
    if image:
        draft.image(image["ImageIdentifier"], options)
        _runtime(draft, image["ImageConfiguration"], "args")
    else:
        draft.image(
            image["ImageIdentifier"], options, "App Runner builds from source, which a WebApp doesn't"
        )
        _runtime(draft, code["CodeConfiguration"]["CodeConfigurationValues"], "command")
    instance = service["InstanceConfiguration"]
    cpu, memory = instance["Cpu"].read(cpu_of_units), instance["Memory"].read(memory_of_mib)
    draft.amounts(cpu or "1", memory or "2Gi", instance)
    _health(draft, service["HealthCheckConfiguration"])
    _scaling(draft, service["AutoScalingConfigurationSummary"], scalings)
    network = service["NetworkConfiguration"]
    network["EgressConfiguration"]["EgressType"].holds("DEFAULT")
    network["IngressConfiguration"]["IsPubliclyAccessible"].holds(False)
    network["IpAddressType"].holds("IPV4")
    service["ObservabilityConfiguration"]["ObservabilityEnabled"].holds(False)
    return draft


def _runtime(draft: Draft, settings: Reader, command: str) -> None:
    draft.put("port", settings["Port"].number(), settings["Port"])
    start = settings["StartCommand"]
    if start:
        _start(draft, start, command)
    for name, each in settings["RuntimeEnvironmentVariables"].fields():
        if (value := each.text()) is not None:
            draft.variable(name, value, each)
    for name, each in settings["RuntimeEnvironmentSecrets"].fields():
        draft.secret(name, each, "Secrets Manager or Parameter Store")


def _start(draft: Draft, start: Reader, field: str) -> None:
    text = start.text()
    if text and _SHELL.search(text):
        draft.put("command", ["/bin/sh", "-c", text], start)
        start.changed("it is a shell's command: the image needs /bin/sh")
        return
    draft.words(field, start)
    if field == "args":
        start.changed(
            "it replaces the image's CMD; if the image has an ENTRYPOINT to replace as well, move it to command"
        )


def _health(draft: Draft, check: Reader) -> None:
    if check["Protocol"].peek == "HTTP":
        check["Protocol"].take()
        draft.put("health.path", check["Path"].text() or "/", check["Path"] or check["Protocol"])
    else:
        check["Protocol"].holds("TCP")
        check["Path"].needless("only HTTP checks ask for a path")
    draft.put("health.intervalSeconds", check["Interval"].number(), check["Interval"])
    draft.put("health.timeoutSeconds", check["Timeout"].number(), check["Timeout"])
    draft.put("health.failureThreshold", check["UnhealthyThreshold"].number(), check["UnhealthyThreshold"])
    check["HealthyThreshold"].holds(1)


def _scaling(draft: Draft, summary: Reader, scalings: Sequence[Reader]) -> None:
    arn = summary["AutoScalingConfigurationArn"].peek
    scaling = next((each for each in scalings if each["AutoScalingConfigurationArn"].peek == arn), None)
    if scaling is None and summary["MaxSize"]:
        scaling = summary
    if scaling is None:
        return
    for each in (summary, scaling):
        for key in _SCALING_STATE:
            each[key].needless("what App Runner itself keeps")
    draft.put("scaling.minReplicas", scaling["MinSize"].number(), scaling["MinSize"])
    draft.put("scaling.maxReplicas", scaling["MaxSize"].number(), scaling["MaxSize"])
    scaling["MaxConcurrency"].leave(
        "replicas are added by cpu use, 70 percent, not by requests at once: see whether that fits, or set"
        " scaling.targets"
    )


def _file(draft: Draft, file: Reader) -> None:
    file.hints(FILE_HINTS)
    file["version"].needless("the version of the format")
    run = file["run"]
    if run["command"] and draft.get("command") is None:
        _start(draft, run["command"], "command")
    network = run["network"]
    if draft.get("port") is None:
        draft.put("port", network["port"].number(), network["port"])
    if (name := network["env"].text()) and draft.get("port"):
        draft.add("env", {"name": name, "value": str(draft.get("port"))}, network["env"])
    for each in run["env"].items():
        read_variable(draft, each)
    for each in run["secrets"].items():
        each["value-from"].take()
        draft.secret(each["name"].text() or "", each, "Secrets Manager or Parameter Store")
