"""A user trains a model that loses its node twice, and gets what an undisturbed run gives: docs/guides/training.md."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from hack.cluster import kind
from hack.image.build import training_image
from tests.e2e.cluster import Cluster, Obj, phase_is
from tests.e2e.volumes import volume_for
from tests.e2e.waiting import wait_for
from tests.snippets import blocks, commands

PAGE = "guides/training.md"
EXAMPLE = Path(__file__).parents[2] / "examples" / "25-batchjob-that-trains.yaml"


@pytest.fixture
def prepared(namespace: Cluster) -> Iterator[Cluster]:
    """A namespace with the image of the example on the nodes, and a volume for its claim."""
    image = training_image()
    kind.up().load(image)
    with volume_for(namespace, "checkpoints", image):
        yield namespace


def log(cluster: Cluster, job: str) -> str:
    return cluster.longshore("logs", job).stdout


def evict(cluster: Cluster, attempt: int, grace_seconds: int) -> None:
    """What a drain of the node does to the pod. Without grace it has no time to save."""
    (pod,) = cluster.list("Pod", batchjob="train", attempt=str(attempt))
    name = pod["metadata"]["name"]
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name},
        "deleteOptions": {"gracePeriodSeconds": grace_seconds},
    }
    path = f"/api/v1/namespaces/{cluster.namespace}/pods/{name}/eviction"
    cluster.kubectl("create", "--raw", path, "--filename=-", stdin=json.dumps(eviction))


def saved(cluster: Cluster, attempt: int) -> None:
    """Waits until this attempt has written a checkpoint."""
    wait_for(
        lambda: cluster.longshore("logs", "train", "--attempt", str(attempt)).stdout,
        lambda text: "is saved" in text,
        f"attempt {attempt} has saved",
        120,
    )


def test_what_was_interrupted_twice_ends_with_the_weights_of_an_unbroken_run(
    prepared: Cluster, tmp_path: Path
) -> None:
    (objects,) = blocks(PAGE, "yaml")
    (tmp_path / "train.yaml").write_text(objects)
    (apply, follow), (attempts,) = commands(PAGE)
    told, begins = blocks(PAGE, "text")

    prepared.kubectl(*shlex.split(apply.replace("train.yaml", str(tmp_path / "train.yaml")))[1:])
    prepared.wait("BatchJob", "train", phase_is("Running"), "runs", 90)
    saved(prepared, 1)
    evict(prepared, 1, grace_seconds=30)
    saved(prepared, 2)
    evict(prepared, 2, grace_seconds=0)
    prepared.wait("BatchJob", "train", phase_is("Succeeded"), "succeeds", 180)
    assert prepared.kubectl(*shlex.split(attempts)[1:]) == told
    followed = prepared.longshore(*shlex.split(follow)[1:]).stdout
    assert followed.startswith(begins.strip())

    _, train = YAML(typ="safe").load_all(objects)
    prepared.apply(unbroken(train))
    prepared.wait("BatchJob", "unbroken", phase_is("Succeeded"), "succeeds", 180)
    assert log(prepared, "unbroken").startswith("begins")
    assert digest(followed) == digest(log(prepared, "unbroken"))


def unbroken(train: Obj) -> Obj:
    """The same job under another name, with a checkpoint of its own."""
    args = [each.replace("spirals", "unbroken") for each in train["spec"]["args"]]
    return train | {"metadata": {"name": "unbroken"}, "spec": train["spec"] | {"args": args}}


def digest(log: str) -> str:
    (found,) = re.findall(r"accuracy 1\.000, weights ([0-9a-f]{64})", log)
    return str(found)


def test_the_page_shows_the_example() -> None:
    yaml = YAML(typ="safe")
    assert list(yaml.load_all(blocks(PAGE, "yaml")[0])) == list(yaml.load_all(EXAMPLE.read_text()))
