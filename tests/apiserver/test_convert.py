"""What `longshore convert` writes is taken by the API server, with all its rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from longshore.cli.main import main
from ruamel.yaml import YAML

from tests.apiserver.kube import Kube
from tests.unit.convert.samples import SAMPLES, files
from tests.unit.convert.test_docs import PAGES, conversions


def take(kube: Kube, text: str) -> int:
    """How many objects the server would take, which has to be all."""
    objects = list(YAML(typ="safe").load_all(text))
    for each in objects:
        each["metadata"].pop("namespace", None)
        kube.request("POST", kube.path(each["kind"]) + "?fieldValidation=Strict&dryRun=All", each)
    return len(objects)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_what_a_sample_becomes_is_taken(
    server_only: Kube, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sample)
    text = CliRunner().invoke(main, ["convert", *files(sample)]).stdout
    assert take(server_only, text) >= 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_the_documentation_shows_is_taken(server_only: Kube, page: Path) -> None:
    assert sum(take(server_only, each.made) for each in conversions(page.read_text())) >= 1
