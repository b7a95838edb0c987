"""A kopf operator in the way of its tutorial: one handler for creation, one for updates, the typed client."""

# mypy: ignore-errors
import hashlib
import json

import kopf
import kubernetes

kubernetes.config.load_config()
core, apps = kubernetes.client.CoreV1Api(), kubernetes.client.AppsV1Api()
autoscaling, policy = kubernetes.client.AutoscalingV2Api(), kubernetes.client.PolicyV1Api()
GROUP = ("longshore.dev", "v1alpha1")


def labels(name, kind="webapp"):
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/component": kind,
        "app.kubernetes.io/managed-by": "longshore",
        f"longshore.dev/{kind}": name,
    }


def owned(kind, api_version, name, body, owner_name, component="webapp"):
    made = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "labels": labels(owner_name, component)},
    }
    kopf.append_owner_reference(made, owner=body)
    return made


def container(name, image):
    small = {"cpu": "500m", "memory": "1Gi"}
    return {
        "name": name,
        "image": image,
        "resources": {"requests": small, "limits": small},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": False,
            "runAsNonRoot": True,
        },
        "terminationMessagePolicy": "File",
    }


def pod_spec(work, account):
    return {
        "automountServiceAccountToken": False,
        "containers": [work],
        "enableServiceLinks": False,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}, "runAsNonRoot": True},
        "serviceAccountName": account,
        "terminationGracePeriodSeconds": 30,
    }


def deployment(name, spec, body):
    selector = {"longshore.dev/webapp": name}
    probe = {
        "httpGet": {"path": spec["health"]["path"], "port": "app", "scheme": "HTTP"},
        "timeoutSeconds": 2,
        "successThreshold": 1,
    }
    serving = container("app", spec["image"]) | {
        "env": spec["env"],
        "ports": [{"name": "app", "containerPort": 8080, "protocol": "TCP"}],
        "startupProbe": probe | {"periodSeconds": 2, "failureThreshold": 60},
        "readinessProbe": probe | {"periodSeconds": 10, "failureThreshold": 3},
        "livenessProbe": probe | {"periodSeconds": 10, "failureThreshold": 9},
        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
    }
    pod = pod_spec(serving, f"{name}-webapp")
    pod["topologySpreadConstraints"] = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector},
            "matchLabelKeys": ["pod-template-hash"],
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    made = owned("Deployment", "apps/v1", name, body, name)
    made["spec"] = {
        "replicas": spec["scaling"]["minReplicas"],
        "progressDeadlineSeconds": 300,
        "revisionHistoryLimit": 5,
        "selector": {"matchLabels": selector},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
        "template": {
            "metadata": {"labels": labels(name) | {"longshore.dev/revision": revision_name(spec)}},
            "spec": pod,
        },
    }
    return made


def revision_name(spec):
    inputs = {key: spec[key] for key in ("image", "env", "size", "health")}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:10]


def revision(name, spec, body):
    hashed = revision_name(spec)
    made = owned("ControllerRevision", "apps/v1", f"{name}-{hashed}", body, name)
    made["metadata"]["labels"]["longshore.dev/revision"] = hashed
    made["revision"] = body["metadata"]["generation"]
    made["data"] = {"spec": {key: spec[key] for key in ("image", "env", "size", "health")}}
    return made


def say(patch, generation, ready, reason):
    status = "True" if ready else "False"
    patch.status["observedGeneration"] = generation
    patch.status["conditions"] = [
        {
            "type": kind,
            "status": status if kind in ("Ready", "Available") else "True",
            "reason": reason,
            "message": "as wanted" if ready else "being rolled out",
            "observedGeneration": generation,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for kind in ("Ready", "Available", "Progressing", "Scaling", "Exposed")
    ]


@kopf.on.create(*GROUP, "webapps")
def create(name, namespace, spec, body, patch, **_):
    account = owned("ServiceAccount", "v1", f"{name}-webapp", body, name)
    account["automountServiceAccountToken"] = False
    core.create_namespaced_service_account(namespace, account)
    apps.create_namespaced_controller_revision(namespace, revision(name, spec, body))
    service = owned("Service", "v1", name, body, name)
    port = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": "app", "appProtocol": "http"}
    service["spec"] = {"type": "ClusterIP", "selector": {"longshore.dev/webapp": name}, "ports": [port]}
    core.create_namespaced_service(namespace, service)
    budget = owned("PodDisruptionBudget", "policy/v1", name, body, name)
    budget["spec"] = {
        "maxUnavailable": 1,
        "selector": {"matchLabels": {"longshore.dev/webapp": name}},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    policy.create_namespaced_pod_disruption_budget(namespace, budget)
    apps.create_namespaced_deployment(namespace, deployment(name, spec, body))
    scaler = owned("HorizontalPodAutoscaler", "autoscaling/v2", name, body, name)
    target = {"type": "Utilization", "averageUtilization": 70}
    scaler["spec"] = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": spec["scaling"]["minReplicas"],
        "maxReplicas": spec["scaling"]["maxReplicas"],
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}},
    }
    autoscaling.create_namespaced_horizontal_pod_autoscaler(namespace, scaler)
    say(patch, body["metadata"]["generation"], False, "RollingOut")


@kopf.on.update(*GROUP, "webapps", field="spec")
def update(name, namespace, spec, body, patch, **_):
    apps.create_namespaced_controller_revision(namespace, revision(name, spec, body))
    wanted = deployment(name, spec, body)
    del wanted["spec"]["replicas"]
    apps.patch_namespaced_deployment(name, namespace, wanted)
    say(patch, body["metadata"]["generation"], False, "RollingOut")


@kopf.on.event("apps", "v1", "deployments", labels={"longshore.dev/webapp": kopf.PRESENT})
def deployed(name, namespace, status, meta, spec, type, **_):
    complete = status.get("observedGeneration", 0) >= meta["generation"]
    if type == "DELETED" or not complete or status.get("availableReplicas", 0) < spec["replicas"]:
        return
    objects = kubernetes.client.CustomObjectsApi()
    parent = objects.get_namespaced_custom_object(*GROUP, namespace, "webapps", name)
    ready = kopf.Patch()
    say(ready, parent["metadata"]["generation"], True, "Available")
    body = {"status": dict(ready.status)}
    objects.patch_namespaced_custom_object_status(*GROUP, namespace, "webapps", name, body)
