"""The commands for people against a real API server."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from longshore.cli.main import main

from tests.apiserver.kube import Kube, wait
from tests.apiserver.test_webapp import made, serve

pytestmark = pytest.mark.usefixtures("operator")
TEMPLATE = """\
apiVersion: longshore.dev/v1alpha1
kind: WebApp
metadata:
  name: shop
spec:
  image: {image}
  size: Nano
  scaling:
    minReplicas: {replicas}
"""


def longshore(kube: Kube, *arguments: str) -> Result:
    return CliRunner().invoke(
        main, [*arguments, "--kubeconfig", str(kube.server.kubeconfig), "-n", kube.namespace]
    )


def plan(kube: Kube, folder: Path, *more: str, image: str = "shop:1", replicas: str = "1") -> Result:
    file = folder / "shop.yaml"
    file.write_text(TEMPLATE.format(image=image, replicas=replicas))
    return longshore(kube, "plan", "-f", str(file), *more)


def test_a_plan_for_a_new_app_shows_all_that_would_be_made_and_makes_nothing(
    kube: Kube, tmp_path: Path
) -> None:
    found = plan(kube, tmp_path)
    assert found.exit_code == 0, found.output
    for title in ("WebApp/shop", "ServiceAccount/shop-webapp", "Service/shop", "Deployment/shop"):
        assert f"+++ {title} planned" in found.stdout
    assert kube.find("WebApp", "shop") is None
    assert kube.find("Deployment", "shop") is None


def test_a_plan_for_what_is_there_is_empty(kube: Kube, tmp_path: Path) -> None:
    made(kube)
    serve(kube)
    found = plan(kube, tmp_path)
    assert (found.exit_code, found.stdout) == (0, "")
    assert plan(kube, tmp_path, "--exit-code").exit_code == 0
    assert plan(kube, tmp_path, "--exit-code", image="shop:2").exit_code == 2


def test_a_plan_for_a_change_shows_it_and_says_which_pods_are_replaced(kube: Kube, tmp_path: Path) -> None:
    made(kube)
    serve(kube)
    found = plan(kube, tmp_path, image="shop:2", replicas="2")
    assert found.exit_code == 0, found.output
    for line in (
        "-  image: shop:1",
        "+  image: shop:2",
        "+++ PodDisruptionBudget/shop planned",
        "# pods of shop are replaced, 2 in all",
    ):
        assert line in found.stdout.splitlines()
    assert kube.get("WebApp", "shop")["spec"]["image"] == "shop:1"


def test_a_plan_shows_what_is_wanted_no_more(kube: Kube, tmp_path: Path) -> None:
    made(kube)
    file = tmp_path / "shop.yaml"
    file.write_text(TEMPLATE.format(image="shop:1", replicas="1") + "  protocol: TCP\n")
    found = longshore(kube, "plan", "-f", str(file))
    assert found.exit_code == 0, found.output
    lines = found.stdout.splitlines()
    service = lines[lines.index("+++ Service/shop planned") :]
    assert {"-    port: 80", "+    port: 8080"} <= set(service)


@pytest.mark.parametrize("way", ["--server-side=true", "--server-side=false"])
def test_a_plan_shows_what_the_file_has_no_more(kube: Kube, tmp_path: Path, way: str) -> None:
    file = tmp_path / "shop.yaml"
    text = TEMPLATE.format(image="shop:1", replicas="1")
    file.write_text(text + "  drainSeconds: 7\n  labels: {team: shop}\n")
    kube.server.run("apply", way, "-n", kube.namespace, "-f", str(file))
    wait(lambda: kube.condition("WebApp", "shop", "Ready")["status"], "a first status")
    kube.patch("WebApp", "shop", {"spec": {"annotations": {"example.com/theirs": "yes"}}})
    file.write_text(text)
    found = longshore(kube, "plan", "-f", str(file))
    assert found.exit_code == 0, found.output
    lines = found.stdout.splitlines()
    assert {"-  drainSeconds: 7", "+  drainSeconds: 5", "-    team: shop"} <= set(lines)
    assert not any(line.startswith("-") and "theirs" in line for line in lines)


def test_what_the_server_refuses_is_named_with_its_line(kube: Kube, tmp_path: Path) -> None:
    found = plan(kube, tmp_path, image="https://shop")
    assert found.exit_code == 1
    message = 'Invalid value: "https://shop": write an image reference without a scheme or spaces'
    assert found.stderr.startswith(f"{tmp_path / 'shop.yaml'}:6: spec.image: {message}")


def test_why_tells_the_conditions(kube: Kube) -> None:
    made(kube)
    wait(lambda: kube.condition("WebApp", "shop", "Ready")["reason"] == "RollingOut", "a reason")
    found = longshore(kube, "why", "webapp", "shop")
    assert found.exit_code == 0, found.output
    assert found.stdout.startswith(f"WebApp {kube.namespace}/shop: not ready: RollingOut, revision ")
    assert "Exposed      yes  ClusterOnly: reached inside the cluster at http://shop." in found.stdout


def test_why_of_what_is_not_there_says_where_to_look(kube: Kube) -> None:
    found = longshore(kube, "why", "batchjob", "nothing")
    assert found.exit_code == 1
    expected = f"error: there is no BatchJob nothing in namespace {kube.namespace}: kubectl get batchjobs --all-namespaces lists all\n"
    assert found.stderr == expected


def revision(kube: Kube) -> str:
    """The hash of the revision that serves."""
    return str(kube.get("WebApp", "shop")["status"]["revision"]["current"])


def rolled_out(kube: Kube, image: str) -> str:
    """Rolls the image out, and returns its revision."""
    kube.patch("WebApp", "shop", {"spec": {"image": image}})
    wait(
        lambda: kube.get("Deployment", "shop")["spec"]["template"]["spec"]["containers"][0]["image"] == image,
        image,
    )
    serve(kube)
    wait(lambda: kube.condition("WebApp", "shop", "Progressing")["reason"] == "Complete", "rolled out")
    return revision(kube)


def test_a_rollback_writes_the_last_good_revision_back_and_leaves_the_scale_alone(kube: Kube) -> None:
    made(kube)
    serve(kube)
    wait(lambda: kube.condition("WebApp", "shop", "Ready")["status"] == "True", "ready")
    first = revision(kube)
    second = rolled_out(kube, "shop:2")
    kube.patch("WebApp", "shop", {"spec": {"scaling": {"minReplicas": 3}}})
    dry = longshore(kube, "rollback", "shop", "--dry-run")
    assert kube.get("WebApp", "shop")["spec"]["image"] == "shop:2"
    done = longshore(kube, "rollback", "shop")
    assert done.exit_code == 0, done.output
    assert {"-image: shop:2", "+image: shop:1"} <= set(dry.stdout.splitlines()) & set(
        done.stdout.splitlines()
    )
    spec = kube.get("WebApp", "shop")["spec"]
    assert (spec["image"], spec["scaling"]["minReplicas"]) == ("shop:1", 3)
    told = longshore(kube, "history", "shop").stdout
    assert all(name in told for name in (first, second, "wanted", "shop:1", "shop:2"))


def test_a_revision_is_named_by_its_first_digits_and_one_that_is_not_there_is_refused(kube: Kube) -> None:
    made(kube)
    serve(kube)
    wait(lambda: kube.condition("WebApp", "shop", "Ready")["status"] == "True", "ready")
    first = revision(kube)
    nowhere = longshore(kube, "rollback", "shop")
    assert (nowhere.exit_code, nowhere.stderr.startswith("error: no other revision was ever good")) == (
        1,
        True,
    )
    same = longshore(kube, "rollback", "shop", "--to", first[:4])
    assert same.stdout == f"the spec already is that of revision {first}; nothing was written\n"
    unknown = longshore(kube, "rollback", "shop", "--to", "zzz")
    assert unknown.stderr == f"error: no revision begins with zzz; there are: {first}\n"
    second = rolled_out(kube, "shop:2")
    shown = longshore(kube, "diff", "shop", first, second)
    assert shown.stdout.splitlines()[:2] == [f"--- revision {first}", f"+++ revision {second}"]
    assert {"-image: shop:1", "+image: shop:2"} <= set(shown.stdout.splitlines())
