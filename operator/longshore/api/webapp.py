"""WebApp: a service that answers on a port."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from longshore.api.base import DnsLabel, IntOrPercent, ListMap, Model, Rule
from longshore.api.canary import Canary
from longshore.api.common import CONTAINER_RULES, Arguments, ContainerFields
from longshore.api.containers import HELPER_RULES, Helpers
from longshore.api.expose import EXPOSE_RULES, Expose
from longshore.api.network import Network
from longshore.api.schedules import ScalingSchedule
from longshore.api.webapp_status import WebAppStatus

Port = Annotated[int, Field(ge=1, le=65535)]


Protocol = Literal["HTTP", "H2C", "GRPC", "TLS", "TCP"]


class ExtraPort(Model):
    """A further port of the app."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=15),
        Rule(
            "self.matches('^[a-z]([a-z0-9]|-[a-z0-9])*$')",
            "use lower-case letters, digits and single '-', beginning with a letter and not ending with '-', such as metrics",
        ),
        Rule(
            "!(self in ['app', 'http', 'h2c', 'grpc', 'tls', 'tcp'])",
            "app, http, h2c, grpc, tls and tcp are names of the app's own port; choose another name, such as metrics",
        ),
    ] = Field(description="Name of the port, of the container and of the Service. At most 15 characters.")
    port: Port = Field(description="Port that the container listens on; the same in the Service.")
    protocol: Protocol = Field(
        default="HTTP",
        description="What is spoken on the port: HTTP, H2C (HTTP/2 without TLS), GRPC, TLS (whatever is in it) or TCP. Default: HTTP.",
    )


class TcpProbe(Model):
    """Healthy when a connection can be opened."""

    port: Port | None = Field(default=None, description="Which port. Default: the app's port.")


class GrpcProbe(Model):
    """Healthy when grpc.health.v1.Health/Check answers SERVING."""

    port: Port | None = Field(default=None, description="Which port. Default: the app's port.")
    service: Annotated[str, Field(max_length=128)] = Field(
        default="", description="Service name to ask for. Default: the whole server."
    )


class Health(Model):
    """How Kubernetes finds out that a replica works."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.path), has(self.tcp), has(self.grpc)].filter(x, x).size() <= 1",
            "set at most one of path (HTTP), tcp and grpc",
        ),
        Rule(
            "self.timeoutSeconds <= self.intervalSeconds",
            "timeoutSeconds must not be above intervalSeconds: shorten the timeout or check less often",
        ),
    )
    path: (
        Annotated[
            str,
            Field(min_length=1, max_length=512),
            Rule(
                "self.matches('^/[^ ]*$')",
                "write a path that begins with '/' and has no spaces, such as /healthz",
            ),
        ]
        | None
    ) = Field(
        default=None,
        description="HTTP path that answers 200 to 399 when healthy. Default: none, a TCP connection on the port is enough.",
    )
    tcp: TcpProbe | None = Field(
        default=None, description="Open a TCP connection. The default, on the app's port."
    )
    grpc: GrpcProbe | None = Field(default=None, description="Ask the standard gRPC health service.")
    interval_seconds: Annotated[int, Field(ge=1, le=300)] = Field(
        default=10, description="Seconds between checks. Default: 10."
    )
    timeout_seconds: Annotated[int, Field(ge=1, le=60)] = Field(
        default=2, description="Seconds after which an answer is too late. Default: 2."
    )
    failure_threshold: Annotated[int, Field(ge=1, le=20)] = Field(
        default=3,
        description="Failed checks in a row after which a replica gets no requests; after three times as many it is restarted. Default: 3.",
    )
    startup_seconds: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=120,
        description="Seconds that a replica may take to become healthy for the first time. Default: 120.",
    )


class ScalingTargets(Model):
    """What the autoscaler holds."""

    cpu_percent: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None,
        description="Average cpu use, in percent of the request. Default: 70 if maxReplicas is above minReplicas and no other target is set.",
    )
    memory_percent: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None, description="Average memory use, in percent of the request. Default: none."
    )


class Scaling(Model):
    """How many replicas run."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
            "maxReplicas must not be below minReplicas: raise maxReplicas or lower minReplicas",
        ),
        Rule(
            "!has(self.targets) || (has(self.maxReplicas) && self.maxReplicas > self.minReplicas)"
            " || (has(self.schedules) && self.schedules.exists(s, has(s.maxReplicas)))",
            "targets need room to scale: set maxReplicas above minReplicas, or leave out targets",
        ),
        Rule(
            "!has(self.mode) || self.mode != 'PerNode' || (self.minReplicas == 1 && !has(self.maxReplicas) && !has(self.targets)"
            " && !has(self.schedules))",
            "with mode PerNode there is one replica on each node: leave out minReplicas, maxReplicas, targets and schedules",
        ),
    )
    mode: Literal["Replicas", "PerNode"] = Field(
        default="Replicas",
        description="Replicas: so many, wherever there is room. PerNode: one on each node that placement selects, such as on edge "
        "sites. Default: Replicas.",
    )
    min_replicas: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=1, description="Replicas that always run, from 1 to 1000. Default: 1."
    )
    max_replicas: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None,
        description="Replicas that run at most, from 1 to 1000. Default: minReplicas, no autoscaling.",
    )
    targets: ScalingTargets | None = Field(
        default=None, description="What the autoscaler holds. Default: cpuPercent 70."
    )
    schedules: Annotated[list[ScalingSchedule], Field(max_length=10), ListMap(("name",))] = Field(
        default=[],
        description="Other bounds at certain times, at most 10. Where several hold at once, the highest minReplicas and the highest "
        "maxReplicas do. Default: none.",
    )
    scale_down_delay_seconds: Annotated[int, Field(ge=0, le=3600)] = Field(
        default=300,
        description="Seconds that demand must stay low before replicas are removed. Default: 300.",
    )


class Rollout(Model):
    """How a new revision replaces the last one, and when it is given up."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!(string(self.maxSurge) in ['0', '0%'] && string(self.maxUnavailable) in ['0', '0%'])",
            "maxSurge and maxUnavailable are both 0, so that no replica could ever be replaced: raise one",
        ),
        Rule(
            "has(self.canary) == (self.strategy == 'Canary')",
            "strategy Canary and the field canary belong together: set both, or leave out both",
        ),
    )
    strategy: Literal["Rolling", "Canary", "Recreate"] = Field(
        default="Rolling",
        description="Rolling replaces replicas step by step; Canary first tries the new revision on a part of the requests; Recreate stops all first, for volumes that one pod may hold. Default: Rolling.",
    )
    canary: Canary | None = Field(
        default=None, description="Strategy Canary: the steps, and by what the new revision is judged."
    )
    max_surge: IntOrPercent = Field(
        default="25%", description="Extra replicas during a rollout, a number or a percentage. Default: 25%."
    )
    max_unavailable: IntOrPercent = Field(
        default=0,
        description="Replicas that may be missing during a rollout, a number or a percentage. Default: 0.",
    )
    progress_deadline_seconds: Annotated[int, Field(ge=30, le=3600)] = Field(
        default=300, description="Seconds without progress after which a rollout has failed. Default: 300."
    )
    auto_rollback: bool = Field(
        default=True,
        description="Go back to the last good revision when a rollout has failed. Default: true.",
    )
    history_limit: Annotated[int, Field(ge=1, le=20)] = Field(
        default=5, description="Revisions kept. Default: 5."
    )


class Release(Model):
    """A command that has to succeed before a revision is rolled out, such as a migration of the database."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "(has(self.command) && size(self.command) > 0) || (has(self.args) && size(self.args) > 0)",
            "set command or args: with neither, the release would start the app itself and never end",
        ),
    )
    command: Arguments = Field(
        default=[],
        description="Replaces the image's entrypoint. Default: the image's, not the app's command.",
    )
    args: Arguments = Field(
        default=[], description="Replaces the image's arguments. Default: the image's, not the app's args."
    )
    timeout_seconds: Annotated[int, Field(ge=1, le=86400)] = Field(
        default=600,
        description="Seconds that it may take, all attempts and the start of its pod included; then it is stopped and has failed. Default: 600.",
    )
    attempts: Annotated[int, Field(ge=1, le=10)] = Field(
        default=1,
        description="How often it is tried before it has failed. More than 1 is for commands that may be repeated. Default: 1.",
    )


class Availability(Model):
    """How many replicas a node drain may take away at once."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.minAvailable) != has(self.maxUnavailable)",
            "set exactly one of minAvailable and maxUnavailable",
        ),
        Rule(
            "!has(self.maxUnavailable) || !(string(self.maxUnavailable) in ['0', '0%'])",
            "maxUnavailable 0 would keep nodes from ever being drained: let at least one replica be away",
        ),
    )
    min_available: IntOrPercent | None = Field(
        default=None, description="Replicas that must stay, a number or a percentage."
    )
    max_unavailable: IntOrPercent | None = Field(
        default=None,
        description="Replicas that may be away, a number or a percentage. Default: 1, where minReplicas is 2 or more.",
    )


_ROOM_TO_DRAIN = Rule(
    "!has(self.availability) || !has(self.availability.minAvailable) || !has(self.scaling)"
    " || (self.scaling.minReplicas < 2 && (!has(self.scaling.maxReplicas) || self.scaling.maxReplicas < 2))"
    " || (type(self.availability.minAvailable) == int ? self.availability.minAvailable < self.scaling.minReplicas"
    " : !self.availability.minAvailable.matches('^[0-9]{1,3}%$')"
    " || int(self.availability.minAvailable.replace('%', '')) * self.scaling.minReplicas"
    " <= 100 * (self.scaling.minReplicas - 1))",
    "availability.minAvailable would keep nodes from ever being drained: it has to leave room for one of"
    " scaling.minReplicas replicas to be away",
)
"""A percentage is rounded up. An app that never has a second replica gets no PodDisruptionBudget."""
_ROOM_TO_DRAIN_AT_ALL_TIMES = Rule(
    "!has(self.availability) || !has(self.availability.minAvailable) || !has(self.scaling) || !has(self.scaling.schedules)"
    " || self.scaling.schedules.all(s, (has(s.minReplicas) ? s.minReplicas : has(s.maxReplicas)"
    " && s.maxReplicas < self.scaling.minReplicas ? s.maxReplicas : self.scaling.minReplicas)"
    " > (type(self.availability.minAvailable) == int ? self.availability.minAvailable : 1))",
    "availability.minAvailable would keep nodes from ever being drained while a schedule holds: it has to be below the"
    " replicas of every schedule; with a percentage, schedules need two at least",
)


_NO_BUDGET_PER_NODE = Rule(
    "!has(self.availability) || !has(self.scaling) || self.scaling.mode != 'PerNode'",
    "a drain leaves replicas of mode PerNode where they are: leave out availability",
)
_NO_CANARY_PER_NODE = Rule(
    "!has(self.scaling) || self.scaling.mode != 'PerNode' || !has(self.rollout) || self.rollout.strategy != 'Canary'",
    "with scaling.mode PerNode there is no share of requests to try a revision on: use rollout.strategy Rolling",
)
_PORTS_APART = (
    Rule(
        "!has(self.extraPorts) || self.extraPorts.all(p, self.extraPorts.exists_one(q, q.port == p.port))",
        "extraPorts must not repeat a port",
    ),
    Rule(
        "!has(self.extraPorts) || self.extraPorts.all(p, p.port != self.port)",
        "extraPorts must not repeat spec.port, which is served anyway",
    ),
    Rule(
        "self.protocol in ['TLS', 'TCP'] || !has(self.extraPorts) || self.extraPorts.all(p, p.port != 80)",
        "port 80 of the Service is that of spec.port: let the container listen on another port",
    ),
)


class WebAppSpec(ContainerFields):
    """What is wanted of a web app."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *CONTAINER_RULES,
        Rule(
            "self.drainSeconds < self.terminationGracePeriodSeconds",
            "drainSeconds must be below terminationGracePeriodSeconds, so that the app has time to stop after draining",
        ),
        _ROOM_TO_DRAIN,
        _ROOM_TO_DRAIN_AT_ALL_TIMES,
        _NO_BUDGET_PER_NODE,
        _NO_CANARY_PER_NODE,
        *_PORTS_APART,
        *HELPER_RULES,
        *EXPOSE_RULES,
    )
    port: Port = Field(
        default=8080,
        description="Port that the container listens on. Reached on port 80 of the Service (protocols TLS and TCP: on the same port). Default: 8080.",
    )
    protocol: Protocol = Field(
        default="HTTP",
        description="What is spoken on the port: HTTP, H2C (HTTP/2 without TLS), GRPC, TLS (the app has the certificate) or TCP. Default: HTTP.",
    )
    extra_ports: Annotated[list[ExtraPort], Field(max_length=5), ListMap(("name",))] = Field(
        default=[],
        description="Further ports, at most 5, such as for metrics. Each is reached on the same port of the Service. Default: none.",
    )
    init_containers: Helpers = Field(
        default=[],
        description="Containers that run before the app, one after the other, each until it has ended well. At most 4. Default: none.",
    )
    sidecars: Helpers = Field(
        default=[],
        description="Containers that run along with the app: started before it and after the initContainers, stopped after it. At most 4. Default: none.",
    )
    health: Health = Field(
        default=Health(),
        description="How Kubernetes finds out that a replica works. Default: a TCP connection on the port.",
    )
    scaling: Scaling = Field(
        default=Scaling(),
        description="How many replicas run. Default: one.",
        json_schema_extra={"default": {}},
    )
    suspend: bool = Field(
        default=False, description="Stop all replicas and keep everything else. Default: false."
    )
    rollout: Rollout = Field(default=Rollout(), description="How a new revision replaces the last one.")
    release: Release | None = Field(
        default=None,
        description="A command that runs once per revision, in a pod like the app's, before the revision is rolled out. When it fails "
        "nothing is rolled out. Default: none.",
    )
    availability: Availability | None = Field(
        default=None,
        description="How many replicas a node drain may take away. Default: one, where minReplicas is 2 or more.",
    )
    expose: Expose | None = Field(
        default=None,
        description="Where the app is reached from outside the cluster: through a Gateway, or an Ingress where there is no Gateway API. "
        "Default: nowhere, inside the cluster only.",
    )
    network: Network | None = Field(
        default=None,
        description="Who may connect to the app, and where the app may connect to; enforced where the cluster's network enforces "
        "NetworkPolicies. Default: all may, everywhere.",
    )
    drain_seconds: Annotated[int, Field(ge=0, le=300)] = Field(
        default=5,
        description="Seconds that a replica goes on serving after it was taken out of the Service, so that no request is dropped. Default: 5.",
    )
    termination_grace_period_seconds: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=30,
        description="Seconds from the decision to stop a replica until it is killed, draining included. Default: 30.",
    )


class Metadata(Model):
    """The part of ObjectMeta that decisions read; everything else is let through."""

    model_config = Model.model_config | {"extra": "ignore"}
    name: DnsLabel
    namespace: str = ""


class WebApp(Model):
    """A service that answers on a port: from an image to replicas that are scaled, probed, rolled out and rolled back."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 63",
            "metadata.name becomes a Service's name: use at most 63 lower-case letters, digits and '-', beginning with a letter and ending with a letter or digit",
        ),
    )
    spec: WebAppSpec = Field(description="What is wanted.")
    status: WebAppStatus | None = Field(default=None, description="What is known. Written by Longshore.")
