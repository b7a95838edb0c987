"""A container definition as ECS, AWS Batch and Elastic Beanstalk's Dockerrun v2 share it."""

from __future__ import annotations

import re

from longshore.convert.draft import Draft, Obj, Options, object_name
from longshore.convert.reader import Reader
from longshore.convert.units import memory_of_mib, seconds

HINTS = {
    "links": "containers of one pod don't link: reach another app by its Service",
    "repositoryCredentials": "make a Secret of type kubernetes.io/dockerconfigjson and name it in imagePullSecrets",
    "environmentFiles": "put the variables into a ConfigMap or Secret and name it in envFrom",
    "volumesFrom": "mount the volume itself in volumes",
    "linuxParameters": "pods have no such setting here; initProcessEnabled: use an image with its own init, such as tini",
    "linuxParameters.capabilities": "containers have no capabilities here: let the app do without",
    "linuxParameters.devices": "devices are asked for by resources.gpu, where a device plugin offers them",
    "dependsOn": "init containers and sidecars start before the app, in the order in which they are written",
    "essential": "each container is an app or a job of its own",
    "startTimeout": "a container may take its time to start",
    "hostname": "a pod is called by its own name",
    "workingDirectory": "set WORKDIR in the image, or command: [/bin/sh, -c, cd … && exec …]",
    "disableNetworking": "keep traffic out by a NetworkPolicy",
    "privileged": "containers have no privileges here: let the app do without, or keep it where it is",
    "dnsServers": "the cluster's DNS answers; set forwarding there",
    "dnsSearchDomains": "the cluster's DNS answers; use full names",
    "extraHosts": "add the names to DNS",
    "dockerSecurityOptions": "the runtime's default seccomp profile holds",
    "interactive": "there is no terminal",
    "pseudoTerminal": "there is no terminal",
    "dockerLabels": "what still matters goes into labels or annotations",
    "ulimits": "the node's limits hold: set them there, or let the app raise its own soft limits",
    "logConfiguration": "the container writes to standard output; a log agent on the nodes ships it",
    "healthCheck": "health is asked over the network, not by a command: set health.path, health.tcp or health.grpc",
    "systemControls": "the node's settings hold",
    "firelensConfiguration": "a log agent on the nodes ships what the container writes to standard output",
    "credentialSpecs": "there are no Windows accounts",
    "restartPolicy": "a container that ends is started again, with growing pauses",
    "resourceRequirements": "ask for accelerators by resources.gpu",
    "portMappings": "there is one port: run another app for it, or keep the Service that you have",
}
VOLUME_HINTS = {
    "*": "no container that was converted mounts it",
    "*.efsVolumeConfiguration": "the claim stands for the file system: its settings go into the PersistentVolume",
    "*.host": "the node's files can't be mounted: put them into the image, files, a ConfigMap or a claim",
    "*.dockerVolumeConfiguration": "Docker's volume drivers aren't there: make a PersistentVolumeClaim and mount it",
    "*.s3filesVolumeConfiguration": "make a PersistentVolumeClaim (Mountpoint for S3 CSI driver) and mount it",
    "*.fsxWindowsFileServerVolumeConfiguration": "make a PersistentVolumeClaim (SMB CSI driver) and mount it",
}
_LOCAL_URL = re.compile(r"http://(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::(\d+))?(/[^\s'\"|;&]*)?")


def read_container(draft: Draft, container: Reader, volumes: Reader, options: Options) -> None:
    """All of a container but its port, cpu and memory, which the services tell in different places."""
    container.hints(HINTS)
    volumes.hints(VOLUME_HINTS)
    container["name"].needless("the container's own name")
    draft.image(container["image"], options)
    draft.words("command", container["entryPoint"])
    if draft.get("args"):
        container["command"].needless("the submission says otherwise")
    else:
        draft.words("args", container["command"])
    said = {each["name"] for each in draft.spec.get("env", ())}
    for each in container["environment"].items():
        if each["name"].peek in said:
            each.needless("the submission says otherwise")
        else:
            read_variable(draft, each)
    for each in container["secrets"].items():
        each["valueFrom"].take()
        draft.secret(each["name"].text() or "", each, "Secrets Manager or Parameter Store")
    draft.put(
        "security.readOnlyRootFilesystem",
        container["readonlyRootFilesystem"].flag() or None,
        container["readonlyRootFilesystem"],
    )
    container["privileged"].holds(False)
    container["essential"].holds(True)
    container["versionConsistency"].needless("a tag that moves is pulled as it is; a digest pins it")
    _user(draft, container["user"])
    _gpu(draft, container["resourceRequirements"])
    _memory_files(draft, container["linuxParameters"])
    draft.put("terminationGracePeriodSeconds", container["stopTimeout"].number(), container["stopTimeout"])
    for each in container["mountPoints"].items():
        _mount(draft, each, volumes)


def read_variable(draft: Draft, item: Reader) -> None:
    """A `{name, value}` pair."""
    name, value = item["name"].text(), item["value"].text()
    if name is not None and value is not None:
        draft.variable(name, value, item)


def read_health_command(draft: Draft, check: Reader) -> None:
    """A health check by command, if all that it does is to ask the app's own port."""
    how, *words = [str(each.value) for each in check["command"].items()] or [""]
    found = _LOCAL_URL.search(" ".join(words))
    if how not in ("CMD", "CMD-SHELL") or not found or int(found[1] or 80) != draft.get("port"):
        return
    check["command"].take()
    if not draft.put("health.path", found[2] or "/", check["command"]):
        return
    check["command"].changed(
        f"the kubelet asks {found[2] or '/'} itself, instead of a command in the container"
    )
    start = check["startPeriod"] or check["start_period"]
    draft.put("health.intervalSeconds", check["interval"].read(seconds), check["interval"])
    draft.put("health.timeoutSeconds", check["timeout"].read(seconds), check["timeout"])
    draft.put("health.failureThreshold", check["retries"].number(), check["retries"])
    draft.put("health.startupSeconds", start.read(seconds) or None, start)


def _user(draft: Draft, user: Reader) -> None:
    text = user.text()
    if text is None:
        return
    name, _, group = text.partition(":")
    if name in ("0", "root"):
        draft.put("security.profile", "Baseline", user)
        draft.put("security.runAsUser", 0, user)
        user.changed("root needs security.profile: Baseline, and a namespace that allows it")
    elif name.isdecimal():
        draft.put("security.runAsUser", int(name), user)
    else:
        user.leave("a user is named by its number: write it to security.runAsUser")
        return
    if group:
        user.changed("the group isn't set: the user's own group in the image holds")


def _gpu(draft: Draft, requirements: Reader) -> None:
    for each in requirements.items():
        if each["type"].peek == "GPU":
            each["type"].take()
            draft.put("resources.gpu.count", each["value"].number(), each["value"])


def _memory_files(draft: Draft, parameters: Reader) -> None:
    shared = parameters["sharedMemorySize"]
    if (size := shared.read(memory_of_mib)) is not None:
        _add_memory_files(draft, "shm", "/dev/shm", size, shared)  # noqa: S108
    for number, each in enumerate(parameters["tmpfs"].items()):
        path, size = each["containerPath"].text(), each["size"].read(memory_of_mib)
        if path and size:
            _add_memory_files(draft, f"tmpfs-{number}", path, size, each)


def _add_memory_files(draft: Draft, name: str, path: str, size: str, source: Reader) -> None:
    scratch = {"sizeLimit": size, "medium": "Memory"}
    if draft.add("volumes", {"name": name, "mountPath": path, "emptyDir": scratch}, source):
        source.changed("files in memory count against the memory limit")


def _mount(draft: Draft, mount: Reader, volumes: Reader) -> None:
    name = mount["sourceVolume"].text()
    volume = next((each for each in volumes.items() if each["name"].peek == name), None)
    if volume is None or name is None:
        mount.leave("there is no volume of that name: add one to volumes")
        return
    source = _volume_source(draft, volume, name)
    if source is None:
        mount.leave(f"the volume {name} was left")
        return
    made: Obj = {"name": object_name("WebApp", name), "mountPath": mount["containerPath"].text() or ""}
    if mount["readOnly"].flag():
        made["readOnly"] = True
    draft.add("volumes", made | source, mount)


def _volume_source(draft: Draft, volume: Reader, name: str) -> dict[str, object] | None:
    host = volume["host"]
    volume["name"].take()
    if volume["efsVolumeConfiguration"]:
        claim = object_name("WebApp", name)
        file_system = volume["efsVolumeConfiguration"]["fileSystemId"]
        file_system.leave(
            f"make the PersistentVolumeClaim {claim} for it, with the EFS CSI driver; {draft.name} mounts that claim"
        )
        return {"persistentVolumeClaim": {"claimName": claim}}
    known = {"name", "host", "configuredAtLaunch"}
    if host["sourcePath"] or any(each and key not in known for key, each in volume.fields()):
        return None
    volume["configuredAtLaunch"].holds(False)
    return {"emptyDir": {}}
