"""What the commands say to people who made a mistake, and how a story is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from longshore.cli.main import main
from longshore.cli.manifests import read
from longshore.cli.why import story
from longshore.runtime.settings import BadSettingsError, load
from ruamel.yaml import YAML

HEAD = "apiVersion: longshore.dev/v1alpha1\nkind: WebApp\nmetadata:\n  name: shop\nspec:\n"


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        (HEAD + "  image: shop:1\n  replicas: 3\n", ["7: spec.replicas: there is no such field; kubectl explain lists the fields"]),
        (HEAD + "  port: 80\n", ["5: spec.image: this field is required"]),
        (HEAD + "  image: shop:1\n  scaling:\n    minReplicas: 0\n", ["8: spec.scaling.minReplicas: input should be greater than or equal to 1"]),
        (
            HEAD + "  image: shop:1\n  env:\n  - name: A\n    value: 1\n    extra: 2\n",
            ["9: spec.env.0.value: input should be a valid string", "10: spec.env.0.extra: there is no such field; kubectl explain lists the fields"],
        ),
        ("kind: Pod\napiVersion: v1\n", ["1: kind: v1 Pod is none of ours: write apiVersion: longshore.dev/v1alpha1 and kind: WebApp or BatchJob or JobDefinition or JobQueue or ComputeEnvironment"]),
        ("a: [1\nb: 2\n", ["2: this is no YAML: expected ',' or ']', but got ':'"]),
        ("", ["1: there is no object in this file"]),
        ("- 1\n", ["1: an object is expected: apiVersion, kind, metadata, spec"]),
        (HEAD.replace("  name: shop\n", "  labels: {}\n") + "  image: a\n", ["3: metadata: metadata.name is missing, or is no string"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_line_and_field(tmp_path: Path, text: str, mistakes: list[str]) -> None:
    file = tmp_path / "app.yaml"
    file.write_text(text)
    found = CliRunner().invoke(main, ["plan", "-f", str(file)])
    assert found.exit_code == 1
    assert found.stderr.splitlines() == [f"{file}:{each}" for each in mistakes]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    _, (mistake,) = read(str(tmp_path / "none.yaml"))
    assert mistake.message == "No such file or directory"


def test_without_a_cluster_the_command_says_what_to_set(tmp_path: Path) -> None:
    found = CliRunner().invoke(
        main, ["why", "webapp", "shop", "--kubeconfig", str(tmp_path / "none"), "-n", "prod"]
    )
    assert found.exit_code == 1
    assert found.stderr.startswith("error: no cluster: ")
    assert "Set KUBECONFIG" in found.stderr


def test_the_definitions_that_are_printed_are_those_in_the_repository() -> None:
    printed = [
        each["metadata"]["name"]
        for each in YAML(typ="safe").load_all(CliRunner().invoke(main, ["crds"]).stdout)
    ]
    assert [name.removesuffix(".longshore.dev") for name in printed] == [
        "webapps", "batchjobs", "jobdefinitions", "jobqueues", "computeenvironments",
    ]  # fmt: skip


def test_the_story_of_an_app_begins_with_what_matters() -> None:
    message = "revision b failed: CrashLooping, exit code 1; a is serving; change the spec to try again"
    app = {
        "kind": "WebApp",
        "metadata": {"name": "shop", "namespace": "prod", "generation": 2},
        "status": {
            "observedGeneration": 2,
            "conditions": [{"type": "Ready", "status": "False", "reason": "RolledBack", "message": message}],
            "failure": {
                "reason": "CrashLooping",
                "message": "",
                "pod": "shop-x",
                "lastWords": "no database\n",
            },
        },
    }
    assert list(story(app)) == [
        f"WebApp prod/shop: not ready: RolledBack, {message}",
        f"  Ready        no   RolledBack: {message}",
        "  Seen in pod shop-x.",
        "  Its last words: no database",
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"workers": "0"}, "LONGSHORE_WORKERS: '0' is not accepted; it takes reconciles at once, 1 to 256"),
        (
            {"log_level": "LOUD"},
            "LONGSHORE_LOG_LEVEL: 'LOUD' is not accepted; it takes DEBUG, INFO, WARNING or ERROR",
        ),
        (
            {"leader_elect": "perhaps"},
            "LONGSHORE_LEADER_ELECT: 'perhaps' is not accepted; it takes true or false: take part in leader election",
        ),
        (
            {"lease_duration_seconds": "5"},
            "lease_retry_seconds must be below lease_renew_deadline_seconds, and that below lease_duration_seconds",
        ),
    ],
)
def test_a_setting_that_is_wrong_is_named_with_what_it_accepts(settings: dict[str, str], words: str) -> None:
    with pytest.raises(BadSettingsError) as error:
        load(**settings)
    assert str(error.value) == words


def test_namespaces_are_read_from_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGSHORE_NAMESPACES", "prod, test")
    assert load().namespaces == ("prod", "test")
