"""A user runs many pods of one job."""

from __future__ import annotations

from tests.e2e.cluster import Cluster, condition, phase_is
from tests.e2e.objects import batch_job


def test_an_array_of_20_with_3_failing_indexes(namespace: Cluster) -> None:
    namespace.apply(batch_job("render", "fail-indexes", "3,7,8", array={"size": 20, "maxParallel": 5}))
    job = namespace.wait("BatchJob", "render", phase_is("Failed"), "ends with three failed indexes", 120)
    array = job["status"]["array"]
    assert (array["succeeded"], array["failed"], array["failedIndexes"]) == (17, 3, "3,7,8")
    assert job["status"]["done"] == "20/20"
    failed = condition(job, "Failed")
    assert failed["reason"] == "IndexesFailed"
    assert "3 of 20 indexes failed: 3,7,8" in failed["message"]
    assert "exit code 1" in failed["message"]
    assert len(namespace.list("Job")) == 1


def test_an_array_succeeds_when_every_index_does(namespace: Cluster) -> None:
    namespace.apply(batch_job("render", "fail-indexes", "99", array={"size": 4}))
    job = namespace.wait("BatchJob", "render", phase_is("Succeeded"), "succeeds", 60)
    assert job["status"]["array"] == {"succeeded": 4, "failed": 0, "running": 0, "pending": 0}
