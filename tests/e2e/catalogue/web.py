"""Ways in which an app goes wrong in production."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from tests.e2e.catalogue.row import Row, Told, app_is_ready, kubectl, says, spec
from tests.e2e.cluster import Cluster, Obj, is_ready
from tests.e2e.objects import IMAGE, MISSING_IMAGE, TINY, web_app
from tests.e2e.waiting import wait_for

REMOVED = None


def app(**spec: Any) -> Obj:
    return web_app("shop", **spec)


def variable(kind: str, name: str, key: str) -> list[Obj]:
    return [{"name": "PASSWORD", "valueFrom": {kind: {"name": name, "key": key}}}]


def volume(**source: Any) -> list[Obj]:
    return [{"name": "data", "mountPath": "/data"} | source]


CLAIM: Obj = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
}
HOST_VOLUME: Obj = {
    "apiVersion": "v1",
    "kind": "PersistentVolume",
    "metadata": {"name": "data-NAMESPACE"},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Mi"},
        "storageClassName": "",
        "claimRef": {"namespace": "NAMESPACE", "name": "data"},
        "hostPath": {"path": "/run/longshore-catalogue", "type": "DirectoryOrCreate"},
    },
}
HELPER: Obj = {"image": f"{IMAGE}:v1", "resources": TINY}
POLICY: Obj = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicy",
    "metadata": {"name": "team-NAMESPACE"},
    "spec": {
        "matchConstraints": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "NAMESPACE"}},
            "resourceRules": [
                {
                    "apiGroups": ["apps"],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": ["deployments"],
                }
            ],
        },
        "validations": [
            {
                "expression": "has(object.metadata.labels) && 'team' in object.metadata.labels",
                "message": "each Deployment needs a label team",
            }
        ],
    },
}
BINDING: Obj = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicyBinding",
    "metadata": {"name": "team-NAMESPACE"},
    "spec": {"policyName": "team-NAMESPACE", "validationActions": ["Deny"]},
}


def limits(**most: str) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "limits"},
        "spec": {"limits": [{"type": "Container", "max": most}]},
    }


def node(name: str, taint: bool) -> Obj:
    """A node without a kubelet, on which only pods that ask for it are put."""
    taints = [{"key": "example.com/pool", "value": "edge", "effect": "NoSchedule"}]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"example.com/pool": name, "kubernetes.io/hostname": name}},
        "spec": {"taints": taints if taint else []},
    }


ON_EDGE: Obj = {
    "nodeLabels": {"example.com/pool": "edge-NAMESPACE"},
    "tolerations": [{"key": "example.com/pool", "operator": "Exists"}],
    "spread": "None",
}


def node_is_up(cluster: Cluster) -> None:
    """What the node's kubelet would say once; it says nothing more after that."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ready = {
        "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "",
        "lastHeartbeatTime": now, "lastTransitionTime": now,
    }  # fmt: skip
    room = {"cpu": "4", "memory": "4Gi", "pods": "10"}
    status = {"conditions": [ready], "capacity": room, "allocatable": room}
    name = f"edge-{cluster.namespace}"
    cluster.kubectl(
        "patch", "node", name, "--subresource=status", f"--patch={json.dumps({'status': status})}"
    )


def runs_on_the_node(cluster: Cluster) -> None:
    """The node's kubelet starts the pod, and is heard no more."""
    node_is_up(cluster)
    pods = wait_for(
        lambda: cluster.list("Pod"),
        lambda pods: pods and pods[0]["spec"].get("nodeName"),
        "the pod has its node",
        60,
    )
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    pod = pods[0]
    name = pod["spec"]["containers"][0]["name"]
    started = {
        "name": name, "image": f"{IMAGE}:v1", "imageID": "", "ready": True, "started": True, "restartCount": 0,
        "state": {"running": {"startedAt": now}},
    }  # fmt: skip
    conditions = [
        {"type": each, "status": "True", "lastTransitionTime": now} for each in ("Ready", "ContainersReady")
    ]
    status = {"phase": "Running", "startTime": now, "conditions": conditions, "containerStatuses": [started]}
    patch = json.dumps({"status": status})
    cluster.kubectl("patch", "pod", pod["metadata"]["name"], "--subresource=status", f"--patch={patch}")


def policy_holds(cluster: Cluster) -> None:
    """The API server takes a moment to heed a new policy."""
    wait_for(
        lambda: cluster.kubectl(
            "create", "deployment", "probe", "--image=probe", "--dry-run=server", check=False
        ),
        lambda said: "needs a label team" in said,
        "the policy holds",
        60,
        pause=1,
    )


def policy(cluster: Cluster) -> None:
    text = json.dumps([POLICY, BINDING]).replace("NAMESPACE", cluster.namespace)
    cluster.apply(*json.loads(text))
    policy_holds(cluster)


def policy_goes(cluster: Cluster) -> None:
    cluster.patch("webapp", "shop", {"labels": {"team": "shop"}})
    app_is_ready(cluster)
    for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
        cluster.delete(kind, f"team-{cluster.namespace}", "--wait=false")


def then(**changes: Any) -> Any:
    """The app becomes ready, and then its spec is changed."""

    def change(cluster: Cluster) -> None:
        app_is_ready(cluster)
        cluster.patch("webapp", "shop", changes)

    return change


def drain(cluster: Cluster) -> None:
    cluster.wait("WebApp", "shop", is_ready, "is ready", 120, pause=1)
    wait_for(
        lambda: cluster.get("PodDisruptionBudget", "shop"),
        lambda it: it is not None and it["status"].get("disruptionsAllowed") == 1,
        "one may be away",
    )


def evicted_twice(cluster: Cluster) -> Told | None:
    said = [
        cluster.kubectl(
            "create",
            "--raw",
            f"/api/v1/namespaces/{cluster.namespace}/pods/{pod['metadata']['name']}/eviction",
            "--filename=-",
            stdin=json.dumps(
                {
                    "apiVersion": "policy/v1",
                    "kind": "Eviction",
                    "metadata": {"name": pod["metadata"]["name"], "namespace": cluster.namespace},
                }
            ),
            check=False,
        )
        for pod in cluster.list("Pod", webapp="shop")
    ]
    refused = [each for each in said if "TooManyRequests" in each]
    return Told("TooManyRequests", refused[-1]) if refused else None


ROWS = (
    Row(
        "registry-unreachable", "nothing answers where the image's registry should be",
        [app(image=MISSING_IMAGE)], "ImagePullFailed", "connection refused",
        "correct spec.image; else see that the nodes reach the registry", cure=spec(image=f"{IMAGE}:v1"),
    ),
    Row(
        "registry-unknown", "the image's registry has a name that nobody knows",
        [app(image="registry.invalid/shop:1")], "ImagePullFailed", "lookup registry.invalid",
        "correct the host in spec.image",
    ),
    Row(
        "image-mistyped", "the image's name is mistyped",
        [app(image="longshore.test/Shop:v1")], "ImagePullFailed", "valid",
        "correct spec.image: names have no upper case", cure=spec(image=f"{IMAGE}:v1"),
    ),
    Row(
        "crash", "the process ends at once and says why",
        [app(tag="broken")], "CrashLooping", "exit code 3, N restarts.*Last words",
        "read its last words, or its log; mend what it lacks", cure=spec(image=f"{IMAGE}:v1"),
    ),
    Row(
        "exits-0", "the process ends with exit code 0",
        [app(args=["sleep", "0"])], "CrashLooping", "exit code 0, N restarts",
        "an app goes on until it is stopped: correct command and args, or make it a BatchJob",
    ),
    Row(
        "oom", "the process takes more memory than its limit",
        [app(args=["oom"], resources={**TINY, "limits": {"memory": "64Mi"}})], "OOMKilled", "64Mi",
        "raise size or resources.limits.memory, or use less",
    ),
    Row(
        "no-command", "the command does not exist in the image",
        [app(command=["/no-such-program"])], "CannotStart", "no-such-program.*Check",
        "correct spec.command", cure=spec(command=REMOVED),
    ),
    Row(
        "wrong-architecture", "the program is none for the node's processor",
        [app(
            command=["/app/run"],
            files=[{"path": "/app/run", "content": "no program", "mode": 0o555}],
        )],
        "CrashLooping", "exit code 255, N restarts.*architecture",
        "build the image for that processor, or set placement.architecture", seconds=90,
    ),
    Row(
        "unhealthy", "the health check is answered with 503",
        [app(env=[{"name": "UNHEALTHY", "value": "yes"}])], "ProbeFailing", "503",
        "ask the app why: its log, and what it depends on", cure=spec(env=[]),
    ),
    Row(
        "wrong-path", "health.path is none of the app's",
        [app(health={"path": "/ready", "intervalSeconds": 2})], "ProbeFailing", "404",
        "correct health.path", cure=spec(health={"path": "/healthz"}),
    ),
    Row(
        "wrong-port", "the app listens on another port than spec.port",
        [app(env=[{"name": "PORT", "value": "3000"}])], "ProbeFailing", "refused",
        "set spec.port to the app's port, or have the app listen on it", cure=spec(port=3000),
    ),
    Row(
        "listens-on-localhost", "the app listens on 127.0.0.1 only",
        [app(env=[{"name": "LISTEN", "value": "127.0.0.1"}])], "ProbeFailing", "refused.*all addresses",
        "have the app listen on all addresses, 0.0.0.0", cure=spec(env=[]),
    ),
    Row(
        "slow-start", "the app needs longer to start than health.startupSeconds",
        [app(
            env=[{"name": "START_SECONDS", "value": "30"}],
            health={"path": "/healthz", "intervalSeconds": 2, "startupSeconds": 10},
        )],
        "ProbeFailing", "startupSeconds.*killed",
        "raise health.startupSeconds",
        cure=spec(health={"startupSeconds": 120}), seconds=150,
    ),
    Row(
        "no-secret", "a Secret does not exist",
        [app(env=variable("secretKeyRef", "shop", "password"))], "ConfigMissing", "Secret shop does not exist",
        "create the Secret", cure=kubectl("create", "secret", "generic", "shop", "--from-literal=password=x"),
    ),
    Row(
        "no-secret-key", "a Secret lacks the key",
        [app(env=variable("secretKeyRef", "shop", "password"))], "ConfigMissing", "key password is missing",
        "add the key", steps=[kubectl("create", "secret", "generic", "shop", "--from-literal=user=x", until=None)],
        cure=kubectl("patch", "secret", "shop", '--patch={"stringData":{"password":"x"}}'),
    ),
    Row(
        "no-configmap", "a ConfigMap does not exist",
        [app(envFrom=[{"configMapRef": {"name": "shop"}}])], "ConfigMissing", "ConfigMap shop does not exist",
        "create the ConfigMap", cure=kubectl("create", "configmap", "shop", "--from-literal=A=x"),
    ),
    Row(
        "no-configmap-volume", "a ConfigMap that is mounted does not exist",
        [app(volumes=volume(configMap={"name": "shop"}))], "ConfigMissing", "ConfigMap shop does not exist",
        "create the ConfigMap", cure=kubectl("create", "configmap", "shop", "--from-literal=A=x"), seconds=150,
    ),
    Row(
        "read-only", "the app writes into its own read-only file system",
        [app(args=["write", "/cache", "x"], security={"readOnlyRootFilesystem": True})],
        "CrashLooping", "N restarts.*read-only file system",
        "give it a volume for what it writes: emptyDir",
    ),
    Row(
        "volume-permission", "the app's user may not write to its volume",
        [CLAIM | {"spec": CLAIM["spec"] | {"storageClassName": ""}}, HOST_VOLUME,
         app(args=["write", "/data/x", "x"], volumes=volume(persistentVolumeClaim={"claimName": "data"}))],
        "CrashLooping", "N restarts.*permission denied",
        "set security.fsGroup where the volume knows groups; else give the folder to the image's user",
    ),
    Row(
        "no-claim", "a PersistentVolumeClaim does not exist",
        [app(volumes=volume(persistentVolumeClaim={"claimName": "data"}))], "ConfigMissing", "does not exist",
        "create the claim",
    ),
    Row(
        "claim-pending", "no volume is there for a PersistentVolumeClaim",
        [CLAIM | {"spec": CLAIM["spec"] | {"storageClassName": "none-such"}},
         app(volumes=volume(persistentVolumeClaim={"claimName": "data"}))],
        "VolumeNotReady", "kubectl get pvc",
        "make a volume, or name a storage class that makes them",
    ),
    Row(
        "root", "the image's user is root",
        [app(tag="root")], "RunsAsRoot", "runs as root",
        "add USER with a numeric id to the image, or set security.runAsUser",
        cure=spec(security={"runAsUser": 65532}),
    ),
    Row(
        "named-user", "the image's user is a name",
        [app(tag="named-user")], "RunsAsRoot", "numeric",
        "write the id instead of the name in the image's USER, or set security.runAsUser",
        cure=spec(security={"runAsUser": 65532}),
    ),
    Row(
        "pod-security", "the namespace takes restricted pods only",
        [app(tag="root", security={"profile": "Baseline"})], "PodRefused", "Pod Security",
        "use security.profile Restricted, or have the namespace's level changed",
        cure=spec(security={"profile": "Restricted", "runAsUser": 65532}),
    ),
    Row(
        "quota", "the namespace's ResourceQuota is used up",
        [app(resources={"requests": {"cpu": "10m", "memory": "96Mi"}})], "QuotaExceeded", "quota",
        "ask for less, or have the quota raised",
        steps=[kubectl("create", "quota", "memory", "--hard=requests.memory=64Mi", until=None)],
        cure=spec(resources=TINY),
    ),
    Row(
        "limit-range", "the namespace's LimitRange allows less for one container",
        [limits(memory="64Mi"), app(resources={"requests": {"cpu": "10m", "memory": "96Mi"}})],
        "PodRefused", "LimitRange", "ask for less, or have the LimitRange changed", cure=spec(resources=TINY),
    ),
    Row(
        "policy", "an admission policy, or a webhook, refuses the Deployment",
        [app()], "ApiDenied", "needs a label team", "do as the policy says", steps=[policy], cure=policy_goes,
    ),
    Row(
        "cpu", "no node has so much cpu",
        [app(resources={"requests": {"cpu": "64", "memory": "32Mi"}})], "Unschedulable", "Insufficient cpu",
        "ask for less, or add nodes", cure=spec(resources={"requests": {"cpu": "10m"}}),
    ),
    Row(
        "memory", "no node has so much memory",
        [app(resources={"requests": {"cpu": "10m", "memory": "900Gi"}})], "Unschedulable", "Insufficient memory",
        "ask for less, or add nodes",
    ),
    Row(
        "gpu", "no node has a GPU",
        [app(resources=TINY | {"gpu": {"count": 1}})], "Unschedulable", "nvidia.com/gpu",
        "add nodes with GPUs and their device plugin, or correct resources.gpu.resource",
    ),
    Row(
        "node-label", "no node carries the label that placement asks for",
        [app(placement={"nodeLabels": {"example.com/pool": "fast"}})], "Unschedulable", "affinity",
        "correct placement.nodeLabels, or label a node", cure=spec(placement=REMOVED),
    ),
    Row(
        "architecture", "no node has the processor that placement asks for",
        [app(placement={"architecture": "arm64"})], "Unschedulable", "affinity",
        "correct placement.architecture, or add such nodes", cure=spec(placement=REMOVED),
    ),
    Row(
        "spot", "there are no spot nodes",
        [app(placement={"capacity": "Spot"})], "Unschedulable", "affinity",
        "use capacity Any, or add spot nodes", cure=spec(placement=REMOVED),
    ),
    Row(
        "taint", "the nodes that fit have a taint",
        [node("edge-NAMESPACE", True), app(placement={"nodeLabels": ON_EDGE["nodeLabels"]})],
        "Unschedulable", "taint", "add placement.tolerations", then=node_is_up, nodes=True,
    ),
    Row(
        "node-gone", "the app's node does not answer any more (its kubelet is played by the test)",
        [node("edge-NAMESPACE", True), app(placement=ON_EDGE)],
        "NodeLost", "does not answer", "bring the node back, or delete it: kubectl delete node",
        then=runs_on_the_node, nodes=True, seconds=200,
    ),
    Row(
        "no-account", "the service account does not exist",
        [app(serviceAccountName="cloud")], "ServiceAccountNotAllowed", "does not exist",
        "create it, and offer it with the label",
    ),
    Row(
        "account-not-offered", "the service account is not offered to apps",
        [app(serviceAccountName="default")], "ServiceAccountNotAllowed", "kubectl label",
        "have it labelled by who keeps the namespace",
        cure=kubectl("label", "serviceaccount", "default", "longshore.dev/allow=true"),
    ),
    Row(
        "name-taken", "somebody else's Service has the app's name",
        [app()], "NameConflict", "Service shop", "delete or rename it, or name the app otherwise",
        steps=[kubectl("create", "service", "clusterip", "shop", "--tcp=80", until=None)],
        cure=kubectl("delete", "service", "shop"),
    ),
    Row(
        "release-fails", "the release, a migration say, fails",
        [app(release={"args": ["say-last-words", "no such column: price", "3"]})],
        "ReleaseFailed", "exit code 3.*Last words", "mend the migration and change the spec",
        cure=spec(release={"args": ["sleep", "0"]}),
    ),
    Row(
        "rolled-back", "a new revision does not work",
        [app(rollout={"progressDeadlineSeconds": 30})], "RolledBack", "REVISION is serving",
        "mend what the reason says and change the spec", then=then(image=f"{IMAGE}:broken"),
        cure=spec(image=f"{IMAGE}:v2"), seconds=180,
    ),
    Row(
        "first-fails", "the first revision does not work",
        [app(tag="broken", rollout={"progressDeadlineSeconds": 30})], "DeadlineExceeded", "no good revision",
        "mend what the reason says and change the spec", cure=spec(image=f"{IMAGE}:v1"), seconds=150,
    ),
    Row(
        "sidecar", "a sidecar ends by itself",
        [app(sidecars=[HELPER | {"name": "proxy", "args": ["exit", "4"]}])],
        "CrashLooping", "sidecar proxy.*exit code 4, N restarts", "read the sidecar's log",
    ),
    Row(
        "init", "an init container fails",
        [app(initContainers=[HELPER | {"name": "prepare", "args": ["exit", "4"]}])],
        "CrashLooping", "init container prepare.*exit code 4, N restarts", "read the init container's log",
    ),
    Row(
        "no-cpu-request", "the autoscaler goes by cpu, and the app asks for none",
        [app(resources={"requests": {"memory": "32Mi"}}, scaling={"minReplicas": 1, "maxReplicas": 2})],
        "MetricsUnavailable", "requests.cpu", "set size, or resources.requests.cpu",
        read=says("WebApp", "shop", "Scaling"), seconds=240,
    ),
    Row(
        "at-maximum", "there is more to do than maxReplicas can do",
        [app(scaling={"minReplicas": 1, "maxReplicas": 2, "targets": {"cpuPercent": 1}},
             health={"path": "/healthz", "intervalSeconds": 1, "timeoutSeconds": 1})],
        "AtMaximum", "maxReplicas", "raise maxReplicas, or the size",
        read=says("WebApp", "shop", "Scaling"), seconds=240,
    ),
    Row(
        "schedule", "a schedule's cron cannot be read",
        [app(scaling={
            "minReplicas": 1,
            "schedules": [{"name": "day", "cron": "61 8 * * *", "minReplicas": 2, "durationSeconds": 3600}],
        })],
        "ScheduleInvalid", "61 8", "correct the cron expression", read=says("WebApp", "shop", "Scaling"),
    ),
    Row(
        "drain", "a drain waits: another replica is away already (told by kubectl)",
        [app(scaling={"minReplicas": 2}, health={"path": "/healthz", "intervalSeconds": 10})],
        "TooManyRequests", "disruption budget", "wait until the other is back; run more replicas",
        then=drain, read=evicted_twice,
    ),
    Row(
        "disabled", "changes of the spec do nothing",
        [{**app(), "metadata": {"name": "shop", "annotations": {"longshore.dev/reconcile": "disabled"}}}],
        "ReconcileDisabled", "remove the annotation", "remove the annotation",
        cure=kubectl("annotate", "webapp", "shop", "longshore.dev/reconcile-"),
    ),
    Row(
        "suspended", "the app has no pods",
        [app(suspend=True)], "Suspended", "spec.suspend", "set spec.suspend to false",
        cure=spec(suspend=False),
    ),
)  # fmt: skip
