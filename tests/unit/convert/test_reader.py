"""The reader's account: what was taken, what wasn't, and where the hints are found."""

from __future__ import annotations

from fractions import Fraction

import pytest
from longshore.api.batchjob import BatchJobSpec
from longshore.api.webapp import WebAppSpec
from longshore.convert import units
from longshore.convert.checks import mistake
from longshore.convert.draft import object_name
from longshore.convert.reader import NO_FIELD, NOTHING, Document, Outcome


def account(document: Document) -> list[tuple[str, str]]:
    return [(each.where, each.message) for each in document.close() if each.outcome is Outcome.LEFT]


def test_what_nobody_takes_is_told_at_the_topmost_place() -> None:
    document = Document("d", {"a": {"b": 1, "c": 2}, "e": [{"f": 3}, {"g": 4}], "h": {}, "i": None})
    assert document.root["a"]["b"].number() == 1
    assert account(document) == [("a.c", NO_FIELD), ("e", NO_FIELD)]


def test_a_value_of_another_type_is_not_taken() -> None:
    document = Document(
        "d", {"text": {"Ref": "x"}, "number": "many", "flag": "perhaps", "texts": ["a", ["b"]]}
    )
    root = document.root
    assert (root["text"].text(), root["number"].number(), root["flag"].flag()) == (None, None, None)
    assert root["texts"].texts() == ["a"]
    assert [where for where, _ in account(document)] == ["text", "number", "flag", "texts[1]"]


def test_the_nearest_hint_is_given_and_splits_what_it_speaks_of() -> None:
    document = Document("d", {"a": {"b": 1, "c": 2}, "list": [{"x": 1, "y": 2}]})
    document.root.hints({"a": "all of a", "a.b": "b alone", "list.*.y": "each y"})
    assert account(document) == [
        ("a.b", "b alone"),
        ("a.c", "all of a"),
        ("list[0].x", NO_FIELD),
        ("list[0].y", "each y"),
    ]


def test_a_path_is_written_as_people_write_it() -> None:
    document = Document("d", {"annotations": {"example.com/a": 1, "b": 2}, "c": [{"d": 3}]})
    assert document.root["annotations"]["b"].number() == 2
    assert account(document) == [('annotations["example.com/a"]', NO_FIELD), ("c", NO_FIELD)]
    assert account(Document("d", {"a": 1})) == [("all of it", NOTHING)]


def test_what_holds_anyway_is_taken_in_any_spelling() -> None:
    document = Document("d", {"json": True, "yaml": "true", "other": False})
    assert document.root["json"].holds(True)
    assert document.root["yaml"].holds(True)
    assert not document.root["other"].holds(True)
    assert [where for where, _ in account(document)] == ["other"]


@pytest.mark.parametrize(
    ("text", "amount"),
    [("256", "250m"), ("1024", "1"), (".25 vCPU", "250m"), ("2 vCPU", "2"), ("1", None), ("0", None), ("fast", None)],
)  # fmt: skip
def test_cpu_of_aws(text: str, amount: str | None) -> None:
    assert units.cpu_of_units(text) == amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [("512", "512Mi"), ("2048", "2Gi"), ("0.5 GB", "512Mi"), ("3GB", "3Gi"), ("300 MB", "300Mi"), ("2 TB", None), ("0", None)],
)  # fmt: skip
def test_memory_of_aws(text: str, amount: str | None) -> None:
    assert units.memory_of_mib(text) == amount


@pytest.mark.parametrize(
    ("text", "amount"), [("250m", Fraction(1, 4)), ("1.5Gi", Fraction(3, 2) * 2**30), ("2k", 2000)]
)
def test_amounts(text: str, amount: Fraction) -> None:
    assert units.amount(text) == amount
    assert units.quantity(text) == text


@pytest.mark.parametrize("text", ["0", "-1", "1e3", "1E", "", "1 Gi"])
def test_quantities_that_the_contract_does_not_take(text: str) -> None:
    assert units.quantity(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("1m30s", 90),
        ("1h", 3600),
        ("250ms", 1),
        ("1.5m", 90),
        ("soon", None),
        ("", None),
    ],
)
def test_seconds(text: str, seconds: int | None) -> None:
    assert units.seconds(text) == seconds


@pytest.mark.parametrize(
    ("kind", "text", "name"),
    [
        ("WebApp", "Shop_Front", "shop-front"),
        ("WebApp", "1shop", "app-1shop"),
        ("BatchJob", "1shop", "1shop"),
        ("WebApp", "---", "app"),
        ("BatchJob", "---", "job"),
        ("WebApp", "x" * 70, "x" * 63),
        ("BatchJob", "größe", "gr-e"),
    ],
)
def test_names(kind: str, text: str, name: str) -> None:
    assert object_name(kind, text) == name  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "wrong"),
    [
        ("image", "ghcr.io/acme/shop:1", None),
        ("image", "https://ghcr.io/shop", "write an image reference without a scheme"),
        ("image", "shop:1\n", "write an image reference without a scheme"),
        ("health.path", "/up", None),
        ("health.path", "up", "write a path that begins with '/'"),
        ("health.intervalSeconds", 0, "input should be greater than or equal to 1"),
        ("env", [{"name": "A", "value": "b"}], None),
        ("env", [{"name": "LONGSHORE_A", "value": "b"}], "names that begin with LONGSHORE_"),
        ("env", [{"name": "A" * 200, "value": "b"}], "0.name: string should have at most 128"),
        ("files", [{"path": "/a/../b", "content": ""}], "write an absolute path"),
        ("files", [{"path": "/a\x01", "content": ""}], "write an absolute path"),
        ("volumes", [{"name": "a", "mountPath": "/", "emptyDir": {}}], "write an absolute path"),
        ("resources.gpu", {"count": 1, "resource": "kubernetes.io/batteries"}, "write the device plugin's"),
    ],
)
def test_what_the_contract_takes(field: str, value: object, wrong: str | None) -> None:
    found = mistake(WebAppSpec, field, value)
    assert found is None if wrong is None else found is not None and found.startswith(wrong)


def test_the_contract_of_jobs_is_asked_as_well() -> None:
    assert mistake(BatchJobSpec, "retry.rules", [{"exitCodes": [1], "action": "Fail"}]) is None
    assert mistake(BatchJobSpec, "array.size", 1) == "input should be greater than or equal to 2"
