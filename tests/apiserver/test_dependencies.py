"""BatchJobs that wait for others, against a real API server and Job controller; the tests play the nodes."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest

from tests.apiserver.kube import Kube, Obj, wait
from tests.apiserver.operator import OperatorProcess
from tests.campaigns.world import Nodes

pytestmark = pytest.mark.usefixtures("operator")


def batchjob(name: str, *depends_on: str | Obj, **spec: Any) -> Obj:
    wanted = [{"name": each} if isinstance(each, str) else each for each in depends_on]
    body = {"image": "step:1", "size": "Nano"} | ({"dependsOn": wanted} if wanted else {}) | spec
    return {
        "apiVersion": "longshore.dev/v1alpha1",
        "kind": "BatchJob",
        "metadata": {"name": name},
        "spec": body,
    }


def waits(kube: Kube, name: str, reason: str, words: str) -> Obj:
    """The status, once it says that the job waits, why, and in these words."""

    def told() -> Obj | None:
        status = kube.status("BatchJob", name)
        waiting = status.get("waiting", {})
        return status if waiting.get("reason") == reason and words in waiting["message"] else None

    return wait(told, f"{name} says: {words}") or {}


def phase(kube: Kube, name: str) -> str:
    return str(kube.status("BatchJob", name).get("phase"))


def end(kube: Kube, name: str, code: int) -> None:
    pods = f"longshore.dev/batchjob={name}"
    wait(lambda: kube.list("Pod", pods), f"a pod of {name}")
    kube.end_pods(pods, code)
    wait(lambda: phase(kube, name) in ("Succeeded", "Failed"), f"the end of {name}")


def test_it_starts_when_the_one_that_it_depends_on_has_succeeded(kube: Kube) -> None:
    kube.create(batchjob("second", "first"))
    waits(kube, "second", "DependencyPending", "waits for first, but there is no BatchJob of that name")
    kube.create(batchjob("first"))
    status = waits(kube, "second", "DependencyPending", "waits for first to succeed")
    assert status["phase"] == "Pending"
    assert kube.find("Job", "second-1") is None
    end(kube, "first", 0)
    end(kube, "second", 0)
    assert phase(kube, "second") == "Succeeded"
    assert kube.status("BatchJob", "second")["dependencies"] == [{"name": "first", "state": "Met"}]


def test_a_failure_goes_down_the_chain_but_where_the_end_is_enough(kube: Kube) -> None:
    kube.create(batchjob("first"))
    kube.create(batchjob("second", "first"))
    kube.create(batchjob("third", "second"))
    kube.create(batchjob("cleanup", {"name": "second", "when": "Completed"}))
    end(kube, "first", 3)
    wait(lambda: kube.status("BatchJob", "third").get("reason") == "DependencyFailed", "the third has failed")
    told = kube.condition("BatchJob", "second", "Failed")
    assert told["message"].startswith("first (Error) failed, which this job depends on")
    end(kube, "cleanup", 0)
    assert {each["metadata"]["name"] for each in kube.list("Job")} == {"first-1", "cleanup-1"}


def test_one_that_is_deleted_while_it_is_waited_for_is_told_and_may_come_back(kube: Kube) -> None:
    kube.create(batchjob("first", suspend=True))
    kube.create(batchjob("second", "first"))
    waits(kube, "second", "DependencyPending", "waits for first to succeed")
    kube.delete("BatchJob", "first")
    waits(kube, "second", "DependencyPending", "first was deleted while this job waited for it")
    kube.create(batchjob("first"))
    end(kube, "first", 0)
    end(kube, "second", 0)


def test_one_that_succeeded_counts_after_its_deletion(kube: Kube) -> None:
    kube.create(batchjob("other", suspend=True))
    kube.create(batchjob("first"))
    kube.create(batchjob("second", "first", "other"))
    end(kube, "first", 0)
    waits(kube, "second", "DependencyPending", "waits for other to succeed")
    wait(
        lambda: {"name": "first", "state": "Met"} in kube.status("BatchJob", "second")["dependencies"], "met"
    )
    kube.delete("BatchJob", "first")
    kube.patch("BatchJob", "other", {"spec": {"suspend": False}})
    end(kube, "other", 0)
    end(kube, "second", 0)


def test_every_member_of_a_circle_names_it_and_it_is_solved_by_a_new_one(kube: Kube) -> None:
    kube.create(batchjob("tail", "a"))
    for name, depends_on in (("a", "b"), ("b", "c"), ("c", "a")):
        kube.create(batchjob(name, depends_on))
    for name in "abc":
        assert waits(kube, name, "DependencyCycle", "a → b → c → a")["phase"] == "Pending"
    waits(kube, "tail", "DependencyPending", "waits for a to succeed")
    kube.delete("BatchJob", "c")
    waits(kube, "b", "DependencyPending", "c was deleted")
    waits(kube, "a", "DependencyPending", "waits for b to succeed")
    kube.create(batchjob("c"))
    for name in ("c", "b", "a", "tail"):
        end(kube, name, 0)


def test_a_sequential_array_goes_one_by_one_and_stops_at_a_failure(kube: Kube) -> None:
    kube.create(batchjob("steps", {"type": "Sequential"}, array={"size": 4}))
    order: list[str] = []

    def play(pod: Obj) -> str:
        index = pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"]
        if index not in order:
            order.append(index)
        return "end 1" if index == "2" else "end 0"

    nodes = Nodes(play)
    wait(lambda: nodes.tick(kube) or phase(kube, "steps") == "Failed", "it ends", 60)
    assert order == ["0", "1", "2"]
    array = kube.status("BatchJob", "steps")["array"]
    assert (array["succeeded"], array["failed"], array["failedIndexes"]) == (2, 1, "2")
    told = kube.condition("BatchJob", "steps", "Failed")
    assert told["message"].startswith("1 of 4 indexes failed: 2. The indexes after it were not run.")


def test_an_array_follows_another_index_by_index(kube: Kube) -> None:
    follows = {"name": "fetch", "type": "EachToEach"}
    kube.create(batchjob("resize", follows, array={"size": 5, "maxParallel": 2}))
    waits(kube, "resize", "DependencyPending", "waits for fetch, but there is no BatchJob of that name")
    kube.create(batchjob("fetch", array={"size": 5}))
    become: dict[tuple[str, str], str] = {}
    began: list[tuple[str, str]] = []

    def play(pod: Obj) -> str:
        metadata = pod["metadata"]
        index = metadata["annotations"]["batch.kubernetes.io/job-completion-index"]
        which = (metadata["labels"]["longshore.dev/batchjob"], index)
        began.append(which) if which not in began else None
        return become.get(which, "run")

    def comes_to(what: str, seen: Any) -> None:
        nodes = Nodes(play)
        wait(lambda: nodes.tick(kube) or seen(), what, 60)

    def array() -> Obj:
        return kube.status("BatchJob", "resize").get("array") or {}

    become |= {("fetch", index): "end 0" for index in "13"} | {("resize", index): "end 0" for index in "13"}
    comes_to("1 and 3 are through", lambda: array().get("succeeded") == 2)
    assert [index for name, index in began if name == "resize"] == ["1", "3"]
    assert (
        waits(kube, "resize", "DependencyPending", "3 indexes wait for the same of fetch")["phase"]
        == "Running"
    )
    assert [each["metadata"]["name"] for each in kube.list("Job", "longshore.dev/batchjob=resize")] == [
        "resize-1-part1"
    ]

    become |= {("fetch", "0"): "end 1", ("fetch", "4"): "end 0", ("fetch", "2"): "end 0"}
    become |= {("resize", "4"): "end 0", ("resize", "2"): "end 0"}
    comes_to("it ends", lambda: phase(kube, "resize") == "Failed")
    told = kube.condition("BatchJob", "resize", "Failed")
    assert told["message"].startswith(
        "1 of 5 indexes failed: 0. Not run, for the same index of fetch failed: 0."
    )
    assert sorted(index for name, index in began if name == "resize") == ["1", "2", "3", "4"]
    assert array() == {
        "succeeded": 4,
        "failed": 1,
        "running": 0,
        "pending": 0,
        "failedIndexes": "0",
        "notRun": "0",
    }


def test_a_diamond_of_a_thousand_jobs_runs_in_order_at_a_bounded_cost(
    kube: Kube, operator: OperatorProcess
) -> None:
    layers = [["root"], *([f"l{depth}-{n}" for n in range(100)] for depth in range(10)), ["join"]]
    depends_on: dict[str, list[str]] = {"root": []}
    for before, layer in pairwise(layers):
        for number, name in enumerate(layer):
            depends_on[name] = sorted(
                {before[(number * 3 + step * 5) % len(before)] for step in range(20 if name == "join" else 2)}
            )
    del depends_on["l9-99"], depends_on["l9-98"]
    depends_on["join"] = [each for each in depends_on["join"] if each in depends_on]
    assert len(depends_on) == 1000
    operator.mark()
    reconciles = _reconciles(operator)
    for name, names in reversed(depends_on.items()):
        kube.create(batchjob(name, *names))
    nodes = Nodes(lambda pod: "end 0")
    wait(lambda: nodes.tick(kube) or phase(kube, "join") == "Succeeded", "the last one has succeeded", 400)
    found = {each["metadata"]["name"]: each["status"] for each in kube.list("BatchJob")}
    assert {each["phase"] for each in found.values()} >= {"Succeeded"}
    made = {
        each["metadata"]["labels"]["longshore.dev/batchjob"]: each["metadata"]["creationTimestamp"]
        for each in kube.list("Job")
    }
    for name, names in depends_on.items():
        for other in names if name in made else ():
            assert found[other]["finishedAt"] <= made[name], f"{name} began before {other} had ended"
    writes = operator.writes(kube.namespace)
    looked = _reconciles(operator) - reconciles
    said = [each for each in writes if each.startswith("patch batchjobs/status")]
    print(f"{len(said) / 1000} status writes, {looked / 1000} reconciles per job")
    assert sorted(each for each in writes if each.startswith("create jobs")) == sorted(
        f"create jobs {name}-1" for name in made
    )
    assert len(said) < 10 * 1000
    assert looked < 24 * 1000


def _reconciles(operator: OperatorProcess) -> int:
    found = re.findall(
        r"^longshore_reconciles_total\{.*BatchJob.*\} (\S+)$", operator.metrics(), re.MULTILINE
    )
    return int(sum(map(float, found)))
