"""Elastic Beanstalk: Dockerrun.aws.json of version 1 and 3 (one container) and 2 (containers as in ECS)."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.convert.aws_container import read_container
from longshore.convert.draft import Draft, Options, named
from longshore.convert.reader import Reader
from longshore.convert.units import cpu_of_units, memory_of_mib

HINTS = {
    "Authentication": "make a Secret of type kubernetes.io/dockerconfigjson and name it in imagePullSecrets",
    "authentication": "make a Secret of type kubernetes.io/dockerconfigjson and name it in imagePullSecrets",
    "Logging": "the app writes to standard output; a log agent on the nodes ships it",
    "Volumes": "the host's files can't be mounted: put them into the image, files, a ConfigMap or a claim",
    "Ports": "an app has one port: run another app for it",
    "executionRoleArn": "the nodes pull images; for a registry that they may not read, set imagePullSecrets",
    "Image.Update": "a tag that moves is pulled again only where the node lacks it: give every image a tag of its own",
}  # fmt: skip


def recognises(content: object) -> bool:
    """Whether this is a Dockerrun.aws.json."""
    return isinstance(content, dict) and "AWSEBDockerrunVersion" in content


def convert(roots: Sequence[Reader], options: Options) -> list[Draft]:
    """One app for each file of one container, and for each container of the others that opens a port."""
    return [draft for root in roots for draft in _converted(root, options)]


def _converted(root: Reader, options: Options) -> list[Draft]:
    root.hints(HINTS)
    root["AWSEBDockerrunVersion"].needless("the version of the format")
    containers = root["containerDefinitions"].items()
    if not containers:
        return [_single(root, options)]
    return [_container(root, each, options if len(containers) == 1 else Options()) for each in containers]


def _single(root: Reader, options: Options) -> Draft:
    draft = named("WebApp", root["name"], options, "app")
    image = root["Image"]
    draft.image(
        image["Name"], options, "Elastic Beanstalk builds from the Dockerfile beside, which a WebApp doesn't"
    )
    draft.words("command", root["Entrypoint"])
    draft.words("args", root["Command"])
    ports = root["Ports"].items()
    if ports:
        draft.put("port", ports[0]["ContainerPort"].number(), ports[0]["ContainerPort"])
        ports[0]["HostPort"].needless("pods have addresses of their own")
    return draft


def _container(root: Reader, container: Reader, options: Options) -> Draft:
    draft = named("WebApp", container["name"], options, "app")
    mappings = container["portMappings"].items()
    if mappings:
        draft.put("port", mappings[0]["containerPort"].number(), mappings[0]["containerPort"])
        mappings[0]["hostPort"].needless("pods have addresses of their own")
        mappings[0]["protocol"].holds("tcp")
    else:
        container["portMappings"].missing(
            "no port is opened, and an app is healthy when something answers on one: set port, or leave the container out"
        )
    read_container(draft, container, root["volumes"], options)
    memory = container["memory"].read(memory_of_mib)
    reserved = container["memoryReservation"].read(memory_of_mib)
    cpu = container["cpu"].read(cpu_of_units)
    requests = {"cpu": cpu, "memory": reserved or memory}
    draft.resources(
        {name: each for name, each in requests.items() if each},
        {"memory": memory} if memory else {},
        container["memory"] or container["memoryReservation"],
    )
    return draft
