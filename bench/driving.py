"""Runs one contestant through every step against an API server of its own, and measures each."""

# ruff: noqa: S603 - our own programs, and those of the path

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.contestants import Contestant, Running, peers
from bench.measuring import Machine, cpu_seconds, peak_mib, requests, resident_mib, wait_until_quiet, writes
from bench.results import Row
from hack.cluster.apiserver import ApiServer
from hack.cluster.paths import say
from hack.measured import commit

ROOT = Path(__file__).parents[1]
USER = "bench-contestant"
IDLE_CONTROLLER = "certificatesigningrequest-cleaner-controller"
"""The only one that kube-controller-manager runs: it has nothing to do, and nothing else disturbs."""
SETTLING_SECONDS = 60
REACTIONS = 100
DISTURBED = 0.1
"""Of one CPU: if others use more, say so."""
EMPTY_SECONDS = 5


def measured_commit() -> str:
    """The commit of what is measured, and of how."""
    return commit("operator", "bench", ":!bench/results.json", ":!bench/queue-results.json")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    size: int
    idle_seconds: float
    timeout_minutes: int = 15


class Course:
    """One contestant, one API server, one step after the other."""

    def __init__(self, contestant: Contestant, server: ApiServer, size: int, run: int, minutes: int) -> None:
        self.server, self.size, self.run, self._minutes = server, size, run, minutes
        self.contestant = contestant
        self.running = Running(contestant, server.user(USER, ["system:masters"]), server.dir)
        self.rows: list[Row] = []
        self._commit, self._machine = measured_commit(), Machine.now()

    def drive(self, step: str, count: int, name: str = "", first: int = 0, **flags: str) -> Row:
        """Has the driver do a step, and measures the contestant until it has settled."""
        pid = self.running.pid
        offset, cpu = self._begin(), cpu_seconds(pid)
        took = self._driver(step, count, first, flags)
        wait_until_quiet(pid, SETTLING_SECONDS)
        used = cpu_seconds(pid) - cpu
        return self._row(
            name or step, count, took["seconds"], used, offset,
            took.get("latencies_ms", []), took["submitted_seconds"],
        )  # fmt: skip

    def restart(self, name: str = "restart", objects: int = 0) -> Row:
        """Stops it and starts it anew; the time is until it is ready and has settled."""
        self.running.stop()
        offset, began = self._begin(), time.monotonic()
        self.running.start()
        settled, used = wait_until_quiet(self.running.pid, 300), cpu_seconds(self.running.pid)
        return self._row(name, objects or self.size, settled - began, used, offset)

    def idle(self, seconds: float, name: str = "idle") -> Row:
        """Leaves it alone."""
        offset, cpu = self._begin(), cpu_seconds(self.running.pid)
        time.sleep(seconds)
        return self._row(name, self.size, seconds, cpu_seconds(self.running.pid) - cpu, offset)

    def remember(self, jobs: int) -> None:
        """Makes BatchJobs that have finished before; the contestant must not run."""
        self._driver("history", jobs, 0, {})

    def _begin(self) -> int:
        self._machine = Machine.now()
        return self.server.audit_log.stat().st_size

    def _driver(self, step: str, count: int, first: int, flags: dict[str, str]) -> dict[str, Any]:
        try:
            return drive(self.server, step, count, first, self._minutes, **flags)
        except RuntimeError as error:
            log = self.running.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self.contestant.name}, {error}\n{log}") from error

    def _row(
        self,
        step: str,
        objects: int,
        wall: float,
        cpu: float,
        offset: int,
        latencies: list[float] | None = None,
        submitted: float = 0.0,
    ) -> Row:
        pid = self.running.pid
        others = self._machine.others_share()
        peak, resident = peak_mib(pid), resident_mib(pid)
        asked = dict(requests(self.server.audit_log, offset, USER))
        row = Row(
            self.contestant.name, self.size, self.run, step, objects, round(wall, 3), round(cpu, 2),
            round(peak, 1), round(resident, 1), asked, writes(asked), latencies or [], round(submitted, 3),
            round(others, 2), self._commit,
        )  # fmt: skip
        self.rows.append(row)
        say(
            f"  {self.contestant.name:12} {step:10} {wall:8.2f} s  cpu {cpu:7.2f} s  {peak:7.1f} MiB  {row.writes} writes"
            + (f", others use {others:.2f} CPU" if others > DISTURBED else "")
        )
        return row


def drive(
    server: ApiServer, step: str, count: int, first: int = 0, minutes: int = 10, **flags: str
) -> dict[str, Any]:
    """Has the driver do one step; returns what it took.

    Raises:
        RuntimeError: it gave up, with its words.
    """
    command = [str(peers()), "drive", f"-step={step}", f"-count={count}", f"-first={first}"]
    command += [f"-timeout={minutes}m", *(f"-{name}={value}" for name, value in flags.items())]
    environment = os.environ | {"KUBECONFIG": str(server.kubeconfig)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{step}: {done.stderr[-2000:]}")
    took: dict[str, Any] = json.loads(done.stdout)
    return took


def load_crds(server: ApiServer) -> None:
    """Longshore's CustomResourceDefinitions, established."""
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        server.run("apply", "--server-side", "-f", str(path))
    server.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")


@contextmanager
def course(contestant: Contestant, size: int, run: int, minutes: int) -> Iterator[Course]:
    """A fresh API server with Longshore's CRDs, and the contestant running against it."""
    os.environ.setdefault("ETCD_QUOTA_BACKEND_BYTES", str(8 << 30))
    with ApiServer(IDLE_CONTROLLER, ["--etcd-compaction-interval=1m"]) as server:
        load_crds(server)
        made = Course(contestant, server, size, run, minutes)
        made.running.start()
        wait_until_quiet(made.running.pid, 30)
        try:
            yield made
        finally:
            made.running.stop()


def measure(contestant: Contestant, plan: Plan, run: int) -> list[Row]:
    """Every step of one run that the contestant takes part in."""
    size, reactions = plan.size, min(REACTIONS, plan.size)
    steps: dict[str, Callable[[Course], object]] = {
        "create": lambda going: going.drive("create", size),
        "ready": lambda going: going.drive("ready", size),
        "update": lambda going: going.drive("update", size, image="registry.test/app:v2"),
        "services": lambda going: going.drive("services", size),
        "react": lambda going: going.drive("react", reactions, image="registry.test/app:v3"),
        "restart": lambda going: going.restart(),
        "idle": lambda going: going.idle(plan.idle_seconds) if plan.idle_seconds else None,
        "submit": lambda going: going.drive("submit", size),
        "run": lambda going: going.drive("run", size),
        "finish": lambda going: going.drive("finish", size),
    }
    with course(contestant, size, run, plan.timeout_minutes) as going:
        for name, step in steps.items():
            if name in contestant.steps:
                step(going)
        return going.rows


def scale(contestant: Contestant, stages: Sequence[int], jobs: int, idle_seconds: float) -> list[Row]:
    """Cost of an event with ever more WebApps present, then of a start with all of them, and with finished
    BatchJobs beside them."""
    with course(contestant, stages[-1], 1, 60) as going:
        going.idle(EMPTY_SECONDS, "empty")
        present = 0
        for stage in stages if contestant.all_at_scale else stages[-1:]:
            going.drive("create", stage - present, f"create up to {stage}", first=present)
            present = stage
            reactions = min(REACTIONS, stage)
            going.drive("react", reactions, f"react among {stage}", image=f"registry.test/app:at-{stage}")
        going.restart()
        if not contestant.all_at_scale:
            return going.rows
        going.running.stop()
        going.remember(jobs)
        going.restart("full restart", present + jobs)
        going.idle(idle_seconds)
        return going.rows
