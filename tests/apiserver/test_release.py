"""Releases against a real API server and its Job controller: once per revision, before the rollout, remembered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.kube import Kube, Obj, wait
from tests.apiserver.test_cli import longshore
from tests.apiserver.test_webapp import made, serve, webapp

pytestmark = pytest.mark.usefixtures("operator")
RELEASE = {"command": ["migrate"]}
PODS = "longshore.dev/release=shop"


def jobs(kube: Kube) -> list[str]:
    return sorted(each["metadata"]["name"] for each in kube.list("Job"))


def newest_job(kube: Kube, count: int) -> Obj:
    """The Job that runs, when there are so many in all, with a pod of its own."""
    wait(lambda: len(kube.list("Job")) == count, f"{count} Jobs")
    (job,) = [each for each in kube.list("Job") if not each["status"].get("conditions")]
    wait(lambda: kube.list("Pod", f"job-name={job['metadata']['name']}"), "its pod")
    return job


def end(kube: Kube, job: Obj, code: int, message: str = "") -> None:
    selector = f"job-name={job['metadata']['name']}"
    kube.end_pods(selector, code)
    wait(lambda: kube.get("Job", job["metadata"]["name"])["status"].get("conditions"), "its end", 30)


def deployed_image(kube: Kube) -> str | None:
    live = kube.find("Deployment", "shop")
    return live["spec"]["template"]["spec"]["containers"][0]["image"] if live else None


def told(kube: Kube, reason: str) -> Obj:
    return wait(
        lambda: (it := kube.condition("WebApp", "shop", "Ready"))["reason"] == reason and it,
        f"the reason {reason}",
    )


def test_a_revision_is_rolled_out_after_its_release_and_a_second_time_without(kube: Kube) -> None:
    kube.create(webapp("shop", release=RELEASE))
    first = newest_job(kube, 1)
    assert told(kube, "WaitingForRelease")["status"] == "False"
    assert kube.find("Deployment", "shop") is None
    end(kube, first, 0)
    wait(lambda: deployed_image(kube) == "shop:1", "the Deployment")
    serve(kube)
    wait(
        lambda: kube.get("Job", first["metadata"]["name"])["spec"].get("ttlSecondsAfterFinished"),
        "it is let go once it is recorded",
    )

    kube.patch("WebApp", "shop", {"spec": {"image": "shop:2"}})
    second = newest_job(kube, 2)
    told(kube, "WaitingForRelease")
    assert deployed_image(kube) == "shop:1"
    assert kube.condition("WebApp", "shop", "Available")["status"] == "True"
    end(kube, second, 0)
    wait(lambda: deployed_image(kube) == "shop:2", "the new image")
    serve(kube)

    kube.delete("Job", first["metadata"]["name"])
    kube.patch("WebApp", "shop", {"spec": {"image": "shop:1"}})
    wait(lambda: deployed_image(kube) == "shop:1", "the old image again, at once")
    serve(kube)
    assert jobs(kube) == [second["metadata"]["name"]]


def test_a_release_that_fails_rolls_nothing_out_and_is_tried_again_with_a_new_spec_only(kube: Kube) -> None:
    made(kube)
    serve(kube)
    kube.patch("WebApp", "shop", {"spec": {"image": "shop:2", "release": RELEASE}})
    end(kube, newest_job(kube, 1), 3)
    message = told(kube, "ReleaseFailed")["message"]
    assert "its release failed: the command ended with exit code 3. Read its log: kubectl logs" in message
    assert message.endswith("is serving; change the spec to try again")
    assert deployed_image(kube) == "shop:1"
    assert kube.condition("WebApp", "shop", "Available")["status"] == "True"
    (name,) = jobs(kube)
    kube.delete("Job", name)
    kube.patch("WebApp", "shop", {"metadata": {"annotations": {"example.com/look": "again"}}})
    wait(lambda: kube.find("Job", name) is None, "the Job is gone")
    told(kube, "ReleaseFailed")
    assert jobs(kube) == []
    kube.patch("WebApp", "shop", {"spec": {"scaling": {"minReplicas": 2}}})
    again = newest_job(kube, 1)
    assert again["metadata"]["name"] == name.removesuffix("-1") + "-2"
    end(kube, again, 0)
    wait(lambda: deployed_image(kube) == "shop:2", "the new image")


def test_a_first_release_that_fails_leaves_no_deployment(kube: Kube) -> None:
    kube.create(webapp("shop", release=RELEASE))
    first = newest_job(kube, 1)
    told(kube, "WaitingForRelease")
    end(kube, first, 3)
    assert told(kube, "ReleaseFailed")["message"].endswith("; change the spec to try again")
    assert deployed_image(kube) is None
    assert kube.status("WebApp", "shop")["failure"]["exitCode"] == 3


def test_a_release_that_runs_is_let_finish_when_the_spec_goes_on(kube: Kube) -> None:
    made(kube)
    serve(kube)
    kube.patch("WebApp", "shop", {"spec": {"image": "shop:2", "release": RELEASE}})
    first = newest_job(kube, 1)
    kube.patch("WebApp", "shop", {"spec": {"image": "shop:3"}})
    message = wait(
        lambda: "which is let finish" in (it := told(kube, "WaitingForRelease")["message"]) and it,
        "it waits for the one before",
    )
    assert first["metadata"]["name"] in message
    assert jobs(kube) == [first["metadata"]["name"]]
    assert kube.get("Job", first["metadata"]["name"])["spec"]["suspend"] is False
    end(kube, first, 0)
    end(kube, newest_job(kube, 2), 0)
    wait(lambda: deployed_image(kube) == "shop:3", "the newest image")


def test_a_plan_shows_the_job_and_the_rollout_that_follows(kube: Kube, tmp_path: Any) -> None:
    made(kube)
    serve(kube)
    file = tmp_path / "shop.yaml"
    file.write_text(
        "apiVersion: longshore.dev/v1alpha1\nkind: WebApp\nmetadata: {name: shop}\n"
        "spec: {image: 'shop:2', size: Nano, release: {command: [migrate]}}\n"
    )
    found = longshore(kube, "plan", "-f", str(file))
    assert found.exit_code == 0, found.output
    assert "+++ Job/shop-release-" in found.stdout
    assert "# the rollout begins when Job shop-release-" in found.stdout
    assert "+++ Deployment/shop planned" in found.stdout
    assert "# pods of shop are replaced, 1 in all" in found.stdout
    assert jobs(kube) == []
