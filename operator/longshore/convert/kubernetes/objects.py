"""Which of the objects in the files belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from longshore.convert.draft import Draft
from longshore.convert.reader import Reader

META_STATE = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "selfLink",
    "managedFields",
    "ownerReferences",
)
BOOKKEEPING = (
    "deployment.kubernetes.io/", "kubectl.kubernetes.io/last-applied-configuration", "meta.helm.sh/", "helm.sh/",
    "app.kubernetes.io/managed-by", "batch.kubernetes.io/", "autoscaling.alpha.kubernetes.io/", "objectset.rio.cattle.io/",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Objects:
    """All objects of the files, in their order."""

    every: Sequence[Reader]

    def of(self, kind: str) -> list[Reader]:
        return [each for each in self.every if each["kind"].peek == kind]

    def selecting(self, kind: str, workload: Reader, selector: str) -> list[Reader]:
        """Objects of `kind` whose labels at the dotted `selector` all stand on the pods of the workload."""
        labels = workload["spec"]["template"]["metadata"]["labels"].value

        def selects(each: Reader) -> bool:
            wanted = at(each, selector).value
            return (
                isinstance(wanted, dict)
                and isinstance(labels, dict)
                and bool(wanted)
                and all(key in labels and labels[key] == value for key, value in wanted.items())
            )

        return [each for each in self.of(kind) if selects(each) and _same_namespace(each, workload)]

    def scaling(self, workload: Reader) -> list[Reader]:
        """Autoscalers of the workload."""

        def scales(each: Reader) -> bool:
            target = each["spec"]["scaleTargetRef"]
            return (target["kind"].peek, target["name"].peek) == (workload["kind"].peek, name_of(workload))

        return [
            each
            for each in self.of("HorizontalPodAutoscaler")
            if scales(each) and _same_namespace(each, workload)
        ]


def at(reader: Reader, dotted: str) -> Reader:
    for part in dotted.split("."):
        reader = reader[part]
    return reader


def name_of(each: Reader) -> str:
    return each["metadata"]["name"].peek


def title(each: Reader) -> str:
    return f"{each['kind'].peek} {name_of(each)}"


def read_identity(each: Reader, name: str) -> None:
    """What names an object, and what the API server keeps of it. `name` is that of the object that it becomes."""
    for key in ("apiVersion", "kind", "status"):
        each[key].needless("what Kubernetes itself keeps")
    each["metadata"]["name"].holds(name)
    each["metadata"]["namespace"].needless("the namespace is that of the workload")
    for key in META_STATE:
        each["metadata"][key].needless("what Kubernetes itself keeps")


def read_own_metadata(draft: Draft, workload: Reader) -> None:
    """Namespace, labels and annotations of the workload become those of our object."""
    metadata = workload["metadata"]
    for key in ("apiVersion", "kind", "status"):
        workload[key].needless("what Kubernetes itself keeps")
    if namespace := metadata["namespace"].text():
        draft.metadata["namespace"] = namespace
    for kind in ("labels", "annotations"):
        kept = {}
        for key, each in metadata[kind].fields():
            if key.startswith(BOOKKEEPING):
                each.needless("what Kubernetes or Helm itself keeps")
            elif (text := each.text()) is not None:
                kept[key] = text
        if kept:
            draft.metadata[kind] = kept
    for key in META_STATE:
        metadata[key].needless("what Kubernetes itself keeps")


def read_needless_metadata(metadata: Reader) -> None:
    """Labels and annotations of an object that Longshore makes anew; annotations may steer somebody, so they're told."""
    metadata["labels"].needless("Longshore labels what it makes")
    for key, each in metadata["annotations"].fields():
        if key.startswith(BOOKKEEPING):
            each.needless("what Kubernetes or Helm itself keeps")


def _same_namespace(one: Reader, other: Reader) -> bool:
    return one["metadata"]["namespace"].peek == other["metadata"]["namespace"].peek
