"""Which Kubernetes objects are converted, and what is said of the others: they stay as they are."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.convert.draft import Draft, Options
from longshore.convert.kubernetes import deployment, job
from longshore.convert.kubernetes.objects import Objects, title
from longshore.convert.reader import Reader

_JOBS = ("Job", "CronJob")
_STAYS = {
    "Ingress": "it stays: let it lead to the Service of the WebApp, port 80",
    "Service": "it stays: no Deployment in the files has the labels that it selects",
    "HorizontalPodAutoscaler": "it stays: it scales no Deployment in the files",
    "PodDisruptionBudget": "it stays: no Deployment in the files has the labels that it selects",
    "StatefulSet": "it stays: replicas with names and disks of their own aren't an app's",
    "DaemonSet": "it stays: an app has a number of replicas, not one per node",
    "Pod": "it stays: make it a Deployment or a Job first",
    "ServiceAccount": "it stays; to name it in serviceAccountName, label it longshore.dev/allow=true",
}


def recognises(content: object) -> bool:
    """Whether this is an object of the Kubernetes API, ours and Argo's excepted."""
    if not isinstance(content, dict) or not {"apiVersion", "kind"} <= content.keys():
        return False
    return not str(content["apiVersion"]).startswith(("longshore.dev/", "argoproj.io/"))


def convert(roots: Sequence[Reader], options: Options) -> list[Draft]:
    """An app for each Deployment, a job for each Job and CronJob; all else stays."""
    every = [each for root in roots for each in _unpacked(root)]
    objects = Objects(every)
    deployments = [each for each in objects.of("Deployment") if _has_container(each["spec"])]
    jobs = [
        each
        for kind in _JOBS
        for each in objects.of(kind)
        if _has_container(each["spec"]["jobTemplate"]["spec"] or each["spec"])
    ]
    alone = options if len(deployments) + len(jobs) == 1 else Options(image=options.image)
    drafts = [deployment.convert(each, objects, alone) for each in deployments]
    drafts += [job.convert(each, alone) for each in jobs]
    for each in every:
        if each.untouched:
            stays = _STAYS.get(each["kind"].peek, "it stays: keep and apply it as it is")
            each.leave(f"{title(each)}: {stays}" if each.path else stays)
    return drafts


def _unpacked(root: Reader) -> list[Reader]:
    """The object itself, or what is in a List."""
    if not str(root["kind"].value).endswith("List") or not isinstance(root["items"].value, list):
        return [root]
    for key in ("apiVersion", "kind", "metadata"):
        root[key].needless("a list around the objects")
    return root["items"].items()


def _has_container(spec: Reader) -> bool:
    return bool(spec["template"]["spec"]["containers"].items())
