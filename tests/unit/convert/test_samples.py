"""What is made of each sample, word for word, and that no field of any of them is dropped in silence.

To write the golden files anew: LONGSHORE_UPDATE_GOLDEN=1 make test-unit, then review the difference.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from longshore.cli.main import main
from longshore.cli.manifests import MODELS, read
from longshore.convert.reader import Entry, Outcome
from longshore.convert.report import report
from longshore.convert.sources import Conversion, NotRecognised

from tests.unit.convert.samples import SAMPLES, contents, converted, files, nodes, places, replaced

GOLDEN = Path(__file__).parent / "golden"
ODD = "0dd:Värdé!"
"""No name, number, unit, path or choice of any source."""
HELD_VALUES = {"environment", "env", "variables", "RuntimeEnvironmentVariables", "data"}
each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)


def test_every_source_has_samples() -> None:
    assert len(SAMPLES) >= 20


@each_sample
def test_a_sample_becomes_what_it_became(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sample)
    found = CliRunner().invoke(main, ["convert", *files(sample)])
    text = f"{found.stdout}\n--- exit code {found.exit_code}, and on standard error:\n{found.stderr}"
    golden = GOLDEN / f"{sample.name}.txt"
    if os.environ.get("LONGSHORE_UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


@each_sample
def test_what_a_sample_becomes_has_no_mistakes(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sample)
    made = tmp_path / "made.yaml"
    made.write_text(CliRunner().invoke(main, ["convert", *files(sample)]).stdout)
    if made.read_text():
        assert read(str(made))[1] == []


@each_sample
def test_every_leaf_shows_in_the_result_or_in_the_account(sample: Path) -> None:
    """Something odd in a leaf's place either is carried over, or the leaf is named."""
    content = contents(sample)
    for number, path in places(content):
        try:
            found = converted(replaced(content, number, path, ODD))
        except NotRecognised:
            continue
        assert shows(found, content[number][0], path), path


@each_sample
def test_an_unknown_field_anywhere_shows(sample: Path) -> None:
    content = contents(sample)
    for number, (name, document) in enumerate(content):
        for path in [(), *nodes(document)]:
            if isinstance(at(document, path), dict):
                place = (*path, "unheard")
                found = converted(replaced(content, number, place, ODD))
                assert shows(found, name, place), place


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_stands_in_a_place_the_result_has_no_mistakes(data: st.DataObject) -> None:
    content = contents(data.draw(st.sampled_from(SAMPLES)))
    number = data.draw(st.integers(0, len(content) - 1))
    path = data.draw(st.sampled_from(list(nodes(content[number][1]))))
    odd = st.sampled_from(
        [None, True, "", ODD, "7", 0, -1, 10**9, 1.5, [], [ODD], [{}], {}, {"name": ODD}, {"a": {"b": 1}}]
    )
    try:
        found = converted(replaced(content, number, path, data.draw(odd)))
    except NotRecognised:
        return
    for each in found.objects:
        MODELS[each["kind"]].model_fields["spec"].annotation.model_validate(each["spec"])  # type: ignore[union-attr]


@each_sample
def test_the_account_says_nothing_of_what_variables_hold(sample: Path) -> None:
    content = contents(sample)
    for number, path in places(content):
        if HELD_VALUES & set(path) and path[-1] not in ("name", "key"):
            try:
                found = converted(replaced(content, number, path, "s3cret"))
            except NotRecognised:
                continue
            assert "s3cret" not in "\n".join(report(found.entries)), path


def shows(found: Conversion, document: str, path: tuple[Any, ...]) -> bool:
    """Whether the account names the place, or one around it that is left as a whole, or the result holds ODD."""

    def names(entry: Entry) -> bool:
        around = path if entry.outcome is Outcome.CHANGED else path[: len(entry.path)]
        return entry.document == document and entry.path == around

    return any(map(names, found.entries)) or ODD in str(found.objects)


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        document = document[part]
    return document
