"""A user runs an app over three zones, and the cluster's owner empties a node of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.cluster import Cluster, Obj, condition, is_ready
from tests.e2e.objects import web_app
from tests.e2e.traffic import traffic
from tests.e2e.waiting import wait_for

PER_SECOND = 30


def test_pods_of_different_nodes_reach_each_other_by_address(
    namespace: Cluster, zones: dict[str, str]
) -> None:
    """Each replica is asked by its own address, from a pod of one node."""
    namespace.apply(web_app("shop", scaling={"minReplicas": 3}, placement={"spread": "Node"}))
    namespace.wait("WebApp", "shop", is_ready, "is ready", 120)
    pods = _pods(namespace)
    assert len({each["spec"]["nodeName"] for each in pods}) == 3
    first = pods[0]["metadata"]["name"]
    for each in pods:
        address = each["status"]["podIP"]
        said = namespace.kubectl(
            "exec", first, "--container=app", "--", "/workload", "load", f"http://{address}:8080/", "5", "1"
        )
        assert '"failed":0' in said.replace(" ", ""), f"{address} on {each['spec']['nodeName']}: {said}"


def test_replicas_spread_over_zones(namespace: Cluster, zones: dict[str, str]) -> None:
    namespace.apply(web_app("shop", scaling={"minReplicas": 6}))
    namespace.wait("WebApp", "shop", is_ready, "is ready", 120)
    counts: dict[str, int] = {}
    for each in _pods(namespace):
        zone = zones[each["spec"]["nodeName"]]
        counts[zone] = counts.get(zone, 0) + 1
    assert sorted(counts.values()) == [2, 2, 2]


def test_no_request_fails_while_a_node_is_drained(namespace: Cluster, zones: dict[str, str]) -> None:
    namespace.apply(web_app("shop", scaling={"minReplicas": 3}, drainSeconds=5))
    namespace.wait("WebApp", "shop", is_ready, "is ready", 120)
    with traffic(namespace, "shop", PER_SECOND) as seen:
        load = namespace.get("Pod", "load-shop")
        assert load is not None
        here = {each["spec"]["nodeName"] for each in _pods(namespace)}
        node = next(
            name for name in sorted(here - {load["spec"]["nodeName"]}) if not name.endswith("control-plane")
        )
        with drained(namespace, node):
            app = namespace.wait("WebApp", "shop", is_ready, "is ready again", 120)
            wait_for(
                lambda: [each for each in _pods(namespace) if each["spec"].get("nodeName") == node],
                lambda left: not left,
                f"no replica is on {node}",
                60,
            )
    assert seen.errors == ()
    assert seen.failed == 0
    assert seen.sent > PER_SECOND * seen.seconds * 0.9, "the load itself was too slow"
    assert app["status"]["ready"] == "3/3"


def test_a_drain_waits_for_the_disruption_budget(namespace: Cluster, zones: dict[str, str]) -> None:
    """Both replicas are on one node: the second is evicted once there is another for the first."""
    zone = next(zone for name, zone in sorted(zones.items()) if not name.endswith("control-plane"))
    node = next(name for name in zones if zones[name] == zone)
    namespace.apply(web_app("shop", scaling={"minReplicas": 2}, placement={"zones": [zone]}, drainSeconds=2))
    namespace.wait("WebApp", "shop", is_ready, "is ready", 120)
    assert {each["spec"]["nodeName"] for each in _pods(namespace)} == {node}
    with drained(namespace, node, timeout="10s", expect_refusal="disruption budget"):
        app = namespace.wait(
            "WebApp",
            "shop",
            lambda it: (it["status"].get("failure") or {}).get("reason") == "Unschedulable",
            "says that one replica fits nowhere",
            60,
        )
        assert condition(app, "Available")["status"] == "True"
        assert app["status"]["readyReplicas"] == 1
        message = app["status"]["failure"]["message"]
        assert "0/3 nodes are available" in message
        assert "1 node(s) were unschedulable" in message
        assert "2 node(s) didn't match Pod's node affinity/selector" in message
    namespace.wait("WebApp", "shop", is_ready, "is ready again", 120)


@contextmanager
def drained(cluster: Cluster, node: str, timeout: str = "120s", expect_refusal: str = "") -> Iterator[None]:
    """Empties the node of what isn't a DaemonSet's, of this namespace, and gives it back afterwards."""
    try:
        said = cluster.kubectl(
            "drain", node, "--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={timeout}",
            "--pod-selector=longshore.dev/webapp", check=not expect_refusal,
        )  # fmt: skip
        assert expect_refusal in said
        yield
    finally:
        cluster.kubectl("uncordon", node)


def _pods(namespace: Cluster) -> list[Obj]:
    return [
        each for each in namespace.list("Pod", webapp="shop") if "deletionTimestamp" not in each["metadata"]
    ]
