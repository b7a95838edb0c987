"""Containers beside the app's, in the order in which the kubelet starts them: each init container until it has
ended, then each sidecar, which stops after the app has."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.api.common import ContainerFields, Volume
from longshore.api.containers import HelperContainer, VolumeMount
from longshore.workload.decision import Obj
from longshore.workload.pod import container

DEFAULT_SIZE = "Nano"


def init_containers(
    spec: ContainerFields, before: Sequence[HelperContainer], along: Sequence[HelperContainer]
) -> Obj:
    """The pod's initContainers, with sidecars as Kubernetes has them: init containers that aren't waited for."""
    made = [
        *(container(_fields(spec, each), each.name) for each in before),
        *(container(_fields(spec, each), each.name, restartPolicy="Always") for each in along),
    ]
    return {"initContainers": made} if made else {}


def _fields(spec: ContainerFields, helper: HelperContainer) -> ContainerFields:
    volumes = {each.name: each for each in spec.volumes}
    return spec.model_copy(
        update={
            "image": helper.image or spec.image,
            "command": helper.command,
            "args": helper.args,
            "env": helper.env,
            "env_from": helper.env_from,
            "files": [],
            "volumes": [_mounted(volumes[each.name], each) for each in helper.volume_mounts],
            "size": helper.size or (None if helper.resources else DEFAULT_SIZE),
            "resources": helper.resources,
        }
    )


def _mounted(volume: Volume, mount: VolumeMount) -> Volume:
    return volume.model_copy(
        update={
            "mount_path": mount.mount_path or volume.mount_path,
            "read_only": mount.read_only or volume.read_only,
            "sub_path": mount.sub_path,
        }
    )
