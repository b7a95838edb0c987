"""Measures queues, and writes docs/performance-queues.md: `python -m bench.queue --help`."""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable, Iterable, Iterator
from statistics import median
from typing import Any

from longshore.queueing.admission import Admission
from longshore.queueing.amounts import Amounts
from longshore.queueing.model import Environment, Nodes, Queue, Request, Shape

from bench.contestants import CONTESTANTS, peers
from bench.driving import IDLE_CONTROLLER, ROOT, Course, course, drive, load_crds, measured_commit
from bench.measuring import Machine, resident_mib
from bench.report import table
from hack.cluster.apiserver import ApiServer
from hack.cluster.paths import say, step
from hack.cluster.processes import wait_until

RESULTS, PAGE = ROOT / "bench" / "queue-results.json", ROOT / "docs" / "performance-queues.md"
RUNNING, STAGES, STORM, SLOTS, ROUNDS = 5_000, (500, 5_000, 50_000), 10_000, 200, 1_000
CPU_OF_ONE = 0.5
"""Of a BatchJob of size Small."""
MINUTES = 20
QUEUE = "bench"
PARTS = ("rounds", "storm", "scale")
Figures = dict[str, Any]


def main() -> None:
    options = _options()
    found: Figures = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with step("building the peers"):
        peers()
    measured: dict[str, Callable[[], Iterable[Figures]]] = {
        "rounds": lambda: [rounds(options.stages)],
        "storm": lambda: [storm(options.storm)],
        "scale": lambda: scale(options.running, options.stages, options.slots),
    }
    for part in options.parts:
        machine = Machine.now()
        with step(f"queues: {part}"):
            for figures in measured[part]():
                told = {"commit": measured_commit(), "others": round(machine.others_share(), 2)}
                found[part] = figures | told
                RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    PAGE.write_text(page(found))
    say(f"written: {PAGE}")


def rounds(stages: list[int]) -> Figures:
    """A slot is given back and admission decides, in this process and without a cluster; milliseconds."""
    return {
        "by_waiting": [[waiting, *_rounds(waiting, shares)] for shares in (1, 100) for waiting in stages],
        "rounds": ROUNDS,
    }


def _rounds(waiting: int, shares: int) -> tuple[int, float, float]:
    """Number of shares, and the median and 99th percentile of a round, in milliseconds."""
    admission, need = Admission(), Amounts(500, 1 << 30, 0)
    admission.set_environment(
        Environment("room", need.times(RUNNING), True, Nodes(None, "Any", frozenset(), frozenset()))
    )
    half_life = 3600.0 if shares > 1 else None
    admission.set_queue(_queue(half_life), 0.0)
    shape = Shape("default", need, Nodes(None, "Any", frozenset(), frozenset()))
    for number in range(RUNNING + waiting + ROUNDS):
        share = f"team-{number % shares}"
        admission.ask(
            Request(f"uid-{number}", QUEUE, share, number % 3, float(number // 100), f"job-{number}", shape)
        )
    admission.round(1e6)
    took = []
    gc.collect()
    gc.freeze()
    for number, uid in enumerate(list(admission.claims)[:ROUNDS]):
        began = time.perf_counter()
        admission.release(uid, 1e6 + number)
        granted = admission.round(1e6 + number)
        took.append((time.perf_counter() - began) * 1000)
        assert len(granted) == 1, "one goes, one comes"
    gc.unfreeze()
    return shares, round(median(took), 3), round(_at(took, 0.99), 3)


def _queue(half_life: float | None) -> Queue:
    return Queue(
        name=QUEUE, environments=("room",), priority=0, state="Open", draining_since=None, max_running=None,
        max_waiting=None, half_life_seconds=half_life, weights=(), namespaces=(),
    )  # fmt: skip


def storm(count: int) -> Figures:
    """So many submitted at once: with nobody there, into a queue, without one, and as plain Jobs; seconds."""
    found: Figures = {"count": count}
    with ApiServer(IDLE_CONTROLLER) as server:
        load_crds(server)
        found["nobody"] = drive(server, "post", count, minutes=MINUTES)
    with course(CONTESTANTS["longshore"], count, 1, MINUTES) as going:
        _make_queue(going, 0.5)
        found["queue"] = _row(going, "enqueue", count, queue=QUEUE)
    with course(CONTESTANTS["longshore"], count, 1, MINUTES) as going:
        found["submit"] = _row(going, "submit", count)
    with ApiServer("job-controller,serviceaccount-controller") as server:
        wait_until(lambda: _has_account(server), "the account of pods", 30)
        found["plain"] = drive(server, "plain", count, minutes=MINUTES)
    return found


def _has_account(server: ApiServer) -> bool:
    return "default" in server.run("get", "serviceaccounts", "-o", "name")


def scale(running: int, stages: list[int], slots: int) -> Iterator[Figures]:
    """So many run while ever more wait: how long a free slot stays empty, and what the operator holds. Told anew
    after each stage."""
    found: Figures = {"running": running, "slots": slots, "stages": []}
    with course(CONTESTANTS["longshore"], stages[-1], 1, MINUTES) as going:
        _make_queue(going, running * CPU_OF_ONE)
        going.drive("enqueue", running, "fill", queue=QUEUE)
        going.drive("run", running, "run")  # Jobs without pods would be looked at over and over
        found["empty_mib"] = resident_mib(going.running.pid)
        present, ended = 0, 0
        for stage in stages:
            wanted = stage + ended - present
            row = _row(going, "enqueue", wanted, running + present, queue=QUEUE)
            present += wanted
            resident = resident_mib(going.running.pid)
            slot = going.drive("slots", slots, f"slots among {stage}")
            ended += slots
            found["stages"].append(
                {
                    "waiting": stage,
                    "enqueued": wanted,
                    "seconds": row["seconds"],
                    "resident_mib": resident,
                    "p50_ms": round(median(slot.latencies_ms), 1),
                    "p99_ms": round(_at(slot.latencies_ms, 0.99), 1),
                    "longest_ms": round(max(slot.latencies_ms), 1),
                    "cpu_ms": round(slot.cpu_seconds * 1000 / slots, 1),
                    "writes": round(slot.writes / slots, 2),
                }
            )
            yield found
        again = going.restart("restart", running + stages[-1])
        found["restart"] = {
            "seconds": again.wall_seconds, "cpu_seconds": again.cpu_seconds, "writes": again.writes,
            "resident_mib": again.resident_mib,
        }  # fmt: skip
        yield found


def _row(going: Course, name: str, count: int, first: int = 0, **flags: str) -> Figures:
    row = going.drive(name, count, first=first, **flags)
    return {
        "seconds": row.wall_seconds, "submitted_seconds": row.submitted_seconds, "cpu_seconds": row.cpu_seconds,
        "writes": row.writes,
    }  # fmt: skip


def _make_queue(going: Course, cpu: float) -> None:
    """A queue with room for so many cpus."""
    metadata, version = {"name": QUEUE}, "longshore.dev/v1alpha1"
    room = {"capacity": {"maxCpu": str(cpu)}}
    for kind, spec in (("ComputeEnvironment", room), ("JobQueue", {"computeEnvironments": [QUEUE]})):
        body = {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
        going.server.run("create", "-f", "-", stdin=json.dumps(body))


def _at(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


_INTRODUCTION = """\
# Queues at scale

Measured by `python -m bench.queue`, and written by it: Longshore as its own process with its defaults, a kube-apiserver
and an etcd on the same machine, no nodes. Absolute figures depend on the machine, which two cores of everything here
share; how a figure grows doesn't.
"""


def page(found: Figures) -> str:
    """The whole page, from what was measured."""
    parts = [_INTRODUCTION]
    if "scale" in found:
        parts += ["## A slot that becomes free", *_scale(found["scale"])]
    if "rounds" in found:
        parts += ["## One round of admission", *_round_table(found["rounds"])]
    if "storm" in found:
        parts += ["## Many at once", *_storm(found["storm"])]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _scale(figures: Figures) -> list[str]:
    lines = [
        [
            f"{each['waiting']:,}", f"{each['p50_ms']:.0f}", f"{each['p99_ms']:.0f}", f"{each['longest_ms']:.0f}",
            f"{each['cpu_ms']:.1f}", f"{each['writes']:.1f}", f"{each['resident_mib']:.0f}",
        ]
        for each in figures["stages"]
    ]  # fmt: skip
    first, last = figures["stages"][0], figures["stages"][-1]
    more = max(last["waiting"] - first["waiting"], 1)
    per_job = (last["resident_mib"] - first["resident_mib"]) * 1024 / more
    told = f"A waiting job costs {per_job:.1f} KiB of memory."
    if restart := figures.get("restart"):
        told += (
            f" With {figures['running'] + last['waiting']:,} BatchJobs a restart takes {restart['seconds']:.0f} s and"
            f" {restart['cpu_seconds']:.0f} s of CPU, writes {restart['writes']} times, and {restart['resident_mib']:.0f} MiB are"
            " resident then."
        )
    return [
        f"{figures['running']:,} BatchJobs run. One Job after the other, {figures['slots']} of them, is said to be complete; the"
        " time is from the API server's answer until a watch shows the Job of whoever was admitted in its place. In between lie"
        " the end in one status, the admission in another, and the Job." + _provenance(figures),
        table(
            [
                "waiting",
                "p50 ms",
                "p99 ms",
                "longest ms",
                "CPU ms per slot",
                "writes per slot",
                "resident MiB",
            ],
            lines,
        ),
        told,
    ]


def _round_table(figures: Figures) -> list[str]:
    lines = [
        [f"{waiting:,}", f"{shares}", f"{p50:.3f}", f"{p99:.3f}"]
        for waiting, shares, p50, p99 in figures["by_waiting"]
    ]
    return [
        f"One job ends and the round that follows admits another, {figures['rounds']:,} times, in one process and without a"
        f" cluster; {RUNNING:,} run. With shares, the queue divides by them." + _provenance(figures),
        table(["waiting", "shares", "p50 ms", "p99 ms"], lines),
    ]


def _storm(figures: Figures) -> list[str]:
    count = figures["count"]
    names = {
        "nobody": "BatchJobs, and no operator runs: what the API server takes",
        "queue": "BatchJobs into a queue, until each is told where it stands",
        "submit": "BatchJobs without a queue, until each has its Job and says so",
        "plain": "Jobs, and kube-controller-manager runs (500 requests a second): until each has its pod and says so",
    }
    lines = [
        [
            what, f"{figures[name]['submitted_seconds']:.1f}", f"{count / figures[name]['submitted_seconds']:.0f}",
            f"{figures[name]['seconds']:.1f}", f"{count / figures[name]['seconds']:.0f}",
        ]
        for name, what in names.items()
    ]  # fmt: skip
    return [
        f"{count:,} objects from a Go client, 16 requests at once." + _provenance(figures),
        table(["what", "submitted after s", "per s", "done after s", "per s"], lines),
    ]


def _provenance(figures: Figures) -> str:
    return f" At commit {figures['commit']}; the rest of the machine used {figures['others']:.1f} of a CPU meanwhile."


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.queue", description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), help="default: all")
    parser.add_argument("--running", type=int, default=RUNNING, help="BatchJobs that run")
    parser.add_argument("--stages", type=int, nargs="+", default=list(STAGES), help="BatchJobs that wait")
    parser.add_argument("--storm", type=int, default=STORM, help="objects that are submitted at once")
    parser.add_argument("--slots", type=int, default=SLOTS, help="slots that become free at each stage")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"parts are {', '.join(PARTS)}, not {', '.join(unknown)}")
    return options


if __name__ == "__main__":
    main()
