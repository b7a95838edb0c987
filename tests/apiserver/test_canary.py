"""Canaries against a real API server and its Deployment controller: steps, approvals, judgements, and restarts."""

from __future__ import annotations

import json
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from ruamel.yaml import YAML

from hack.cluster.apiserver import ApiServer
from tests.apiserver.conftest import ROOT
from tests.apiserver.kube import Kube, Obj, Refused, load_crds, now, wait
from tests.apiserver.operator import OperatorProcess
from tests.apiserver.test_cli import longshore
from tests.apiserver.test_operator import quiet
from tests.apiserver.test_webapp import made, serve, webapp

CANARY = "longshore.dev/canary=shop"
STEPS = [{"weight": 20, "pauseSeconds": 1}, {"weight": 50, "approval": True}]


def canary(steps: list[Obj] | None = None, **analysis: Any) -> Obj:
    wanted: Obj = {"steps": steps or STEPS} | ({"analysis": analysis} if analysis else {})
    return {"strategy": "Canary", "canary": wanted, "progressDeadlineSeconds": 30}


def come_to(kube: Kube, phase: str, step: int, seconds: float = 30) -> Obj:
    """The nodes run what is tried until the rollout is there; returns what is told of it."""

    def there() -> Obj | None:
        for pod in kube.list("Pod"):
            if "deletionTimestamp" in pod["metadata"]:
                kube.let_go(pod)
        kube.run_pods(CANARY)
        told: Obj = kube.status("WebApp", "shop").get("rollout") or {}
        return told if (told.get("phase"), told.get("step")) == (phase, step) else None

    return wait(there, f"{phase} at step {step}", seconds) or {}


def image_of(kube: Kube, name: str) -> str | None:
    live = kube.find("Deployment", name)
    return live["spec"]["template"]["spec"]["containers"][0]["image"] if live else None


def begun(kube: Kube, replicas: int = 4, rollout: Obj | None = None, **spec: Any) -> str:
    """An app that serves, and a new image that is tried; returns the revision that served before."""
    made(kube, scaling={"minReplicas": replicas}, rollout=rollout or canary(), **spec)
    serve(kube)
    good = kube.status("WebApp", "shop")["revision"]["lastGood"]
    kube.patch("WebApp", "shop", {"spec": {"image": "shop:2"}})
    return str(good)


@pytest.mark.usefixtures("operator")
class TestWithOneOperator:
    def test_it_goes_by_its_steps_and_is_approved(self, kube: Kube) -> None:
        good = begun(kube)
        told = come_to(kube, "AwaitingApproval", 2)
        assert told["message"] == "step 2 of 2: 50 % of requests, waits for approval: longshore approve shop"
        assert (image_of(kube, "shop"), image_of(kube, "shop-canary")) == ("shop:1", "shop:2")
        assert kube.get("Deployment", "shop")["spec"]["replicas"] == 4
        assert kube.get("Deployment", "shop-canary")["spec"]["replicas"] == 4
        ready = kube.condition("WebApp", "shop", "Ready")
        assert (ready["status"], ready["reason"]) == ("False", "AwaitingApproval")
        assert ready["message"].endswith(f"; {good} serves beside it")
        assert kube.condition("WebApp", "shop", "Available")["status"] == "True"
        assert told["message"] in longshore(kube, "why", "webapp", "shop").stdout
        assert "at step 2, 50 %" in longshore(kube, "history", "shop").stdout
        found = longshore(kube, "approve", "shop")
        assert found.exit_code == 0, found.output
        come_to(kube, "Promoting", 2)
        wait(lambda: image_of(kube, "shop") == "shop:2", "all replicas get it, once that is recorded")
        serve(kube)
        wait(lambda: kube.find("Deployment", "shop-canary") is None, "what was tried is gone")
        assert "rollout" not in kube.status("WebApp", "shop")
        assert kube.condition("WebApp", "shop", "Ready")["status"] == "True"
        reasons = {each["reason"] for each in kube.list("Event") if each["involvedObject"]["name"] == "shop"}
        assert {"CanaryStep", "AwaitingApproval", "CanaryPassed", "RolledOut"} <= reasons
        nothing = longshore(kube, "approve", "shop")
        assert nothing.exit_code == 1
        assert "no revision of shop is tried just now" in nothing.output

    def test_pods_that_restart_give_it_up_and_the_rest_serves_on(self, kube: Kube) -> None:
        good = begun(kube)
        bad = wait(lambda: kube.status("WebApp", "shop")["revision"].get("candidate"), "a candidate")
        wait(lambda: kube.list("Pod", CANARY), "its pod")
        ended = {"exitCode": 3, "reason": "Error", "startedAt": now(), "finishedAt": now()}
        for pod in kube.list("Pod", CANARY):
            waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
            kube.set_pod(pod, "Running", waiting, restarts=4, last_state={"terminated": ended})
        told = wait(
            lambda: (it := kube.condition("WebApp", "shop", "Progressing"))["reason"] == "RolledBack" and it,
            "it is given up",
        )
        assert told["message"].startswith(
            f"revision {bad} failed: CrashLooping, at step 1 of 2 its containers restarted more often than"
            " analysis.maxRestarts lets pass, 2: the container ends with exit code 3"
        )
        assert told["message"].endswith(f"; {good} is serving; change the spec to try again")
        wait(lambda: kube.find("Deployment", "shop-canary") is None, "what was tried is gone")
        assert image_of(kube, "shop") == "shop:1"
        assert kube.condition("WebApp", "shop", "Available")["status"] == "True"
        assert kube.status("WebApp", "shop")["rollout"]["phase"] == "Aborted"
        kube.patch("WebApp", "shop", {"spec": {"image": "shop:3"}})
        come_to(kube, "AwaitingApproval", 2)
        assert image_of(kube, "shop-canary") == "shop:3"

    def test_a_person_gives_it_up_and_a_rollback_in_the_middle_ends_it_too(self, kube: Kube) -> None:
        begun(kube)
        come_to(kube, "AwaitingApproval", 2)
        assert longshore(kube, "abort", "shop", "--reason", "too slow").exit_code == 0
        told = wait(
            lambda: (it := kube.condition("WebApp", "shop", "Ready"))["reason"] == "RolledBack" and it,
            "it is given up",
        )
        assert "Aborted, at step 2 of 2 somebody gave it up: too slow" in told["message"]
        kube.patch("WebApp", "shop", {"spec": {"image": "shop:3"}})
        come_to(kube, "AwaitingApproval", 2)
        back = longshore(kube, "rollback", "shop")
        assert back.exit_code == 0, back.output
        assert "tried step by step" not in back.output, "what it goes back to serves"
        wait(lambda: kube.condition("WebApp", "shop", "Ready")["status"] == "True", "as before")
        assert kube.find("Deployment", "shop-canary") is None

    def test_a_new_spec_supersedes_and_all_steps_can_be_skipped(self, kube: Kube) -> None:
        begun(kube)
        come_to(kube, "AwaitingApproval", 2)
        kube.patch("WebApp", "shop", {"spec": {"image": "shop:3"}})
        wait(lambda: image_of(kube, "shop-canary") == "shop:3", "the newest is tried")
        wait(lambda: kube.status("WebApp", "shop")["rollout"]["step"] == 1, "it begins at the first step")
        assert image_of(kube, "shop") == "shop:1"
        assert longshore(kube, "approve", "shop", "--all").exit_code == 0
        wait(lambda: image_of(kube, "shop") == "shop:3", "it is on all replicas")

    def test_a_release_comes_before_it(self, kube: Kube) -> None:
        begun(kube, release=None)
        come_to(kube, "AwaitingApproval", 2)
        kube.patch("WebApp", "shop", {"spec": {"image": "shop:3", "release": {"command": ["migrate"]}}})
        wait(lambda: kube.list("Job"), "its release")
        wait(lambda: kube.find("Deployment", "shop-canary") is None, "the one before is given up")
        job = kube.list("Job")[0]["metadata"]["name"]
        wait(lambda: kube.list("Pod", f"job-name={job}"), "its pod")
        kube.end_pods(f"job-name={job}", 0)
        come_to(kube, "AwaitingApproval", 2)
        assert image_of(kube, "shop-canary") == "shop:3"
        assert len(kube.list("Job")) == 1

    def test_the_autoscaler_of_the_others_takes_none_away_meanwhile(self, kube: Kube) -> None:
        made(kube, scaling={"minReplicas": 2, "maxReplicas": 6}, rollout=canary())
        kube.patch("Deployment", "shop", {"spec": {"replicas": 4}})
        wait(lambda: len(kube.list("Pod")) == 4, "four pods")
        serve(kube)
        kube.patch("WebApp", "shop", {"spec": {"image": "shop:2"}})
        come_to(kube, "AwaitingApproval", 2)
        assert kube.get("HorizontalPodAutoscaler", "shop")["spec"]["minReplicas"] == 4
        assert kube.get("Deployment", "shop-canary")["spec"]["replicas"] == 4
        assert kube.get("Deployment", "shop")["spec"]["replicas"] == 4
        longshore(kube, "abort", "shop")
        wait(
            lambda: kube.get("HorizontalPodAutoscaler", "shop")["spec"]["minReplicas"] == 2,
            "it may take some away again",
        )

    def test_a_plan_tells_the_steps(self, kube: Kube, tmp_path: Path) -> None:
        made(kube, rollout=canary())
        serve(kube)
        body = webapp("shop", image="shop:2", rollout=canary())
        file = tmp_path / "shop.yaml"
        file.write_text(json.dumps(body))
        found = longshore(kube, "plan", "-f", str(file))
        assert found.exit_code == 0, found.output
        assert "+++ Deployment/shop-canary planned" in found.stdout
        assert "is tried on 20 % for 1 s, 50 % until it is approved; then pods of shop are replaced" in (
            found.stdout
        )
        assert kube.find("Deployment", "shop-canary") is None


def test_the_snippets_of_the_guide_are_accepted_and_its_commands_exist(server_only: Kube) -> None:
    text = (ROOT / "docs" / "guides" / "canary.md").read_text()
    snippets = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    commands = [
        line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()
    ]
    assert (len(snippets), len(commands)) == (2, 4)
    for number, snippet in enumerate(snippets):
        made = webapp(f"guide-{number}")
        made["spec"] |= YAML(typ="safe").load(snippet)["spec"]
        server_only.create(made)
    for command in commands:
        program, *words = shlex.split(command)
        found = longshore(server_only, *words)
        assert program == "longshore"
        assert "there is no WebApp shop" in found.output, found.output


INVALID: dict[str, tuple[Obj, str]] = {
    "without steps": ({"strategy": "Canary"}, "strategy Canary and the field canary belong together"),
    "without the strategy": ({"canary": {"steps": [{"weight": 5}]}}, "belong together: set both"),
    "weights that fall": (canary([{"weight": 50}, {"weight": 20}]), "weights must not fall"),
    "a pause and an approval": (
        canary([{"weight": 5, "pauseSeconds": 5, "approval": True}]),
        "leave out one of the two",
    ),
    "no bound": (canary(prometheus={"query": "up"}), "without a bound nothing is judged"),
    "bounds that cross": (
        canary(prometheus={"query": "up", "min": 2, "max": 1}),
        "min must not be above max",
    ),
}


@pytest.mark.parametrize("what", INVALID)
def test_what_makes_no_sense_is_refused(server_only: Kube, what: str) -> None:
    rollout, message = INVALID[what]
    with pytest.raises(Refused) as refused:
        server_only.create(webapp("shop", rollout=rollout))
    assert any(message in cause for _, cause in refused.value.causes), refused.value.causes


def test_one_replica_per_node_and_a_canary_are_refused_together(server_only: Kube) -> None:
    with pytest.raises(Refused) as refused:
        server_only.create(webapp("shop", scaling={"mode": "PerNode"}, rollout=canary()))
    assert "use rollout.strategy Rolling" in refused.value.message


@dataclass
class Prometheus:
    """What the fake answers, and what it was asked."""

    url: str
    answer: Obj = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def gives(self, *values: str) -> None:
        result = [{"metric": {}, "value": [0, value]} for value in values]
        self.answer = {"status": "success", "data": {"resultType": "vector", "result": result}}


@contextmanager
def prometheus() -> Iterator[Prometheus]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            fake.asked += form["query"]
            body = json.dumps(fake.answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake = Prometheus(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def own() -> Iterator[Kube]:
    """A server for operators that are killed, or have settings of their own."""
    with ApiServer() as server:
        load_crds(Kube(server), ROOT / "crds")
        yield Kube(server)


@pytest.fixture
def space(own: Kube, request: pytest.FixtureRequest) -> Kube:
    name = f"t-{abs(hash(request.node.nodeid)) % 10**12:x}"
    own.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    found = Kube(own.server, name)
    wait(lambda: found.find("ServiceAccount", "default"), "the default account")
    return found


def test_a_measurement_that_is_missing_is_told_and_one_that_is_bad_gives_it_up(
    space: Kube, tmp_path: Path
) -> None:
    analysis = {"errorRatePercent": 1.5}
    with (
        prometheus() as fake,
        OperatorProcess(space, tmp_path, leader_elect="false", prometheus_url=fake.url),
    ):
        fake.gives()
        begun(space, rollout=canary([{"weight": 50, "pauseSeconds": 0}], **analysis))
        come_to(space, "Paused", 1)
        wait(
            lambda: (
                "the error rate is not known: Prometheus has no data for the query"
                in space.status("WebApp", "shop")["rollout"]["message"]
            ),
            "it is told",
            40,
        )
        assert image_of(space, "shop") == "shop:1"
        assert f'namespace="{space.namespace}",pod=~"shop-canary-' in fake.asked[0]
        fake.gives("7.25")
        told = wait(
            lambda: (it := space.condition("WebApp", "shop", "Ready"))["reason"] == "RolledBack" and it,
            "it is given up",
            40,
        )
        assert (
            "AnalysisFailed, at step 1 of 1 7.25 % of its requests fail, more than analysis.errorRatePercent, 1.5"
            in (told["message"])
        )
        fake.gives("0")
        space.patch("WebApp", "shop", {"spec": {"image": "shop:3"}})
        come_to(space, "Promoting", 1, 60)


def test_without_a_prometheus_the_step_lasts_and_says_why(space: Kube, tmp_path: Path) -> None:
    check = {"query": "up", "min": 1}
    with OperatorProcess(space, tmp_path, leader_elect="false"):
        begun(space, rollout=canary([{"weight": 50, "pauseSeconds": 0}], prometheus=check))
        come_to(space, "Paused", 1)
        wait(
            lambda: "set prometheusUrl" in space.status("WebApp", "shop")["rollout"]["message"],
            "it is told",
            40,
        )
        assert longshore(space, "approve", "shop").exit_code == 0
        come_to(space, "Promoting", 1)


def test_no_step_is_lost_or_left_early_though_the_operator_is_killed_at_each(
    space: Kube, tmp_path: Path
) -> None:
    """Killed as soon as each step is told, again and again."""
    steps = [{"weight": weight, "approval": True} for weight in (20, 30, 50)]
    operator = OperatorProcess(space, tmp_path, leader_elect="false").start()
    try:
        begun(space, rollout=canary(steps))
        for number in (1, 2, 3):
            come_to(space, "AwaitingApproval", number)
            operator.kill()
            operator.start()
            wait(lambda: quiet(operator), "nothing moves without an approval")
            assert space.status("WebApp", "shop")["rollout"]["step"] == number
            assert image_of(space, "shop") == "shop:1"
            operator.kill()
            assert longshore(space, "approve", "shop").exit_code == 0
            operator.start()
        come_to(space, "Promoting", 3)
        serve(space)
        wait(lambda: space.find("Deployment", "shop-canary") is None, "what was tried is gone")
        wait(lambda: quiet(operator), "nothing more is written")
    finally:
        operator.kill()
