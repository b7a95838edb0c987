"""A user serves a model, by a stand-in that needs no GPU: docs/guides/inference.md."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from hack.cluster import kind
from hack.image.build import model_images
from tests.e2e.cluster import Cluster, condition, is_ready
from tests.snippets import blocks, commands

PAGE = "guides/inference.md"
EXAMPLE = Path(__file__).parents[2] / "examples" / "26-webapp-that-serves-a-model.yaml"


@pytest.fixture
def prepared(namespace: Cluster) -> Cluster:
    kind.up().load(*model_images())
    return namespace


def predict(cluster: Cluster) -> str:
    return cluster.fetch("classifier", "/predict?x=3", port="grpc").strip()


def test_a_model_is_loaded_served_and_replaced_and_a_gpu_that_is_not_there_is_named(
    prepared: Cluster, tmp_path: Path
) -> None:
    (tmp_path / "classifier.yaml").write_text(blocks(PAGE, "yaml")[0])
    (apply, wait), (new_version,), (gpu, why) = commands(PAGE)
    prepared.kubectl(*shlex.split(apply.replace("classifier.yaml", str(tmp_path / "classifier.yaml")))[1:])
    prepared.kubectl(*shlex.split(wait)[1:])
    assert predict(prepared) == '{"y": 7}'
    (pod,) = prepared.list("Pod", webapp="classifier")
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0, "it may take its time to load"

    prepared.kubectl(*shlex.split(new_version)[1:])
    prepared.wait("WebApp", "classifier", is_ready, "serves the new version", 120)
    assert predict(prepared) == '{"y": 40}'

    prepared.kubectl(*shlex.split(gpu)[1:])
    app = prepared.wait(
        "WebApp",
        "classifier",
        lambda it: condition(it, "Ready")["reason"] == "Unschedulable",
        "says that there is no GPU",
        90,
    )
    (lacking,) = blocks(PAGE, "text")
    assert lacking.strip() in condition(app, "Ready")["message"]
    assert lacking.strip() in prepared.longshore(*shlex.split(why)[1:]).stdout
    assert predict(prepared) == '{"y": 40}', "what served before goes on"


def test_the_page_shows_the_example() -> None:
    yaml = YAML(typ="safe")
    assert yaml.load(blocks(PAGE, "yaml")[0]) == yaml.load(EXAMPLE.read_text())
