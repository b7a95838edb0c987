"""Schedules and operators that are killed, or are two: each minute once; on a server of their own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hack.cluster.apiserver import ApiServer
from tests.apiserver.conftest import ROOT
from tests.apiserver.kube import Kube, load_crds, wait
from tests.apiserver.operator import OperatorProcess
from tests.apiserver.test_definitions import YEARLY, definition, due, ready, scheduled
from tests.apiserver.test_operator import quiet


@pytest.fixture(scope="module")
def kube() -> Iterator[Kube]:
    with ApiServer() as server:
        found = Kube(server)
        load_crds(found, ROOT / "crds")
        wait(lambda: found.find("ServiceAccount", "default"), "the default account")
        yield found


def test_no_minute_is_run_twice_and_none_forgotten_however_often_the_operator_is_killed(
    kube: Kube, tmp_path: Path
) -> None:
    """Each kill comes as soon as a job is there: mostly between its creation and the status that records it."""
    made: list[str] = []
    for number in range(5):
        name = f"report{number}"
        with OperatorProcess(kube, tmp_path, leader_elect="false") as operator:
            kube.create(definition(name, schedules=[YEARLY]))
            ready(kube, name)
            due(kube, datetime(2020, 1, 1, tzinfo=UTC), name)
            made = wait(
                lambda name=name: [each for each in scheduled(kube) if each.startswith(name)], "a job"
            )
            operator.kill()
        assert made == [f"{name}-yearly-{datetime.now(UTC).year}01010000"]
    uids = {each["metadata"]["name"]: each["metadata"]["uid"] for each in kube.list("BatchJob")}
    with OperatorProcess(kube, tmp_path, leader_elect="false"):
        for number in range(5):
            wait(
                lambda number=number: kube.status("JobDefinition", f"report{number}")["schedules"][0].get(
                    "lastJob"
                ),
                "the run is recorded",
            )
            wait(
                lambda number=number: kube.find(
                    "Job", f"report{number}-yearly-{datetime.now(UTC).year}01010000-1"
                ),
                "it runs",
            )
        after = {each["metadata"]["name"]: each["metadata"]["uid"] for each in kube.list("BatchJob")}
        assert after == uids
        for number in range(5):
            kube.delete("JobDefinition", f"report{number}")
        wait(lambda: not kube.list("BatchJob"), "all is collected", 60)


def test_two_operators_make_one_job_for_a_minute_and_rest_afterwards(kube: Kube, tmp_path: Path) -> None:
    with (
        OperatorProcess(kube, tmp_path, leader_elect="false") as first,
        OperatorProcess(kube, tmp_path, leader_elect="false"),
    ):
        kube.create(definition(schedules=[YEARLY]))
        ready(kube)
        due(kube, datetime(2020, 1, 1, tzinfo=UTC))
        wait(lambda: kube.status("JobDefinition", "report").get("active") == 1, "its run is recorded")
        assert len(scheduled(kube)) == 1
        name = scheduled(kube)[0]
        wait(lambda: kube.find("Job", f"{name}-1"), "it runs")
        wait(lambda: kube.status("BatchJob", name).get("phase") == "Starting", "it starts")
        wait(lambda: quiet(first), "nothing more is written")
        kube.delete("JobDefinition", "report")
        wait(lambda: not kube.list("BatchJob"), "all is collected", 60)
