"""What the examples are rendered into, word for word: a change here is a change in every user's cluster.

To write the files anew: LONGSHORE_UPDATE_GOLDEN=1 make test-unit, then review the difference.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from longshore.api.common import NodeSelection
from longshore.api.files import to_yaml
from longshore.api.jobdefinition import JobDefinitionSpec
from longshore.batchjob.decide import decide as decide_batchjob
from longshore.jobdefinition.decide import decide as decide_jobdefinition
from longshore.jobdefinition.facts import Facts as DefinitionFacts
from longshore.webapp.decide import decide as decide_webapp
from longshore.workload.conditions import timestamp
from longshore.workload.decision import Apply, Create
from ruamel.yaml import YAML

from tests.unit.facts import NOW, app_facts, at, batch_facts
from tests.unit.gateways import CERT_MANAGER, gateway, listener, with_gateways

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
GOLDEN = Path(__file__).parent / "golden"

SURROUNDINGS = with_gateways(gateway(listener(), listener("websecure", "HTTPS", 443)), apis=CERT_MANAGER)
"""What the examples find in the cluster."""


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_rendered_as_it_was(path: Path) -> None:
    documents = [
        each
        for each in YAML(typ="safe").load_all(path.read_text())
        if each["apiVersion"].startswith("longshore.dev/")
    ]
    rendered = "---\n".join(
        to_yaml(body) for document in documents for body in _children(document, documents)
    )
    golden = GOLDEN / path.name
    if os.environ.get("LONGSHORE_UPDATE_GOLDEN"):
        golden.write_text(rendered)
    assert rendered == golden.read_text()


def _children(document: dict[str, Any], beside: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kind, spec = document["kind"], document["spec"]
    if kind == "WebApp":
        facts = app_facts(spec, surroundings=SURROUNDINGS)
        facts.app["spec"] = spec
        decision = decide_webapp(facts, NOW)
    elif kind == "BatchJob":
        met = {each["name"]: {"status": {"phase": "Succeeded"}} for each in spec.get("dependsOn", ())}
        decision = decide_batchjob(batch_facts(spec, dependencies=met, **_admitted(spec, beside)), NOW)
    elif kind == "JobDefinition":
        metadata = {"namespace": "prod", "uid": "uid-1", "generation": 1, "creationTimestamp": timestamp(NOW)}
        definition = {"metadata": document["metadata"] | metadata}
        facts = DefinitionFacts(definition, JobDefinitionSpec.model_validate(spec))
        decision = decide_jobdefinition(facts, NOW)
    else:
        return []
    return [step.body for step in decision.steps if isinstance(step, Apply | Create)]


def _admitted(spec: dict[str, Any], beside: list[dict[str, Any]]) -> dict[str, Any]:
    """A job that names a queue is admitted to the environment of the same file."""
    if "queue" not in spec:
        return {}
    (environment,) = [each for each in beside if each["kind"] == "ComputeEnvironment"]
    name, nodes = environment["metadata"]["name"], environment["spec"]["placement"]
    status = {"queue": {"attempt": 1, "since": at(0), "environment": name, "admittedAt": at(0)}}
    return {"status": status, "environment": name, "nodes": NodeSelection.model_validate(nodes)}
