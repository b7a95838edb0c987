"""What the guide on exposure shows is taken by the API server, and becomes what the guide says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.apiserver.conftest import ROOT
from tests.apiserver.kube import Kube
from tests.apiserver.test_webapp import webapp

GUIDE = (ROOT / "docs" / "guides" / "exposure.md").read_text()
SNIPPETS = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("number", range(4))
def test_every_snippet_is_taken(server_only: Kube, number: int) -> None:
    assert len(SNIPPETS) == 4
    spec = YAML(typ="safe").load(SNIPPETS[number])["spec"]
    made = server_only.create(webapp(f"exposed-{number}", **spec))
    assert holds(made["spec"]["expose"], spec["expose"])


def holds(made: Any, asked: Any) -> bool:
    """Whether it has all that was asked for, beside what it has by default."""
    if isinstance(asked, dict):
        return all(key in made and holds(made[key], value) for key, value in asked.items())
    return bool(made == asked)
