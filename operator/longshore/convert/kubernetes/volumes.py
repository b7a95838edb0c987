"""A pod's volumes, as the container mounts them: each mount becomes a volume of its own."""

from __future__ import annotations

from longshore.convert.draft import Draft, Obj
from longshore.convert.reader import Reader
from longshore.convert.units import quantity

HINTS = {
    "*.configMap.items": "all keys of the ConfigMap are there, each as a file of its own name",
    "*.secret.items": "all keys of the Secret are there, each as a file of its own name",
    "*.configMap.defaultMode": "files are readable by all",
    "*.secret.defaultMode": "files are readable by all",
    "*.hostPath": "the node's files can't be mounted: put them into the image, files, a ConfigMap or a claim",
    "*.projected": "mount each ConfigMap and Secret by itself",
    "*.downwardAPI": "what a pod may know of itself comes by env: valueFrom.fieldRef",
    "*.csi": "make a PersistentVolumeClaim, or copy what it holds into a Secret (External Secrets Operator)",
    "*.nfs": "make a PersistentVolume and a claim for it, and mount the claim",
    "*.ephemeral": "an ephemeral volume has storage and storageClassName, and is mounted by one pod",
}
_SCRATCH = ("emptyDir", "ephemeral")


def read_volumes(draft: Draft, mounts: Reader, volumes: Reader) -> None:
    """What is mounted becomes volumes; what can't be stays with a hint."""
    volumes.hints(HINTS)
    held = {each["name"].peek: each for each in volumes.items()}
    used: dict[str, int] = {}
    for mount in mounts.items():
        name = mount["name"].peek
        volume = held.get(name)
        source = _source(volume) if volume is not None else None
        if volume is not None:
            volume["name"].take()
        if volume is None or source is None:
            mount.leave(f"the volume {name} was left")
            continue
        used[name] = used.get(name, 0) + 1
        if used[name] > 1 and source.keys() & set(_SCRATCH):
            mount.leave(f"a second place for {name} would be another volume: mount it once, and link to it")
            continue
        _mount(draft, mount, volume, source, used[name])


def _mount(draft: Draft, mount: Reader, volume: Reader, source: Obj, number: int) -> None:
    name = mount["name"].text() or ""
    made: Obj = {
        "name": name if number == 1 else f"{name[:60]}-{number}",
        "mountPath": mount["mountPath"].text() or "",
    }
    read_only = mount["readOnly"].flag() or volume["persistentVolumeClaim"]["readOnly"].flag()
    if read_only and not source.keys() & {"image"}:
        made["readOnly"] = True
    if path := mount["subPath"].text():
        made["subPath"] = path
    if not draft.add("volumes", made | source, mount):
        volume.missing(f"it isn't mounted at {made['mountPath']}: that mount was left")


def _source(volume: Reader) -> Obj | None:
    """The volume as the contract has it; None where it has no such kind."""
    if claim := volume["persistentVolumeClaim"]["claimName"].text():
        return {"persistentVolumeClaim": {"claimName": claim}}
    if volume["emptyDir"]:
        return {"emptyDir": _scratch(volume["emptyDir"])}
    for kind, key in (("configMap", "name"), ("secret", "secretName")):
        if name := volume[kind][key].text():
            volume[kind]["defaultMode"].holds(420, "420", "0644")
            return {kind: {"name": name} | ({"optional": True} if volume[kind]["optional"].flag() else {})}
    if reference := volume["image"]["reference"].text():
        volume["image"]["pullPolicy"].holds("IfNotPresent")
        return {"image": {"reference": reference}}
    return _provisioned(volume["ephemeral"]["volumeClaimTemplate"]["spec"])


def _scratch(scratch: Reader) -> Obj:
    made: Obj = {}
    if limit := scratch["sizeLimit"].read(quantity):
        made["sizeLimit"] = limit
    if scratch["medium"].peek == "Memory":
        made["medium"] = scratch["medium"].text()
    scratch["medium"].holds("")
    return made


def _provisioned(claim: Reader) -> Obj | None:
    storage = claim["resources"]["requests"]["storage"].read(quantity)
    if storage is None:
        return None
    claim["accessModes"].holds(["ReadWriteOnce"])
    claim["volumeMode"].holds("Filesystem")
    made: Obj = {"storage": storage}
    if storage_class := claim["storageClassName"].text():
        made["storageClassName"] = storage_class
    return {"ephemeral": made}
