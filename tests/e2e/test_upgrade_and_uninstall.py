"""An administrator upgrades and uninstalls the chart while users' workloads run. Runs last."""

from __future__ import annotations

from hack.install import CHART, NAMESPACE, RELEASE, chart
from tests.e2e.cluster import OPERATOR_NAMESPACE, Cluster, Obj, is_ready, phase_is
from tests.e2e.objects import batch_job, web_app
from tests.e2e.waiting import wait_for


def _identities(cluster: Cluster) -> dict[str, tuple[str, int]]:
    """Name → uid and restarts of the users' pods."""
    return {
        pod["metadata"]["name"]: (
            pod["metadata"]["uid"],
            sum(each["restartCount"] for each in pod["status"].get("containerStatuses", ())),
        )
        for pod in cluster.list("Pod")
    }


def _operator_pods(cluster: Cluster) -> list[Obj]:
    pods = cluster.in_namespace(OPERATOR_NAMESPACE).list("Pod")
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def _complaints(cluster: Cluster) -> list[str]:
    """Lines of the operators' logs that speak of something unforeseen or of rights that are missing."""
    system = cluster.in_namespace(OPERATOR_NAMESPACE)
    logs = [system.kubectl("logs", pod["metadata"]["name"]) for pod in _operator_pods(cluster)]
    signs = ("Traceback", "unforeseen", "system:serviceaccount")
    return [line for log in logs for line in log.splitlines() if any(sign in line for sign in signs)]


def test_the_operator_has_not_restarted_and_met_nothing_unforeseen(cluster: Cluster) -> None:
    pods = _operator_pods(cluster)
    assert pods
    restarts = [each["restartCount"] for pod in pods for each in pod["status"]["containerStatuses"]]
    assert restarts == [0] * len(pods)
    assert _complaints(cluster) == []


def test_an_upgrade_restarts_no_pod_of_a_user_and_two_replicas_share_the_work(namespace: Cluster) -> None:
    namespace.apply(web_app("shop", scaling={"minReplicas": 2}), batch_job("count", "sleep", "600"))
    namespace.wait("WebApp", "shop", is_ready, "is ready")
    namespace.wait("BatchJob", "count", phase_is("Running"), "runs")
    before = _identities(namespace)
    old = {pod["metadata"]["uid"] for pod in _operator_pods(namespace)}

    chart(
        namespace.tools,
        "--set",
        "replicas=2",
        "--set-string",
        "podAnnotations.upgraded=yes",
    )
    wait_for(
        lambda: _operator_pods(namespace),
        lambda pods: len(pods) == 2 and not old & {pod["metadata"]["uid"] for pod in pods},
        "two new operator pods run",
        60,
    )
    assert _identities(namespace) == before
    system = namespace.in_namespace(OPERATOR_NAMESPACE)
    assert system.get("PodDisruptionBudget", "longshore") is not None

    namespace.patch("webapp", "shop", {"env": [{"name": "AFTER", "value": "the upgrade"}]})
    namespace.wait("WebApp", "shop", is_ready, "is rolled out by the new operator")
    assert namespace.fetch("shop", "/env?name=AFTER") == "the upgrade"
    assert {each["image"] for each in namespace.get("WebApp", "shop")["status"]["revisions"]} == {  # type: ignore[index]
        "longshore.test/workload:v1"
    }


def test_wrong_values_are_refused_before_anything_changes(cluster: Cluster) -> None:
    for value, says in (
        ("replicas=0", "replicas"),
        ("settings.nonsense=1", "nonsense"),
        ("replica=2", "replica"),
    ):
        done = cluster.helm(
            "upgrade", RELEASE, str(CHART), "--namespace", NAMESPACE, "--set", value, check=False
        )
        assert "values don't meet the specifications of the schema" in done
        assert says in done


def test_what_the_chart_can_render_is_accepted(namespace: Cluster) -> None:
    options = [
        "replicas=2",
        "crds.install=false",
        f"watchNamespaces={{{namespace.namespace}}}",
        "settings.logLevel=DEBUG",
        "settings.leaseDurationSeconds=30",
        "priorityClassName=system-cluster-critical",
    ]
    arguments = [part for option in options for part in ("--set", option)]
    rendered = namespace.helm("template", "other", str(CHART), "--namespace", namespace.namespace, *arguments)
    assert "kind: ClusterRoleBinding" not in rendered, "rights in one namespace only"
    namespace.kubectl("apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=rendered)


def test_uninstalling_keeps_users_workloads_and_a_new_installation_takes_them_up(namespace: Cluster) -> None:
    namespace.apply(web_app("shop", scaling={"minReplicas": 2}), batch_job("count", "sleep", "600"))
    namespace.wait("WebApp", "shop", is_ready, "is ready")
    namespace.wait("BatchJob", "count", phase_is("Running"), "runs")
    before = _identities(namespace)

    namespace.helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait", "--timeout=2m")
    wait_for(lambda: _operator_pods(namespace), lambda pods: not pods, "no operator is left", 60)
    assert _identities(namespace) == before
    assert namespace.fetch("shop") == "version v1\n"
    assert namespace.get("WebApp", "shop") is not None
    assert "longshore" not in namespace.kubectl("get", "clusterroles,clusterrolebindings", "--output=name")

    chart(namespace.tools, "--set", f"watchNamespaces={{{namespace.namespace}}}")
    namespace.patch("webapp", "shop", {"image": "longshore.test/workload:v2"})
    namespace.wait("WebApp", "shop", is_ready, "is rolled out by an installation for this namespace only")
    assert namespace.fetch("shop") == "version v2\n"
    assert _complaints(namespace) == []
    chart(namespace.tools)  # for every namespace again, as it was found
