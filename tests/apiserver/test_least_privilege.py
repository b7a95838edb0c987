"""The chart's rights are what the operator needs, no more and no less, and no Secret is among them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hack.cluster import audit, crds
from hack.cluster.apiserver import ApiServer
from tests.apiserver import chart
from tests.apiserver.conftest import ROOT
from tests.apiserver.gateways import EXPOSED, gateway
from tests.apiserver.kube import Kube, load_crds, wait
from tests.apiserver.operator import OperatorProcess
from tests.apiserver.test_definitions import MINUTE, definition, due, minute, often, report_of
from tests.campaigns.scenarios import CANARIES, RELEASES, SCENARIOS, Scenario, batchjob, webapp
from tests.campaigns.world import Nodes, observe

NEEDED_WHERE_ENFORCED = {
    ("longshore.dev", "webapps/finalizers", "update"),
    ("longshore.dev", "batchjobs/finalizers", "update"),
    ("longshore.dev", "jobdefinitions/finalizers", "update"),
}
"""Asked for by OwnerReferencesPermissionEnforcement, an admission plugin that is on in some clusters."""
NEEDED_FROM_GATEWAY_API_1_5_ON = {
    ("gateway.networking.k8s.io", "listenersets", verb)
    for verb in ("get", "list", "watch", "create", "patch", "delete")
}
"""Here they are called xlistenersets still."""


@dataclass
class Installed:
    """An operator under the chart's account, and where in the audit log its requests begin."""

    server: ApiServer
    operator: OperatorProcess
    rendered: list[chart.Obj]

    def requests(self) -> list[audit.Request]:
        return audit.read(self.server.audit_log, 0, "longshore/")


def install(folder: Path, *values: str, **settings: str) -> Iterator[Installed]:
    with ApiServer() as server:
        kube = Kube(server)
        load_crds(kube, ROOT / "crds")
        load_crds(kube, crds.folder("gateway-api"))
        load_crds(kube, crds.folder("cert-manager"))
        load_crds(kube, crds.folder("keda"))
        for name in ("ours", "theirs"):
            kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        rendered = chart.render(*values)
        account = chart.grant(server, rendered)
        settings |= {"lease_namespace": chart.NAMESPACE}
        with OperatorProcess(kube, folder, kubeconfig=account, **settings) as operator:
            wait(lambda: operator.readiness()[1].get("role") == "leader", "the operator leads")
            yield Installed(server, operator, rendered)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """Looked after the whole cluster, and has been through everything that it does. A watch is in the audit
    log when it has ended."""
    for installed in install(tmp_path_factory.mktemp("whole")):
        go_through(installed.server, "ours", (*SCENARIOS, *RELEASES, *CANARIES))
        clashes_and_repairs(installed.server, "ours")
        through_a_queue(installed.server, "ours")
        exposes(installed.server, "ours")
        follows_schedules(installed.server, "ours")
        installed.operator.stop()
        yield installed


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """Looked after one namespace, while objects of another were there."""
    folder = tmp_path_factory.mktemp("confined")
    for installed in install(folder, "watchNamespaces={ours}", namespaces="ours"):
        Kube(installed.server, "theirs").create(webapp())
        go_through(installed.server, "ours", [each for each in SCENARIOS if each.name in ("life", "retried")])
        installed.operator.stop()
        yield installed


def go_through(server: ApiServer, namespace: str, scenarios: Iterable[Scenario]) -> None:
    """Every step of the scenarios."""
    kube = Kube(server, namespace)
    for scenario in scenarios:
        for step in scenario.steps:
            step.act(kube)
            rest(kube, Nodes(step.pods))
        for kind in ("WebApp", "BatchJob"):
            for obj in kube.list(kind):
                kube.delete(kind, obj["metadata"]["name"])
        wait(lambda: not observe(kube).keys() - {"ServiceAccount/longshore-batch"}, "all is collected", 60)


def clashes_and_repairs(server: ApiServer, namespace: str) -> None:
    """What scenarios leave out: names that are taken, repairs, silent pods, the end of a job's time."""
    kube = Kube(server, namespace)
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "x", "image": "x"}]}}
    foreign = {"suspend": True, "template": template}
    kube.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "taken-1"}, "spec": foreign})
    kube.create(batchjob("taken"))
    wait(lambda: kube.condition("BatchJob", "taken", "Admitted")["reason"] == "NameConflict", "a conflict")
    kube.create(webapp(scaling={"minReplicas": 2}))
    wait(lambda: kube.find("PodDisruptionBudget", "shop"), "a budget")
    revision = wait(
        lambda: kube.get("WebApp", "shop").get("status", {}).get("revision"), "a revision is told"
    )
    for foreign in others(revision["candidate"]):
        name = foreign["metadata"]["name"].split("-")[0]
        kube.create(foreign)
        scaling = {"mode": "PerNode"} if foreign["kind"] == "DaemonSet" else {"minReplicas": 2}
        kube.create(webapp(name, scaling=scaling))
        wait(
            lambda name=name: kube.condition("WebApp", name, "Ready").get("reason") == "NameConflict",
            f"a conflict over {foreign['kind']}",
        )
    files = [{"path": "/etc/a.conf", "content": "a"}]
    kube.create(webapp("corrected", files=files, scaling={"minReplicas": 2, "maxReplicas": 3}))
    wait(lambda: kube.find("HorizontalPodAutoscaler", "corrected"), "an autoscaler")
    kube.patch("WebApp", "corrected", {"spec": {"labels": {"team": "a"}}})
    wait(
        lambda: "team" in kube.get("HorizontalPodAutoscaler", "corrected")["metadata"]["labels"],
        "the label is on the last child",
    )
    kube.patch("WebApp", "shop", {"spec": {"serviceAccountName": "mine", "scaling": {"minReplicas": 1}}})
    account = {"name": "mine", "labels": {"longshore.dev/allow": "true"}}
    kube.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    wait(lambda: kube.find("PodDisruptionBudget", "shop") is None, "the budget is gone")
    nodes = Nodes(lambda pod: "ready")

    def account_gone() -> bool:
        nodes.tick(kube)
        return kube.find("ServiceAccount", "shop-webapp") is None

    wait(account_gone, "its own account is gone")
    closes_and_changes_over(kube, nodes)
    for number in range(12):
        kube.patch("WebApp", "shop", {"spec": {"image": f"shop:r{number}"}})
        wait(
            lambda number=number: (
                nodes.tick(kube) or kube.condition("WebApp", "shop", "Progressing")["reason"] == "Complete"
            ),
            "rolled out",
        )
    kube.patch("Service", "shop", {"spec": {"ports": [{"name": "http", "port": 81, "targetPort": 81}]}})
    wait(lambda: kube.get("Service", "shop")["spec"]["ports"][0]["port"] == 80, "the port is put back")
    kube.create(batchjob("short", ttlSecondsAfterFinished=1))
    ends = Nodes(lambda pod: "end 0" if "longshore.dev/batchjob" in pod["metadata"]["labels"] else "ready")
    wait(lambda: ends.tick(kube) or kube.find("BatchJob", "short") is None, "its time is over")
    runs_of_a_schedule(kube)
    kube.patch("WebApp", "shop", {"spec": {"image": "shop:silent"}})
    silent = wait(
        lambda: [
            each for each in kube.list("Pod") if each["spec"]["containers"][0]["image"] == "shop:silent"
        ],
        "a pod that says nothing",
    )
    kube.set_pod(silent[0], "Pending", {"waiting": {"reason": "ContainerCreating"}})
    wait(
        lambda: ("", "events", "list") in chart.asked(audit.read(server.audit_log, 0, "longshore/")),
        "its events are read",
        60,
    )


def closes_and_changes_over(kube: Kube, nodes: Nodes) -> None:
    """A network that is closed, mended and opened, and a change to one replica on each node and back."""
    kube.patch("WebApp", "shop", {"spec": {"network": {"allowFrom": "Namespace"}}})
    wait(lambda: kube.find("NetworkPolicy", "shop"), "a policy")
    kube.patch("NetworkPolicy", "shop", {"spec": {"ingress": [{}]}})
    wait(lambda: kube.get("NetworkPolicy", "shop")["spec"]["ingress"] != [{}], "the policy is put back")
    kube.patch("WebApp", "shop", {"spec": {"network": None}})
    wait(lambda: kube.find("NetworkPolicy", "shop") is None, "the policy is gone")
    kube.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"}})
    for mode, gone in (("PerNode", "Deployment"), ("Replicas", "DaemonSet")):
        kube.patch("WebApp", "shop", {"spec": {"scaling": {"mode": mode, "minReplicas": None}}})
        wait(lambda gone=gone: nodes.tick(kube) or kube.find(gone, "shop") is None, f"the {gone} is gone")


def runs_of_a_schedule(kube: Kube) -> None:
    """A run that is due and replaces the one before, which is then deleted."""
    schedule = often(concurrency="Replace", keepFailed=0, suspend=True)
    kube.create(definition(schedules=[schedule]))
    wait(lambda: kube.status("JobDefinition", "report").get("schedules"), "the schedule is seen")
    old = report_of(kube, minute() - 9 * MINUTE)
    kube.patch("JobDefinition", "report", {"spec": {"schedules": [schedule | {"suspend": False}]}})
    wait(lambda: kube.status("JobDefinition", "report").get("nextRun"), "its next run")
    due(kube, minute(), schedule="often")
    wait(lambda: kube.find("BatchJob", old) is None, "the one before was replaced, and deleted")
    kube.delete("JobDefinition", "report")


def through_a_queue(server: ApiServer, namespace: str) -> None:
    """A job that waits for room, in environments of both types."""
    kube, ours = Kube(server, namespace), {"kubernetes.io/metadata.name": namespace}
    for kind, name, spec in (
        ("ComputeEnvironment", "nodes", {"type": "Unmanaged"}),
        ("ComputeEnvironment", "pool", {"capacity": {"maxCpu": 1}}),
        (
            "JobQueue",
            "line",
            {"computeEnvironments": ["nodes", "pool"], "namespaceSelector": {"matchLabels": ours}},
        ),
    ):
        kube.create(batchjob(name) | {"kind": kind, "spec": spec})
    kube.create(batchjob("queued", queue="line"))
    nodes = Nodes(lambda pod: "end 0")
    wait(
        lambda: nodes.tick(kube) or kube.status("BatchJob", "queued").get("phase") == "Succeeded",
        "it has had its turn",
    )
    wait(
        lambda: kube.condition("ComputeEnvironment", "nodes", "Ready")["reason"] == "NoNodes",
        "nodes are read",
    )
    wait(lambda: kube.condition("JobQueue", "line", "Ready")["status"] == "True", "the queue is ready")


def exposes(server: ApiServer, namespace: str) -> None:
    """Every kind of route, with and without a certificate: made, corrected, deleted."""
    kube = Kube(server, namespace)
    kube.create(gateway(namespace))
    for kind, spec in EXPOSED.items():
        name = kind.lower()
        kube.create(webapp(name, **spec))
        kinds = (kind, "XListenerSet", "Certificate") if kind == "HTTPRoute" else (kind,)
        for each in kinds:
            wait(lambda each=each, name=name: kube.list(each, f"longshore.dev/webapp={name}"), f"a {each}")
        kube.patch("WebApp", name, {"spec": {"labels": {"team": "a"}}})
        for each in kinds:
            wait(
                lambda each=each, name=name: kube.list(each, f"longshore.dev/webapp={name},team=a"), "a label"
            )
        kube.patch("WebApp", name, {"spec": {"expose": None}})
        for each in kinds:
            wait(lambda each=each, name=name: not kube.list(each, f"longshore.dev/webapp={name}"), "none")


def follows_schedules(server: ApiServer, namespace: str) -> None:
    """KEDA's object: made, corrected, deleted."""
    kube = Kube(server, namespace)
    day = {"name": "day", "cron": "0 8 * * *", "durationSeconds": 3600, "minReplicas": 3}
    kube.create(webapp("daily", scaling={"schedules": [day]}))
    wait(lambda: kube.find("ScaledObject", "daily"), "a ScaledObject")
    kube.patch("WebApp", "daily", {"spec": {"labels": {"team": "a"}}})
    wait(lambda: "team" in kube.get("ScaledObject", "daily")["metadata"]["labels"], "the label is on it")
    kube.patch("WebApp", "daily", {"spec": {"scaling": {"schedules": None}}})
    wait(lambda: not kube.find("ScaledObject", "daily"), "it is gone")


def others(revision: str) -> list[chart.Obj]:
    """Somebody else's objects, of kinds that are read only when they may be in the way."""
    selector: chart.Obj = {"matchLabels": {"a": "b"}}
    containers = [{"name": "a", "image": "a"}]
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}}
    return [
        {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": f"one-{revision}"}, "data": {"a": "b"}, "revision": 1},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "two"}, "spec": {"ports": [{"name": "pg", "port": 5432}]}},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "three"}, "spec": {"maxUnavailable": 1}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "four"}, "spec": {"selector": selector, "template": template}},
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "five"}, "spec": {"selector": selector, "template": template}},
    ]  # fmt: skip


def rest(kube: Kube, nodes: Nodes) -> None:
    """Until nothing has changed for a while."""
    last, since = None, time.monotonic()
    deadline = since + 40
    while time.monotonic() - since < 1.2 and time.monotonic() < deadline:
        nodes.tick(kube)
        state = observe(kube)
        if state != last:
            last, since = state, time.monotonic()


@pytest.mark.parametrize("which", ["whole", "confined"])
def test_nothing_is_denied(which: str, request: pytest.FixtureRequest) -> None:
    installed: Installed = request.getfixturevalue(which)
    denied = {
        f"{each.verb} {each.resource}/{each.subresource}" for each in installed.requests() if each.code == 403
    }
    assert denied == set()


def test_the_rights_are_those_that_are_used(whole: Installed) -> None:
    given = (
        chart.rights(whole.rendered, "ClusterRole", "Role")
        - NEEDED_WHERE_ENFORCED
        - NEEDED_FROM_GATEWAY_API_1_5_ON
    )
    used = chart.asked(whole.requests())
    assert sorted(given - used) == [], "never used"
    assert sorted(used - given) == [], "not given by the chart"


def test_no_right_on_secrets_and_none_to_act_as_another() -> None:
    given = chart.rights(chart.render(), "ClusterRole", "Role")
    assert {
        (resource, verb) for _, resource, verb in given if resource in ("secrets", "serviceaccounts/token")
    } == set()
    assert {verb for *_, verb in given} & {
        "impersonate",
        "bind",
        "escalate",
        "deletecollection",
        "*",
    } == set()
    assert "*" not in {part for group, resource, _ in given for part in (group, resource)}


def test_confined_to_a_namespace_it_has_no_cluster_role_and_leaves_the_others_alone(
    confined: Installed,
) -> None:
    own = {"longshore", "longshore-leader"}
    cluster = [
        each
        for each in confined.rendered
        if each["kind"] in ("ClusterRole", "ClusterRoleBinding") and each["metadata"]["name"] in own
    ]
    assert cluster == []
    assert {each.namespace for each in confined.requests()} == {"ours", chart.NAMESPACE}
    assert Kube(confined.server, "theirs").status("WebApp", "shop") == {}


def test_a_token_of_the_operator_reads_no_secret(whole: Installed) -> None:
    account = f"system:serviceaccount:{chart.NAMESPACE}:longshore"
    for verb in ("get", "list", "watch"):
        assert not _may(whole.server, account, verb, "secrets")
    assert _may(whole.server, account, "list", "pods")


def _may(server: ApiServer, account: str, verb: str, resource: str) -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": account,
            "resourceAttributes": {"verb": verb, "resource": resource, "namespace": "ours"},
        },
    }
    answer = Kube(server).request("POST", "apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])
