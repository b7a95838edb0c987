"""What is said of a WebApp."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from longshore.api.base import ListMap, Model
from longshore.api.common import Conditions

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
RevisionState = Literal["Candidate", "Good", "Failed", "Superseded"]


class RevisionStatus(Model):
    """One revision of the app."""

    name: Annotated[str, Field(max_length=63)] = Field(description="Name of its ControllerRevision.")
    image: Annotated[str, Field(max_length=1024)] = Field(description="Its image.")
    generation: int = Field(description="Generation of the WebApp that last asked for it.")
    state: RevisionState = Field(
        description="Candidate: being rolled out. Good: served with all replicas. Failed: given up. Superseded: replaced before it was done."
    )
    reason: Annotated[str, Field(max_length=64)] | None = Field(default=None, description="Why it failed.")


class RevisionSummary(Model):
    """Which revision serves, which is tried."""

    current: Annotated[str, Field(max_length=63)] | None = Field(
        default=None, description="The revision that the Deployment or DaemonSet holds."
    )
    last_good: Annotated[str, Field(max_length=63)] | None = Field(
        default=None, description="The last revision that served with all replicas."
    )
    candidate: Annotated[str, Field(max_length=63)] | None = Field(
        default=None, description="The revision that is being rolled out."
    )
    since: Moment | None = Field(
        default=None, description="Mode PerNode: when the candidate began to be rolled out."
    )


RolloutPhase = Literal["GettingReady", "Paused", "AwaitingApproval", "Promoting", "Suspended", "Aborted"]


class RolloutStatus(Model):
    """Strategy Canary: where the rollout of a revision stands."""

    revision: Annotated[str, Field(max_length=63)] = Field(description="The revision that is tried.")
    generation: int = Field(description="Generation of the WebApp at which it began to be tried.")
    step: int = Field(description="Number of the step, from 1.")
    weight: int = Field(description="Percentage of requests that was last given to the revision.")
    phase: RolloutPhase = Field(
        description="GettingReady: replicas for the step start. Paused: the step lasts. AwaitingApproval: somebody has to approve. "
        "Promoting: all steps went well, all replicas are being replaced. Suspended: the app is. Aborted: given up."
    )
    since: Moment = Field(description="When the phase began.")
    message: Annotated[str, Field(max_length=1024)] = Field(
        description="The whole in a sentence, with what it waits for."
    )


class NodeStatus(Model):
    """The replica on one node, in mode PerNode."""

    name: Annotated[str, Field(max_length=253)] = Field(description="Name of the node.")
    revision: Annotated[str, Field(max_length=63)] = Field(description="The revision that it runs.")
    ready: bool = Field(description="Whether it takes requests.")


class Failure(Model):
    """The most telling failure among the app's pods."""

    reason: Annotated[str, Field(max_length=64)] = Field(
        description="One CamelCase word, as in the conditions."
    )
    message: Annotated[str, Field(max_length=2048)] = Field(description="What happened and what to do.")
    pod: Annotated[str, Field(max_length=253)] | None = Field(
        default=None, description="The pod in which it was seen."
    )
    container: Annotated[str, Field(max_length=63)] | None = Field(
        default=None, description="The container in which it was seen, where it isn't the app's own."
    )
    exit_code: int | None = Field(default=None, description="Exit code of the container.")
    last_words: Annotated[str, Field(max_length=1024)] | None = Field(
        default=None, description="The container's termination message, its last KiB."
    )


class Engines(Model):
    """What of the cluster is used for the app."""

    routing: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="What routes to it from outside: GatewayAPI, Ingress or None."
    )
    tls: Annotated[str, Field(max_length=64)] | None = Field(
        default=None,
        description="Where its certificate comes from: CertManager, Secret, Gateway, App or None.",
    )
    scaling: Annotated[str, Field(max_length=64)] | None = Field(
        default=None,
        description="What moves its replicas: KEDA or HorizontalPodAutoscaler; absent where nothing does.",
    )


class WebAppStatus(Model):
    """What is known of a web app."""

    observed_generation: int | None = Field(
        default=None, description="The generation of the spec that this status speaks of."
    )
    conditions: Conditions = Field(default=[], description="Ready, Available, Progressing, Scaling, Exposed.")
    url: Annotated[str, Field(max_length=2048)] | None = Field(
        default=None, description="Where the app answers."
    )
    urls: Annotated[list[Annotated[str, Field(max_length=2048)]], Field(max_length=21)] = Field(
        default=[],
        description="Everywhere it answers, the address inside the cluster last, where expose is set.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    claims: Annotated[list[Annotated[str, Field(max_length=1024)]], Field(max_length=20)] = Field(
        default=[],
        description="Hosts and paths that this app holds, so that no other app gets them.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    engines: Engines | None = Field(default=None, description="What of the cluster is used for the app.")
    replicas: int | None = Field(default=None, description="Pods that exist.")
    ready_replicas: int | None = Field(default=None, description="Pods that take requests.")
    ready: Annotated[str, Field(max_length=32)] | None = Field(
        default=None, description="Ready and wanted replicas, such as 2/3."
    )
    selector: Annotated[str, Field(max_length=512)] | None = Field(
        default=None, description="Label selector of the pods, for the scale subresource."
    )
    revision: RevisionSummary | None = Field(
        default=None, description="Which revision serves, which is tried."
    )
    rollout: RolloutStatus | None = Field(
        default=None, description="Strategy Canary: where the rollout stands, while there is one."
    )
    revisions: Annotated[list[RevisionStatus], Field(max_length=20), ListMap(("name",))] = Field(
        default=[], description="Revisions kept, the newest first."
    )
    nodes: Annotated[list[NodeStatus], Field(max_length=20), ListMap(("name",))] = Field(
        default=[],
        description="Mode PerNode: what runs on which node. At most 20, those first that are not ready or run another revision than the current.",
    )
    failure: Failure | None = Field(
        default=None, description="The most telling failure among the pods, while there is one."
    )
