"""What the command says and exits with; how it reads what people write."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from longshore.cli.main import main
from longshore.convert.loading import Unreadable, documents
from ruamel.yaml import YAML

WHOLE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 2
  template:
    spec:
      securityContext: {runAsNonRoot: true}
      containers:
        - name: shop
          image: shop:1
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /up, port: 8080}}
          resources: {limits: {cpu: "1", memory: 2Gi}}
"""


def run(tmp_path: Path, text: str, *options: str) -> Result:
    file = tmp_path / "input.yaml"
    file.write_text(text)
    return CliRunner().invoke(main, ["convert", str(file), *options])


def made(found: Result) -> dict[str, object]:
    return dict(YAML(typ="safe").load(found.stdout))


def test_all_carried_is_0_something_left_is_3_and_strict_counts_differences(tmp_path: Path) -> None:
    assert run(tmp_path, WHOLE).exit_code == 0
    assert run(tmp_path, WHOLE, "--strict").exit_code == 0
    assert run(tmp_path, WHOLE.replace("replicas: 2", "minReadySeconds: 5")).exit_code == 3
    differs = WHOLE.replace("runAsNonRoot: true", "runAsUser: 0")
    assert run(tmp_path, differs).exit_code == 0
    assert run(tmp_path, differs, "--strict").exit_code == 3


def test_what_says_nothing_is_listed_unless_quiet(tmp_path: Path) -> None:
    text = WHOLE.replace("replicas: 2", "paused: false\n  selector: {matchLabels: {app: shop}}")
    assert "Not needed:" in run(tmp_path, text).stderr
    assert "Not needed:" not in run(tmp_path, text, "--quiet").stderr


def test_standard_input_is_read() -> None:
    found = CliRunner().invoke(main, ["convert", "-"], input=WHOLE)
    assert found.exit_code == 0
    assert made(found)["metadata"] == {"name": "shop"}


def test_name_and_image_are_as_the_user_says(tmp_path: Path) -> None:
    text = "version: 1.0\nruntime: python311\nrun: {command: run}\n"
    without = run(tmp_path, text)
    assert "image: image.invalid/app:replace" in without.stdout
    assert "convert with --image" in without.stderr
    found = run(tmp_path, text, "--name", "shop", "--image", "ghcr.io/acme/shop:1")
    assert made(found)["metadata"] == {"name": "shop"}
    assert "image: ghcr.io/acme/shop:1" in found.stdout
    assert "convert with --image" not in found.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n", "input.yaml: this is none of what can be converted (app-runner: apprunner.yaml,"),
        ("", "input.yaml: there is nothing in it"),
        ('{"a": 1', "input.yaml:1: this is no JSON: "),
        ("kind: [\n", "input.yaml:2: this is no YAML: "),
        ("a: {{ .Values.a }}\nb\n", "a chart is rendered first: helm template"),
        ("a: !Ref b\n", "input.yaml:1: this is no YAML: "),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    found = run(tmp_path, text)
    assert found.exit_code == 1
    assert message in found.stderr
    assert found.stdout == ""
    assert len(found.stderr.splitlines()) == 1


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = CliRunner().invoke(main, ["convert", str(tmp_path / "none")])
    assert (found.exit_code, found.stderr) == (1, f"error: {tmp_path / 'none'}: No such file or directory\n")


def test_the_source_can_be_said(tmp_path: Path) -> None:
    text = "name: shop\ntype: Static Site\nimage: {location: 'shop:1', port: 80}\n"
    assert "none of what can be converted" in run(tmp_path, text).stderr
    assert run(tmp_path, text, "--from", "nobody").exit_code == 2
    found = run(tmp_path, text, "--from", "copilot")
    assert found.exit_code == 3
    assert "type: only services and scheduled jobs are converted" in found.stderr


def test_scalars_stay_as_they_are_written() -> None:
    (found,) = documents("a: 1.10\nb: yes\nc: 0123\nd: 2024-01-01\ne: ~\nf: true\n")
    assert found == {"a": "1.10", "b": "yes", "c": "0123", "d": "2024-01-01", "e": None, "f": "true"}


def test_an_alias_to_what_is_around_it_is_refused() -> None:
    with pytest.raises(Unreadable, match="refers to itself"):
        documents("a: &a\n  b: *a\n")


def test_texts_that_look_like_something_else_are_quoted(tmp_path: Path) -> None:
    text = WHOLE.replace(
        "image: shop:1\n",
        'image: shop:1\n          args: ["yes", "1.10", "012", "null", "2024-01-01", "y"]\n',
    )
    lines = [line.strip() for line in run(tmp_path, text).stdout.splitlines()]
    for each in ("yes", "1.10", "012", "null", "2024-01-01", "y"):
        assert f'- "{each}"' in lines
