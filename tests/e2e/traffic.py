"""Requests from inside the cluster while something happens, and what became of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e.cluster import Cluster
from tests.e2e.objects import load_pod
from tests.e2e.waiting import wait_for

LIMIT_SECONDS = 300


@dataclass
class Traffic:
    """Filled when the traffic has ended."""

    sent: int = 0
    seconds: float = 0
    failed: int = 0
    errors: tuple[str, ...] = ()
    answers: dict[str, int] | None = None


@contextmanager
def traffic(cluster: Cluster, app: str, per_second: int) -> Iterator[Traffic]:
    """Sends requests to the app's Service at this rate for as long as the block runs."""
    pod, result = f"load-{app}", Traffic()
    cluster.apply(load_pod(pod, f"http://{app}/", per_second, LIMIT_SECONDS))
    wait_for(
        lambda: cluster.kubectl("logs", pod, check=False), lambda log: "sending" in log, f"{pod} sends", 60
    )
    yield result
    cluster.kubectl("exec", pod, "--", "/workload", "stop")
    cluster.wait("Pod", pod, lambda it: it["status"]["phase"] == "Succeeded", "has ended", 40)
    report = json.loads(cluster.kubectl("logs", pod).splitlines()[-1])
    result.sent, result.seconds, result.failed = report["sent"], report["seconds"], report["failed"]
    result.errors, result.answers = tuple(report["errors"]), report["answers"]
