"""Somebody who may write WebApps and BatchJobs in one namespace, and nothing else, tries to get further.

Each attempt is made against a real API server with the chart's roles and an operator under the chart's
account. What was refused, and how, is written to .longshore/escalations.md.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from hack.cluster import crds
from hack.cluster.apiserver import ApiServer
from tests.apiserver import chart
from tests.apiserver.conftest import ROOT
from tests.apiserver.gateways import gateway
from tests.apiserver.kube import Kube, Obj, Refused, load_crds, wait
from tests.apiserver.operator import OperatorProcess

REPORT = ROOT / ".longshore" / "escalations.md"
CROWD = 10_000


@dataclass
class Stage:
    """The cluster, its administrator in the namespace `home`, and the user who may write our kinds there."""

    admin: Kube
    mallory: Kube
    told: list[tuple[str, str]] = field(default_factory=list)

    def refused(self, attempt: str, how: str) -> None:
        self.told.append((attempt, how))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("escalation")
    with ApiServer() as server:
        admin = Kube(server)
        load_crds(admin, ROOT / "crds")
        load_crds(admin, crds.folder("gateway-api"))
        load_crds(admin, crds.folder("cert-manager"))
        rendered = chart.render()
        account = chart.grant(server, rendered)
        admission = [each for each in rendered if each["kind"] in chart.ADMISSION]
        server.run("apply", "-f", "-", stdin=yaml.safe_dump_all(admission))
        for name in ("home", "away"):
            admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        server.user("mallory")
        home = Kube(server, "home")
        home.create(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"name": "mallory"},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": "longshore-edit",
                },
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "mallory"}],
            }
        )
        home.create(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "others"}, "stringData": {"a": "b"}}
        )
        wait(lambda: home.find("ServiceAccount", "default"), "the default account")
        found = Stage(home, Kube(server, "home", "mallory"))
        with OperatorProcess(
            admin, folder, kubeconfig=account, lease_namespace=chart.NAMESPACE, discovery_seconds="0.3"
        ) as operator:
            wait(lambda: operator.readiness()[1].get("role") == "leader", "the operator leads")
            yield found
    REPORT.parent.mkdir(exist_ok=True)
    rows = "\n".join(f"| {attempt} | {' '.join(how.split())[:300]} |" for attempt, how in found.told)
    REPORT.write_text(f"| attempt | what came of it |\n|---|---|\n{rows}\n")


def webapp(name: str = "evil", **spec: Any) -> Obj:
    body = {"image": "evil:1", "size": "Nano"} | spec
    metadata = {"name": name}
    return {"apiVersion": "longshore.dev/v1alpha1", "kind": "WebApp", "metadata": metadata, "spec": body}


def batchjob(name: str = "evil", **spec: Any) -> Obj:
    return webapp(name, **spec) | {"kind": "BatchJob"}


# By request: what the API server itself refuses.

REQUESTS: dict[str, Callable[[Kube], object]] = {
    "a WebApp in another namespace": lambda kube: away(kube).create(webapp()),
    "a BatchJob in another namespace": lambda kube: away(kube).create(batchjob()),
    "read WebApps of another namespace": lambda kube: away(kube).list("WebApp"),
    "read Secrets": lambda kube: kube.list("Secret"),
    "read a Secret by name": lambda kube: kube.get("Secret", "others"),
    "make a Deployment": lambda kube: kube.create(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}}
    ),
    "make a Job": lambda kube: kube.create(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x"}}
    ),
    "offer a service account": lambda kube: kube.patch(
        "ServiceAccount", "default", {"metadata": {"labels": {"longshore.dev/allow": "true"}}}
    ),
    "a token of the operator's account": lambda kube: kube.request(
        "POST",
        f"api/v1/namespaces/{chart.NAMESPACE}/serviceaccounts/longshore/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
    ),
    "take the operator's lease": lambda kube: Kube(kube.server, chart.NAMESPACE, "mallory").patch(
        "Lease", "longshore", {"spec": {"holderIdentity": "mallory"}}
    ),
    "change a CustomResourceDefinition": lambda kube: kube.patch(
        "CustomResourceDefinition", "webapps.longshore.dev", {"metadata": {"labels": {"a": "b"}}}
    ),
    "bind a role to oneself": lambda kube: kube.create(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "more"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "longshore"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "mallory"}],
        }
    ),
    "make a JobQueue": lambda kube: kube.create(
        batchjob() | {"kind": "JobQueue", "spec": {"priority": 1000, "computeEnvironments": ["pool"]}}
    ),
    "make a ComputeEnvironment": lambda kube: kube.create(
        batchjob() | {"kind": "ComputeEnvironment", "spec": {"capacity": {"maxCpu": 1000}}}
    ),
    "forge the status of a WebApp": lambda kube: forge_status(kube, webapp("forged")),
    "forge the status of a BatchJob": lambda kube: forge_status(kube, batchjob("forged")),
}


def away(kube: Kube) -> Kube:
    return Kube(kube.server, "away", "mallory")


def forge_status(kube: Kube, obj: Obj) -> None:
    kube.create(obj)
    kube.patch(obj["kind"], "forged", {"status": {"phase": "Succeeded", "url": "http://evil"}}, "status")


@pytest.mark.parametrize("attempt", REQUESTS)
def test_what_the_role_does_not_give_is_forbidden(attempt: str, stage: Stage) -> None:
    with pytest.raises(Refused) as refused:
        REQUESTS[attempt](stage.mallory)
    assert refused.value.status == 403, refused.value
    stage.refused(attempt, refused.value.message)


# By spec: what admission refuses. The words in brackets have to be in the refusal.

UNKNOWN = "unknown field"
RESERVED = "are reserved"
SPECS: dict[str, tuple[Obj, str]] = {
    "a host path": (webapp(volumes=[{"name": "a", "mountPath": "/a", "hostPath": {"path": "/"}}]), UNKNOWN),
    "a privileged container": (webapp(security={"privileged": True}), UNKNOWN),
    "capabilities": (webapp(security={"capabilities": {"add": ["SYS_ADMIN"]}}), UNKNOWN),
    "the host's network": (webapp(hostNetwork=True), UNKNOWN),
    "the host's processes": (webapp(hostPID=True), UNKNOWN),
    "a port of the host": (webapp(hostPort=80), UNKNOWN),
    "to be root": (webapp(security={"runAsUser": 0}), "user 0 is root"),
    "a node by name": (webapp(nodeName="control-plane"), UNKNOWN),
    "a container of one's own making": (
        webapp(containers=[{"image": "x", "securityContext": {"privileged": True}}]),
        UNKNOWN,
    ),
    "a pod template": (webapp(template={"spec": {}}), UNKNOWN),
    "a token in the pod": (webapp(automountServiceAccountToken=True), UNKNOWN),
    "a projected token": (
        webapp(volumes=[{"name": "a", "mountPath": "/a", "projected": {"sources": []}}]),
        UNKNOWN,
    ),
    "an account of another namespace": (webapp(serviceAccountName="away/admin"), "spec.serviceAccountName"),
    "a Secret of another namespace": (
        webapp(
            env=[{"name": "A", "valueFrom": {"secretKeyRef": {"namespace": "away", "name": "s", "key": "k"}}}]
        ),
        UNKNOWN,
    ),
    "a Secret by path": (webapp(envFrom=[{"secretRef": {"name": "../away/s"}}]), "spec.envFrom"),
    "a way out of a volume": (
        webapp(volumes=[{"name": "a", "mountPath": "/a", "subPath": "../../etc", "emptyDir": {}}]),
        "spec.volumes",
    ),
    "a file over the container's own": (
        webapp(files=[{"path": "/a/../../etc/passwd", "content": ""}]),
        "spec.files",
    ),
    "an image from a URL": (webapp(image="http://evil/x"), "spec.image"),
    "an image with an argument": (webapp(image="x --privileged"), "spec.image"),
    "an IAM role by annotation": (webapp(annotations={"eks.amazonaws.com/role-arn": "arn:admin"}), RESERVED),
    "an IAM role for kube2iam": (webapp(annotations={"iam.amazonaws.com/role": "admin"}), RESERVED),
    "a Google account by annotation": (
        webapp(annotations={"iam.gke.io/gcp-service-account": "admin"}),
        RESERVED,
    ),
    "an Azure identity by label": (webapp(labels={"azure.workload.identity/use": "true"}), RESERVED),
    "secrets of Vault": (webapp(annotations={"vault.hashicorp.com/agent-inject": "true"}), RESERVED),
    "no mesh sidecar": (webapp(labels={"sidecar.istio.io/inject": "false"}), RESERVED),
    "a public load balancer": (
        webapp(annotations={"service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing"}),
        RESERVED,
    ),
    "somebody's host name": (
        webapp(annotations={"external-dns.alpha.kubernetes.io/hostname": "bank.example"}),
        RESERVED,
    ),
    "to stay on a node for ever": (webapp(annotations={"karpenter.sh/do-not-disrupt": "true"}), RESERVED),
    "to block the cluster's autoscaler": (
        webapp(annotations={"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}),
        RESERVED,
    ),
    "to belong to a Helm release": (webapp(annotations={"meta.helm.sh/release-name": "bank"}), RESERVED),
    "to belong to an Argo CD application": (webapp(labels={"argocd.argoproj.io/instance": "bank"}), RESERVED),
    "another network": (webapp(annotations={"k8s.v1.cni.cncf.io/networks": "management"}), RESERVED),
    "an AppArmor profile of one's own": (
        webapp(annotations={"container.apparmor.security.beta.kubernetes.io/app": "unconfined"}),
        RESERVED,
    ),
    "to pass for a part of another app": (webapp(labels={"longshore.dev/webapp": "bank"}), RESERVED),
    "to pass for a part of Kubernetes": (webapp(labels={"app.kubernetes.io/name": "kube-dns"}), RESERVED),
    "a name with a slash": (webapp("a/b"), ""),
    "a name that is too long": (webapp("a" * 64), "metadata"),
    "a name in bidirectional script": (webapp("a\u202eb"), "metadata.name"),
    "a variable with a NUL": (webapp(env=[{"name": "A\x00B", "value": ""}]), "spec.env"),
    "a variable named in emoji": (webapp(env=[{"name": "💥", "value": ""}]), "spec.env"),
    "a label value in bidirectional script": (webapp(labels={"a": "\u202e"}), "spec.labels"),
    "a path with a line break": (webapp(files=[{"path": "/a\n/b", "content": ""}]), "spec.files"),
    "a thousand variables": (webapp(env=[{"name": f"A{n}", "value": ""} for n in range(1000)]), "spec.env"),
    "a file of a megabyte": (webapp(files=[{"path": "/a", "content": "x" * 2**20}]), "spec.files"),
    "a spec of two megabytes": (webapp(args=["x" * 4096] * 512), ""),
    "a spec three hundred levels deep": (webapp(deep=None), UNKNOWN),
    "tolerations for everything": (
        batchjob(placement={"tolerations": [{"operator": "Exists"}] * 11}),
        "tolerations",
    ),
    "an array without end": (batchjob(array={"size": 10_000_000}), "spec.array.size"),
}


@pytest.mark.parametrize("attempt", SPECS)
def test_what_a_spec_must_not_ask_for_is_refused_at_admission(attempt: str, stage: Stage) -> None:
    obj, words = copy.deepcopy(SPECS[attempt])
    if attempt == "a spec three hundred levels deep":
        for _ in range(300):
            obj["spec"]["deep"] = {"deeper": obj["spec"]["deep"]}
    with pytest.raises(Refused) as refused:
        stage.mallory.create(obj)
    assert refused.value.status in (400, 404, 413, 422), refused.value
    assert words in refused.value.message
    stage.refused(attempt, refused.value.message)


# By name: what belongs to others stays theirs.

FOREIGN: dict[str, tuple[Obj, Obj, str]] = {
    "somebody else's Service": (
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "taken"},
            "spec": {"ports": [{"name": "pg", "port": 5432}]},
        },
        webapp("taken"),
        "Service taken",
    ),
    "somebody else's account": (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "bank-webapp"}},
        webapp("bank"),
        "ServiceAccount bank-webapp",
    ),
    "somebody else's disruption budget": (
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "budget"},
            "spec": {"maxUnavailable": 1},
        },
        webapp("budget", scaling={"minReplicas": 2}),
        "PodDisruptionBudget budget",
    ),
    "somebody else's autoscaler": (
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "scaler"},
            "spec": {
                "maxReplicas": 2,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"},
            },
        },
        webapp("scaler", scaling={"minReplicas": 1, "maxReplicas": 3}),
        "HorizontalPodAutoscaler scaler",
    ),
    "somebody else's Deployment": (
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "works"},
            "spec": {
                "selector": {"matchLabels": {"a": "b"}},
                "template": {
                    "metadata": {"labels": {"a": "b"}},
                    "spec": {"containers": [{"name": "a", "image": "a"}]},
                },
            },
        },
        webapp("works"),
        "Deployment works",
    ),
    "somebody else's Job": (
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "nightly-1"},
            "spec": {
                "suspend": True,
                "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}},
            },
        },
        batchjob("nightly"),
        "Job nightly-1",
    ),
}


@pytest.mark.parametrize("attempt", FOREIGN)
def test_what_belongs_to_others_is_not_taken_over(attempt: str, stage: Stage) -> None:
    theirs, mine, words = copy.deepcopy(FOREIGN[attempt])
    before = stage.admin.create(theirs)
    stage.mallory.create(mine)
    kind, name = mine["kind"], mine["metadata"]["name"]
    condition = "Ready" if kind == "WebApp" else "Admitted"
    wait(lambda: stage.admin.condition(kind, name, condition)["reason"] == "NameConflict", "a conflict")
    told = stage.admin.condition(kind, name, condition)["message"]
    assert words in told
    after = stage.admin.get(theirs["kind"], theirs["metadata"]["name"])
    assert (after["metadata"]["uid"], after.get("spec")) == (before["metadata"]["uid"], before.get("spec"))
    assert "ownerReferences" not in after["metadata"]
    stage.refused(attempt, told)


def test_the_service_of_the_api_server_is_not_taken_over(stage: Stage) -> None:
    """It has no selector, and a name that a WebApp may have."""
    default = Kube(stage.admin.server, "default")
    before = default.get("Service", "kubernetes")
    default.create(webapp("kubernetes"))
    wait(lambda: default.condition("WebApp", "kubernetes", "Ready")["reason"] == "NameConflict", "a conflict")
    told = default.condition("WebApp", "kubernetes", "Ready")["message"]
    assert default.get("Service", "kubernetes") == before
    stage.refused("the Service of the API server, by name", told)


def test_what_is_closed_by_network_policies_is_not_opened_without_the_right_to_write_them(
    stage: Stage,
) -> None:
    def refusal(name: str, **network: Any) -> str:
        try:
            path = stage.mallory.path("WebApp") + "?dryRun=All"
            stage.mallory.request("POST", path, webapp(name, network=network))
        except Refused as refused:
            return refused.message
        return ""

    told = wait(lambda: refusal("open", egress=[{"cidr": "0.0.0.0/0"}]), "the policy is in force")
    assert "spec.network becomes a NetworkPolicy, which you have no right to create" in told
    stage.refused("egress by spec.network", told)
    assert "which you have no right to create" in refusal("open", allowFrom="Namespace")
    stage.admin.create(webapp("closed", network={"allowFrom": "Namespace"}))
    stage.mallory.patch("WebApp", "closed", {"spec": {"suspend": True}})
    with pytest.raises(Refused, match="which you have no right to create"):
        stage.mallory.patch("WebApp", "closed", {"spec": {"network": None}})
    stage.admin.delete("WebApp", "closed")


def test_nothing_is_exposed_without_the_right_to_write_routes(stage: Stage) -> None:
    def refusal(**expose: Any) -> str:
        try:
            path = stage.mallory.path("WebApp") + "?dryRun=All"
            stage.mallory.request("POST", path, webapp("open", expose=expose))
        except Refused as refused:
            return refused.message
        return ""

    told = wait(lambda: refusal(hosts=["bank.example"]), "the policy is in force")
    assert "spec.expose becomes a route or an Ingress, which you have no right to create" in told
    stage.refused("a host, by spec.expose", told)
    issued = refusal(hosts=["bank.example"], tls={"issuer": {"name": "ca", "kind": "ClusterIssuer"}})
    assert "which you have no right to create" in issued


@pytest.fixture(scope="module")
def trudy(stage: Stage) -> Kube:
    """May write WebApps and Ingresses in `home`, like the role edit. A Gateway takes routes of home and away; another
    of the namespace infra only."""
    server, admin = stage.admin.server, stage.admin
    server.user("trudy")
    group = "rbac.authorization.k8s.io"
    roles = [("Role", "ingresses"), ("ClusterRole", "longshore-edit")]
    server.run("create", "namespace", "infra")
    server.run(
        "create", "role", "ingresses", "-n", "home", "--verb=create", "--resource=ingresses.networking.k8s.io"
    )
    for kind, name in roles:
        admin.create(
            {
                "apiVersion": f"{group}/v1",
                "kind": "RoleBinding",
                "metadata": {"name": f"trudy-{name}"},
                "roleRef": {"apiGroup": group, "kind": kind, "name": name},
                "subjects": [{"apiGroup": group, "kind": "User", "name": "trudy"}],
            }
        )
    names = {
        "matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["home", "away"]}
        ]
    }
    infra = Kube(server, "infra")
    infra.create(gateway("infra", "open", namespaces={"from": "Selector", "selector": names}))
    infra.create(gateway("infra", "closed", namespaces={"from": "Same"}))
    return Kube(server, "home", "trudy")


def exposed(kube: Kube, name: str, **expose: Any) -> Obj:
    """What the status says of it."""
    kube.create(webapp(name, expose=expose))
    return wait(lambda: kube.status("WebApp", name), "a status")


def test_a_host_that_another_namespace_has_is_not_taken(stage: Stage, trudy: Kube) -> None:
    home, theirs = stage.admin, Kube(stage.admin.server, "away")
    exposed(trudy, "of-long-ago", hosts=["mine.example"])
    wait(lambda: home.find("HTTPRoute", "of-long-ago"), "a route for a host that nobody has")
    for name, host in (("bank", "bank.example"), ("all", "*.bank.example")):
        theirs.create(webapp(name, expose={"hosts": [host]}))
        wait(lambda name=name: theirs.find("HTTPRoute", name), "its route")
        wait(lambda name=name: theirs.status("WebApp", name).get("claims"), "it holds the host")
    attempts = {
        "the host of another namespace": {"hosts": ["bank.example"]},
        "a path of another namespace's host": {"hosts": ["bank.example"], "path": "/login"},
        "a host below another namespace's wildcard": {"hosts": ["login.bank.example"]},
        "a certificate for another namespace's host": {
            "hosts": ["bank.example"], "tls": {"issuer": {"name": "ca", "kind": "ClusterIssuer"}}
        },
        "another namespace's host, by an Ingress": {"hosts": ["bank.example"], "ingressClassName": "nginx"},
    }  # fmt: skip
    server = stage.admin.server
    stage.admin.server.run(
        "create",
        "role",
        "certificates",
        "-n",
        "home",
        "--verb=create",
        "--resource=certificates.cert-manager.io",
    )
    server.run("create", "rolebinding", "certificates", "-n", "home", "--role=certificates", "--user=trudy")
    for number, (attempt, expose) in enumerate(attempts.items()):
        name = f"taker{number}"
        exposed(trudy, name, **expose)
        told = wait(lambda name=name: home.condition("WebApp", name, "Exposed")["message"], "a reason")
        assert home.condition("WebApp", name, "Exposed")["reason"] == "HostConflict"
        assert "held by WebApp away/" in told
        wait(lambda name=name: home.find("Deployment", name), "all else is made")
        for kind in ("HTTPRoute", "Ingress", "Certificate"):
            assert home.list(kind, f"longshore.dev/webapp={name}") == []
        stage.refused(attempt, told)
    trudy.patch("WebApp", "of-long-ago", {"spec": {"expose": {"hosts": ["mine.example", "bank.example"]}}})
    told = wait(
        lambda: (
            (each := home.condition("WebApp", "of-long-ago", "Exposed"))["reason"] == "HostConflict"
            and each["message"]
        ),
        "a conflict",
    )
    assert home.get("HTTPRoute", "of-long-ago")["spec"]["hostnames"] == ["mine.example"]
    assert theirs.find("HTTPRoute", "bank")
    stage.refused("another's host, added to an older app", told)


def test_no_gateway_is_attached_to_that_takes_no_routes_of_the_namespace(stage: Stage, trudy: Kube) -> None:
    expose = {"hosts": ["closed.example"], "gateway": {"name": "closed", "namespace": "infra"}}
    exposed(trudy, "attacher", **expose)
    told = wait(lambda: stage.admin.condition("WebApp", "attacher", "Exposed")["message"], "a reason")
    assert "takes no routes of namespace home" in told
    assert stage.admin.find("HTTPRoute", "attacher") is None
    stage.refused("a Gateway that is not for this namespace", told)


@pytest.mark.parametrize("account", ["default", "admin"])
def test_an_account_that_was_not_offered_is_not_used(account: str, stage: Stage) -> None:
    if account != "default":
        stage.admin.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}})
    for obj, condition in ((webapp(f"as-{account}"), "Ready"), (batchjob(f"as-{account}"), "Admitted")):
        obj["spec"]["serviceAccountName"] = account
        stage.mallory.create(obj)
        name = obj["metadata"]["name"]
        told = wait(
            lambda obj=obj, condition=condition, name=name: (
                (it := stage.admin.condition(obj["kind"], name, condition))["reason"]
                == "ServiceAccountNotAllowed"
                and it["message"]
            ),
            "it is refused",
        )
        stage.refused(f"{obj['kind']} as account {account}", str(told))
    assert stage.admin.find("Deployment", f"as-{account}") is None
    assert stage.admin.find("Job", f"as-{account}-1") is None


def test_labels_and_owners_on_ones_own_object_reach_nobody_else(stage: Stage) -> None:
    victim = stage.admin.create(webapp("victim"))
    wait(lambda: stage.admin.find("Deployment", "victim"), "its Deployment")
    forged = webapp("forger")
    forged["metadata"] |= {
        "labels": {"longshore.dev/webapp": "victim", "app.kubernetes.io/managed-by": "longshore"},
        "ownerReferences": [
            {
                "apiVersion": "longshore.dev/v1alpha1",
                "kind": "WebApp",
                "name": "victim",
                "uid": victim["metadata"]["uid"],
            }
        ],
    }
    before = stage.admin.get("Deployment", "victim")
    stage.mallory.create(forged)
    wait(lambda: stage.admin.find("Deployment", "forger"), "its own Deployment")
    after = stage.admin.get("Deployment", "victim")
    assert (after["spec"], after["metadata"]["ownerReferences"]) == (
        before["spec"],
        before["metadata"]["ownerReferences"],
    )
    stage.refused(
        "labels and owner references that name another's WebApp",
        "its own Deployment was made, the other's was not written",
    )


def test_a_crowd_of_objects_does_not_keep_others_waiting_for_long(stage: Stage) -> None:
    crowd = [batchjob(f"crowd-{number}", suspend=True) for number in range(CROWD)]
    elsewhere = Kube(stage.admin.server, "away")
    with ThreadPoolExecutor(16) as pool:
        made = [pool.submit(stage.mallory.create, each) for each in crowd]
        made[CROWD // 2].result()
        elsewhere.create(webapp("honest"))
        wait(lambda: elsewhere.find("Deployment", "honest"), "somebody else's WebApp is made", 30)
        assert all(each.result() for each in made)
    stage.refused(f"{CROWD} objects at once", "a WebApp of another namespace was made meanwhile")
