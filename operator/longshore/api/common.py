"""What WebApp and BatchJob share: the container, where it runs, and what it may do."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from longshore.api.base import (
    AbsolutePath,
    DataKey,
    DnsLabel,
    DnsName,
    ListMap,
    ListType,
    MapValues,
    Model,
    Quantity,
    RelativePath,
    Rule,
)


class KeyRef(Model):
    """A key of a Secret or ConfigMap in the same namespace."""

    name: DnsName = Field(description="Name of the Secret or ConfigMap, in the same namespace.")
    key: DataKey = Field(description="Key inside it.")
    optional: bool = Field(
        default=False,
        description="Start the container also when the object or its key is missing. Default: false.",
    )


class FieldRef(Model):
    """A fact about the pod itself."""

    field_path: Literal["metadata.name", "metadata.namespace", "status.podIP", "spec.nodeName"] = Field(
        description="Which fact: the pod's name, its namespace, its IP address, or the name of its node."
    )


class EnvSource(Model):
    """Where the value of an environment variable comes from."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.secretKeyRef), has(self.configMapKeyRef), has(self.fieldRef)].filter(x, x).size() == 1",
            "set exactly one of secretKeyRef, configMapKeyRef and fieldRef",
        ),
    )
    secret_key_ref: KeyRef | None = Field(
        default=None, description="A key of a Secret in the same namespace."
    )
    config_map_key_ref: KeyRef | None = Field(
        default=None, description="A key of a ConfigMap in the same namespace."
    )
    field_ref: FieldRef | None = Field(
        default=None, description="A fact about the pod: its name, namespace, IP or node."
    )


class EnvVar(Model):
    """One environment variable."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.value) != has(self.valueFrom)",
            'set exactly one of value and valueFrom; for an empty value write value: ""',
        ),
    )
    name: Annotated[
        str,
        Field(min_length=1, max_length=128),
        Rule(
            "self.matches('^[-._a-zA-Z][-._a-zA-Z0-9]*$')",
            "use letters, digits, '_', '-' and '.', not beginning with a digit",
        ),
        Rule(
            "!self.startsWith('LONGSHORE_')",
            "names that begin with LONGSHORE_ are set by Longshore; choose another name",
        ),
    ] = Field(description="Name of the variable. Names that begin with LONGSHORE_ are reserved.")
    value: Annotated[str, Field(max_length=8192)] | None = Field(
        default=None, description="The value as it is. At most 8192 characters. Use valueFrom for secrets."
    )
    value_from: EnvSource | None = Field(default=None, description="Where the value comes from instead.")


class SourceRef(Model):
    """A Secret or ConfigMap in the same namespace."""

    name: DnsName = Field(description="Name of the object, in the same namespace.")
    optional: bool = Field(
        default=False, description="Start also when the object is missing. Default: false."
    )


class EnvFrom(Model):
    """Every key of a Secret or ConfigMap as environment variables."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.secretRef) != has(self.configMapRef)", "set exactly one of secretRef and configMapRef"
        ),
    )
    secret_ref: SourceRef | None = Field(default=None, description="A Secret whose keys become variables.")
    config_map_ref: SourceRef | None = Field(
        default=None, description="A ConfigMap whose keys become variables."
    )
    prefix: Annotated[
        str,
        Field(max_length=64),
        Rule(
            "self.matches('^([-._a-zA-Z][-._a-zA-Z0-9]*)?$')",
            "use letters, digits, '_', '-' and '.', not beginning with a digit",
        ),
    ] = Field(default="", description="Put in front of every name. Default: none.")


class File(Model):
    """A small file in the container. A change of it starts new pods."""

    path: AbsolutePath = Field(description="Where the container finds the file: an absolute path.")
    content: Annotated[str, Field(max_length=16384)] = Field(
        description="What is in it, as text of at most 16 KiB. Not for secrets: mount a Secret as a volume instead."
    )
    mode: Annotated[int, Field(ge=0, le=511)] = Field(
        default=0o444,
        description="Permission bits. YAML reads 0444 as octal; JSON needs the decimal 292. Default: 0444, readable by all.",
    )


class ClaimVolume(Model):
    """An existing PersistentVolumeClaim."""

    claim_name: DnsName = Field(description="Name of the PersistentVolumeClaim, in the same namespace.")


class EmptyDirVolume(Model):
    """Scratch space that lives as long as the pod."""

    size_limit: Quantity | None = Field(
        default=None,
        description="The pod is evicted when it writes more than this. Default: no limit of its own.",
    )
    medium: Literal["Disk", "Memory"] = Field(
        default="Disk",
        description="Disk of the node, or Memory, which counts against the memory limit. Default: Disk.",
    )


class EphemeralVolume(Model):
    """A volume that is provisioned with the pod and deleted with it."""

    storage: Quantity = Field(description="How much space to ask for, such as 20Gi.")
    storage_class_name: DnsName | None = Field(
        default=None, description="Which StorageClass. Default: the cluster's default."
    )


class ImageVolume(Model):
    """The files of an image, read-only: models and data sets that ship as images."""

    reference: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description="The image's reference, tag or digest."
    )


class Volume(Model):
    """A volume and where it is mounted."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.persistentVolumeClaim), has(self.emptyDir), has(self.configMap), has(self.secret),"
            " has(self.ephemeral), has(self.image)].filter(x, x).size() == 1",
            "set exactly one of persistentVolumeClaim, emptyDir, configMap, secret, ephemeral and image",
        ),
        Rule(
            "!self.name.startsWith('longshore-')",
            "volume names that begin with longshore- are reserved; choose another name",
        ),
    )
    name: DnsLabel = Field(description="Name of the volume, unique in this list.")
    mount_path: AbsolutePath = Field(description="Where the container finds it: an absolute path.")
    read_only: bool = Field(default=False, description="Mount it read-only. Default: false.")
    sub_path: RelativePath | None = Field(
        default=None, description="Mount only this path inside the volume. Default: all of it."
    )
    persistent_volume_claim: ClaimVolume | None = Field(default=None, description="An existing claim.")
    empty_dir: EmptyDirVolume | None = Field(
        default=None, description="Scratch space that lives as long as the pod."
    )
    config_map: SourceRef | None = Field(default=None, description="The keys of a ConfigMap as files.")
    secret: SourceRef | None = Field(default=None, description="The keys of a Secret as files.")
    ephemeral: EphemeralVolume | None = Field(
        default=None, description="A volume provisioned with the pod and deleted with it."
    )
    image: ImageVolume | None = Field(default=None, description="The files of an image, read-only.")


class ResourceAmounts(Model):
    """Amounts of cpu, memory and scratch space."""

    cpu: Quantity | None = Field(
        default=None, description="Processor time: 1 is one core, 250m a quarter of one."
    )
    memory: Quantity | None = Field(default=None, description="Memory in bytes, such as 512Mi.")
    ephemeral_storage: Quantity | None = Field(
        default=None,
        alias="ephemeral-storage",
        description="Space on the node's disk for logs and scratch files, such as 1Gi.",
    )


class Gpu(Model):
    """Accelerators for the container."""

    count: Annotated[int, Field(ge=1, le=16)] = Field(description="How many, from 1 to 16.")
    resource: Annotated[
        str,
        Field(max_length=128),
        Rule(
            "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$')",
            "write the device plugin's resource name, such as nvidia.com/gpu",
        ),
        Rule(
            "!self.matches('(^|[.])kubernetes[.]io/')",
            "write the device plugin's resource name, such as nvidia.com/gpu",
        ),
    ] = Field(
        default="nvidia.com/gpu", description="The device plugin's resource name. Default: nvidia.com/gpu."
    )


def _not_below_request(field: str, label: str) -> Rule:
    name = field.replace("-", "__dash__")
    limit, request = f"self.limits.{name}", f"self.requests.{name}"
    amount = "quantity(type({0}) == int ? string({0}) : {0})"
    return Rule(
        f"!has(self.limits) || !has({limit}) || !has(self.requests) || !has({request})"
        f" || !{amount.format(limit)}.isLessThan({amount.format(request)})",
        f"limits.{label} must not be below requests.{label}: raise the limit or lower the request",
    )


class Resources(Model):
    """What the container asks for and what it may not exceed."""

    rules: ClassVar[tuple[Rule, ...]] = (
        _not_below_request("cpu", "cpu"),
        _not_below_request("memory", "memory"),
        _not_below_request("ephemeral-storage", "ephemeral-storage"),
        Rule(
            "(has(self.requests) && has(self.requests.memory)) || (has(self.limits) && has(self.limits.memory))",
            "set requests.memory or limits.memory: every container has a memory limit (default: its request)",
        ),
    )
    requests: ResourceAmounts | None = Field(
        default=None, description="What the scheduler reserves. Default: the limits."
    )
    limits: ResourceAmounts | None = Field(
        default=None,
        description="What the container may not exceed. Default for memory: the request; for cpu: no limit.",
    )
    gpu: Gpu | None = Field(default=None, description="Accelerators. Default: none.")


class Toleration(Model):
    """Lets pods onto nodes that carry a taint."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.operator != 'Exists' || !has(self.value)", "with operator Exists leave out value"),
        Rule("has(self.key) || self.operator == 'Exists'", "without a key set operator: Exists"),
    )
    key: Annotated[str, Field(min_length=1, max_length=316)] | None = Field(
        default=None, description="The taint's key. Default: every key, with operator Exists."
    )
    operator: Literal["Equal", "Exists"] = Field(
        default="Equal", description="How value is compared. Default: Equal."
    )
    value: Annotated[str, Field(max_length=63)] | None = Field(default=None, description="The taint's value.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="The taint's effect. Default: every effect."
    )


RESERVED_DOMAINS = (
    # Kubernetes and ourselves, whatever the prefix.
    "k8s.io", "kubernetes.io", "longshore.dev", "x-k8s.io",
    # Clouds: identities, load balancers.
    "alibabacloud.com", "amazonaws.com", "azure.com", "digitalocean.com", "gke.io", "google.com", "hetzner.cloud",
    "ibm.com", "k8s.aws", "oraclecloud.com", "workload.identity",
    # Identities and secrets from elsewhere.
    "1password.com", "banzaicloud.io", "cert-manager.io", "conjur.org", "cyberark.com", "hashicorp.com", "spiffe.io",
    # Copies of ConfigMaps into other namespaces.
    "appscode.com", "emberstack.com", "mittwald.de",
    # Networks, meshes, gateways: sidecars, addresses, routes.
    "antrea.io", "cilium.io", "cncf.io", "dapr.io", "getambassador.io", "haproxy.org", "istio.io", "konghq.com",
    "kube-vip.io", "kuma.io", "linkerd.io", "metallb.io", "nginx.org", "ovn.org", "projectcalico.org", "solo.io",
    "tailscale.com", "traefik.io", "universe.tf",
    # Agents that are told by pods what to collect, to leave out, or to run.
    "datadoghq.com", "dynatrace.com", "elastic.hints", "elastic.logs", "elastic.metrics", "elastic.monitor",
    "fluentbit.io", "newrelic.com", "opentelemetry.io", "velero.io",
    # Scaling, scheduling, policy.
    "gatekeeper.sh", "karpenter.sh", "keda.sh", "knative.dev", "kyverno.io", "openpolicyagent.org", "volcano.sh",
    # Whose object it is.
    "argoproj.io", "cattle.io", "crossplane.io", "fluxcd.io", "helm.sh", "k14s.io", "openshift.io", "rancher.io",
)  # fmt: skip
"""Domains whose keys controllers obey. Where others are in use, the chart's allowedKeyDomains turns it round."""
RESERVED_NAMES = ("aadpodidbinding", "controller-uid", "job-name", "pod-template-hash")
"""Keys without a domain that controllers obey or set."""
_NOT_RESERVED = Rule(
    f"self.all(k, !k.matches('(^|[.])({'|'.join(each.replace('.', '[.]') for each in RESERVED_DOMAINS)})/')"
    f" && !(k in {list(RESERVED_NAMES)}))",
    "keys that other controllers obey, such as those of kubernetes.io, amazonaws.com or istio.io, and of longshore.dev are reserved;"
    " use a key of your own domain, such as example.com/team",
)
_KEYS = Rule(
    "self.all(k, size(k) <= 316 && k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$'))",
    "write keys as name or domain/name, of letters, digits, '-', '_' and '.', the name of at most 63 characters",
)
LabelMap = Annotated[
    dict[str, str],
    MapValues(max_entries=20, max_value=63),
    _NOT_RESERVED,
    _KEYS,
    Rule(
        "self.all(k, self[k].matches('^([a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?)?$'))",
        "write label values of letters, digits, '-', '_' and '.', beginning and ending with a letter or digit",
    ),
]
AnnotationMap = Annotated[
    dict[str, str],
    MapValues(max_entries=20, max_value=4096),
    _NOT_RESERVED,
    _KEYS,
]
NodeLabelMap = Annotated[
    dict[str, str],
    MapValues(max_entries=10, max_value=63),
    Rule(
        "self.all(k, size(k) <= 316 && k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$')"
        " && self[k].matches('^([a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?)?$'))",
        "write node labels as the node carries them, such as node.kubernetes.io/instance-type: m7g.large",
    ),
]


class NodeSelection(Model):
    """On which nodes pods may run."""

    architecture: Literal["amd64", "arm64"] | None = Field(
        default=None, description="Processor architecture of the nodes. Default: any."
    )
    capacity: Literal["OnDemand", "Spot", "Any"] = Field(
        default="Any",
        description="Spot runs on nodes that Karpenter or EKS labels as spot only; OnDemand avoids them. Default: Any.",
    )
    zones: Annotated[list[DnsLabel], Field(max_length=10), ListType("set")] = Field(
        default=[],
        description="Availability zones, such as eu-central-1a (topology.kubernetes.io/zone). Default: any.",
    )
    node_labels: NodeLabelMap = Field(
        default_factory=dict, description="Labels that a node must carry. Default: none."
    )
    tolerations: Annotated[list[Toleration], Field(max_length=10), ListType("atomic")] = Field(
        default=[], description="Taints that the pods tolerate. Default: none."
    )


class Placement(NodeSelection):
    """On which nodes the pods run."""

    spread: Literal["None", "Zone", "Node"] = Field(
        default="Zone",
        description="Spread pods over zones and nodes, or over nodes, as far as possible. Default: Zone.",
    )


class Security(Model):
    """What the container may do. Everything passes the restricted Pod Security Standard but profile Baseline."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.runAsUser) || self.runAsUser > 0 || (has(self.profile) && self.profile == 'Baseline')",
            "user 0 is root: choose another user, or set profile: Baseline where the namespace allows it",
        ),
    )
    profile: Literal["Restricted", "Baseline"] = Field(
        default="Restricted",
        description="Restricted: not root, no capabilities. Baseline: the image's user, also root, with the runtime's default capabilities. Default: Restricted.",
    )
    run_as_user: Annotated[int, Field(ge=0, le=2147483647)] | None = Field(
        default=None, description="User id of the process. Default: the image's."
    )
    fs_group: Annotated[int, Field(ge=0, le=2147483647)] | None = Field(
        default=None, description="Group that owns mounted volumes. Default: none."
    )
    read_only_root_filesystem: bool = Field(
        default=False, description="Mount the image's own files read-only. Default: false."
    )


class PullSecret(Model):
    """A Secret of type kubernetes.io/dockerconfigjson."""

    name: DnsName = Field(description="Name of the Secret, in the same namespace.")


Argument = Annotated[str, Field(max_length=4096)]
Arguments = Annotated[list[Argument], Field(max_length=64), ListType("atomic")]


ImageReference = Annotated[
    str,
    Field(min_length=1, max_length=1024),
    Rule(
        "self.matches('^[a-zA-Z0-9][-._:/@a-zA-Z0-9]*$') && !self.contains('://')",
        "write an image reference without a scheme or spaces, such as ghcr.io/acme/shop:1.4 or …@sha256:…",
    ),
]


class ContainerFields(Model):
    """The fields of a container and its pod that WebApp and BatchJob have in common."""

    image: ImageReference = Field(
        description="The container image: a reference with a tag or a digest, such as ghcr.io/acme/shop:1.4."
    )
    command: Arguments = Field(
        default=[], description="Replaces the image's entrypoint. Default: the image's."
    )
    args: Arguments = Field(default=[], description="Replaces the image's arguments. Default: the image's.")
    env: Annotated[list[EnvVar], Field(max_length=100), ListMap(("name",))] = Field(
        default=[], description="Environment variables, at most 100. Default: none."
    )
    env_from: Annotated[list[EnvFrom], Field(max_length=20), ListType("atomic")] = Field(
        default=[],
        description="Secrets and ConfigMaps whose keys become variables, at most 20. Default: none.",
    )
    files: Annotated[list[File], Field(max_length=20), ListMap(("path",))] = Field(
        default=[], description="Small files, at most 20. A change starts new pods. Default: none."
    )
    volumes: Annotated[list[Volume], Field(max_length=20), ListMap(("name",))] = Field(
        default=[], description="Volumes, at most 20. Default: none."
    )
    size: Literal["Nano", "Micro", "Small", "Medium", "Large", "XLarge"] | None = Field(
        default=None,
        description="cpu and memory, request and limit alike: Nano 100m/128Mi, Micro 250m/512Mi, Small 500m/1Gi, "
        "Medium 1/2Gi, Large 2/4Gi, XLarge 4/12Gi. Default: Small, unless resources is set.",
    )
    resources: Resources | None = Field(
        default=None, description="Exact requests and limits, instead of size."
    )
    placement: Placement = Field(
        default=Placement(), description="On which nodes the pods run. Default: any."
    )
    security: Security = Field(
        default=Security(), description="What the container may do. Default: Restricted."
    )
    service_account_name: DnsName | None = Field(
        default=None,
        description="An account in the same namespace labelled longshore.dev/allow=true, for cloud identities (IRSA, EKS Pod "
        "Identity) or access to the API. Default: an account of its own, with no rights and no token.",
    )
    image_pull_secrets: Annotated[list[PullSecret], Field(max_length=5), ListMap(("name",))] = Field(
        default=[], description="Secrets for private registries, at most 5. Default: none."
    )
    labels: LabelMap = Field(
        default_factory=dict,
        description="Labels for the pods and what Longshore makes, at most 20. Default: none.",
    )
    annotations: AnnotationMap = Field(
        default_factory=dict,
        description="Annotations for the pods and what Longshore makes, at most 20. Default: none.",
    )


SIZE_XOR_RESOURCES = Rule(
    "!(has(self.size) && has(self.resources))",
    "set size or resources, not both: resources gives exact amounts, size a named pair",
)
CONTAINER_RULES = (SIZE_XOR_RESOURCES,)


class Condition(Model):
    """A metav1.Condition."""

    type: Annotated[str, Field(max_length=316)] = Field(
        description="Which aspect: see the kind's documentation."
    )
    status: Literal["True", "False", "Unknown"] = Field(description="True, False or Unknown.")
    observed_generation: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="The generation of the spec that this speaks of."
    )
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})] = Field(
        description="When status last changed."
    )
    reason: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description="One CamelCase word that says why."
    )
    message: Annotated[str, Field(max_length=32768)] = Field(
        description="What happened and what to do, for people."
    )


Conditions = Annotated[list[Condition], Field(max_length=16), ListMap(("type",))]
