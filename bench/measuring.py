"""What a process has used so far, from /proc, and what it asked of the API server, from the audit log."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import audit

_TICKS = os.sysconf("SC_CLK_TCK")
QUIET_SHARE = 0.04
"""A process that uses less of one CPU than this has settled."""
QUIET_SECONDS = 1.5


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_mib(pid: int) -> float:
    """The most memory that was resident at once, in MiB."""
    return _memory(pid, "VmHWM")


def resident_mib(pid: int) -> float:
    """Memory that is resident now, in MiB."""
    return _memory(pid, "VmRSS")


@dataclass(frozen=True, slots=True)
class Machine:
    """CPU seconds so far: of everything, and of this process with all that it started."""

    busy: float
    own: float
    at: float

    @classmethod
    def now(cls) -> Machine:
        fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        busy = sum(fields) - fields[3] - fields[4]
        return cls(busy / _TICKS, _own_cpu_seconds(), time.monotonic())

    def others_share(self) -> float:
        """How much of one CPU processes that aren't ours have used since then: they make a measurement doubtful."""
        now = Machine.now()
        return max((now.busy - self.busy) - (now.own - self.own), 0.0) / max(now.at - self.at, 0.001)


def _own_cpu_seconds() -> float:
    parents, used = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
        used[int(folder.name)] = sum(map(int, fields[11:15])) / _TICKS
    return sum(spent for pid, spent in used.items() if _descends(pid, parents))


def _descends(pid: int, parents: dict[int, int]) -> bool:
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = parents.get(pid, 0)
    return False


def wait_until_quiet(pid: int, longest_seconds: float) -> float:
    """Waits until the process has next to nothing to do; the moment (monotonic) at which that began."""
    deadline = time.monotonic() + longest_seconds
    since, used = time.monotonic(), cpu_seconds(pid)
    while time.monotonic() < deadline:
        time.sleep(0.1)
        span, more = time.monotonic() - since, cpu_seconds(pid) - used
        if more > max(QUIET_SHARE * span, 2 / _TICKS):
            since, used = time.monotonic(), cpu_seconds(pid)
        elif span >= QUIET_SECONDS:
            break
    return since


def requests(log: Path, offset: int, user: str) -> Counter[str]:
    """How often a user asked for what since the offset: "verb resource", leader election left out."""
    return Counter(
        f"{each.verb} {each.resource}{'/' + each.subresource if each.subresource else ''}"
        for each in audit.read(log, offset)
        if each.user == user and each.resource != "leases"
    )


def writes(counted: dict[str, int]) -> int:
    """How many of these requests write."""
    return sum(count for name, count in counted.items() if name.split()[0] in audit.WRITES)


def _memory(pid: int, field: str) -> float:
    found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0
