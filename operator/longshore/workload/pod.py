"""The pod of a container spec: one container, restricted by default, with limits.

WebApp and BatchJob build theirs from here; what differs (probes, restart policy, extra variables) comes
in as arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from longshore.api.common import ContainerFields, EnvFrom, EnvVar, File, Resources, Volume
from longshore.workload.decision import Obj
from longshore.workload.names import child_name, content_hash
from longshore.workload.placement import node_affinity, node_selector
from longshore.workload.quantities import in_mebibytes, parse_quantity

SIZES: Mapping[str, tuple[str, str]] = {
    "Nano": ("100m", "128Mi"),
    "Micro": ("250m", "512Mi"),
    "Small": ("500m", "1Gi"),
    "Medium": ("1", "2Gi"),
    "Large": ("2", "4Gi"),
    "XLarge": ("4", "12Gi"),
}
DEFAULT_SIZE = "Small"
FILES_VOLUME = "longshore-files"


def container(spec: ContainerFields, name: str, env: Sequence[Obj] = (), **more: Any) -> Obj:
    """The container; `env` goes before the user's own variables, which may refer to it as $(NAME); `more` are
    further fields of it."""
    made: Obj = {
        "name": name,
        "image": spec.image,
        "resources": resources(spec.size, spec.resources),
        "securityContext": container_security(spec),
        "terminationMessagePolicy": "File",
    }
    if spec.command:
        made["command"] = list(spec.command)
    if spec.args:
        made["args"] = list(spec.args)
    if variables := [*env, *map(_env_var, spec.env)]:
        made["env"] = variables
    if spec.env_from:
        made["envFrom"] = [_env_from(each) for each in spec.env_from]
    if mounts := [*map(_file_mount, spec.files), *map(_volume_mount, spec.volumes)]:
        made["volumeMounts"] = mounts
    return made | more


def pod_spec(
    spec: ContainerFields, the_container: Obj, service_account: str, files: str | None, **more: Any
) -> Obj:
    """The pod's spec around the container. `files` names the ConfigMap of `spec.files`."""
    made: Obj = {
        "automountServiceAccountToken": spec.service_account_name is not None,
        "containers": [the_container],
        "enableServiceLinks": False,
        "securityContext": pod_security(spec),
        "serviceAccountName": service_account,
    }
    if selector := node_selector(spec.placement):
        made["nodeSelector"] = selector
    if affinity := node_affinity(spec.placement):
        made["affinity"] = {"nodeAffinity": affinity}
    if spec.placement.tolerations:
        made["tolerations"] = [
            each.model_dump(by_alias=True, exclude_none=True) for each in spec.placement.tolerations
        ]
    if spec.image_pull_secrets:
        made["imagePullSecrets"] = [{"name": each.name} for each in spec.image_pull_secrets]
    if volumes := [*([_files_volume(files, spec.files)] if files else []), *map(_volume, spec.volumes)]:
        made["volumes"] = volumes
    return made | more


def resources(size: str | None, exact: Resources | None) -> Obj:
    """Requests and limits. There always is a memory limit; without `exact` it is the named size's."""
    if exact is None:
        cpu, memory = SIZES[size or DEFAULT_SIZE]
        return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu, "memory": memory}}
    requests = exact.requests.model_dump(by_alias=True, exclude_none=True) if exact.requests else {}
    limits = exact.limits.model_dump(by_alias=True, exclude_none=True) if exact.limits else {}
    requests = {name: str(amount) for name, amount in (limits | requests).items()}
    limits = {name: str(amount) for name, amount in limits.items()}
    limits.setdefault("memory", requests["memory"])
    if exact.gpu:
        requests[exact.gpu.resource] = limits[exact.gpu.resource] = str(exact.gpu.count)
    return {"requests": requests, "limits": limits}


def with_memory(resources: Obj, limit: str) -> Obj:
    """The resources with this memory limit, and with a request that stays in proportion to the limit."""
    requests, limits = resources["requests"], resources["limits"]
    request = parse_quantity(requests["memory"]) / parse_quantity(limits["memory"]) * parse_quantity(limit)
    memory = limit if request == parse_quantity(limit) else in_mebibytes(request)
    return {"requests": requests | {"memory": memory}, "limits": limits | {"memory": limit}}


def container_security(spec: ContainerFields) -> Obj:
    if spec.security.profile == "Baseline":
        return {"readOnlyRootFilesystem": spec.security.read_only_root_filesystem}
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": spec.security.read_only_root_filesystem,
        "runAsNonRoot": True,
    }


def pod_security(spec: ContainerFields) -> Obj:
    made: Obj = {"seccompProfile": {"type": "RuntimeDefault"}}
    if spec.security.profile != "Baseline":
        made["runAsNonRoot"] = True
    if spec.security.run_as_user is not None:
        made["runAsUser"] = spec.security.run_as_user
    if spec.security.fs_group is not None:
        made["fsGroup"] = spec.security.fs_group
    return made


def files_data(files: Sequence[File]) -> dict[str, str]:
    """The ConfigMap's data: each file under a key made from its path."""
    return {file_key(each.path): each.content for each in files}


def files_name(parent: str, files: Sequence[File]) -> str | None:
    """Name of the ConfigMap with these files, which changes when they do; None without files."""
    if not files:
        return None
    contents = [each.model_dump(mode="json", exclude={"mode"}) for each in files]
    return child_name(parent, f"files-{content_hash(contents)}")


def file_key(path: str) -> str:
    return f"file-{content_hash(path)}"


def _env_var(variable: EnvVar) -> Obj:
    if variable.value_from is None:
        return {"name": variable.name, "value": variable.value or ""}
    source = variable.value_from.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
    return {"name": variable.name, "valueFrom": source}


def _env_from(source: EnvFrom) -> Obj:
    return source.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)


def _file_mount(file: File) -> Obj:
    return {"name": FILES_VOLUME, "mountPath": file.path, "subPath": file_key(file.path), "readOnly": True}


def _files_volume(name: str, files: Sequence[File]) -> Obj:
    items = [{"key": file_key(each.path), "path": file_key(each.path), "mode": each.mode} for each in files]
    return {"name": FILES_VOLUME, "configMap": {"name": name, "items": items}}


def _volume_mount(volume: Volume) -> Obj:
    made: Obj = {"name": volume.name, "mountPath": volume.mount_path}
    if volume.read_only or volume.image:
        made["readOnly"] = True
    if volume.sub_path:
        made["subPath"] = volume.sub_path
    return made


def _volume(volume: Volume) -> Obj:
    return {"name": volume.name, **_volume_source(volume)}


def _volume_source(volume: Volume) -> Obj:
    if claim := volume.persistent_volume_claim:
        return {
            "persistentVolumeClaim": {"claimName": claim.claim_name}
            | ({"readOnly": True} if volume.read_only else {})
        }
    if scratch := volume.empty_dir:
        limit = {"sizeLimit": str(scratch.size_limit)} if scratch.size_limit is not None else {}
        return {"emptyDir": limit | ({"medium": "Memory"} if scratch.medium == "Memory" else {})}
    if source := volume.config_map:
        return {"configMap": {"name": source.name} | ({"optional": True} if source.optional else {})}
    if source := volume.secret:
        return {"secret": {"secretName": source.name} | ({"optional": True} if source.optional else {})}
    if ephemeral := volume.ephemeral:
        claim_spec: Obj = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": str(ephemeral.storage)}},
        }
        if ephemeral.storage_class_name:
            claim_spec["storageClassName"] = ephemeral.storage_class_name
        return {"ephemeral": {"volumeClaimTemplate": {"spec": claim_spec}}}
    assert volume.image is not None, "admission holds that a volume has exactly one source"
    return {"image": {"reference": volume.image.reference}}
