"""Values of parameters, and what becomes of a template and a job's own fields with them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from longshore.api.parameters import Parameter
from longshore.batchjob.decide import decide
from longshore.batchjob.definition import Definition, choose, pinned, resolve, without_template
from longshore.workload.decision import Create
from longshore.workload.parameters import BadParameters, broken_patterns, fill_in, settle

from tests.unit.facts import NOW, at, batch_facts

Obj = dict[str, Any]
DECLARED = {
    "region": Parameter(required=True, pattern="[a-z]{2}-[0-9]"),
    "day": Parameter(default="today"),
    "note": Parameter(),
}


def test_values_come_from_the_job_then_from_the_default_then_are_empty() -> None:
    assert settle(DECLARED, {"region": "eu-1"}) == {"region": "eu-1", "day": "today", "note": ""}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "parameter region is required: give it a value"),
        ({"region": "eu-1", "zone": "x"}, "there is no parameter zone (there are day, note, region)"),
        ({"region": "eu-1x"}, "the value of parameter region does not match its pattern [a-z]{2}-[0-9]"),
        ({"region": "eu-1\n"}, "the value of parameter region does not match its pattern [a-z]{2}-[0-9]"),
    ],
)
def test_a_mistake_is_told_without_the_value(given: dict[str, str], message: str) -> None:
    with pytest.raises(BadParameters) as raised:
        settle(DECLARED, given)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("--region=${params.region}", "--region=eu-1"),
        ("${params.region}${params.day}", "eu-1${params.region}"),
        ("$${params.region}", "${params.region}"),
        ("$$${params.region}", "$${params.region}"),
        ("${HOME} $(VAR) $ {params.region}", "${HOME} $(VAR) $ {params.region}"),
    ],
)
def test_a_reference_is_replaced_once_and_a_doubled_dollar_is_literal(text: str, filled: str) -> None:
    values = {"region": "eu-1", "day": "${params.region}"}
    made = fill_in(
        {"args": [text], "env": [{"name": "A", "value": text}, {"name": "B", "valueFrom": {}}]}, values
    )
    assert made["args"] == [filled]
    assert made["env"] == [{"name": "A", "value": filled}, {"name": "B", "valueFrom": {}}]


def test_a_reference_to_nothing_says_where_it_is() -> None:
    with pytest.raises(BadParameters) as raised:
        fill_in(
            {"command": ["x", "${params.regoin}"], "env": [{"name": "A", "value": "${params.}"}]},
            {"region": ""},
        )
    assert str(raised.value) == (
        "command[1] uses the parameter 'regoin', which is not declared;"
        " env A uses the parameter '', which is not declared"
    )


def test_patterns_are_checked_before_a_job_needs_them() -> None:
    declared = {
        "a": Parameter(pattern="("),
        "b": Parameter(pattern="(a{999}){999}"),
        "c": Parameter(pattern="x+", default="y"),
        "d": Parameter(pattern="x+", default="xx"),
    }
    assert broken_patterns(declared) == [
        "the pattern of parameter a is not a regular expression, or too large",
        "the pattern of parameter b is not a regular expression, or too large",
        "the default of parameter c does not match its pattern x+",
    ]


def test_no_pattern_takes_long_whatever_it_is_asked() -> None:
    declared, began = {"a": Parameter(pattern="(x+x+)+y")}, time.perf_counter()
    with pytest.raises(BadParameters):
        settle(declared, {"a": "x" * 4096})
    assert time.perf_counter() - began < 1


TEMPLATE: Obj = {
    "image": "import:1",
    "args": ["${params.region}"],
    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    "resources": {"requests": {"memory": "1Gi"}},
    "retry": {"attempts": 3},
    "terminationGracePeriodSeconds": 5,
}
DATA: Obj = {"template": TEMPLATE, "parameters": {"region": {"required": True}}}


def test_a_jobs_own_fields_go_over_the_definition() -> None:
    own = {
        "definition": {"name": "import"},
        "parameters": {"region": "eu-1"},
        "env": [{"name": "B", "value": "own ${params.region}"}],
        "size": "Large",
        "suspend": False,
    }
    spec = resolve(own, DATA)
    assert (spec.image, spec.args, spec.size, spec.resources) == ("import:1", ["eu-1"], "Large", None)
    assert {each.name: each.value for each in spec.env} == {"A": "1", "B": "own eu-1"}
    assert (spec.retry.attempts, spec.termination_grace_period_seconds) == (3, 5)


def test_what_becomes_too_long_with_its_parameters_is_told() -> None:
    own = {
        "definition": {"name": "import"},
        "parameters": {"region": "x" * 4000},
        "args": ["${params.region}" * 2],
    }
    with pytest.raises(BadParameters) as raised:
        resolve(own, DATA)
    assert str(raised.value) == (
        "with its parameters filled in, args.0: String should have at most 4096 characters"
    )


def definition(**status: Any) -> Obj:
    ready = {"type": "Ready", "reason": status.pop("reason", "Ready"), "message": "template: args[0] …"}
    return {"metadata": {"generation": 2}, "status": {"conditions": [ready]} | status}


@pytest.mark.parametrize(
    ("found", "choice"),
    [
        (None, ("DefinitionMissing", "there is no JobDefinition import in namespace prod: create it")),
        (
            definition(observedGeneration=1, revision=1),
            ("DefinitionPending", "the newest change of JobDefinition import is being read"),
        ),
        (
            definition(observedGeneration=2, revision=1, reason="Invalid"),
            ("DefinitionInvalid", "JobDefinition import has to be corrected first: template: args[0] …"),
        ),
        (definition(observedGeneration=2, revision=4, reason="ScheduleInvalid"), 4),
    ],
)
def test_the_latest_revision_or_why_there_is_none(found: Obj | None, choice: object) -> None:
    assert choose("import", "prod", found) == choice


def test_the_revision_stays_that_of_the_status_or_of_a_job_made_before_it_was_written() -> None:
    job = {"metadata": {"labels": {"longshore.dev/revision": "3"}}}
    assert pinned({}, []) == (None, None)
    assert pinned({}, [job]) == (3, None)
    said = {"definition": {"name": "import", "revision": 2, "uid": "u"}}
    assert pinned(said, [job]) == (2, "u")


def test_bad_parameters_end_the_job_at_once() -> None:
    facts = batch_facts(
        definition=Definition("import", 2, "uid-r2", invalid="parameter region is required: give it a value")
    )
    decision = decide(facts, NOW)
    assert decision.steps == ()
    assert decision.status is not None
    assert (decision.status["phase"], decision.status["reason"]) == ("Failed", "Invalid")
    assert decision.status["definition"] == {"name": "import", "revision": 2, "uid": "uid-r2"}


def test_without_its_definition_it_waits_and_says_so() -> None:
    facts = batch_facts(definition=Definition("import", waiting=("DefinitionMissing", "create it")))
    status = decide(facts, NOW).status
    assert status is not None
    assert (status["phase"], status["waiting"]["reason"]) == ("Submitted", "DefinitionMissing")


def test_the_job_says_which_revision_it_was_made_from() -> None:
    (step,) = (
        step
        for step in decide(batch_facts(definition=Definition("import", 7)), NOW).steps
        if isinstance(step, Create) and step.body["kind"] == "Job"
    )
    assert step.body["metadata"]["labels"]["longshore.dev/revision"] == "7"


def test_when_its_definition_is_deleted_a_running_attempt_ends_and_no_other_follows() -> None:
    metadata = {"name": "import-1", "uid": "j", "labels": {"longshore.dev/attempt": "1"}, "creationTimestamp": at(0), "ownerReferences": [{"controller": True, "uid": "uid-1"}]}  # fmt: skip
    failed = {
        "type": "Failed",
        "status": "True",
        "reason": "BackoffLimitExceeded",
        "lastTransitionTime": at(5),
    }
    job = {
        "metadata": metadata,
        "spec": {"template": {"spec": {"containers": []}}},
        "status": {"conditions": [failed]},
    }
    gone = Definition(
        "import", 1, gone="JobDefinition import was deleted, so that there is no further attempt"
    )
    facts = batch_facts({"retry": {"attempts": 3}}, jobs=[job], definition=gone)
    status = decide(facts, NOW).status
    assert status is not None
    assert status["phase"] == "Failed"
    message = next(each for each in status["conditions"] if each["type"] == "Failed")["message"]
    assert message.endswith("; JobDefinition import was deleted, so that there is no further attempt")


def test_of_a_deleted_definition_the_array_is_still_known() -> None:
    job = {"spec": {"completionMode": "Indexed", "completions": 4}}
    array = without_template({"definition": {"name": "import"}}, [job]).array
    assert array is not None
    assert array.size == 4
