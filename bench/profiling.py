"""Where Longshore's CPU goes while it creates: stacks sampled by py-spy, summed by what they are about."""

# ruff: noqa: S603 - our own programs

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bench.contestants import CONTESTANTS
from bench.driving import course

SAMPLES_PER_SECOND = 200
PARTS = {
    "comparing with what is there": r"longshore/cluster/diff\.py",
    "hashing what is wanted": r"^content_hash ",
    "caches and watches": r"longshore/cluster/(store|informer)\.py|^_event ",
    "deciding and building": r"longshore/(webapp|batchjob|workload|api)/|^(validate|dump).*pydantic",
    "HTTP in Python (aiohttp)": r"aiohttp/|yarl/|multidict|async_timeout",
    "event loop, sockets and TLS (uvloop, ssl)": r"\((asyncio|ssl\.py|uvloop)",
    "metrics": r"prometheus_client/|telemetry/",
    "requests and applying": r"longshore/cluster/",
    "queue and workers": r"longshore/runtime/",
}
"""The first part whose pattern is in the innermost frame that any pattern is in."""


def profile(size: int) -> dict[str, float]:
    """Share of the samples by part, from one create storm of so many WebApps. Takes py-spy."""
    with course(CONTESTANTS["longshore"], size, 1, 15) as going:
        stacks = going.server.dir / "stacks"
        py_spy = Path(sys.executable).parent / "py-spy"
        command = [str(py_spy), "record", "--rate", str(SAMPLES_PER_SECOND), "--format", "raw"]
        command += ["--output", str(stacks), "--pid", str(going.running.pid), "--duration", "600"]
        sampling = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        going.drive("create", size)
        sampling.send_signal(signal.SIGINT)
        sampling.wait(30)
        return shares(stacks.read_text().splitlines())


def shares(lines: Iterable[str]) -> dict[str, float]:
    """Share by part of stacks in py-spy's raw format: frames from the outermost on, then how often."""
    counts: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        counts[_part(stack.split(";"))] += int(count)
    total = sum(counts.values())
    return {part: round(count / total, 3) for part, count in counts.most_common()}


def _part(frames: list[str]) -> str:
    for frame in reversed(frames):
        for part, pattern in PARTS.items():
            if re.search(pattern, frame):
                return part
    return "else"
