"""What the README shows works: objects are applied, commands are run."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from longshore.cli.main import main
from ruamel.yaml import YAML

from tests.apiserver.conftest import ROOT
from tests.apiserver.kube import Kube, wait

pytestmark = pytest.mark.usefixtures("operator")
TEXT = (ROOT / "README.md").read_text()
OBJECTS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]


def test_there_are_snippets() -> None:
    assert len(OBJECTS) == 2
    assert len(COMMANDS) >= 10


def test_every_command_runs(kube: Kube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kube.server.kubeconfig))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.yaml").write_text(OBJECTS[0])
    for each in OBJECTS:
        kube.create(YAML(typ="safe").load(each))
    kube.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "cloud"}})
    wait(lambda: kube.status("WebApp", "shop").get("conditions"), "a status of the app")
    wait(lambda: kube.status("BatchJob", "import").get("conditions"), "a status of the job")
    for command in COMMANDS:
        assert ran(kube, shlex.split(command)), command


def ran(kube: Kube, words: list[str]) -> bool:
    """Whether the command does what it says; what takes a cluster with nodes is run in the end-to-end tests."""
    program, *arguments = words
    if program == "make":
        return re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE) is not None
    if program == "helm":
        return arguments[:4] == ["upgrade", "--install", "longshore", "charts/longshore"]
    if program == "longshore":
        return CliRunner().invoke(main, [*arguments, "-n", kube.namespace]).exit_code == 0
    if arguments[0] == "wait":
        kube.run_pods("longshore.dev/webapp=shop")
        wait(
            lambda: (
                kube.run_pods("longshore.dev/webapp=shop")
                or kube.condition("WebApp", "shop", "Ready")["status"] == "True"
            ),
            "ready",
        )
    command = [str(kube.server.kubectl), *arguments, "-n", kube.namespace]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
