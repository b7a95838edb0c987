"""Specs that the API server refuses, each with the exact words that a user reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.apiserver.kube import Kube, Refused


@dataclass(frozen=True)
class Case:
    """A mistake, the field that the refusal names, and its message."""

    what: str
    kind: str
    spec: dict[str, Any]
    field: str
    message: str
    name: str = "case"


NO_ROOM_TO_DRAIN = (
    "availability.minAvailable would keep nodes from ever being drained: it has to leave room for one of"
    " scaling.minReplicas replicas to be away"
)


CASES = (
    Case(
        "a host that is an address",
        "WebApp",
        {"image": "shop:1", "expose": {"hosts": ["10.0.0.1"]}},
        "spec.expose.hosts[0]",
        'Invalid value: "10.0.0.1": write a host name in lower case such as shop.example.com, or *.example.com for all below it; no address, port or path',
    ),
    Case(
        "no host",
        "WebApp",
        {"image": "shop:1", "expose": {"path": "/api"}},
        "spec",
        "Invalid value: expose.hosts: name at least one host, such as shop.example.com",
    ),
    Case(
        "a path with dots",
        "WebApp",
        {"image": "shop:1", "expose": {"hosts": ["a.example"], "path": "/a/../b"}},
        "spec.expose.path",
        "Invalid value: \"/a/../b\": write the beginning of a path such as /api, without '//', '.' and '..' as segments, '?' and '#'",
    ),
    Case(
        "a Gateway and an Ingress",
        "WebApp",
        {
            "image": "shop:1",
            "expose": {"hosts": ["a.example"], "gateway": {"name": "a"}, "ingressClassName": "b"},
        },
        "spec.expose",
        "Invalid value: set at most one of gateway and ingressClassName",
    ),
    Case(
        "a Secret and an issuer",
        "WebApp",
        {
            "image": "shop:1",
            "expose": {"hosts": ["a.example"], "tls": {"secretName": "a", "issuer": {"name": "b"}}},
        },
        "spec.expose.tls",
        "Invalid value: set exactly one of secretName and issuer",
    ),
    Case(
        "a path of gRPC",
        "WebApp",
        {"image": "shop:1", "protocol": "GRPC", "expose": {"hosts": ["a.example"], "path": "/a"}},
        "spec",
        "Invalid value: expose.path is for protocols HTTP and H2C: leave it out",
    ),
    Case(
        "a certificate for an app that has its own",
        "WebApp",
        {
            "image": "shop:1",
            "protocol": "TLS",
            "expose": {"hosts": ["a.example"], "tls": {"secretName": "a"}},
        },
        "spec",
        "Invalid value: with protocol TLS the app itself has the certificate: leave out expose.tls, or use HTTP to have TLS end at the gateway",
    ),
    Case(
        "an Ingress for TCP",
        "WebApp",
        {"image": "shop:1", "protocol": "TLS", "expose": {"hosts": ["a.example"], "ingressClassName": "a"}},
        "spec",
        "Invalid value: an Ingress routes no protocol TLS or TCP: leave out expose.ingressClassName",
    ),
    Case(
        "TCP without a listener",
        "WebApp",
        {"image": "shop:1", "protocol": "TCP", "expose": {"gateway": {"name": "a"}}},
        "spec",
        "Invalid value: protocol TCP knows no hosts and no certificates: leave out expose.hosts and expose.tls, and name a listener of the app's own by expose.gateway.name and sectionName",
    ),
    Case(
        "replicas on each node",
        "WebApp",
        {"image": "shop:1", "scaling": {"mode": "PerNode", "minReplicas": 3}},
        "spec.scaling",
        "Invalid value: with mode PerNode there is one replica on each node: leave out minReplicas, maxReplicas, targets and schedules",
    ),
    Case(
        "a disruption limit on each node",
        "WebApp",
        {"image": "shop:1", "scaling": {"mode": "PerNode"}, "availability": {"maxUnavailable": 1}},
        "spec",
        "Invalid value: a drain leaves replicas of mode PerNode where they are: leave out availability",
    ),
    Case(
        "a schedule that changes nothing",
        "WebApp",
        {
            "image": "shop:1",
            "scaling": {"schedules": [{"name": "a", "cron": "0 8 * * *", "durationSeconds": 60}]},
        },
        "spec.scaling.schedules[0]",
        "Invalid value: set minReplicas, maxReplicas or both: a schedule without them changes nothing",
    ),
    Case(
        "a schedule that is no cron expression",
        "WebApp",
        {
            "image": "shop:1",
            "scaling": {
                "schedules": [{"name": "a", "cron": "every day", "durationSeconds": 60, "minReplicas": 2}]
            },
        },
        "spec.scaling.schedules[0].cron",
        'Invalid value: "every day": write the five fields minute, hour, day of month, month and day of week, such as 0 3 * * 1-5',
    ),
    Case(
        "a schedule for a moment",
        "WebApp",
        {
            "image": "shop:1",
            "scaling": {
                "schedules": [{"name": "a", "cron": "0 8 * * *", "durationSeconds": 5, "minReplicas": 2}]
            },
        },
        "spec.scaling.schedules[0].durationSeconds",
        "Invalid value: 5: spec.scaling.schedules[0].durationSeconds in body should be greater than or equal to 60",
    ),
    Case(
        "a schedule that leaves no room to drain",
        "WebApp",
        {
            "image": "shop:1",
            "availability": {"minAvailable": 2},
            "scaling": {
                "minReplicas": 3,
                "schedules": [{"name": "a", "cron": "0 8 * * *", "durationSeconds": 60, "minReplicas": 2}],
            },
        },
        "spec",
        "Invalid value: availability.minAvailable would keep nodes from ever being drained while a schedule holds: it has to be"
        " below the replicas of every schedule; with a percentage, schedules need two at least",
    ),
    Case(
        "a place with two names",
        "WebApp",
        {"image": "shop:1", "network": {"egress": [{"webApp": "cart", "podsIn": "carts"}]}},
        "spec.network.egress[0]",
        "Invalid value: set exactly one of webApp, podsIn and cidr",
    ),
    Case(
        "a range that is none",
        "WebApp",
        {"image": "shop:1", "network": {"egress": [{"cidr": "10.0.0.0"}]}},
        "spec.network.egress[0].cidr",
        'Invalid value: "10.0.0.0": write a range of addresses such as 10.0.0.0/8 or 2001:db8::/32; one address is 10.1.2.3/32',
    ),
    Case(
        "an exception from nothing",
        "WebApp",
        {"image": "shop:1", "network": {"egress": [{"podsIn": "db", "except": ["10.0.0.0/8"]}]}},
        "spec.network.egress[0]",
        "Invalid value: except takes parts out of cidr: set cidr, or leave out except",
    ),
    Case(
        "an exception from elsewhere",
        "WebApp",
        {"image": "shop:1", "network": {"egress": [{"cidr": "10.0.0.0/8", "except": ["192.168.0.0/16"]}]}},
        "spec.network.egress[0]",
        "Invalid value: each range of except must lie in cidr",
    ),
    Case(
        "access from somewhere unknown",
        "WebApp",
        {"image": "shop:1", "network": {"allowFrom": "Internet"}},
        "spec.network.allowFrom",
        'Unsupported value: "Internet": supported values: "Any", "Namespace", "Gateway"',
    ),
    Case(
        "a release without a command",
        "WebApp",
        {"image": "shop:1", "release": {"attempts": 2}},
        "spec.release",
        "Invalid value: set command or args: with neither, the release would start the app itself and never end",
    ),
    Case(
        "a release that is tried too often",
        "WebApp",
        {"image": "shop:1", "release": {"args": ["migrate"], "attempts": 11}},
        "spec.release.attempts",
        "Invalid value: 11: spec.release.attempts in body should be less than or equal to 10",
    ),
    Case(
        "a further port with the name of the first",
        "WebApp",
        {"image": "shop:1", "extraPorts": [{"name": "http", "port": 9090}]},
        "spec.extraPorts[0].name",
        'Invalid value: "http": app, http, h2c, grpc, tls and tcp are names of the app\'s own port; choose another name, such as metrics',
    ),
    Case(
        "a further port with an odd name",
        "WebApp",
        {"image": "shop:1", "extraPorts": [{"name": "m--x", "port": 9090}]},
        "spec.extraPorts[0].name",
        "Invalid value: \"m--x\": use lower-case letters, digits and single '-', beginning with a letter and not ending with '-', such as metrics",
    ),
    Case(
        "a further port that is the first",
        "WebApp",
        {"image": "shop:1", "extraPorts": [{"name": "metrics", "port": 8080}]},
        "spec",
        "Invalid value: extraPorts must not repeat spec.port, which is served anyway",
    ),
    Case(
        "the same port twice",
        "WebApp",
        {"image": "shop:1", "extraPorts": [{"name": "a", "port": 9090}, {"name": "b", "port": 9090}]},
        "spec",
        "Invalid value: extraPorts must not repeat a port",
    ),
    Case(
        "a further port that the Service has already",
        "WebApp",
        {"image": "shop:1", "extraPorts": [{"name": "metrics", "port": 80}]},
        "spec",
        "Invalid value: port 80 of the Service is that of spec.port: let the container listen on another port",
    ),
    Case(
        "an init container and a sidecar of one name",
        "WebApp",
        {"image": "shop:1", "initContainers": [{"name": "a"}], "sidecars": [{"name": "a"}]},
        "spec",
        "Invalid value: initContainers and sidecars must not share a name",
    ),
    Case(
        "a sidecar with the app's name",
        "WebApp",
        {"image": "shop:1", "sidecars": [{"name": "app"}]},
        "spec.sidecars[0].name",
        'Invalid value: "app": app and release are names of Longshore\'s; choose another name',
    ),
    Case(
        "a volume that isn't there",
        "WebApp",
        {"image": "shop:1", "sidecars": [{"name": "a", "volumeMounts": [{"name": "data"}]}]},
        "spec",
        "Invalid value: sidecars[].volumeMounts must name volumes of spec.volumes",
    ),
    Case(
        "a sidecar with a host port",
        "WebApp",
        {"image": "shop:1", "sidecars": [{"name": "a", "ports": [{"hostPort": 1}]}]},
        "",
        'WebApp in version "v1alpha1" cannot be handled as a WebApp: strict decoding error: unknown field "spec.sidecars[0].ports"',
    ),
    Case(
        "too many sidecars",
        "WebApp",
        {"image": "shop:1", "sidecars": [{"name": f"s{n}"} for n in range(5)]},
        "spec.sidecars",
        "Too many: 5: must have at most 4 items",
    ),
    Case(
        "neither image nor definition",
        "BatchJob",
        {"args": ["a"]},
        "spec",
        "Invalid value: set exactly one of image and definition: a JobDefinition brings its own image",
    ),
    Case(
        "image and definition",
        "BatchJob",
        {"image": "job:1", "definition": {"name": "a"}},
        "spec",
        "Invalid value: set exactly one of image and definition: a JobDefinition brings its own image",
    ),
    Case(
        "an account beside a definition",
        "BatchJob",
        {"definition": {"name": "a"}, "serviceAccountName": "admin"},
        "spec",
        "Invalid value: beside definition only command, args, env, size, resources, array, retry and timeouts can be set; change the JobDefinition for anything else",
    ),
    Case(
        "parameters without a definition",
        "BatchJob",
        {"image": "job:1", "parameters": {"day": "x"}},
        "spec",
        "Invalid value: parameters are those of a definition: set definition",
    ),
    Case(
        "a dependency on itself",
        "BatchJob",
        {"image": "job:1", "dependsOn": [{"name": "case"}]},
        "<nil>",
        "Invalid value: dependsOn names the BatchJob itself: a job cannot wait for its own end",
    ),
    Case(
        "a dependency twice",
        "BatchJob",
        {"image": "job:1", "dependsOn": [{"name": "a"}, {"name": "a", "when": "Completed"}]},
        "spec",
        "Invalid value: dependsOn names a BatchJob twice, or has two of type Sequential: leave one",
    ),
    Case(
        "a dependency without a name",
        "BatchJob",
        {"image": "job:1", "dependsOn": [{}]},
        "spec.dependsOn[0]",
        "Invalid value: name the BatchJob to wait for; type: Sequential is about the array itself and takes no name",
    ),
    Case(
        "a sequence of one",
        "BatchJob",
        {"image": "job:1", "dependsOn": [{"type": "Sequential"}]},
        "spec",
        "Invalid value: type: Sequential is about the indexes of an array: set array.size",
    ),
    Case(
        "a sequence in parallel",
        "BatchJob",
        {"image": "job:1", "array": {"size": 4, "maxParallel": 2}, "dependsOn": [{"type": "Sequential"}]},
        "spec",
        "Invalid value: with type: Sequential indexes run one after another: leave out array.maxParallel",
    ),
    Case(
        "index by index without indexes",
        "BatchJob",
        {"image": "job:1", "dependsOn": [{"name": "a", "type": "EachToEach"}]},
        "spec",
        "Invalid value: type: EachToEach is about the indexes of two arrays: set array.size",
    ),
    Case(
        "indexes that follow others and each other",
        "BatchJob",
        {
            "image": "job:1",
            "array": {"size": 4},
            "dependsOn": [{"name": "a", "type": "EachToEach"}, {"type": "Sequential"}],
        },
        "spec",
        "Invalid value: indexes follow those of another array or each other: leave out type EachToEach or Sequential",
    ),
    Case(
        "an array in parts with a success policy",
        "BatchJob",
        {
            "image": "job:1",
            "array": {"size": 4},
            "successPolicy": {"succeededCount": 2},
            "dependsOn": [{"name": "a", "type": "EachToEach"}],
        },
        "spec",
        "Invalid value: with type: EachToEach an array runs in parts: leave out successPolicy, and use timeouts.totalSeconds for"
        " timeouts.attemptSeconds",
    ),
    Case(
        "a parameter that is required and has a default",
        "JobDefinition",
        {"template": {"image": "job:1"}, "parameters": {"day": {"required": True, "default": "x"}}},
        "spec.parameters[day]",
        "Invalid value: a parameter with a default is never missing: leave out required or default",
    ),
    Case(
        "a parameter with a dot",
        "JobDefinition",
        {"template": {"image": "job:1"}, "parameters": {"a.b": {}}},
        "spec.parameters",
        "Invalid value: name parameters with letters, digits, '-' and '_', beginning with a letter or '_', in at most 63 characters",
    ),
    Case(
        "a schedule with a dash",
        "JobDefinition",
        {"template": {"image": "job:1"}, "schedules": [{"name": "a-b", "cron": "* * * * *"}]},
        "spec.schedules[0].name",
        'Invalid value: "a-b": use lower-case letters and digits only: it becomes part of the jobs\' names',
    ),
    Case(
        "a cron expression of four fields",
        "JobDefinition",
        {"template": {"image": "job:1"}, "schedules": [{"name": "a", "cron": "0 3 * * "}]},
        "spec.schedules[0].cron",
        'Invalid value: "0 3 * * ": spec.schedules[0].cron in body should be at least 9 chars long',
    ),
    Case(
        "a cron expression with seconds",
        "JobDefinition",
        {"template": {"image": "job:1"}, "schedules": [{"name": "a", "cron": "0 0 3 * * *"}]},
        "spec.schedules[0].cron",
        'Invalid value: "0 0 3 * * *": write the five fields minute, hour, day of month, month and day of week, such as 0 3 * * 1-5',
    ),
    Case(
        "a time zone that is a path",
        "JobDefinition",
        {
            "template": {"image": "job:1"},
            "schedules": [{"name": "a", "cron": "* * * * *", "timeZone": "../etc"}],
        },
        "spec.schedules[0].timeZone",
        'Invalid value: "../etc": write a time zone of the IANA database, such as Europe/Berlin or UTC',
    ),
    Case(
        "size and resources in a template",
        "JobDefinition",
        {"template": {"image": "job:1", "size": "Nano", "resources": {"limits": {"memory": "1Gi"}}}},
        "spec.template",
        "Invalid value: set size or resources, not both: resources gives exact amounts, size a named pair",
    ),
    Case("no image", "WebApp", {}, "spec.image", "Required value"),
    Case(
        "a name that begins with a digit",
        "WebApp",
        {"image": "shop:1"},
        "<nil>",
        "Invalid value: metadata.name becomes a Service's name: use at most 63 lower-case letters, digits and '-', beginning with a letter and ending with a letter or digit",
        name="1shop",
    ),
    Case(
        "a name with a dot",
        "BatchJob",
        {"image": "shop:1"},
        "<nil>",
        "Invalid value: metadata.name: use at most 63 lower-case letters, digits and '-', beginning and ending with a letter or digit",
        name="import.daily",
    ),
    Case(
        "a name that is too long",
        "WebApp",
        {"image": "shop:1"},
        "<nil>",
        "Invalid value: metadata.name becomes a Service's name: use at most 63 lower-case letters, digits and '-', beginning with a letter and ending with a letter or digit",
        name="a" * 64,
    ),
    Case(
        "an image with a scheme",
        "WebApp",
        {"image": "https://ghcr.io/acme/shop:1"},
        "spec.image",
        'Invalid value: "https://ghcr.io/acme/shop:1": write an image reference without a scheme or spaces, such as ghcr.io/acme/shop:1.4 or …@sha256:…',
    ),
    Case(
        "an image with a space",
        "WebApp",
        {"image": "shop: 1"},
        "spec.image",
        'Invalid value: "shop: 1": write an image reference without a scheme or spaces, such as ghcr.io/acme/shop:1.4 or …@sha256:…',
    ),
    Case(
        "an empty image",
        "WebApp",
        {"image": ""},
        "spec.image",
        'Invalid value: "": spec.image in body should be at least 1 chars long',
    ),
    Case(
        "an unknown field",
        "WebApp",
        {"image": "shop:1", "replicas": 3},
        "",
        'WebApp in version "v1alpha1" cannot be handled as a WebApp: strict decoding error: unknown field "spec.replicas"',
    ),
    Case(
        "a misspelt field",
        "WebApp",
        {"image": "shop:1", "scaling": {"minReplica": 2}},
        "",
        'WebApp in version "v1alpha1" cannot be handled as a WebApp: strict decoding error: unknown field "spec.scaling.minReplica"',
    ),
    Case(
        "no minimum of replicas",
        "WebApp",
        {"image": "shop:1", "scaling": {"minReplicas": 0}},
        "spec.scaling.minReplicas",
        "Invalid value: 0: spec.scaling.minReplicas in body should be greater than or equal to 1",
    ),
    Case(
        "a maximum below the minimum",
        "WebApp",
        {"image": "shop:1", "scaling": {"minReplicas": 3, "maxReplicas": 2}},
        "spec.scaling",
        "Invalid value: maxReplicas must not be below minReplicas: raise maxReplicas or lower minReplicas",
    ),
    Case(
        "targets without room to scale",
        "WebApp",
        {"image": "shop:1", "scaling": {"minReplicas": 2, "targets": {"cpuPercent": 50}}},
        "spec.scaling",
        "Invalid value: targets need room to scale: set maxReplicas above minReplicas, or leave out targets",
    ),
    Case(
        "a cpu target above 100",
        "WebApp",
        {"image": "shop:1", "scaling": {"maxReplicas": 3, "targets": {"cpuPercent": 120}}},
        "spec.scaling.targets.cpuPercent",
        "Invalid value: 120: spec.scaling.targets.cpuPercent in body should be less than or equal to 100",
    ),
    Case(
        "too many replicas",
        "WebApp",
        {"image": "shop:1", "scaling": {"maxReplicas": 2000}},
        "spec.scaling.maxReplicas",
        "Invalid value: 2000: spec.scaling.maxReplicas in body should be less than or equal to 1000",
    ),
    Case(
        "replicas as words",
        "WebApp",
        {"image": "shop:1", "scaling": {"minReplicas": "two"}},
        "spec.scaling.minReplicas",
        'Invalid value: "string": spec.scaling.minReplicas in body must be of type integer: "string"',
    ),
    Case(
        "port 0",
        "WebApp",
        {"image": "shop:1", "port": 0},
        "spec.port",
        "Invalid value: 0: spec.port in body should be greater than or equal to 1",
    ),
    Case(
        "a port that is too high",
        "WebApp",
        {"image": "shop:1", "port": 70000},
        "spec.port",
        "Invalid value: 70000: spec.port in body should be less than or equal to 65535",
    ),
    Case(
        "an unknown protocol",
        "WebApp",
        {"image": "shop:1", "protocol": "UDP"},
        "spec.protocol",
        'Unsupported value: "UDP": supported values: "HTTP", "H2C", "GRPC", "TLS", "TCP"',
    ),
    Case(
        "size and resources",
        "WebApp",
        {"image": "shop:1", "size": "Small", "resources": {"requests": {"memory": "1Gi"}}},
        "spec",
        "Invalid value: set size or resources, not both: resources gives exact amounts, size a named pair",
    ),
    Case(
        "an unknown size",
        "WebApp",
        {"image": "shop:1", "size": "Huge"},
        "spec.size",
        'Unsupported value: "Huge": supported values: "Nano", "Micro", "Small", "Medium", "Large", "XLarge"',
    ),
    Case(
        "resources without memory",
        "WebApp",
        {"image": "shop:1", "resources": {"requests": {"cpu": "1"}}},
        "spec.resources",
        "Invalid value: set requests.memory or limits.memory: every container has a memory limit (default: its request)",
    ),
    Case(
        "a limit below the request",
        "WebApp",
        {"image": "shop:1", "resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "512Mi"}}},
        "spec.resources",
        "Invalid value: limits.memory must not be below requests.memory: raise the limit or lower the request",
    ),
    Case(
        "a cpu limit below the request",
        "WebApp",
        {
            "image": "shop:1",
            "resources": {"requests": {"cpu": 2, "memory": "1Gi"}, "limits": {"cpu": "1500m"}},
        },
        "spec.resources",
        "Invalid value: limits.cpu must not be below requests.cpu: raise the limit or lower the request",
    ),
    Case(
        "a quantity with a wrong unit",
        "WebApp",
        {"image": "shop:1", "resources": {"requests": {"memory": "1GB"}}},
        "spec.resources.requests.memory",
        'Invalid value: "1GB": write a quantity above 0, such as 250m or 2 for cpu, 512Mi or 2Gi for memory',
    ),
    Case(
        "a quantity of nothing",
        "WebApp",
        {"image": "shop:1", "resources": {"requests": {"memory": "0"}}},
        "spec.resources.requests.memory",
        'Invalid value: "0": write a quantity above 0, such as 250m or 2 for cpu, 512Mi or 2Gi for memory',
    ),
    Case(
        "a negative quantity",
        "WebApp",
        {"image": "shop:1", "resources": {"requests": {"memory": "-1Gi"}}},
        "spec.resources.requests.memory",
        'Invalid value: "-1Gi": write a quantity above 0, such as 250m or 2 for cpu, 512Mi or 2Gi for memory',
    ),
    Case(
        "no accelerators",
        "WebApp",
        {"image": "shop:1", "resources": {"requests": {"memory": "1Gi"}, "gpu": {"count": 0}}},
        "spec.resources.gpu.count",
        "Invalid value: 0: spec.resources.gpu.count in body should be greater than or equal to 1",
    ),
    Case(
        "an accelerator without a domain",
        "WebApp",
        {
            "image": "shop:1",
            "resources": {"requests": {"memory": "1Gi"}, "gpu": {"count": 1, "resource": "gpu"}},
        },
        "spec.resources.gpu.resource",
        'Invalid value: "gpu": write the device plugin\'s resource name, such as nvidia.com/gpu',
    ),
    Case(
        "a variable with two sources",
        "WebApp",
        {
            "image": "shop:1",
            "env": [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        },
        "spec.env[0]",
        'Invalid value: set exactly one of value and valueFrom; for an empty value write value: ""',
    ),
    Case(
        "a variable without a value",
        "WebApp",
        {"image": "shop:1", "env": [{"name": "A"}]},
        "spec.env[0]",
        'Invalid value: set exactly one of value and valueFrom; for an empty value write value: ""',
    ),
    Case(
        "a variable's source that is empty",
        "WebApp",
        {"image": "shop:1", "env": [{"name": "A", "valueFrom": {}}]},
        "spec.env[0].valueFrom",
        "Invalid value: set exactly one of secretKeyRef, configMapKeyRef and fieldRef",
    ),
    Case(
        "a variable with an odd name",
        "WebApp",
        {"image": "shop:1", "env": [{"name": "A B", "value": "1"}]},
        "spec.env[0].name",
        "Invalid value: \"A B\": use letters, digits, '_', '-' and '.', not beginning with a digit",
    ),
    Case(
        "a variable with a reserved name",
        "WebApp",
        {"image": "shop:1", "env": [{"name": "LONGSHORE_ATTEMPT", "value": "1"}]},
        "spec.env[0].name",
        'Invalid value: "LONGSHORE_ATTEMPT": names that begin with LONGSHORE_ are set by Longshore; choose another name',
    ),
    Case(
        "the same variable twice",
        "WebApp",
        {"image": "shop:1", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
        "spec.env[1]",
        'Duplicate value: {"name":"A"}',
    ),
    Case(
        "too many variables",
        "WebApp",
        {"image": "shop:1", "env": [{"name": f"A{n}", "value": "1"} for n in range(101)]},
        "spec.env",
        "Too many: 101: must have at most 100 items",
    ),
    Case(
        "a field that may not be read",
        "WebApp",
        {
            "image": "shop:1",
            "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.serviceAccountName"}}}],
        },
        "spec.env[0].valueFrom.fieldRef.fieldPath",
        'Unsupported value: "spec.serviceAccountName": supported values: "metadata.name", "metadata.namespace", "status.podIP", "spec.nodeName"',
    ),
    Case(
        "a Secret key with a space",
        "WebApp",
        {
            "image": "shop:1",
            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "a b"}}}],
        },
        "spec.env[0].valueFrom.secretKeyRef.key",
        "Invalid value: \"a b\": use letters, digits, '-', '_' and '.', as in a Secret's keys",
    ),
    Case(
        "all keys of nothing",
        "WebApp",
        {"image": "shop:1", "envFrom": [{}]},
        "spec.envFrom[0]",
        "Invalid value: set exactly one of secretRef and configMapRef",
    ),
    Case(
        "a relative file",
        "WebApp",
        {"image": "shop:1", "files": [{"path": "etc/a", "content": ""}]},
        "spec.files[0].path",
        "Invalid value: \"etc/a\": write an absolute path below / without '..', ':' and control characters, such as /etc/app/config.yaml",
    ),
    Case(
        "a file above the root",
        "WebApp",
        {"image": "shop:1", "files": [{"path": "/etc/../x", "content": ""}]},
        "spec.files[0].path",
        "Invalid value: \"/etc/../x\": write an absolute path below / without '..', ':' and control characters, such as /etc/app/config.yaml",
    ),
    Case(
        "a file with odd permissions",
        "WebApp",
        {"image": "shop:1", "files": [{"path": "/a", "content": "", "mode": 1000}]},
        "spec.files[0].mode",
        "Invalid value: 1000: spec.files[0].mode in body should be less than or equal to 511",
    ),
    Case(
        "a file that is too long",
        "WebApp",
        {"image": "shop:1", "files": [{"path": "/a", "content": "x" * 16385}]},
        "spec.files[0].content",
        "Too long: may not be more than 16384 bytes",
    ),
    Case(
        "a volume without a source",
        "WebApp",
        {"image": "shop:1", "volumes": [{"name": "data", "mountPath": "/data"}]},
        "spec.volumes[0]",
        "Invalid value: set exactly one of persistentVolumeClaim, emptyDir, configMap, secret, ephemeral and image",
    ),
    Case(
        "a volume with two sources",
        "WebApp",
        {
            "image": "shop:1",
            "volumes": [{"name": "data", "mountPath": "/data", "emptyDir": {}, "secret": {"name": "s"}}],
        },
        "spec.volumes[0]",
        "Invalid value: set exactly one of persistentVolumeClaim, emptyDir, configMap, secret, ephemeral and image",
    ),
    Case(
        "a volume with a reserved name",
        "WebApp",
        {"image": "shop:1", "volumes": [{"name": "longshore-files", "mountPath": "/data", "emptyDir": {}}]},
        "spec.volumes[0]",
        "Invalid value: volume names that begin with longshore- are reserved; choose another name",
    ),
    Case(
        "a volume at the root",
        "WebApp",
        {"image": "shop:1", "volumes": [{"name": "data", "mountPath": "/", "emptyDir": {}}]},
        "spec.volumes[0].mountPath",
        "Invalid value: \"/\": write an absolute path below / without '..', ':' and control characters, such as /etc/app/config.yaml",
    ),
    Case(
        "a path out of a volume",
        "WebApp",
        {
            "image": "shop:1",
            "volumes": [{"name": "data", "mountPath": "/data", "subPath": "../x", "emptyDir": {}}],
        },
        "spec.volumes[0].subPath",
        "Invalid value: \"../x\": write a path inside the volume, without a leading '/' and without '..'",
    ),
    Case(
        "a host path",
        "WebApp",
        {"image": "shop:1", "volumes": [{"name": "data", "mountPath": "/data", "hostPath": {"path": "/"}}]},
        "",
        'WebApp in version "v1alpha1" cannot be handled as a WebApp: strict decoding error: unknown field "spec.volumes[0].hostPath"',
    ),
    Case(
        "root under Restricted",
        "WebApp",
        {"image": "shop:1", "security": {"runAsUser": 0}},
        "spec.security",
        "Invalid value: user 0 is root: choose another user, or set profile: Baseline where the namespace allows it",
    ),
    Case(
        "an unknown profile",
        "WebApp",
        {"image": "shop:1", "security": {"profile": "Privileged"}},
        "spec.security.profile",
        'Unsupported value: "Privileged": supported values: "Restricted", "Baseline"',
    ),
    Case(
        "a privileged container",
        "WebApp",
        {"image": "shop:1", "security": {"privileged": True}},
        "",
        'WebApp in version "v1alpha1" cannot be handled as a WebApp: strict decoding error: unknown field "spec.security.privileged"',
    ),
    Case(
        "an unknown architecture",
        "WebApp",
        {"image": "shop:1", "placement": {"architecture": "riscv64"}},
        "spec.placement.architecture",
        'Unsupported value: "riscv64": supported values: "amd64", "arm64"',
    ),
    Case(
        "too many zones",
        "WebApp",
        {"image": "shop:1", "placement": {"zones": [f"z{n}" for n in range(11)]}},
        "spec.placement.zones",
        "Too many: 11: must have at most 10 items",
    ),
    Case(
        "a toleration of everything without Exists",
        "WebApp",
        {"image": "shop:1", "placement": {"tolerations": [{"effect": "NoSchedule"}]}},
        "spec.placement.tolerations[0]",
        "Invalid value: without a key set operator: Exists",
    ),
    Case(
        "a toleration with Exists and a value",
        "WebApp",
        {"image": "shop:1", "placement": {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}},
        "spec.placement.tolerations[0]",
        "Invalid value: with operator Exists leave out value",
    ),
    Case(
        "a node label with an odd value",
        "WebApp",
        {"image": "shop:1", "placement": {"nodeLabels": {"a": "b c"}}},
        "spec.placement.nodeLabels",
        "Invalid value: write node labels as the node carries them, such as node.kubernetes.io/instance-type: m7g.large",
    ),
    Case(
        "a reserved label",
        "WebApp",
        {"image": "shop:1", "labels": {"longshore.dev/webapp": "other"}},
        "spec.labels",
        "Invalid value: keys that other controllers obey, such as those of kubernetes.io, amazonaws.com or istio.io, and of longshore.dev are reserved; use a key of your own domain, such as example.com/team",
    ),
    Case(
        "a label of Kubernetes",
        "WebApp",
        {"image": "shop:1", "labels": {"app.kubernetes.io/name": "x"}},
        "spec.labels",
        "Invalid value: keys that other controllers obey, such as those of kubernetes.io, amazonaws.com or istio.io, and of longshore.dev are reserved; use a key of your own domain, such as example.com/team",
    ),
    Case(
        "an odd label value",
        "WebApp",
        {"image": "shop:1", "labels": {"team": "a b"}},
        "spec.labels",
        "Invalid value: write label values of letters, digits, '-', '_' and '.', beginning and ending with a letter or digit",
    ),
    Case(
        "a reserved annotation",
        "WebApp",
        {"image": "shop:1", "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}},
        "spec.annotations",
        "Invalid value: keys that other controllers obey, such as those of kubernetes.io, amazonaws.com or istio.io, and of longshore.dev are reserved; use a key of your own domain, such as example.com/team",
    ),
    Case(
        "two health checks",
        "WebApp",
        {"image": "shop:1", "health": {"path": "/", "tcp": {}}},
        "spec.health",
        "Invalid value: set at most one of path (HTTP), tcp and grpc",
    ),
    Case(
        "a health path without a slash",
        "WebApp",
        {"image": "shop:1", "health": {"path": "healthz"}},
        "spec.health.path",
        "Invalid value: \"healthz\": write a path that begins with '/' and has no spaces, such as /healthz",
    ),
    Case(
        "a timeout above the interval",
        "WebApp",
        {"image": "shop:1", "health": {"intervalSeconds": 5, "timeoutSeconds": 6}},
        "spec.health",
        "Invalid value: timeoutSeconds must not be above intervalSeconds: shorten the timeout or check less often",
    ),
    Case(
        "draining longer than stopping may take",
        "WebApp",
        {"image": "shop:1", "drainSeconds": 30},
        "spec",
        "Invalid value: drainSeconds must be below terminationGracePeriodSeconds, so that the app has time to stop after draining",
    ),
    Case(
        "an unknown strategy",
        "WebApp",
        {"image": "shop:1", "rollout": {"strategy": "BlueGreen"}},
        "spec.rollout.strategy",
        'Unsupported value: "BlueGreen": supported values: "Rolling", "Canary", "Recreate"',
    ),
    Case(
        "a rollout that cannot move",
        "WebApp",
        {"image": "shop:1", "rollout": {"maxSurge": 0, "maxUnavailable": "0%"}},
        "spec.rollout",
        "Invalid value: maxSurge and maxUnavailable are both 0, so that no replica could ever be replaced: raise one",
    ),
    Case(
        "a surge that is no percentage",
        "WebApp",
        {"image": "shop:1", "rollout": {"maxSurge": "a lot"}},
        "spec.rollout.maxSurge",
        'Invalid value: "a lot": write a number of replicas from 0 to 1000, or a percentage in quotes such as "25%"',
    ),
    Case(
        "a deadline that is too short",
        "WebApp",
        {"image": "shop:1", "rollout": {"progressDeadlineSeconds": 10}},
        "spec.rollout.progressDeadlineSeconds",
        "Invalid value: 10: spec.rollout.progressDeadlineSeconds in body should be greater than or equal to 30",
    ),
    Case(
        "no history",
        "WebApp",
        {"image": "shop:1", "rollout": {"historyLimit": 0}},
        "spec.rollout.historyLimit",
        "Invalid value: 0: spec.rollout.historyLimit in body should be greater than or equal to 1",
    ),
    Case(
        "two disruption limits",
        "WebApp",
        {"image": "shop:1", "availability": {"minAvailable": 1, "maxUnavailable": 1}},
        "spec.availability",
        "Invalid value: set exactly one of minAvailable and maxUnavailable",
    ),
    Case(
        "no disruption limit",
        "WebApp",
        {"image": "shop:1", "availability": {}},
        "spec.availability",
        "Invalid value: set exactly one of minAvailable and maxUnavailable",
    ),
    Case(
        "no replica may be away",
        "WebApp",
        {"image": "shop:1", "scaling": {"minReplicas": 2}, "availability": {"maxUnavailable": "0%"}},
        "spec.availability",
        "Invalid value: maxUnavailable 0 would keep nodes from ever being drained: let at least one replica be away",
    ),
    Case(
        "all replicas must stay",
        "WebApp",
        {"image": "shop:1", "scaling": {"minReplicas": 2}, "availability": {"minAvailable": 2}},
        "spec",
        f"Invalid value: {NO_ROOM_TO_DRAIN}",
    ),
    Case(
        "a percentage that rounds up to all replicas",
        "WebApp",
        {"image": "shop:1", "scaling": {"minReplicas": 3}, "availability": {"minAvailable": "67%"}},
        "spec",
        f"Invalid value: {NO_ROOM_TO_DRAIN}",
    ),
    Case(
        "a limit that holds while the autoscaler is at its least",
        "WebApp",
        {"image": "shop:1", "scaling": {"maxReplicas": 5}, "availability": {"minAvailable": 1}},
        "spec",
        f"Invalid value: {NO_ROOM_TO_DRAIN}",
    ),
    Case(
        "a disruption limit that is no number",
        "WebApp",
        {"image": "shop:1", "scaling": {"minReplicas": 2}, "availability": {"minAvailable": "most"}},
        "spec.availability.minAvailable",
        'Invalid value: "most": write a number of replicas from 0 to 1000, or a percentage in quotes such as "25%"',
    ),
    Case(
        "an account with an odd name",
        "WebApp",
        {"image": "shop:1", "serviceAccountName": "Admin!"},
        "spec.serviceAccountName",
        "Invalid value: \"Admin!\": use lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
    ),
    Case(
        "too many pull secrets",
        "WebApp",
        {"image": "shop:1", "imagePullSecrets": [{"name": f"s{n}"} for n in range(6)]},
        "spec.imagePullSecrets",
        "Too many: 6: must have at most 5 items",
    ),
    Case(
        "an array of one",
        "BatchJob",
        {"image": "shop:1", "array": {"size": 1}},
        "spec.array.size",
        "Invalid value: 1: spec.array.size in body should be greater than or equal to 2",
    ),
    Case(
        "an array that is too large",
        "BatchJob",
        {"image": "shop:1", "array": {"size": 10001}},
        "spec.array.size",
        "Invalid value: 10001: spec.array.size in body should be less than or equal to 10000",
    ),
    Case(
        "no attempts",
        "BatchJob",
        {"image": "shop:1", "retry": {"attempts": 0}},
        "spec.retry.attempts",
        "Invalid value: 0: spec.retry.attempts in body should be greater than or equal to 1",
    ),
    Case(
        "too many attempts",
        "BatchJob",
        {"image": "shop:1", "retry": {"attempts": 11}},
        "spec.retry.attempts",
        "Invalid value: 11: spec.retry.attempts in body should be less than or equal to 10",
    ),
    Case(
        "a rule for nothing",
        "BatchJob",
        {"image": "shop:1", "retry": {"rules": [{"action": "Fail"}]}},
        "spec.retry.rules[0]",
        "Invalid value: set exactly one of exitCodes and reasons",
    ),
    Case(
        "a rule for two things",
        "BatchJob",
        {"image": "shop:1", "retry": {"rules": [{"action": "Fail", "exitCodes": [1], "reasons": ["Error"]}]}},
        "spec.retry.rules[0]",
        "Invalid value: set exactly one of exitCodes and reasons",
    ),
    Case(
        "a rule with an unknown reason",
        "BatchJob",
        {"image": "shop:1", "retry": {"rules": [{"action": "Fail", "reasons": ["Boredom"]}]}},
        "spec.retry.rules[0].reasons[0]",
        'Unsupported value: "Boredom": supported values: "OOMKilled", "Evicted", "NodeLost", "Preempted", "Error"',
    ),
    Case(
        "a rule for success",
        "BatchJob",
        {"image": "shop:1", "retry": {"rules": [{"action": "Retry", "exitCodes": [0]}]}},
        "spec.retry.rules[0].exitCodes[0]",
        "Invalid value: 0: spec.retry.rules[0].exitCodes[0] in body should be greater than or equal to 1",
    ),
    Case(
        "an unknown action",
        "BatchJob",
        {"image": "shop:1", "retry": {"rules": [{"action": "Ignore", "exitCodes": [1]}]}},
        "spec.retry.rules[0].action",
        'Unsupported value: "Ignore": supported values: "Retry", "Fail"',
    ),
    Case(
        "too many rules",
        "BatchJob",
        {"image": "shop:1", "retry": {"rules": [{"action": "Fail", "exitCodes": [n]} for n in range(1, 7)]}},
        "spec.retry.rules",
        "Too many: 6: must have at most 5 items",
    ),
    Case(
        "a backoff above its maximum",
        "BatchJob",
        {"image": "shop:1", "retry": {"backoffSeconds": 400}},
        "spec.retry",
        "Invalid value: backoffSeconds must not be above maxBackoffSeconds: lower it or raise maxBackoffSeconds",
    ),
    Case(
        "an attempt longer than everything",
        "BatchJob",
        {"image": "shop:1", "timeouts": {"attemptSeconds": 100, "totalSeconds": 50}},
        "spec.timeouts",
        "Invalid value: attemptSeconds must not be above totalSeconds: lower it or raise totalSeconds",
    ),
    Case(
        "no time at all",
        "BatchJob",
        {"image": "shop:1", "timeouts": {"totalSeconds": 0}},
        "spec.timeouts.totalSeconds",
        "Invalid value: 0: spec.timeouts.totalSeconds in body should be greater than or equal to 1",
    ),
    Case(
        "a cancel without a reason",
        "BatchJob",
        {"image": "shop:1", "cancel": {}},
        "spec.cancel.reason",
        "Required value",
    ),
    Case(
        "a negative ttl",
        "BatchJob",
        {"image": "shop:1", "ttlSecondsAfterFinished": -1},
        "spec.ttlSecondsAfterFinished",
        "Invalid value: -1: spec.ttlSecondsAfterFinished in body should be greater than or equal to 0",
    ),
    Case(
        "a port",
        "BatchJob",
        {"image": "shop:1", "port": 80},
        "",
        'BatchJob in version "v1alpha1" cannot be handled as a BatchJob: strict decoding error: unknown field "spec.port"',
    ),
    Case(
        "an array and nodes",
        "BatchJob",
        {"image": "shop:1", "array": {"size": 4}, "nodes": {"count": 4}},
        "spec",
        "Invalid value: set at most one of array and nodes: the pods of an array are independent, those of nodes run together",
    ),
    Case(
        "a gang of one",
        "BatchJob",
        {"image": "shop:1", "nodes": {"count": 1}},
        "spec.nodes.count",
        "Invalid value: 1: spec.nodes.count in body should be greater than or equal to 2",
    ),
    Case(
        "a gang whose name no Service can have",
        "BatchJob",
        {"image": "shop:1", "nodes": {"count": 2}},
        "<nil>",
        "Invalid value: metadata.name of a job with nodes becomes a Service's name: begin it with a letter",
        name="4ever",
    ),
    Case(
        "indexes that are none",
        "BatchJob",
        {"image": "shop:1", "array": {"size": 4, "indexes": "1, 2"}},
        "spec.array.indexes",
        'Invalid value: "1, 2": write indexes and ranges of them, such as 3,7-9',
    ),
    Case(
        "memory that grows in one attempt",
        "BatchJob",
        {"image": "shop:1", "memoryGrowth": {"factor": 2, "max": "4Gi"}},
        "spec",
        "Invalid value: memoryGrowth needs another attempt to grow in: set retry.attempts to 2 or more",
    ),
    Case(
        "memory that hardly grows",
        "BatchJob",
        {"image": "shop:1", "retry": {"attempts": 2}, "memoryGrowth": {"factor": 1, "max": "4Gi"}},
        "spec.memoryGrowth.factor",
        "Invalid value: 1: write a factor from 1.1 to 4, such as 1.5",
    ),
    Case(
        "a ceiling that is reached from the start",
        "BatchJob",
        {
            "image": "shop:1",
            "resources": {"limits": {"memory": "4Gi"}},
            "retry": {"attempts": 2},
            "memoryGrowth": {"factor": 2, "max": "4096Mi"},
        },
        "spec",
        "Invalid value: memoryGrowth.max must be above resources.limits.memory: raise max, or leave out memoryGrowth",
    ),
    Case(
        "memory that grows within an array",
        "BatchJob",
        {
            "image": "shop:1",
            "array": {"size": 4},
            "retry": {"attempts": 2},
            "memoryGrowth": {"factor": 2, "max": "4Gi"},
        },
        "spec",
        "Invalid value: memoryGrowth is not for arrays, whose indexes are retried as they are: raise size or resources.limits.memory",
    ),
    Case(
        "a success policy without an array",
        "BatchJob",
        {"image": "shop:1", "successPolicy": {"succeededCount": 1}},
        "spec",
        "Invalid value: successPolicy is for arrays: set array, or leave out successPolicy",
    ),
    Case(
        "a success policy that says nothing",
        "BatchJob",
        {"image": "shop:1", "array": {"size": 4}, "successPolicy": {}},
        "spec.successPolicy",
        "Invalid value: set succeededCount, succeededIndexes or maxFailedIndexes, or leave out successPolicy",
    ),
    Case(
        "more successes than indexes",
        "BatchJob",
        {"image": "shop:1", "array": {"size": 4}, "successPolicy": {"succeededCount": 5}},
        "spec",
        "Invalid value: successPolicy speaks of more indexes than array.size: lower succeededCount and maxFailedIndexes",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what.replace(" ", "-"))
def test_the_refusal_says_what_to_write(server_only: Kube, case: Case) -> None:
    with pytest.raises(Refused) as refused:
        server_only.create(_object(case.kind, case.spec, case.name))
    assert (case.field, case.message) in (refused.value.causes or [("", refused.value.message)])


IMMUTABLE = {
    "image": "job:2",
    "command": ["run"],
    "env": [{"name": "A", "value": "2"}],
    "size": "Large",
    "array": {"size": 3},
    "nodes": {"count": 3},
    "memoryGrowth": {"factor": 2, "max": "4Gi"},
    "successPolicy": {"succeededCount": 1},
    "retry": {"attempts": 5},
    "timeouts": {"totalSeconds": 60},
    "labels": {"team": "b"},
    "placement": {"architecture": "arm64"},
    "dependsOn": [{"name": "other"}],
    "terminationGracePeriodSeconds": 60,
}


@pytest.mark.parametrize("field", IMMUTABLE)
def test_a_batchjob_cannot_be_changed_and_the_refusal_names_the_field(server_only: Kube, field: str) -> None:
    name = f"fixed-{field.lower()}"
    server_only.create(_object("BatchJob", {"image": "job:1", "suspend": True}, name))
    with pytest.raises(Refused) as refused:
        server_only.patch("BatchJob", name, {"spec": {field: IMMUTABLE[field]}})
    expected = (
        f"Invalid value: {field} cannot be changed after creation: delete the BatchJob and create it again"
    )
    assert refused.value.causes[0] == ("spec", expected)


@pytest.mark.parametrize("least", [1, 2, "66%"])
def test_a_disruption_limit_that_leaves_room_is_taken(server_only: Kube, least: int | str) -> None:
    spec = {"image": "shop:1", "scaling": {"minReplicas": 3}, "availability": {"minAvailable": least}}
    server_only.create(_object("WebApp", spec, f"room-{str(least).strip('%')}"))


def test_a_cancelled_batchjob_stays_cancelled(server_only: Kube) -> None:
    server_only.create(
        _object("BatchJob", {"image": "job:1", "suspend": True, "cancel": {"reason": "wrong input"}}, "over")
    )
    with pytest.raises(Refused) as refused:
        server_only.patch("BatchJob", "over", {"spec": {"cancel": None}})
    expected = "Invalid value: a cancelled job stays cancelled: create a new BatchJob to run it again"
    assert refused.value.causes == [("spec", expected)]


def _object(kind: str, spec: dict[str, Any], name: str) -> dict[str, Any]:
    return {"apiVersion": "longshore.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
