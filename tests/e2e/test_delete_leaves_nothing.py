"""A user deletes what they made."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, is_ready, phase_is
from tests.e2e.objects import batch_job, web_app
from tests.e2e.waiting import wait_for

CHILDREN = (
    "Deployment",
    "ReplicaSet",
    "ControllerRevision",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "Job",
    "Pod",
    "Service",
    "ServiceAccount",
    "ConfigMap",
)
OF_THE_NAMESPACE = {"ServiceAccount/default", "ConfigMap/kube-root-ca.crt"}
SHARED_BY_JOBS = "ServiceAccount/longshore-batch"


def _what_is_there(cluster: Cluster) -> set[str]:
    names = {f"{kind}/{each['metadata']['name']}" for kind in CHILDREN for each in cluster.list(kind)}
    return names - OF_THE_NAMESPACE


def test_nothing_of_an_app_or_a_running_job_is_left(namespace: Cluster) -> None:
    files = [{"path": "/etc/app.ini", "content": "a"}]
    namespace.apply(
        web_app("shop", files=files, scaling={"minReplicas": 2, "maxReplicas": 3}),
        batch_job("count", "sleep", "600", files=files),
    )
    namespace.wait("WebApp", "shop", is_ready, "is ready")
    namespace.wait("BatchJob", "count", phase_is("Running"), "runs")
    kinds = {each.split("/")[0] for each in _what_is_there(namespace)}
    assert kinds == set(CHILDREN), "every kind of child was made"

    namespace.delete("webapp", "shop")
    namespace.delete("batchjob", "count")
    wait_for(
        lambda: _what_is_there(namespace),
        lambda left: left <= {SHARED_BY_JOBS},
        "nothing is left but the account that jobs share",
        seconds=60,
    )
