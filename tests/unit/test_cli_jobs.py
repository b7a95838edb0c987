"""What the commands for batch jobs make of an object: tables, indexes, exit codes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from longshore.cli.jobs import of_failed_indexes, table
from longshore.cli.logs import chosen_index
from longshore.cli.main import main
from longshore.cli.submit import exit_code

from tests.unit.facts import NOW, Obj, at


def job(name: str = "import", spec: Obj | None = None, age: float = 0, **status: object) -> Obj:
    metadata = {"name": name, "namespace": "prod", "creationTimestamp": at(-age)}
    return {"kind": "BatchJob", "metadata": metadata, "spec": {"image": "x"} | (spec or {}), "status": status}


WAITS = {"reason": "Unschedulable", "message": "no node fits the pod"}


def test_jobs_are_listed_with_what_they_wait_for() -> None:
    new = job("new", age=5)
    del new["status"]
    rows = [
        new,
        job("old", age=133, phase="Starting", reason="Unschedulable", attempt=1, done="0/4", waiting=WAITS),
    ]
    assert list(table(rows, NOW)) == [
        "NAME   PHASE       REASON          ATTEMPT   DONE   AGE     WAITS FOR",
        "old    Starting    Unschedulable   1         0/4    2m13s   no node fits the pod",
        "new    Submitted                                    5s",
    ]


def test_queues_are_shown_where_there_are_any() -> None:
    rows = [job("a"), job("b", {"queue": "night"}, phase="Runnable")]
    assert [line.split()[:2] for line in table(rows, NOW)] == [
        ["NAME", "QUEUE"],
        ["a", "Submitted"],
        ["b", "night"],
    ]


ARRAY = {"array": {"size": 9}, "successPolicy": {"succeededCount": 8}}


def test_failed_indexes_alone_are_run_again_and_the_policy_for_all_is_dropped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts = {"succeeded": 5, "failed": 2, "running": 0, "pending": 2, "failedIndexes": "3,7"}
    found = job(spec=ARRAY, array=counts)
    assert of_failed_indexes(found, found["spec"]) == {"image": "x", "array": {"size": 9, "indexes": "3,7"}}
    assert "# 2 indexes of import neither succeeded nor failed; they aren't run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (job(), "import is no array, so it has no failed indexes: leave out --failed"),
        (
            job(spec=ARRAY, array={"succeeded": 9, "failed": 0, "running": 0, "pending": 0}),
            "no index of import has failed",
        ),
    ],
)
def test_without_failed_indexes_there_is_nothing_to_run(
    found: Obj, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        of_failed_indexes(found, found["spec"])
    assert capsys.readouterr().err == f"error: {words}\n"


@pytest.mark.parametrize(
    ("spec", "index", "chosen"),
    [({}, None, None), ({"nodes": {"count": 4}}, None, 0), ({"nodes": {"count": 4}}, 3, 3), (ARRAY, 8, 8)],
)
def test_which_pod_is_meant(spec: Obj, index: int | None, chosen: int | None) -> None:
    assert chosen_index(job(spec=spec), index) == chosen


@pytest.mark.parametrize(
    ("spec", "index", "words"),
    [
        ({}, 0, "import has one pod and no indexes: leave out --index"),
        (ARRAY, None, "import is an array: say which of its pods with --index, from 0 to 8"),
        (ARRAY, 9, "import has no index 9: they go from 0 to 8"),
    ],
)
def test_an_index_that_is_not_there_is_refused(
    spec: Obj, index: int | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        chosen_index(job(spec=spec), index)
    assert capsys.readouterr().err == f"error: {words}\n"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ({"phase": "Succeeded"}, 0),
        ({"phase": "Failed", "attempts": [{"number": 1, "exitCode": 1}, {"number": 2, "exitCode": 42}]}, 42),
        ({"phase": "Failed", "attempts": [{"number": 1, "reason": "Cancelled"}]}, 1),
        ({"phase": "Failed"}, 1),
    ],
)
def test_a_job_that_is_followed_gives_its_exit_code(status: Obj, code: int) -> None:
    assert exit_code(job(**status)) == code


def test_a_file_of_another_kind_is_not_submitted(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(
        "apiVersion: longshore.dev/v1alpha1\nkind: WebApp\nmetadata: {name: shop}\nspec: {image: 'shop:1'}\n"
    )
    found = CliRunner().invoke(main, ["submit", "-f", str(file)])
    assert (found.exit_code, found.stderr) == (
        1,
        f"error: {file} holds WebApp: write one BatchJob, or apply the file with kubectl\n",
    )


def test_ages_are_those_of_kubectl() -> None:
    (_, row) = table([job(age=timedelta(days=2, hours=4).total_seconds())], NOW)
    assert "2d4h" in row
